/*
 * What the registry's files share. restore.c (the start), grant.c (with draft.c), claim.c and turn.c (the background work) use observe.c (what the kernel shows),
 * which uses evidence.c and parties.c (whose it is); all use kin.c (whom the holders brought), holder.c (whom a lease belongs to) and registry.c
 * (finding and changing leases).
 */
#ifndef SRC_LEASE_REGISTRY_PRIVATE_H
#define SRC_LEASE_REGISTRY_PRIVATE_H

#include "src/lease/kin.h"
#include "src/lease/registry.h"

/* After a restart, and after a stall of the loop, nothing runs out of TTL for so long: its clients must first have a chance to
 * be heard. */
#define GRACE_MS UINT64_C(30000)

struct registry {
    struct registry_config config;
    struct store *store;
    struct lease_table leases;
    struct sticky_table sticky;
    uint16_t cursor;
    uint64_t next_id;
    int holders_fd;
    int due_fd; /* an eventfd in it: readable from when a lease may have ended until the next turn */
    uint64_t last_turn_ms;
    uint64_t no_expiry_before_ms;
    uint64_t *undeleted; /* ids of released leases that the database still has, because it could not be written */
    size_t n_undeleted;
    size_t undeleted_capacity;
    bool store_failing; /* said once in the log, not for every lease */
    struct event_sink sink;
    struct kin_index kin;
    uint64_t
        revision; /* raised when a lease, a holder, kin or a judgement comes or goes: then sights must be taken anew */
    uint64_t seen_revision; /* of that, at the last observation */
    uint64_t seen_snapshot; /* the snapshot's, then */
    bool seen;
};

/* True if the new descriptor leaves enough for those who call. */
bool registry_has_room_for(int fd);

/* Notes the cgroup of the lease's holder, if being in it is evidence. */
void registry_note_cgroup(struct lease *lease);

/* Its holder has ended. If the lease was there before, it has none again, and its TTL counts from now. */
void registry_part_from_holder(struct registry *registry, struct lease *lease);

/* Notes whether the lease's asker is the parent of its living holder. */
void registry_note_parent(struct lease *lease);

/* The lease or what is known about it has changed: the next observation looks at everything anew. */
static inline void registry_touch(struct registry *registry) {
    registry->revision++;
    registry->kin.stale = true;
}

/* registry_observe() by a reading of this very moment: for what must not be decided by an older one. */
int registry_observe_now(struct registry *registry, uint16_t port, struct listener_list *ret_listeners);

/* Adds those who listen on `port` (0: on any), by the snapshot as it is. */
void registry_list_listeners(const struct registry *registry, uint16_t port, struct listener_list *listeners);

/* Tells what has happened to the lease; `reason` is a sentence, or NULL. */
void registry_tell(struct registry *registry, enum event_kind kind, struct lease *lease, const char *reason);

/* Has the end of this holder told to `lease`, until the pidfd is closed. Returns 0 or -errno. */
int registry_watch_holder(struct registry *registry, int pidfd, struct lease *lease);

/* Ends the lease; `kind` is its last event, EVENT_LEASE_RELEASED or EVENT_LEASE_EXPIRED, and `reason` a sentence. */
void registry_end(struct registry *registry, struct lease *lease, enum event_kind kind, const char *reason);

/* Writes one changed lease, or notes that it is still to be written. */
void registry_save(struct registry *registry, struct lease *lease);

#endif
