/*
 * Pins: the owners of all listeners, each once, whose ends are waited for in one epoll. A process is known by its identity, so that
 * one with ten thousand listeners, found by a hundred walks, has one descriptor here. Internal to probe/.
 */
#ifndef PROBE_WATCH_PINS_H
#define PROBE_WATCH_PINS_H

#include "probe/snapshot.h"

struct pin;

struct pins {
    int epoll_fd; /* borrowed */
    struct pin **buckets;
    size_t n_buckets; /* a power of two, or 0 */
    size_t n_pins;
    size_t n_watched; /* those whose pidfd is in the epoll */
    size_t n_watched_max;
};

/* No pins. `epoll_fd` is where their pidfds go, each with its pin as data.ptr. */
void pins_init(struct pins *pins, int epoll_fd);

/* Gives all up. */
void pins_deinit(struct pins *pins);

/* At most half of the descriptors that this process may have are pinned. Looks at the limit anew: it may have been raised. */
void pins_refresh_limit(struct pins *pins);

/*
 * Pins the owners of an answer. Where a process is pinned already, the answer gets the pin's value in place of its own; if the
 * new one tells other things (it has executed a program), it takes the old one's place, in the snapshot as well. An owner for whom there is
 * no descriptor left gives up its pidfd and is not waited for. Out of memory: neither are the owners then.
 */
void pins_take(struct pins *pins, struct snapshot *snapshot, struct owner_answer *answer);

/* The process has ended: it is no longer waited for. Returns its identity; the pin is gone. */
struct process_id pins_drop(struct pins *pins, struct pin *pin);

/* Gives up the pins of processes that nobody but the pin refers to. */
void pins_sweep(struct pins *pins);

#endif
