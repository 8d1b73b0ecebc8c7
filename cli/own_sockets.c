/*
 * Parents, descendants, descriptors. See own_sockets.h.
 */
#include "cli/own_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "probe/fd.h"
#include "probe/proc_file.h"
#include "probe/process_sockets.h"

/* Somebody may have a million descriptors open; a look must end. */
#define DESCRIPTORS_MAX ((size_t)1 << 18)

struct process {
    pid_t pid;
    pid_t parent;
    bool is_ours;
};

struct processes {
    struct process *items;
    size_t n_items;
    size_t capacity;
};

static void processes_deinit(struct processes *processes) {
    free(processes->items);
    *processes = (struct processes){0};
}

static int add(struct processes *processes, const struct process *process) {
    if (processes->n_items == processes->capacity) {
        const size_t capacity = processes->capacity > 0 ? 2 * processes->capacity : 256;
        struct process *grown = realloc(processes->items, capacity * sizeof *grown);

        if (grown == NULL)
            return -ENOMEM;
        processes->items = grown;
        processes->capacity = capacity;
    }
    processes->items[processes->n_items++] = *process;
    return 0;
}

static int read_process(pid_t pid, struct processes *processes) {
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    struct proc_stat stat;
    int r = process_fd < 0 ? process_fd : proc_read_stat(process_fd, &stat);

    if (r < 0)
        return proc_is_scarcity(r) ? r : 0;
    return add(processes, &(const struct process){.pid = pid, .parent = stat.parent});
}

static int compare_pids(const void *a, const void *b) {
    const struct process *one = a;
    const struct process *other = b;

    return (one->pid > other->pid) - (one->pid < other->pid);
}

static int read_processes(struct processes *processes) {
    CLEANUP(proc_close_dir_at) DIR *dir = NULL;
    const struct dirent *entry;
    int r = proc_open_dir(AT_FDCWD, "/proc", &dir);

    while (r == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t pid;
        if (proc_is_number(entry->d_name) && proc_parse_number(entry->d_name, &pid) == 0)
            r = read_process((pid_t)pid, processes);
    }
    if (processes->n_items > 0)
        qsort(processes->items, processes->n_items, sizeof *processes->items, compare_pids);
    return r;
}

static bool is_ours(const struct processes *processes, pid_t pid) {
    const struct process *found = NULL;

    if (pid == getpid())
        return true;
    if (processes->n_items > 0)
        found = bsearch(&(const struct process){.pid = pid}, processes->items, processes->n_items, sizeof *found,
                        compare_pids);
    return found != NULL && found->is_ours;
}

/* A parent has mostly the lower pid, so one pass is mostly enough; the second sees that it was. */
static void mark_ours(struct processes *processes) {
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < processes->n_items; i++) {
            struct process *process = &processes->items[i];
            if (!process->is_ours && is_ours(processes, process->parent))
                process->is_ours = changed = true;
        }
    }
}

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

int own_sockets_find(struct own_socket *sockets, size_t n_sockets) {
    CLEANUP(processes_deinit) struct processes processes = {0};
    struct search search = {.sockets = sockets, .n_sockets = n_sockets};
    size_t n_fds_left = DESCRIPTORS_MAX;
    int r = read_processes(&processes);

    for (size_t i = 0; i < n_sockets; i++)
        sockets[i].pid = 0;
    if (r < 0 || n_sockets == 0)
        return r;
    mark_ours(&processes);
    for (size_t i = 0; r == 0 && i < processes.n_items; i++)
        if (processes.items[i].is_ours)
            r = search_process(&search, processes.items[i].pid, &n_fds_left);
    return r;
}
