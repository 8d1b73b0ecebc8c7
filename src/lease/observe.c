/*
 * What the kernel shows now, laid beside the leases.
 *
 * A listener counts as the lease's own if it has the lease's uid, or root's: a container's proxy and a service started with
 * sudo run as root on their user's behalf, and taking a lease away from a port in use would help nobody. Any other uid's is
 * foreign.
 */
#include <sys/epoll.h>

#include "probe/fd.h"
#include "src/base/log.h"
#include "src/lease/registry_private.h"

static void see(struct registry *registry, const struct listener *listener) {
    struct lease *lease = lease_table_find_port(&registry->leases, listener->port);

    if (lease == NULL)
        return;
    if (listener->uid == lease->uid || listener->uid == 0) {
        lease->sight.own = true;
        /* Worth a write once: it tells a stopped server from one that never started. */
        lease->unsaved = lease->unsaved || !lease->was_bound;
        lease->was_bound = true;
    } else {
        lease->sight.foreign = true;
    }
}

/* A pidfd is readable once its process has ended. By then the kernel has closed its sockets. */
void registry_reap_holders(struct registry *registry) {
    struct epoll_event ended[64];
    int n_ended;

    do {
        n_ended = epoll_wait(registry->holders_fd, ended, 64, 0);
        for (int i = 0; i < n_ended; i++) {
            struct lease *lease = ended[i].data.ptr;
            fd_close_at(&lease->holder_pidfd);
        }
    } while (n_ended == 64);
}

int registry_observe(struct registry *registry, uint16_t port, struct listener_list *ret_listeners) {
    const struct listener_source *source = &registry->config.listeners;
    struct listener_list listeners = {0};
    int r;

    registry_reap_holders(registry);
    r = source->read(source->context, 0, &listeners);

    /* An interrupted dump proves presence and never absence: what was seen before still counts. */
    for (size_t i = 0; r == 0 && i < registry->leases.n_items; i++)
        registry->leases.items[i]->sight = (struct lease_sight){0};
    for (size_t i = 0; r >= 0 && i < listeners.n_items; i++) {
        see(registry, &listeners.items[i]);
        if (ret_listeners != NULL && (port == 0 || listeners.items[i].port == port) &&
            listener_list_add(ret_listeners, &listeners.items[i]) < 0)
            log_warning("out of memory while reading listeners");
    }
    listener_list_deinit(&listeners);
    return r;
}
