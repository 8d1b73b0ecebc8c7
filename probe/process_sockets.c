/*
 * Descriptors of a process. It may close them, or end, while they are read.
 */
#include "probe/process_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "probe/owner_walk.h"
#include "probe/proc_file.h"

/* "socket:[4242]". Returns the inode, or 0 for what is no socket. */
static uint32_t parse_link(const char *link) {
    static const char prefix[] = "socket:[";
    uint64_t inode = 0;
    if (strncmp(link, prefix, strlen(prefix)) != 0 || proc_parse_number(link + strlen(prefix), &inode) < 0 ||
        inode > UINT32_MAX)
        return 0;
    return (uint32_t)inode;
}

struct reading {
    process_sockets_function found;
    void *context;
    size_t n_fds_left;
    bool is_empty; /* no descriptor was there */
};

/* To be out of descriptors or memory is a failure; to have ended meanwhile is to have nothing open. */
static int answer_to(int error) {
    if (error == EACCES || error == EPERM)
        return PROCESS_SOCKETS_E_HIDDEN;
    return proc_is_scarcity(-error) ? -error : 0;
}

static int read_link(int folder_fd, const char *name, struct reading *reading) {
    char link[32];
    const ssize_t length = readlinkat(folder_fd, name, link, sizeof(link) - 1);
    if (length < 0)
        return answer_to(errno);
    link[length] = '\0';
    const uint32_t inode = parse_link(link);
    if (inode != 0)
        reading->found(reading->context, inode);
    return 0;
}

static int read_descriptors(int process_fd, const char *folder, struct reading *reading) {
    CLEANUP(proc_close_dir_at) DIR *descriptors = NULL;
    int r = proc_open_dir(process_fd, folder, &descriptors);
    if (r < 0)
        return answer_to(-r);
    const struct dirent *entry;
    while (r == 0 && (entry = readdir(descriptors))) {
        if (!proc_is_number(entry->d_name))
            continue;
        reading->is_empty = false;
        if (reading->n_fds_left == 0)
            return PROCESS_SOCKETS_E_CUT;
        reading->n_fds_left--;
        r = read_link(dirfd(descriptors), entry->d_name, reading);
    }
    return r;
}

/* The thread that began a process can end before the others, and shows no descriptors from then on: any other one does. */
static int read_other_threads(int process_fd, struct reading *reading) {
    CLEANUP(proc_close_dir_at) DIR *threads = NULL;
    int r = proc_open_dir(process_fd, "task", &threads);
    if (r < 0)
        return answer_to(-r);
    const struct dirent *entry;
    while (r >= 0 && reading->is_empty && (entry = readdir(threads))) {
        char folder[64];
        if (!proc_is_number(entry->d_name))
            continue;
        snprintf(folder, sizeof(folder), "task/%.20s/fd", entry->d_name);
        r = read_descriptors(process_fd, folder, reading);
    }
    return r < 0 || !reading->is_empty ? r : 0;
}

static int read_all(int process_fd, bool is_own, struct reading *reading) {
    int r = read_descriptors(process_fd, "fd", reading);
    /* Of others' processes it is not worth the look: the threads are as hidden as the first one. */
    if (r < 0 || !reading->is_empty || (r == PROCESS_SOCKETS_E_HIDDEN && !is_own))
        return r;
    struct proc_stat stat;
    int r_stat = proc_read_stat(process_fd, &stat);
    if (r_stat < 0)
        return proc_is_scarcity(r_stat) ? r_stat : 0;
    return stat.is_ending ? read_other_threads(process_fd, reading) : r;
}

int process_sockets_read(int process_fd, bool is_own, size_t *n_fds_left, process_sockets_function found,
                         void *context) {
    struct reading reading = {.found = found, .context = context, .n_fds_left = *n_fds_left, .is_empty = true};
    int r = read_all(process_fd, is_own, &reading);
    *n_fds_left = reading.n_fds_left;
    return r;
}

/* ---- one of them ---- */

struct wanted {
    uint32_t inode;
    bool is_open;
};

static void compare(void *context, uint32_t inode) {
    struct wanted *wanted = context;
    wanted->is_open = wanted->is_open || wanted->inode == inode;
}

bool owner_has_socket(pid_t pid, uint32_t inode, size_t max_fds, bool *ret_readable) {
    struct wanted wanted = {.inode = inode};
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    const bool is_readable = process_fd >= 0 && process_sockets_read(process_fd, true, &max_fds, compare, &wanted) == 0;
    if (ret_readable)
        *ret_readable = is_readable;
    return wanted.is_open;
}
