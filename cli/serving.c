/*
 * From ports to listeners, to their sockets' inodes, to the processes that have these open. See serving.h.
 */
#include "cli/serving.h"

#include <errno.h>
#include <stdlib.h>

#include "probe/fd.h"
#include "probe/proc_file.h"
#include "probe/process_sockets.h"

/* A server has what it listens with among its first descriptors. */
#define DESCRIPTORS_MAX ((size_t)20000)

/* The listeners on the ports, and which of them somebody was found for. */
struct search {
    struct listener_list listeners;
    bool *is_found;
    bool any; /* in the process that is being read */
};

static void search_deinit(struct search *search) {
    listener_list_deinit(&search->listeners);
    free(search->is_found);
}

static bool is_among(uint16_t port, const uint16_t *ports, size_t n_ports) {
    for (size_t i = 0; i < n_ports; i++)
        if (ports[i] == port)
            return true;
    return false;
}

static bool has_listener(const struct search *search, uint16_t port) {
    for (size_t i = 0; i < search->listeners.n_items; i++)
        if (search->listeners.items[i].port == port)
            return true;
    return false;
}

/* One dump for all ports. Returns as serving_mark() does. */
static int find_listeners(struct search *search, struct sock_diag *diag, const uint16_t *ports, size_t n_ports) {
    CLEANUP(listener_list_deinit) struct listener_list all = {.n_items = 0};
    int r_dump = sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &all);
    int r = r_dump < 0 ? r_dump : 0;

    for (size_t i = 0; r == 0 && i < all.n_items; i++)
        if (is_among(all.items[i].port, ports, n_ports))
            r = listener_list_add(&search->listeners, &all.items[i]);
    if (r < 0)
        return r;
    search->is_found = calloc(search->listeners.n_items + 1, sizeof *search->is_found);
    if (search->is_found == NULL)
        return -ENOMEM;
    return r_dump == 0 ? 0 : SERVING_E_INCOMPLETE;
}

static void compare(void *context, uint32_t inode) {
    struct search *search = context;

    for (size_t i = 0; i < search->listeners.n_items; i++) {
        if (search->listeners.items[i].inode != inode)
            continue;
        search->is_found[i] = true;
        search->any = true;
    }
}

/* Returns 0; PROCESS_SOCKETS_E_HIDDEN if it may have more than could be read; -errno. */
static int read_one(struct search *search, struct leftover *leftover) {
    CLEANUP(fd_close_at) int fd = proc_open_process(leftover->id.pid);
    size_t n_fds_left = DESCRIPTORS_MAX;
    int r;

    if (fd < 0 && !proc_is_scarcity(fd))
        return leftover->is_foreign ? PROCESS_SOCKETS_E_HIDDEN : 0;
    if (fd < 0)
        return fd;
    search->any = false;
    r = process_sockets_read(fd, true, &n_fds_left, compare, search);
    leftover->listens = leftover->listens || search->any;
    return r > 0 ? PROCESS_SOCKETS_E_HIDDEN : r;
}

static bool all_are_found(const struct search *search) {
    for (size_t i = 0; i < search->listeners.n_items; i++)
        if (!search->is_found[i])
            return false;
    return true;
}

/* Returns 0 or -errno. */
static int find_owners(struct search *search, struct leftover_list *list) {
    CLEANUP(proc_free_at) char *is_hidden = calloc(list->n_items + 1, 1);
    int r_all = is_hidden != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; is_hidden != NULL && i < list->n_items; i++) {
        int r = read_one(search, &list->items[i]);
        is_hidden[i] = r == PROCESS_SOCKETS_E_HIDDEN;
        r_all = r < 0 ? r : r_all;
    }
    if (r_all < 0 || all_are_found(search))
        return r_all;
    for (size_t i = 0; i < list->n_items; i++)
        list->items[i].listens = list->items[i].listens || is_hidden[i] != 0;
    return 0;
}

static struct leftover *find_parent(const struct leftover_list *list, const struct leftover *leftover) {
    for (size_t i = 0; i < list->n_items; i++)
        if (list->items[i].id.pid == leftover->parent)
            return &list->items[i];
    return NULL;
}

/* Parents come before their children, but for those that were overlooked, so that one more pass finds nothing more than these. */
static void mark_branches(struct leftover_list *list) {
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < list->n_items; i++) {
            struct leftover *leftover = &list->items[i];
            const struct leftover *parent = find_parent(list, leftover);
            if (leftover->listens || (parent != NULL && parent->is_branch))
                leftover->is_branch = true;
        }
    }
}

static void mark_stems(struct leftover_list *list) {
    for (size_t i = 0; i < list->n_items; i++)
        list->items[i].is_stem = false;
    for (size_t i = 0; i < list->n_items; i++) {
        if (!list->items[i].is_branch)
            continue;
        for (struct leftover *at = find_parent(list, &list->items[i]); at != NULL && !at->is_stem;
             at = find_parent(list, at))
            at->is_stem = true;
    }
}

int serving_mark(struct leftover_list *list, struct sock_diag *diag, const uint16_t *ports, size_t n_ports,
                 size_t *ret_n_served) {
    CLEANUP(search_deinit) struct search search = {.any = false};
    size_t n_served = 0;
    int r = find_listeners(&search, diag, ports, n_ports);
    int r_owners = 0;

    if (r >= 0 && search.listeners.n_items > 0)
        r_owners = find_owners(&search, list);
    /* Also after a failure: who is new may descend from one that is marked. */
    mark_branches(list);
    mark_stems(list);
    if (r != 0 || r_owners < 0)
        return r_owners < 0 ? r_owners : r;
    for (size_t i = 0; i < n_ports; i++)
        if (has_listener(&search, ports[i]))
            n_served++;
    *ret_n_served = n_served;
    return 0;
}

void serving_mark_all(struct leftover_list *list) {
    for (size_t i = 0; i < list->n_items; i++)
        list->items[i].is_branch = true;
}
