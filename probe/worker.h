/*
 * The worker: one thread that walks over /proc, so that nobody waits for it. An order is handed over by its pointer and comes back
 * the same way, filled in; whoever has the pointer has the order, and nothing else is shared. Internal to probe/.
 */
#ifndef PROBE_WORKER_H
#define PROBE_WORKER_H

#include "probe/owner_walk.h"

/* owner_walk(), or what a test has in its place. */
typedef int (*worker_walk)(const struct owner_wanted *wanted, size_t n_wanted, const char *variable, size_t max_fds,
                           struct owner_result *ret_result);

struct walk_order {
    struct owner_wanted *wanted; /* owned */
    size_t n_wanted;
    const char *variable; /* static */
    size_t max_fds;
    uint64_t number; /* the asker's */

    /* Filled in by the worker. */
    int r; /* what the walk returned */
    struct owner_result result;
};

/* An order for `n_wanted` sockets, all zero. NULL: out of memory. */
struct walk_order *walk_order_new(size_t n_wanted);

/* Frees the order, its wanted sockets, and its result with all references. NULL is allowed; returns NULL. */
struct walk_order *walk_order_free(struct walk_order *order);

/* For CLEANUP(walk_order_free_at). */
static inline void walk_order_free_at(struct walk_order **order) {
    *order = walk_order_free(*order);
}

struct worker;

/* Starts the thread. It blocks all signals, and is called "portd-walk". Returns 0 or -errno. */
int worker_new(worker_walk walk, struct worker **ret_worker);

/* Waits for a walk that is under way, ends the thread and frees all, an order that nobody took back included. NULL is allowed;
 * returns NULL. */
struct worker *worker_free(struct worker *worker);

/* Hands an order over. Only one at a time: not before the one before was taken back. */
void worker_give(struct worker *worker, struct walk_order *order);

/* Readable when an order can be taken back. The worker's own. */
int worker_fd(const struct worker *worker);

/* The order that is done; the caller's again. NULL: there is none. */
struct walk_order *worker_take(struct worker *worker);

#endif
