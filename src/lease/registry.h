/*
 * The registry: the one place where leases change. It owns the table, the sticky ports and the database, and keeps them in
 * step: what is granted was stored before it was true, what is released is true at once and stored as soon as it can be.
 *
 * It runs on the loop's thread and never waits, but for the database's commit and the kernel's answer to a look-up. Lease
 * pointers that it hands out are borrowed and valid until the next call that is not a find.
 */
#ifndef SRC_LEASE_REGISTRY_H
#define SRC_LEASE_REGISTRY_H

#include "probe/snapshot.h"
#include "src/base/clock.h"
#include "src/event/event.h"
#include "src/lease/allocator.h"
#include "src/lease/lease.h"
#include "src/lease/store.h"

struct registry;

/* The kernel's listeners: probe/watch.h, or a test's own. */
struct snapshot_source {
    /* Reads now; unless `strictly`, a reading of a moment ago may do where readings are dear. Returns 0, SOCK_DIAG_E_INTERRUPTED if the snapshot
     * may lack some, or -errno. */
    int (*read)(void *context, bool strictly);
    /* The snapshot; borrowed until the next reading. */
    const struct snapshot *(*get)(void *context);
    void *context;
};

struct registry_config {
    const char *db_path;
    uid_t uid; /* portd's own: imported leases become its */
    const struct port_rules *rules;
    struct port_prober prober;
    struct snapshot_source listeners;
    struct clock clock;
    uint64_t
        first_id; /* of a fresh database. Another for each, so that who holds a lease of one that is lost is not taken for the
                          holder of a new lease with the same number; 0: 1 */
};

/*
 * Opens the database and restores its leases. In the same boot they keep their deadlines, with at least 30 s of grace, and
 * their holders are recognised again; after a reboot leases with a holder have ended, the others, and those that outlast their holder, get a
 * fresh TTL.
 * `config` is copied; what it points to must outlive the registry. Returns 0, STORE_E_LOCKED or STORE_E_FAILED (see
 * ret_opening), or -errno.
 */
int registry_new(const struct registry_config *config, struct registry **ret_registry,
                 struct store_opening *ret_opening);

/* Closes all. NULL is allowed; returns NULL. */
struct registry *registry_free(struct registry *registry);

struct grant_request {
    struct lease_key key;
    uint16_t exact;
    uint16_t prefer[LEASE_COUNT_MAX]; /* for the first port, the second, ...; of a reused one it is not looked at */
    bool sticky_first;                /* the preferred port is a default: choice_request */
    unsigned count;                   /* 1..LEASE_COUNT_MAX */
    bool
        reuse; /* the live leases of this key in the slots from 0 on, of which only those that are missing are new; one port is the lowest slot that lives */
    bool
        reuse_held; /* with `reuse` and without `holder`: those that a living holder has, too; they keep it and from now on outlast it */
    bool privileged;
    const uint64_t *ttl_seconds; /* 1..LEASE_TTL_MAX; NULL: the default, or what a reused lease has */
    const char *const *tags;     /* NULL: none, or what a reused lease has */
    size_t n_tags;
    pid_t holder; /* 0: none; else a living process of key.uid, which the registry pins */
    pid_t
        asker; /* 0: not known; else the process on whose behalf it is asked: what descends from it and listens is the lease's */
};

struct grant {
    const struct lease *leases[LEASE_COUNT_MAX]; /* by slot, the lowest first */
    bool is_new[LEASE_COUNT_MAX];                /* of each of `leases`: it was not there before */
    size_t n_leases;
    size_t n_reused;            /* those that are not */
    struct choice choice;       /* notes, and on a refusal its evidence and counts */
    const struct lease *in_way; /* ALLOC_E_LEASED, GRANT_E_HELD, and ALLOC_E_TAKEN of a lease to be reused */
};

/* Frees what the grant owns (not the leases). */
void grant_deinit(struct grant *grant);

/*
 * Grants `count` leases, all or none. `ret_grant` must be all zero; grant_deinit() it whatever the answer. Returns 0; what
 * allocator_choose() returns (ALLOC_E_...); -errno; or
 *   GRANT_E_HELD        reuse without `reuse_held`: the lease has another living holder (`in_way`),
 *   GRANT_E_HOLDER      the holder is no living process,
 *   GRANT_E_HOLDER_UID  the holder is another uid's,
 *   GRANT_E_NOT_STORED  the database could not be written (registry_reason()); nothing was granted.
 * With `reuse`, a port that another uid has taken meanwhile is ALLOC_E_TAKEN. A lease without a holder that gets one by `reuse` outlasts it: when that
 * holder ends, it has none again, and its TTL counts from then.
 */
enum {
    GRANT_E_HELD = 32,
    GRANT_E_HOLDER,
    GRANT_E_HOLDER_UID,
    GRANT_E_NOT_STORED,
};
int registry_grant(struct registry *registry, const struct grant_request *request, struct grant *ret_grant);

/*
 * Grants all that several requests ask for, at most GRANT_PORTS_MAX ports, or nothing; no two may have the same key, or the same
 * exact port. What one gets is taken for all others. `ret_grants` has one for each, as registry_grant() wants it. Returns as that
 * does, and then *ret_at is the index of the request that is refused, or n_requests if it is about no particular one.
 */
#define GRANT_REQUESTS_MAX 64
#define GRANT_PORTS_MAX    256
int registry_grant_all(struct registry *registry, const struct grant_request *requests, size_t n_requests,
                       struct grant *ret_grants, size_t *ret_at);

/*
 * Makes a lease for what listens on `port` already, or, where the port is leased, confirms that its listeners are that lease's. `key` is for the new
 * lease: its uid is the listener's; of a leased port it is not looked at. `pid`: only the listeners that this process has open; 0: all. Who may is the caller's business. Returns 0 and *ret_lease;
 *   CLAIM_E_NOT_LISTENING  nobody listens there (of that pid) by the snapshot as it is: who may claim what is in it was checked by the
 *                          caller, so nothing is read in between,
 *   GRANT_E_NOT_STORED     the database could not be written; nothing has changed,
 *   -errno.
 */
enum {
    CLAIM_E_NOT_LISTENING = 64,
    CLAIM_E_HOLDER,
};
int registry_claim(struct registry *registry, uint16_t port, pid_t pid, const struct lease_key *key, bool *ret_created,
                   struct lease **ret_lease);

/* Makes squatters of the listeners on the lease's port. Returns as registry_claim() does, or CLAIM_E_HOLDER if all of them are the lease's holder's, or
 * its descendants'. */
int registry_disown(struct registry *registry, struct lease *lease, pid_t pid);

/* From now on `sink` is told what happens to leases. It is copied; what it points to must outlive the registry, or be taken away by an all-zero
 * sink. Not a part of the configuration, because who keeps events keeps them in the registry's database. */
void registry_set_sink(struct registry *registry, struct event_sink sink);

/* The database, for those who keep other things in it. The registry's own. */
struct store *registry_store(struct registry *registry);

/* Why the database failed last. */
const char *registry_reason(const struct registry *registry);

/* NULL if there is none. */
struct lease *registry_find_port(struct registry *registry, uint16_t port);
struct lease *registry_find_id(struct registry *registry, uint64_t id);

/* The service that had the port last, leased or not; the texts are borrowed until the next change. False: none that is known. */
bool registry_find_last(const struct registry *registry, uint16_t port, struct lease_key *ret_key);

/* All leases, lowest id first. */
struct lease *const *registry_leases(const struct registry *registry, size_t *ret_n_leases);

/* Renews the lease: its TTL counts anew from now. */
void registry_renew(struct registry *registry, struct lease *lease);

/* Ends the lease and frees it; its port starts its cool-down. */
void registry_release(struct registry *registry, struct lease *lease);

/* Ends the lease unless something of its own listens, or its holder lives, or has left processes that may be about to listen, or it was there before its
 * holder. Returns true if it has ended. */
bool registry_release_idle(struct registry *registry, struct lease *lease);

/* Reads the kernel's listeners (what was read a moment ago may do where there are thousands) and brings every lease's sight up to date; ends nothing. If `ret_listeners` is not NULL it
 * gains those on `port` (0: all). Returns 0, SOCK_DIAG_E_INTERRUPTED or -errno. */
int registry_observe(struct registry *registry, uint16_t port, struct listener_list *ret_listeners);

/* The same with the snapshot as it is: nothing is read. */
void registry_look(struct registry *registry);

/* The snapshot that the last observation saw. Borrowed until the next one. */
const struct snapshot *registry_snapshot(const struct registry *registry);

/* Raised whenever a lease, a holder, its kin or a judgement comes or goes: what was made from them must then be made anew. */
uint64_t registry_revision(const struct registry *registry);

/* Looks for new descendants of the holders and pins them. To be called at every reading. */
void registry_follow(struct registry *registry);

/* To be called when registry_holders_fd() is readable: unpins what has ended. Returns true if a lease may end by it, and
 * a turn is due now; the descriptor stays readable until that. */
bool registry_hear_holders(struct registry *registry);

/*
 * One turn of the background work: observes, renews what its own listener keeps, ends what nothing keeps any more, and
 * writes what the database still lacks. To be called once a second and when registry_hear_holders() says so.
 */
void registry_turn(struct registry *registry);

/* An epoll descriptor that becomes readable when a holder, or one of its kin, has ended. The registry's own; valid until it is freed. */
int registry_holders_fd(const struct registry *registry);

#endif
