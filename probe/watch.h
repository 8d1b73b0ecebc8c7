/*
 * The background probe: reads the kernel's listeners all the time, finds out whose they are, and hears at once when one of
 * these processes ends. It knows nothing of leases.
 *
 *     timer ──> reading (sock_diag) ──> snapshot ──> new inodes ──> worker: walk over /proc ──> owners into the snapshot
 *                                                                                               │
 *     end of an owner (pidfd) ──> reading, at once <────────────────────── pinned <─────────────┘
 *
 * All of it runs on the caller's thread but the walks over /proc, which have a thread of their own and talk by messages. The caller
 * has one descriptor to wait for and one time to come back at; there is no loop in here.
 *
 * Its cost is bounded: readings of listeners, readings of bound sockets and walks each have a share of a core (together half a
 * percent), and come later when they would exceed it (budget.h); but listeners are read, and owners looked for, twice a minute at the
 * least, however dear that is.
 */
#ifndef PROBE_WATCH_H
#define PROBE_WATCH_H

#include "probe/snapshot.h"
#include "probe/sock_diag.h"

struct watch;

struct watch_config {
    struct sock_diag *diag; /* borrowed */
    uint64_t listen_ms;     /* between two readings of listeners, at least 10 */
    uint64_t bound_ms;      /* between two readings of bound sockets; 0: they are not read */
    const char *variable;   /* the environment variable that owners are asked for; static; NULL: none */
    size_t max_fds;         /* the bound of one walk */
};

#define WATCH_LISTEN_MS    UINT64_C(250)
#define WATCH_BOUND_MS     UINT64_C(2000)
#define WATCH_HURRY_MS     UINT64_C(100) /* between readings for WATCH_HURRY_FOR_MS after watch_hurry() or a change */
#define WATCH_HURRY_FOR_MS UINT64_C(3000)
#define WATCH_MAX_FDS      ((size_t)1000000)

/* Starts the worker. Reads nothing yet. Returns 0 or -errno. */
int watch_new(const struct watch_config *config, struct watch **ret_watch);

/* Ends the worker (waits for a walk that is under way) and frees all. NULL is allowed; returns NULL. */
struct watch *watch_free(struct watch *watch);

/* Readable when watch_run() has something to do before watch_due_ms(). The watch's own. */
int watch_fd(const struct watch *watch);

/* When watch_run() wants to be called, on CLOCK_MONOTONIC in milliseconds. To be asked after each other call: all of them may bring
 * it forward. */
uint64_t watch_due_ms(const struct watch *watch);

/* Does what is due. Returns 0, or the -errno of a reading that failed: the snapshot has then nothing of it, and is not complete. */
int watch_run(struct watch *watch);

/* Reads the listeners now: the snapshot is then no older than this call. Not paid for out of the budget of watch_run(): the caller
 * has its own reasons. Returns 0, SOCK_DIAG_E_INTERRUPTED or -errno. */
int watch_read(struct watch *watch);

/* The same for callers who come as often as they like. Where readings are dear (WATCH_REFRESH_DEAR_NS of CPU time: some thousand listeners) it does nothing if
 * the last one was complete and is younger than WATCH_REFRESH_TIMES what it has cost: so they take a twentieth of a core at most. */
#define WATCH_REFRESH_DEAR_NS UINT64_C(1000000)
#define WATCH_REFRESH_TIMES   20
int watch_refresh(struct watch *watch);

/* Something has just changed, or is about to: reads more often for a while. */
void watch_hurry(struct watch *watch);

/* Has the owners of all sockets of `port` (0: of every port) looked for anew (a server may have handed its socket on). Returns the walk's number for
 * watch_walks(), which comes also if the sockets have closed meanwhile, or if the walk fails; or 0 if there is nothing on the port. */
uint64_t watch_ask_owners(struct watch *watch, uint16_t port);

/* The number of the last walk that is done. */
uint64_t watch_walks(const struct watch *watch);

/* Borrowed, and valid until the next call of watch_run(), watch_read() or watch_free(). */
const struct snapshot *watch_snapshot(const struct watch *watch);

/* Hands over what has opened and closed since the last call. `ret_changes` must be empty; change_list_deinit() it. */
void watch_take_changes(struct watch *watch, struct change_list *ret_changes);

#endif
