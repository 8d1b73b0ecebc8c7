/*
 * The readings: when they are due, what they cost, and what they lead to. The walks are in watch_walks.c, the processes that are
 * waited for in watch_pins.c.
 *
 * Listeners are read before bound sockets: one that has called listen() since is then found listening, with all that is known about it,
 * and not gone from the one reading and new in the other.
 */
#include "probe/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "probe/fd.h"
#include "probe/watch_private.h"

/* Of a core, and what may be had at once: a hurry on a machine with a thousand listeners. However dear the readings of listeners
 * are, they are never more than half a minute apart: a probe that is blind for longer would be of no use. */
#define LISTEN_SHARE_PPM UINT64_C(2000)
#define LISTEN_BURST_NS  UINT64_C(100000000)
#define LISTEN_MOST_MS   UINT64_C(30000)
#define BOUND_SHARE_PPM  UINT64_C(500)
#define BOUND_BURST_NS   UINT64_C(50000000)

#define N_EVENTS 64

/* ---- clocks ---- */

static uint64_t read_clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t watch_now_ms(void) {
    return read_clock_ns(CLOCK_MONOTONIC) / 1000000;
}

static int64_t now_unix_ms(void) {
    return (int64_t)(read_clock_ns(CLOCK_REALTIME) / 1000000);
}

/* ---- a watch ---- */

static int open_epoll(struct watch *watch) {
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (watch->epoll_fd < 0)
        return -errno;
    /* The worker is the one without a pin. */
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    const int result_fd = worker_fd(watch->walks.worker);
    return epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, result_fd, &event) < 0 ? -errno : 0;
}

static void watch_free_at(struct watch **watch) {
    *watch = watch_free(*watch);
}

int watch_new_with(const struct watch_config *config, worker_walk walk, struct watch **ret_watch) {
    CLEANUP(watch_free_at) struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return -ENOMEM;
    watch->config = *config;
    if (!sock_diag_sees_bound(config->diag))
        watch->config.bound_ms = 0;
    watch->epoll_fd = -1;
    const uint64_t now_ms = watch_now_ms();
    schedule_init(&watch->listen, LISTEN_SHARE_PPM, LISTEN_BURST_NS, LISTEN_MOST_MS, now_ms);
    schedule_init(&watch->bound, BOUND_SHARE_PPM, BOUND_BURST_NS, UINT64_MAX, now_ms);
    int r = watch_walks_init(&watch->walks, walk, now_ms);
    if (r == 0)
        r = open_epoll(watch);
    if (r < 0)
        return r;
    pins_init(&watch->pins, watch->epoll_fd);
    *ret_watch = watch;
    watch = NULL;
    return 0;
}

int watch_new(const struct watch_config *config, struct watch **ret_watch) {
    return watch_new_with(config, owner_walk, ret_watch);
}

struct watch *watch_free(struct watch *watch) {
    if (!watch)
        return NULL;
    watch_walks_deinit(&watch->walks);
    pins_deinit(&watch->pins);
    snapshot_deinit(&watch->snapshot);
    change_list_deinit(&watch->changes);
    listener_list_deinit(&watch->list);
    free(watch->dead.ids);
    fd_close_at(&watch->epoll_fd);
    free(watch);
    return NULL;
}

/* ---- when ---- */

static uint64_t min(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t listen_due_ms(const struct watch *watch) {
    const uint64_t period_ms = watch->config.listen_ms;
    const uint64_t hurry_ms = min(period_ms, WATCH_HURRY_MS);
    const bool in_a_hurry = watch->listen.done_ms + hurry_ms <= watch->hurry_until_ms;
    const uint64_t due_ms = schedule_due_ms(&watch->listen, in_a_hurry ? hurry_ms : period_ms);
    return watch->dead.n_ids > 0 ? min(due_ms, schedule_alarm_ms(&watch->listen)) : due_ms;
}

static uint64_t bound_due_ms(const struct watch *watch) {
    const uint64_t period_ms = watch->config.bound_ms;
    if (period_ms == 0)
        return UINT64_MAX;
    return schedule_due_ms(&watch->bound, watch->bound_again ? min(period_ms, WATCH_BOUND_AGAIN_MS) : period_ms);
}

uint64_t watch_due_ms(const struct watch *watch) {
    return min(watch_walks_due_ms(watch), min(listen_due_ms(watch), bound_due_ms(watch)));
}

void watch_hurry(struct watch *watch) {
    watch->hurry_until_ms = watch_now_ms() + WATCH_HURRY_FOR_MS;
}

/* ---- readings ---- */

static bool wants_bound_again(const struct snapshot *snapshot) {
    if (snapshot->parts[SNAPSHOT_BOUND].interrupted)
        return true;
    for (size_t i = 0; i < snapshot->n_items; i++)
        if (snapshot->items[i].listener.state == LISTENER_BOUND && snapshot->items[i].n_seen == 1)
            return true;
    return false;
}

/* Returns 0, SOCK_DIAG_E_INTERRUPTED or -errno. */
static int read_part(struct watch *watch, enum snapshot_part part) {
    const unsigned what = part == SNAPSHOT_LISTENING ? SOCK_DIAG_LISTEN : SOCK_DIAG_BOUND;
    const uint64_t revision = watch->snapshot.revision;
    const size_t n_changes = watch->changes.n_items;

    listener_list_clear(&watch->list);
    int r = sock_diag_dump(watch->config.diag, what, 0, &watch->list);
    if (r >= 0) {
        const bool complete = r == 0;
        int r_update = snapshot_update(&watch->snapshot, part, &watch->list, complete, now_unix_ms(), &watch->changes);
        r = r_update < 0 ? r_update : r;
    }
    if (r < 0)
        snapshot_mark_failed(&watch->snapshot, part);

    if (watch->changes.n_items > n_changes)
        watch_hurry(watch);
    if (part == SNAPSHOT_BOUND)
        watch->bound_again = wants_bound_again(&watch->snapshot);
    if (watch->snapshot.revision != revision)
        pins_sweep(&watch->pins);
    return r;
}

/* Notes what a reading of the listeners has cost, and when it was. */
static int read_listeners(struct watch *watch) {
    const uint64_t before_ns = read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    int r = read_part(watch, SNAPSHOT_LISTENING);
    watch->cost_ns = read_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
    watch->read_ns = r == 0 ? read_clock_ns(CLOCK_MONOTONIC) : 0;
    return r;
}

/* A reading that is paid for out of the budget. Returns 0 or -errno. */
static int read_on_schedule(struct watch *watch, enum snapshot_part part, struct schedule *schedule) {
    const uint64_t before_ns = read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    int r = part == SNAPSHOT_LISTENING ? read_listeners(watch) : read_part(watch, part);
    schedule_spend(schedule, read_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns, watch_now_ms());
    return r < 0 ? r : 0;
}

/* ---- ends of owners ---- */

static int compare_pids(const void *a, const void *b) {
    const pid_t pid_a = ((const struct process_id *)a)->pid;
    const pid_t pid_b = ((const struct process_id *)b)->pid;
    return (pid_a > pid_b) - (pid_a < pid_b);
}

/* After the reading that their end called for, so that what they had closed is known to have been theirs. */
static void bury_dead(struct watch *watch) {
    struct watch_dead *dead = &watch->dead;
    if (dead->n_ids == 0)
        return;
    qsort(dead->ids, dead->n_ids, sizeof(*dead->ids), compare_pids);
    snapshot_forget_processes(&watch->snapshot, dead->ids, dead->n_ids);
    dead->n_ids = 0;
}

static void add_dead(struct watch *watch, const struct process_id *id) {
    struct watch_dead *dead = &watch->dead;
    if (dead->n_ids == dead->capacity) {
        const size_t capacity = dead->capacity ? dead->capacity * 2 : 16;
        struct process_id *ids = reallocarray(dead->ids, capacity, sizeof(*ids));
        if (!ids) {
            snapshot_forget_process(&watch->snapshot, id);
            return;
        }
        dead->ids = ids;
        dead->capacity = capacity;
    }
    dead->ids[dead->n_ids++] = *id;
}

/* Takes in what the epoll has. The walk's result comes last, because taking it in may end pins whose events are still to be seen. */
static void hear(struct watch *watch) {
    struct epoll_event events[N_EVENTS];
    bool has_result = false;
    int n_events;
    do {
        n_events = epoll_wait(watch->epoll_fd, events, N_EVENTS, 0);
        for (int i = 0; i < n_events; i++) {
            struct pin *pin = events[i].data.ptr;
            if (!pin) {
                has_result = true;
                continue;
            }
            const struct process_id id = pins_drop(&watch->pins, pin);
            add_dead(watch, &id);
        }
    } while (n_events == N_EVENTS);
    if (has_result)
        watch_walks_finish(watch);
}

/* ---- what the caller calls ---- */

int watch_run(struct watch *watch) {
    hear(watch);
    const uint64_t now_ms = watch_now_ms();
    const bool is_bound_due = bound_due_ms(watch) <= now_ms;
    int r_listen = 0;
    int r_bound = 0;
    if (is_bound_due || listen_due_ms(watch) <= now_ms) {
        r_listen = read_on_schedule(watch, SNAPSHOT_LISTENING, &watch->listen);
        if (is_bound_due)
            r_bound = read_on_schedule(watch, SNAPSHOT_BOUND, &watch->bound);
        bury_dead(watch);
    }
    watch_walks_begin(watch);
    return r_listen < 0 ? r_listen : r_bound;
}

int watch_refresh(struct watch *watch) {
    const uint64_t age_ns = read_clock_ns(CLOCK_MONOTONIC) - watch->read_ns;
    const bool is_young = watch->read_ns != 0 && age_ns < WATCH_REFRESH_TIMES * watch->cost_ns;
    return is_young && watch->cost_ns >= WATCH_REFRESH_DEAR_NS ? 0 : watch_read(watch);
}

int watch_read(struct watch *watch) {
    int r = read_listeners(watch);
    schedule_restart(&watch->listen, watch_now_ms());
    bury_dead(watch);
    watch_walks_begin(watch);
    return r;
}

int watch_fd(const struct watch *watch) {
    return watch->epoll_fd;
}

const struct snapshot *watch_snapshot(const struct watch *watch) {
    return &watch->snapshot;
}

void watch_take_changes(struct watch *watch, struct change_list *ret_changes) {
    *ret_changes = watch->changes;
    watch->changes = (struct change_list){0};
}
