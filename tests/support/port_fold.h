/*
 * A reader of the ports: what GET /snapshot told, and over it the port records of a stream, one after the other. It has the leases, the listeners and the
 * findings of each port, as the last record about it told them.
 */
#ifndef TESTS_SUPPORT_PORT_FOLD_H
#define TESTS_SUPPORT_PORT_FOLD_H

#include "tests/support/event_stream.h"

struct port_fold {
    cJSON *
        ports; /* an object: {"8001": {"lease", "listeners", "findings"}}; those of which nothing is shown are not in it */
    char run[32];
    uint64_t version; /* of the snapshot, or of the last record */
    unsigned n_records;
};

/* For CLEANUP(port_fold_deinit). */
void port_fold_deinit(struct port_fold *fold);

/* Takes a snapshot. Ends the test if the parts of it are not in order. */
struct port_fold port_fold_take(const struct caller *caller);

/* Opens a stream that goes on from the fold, and takes its first event. */
struct event_stream port_fold_follow(const struct caller *caller, const struct port_fold *fold);

/* Folds one record in, which must follow the one before. */
void port_fold_add(struct port_fold *fold, const struct stream_event *event);

/* Reads the stream, folding, until it has this version or one behind it. */
void port_fold_read(struct port_fold *fold, struct event_stream *stream, uint64_t version);

/* Takes out of a port's leases what only counts: expires_in_seconds, and last_heartbeat where a listener renews it. */
void port_fold_strip(cJSON *port);

/* All of it as text, without that; the caller's to free. */
char *port_fold_text(const struct port_fold *fold);

/* Reads the stream and takes snapshots until both have one version, and ends the test if they then differ. */
void port_fold_expect_snapshot(struct port_fold *fold, struct event_stream *stream, const struct caller *caller);

#endif
