/*
 * What the registry's files share. restore.c (the start), grant.c and turn.c (the background work) use registry.c (finding and
 * changing leases) and observe.c (what the kernel shows), and not each other.
 */
#ifndef SRC_LEASE_REGISTRY_PRIVATE_H
#define SRC_LEASE_REGISTRY_PRIVATE_H

#include "src/lease/registry.h"

/* After a restart, and after a stall of the loop, nothing runs out of TTL for so long: its clients must first have a chance to
 * be heard. */
#define GRACE_MS UINT64_C(30000)

struct registry {
    struct registry_config config;
    struct store *store;
    struct event_sink sink;
    struct lease_table leases;
    struct sticky_table sticky;
    uint16_t cursor;
    uint64_t next_id;
    int holders_fd;
    uint64_t last_turn_ms;
    uint64_t no_expiry_before_ms;
    uint64_t *undeleted; /* ids of released leases that the database still has, because it could not be written */
    size_t n_undeleted;
    size_t undeleted_capacity;
    bool store_failing; /* said once in the log, not for every lease */
};

/* Has the end of this holder told to `lease`, until the pidfd is closed. Returns 0 or -errno. */
int registry_watch_holder(struct registry *registry, int pidfd, struct lease *lease);

/* Unpins the holders that have ended. */
void registry_reap_holders(struct registry *registry);

/* Tells what has happened to the lease; `reason` is a sentence, or NULL. */
void registry_tell(struct registry *registry, struct lease *lease, enum event_kind kind, const char *reason);

/* Ends the lease: EVENT_LEASE_RELEASED or EVENT_LEASE_EXPIRED, with the reason as a sentence. */
void registry_end(struct registry *registry, struct lease *lease, enum event_kind kind, const char *reason);

/* Writes one changed lease, or notes that it is still to be written. */
void registry_save(struct registry *registry, struct lease *lease);

#endif
