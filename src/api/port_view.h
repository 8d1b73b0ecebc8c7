/*
 * A port as it is now, all that is shown of it: its lease, its listeners, its findings. As a value, as JSON, and as a number by which it is told
 * whether what is shown has changed.
 */
#ifndef SRC_API_PORT_VIEW_H
#define SRC_API_PORT_VIEW_H

#include "src/api/api.h"

/* All borrowed until the next reading, or the next change of the registry. */
struct port_view {
    uint16_t port;
    const struct snapshot *snapshot;
    const struct lease *lease;        /* NULL: none */
    const struct sighting *sightings; /* of the snapshot, as many as */
    size_t n_sightings;
    const struct finding *findings;
    size_t n_findings;
};

/* The port by the last reading. */
struct port_view port_view_find(const struct api *api, uint16_t port);

/* Adds "lease" (or null), "listeners" and "findings" to the object, as docs/api.md describes them, and no more than this caller may see. */
void port_view_add_to(cJSON *json, struct api *api, const struct api_caller *caller, const struct port_view *view);

/* What the digests of one comparison share: the time, and what was found out about processes, for a server with ten thousand listeners is one process. Valid
 * as long as the reading. */
#define PORT_DIGEST_PROCESSES 256
struct port_digest_pass {
    struct clock_reading now;
    uint64_t seed; /* the same for all that are compared with each other */
    struct {
        const struct process_info *process;
        uint64_t digest;
    } processes[PORT_DIGEST_PROCESSES]; /* all zero at the beginning */
};

/*
 * The digest of all that port_view_add_to() shows to whomever, but for what only counts: expires_in_seconds, and the last_heartbeat of a lease whose own
 * listener renews it every second (when that is told as an event it is in the digest). 0 if there is nothing to show.
 */
uint64_t port_view_digest(struct api *api, const struct port_view *view, struct port_digest_pass *pass);

#endif
