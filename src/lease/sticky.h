/*
 * What ports remember: whose each one last was, and when it was released.
 *
 * A name gets its old port again (sticky ports), others get that port last, and for 15 s after a release nobody else gets
 * it unasked (the cool-down): clients of the old service may still be calling. A name with several leases at once keeps
 * one port a slot: the first lease of the key that lives has slot 0, one beside it slot 1, so PORT and HMR_PORT keep
 * theirs. A port is sticky for one key only, the last that had it; so there are never more entries than ports.
 */
#ifndef SRC_LEASE_STICKY_H
#define SRC_LEASE_STICKY_H

#include "src/lease/lease.h"

#define STICKY_COOL_DOWN_MS UINT64_C(15000)

struct sticky {
    uint16_t port;
    unsigned slot;
    uid_t uid;
    char *project;
    char *service_name;
};

struct sticky_table {
    struct sticky **by_port; /* 65,536 entries, NULL where no key had the port */
    size_t first;            /* from here to before `end` stand all that are not NULL */
    size_t end;
    uint64_t *released_at; /* 65,536 entries, monotonic ms; 0: not released since the daemon started */
};

/* Returns 0 or -ENOMEM. */
int sticky_table_init(struct sticky_table *table);
void sticky_table_deinit(struct sticky_table *table);

/* Remembers that `key` has `port` in `slot`; forgets the port it had there before, and who had this port before. Returns
 * 0, or -ENOMEM with nothing changed. */
int sticky_table_put(struct sticky_table *table, const struct lease_key *key, unsigned slot, uint16_t port);

/* The port that `key` last had in `slot`, or 0. */
uint16_t sticky_table_find(const struct sticky_table *table, const struct lease_key *key, unsigned slot);

/* True if another key had the port last. */
bool sticky_table_is_others(const struct sticky_table *table, const struct lease_key *key, uint16_t port);

/* Starts the port's cool-down. */
void sticky_table_note_release(struct sticky_table *table, uint16_t port, uint64_t now_ms);

/* Milliseconds until the port's cool-down is over; 0 if it is. */
uint64_t sticky_table_cooling(const struct sticky_table *table, uint16_t port, uint64_t now_ms);

#endif
