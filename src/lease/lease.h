/*
 * A lease: a port granted to a service name. The value and the rules about its fields; who may have which port is the
 * allocator's business, and all changes go through the registry.
 *
 *     granted ──> pending ──> bound ──> silent ──> (bound again)
 *                    │          │          │
 *                    └──────────┴──────────┴──> conflict: somebody else's listener is there
 *     ended by: release; its TTL; the end of its holder process and of its last listener
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
    LEASE_KEPT_BY_HOLDER,   /* its process lives */
    LEASE_KEPT_BY_LISTENER, /* its own socket listens */
    LEASE_KEPT_BY_TTL,      /* neither: it ends at its deadline */
};

/* What the last look at the kernel's listeners showed on the lease's port. */
struct lease_sight {
    bool own;           /* a listener that counts as the lease's */
    bool foreign;       /* a listener of another uid */
    uint16_t elsewhere; /* the port that its holder listens on instead; 0: none */
    bool shared;        /* two parties listen on the port */
    bool confirmed;     /* of `own`: better is known than that it may be */
};

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
    struct process_id holder; /* pid 0: none, the lease belongs to its uid */
    int holder_pidfd;         /* -1: no holder, or it has ended */
    struct lease_sight sight;
    bool was_bound; /* its own listener has been seen */
    bool unsaved;   /* changed in memory, and the database could not be written yet */
};

/* An empty lease with no holder. Returns NULL when memory is short. */
struct lease *lease_new(void);

/* Closes the holder's pidfd and frees all. NULL is allowed; returns NULL. */
struct lease *lease_free(struct lease *lease);

/* Replaces the texts by copies. Return 0 or -ENOMEM (then nothing has changed). */
int lease_set_key(struct lease *lease, const struct lease_key *key);
int lease_set_tags(struct lease *lease, const char *const *tags, size_t n_tags);

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
