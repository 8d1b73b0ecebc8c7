/*
 * The descriptors of descendants. See own_sockets.h.
 */
#include "cli/own_sockets.h"

#include <stdbool.h>
#include <stdlib.h>

#include "probe/fd.h"
#include "probe/proc_file.h"
#include "probe/process_sockets.h"

/* Somebody may have a million descriptors open; a look must end. */
#define DESCRIPTORS_MAX ((size_t)1 << 18)

struct search {
    struct own_socket *sockets;
    size_t n_sockets;
    pid_t pid; /* whose descriptors are read */
};

static int compare_inodes(const void *a, const void *b) {
    const struct own_socket *one = a;
    const struct own_socket *other = b;

    return (one->inode > other->inode) - (one->inode < other->inode);
}

static void compare_with_wanted(void *context, uint32_t inode) {
    const struct search *search = context;
    struct own_socket *found = bsearch(&(const struct own_socket){.inode = inode}, search->sockets, search->n_sockets,
                                       sizeof *found, compare_inodes);

    if (found != NULL && found->pid == 0)
        found->pid = search->pid;
}

static int search_process(struct search *search, pid_t pid, size_t *n_fds_left) {
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    int r = process_fd;

    search->pid = pid;
    if (process_fd >= 0)
        r = process_sockets_read(process_fd, true, n_fds_left, compare_with_wanted, search);
    return r < 0 && proc_is_scarcity(r) ? r : 0;
}

static int compare_pids(const void *a, const void *b) {
    const struct descendant *one = a;
    const struct descendant *other = b;

    return (one->pid > other->pid) - (one->pid < other->pid);
}

/* More descendants than anybody can have are cut: of those that are known it can still be told. */
int own_sockets_find(struct own_socket *sockets, size_t n_sockets, const struct descendants *bystanders) {
    CLEANUP(descendants_deinit) struct descendants descendants = {.bystanders = bystanders};
    struct search search = {.sockets = sockets, .n_sockets = n_sockets};
    size_t n_fds_left = DESCRIPTORS_MAX;
    int r = descendants_look(&descendants);

    for (size_t i = 0; i < n_sockets; i++)
        sockets[i].pid = 0;
    if (r < 0 || n_sockets == 0 || descendants.n_items == 0)
        return r < 0 ? r : 0;
    qsort(descendants.items, descendants.n_items, sizeof *descendants.items, compare_pids);
    r = 0;
    for (size_t i = 0; r == 0 && i < descendants.n_items; i++)
        r = search_process(&search, descendants.items[i].pid, &n_fds_left);
    return r;
}
