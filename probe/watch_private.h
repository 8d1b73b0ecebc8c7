/* What watch.c and watch_walks.c have in common, and the door by which tests put a walk of their own in. Internal to probe/. */
#ifndef PROBE_WATCH_PRIVATE_H
#define PROBE_WATCH_PRIVATE_H

#include "probe/schedule.h"
#include "probe/watch.h"
#include "probe/watch_pins.h"
#include "probe/worker.h"

/* A bound socket that was seen once may be a server between bind() and listen(): the next look at it comes early. */
#define WATCH_BOUND_AGAIN_MS UINT64_C(250)

/* A walk that failed (no descriptors, no memory) is tried again after this. */
#define WATCH_WALK_AGAIN_MS UINT64_C(1000)

/* Who is to be looked for, and by which walk. */
struct watch_walks {
    struct worker *worker;
    struct schedule schedule; /* of walks for new listeners */
    struct schedule
        asking; /* of those that callers ask for: who asks all the time keeps nobody's listener from being looked up */
    bool is_for_asker; /* the last one was */
    uint64_t n_begun;
    uint64_t n_done; /* n_begun, or one less while one is under way */
    bool failed;     /* the last one did */

    size_t n_unresolved; /* sightings to be looked for; as of `revision` of the snapshot */
    uint64_t revision;
    uint64_t asked[(UINT16_MAX + 1) / 64]; /* a bit for each port that somebody wants looked at anew */
    bool is_asked;                         /* any of them */
};

/* Processes that have ended and are in the snapshot until the reading that their end calls for. */
struct watch_dead {
    struct process_id *ids;
    size_t n_ids;
    size_t capacity;
};

struct watch {
    struct watch_config config;
    struct snapshot snapshot;
    struct change_list changes;
    struct listener_list list; /* the reading; kept for its storage */
    int epoll_fd;
    struct pins pins;
    struct watch_dead dead;
    struct schedule listen;
    struct schedule bound;
    bool bound_again; /* WATCH_BOUND_AGAIN_MS */
    uint64_t read_ns; /* CLOCK_MONOTONIC of the last complete reading of listeners; 0: the last was not complete */
    uint64_t cost_ns; /* what it has cost */
    uint64_t hurry_until_ms;
    struct watch_walks walks;
};

/* watch_new() with another walk than owner_walk(). */
int watch_new_with(const struct watch_config *config, worker_walk walk, struct watch **ret_watch);

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t watch_now_ms(void);

/* ---- watch_walks.c ---- */

int watch_walks_init(struct watch_walks *walks, worker_walk walk, uint64_t now_ms);
void watch_walks_deinit(struct watch_walks *walks);

/* When a walk is due; UINT64_MAX: none is, or one is under way. */
uint64_t watch_walks_due_ms(const struct watch *watch);

/* Begins a walk if one is due. To be called after anything that changes the snapshot. */
void watch_walks_begin(struct watch *watch);

/* Takes in what the walk has found that is done. */
void watch_walks_finish(struct watch *watch);

#endif
