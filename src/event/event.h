/*
 * Events: what happened to leases, listeners, squatters and conflicts. What happened is told once, as a fact; the journal
 * (journal.h) numbers it, keeps it and hands it to those who listen.
 */
#ifndef SRC_EVENT_EVENT_H
#define SRC_EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum event_kind {
    EVENT_LEASE_GRANTED,
    EVENT_LEASE_RENEWED,
    EVENT_LEASE_RELEASED, /* by a caller, or because its holder and its last listener are gone */
    EVENT_LEASE_EXPIRED,  /* its time ran out: reclaimed */
    EVENT_LISTENER_OPENED,
    EVENT_LISTENER_CLOSED,
    EVENT_SQUATTER_APPEARED, /* findings unleased, taken, inactive */
    EVENT_SQUATTER_LEFT,
    EVENT_CONFLICT_APPEARED, /* findings taken, split, shared */
    EVENT_CONFLICT_LEFT,
    N_EVENT_KINDS,
};

/* The first words of the kinds' names. A set of them is a number with bits of 1 << group. */
enum event_group { EVENT_OF_LEASE, EVENT_OF_LISTENER, EVENT_OF_SQUATTER, EVENT_OF_CONFLICT, N_EVENT_GROUPS };

/* What happened. All borrowed; what does not apply is NULL or 0. */
struct event_fact {
    enum event_kind kind;
    uint16_t port;
    const char *service_name; /* the lease's, or that of the lease on the port */
    uint64_t lease_id;
    bool has_uid; /* `uid` is whose it is: the lease's for lease.*, else the socket's */
    uid_t uid;
    pid_t pid;           /* the listener's first owner */
    const char *process; /* and its name */
    const char *address; /* the listener's: "127.0.0.1" */
    uint32_t inode;
    const char *finding; /* squatter.* and conflict.*: "unleased", "taken", "split", "shared", "inactive" */
    const char *reason;  /* a sentence for a person */
};

/* Who is told. A sink without a function (all zero) tells nobody. */
struct event_sink {
    void (*tell)(void *context, const struct event_fact *fact);
    void *context;
};

static inline void event_tell(const struct event_sink *sink, const struct event_fact *fact) {
    if (sink->tell != NULL)
        sink->tell(sink->context, fact);
}

/* "lease.granted". Static. */
const char *event_kind_name(enum event_kind kind);

/* The kind of that name. Returns 0, or -EINVAL if none has it. */
int event_kind_parse(const char *name, enum event_kind *ret_kind);

/* Of "lease.granted": EVENT_OF_LEASE. */
enum event_group event_kind_group(enum event_kind kind);

/* "lease". Static. */
const char *event_group_name(enum event_group group);

#endif
