/*
 * Finding descendants: down the kernel's lists of children, or by the parents of all processes. See descendants.h.
 */
#include "cli/descendants.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "probe/proc_file.h"

/* The list of one thread's children: of some hundred thousand. */
#define CHILDREN_TEXT_MAX ((size_t)1 << 20)

/* No tree is deeper; a climb that does not end is one in a /proc that is none. */
#define DEPTH_MAX 65536

void descendants_deinit(struct descendants *list) {
    free(list->items);
    *list = (struct descendants){.items = NULL};
}

/* What a process is to us that has ended, or that another user's /proc hides: not there. */
static int forgive(int r) {
    return proc_is_scarcity(r) ? r : 0;
}

static bool has(const struct descendants *list, pid_t pid) {
    for (size_t i = 0; i < list->n_items; i++)
        if (list->items[i].pid == pid)
            return true;
    return false;
}

/* Not bounded: the list of all processes is one, too. */
static int add(struct descendants *list, const struct descendant *descendant) {
    if (list->n_items == list->capacity) {
        const size_t capacity = list->capacity > 0 ? list->capacity * 2 : 64;
        struct descendant *items = realloc(list->items, capacity * sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n_items++] = *descendant;
    return 0;
}

static bool is_bystander(const struct descendants *list, const struct descendant *descendant) {
    const struct descendants *bystanders = list->bystanders;

    for (size_t i = 0; bystanders != NULL && i < bystanders->n_items; i++)
        if (bystanders->items[i].pid == descendant->pid && bystanders->items[i].start_time == descendant->start_time)
            return true;
    return false;
}

static int add_descendant(struct descendants *list, const struct descendant *descendant) {
    if (has(list, descendant->pid) || is_bystander(list, descendant))
        return 0;
    return list->n_items == DESCENDANTS_MAX ? DESCENDANTS_E_CUT : add(list, descendant);
}

static int read_process(pid_t pid, struct descendant *ret_descendant) {
    CLEANUP(fd_close_at) int fd = proc_open_process(pid);
    struct proc_stat stat;
    int r = fd < 0 ? fd : proc_read_stat(fd, &stat);

    if (r < 0)
        return r;
    *ret_descendant = (struct descendant){
        .pid = pid, .parent = stat.parent, .start_time = stat.start_time, .is_ending = stat.is_ending};
    memcpy(ret_descendant->name, stat.name, sizeof stat.name);
    return 0;
}

/* ---- down the lists of children ---- */

/* One that /proc hides (hidepid=) is a child all the same: its number is known, and nothing else of it. */
static int add_child(struct descendants *list, pid_t pid, pid_t parent) {
    struct descendant child = {.pid = pid, .parent = parent};
    int r = read_process(pid, &child);

    if (proc_is_scarcity(r))
        return r;
    return add_descendant(list, &child);
}

static int add_listed(struct descendants *list, char *text, pid_t parent) {
    int r = 0;

    for (char *word; r == 0 && (word = strsep(&text, " ")) != NULL;) {
        uint64_t pid;
        if (proc_parse_number(word, &pid) == 0 && pid > 0 && pid <= INT32_MAX)
            r = add_child(list, (pid_t)pid, parent);
    }
    return r;
}

static int add_children_of_thread(struct descendants *list, int task_fd, const char *thread, pid_t parent) {
    CLEANUP(proc_free_at) char *text = NULL;
    size_t length;
    char path[64];
    int r;

    snprintf(path, sizeof path, "%.20s/children", thread);
    r = proc_read_all(task_fd, path, CHILDREN_TEXT_MAX, &text, &length);
    return r < 0 ? forgive(r) : add_listed(list, text, parent);
}

/* A child is its maker's, and each thread can make some. */
static int add_children(struct descendants *list, pid_t parent) {
    CLEANUP(fd_close_at) int fd = proc_open_process(parent);
    CLEANUP(proc_close_dir_at) DIR *threads = NULL;
    const struct dirent *entry;
    int r = fd < 0 ? fd : proc_open_dir(fd, "task", &threads);

    if (r < 0)
        return forgive(r);
    while (r == 0 && (entry = readdir(threads)) != NULL)
        if (proc_is_number(entry->d_name))
            r = add_children_of_thread(list, dirfd(threads), entry->d_name, parent);
    return r;
}

static int look_down(struct descendants *list) {
    int r = add_children(list, getpid());

    for (size_t i = 0; r == 0 && i < list->n_items; i++)
        r = add_children(list, list->items[i].pid);
    return r;
}

/* ---- all processes ---- */

static int read_all_processes(struct descendants *all) {
    CLEANUP(proc_close_dir_at) DIR *folder = NULL;
    const struct dirent *entry;
    int r = proc_open_dir(AT_FDCWD, "/proc", &folder);

    while (r == 0 && (entry = readdir(folder)) != NULL) {
        struct descendant process;
        if (!proc_is_number(entry->d_name))
            continue;
        r = read_process((pid_t)strtol(entry->d_name, NULL, 10), &process);
        r = r < 0 ? forgive(r) : add(all, &process);
    }
    return r;
}

static int add_children_among(struct descendants *list, const struct descendants *all, pid_t parent) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < all->n_items; i++)
        if (all->items[i].parent == parent)
            r = add_descendant(list, &all->items[i]);
    return r;
}

static int look_among(struct descendants *list, const struct descendants *all) {
    int r = add_children_among(list, all, getpid());

    for (size_t i = 0; r == 0 && i < list->n_items; i++)
        r = add_children_among(list, all, list->items[i].pid);
    return r;
}

/* ---- both ---- */

static int check_proc(void) {
    char text[16];
    const ssize_t length = readlink("/proc/self", text, sizeof text - 1);

    if (length < 0)
        return -ENXIO;
    text[length] = '\0';
    return strtol(text, NULL, 10) == getpid() ? 0 : -ENXIO;
}

static bool has_lists_of_children(void) {
    char path[64];

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    return access(path, F_OK) == 0;
}

bool descendants_has_children(void) {
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int descendants_look_everywhere(struct descendants *list) {
    CLEANUP(descendants_deinit) struct descendants all = {.items = NULL};
    int r = check_proc();

    list->n_items = 0;
    if (r == 0)
        r = read_all_processes(&all);
    return r == 0 ? look_among(list, &all) : r;
}

int descendants_look(struct descendants *list) {
    int r = check_proc();

    list->n_items = 0;
    if (r < 0)
        return r;
    return has_lists_of_children() ? look_down(list) : descendants_look_everywhere(list);
}

/* ---- one ---- */

/*
 * Moves *process_fd, a folder of /proc, to its parent's. A parent that is still the parent after its folder was opened is no other process that
 * got its pid. Returns 0 and the parent's pid; 0 and 0 if there is none, or -errno.
 */
static int climb(int *process_fd, pid_t *ret_parent) {
    struct proc_stat before;
    struct proc_stat after;
    int r;

    do {
        CLEANUP(fd_close_at) int parent_fd = -1;

        r = proc_read_stat(*process_fd, &before);
        if (r < 0)
            return r;
        if (before.parent > 0)
            parent_fd = proc_open_process(before.parent);
        if (parent_fd < 0 && proc_is_scarcity(parent_fd))
            return parent_fd;
        r = proc_read_stat(*process_fd, &after);
        if (r == 0 && after.parent == before.parent) {
            fd_close_at(process_fd);
            *process_fd = fd_take(&parent_fd);
        }
    } while (r == 0 && after.parent != before.parent);
    *ret_parent = r == 0 ? after.parent : 0;
    return r;
}

/* Returns 0, DESCENDANTS_E_GONE or -errno. */
static int check_descent(pid_t pid) {
    CLEANUP(fd_close_at) int fd = proc_open_process(pid);
    pid_t parent = pid;
    int r = fd < 0 ? fd : 0;

    for (int depth = 0; r == 0 && fd >= 0 && depth < DEPTH_MAX; depth++) {
        r = climb(&fd, &parent);
        if (r == 0 && parent == getpid())
            return 0;
    }
    return proc_is_scarcity(r) ? r : DESCENDANTS_E_GONE;
}

int descendants_pin(pid_t pid, int *ret_pidfd, struct process_id *ret_id) {
    CLEANUP(fd_close_at) int pidfd = -1;
    struct process_id id;
    int r = process_pin(pid, &pidfd, &id, NULL);

    if (r == 0)
        r = check_descent(pid);
    /* Only while it lives the pid was its own in all that was read. */
    if (r == 0)
        r = process_has_ended(pidfd);
    if (r != 0)
        return r < 0 ? r : DESCENDANTS_E_GONE;
    *ret_pidfd = fd_take(&pidfd);
    *ret_id = id;
    return 0;
}
