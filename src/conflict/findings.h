/*
 * Findings: where the kernel and the leases disagree. Squatters are all of them; conflicts are those on a leased port.
 *
 *     unleased   somebody listens in the managed range without a lease
 *     taken      somebody else listens on a leased port
 *     split      IPv4 and IPv6 of a leased port are two parties': "localhost" reaches one or the other
 *     shared     two parties listen on one address of a leased port (SO_REUSEPORT): connections go to either
 *     inactive   somebody has bound a port of the range, or a leased one, and does not listen
 *
 * portd's own sockets are none of these. A finding begins when it is first seen and ends when it is no longer; both are events.
 */
#ifndef SRC_CONFLICT_FINDINGS_H
#define SRC_CONFLICT_FINDINGS_H

#include "probe/snapshot.h"
#include "src/base/clock.h"
#include "src/event/event.h"
#include "src/lease/registry.h"

enum finding_kind { FINDING_UNLEASED, FINDING_TAKEN, FINDING_SPLIT, FINDING_SHARED, FINDING_INACTIVE, N_FINDING_KINDS };

#define FINDING_SOCKETS_MAX 8
#define FINDING_PROCESS_MAX 16

struct finding {
    enum finding_kind kind;
    uint16_t port;
    uint64_t lease_id;                    /* the lease that it hurts; 0: none */
    int64_t since_unix_ms;                /* since when it is one */
    bool since_start;                     /* its listeners were there when portd started: it may be older */
    uint32_t inodes[FINDING_SOCKETS_MAX]; /* of the sockets that it is about, the squatter's first; see snapshot.h */
    size_t n_inodes;
    /* The squatter, as it was when it was seen: for the event of its end. */
    uid_t uid;
    pid_t pid; /* 0: hidden */
    char process[FINDING_PROCESS_MAX];
    bool told; /* its beginning has been told */
};

struct findings {
    struct finding *items; /* by port */
    size_t n_items;
    uint64_t revision;      /* raised when they change */
    uint64_t seen_snapshot; /* of what they were made from: if neither has changed, nor is one untold, they stand */
    uint64_t seen_registry;
    bool settled;
};

/* Frees all. An all-zero struct has none. */
void findings_deinit(struct findings *findings);

/*
 * Brings the findings up to date with the snapshot and the leases. Those that are new keep their begin; `sink` is told of each that appeared,
 * once its owners have been looked for, and of each that left. An incomplete snapshot ends nothing. Returns 0 or -ENOMEM (nothing has changed).
 */
int findings_update(struct findings *findings, const struct snapshot *snapshot, struct registry *registry,
                    const struct port_rules *rules, struct clock_reading now, const struct event_sink *sink);

/* The findings of a port, which stand together; borrowed until the next update. NULL and 0 if there are none. */
const struct finding *findings_of_port(const struct findings *findings, uint16_t port, size_t *ret_n_found);

/* Taken, split and shared are conflicts; all are squatters. */
bool finding_is_conflict(enum finding_kind kind);

/* "unleased". Static. */
const char *finding_kind_name(enum finding_kind kind);

/* The sighting of the finding's socket `index`, or NULL if it is no longer there. */
const struct sighting *finding_sighting(const struct finding *finding, size_t index, const struct snapshot *snapshot);

#endif
