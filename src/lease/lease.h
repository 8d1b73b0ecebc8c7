/*
 * A lease: a port granted to a service name. The value and the rules about its fields; who may have which port is the
 * allocator's business, and all changes go through the registry.
 *
 *     granted ──> pending ──> bound ──> silent ──> (bound again)
 *                    │          │          │
 *                    ├──────────┴──────────┴──> conflict: somebody else's listener is there, or two parties share the port
 *                    └──> elsewhere: its holder listens, on another port
 *     ended by: release; its TTL; the end of its holder process and of its last listener, unless it was there before its holder
 *
 * The state is never stored: it is derived from what the kernel showed last (struct lease_sight) and from whether its own
 * listener was ever seen.
 */
#ifndef SRC_LEASE_LEASE_H
#define SRC_LEASE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/process.h"

#define LEASE_NAME_MAX    128 /* bytes of UTF-8 */
#define LEASE_PROJECT_MAX 4096
#define LEASE_TAGS_MAX    32
#define LEASE_TAG_MAX     64 /* bytes of UTF-8 */
#define LEASE_TTL_DEFAULT 300
#define LEASE_TTL_MAX     UINT64_C(2592000) /* 30 days */
#define LEASE_COUNT_MAX   64                /* ports in one grant */

enum lease_state {
    LEASE_PENDING,   /* granted, nothing listens yet */
    LEASE_BOUND,     /* its own listener is there */
    LEASE_ELSEWHERE, /* its holder listens, but on another port */
    LEASE_CONFLICT,  /* somebody else's listener is there, or two parties share the port */
    LEASE_SILENT,    /* was bound, the socket is gone */
};

/* What keeps a lease alive now. */
enum lease_keeper {
    LEASE_KEPT_BY_HOLDER,   /* its process lives, or has just ended and left others that may be about to listen */
    LEASE_KEPT_BY_LISTENER, /* its own socket listens */
    LEASE_KEPT_BY_TTL,      /* neither: it ends at its deadline */
};

/* What the last look at the kernel's listeners showed on the lease's port. */
struct lease_sight {
    bool own;           /* a listener that counts as the lease's */
    bool confirmed;     /* and surely is; see evidence.h */
    bool foreign;       /* a listener that is somebody else's */
    bool shared;        /* two parties listen */
    bool split;         /* and one has IPv4, the other IPv6 */
    bool unresolved;    /* whose a listener is has not been looked for yet */
    uint16_t elsewhere; /* its holder listens there and not on the lease's port; 0: no */
};

/* A process of the holder's: a descendant, pinned. */
struct lease_kin {
    struct process_id id;
    int pidfd; /* owned */
};

/* What was once found out, or said by a person, about whose a listener is. It is about this socket, and about this process whatever it
 * listens with. */
enum judgement_kind { JUDGED_RECOGNISED, JUDGED_CLAIMED, JUDGED_DISOWNED };

struct judgement {
    enum judgement_kind kind;
    uint32_t inode;            /* 0: about the process alone */
    struct process_id process; /* pid 0: its owner is hidden */
};

#define LEASE_KIN_MAX        256
#define LEASE_JUDGEMENTS_MAX 64

/* The key by which a name gets its old port again. Borrowed strings; project is "" where there is none. */
struct lease_key {
    uid_t uid;
    const char *project;
    const char *service_name;
};

struct lease {
    uint64_t id; /* grows with every grant, never used twice */
    uint16_t port;
    char *service_name;
    char *project; /* "" where there is none */
    uid_t uid;
    unsigned slot; /* 0 for the first lease of its key that lives, 1 for a second one beside it, ...; see sticky.h */
    char **tags;
    size_t n_tags;
    int64_t allocated_at;   /* unix ms, for showing */
    int64_t last_heartbeat; /* unix ms, for showing */
    uint64_t ttl_seconds;
    uint64_t deadline;        /* monotonic ms */
    uint64_t saved_deadline;  /* what the database has */
    uint64_t told_deadline;   /* until when it lives, by the last event about it */
    struct process_id holder; /* pid 0: none, the lease belongs to its uid */
    int holder_pidfd;         /* -1: no holder, or it has ended */
    uint64_t holder_ended_ms; /* monotonic; 0: it lives. Of one that ended while portd was away, when portd came back */
    bool outlasts_holder; /* it was there without a holder before: it goes back to its TTL when the holder has ended */
    char *holder_cgroup;  /* the holder's, if being in it is evidence (cgroup.h); owned; NULL: it is not */
    struct process_id asker; /* the process on whose behalf it was asked for; pid 0: not known */
    bool asker_is_parent;    /* of the holder: so what the asker adopts is the holder's */
    struct lease_kin *kin;   /* owned */
    size_t n_kin;
    bool bereft; /* holder and kin have all ended, and whom they left behind has not been looked for since */
    struct judgement *judgements; /* owned */
    size_t n_judgements;
    uint64_t granted_generation; /* of the snapshot before the grant; 0: it was granted before portd was started */
    struct lease_sight sight;
    bool was_bound; /* its own listener has been seen */
    bool unsaved;   /* changed in memory, and the database could not be written yet */
    bool judgements_unsaved;
};

/* An empty lease with no holder. Returns NULL when memory is short. */
struct lease *lease_new(void);

/* Closes the holder's pidfd and frees all. NULL is allowed; returns NULL. */
struct lease *lease_free(struct lease *lease);

/* Replaces the texts by copies. Return 0 or -ENOMEM (then nothing has changed). */
int lease_set_key(struct lease *lease, const struct lease_key *key);
int lease_set_tags(struct lease *lease, const char *const *tags, size_t n_tags);

/* Takes over the pidfd. Returns 0, -ENOMEM, or -E2BIG beyond LEASE_KIN_MAX; then the pidfd is closed. */
int lease_add_kin(struct lease *lease, const struct process_id *id, int pidfd);

/* Unpins the holder and the kin that have ended; of the holder, `now_ms` (monotonic) is noted as the time. */
void lease_reap(struct lease *lease, uint64_t now_ms);

/* Unpins all. */
void lease_clear_kin(struct lease *lease);

/* Adds a judgement, or replaces the one about this socket and process. It is the newest then. Beyond LEASE_JUDGEMENTS_MAX the oldest
 * that was recognised goes, and if there is none the oldest. Returns 0 or -ENOMEM (then nothing has changed). */
int lease_judge(struct lease *lease, const struct judgement *judgement);

/* Forgets all of them. */
void lease_clear_judgements(struct lease *lease);

/* The judgement about a socket or about a process, or NULL. */
const struct judgement *lease_find_judgement(const struct lease *lease, uint32_t inode,
                                             const struct process_id *process);

struct lease_key lease_get_key(const struct lease *lease);
bool lease_key_equal(const struct lease_key *a, const struct lease_key *b);

/* Derived, from the last sight. */
enum lease_state lease_state(const struct lease *lease);
enum lease_keeper lease_keeper(const struct lease *lease);

/* The API's words. Static. */
const char *lease_state_name(enum lease_state state);
const char *lease_keeper_name(enum lease_keeper keeper);

/* The rule for service names; NULL if `name` keeps it, else a sentence's end: "must ...". Static. */
const char *lease_check_name(const char *name);
/* The same for one tag, and for a project directory. */
const char *lease_check_tag(const char *tag);
const char *lease_check_project(const char *project);

#endif
