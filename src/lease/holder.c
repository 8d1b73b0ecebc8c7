/* Holders: the processes that leases belong to, pinned, and heard of when they end. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "probe/cgroup.h"
#include "probe/fd.h"
#include "src/lease/registry_private.h"

int registry_watch_holder(struct registry *registry, int pidfd, struct lease *lease) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = lease};

    return epoll_ctl(registry->holders_fd, EPOLL_CTL_ADD, pidfd, &event) < 0 ? -errno : 0;
}

/* Descriptors are handed out lowest first, so a high one means that many are in use. Some must be left for those who call. */
#define FDS_FOR_CALLERS 256

bool registry_has_room_for(int fd) {
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= FDS_FOR_CALLERS ||
           (rlim_t)fd < limit.rlim_cur - FDS_FOR_CALLERS;
}

void registry_note_cgroup(struct lease *lease) {
    char *path = NULL;

    free(lease->holder_cgroup);
    lease->holder_cgroup = NULL;
    if (cgroup_of_process(lease->holder.pid, &path) != 0)
        return;
    if (cgroup_is_evidence(path))
        lease->holder_cgroup = path;
    else
        free(path);
}

void registry_note_parent(struct lease *lease) {
    char name[PROCESS_NAME_MAX];
    pid_t parent = 0;

    lease->asker_is_parent = lease->asker.pid != 0 && process_read_parent(lease->holder.pid, name, &parent) == 0 &&
                             parent == lease->asker.pid && process_pin_again(&lease->asker, NULL) == 0;
}

void registry_part_from_holder(struct registry *registry, struct lease *lease) {
    struct clock_reading now = clock_read(&registry->config.clock);

    if (!lease->outlasts_holder || lease->holder.pid == 0)
        return;
    lease->holder = (struct process_id){0};
    lease->last_heartbeat = now.unix_ms;
    lease->deadline = now.monotonic_ms + lease->ttl_seconds * 1000;
    lease->unsaved = true; /* written by the next turn, which is due now */
    registry_tell(registry, EVENT_LEASE_RENEWED, lease, "Its process has ended; the lease was there before it.");
}

bool registry_hear_holders(struct registry *registry) {
    uint64_t now_ms = clock_read(&registry->config.clock).monotonic_ms;
    struct epoll_event ended[64];
    bool heard = false;
    bool may_end = false;
    int n_ended;

    do {
        n_ended = epoll_wait(registry->holders_fd, ended, 64, 0);
        for (int i = 0; i < n_ended; i++) {
            struct lease *lease = ended[i].data.ptr;

            if (lease != NULL) /* else the due_fd */
                lease_reap(lease, now_ms);
            if (lease != NULL && lease->holder_pidfd < 0)
                registry_part_from_holder(registry, lease);
            heard = heard || lease != NULL;
            may_end = may_end || lease == NULL || lease->holder_pidfd < 0;
        }
    } while (n_ended == 64);
    if (heard)
        registry_touch(registry);
    if (may_end)
        eventfd_write(registry->due_fd, 1);
    return may_end;
}
