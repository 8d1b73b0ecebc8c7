/*
 * The start: a registry is made, and what the database remembers becomes true again, as far as it still is.
 *
 * The deadlines in it count on the monotonic clock of one boot, so the boot's id decides. In the same boot they stand, with
 * some grace for clients that could not reach a daemon that was away. After a reboot no holder can live, and the others get
 * a fresh TTL, because nobody knows how long the machine was off.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "probe/fd.h"
#include "src/base/log.h"
#include "src/lease/registry_private.h"

struct restoring {
    struct registry *registry;
    bool same_boot;
    unsigned n_ended;
};

/* A holder that has ended meanwhile did so at the latest now; what it has left behind has its time from now on. */
static int find_holder_again(struct registry *registry, struct lease *lease) {
    int r;

    if (lease->holder.pid == 0)
        return 0;
    r = process_pin_again(&lease->holder, &lease->holder_pidfd);
    /* EACCES: a process that /proc hides from us. This one was not hidden when it was pinned, so the pid is another's now. */
    if (r == PROCESS_E_GONE || r == -EACCES) {
        lease->holder_ended_ms = registry->last_turn_ms;
        registry_part_from_holder(registry, lease);
        return 0; /* the first turn ends the lease, unless its listener, or recognised kin, is still there, or it outlasts its holder */
    }
    if (r < 0)
        return r;
    registry_note_cgroup(lease);
    registry_note_parent(lease);
    return registry_watch_holder(registry, lease->holder_pidfd, lease);
}

/* Its recognised processes are its kin: pinned again if they live. */
static void find_kin_again(struct registry *registry, struct lease *lease) {
    for (size_t i = 0; i < lease->n_judgements; i++)
        if (lease->judgements[i].kind == JUDGED_RECOGNISED)
            kin_add(registry, lease, &lease->judgements[i].process);
}

static int restore_lease(void *context, struct lease *lease) {
    struct restoring *restoring = context;
    struct registry *registry = restoring->registry;
    uint64_t now_ms = registry->last_turn_ms;
    bool had_holder = lease->holder.pid != 0;
    int r = lease_table_reserve(&registry->leases, 1);

    if (r == 0 && restoring->same_boot)
        r = find_holder_again(registry, lease);
    if (r != 0) {
        lease_free(lease);
        return r;
    }
    if (!restoring->same_boot && had_holder && !lease->outlasts_holder) {
        restoring->n_ended++;
        if (store_delete_lease(registry->store, lease->id) != 0)
            r = STORE_E_FAILED;
        lease_free(lease);
        return r;
    }
    if (!restoring->same_boot) {
        lease->deadline = now_ms + lease->ttl_seconds * 1000;
        lease->was_bound = false;
        lease->unsaved = true;
        /* Inodes, pids and start times begin anew, so these would be about others. */
        lease->holder = (struct process_id){0};
        lease->asker = (struct process_id){0};
        lease_clear_judgements(lease);
        lease->judgements_unsaved = true;
    }
    lease->saved_deadline = lease->deadline;
    lease->told_deadline = lease->deadline;
    lease_table_insert(&registry->leases, lease);
    if (restoring->same_boot && had_holder)
        find_kin_again(registry, lease);
    return 0;
}

static int save_all(struct registry *registry, const char *boot_id) {
    int r = store_put_boot_id(registry->store, boot_id);

    for (size_t i = 0; r == 0 && i < registry->leases.n_items; i++) {
        struct lease *lease = registry->leases.items[i];
        if (!lease->unsaved)
            continue;
        r = store_put_lease(registry->store, lease);
        if (r == 0 && lease->judgements_unsaved)
            r = store_put_judgements(registry->store, lease);
        lease->unsaved = r != 0;
        lease->judgements_unsaved = lease->judgements_unsaved && r != 0;
    }
    return r;
}

static int restore(struct registry *registry) {
    char boot_id[PROCESS_BOOT_ID_MAX];
    struct store_marks marks = {0};
    struct restoring restoring = {.registry = registry};
    int r = process_read_boot_id(boot_id);

    if (r == 0)
        r = store_load_marks(registry->store, &marks);
    if (r != 0)
        return r;
    restoring.same_boot = strcmp(marks.boot_id, boot_id) == 0;
    registry->cursor = marks.cursor;
    registry->next_id = marks.next_id;
    if (registry->next_id == 1 && registry->config.first_id > 0)
        registry->next_id = registry->config.first_id;

    r = store_load_sticky(registry->store, &registry->sticky);
    if (r == 0)
        r = store_begin(registry->store);
    if (r == 0)
        r = store_load_leases(registry->store, restore_lease, &restoring);
    /* Their clients could not be heard meanwhile. Where there are none a new lease needs no grace. */
    if (registry->leases.n_items > 0)
        registry->no_expiry_before_ms = registry->last_turn_ms + GRACE_MS;
    if (r == 0)
        r = save_all(registry, boot_id);
    if (r == 0)
        r = store_sweep(registry->store);
    if (r == 0)
        r = store_commit(registry->store);
    if (r != 0) {
        store_rollback(registry->store);
        return r;
    }
    if (restoring.n_ended > 0)
        log_info("%u leases ended with the last boot, because their processes did", restoring.n_ended);
    return 0;
}

static void registry_free_at(struct registry **registry) {
    *registry = registry_free(*registry);
}

static int open_descriptors(struct registry *registry) {
    struct epoll_event event = {.events = EPOLLIN};

    registry->holders_fd = epoll_create1(EPOLL_CLOEXEC);
    registry->due_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (registry->holders_fd < 0 || registry->due_fd < 0 ||
        epoll_ctl(registry->holders_fd, EPOLL_CTL_ADD, registry->due_fd, &event) < 0)
        return -errno;
    return 0;
}

int registry_new(const struct registry_config *config, struct registry **ret_registry,
                 struct store_opening *ret_opening) {
    CLEANUP(registry_free_at) struct registry *registry = calloc(1, sizeof *registry);
    struct clock_reading now = clock_read(&config->clock);
    int r;

    if (registry == NULL)
        return -ENOMEM;
    registry->config = *config;
    registry->last_turn_ms = now.monotonic_ms;
    registry->kin = (struct kin_index){.stale = true, .whole_look = true};
    budget_init(&registry->kin.budget, KIN_SHARE_PPM, KIN_BURST_NS, now.monotonic_ms);
    r = open_descriptors(registry);
    if (r < 0)
        return r;
    r = lease_table_init(&registry->leases);
    if (r == 0)
        r = sticky_table_init(&registry->sticky);
    if (r == 0)
        r = store_open(config->db_path, config->uid, now.unix_ms, &registry->store, ret_opening);
    if (r == 0)
        r = restore(registry);
    if (r == STORE_E_FAILED && registry->store != NULL)
        snprintf(ret_opening->reason, sizeof ret_opening->reason, "cannot be used: %s", store_reason(registry->store));
    if (r != 0)
        return r;
    *ret_registry = registry;
    registry = NULL;
    return 0;
}
