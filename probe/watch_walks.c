/*
 * Walks: whom to look for, and what to do with what was found. One is under way at most; whoever turns up meanwhile is for the next.
 */
#include <stdlib.h>
#include <string.h>

#include "probe/watch_private.h"

/* Of a core. A walk costs milliseconds, and a new listener is a rare thing: a second's worth of them is had at once. */
#define SHARE_PPM        UINT64_C(1000)
#define BURST_NS         UINT64_C(1000000000)
#define ASKING_SHARE_PPM UINT64_C(500)
/* A walk over a million descriptors of one user would hold the others up for a quarter of an hour. */
#define MOST_MS UINT64_C(30000)

int watch_walks_init(struct watch_walks *walks, worker_walk walk, uint64_t now_ms) {
    schedule_init(&walks->schedule, SHARE_PPM, BURST_NS, MOST_MS, now_ms);
    schedule_init(&walks->asking, ASKING_SHARE_PPM, BURST_NS, MOST_MS, now_ms);
    return worker_new(walk, &walks->worker);
}

void watch_walks_deinit(struct watch_walks *walks) {
    walks->worker = worker_free(walks->worker);
}

/* ---- whom to look for ---- */

/* A bound socket is worth a walk once it has stayed. */
static bool is_unresolved(const struct sighting *sighting) {
    if (sighting->state != SIGHTING_UNRESOLVED)
        return false;
    return sighting->listener.state == LISTENER_LISTEN || sighting->n_seen >= 2;
}

static bool is_asked(const struct watch_walks *walks, uint16_t port) {
    return walks->asked[port / 64] >> port % 64 & 1;
}

static bool is_wanted(const struct watch_walks *walks, const struct sighting *sighting) {
    return is_unresolved(sighting) || (walks->is_asked && is_asked(walks, sighting->listener.port));
}

static void count_unresolved(struct watch *watch) {
    struct watch_walks *walks = &watch->walks;
    if (walks->revision == watch->snapshot.revision)
        return;
    walks->revision = watch->snapshot.revision;
    walks->n_unresolved = 0;
    for (size_t i = 0; i < watch->snapshot.n_items; i++)
        walks->n_unresolved += is_unresolved(&watch->snapshot.items[i]);
}

static struct walk_order *make_order(const struct watch *watch) {
    const struct snapshot *snapshot = &watch->snapshot;
    size_t n_wanted = 0;
    for (size_t i = 0; i < snapshot->n_items; i++)
        n_wanted += is_wanted(&watch->walks, &snapshot->items[i]);
    struct walk_order *order = walk_order_new(n_wanted);
    if (!order)
        return NULL;

    size_t n_filled = 0;
    for (size_t i = 0; i < snapshot->n_items; i++) {
        const struct listener *listener = &snapshot->items[i].listener;
        if (is_wanted(&watch->walks, &snapshot->items[i]))
            order->wanted[n_filled++] = (struct owner_wanted){
                .inode = listener->inode,
                .uid = listener->uid,
                .cgroup_id = listener->cgroup_id,
                .port = listener->port,
            };
    }
    order->variable = watch->config.variable;
    order->max_fds = watch->config.max_fds;
    return order;
}

/* ---- walks ---- */

static bool is_under_way(const struct watch_walks *walks) {
    return walks->n_done != walks->n_begun;
}

static uint64_t new_due_ms(const struct watch_walks *walks) {
    return walks->n_unresolved > 0 ? schedule_due_ms(&walks->schedule, walks->failed ? WATCH_WALK_AGAIN_MS : 0)
                                   : UINT64_MAX;
}

static uint64_t asked_due_ms(const struct watch_walks *walks) {
    return walks->is_asked ? schedule_due_ms(&walks->asking, walks->failed ? WATCH_WALK_AGAIN_MS : 0) : UINT64_MAX;
}

uint64_t watch_walks_due_ms(const struct watch *watch) {
    const struct watch_walks *walks = &watch->walks;
    if (is_under_way(walks))
        return UINT64_MAX;
    const uint64_t new_ms = new_due_ms(walks);
    const uint64_t asked_ms = asked_due_ms(walks);
    return new_ms < asked_ms ? new_ms : asked_ms;
}

static void begin(struct watch *watch, uint64_t now_ms) {
    struct watch_walks *walks = &watch->walks;
    struct walk_order *order = make_order(watch);
    /* Also while new ones wait for their own turn: else asking would be free then. */
    walks->is_for_asker = new_due_ms(walks) > now_ms;
    if (!order) {
        walks->failed = true;
        schedule_restart(&walks->schedule, now_ms);
        schedule_restart(&walks->asking, now_ms);
        return;
    }
    order->number = ++walks->n_begun;
    walks->is_asked = false;
    memset(walks->asked, 0, sizeof(walks->asked));
    if (order->n_wanted > 0) {
        worker_give(walks->worker, order);
        return;
    }
    /* What was asked about has closed. Its walk was promised, and is done. */
    walks->n_done = walks->n_begun;
    walk_order_free(order);
}

void watch_walks_begin(struct watch *watch) {
    count_unresolved(watch);
    const uint64_t now_ms = watch_now_ms();
    if (watch_walks_due_ms(watch) <= now_ms)
        begin(watch, now_ms);
}

void watch_walks_finish(struct watch *watch) {
    struct watch_walks *walks = &watch->walks;
    struct walk_order *order = worker_take(walks->worker);
    if (!order)
        return;
    walks->n_done = order->number;
    walks->failed = order->r < 0;
    schedule_spend(walks->is_for_asker ? &walks->asking : &walks->schedule, order->result.cpu_ns, watch_now_ms());

    pins_refresh_limit(&watch->pins);
    for (size_t i = 0; i < order->result.n_answers; i++) {
        struct owner_answer *answer = &order->result.answers[i];
        pins_take(&watch->pins, &watch->snapshot, answer);
        snapshot_take_owners(&watch->snapshot, answer);
    }
    walk_order_free(order);
    pins_sweep(&watch->pins);
}

uint64_t watch_ask_owners(struct watch *watch, uint16_t port) {
    size_t first;
    if (watch->snapshot.n_items == 0 || (port != 0 && snapshot_find_port(&watch->snapshot, port, &first) == 0))
        return 0;
    struct watch_walks *walks = &watch->walks;
    if (port != 0)
        walks->asked[port / 64] |= UINT64_C(1) << port % 64;
    else
        memset(walks->asked, 0xff, sizeof(walks->asked));
    walks->is_asked = true;
    const uint64_t number = walks->n_begun + 1;
    watch_walks_begin(watch);
    return number;
}

uint64_t watch_walks(const struct watch *watch) {
    return watch->walks.n_done;
}
