/*
 * A hash table of processes, by pid. The pidfd belongs to the struct process_info, and the pin holds a reference: so the descriptor is
 * open for as long as it is in the epoll.
 */
#include "probe/watch_pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "probe/fd.h"

struct pin {
    struct pin *next;
    struct process_info *info; /* a reference */
    bool is_watched;
};

void pins_init(struct pins *pins, int epoll_fd) {
    *pins = (struct pins){.epoll_fd = epoll_fd};
    pins_refresh_limit(pins);
}

void pins_refresh_limit(struct pins *pins) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        pins->n_watched_max = limit.rlim_cur / 2;
}

/* ---- the epoll ---- */

static void watch_end(struct pins *pins, struct pin *pin) {
    int *pidfd = &pin->info->pidfd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = pin};
    if (*pidfd >= 0 && pins->n_watched < pins->n_watched_max &&
        epoll_ctl(pins->epoll_fd, EPOLL_CTL_ADD, *pidfd, &event) == 0) {
        pin->is_watched = true;
        pins->n_watched++;
        return;
    }
    /* A descriptor that tells nothing is one that others lack. */
    fd_close_at(pidfd);
}

static void unwatch_end(struct pins *pins, struct pin *pin) {
    if (!pin->is_watched)
        return;
    /* Asked for by hand, because a copy of the pidfd elsewhere would keep it in the epoll. */
    (void)epoll_ctl(pins->epoll_fd, EPOLL_CTL_DEL, pin->info->pidfd, NULL);
    pin->is_watched = false;
    pins->n_watched--;
}

/* ---- the table ---- */

static struct pin **bucket_of(const struct pins *pins, const struct process_id *id) {
    return &pins->buckets[(size_t)id->pid & (pins->n_buckets - 1)];
}

static struct pin *find(const struct pins *pins, const struct process_id *id) {
    if (pins->n_buckets == 0)
        return NULL;
    struct pin *pin = *bucket_of(pins, id);
    while (pin && !process_id_equal(&pin->info->id, id))
        pin = pin->next;
    return pin;
}

static void link_pin(struct pins *pins, struct pin *pin) {
    struct pin **bucket = bucket_of(pins, &pin->info->id);
    pin->next = *bucket;
    *bucket = pin;
}

static int make_room(struct pins *pins) {
    if (pins->n_pins < pins->n_buckets)
        return 0;
    struct pins bigger = *pins;
    bigger.n_buckets = pins->n_buckets ? pins->n_buckets * 2 : 64;
    bigger.buckets = calloc(bigger.n_buckets, sizeof(struct pin *));
    if (!bigger.buckets)
        return -ENOMEM;
    for (size_t i = 0; i < pins->n_buckets; i++) {
        struct pin *next;
        for (struct pin *pin = pins->buckets[i]; pin; pin = next) {
            next = pin->next;
            link_pin(&bigger, pin);
        }
    }
    free(pins->buckets);
    *pins = bigger;
    return 0;
}

static void free_pin(struct pins *pins, struct pin *pin) {
    unwatch_end(pins, pin);
    process_info_unref(pin->info);
    free(pin);
    pins->n_pins--;
}

/* Takes the pin at `at` out of its bucket. */
static void remove_at(struct pins *pins, struct pin **at) {
    struct pin *pin = *at;
    *at = pin->next;
    free_pin(pins, pin);
}

struct process_id pins_drop(struct pins *pins, struct pin *pin) {
    const struct process_id id = pin->info->id;
    struct pin **at = bucket_of(pins, &id);
    while (*at != pin)
        at = &(*at)->next;
    remove_at(pins, at);
    return id;
}

void pins_sweep(struct pins *pins) {
    for (size_t i = 0; i < pins->n_buckets; i++) {
        struct pin **at = &pins->buckets[i];
        while (*at) {
            if ((*at)->info->n_references == 1)
                remove_at(pins, at);
            else
                at = &(*at)->next;
        }
    }
}

void pins_deinit(struct pins *pins) {
    for (size_t i = 0; i < pins->n_buckets; i++)
        while (pins->buckets[i])
            remove_at(pins, &pins->buckets[i]);
    free(pins->buckets);
    *pins = (struct pins){.epoll_fd = -1};
}

/* ---- taking owners in ---- */

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_parents(const struct process_info *a, const struct process_info *b) {
    if (a->n_parents != b->n_parents)
        return false;
    for (size_t i = 0; i < a->n_parents; i++) {
        const struct process_parent *one = &a->parents[i];
        const struct process_parent *other = &b->parents[i];
        if (one->pid != other->pid || one->start_time != other->start_time || strcmp(one->name, other->name) != 0)
            return false;
    }
    return true;
}

static bool tells_the_same(const struct process_info *a, const struct process_info *b) {
    return a->uid == b->uid && a->session == b->session && a->group == b->group && strcmp(a->name, b->name) == 0 &&
           strcmp(a->variable, b->variable) == 0 && same_text(a->command, b->command) &&
           same_text(a->executable, b->executable) && same_text(a->directory, b->directory) &&
           same_text(a->cgroup, b->cgroup) && same_parents(a, b);
}

/* The process is pinned already, was read once more, and tells other things. */
static void renew(struct pins *pins, struct snapshot *snapshot, struct pin *pin, struct process_info *info) {
    struct process_info *before = pin->info;
    unwatch_end(pins, pin);
    if (info->pidfd < 0)
        info->pidfd = fd_take(&before->pidfd);
    pin->info = process_info_ref(info);
    watch_end(pins, pin);
    snapshot_renew_process(snapshot, info);
    process_info_unref(before);
}

static void pin_new(struct pins *pins, struct process_info *info) {
    struct pin *pin = make_room(pins) == 0 ? calloc(1, sizeof(*pin)) : NULL;
    if (!pin)
        return;
    pin->info = process_info_ref(info);
    link_pin(pins, pin);
    pins->n_pins++;
    watch_end(pins, pin);
}

void pins_take(struct pins *pins, struct snapshot *snapshot, struct owner_answer *answer) {
    for (size_t i = 0; i < answer->n_owners; i++) {
        struct process_info *info = answer->owners[i];
        struct pin *pin = find(pins, &info->id);
        if (!pin) {
            pin_new(pins, info);
            continue;
        }
        if (pin->info == info)
            continue;
        if (!tells_the_same(pin->info, info)) {
            renew(pins, snapshot, pin, info);
            continue;
        }
        if (!pin->is_watched && info->pidfd >= 0) {
            pin->info->pidfd = fd_take(&info->pidfd);
            watch_end(pins, pin);
        }
        answer->owners[i] = process_info_ref(pin->info);
        process_info_unref(info);
    }
}
