/*
 * Who has a socket open? The kernel's table knows inodes and no processes, so the only way is to read what descriptors
 * the processes have. Each process is read through one descriptor of its /proc folder, which dies with the process and
 * never shows another one that got its pid.
 */
#include "probe/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/fd.h"

struct search {
    char link[32]; /* what the descriptor's link reads: "socket:[4242]" */
    size_t n_fds_left;
    struct process_owner owner;
};

static void dir_close_at(DIR **dir) {
    if (*dir)
        closedir(*dir);
    *dir = NULL;
}

/* Processes end, and hide, while they are searched: that is no failure. To be out of descriptors or memory is. */
static int answer_from_errno(void) {
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : PROCESS_E_HIDDEN;
}

static int open_dir_at(int dir_fd, const char *name, DIR **ret_dir) {
    CLEANUP(fd_close_at) int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return answer_from_errno();
    DIR *dir = fdopendir(fd);
    if (!dir)
        return answer_from_errno();
    fd_take(&fd);
    *ret_dir = dir;
    return 0;
}

static bool is_number(const char *name) {
    return name[0] >= '0' && name[0] <= '9';
}

static int search_descriptors(struct search *search, int process_fd) {
    CLEANUP(dir_close_at) DIR *descriptors = NULL;
    int r = open_dir_at(process_fd, "fd", &descriptors);
    if (r != 0)
        return r;

    const struct dirent *entry;
    while (search->n_fds_left > 0 && (entry = readdir(descriptors))) {
        if (!is_number(entry->d_name))
            continue;
        search->n_fds_left--;
        char link[sizeof(search->link)];
        ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, link, sizeof(link) - 1);
        if (length < 0)
            continue;
        link[length] = '\0';
        if (strcmp(link, search->link) == 0)
            return 0;
    }
    return PROCESS_E_HIDDEN;
}

/* Not iscntrl(): what is a control character must not depend on the locale. */
static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* The name is what the process says it is, and goes to terminals and logs. */
static int read_name(int process_fd, char *ret_name) {
    char name[PROCESS_NAME_MAX] = {0};
    CLEANUP(fd_close_at) int fd = openat(process_fd, "comm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return answer_from_errno();
    ssize_t length = read(fd, name, sizeof(name));
    if (length < 0)
        return answer_from_errno();
    if (length == 0)
        return PROCESS_E_HIDDEN;
    /* The last byte is the file's newline, or one too many of a kernel thread's longer name. Other newlines are the
     * name's own. */
    name[length - 1] = '\0';
    for (char *c = name; *c; c++)
        if (is_control(*c))
            *c = '?';
    memcpy(ret_name, name, sizeof(name));
    return 0;
}

/* Searches the process whose folder in /proc is `folder`, if its belonging to `uid` is as `wanted`. */
static int search_process(struct search *search, int proc_fd, const char *folder, uid_t uid, bool wanted) {
    CLEANUP(fd_close_at) int process_fd = openat(proc_fd, folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process_fd < 0)
        return answer_from_errno();
    struct stat status;
    if (fstat(process_fd, &status) < 0)
        return answer_from_errno();
    if ((status.st_uid == uid) != wanted)
        return PROCESS_E_HIDDEN;

    int r = search_descriptors(search, process_fd);
    if (r == 0)
        r = read_name(process_fd, search->owner.name);
    if (r == 0)
        search->owner.pid = (pid_t)strtol(folder, NULL, 10);
    return r;
}

int process_find_owner(uint32_t inode, uid_t uid, size_t max_fds, struct process_owner *ret_owner) {
    if (inode == 0)
        return PROCESS_E_HIDDEN;
    struct search search = {.n_fds_left = max_fds};
    snprintf(search.link, sizeof(search.link), "socket:[%u]", inode);
    CLEANUP(dir_close_at) DIR *processes = opendir("/proc");
    if (!processes)
        return -errno;

    for (int round = 0; round < 2; round++) {
        const bool of_uid = round == 0;
        rewinddir(processes);
        const struct dirent *entry;
        while (search.n_fds_left > 0 && (entry = readdir(processes))) {
            if (!is_number(entry->d_name))
                continue;
            int r = search_process(&search, dirfd(processes), entry->d_name, uid, of_uid);
            if (r < 0)
                return r;
            if (r == 0) {
                *ret_owner = search.owner;
                return 0;
            }
        }
    }
    return PROCESS_E_HIDDEN;
}
