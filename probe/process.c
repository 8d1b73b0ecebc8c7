/*
 * Processes pinned by pidfd. Everything that is read from /proc is read between opening the pidfd and finding it alive,
 * so it is about one process only: a pid passes to another process after its own has ended, and never before.
 */
#include "probe/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "probe/fd.h"

/* The file system of pidfds from Linux 6.9 (linux/magic.h has it from then on). */
#define PIDFS_MAGIC 0x50494446

/* Reads the beginning of a /proc file into `ret_text`, NUL-terminated. Such a file is made anew by each read(), so it is
 * read with one. Returns 0 or -errno. */
static int read_text(const char *path, char *ret_text, size_t size) {
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n_read;
    do
        n_read = read(fd, ret_text, size - 1);
    while (n_read < 0 && errno == EINTR);
    if (n_read < 0)
        return -errno;
    ret_text[n_read] = '\0';
    return 0;
}

int process_read_boot_id(char *ret_boot_id) {
    char text[PROCESS_BOOT_ID_MAX + 1]; /* and the newline */
    int r = read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text));
    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    if (strlen(text) != PROCESS_BOOT_ID_MAX - 1)
        return -EBADMSG;
    memcpy(ret_boot_id, text, PROCESS_BOOT_ID_MAX);
    return 0;
}

/* A decimal number after white space. Returns 0, or -EBADMSG: /proc does not read as it should. */
static int parse_number(const char *text, uint64_t *ret_number) {
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (end == text || errno != 0)
        return -EBADMSG;
    *ret_number = number;
    return 0;
}

/* The name stands in parentheses and may have parentheses and spaces of its own, so counting starts after the last ')':
 * field 3 follows the first space behind it. */
static int parse_start_time(const char *stat, uint64_t *ret_start_time) {
    const int field_start_time = 22;
    const char *at = strrchr(stat, ')');
    if (!at)
        return -EBADMSG;
    for (int field = 3; field <= field_start_time; field++) {
        at = strchr(at + 1, ' ');
        if (!at)
            return -EBADMSG;
    }
    return parse_number(at, ret_start_time);
}

static int read_start_time(pid_t pid, uint64_t *ret_start_time) {
    char path[64];
    char stat[2048];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int r = read_text(path, stat, sizeof(stat));
    return r < 0 ? r : parse_start_time(stat, ret_start_time);
}

/* The first number of the line "Uid: real effective saved file-system". The name, one line above, cannot forge it: its
 * newlines are escaped. */
static int read_real_uid(pid_t pid, uid_t *ret_uid) {
    char path[64];
    char status[2048];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    int r = read_text(path, status, sizeof(status));
    if (r < 0)
        return r;
    static const char label[] = "\nUid:";
    const char *line = strstr(status, label);
    uint64_t uid = 0;
    if (!line || parse_number(line + strlen(label), &uid) < 0)
        return -EBADMSG;
    *ret_uid = (uid_t)uid;
    return 0;
}

static int read_pidfd_inode(int pidfd, uint64_t *ret_inode) {
    struct statfs file_system;
    struct stat status;
    if (fstatfs(pidfd, &file_system) < 0 || fstat(pidfd, &status) < 0)
        return -errno;
    /* Before pidfs all pidfds share the one inode of anonymous files. */
    *ret_inode = file_system.f_type == PIDFS_MAGIC ? status.st_ino : 0;
    return 0;
}

/* A pidfd is readable once the whole process has ended, and from then on; a zombie's too. Returns 1, 0 or -errno. */
static int has_ended(int pidfd) {
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    int r;
    do
        r = poll(&poll_fd, 1, 0);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : r;
}

static int open_pidfd(pid_t pid) {
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pidfd >= 0)
        return pidfd;
    /* EINVAL (older kernels) and ENOENT: the number is a thread's, or is only a group's or session's any more. */
    if (pid <= 0 || errno == ESRCH || errno == EINVAL || errno == ENOENT)
        return -ESRCH;
    return -errno;
}

static int read_identity(pid_t pid, int pidfd, struct process_id *id, uid_t *uid) {
    id->pid = pid;
    int r = read_start_time(pid, &id->start_time);
    if (r == 0)
        r = read_pidfd_inode(pidfd, &id->pidfd_inode);
    if (r == 0)
        r = read_real_uid(pid, uid);
    return r;
}

int process_pin(pid_t pid, int *ret_pidfd, struct process_id *ret_id, uid_t *ret_uid) {
    CLEANUP(fd_close_at) int pidfd = open_pidfd(pid);
    if (pidfd == -ESRCH)
        return PROCESS_E_GONE;
    if (pidfd < 0)
        return pidfd;

    struct process_id id = {0};
    uid_t uid = 0;
    const int r_read = read_identity(pid, pidfd, &id, &uid);
    const int r_ended = has_ended(pidfd);
    if (r_ended != 0)
        return r_ended < 0 ? r_ended : PROCESS_E_GONE;
    /* It lives, and /proc does not show it: hidepid=, or no /proc of this pid namespace. */
    if (r_read == -ENOENT || r_read == -ESRCH)
        return -EACCES;
    if (r_read < 0)
        return r_read;

    if (ret_id)
        *ret_id = id;
    if (ret_uid)
        *ret_uid = uid;
    if (ret_pidfd)
        *ret_pidfd = fd_take(&pidfd);
    return 0;
}

int process_pin_again(const struct process_id *id, int *ret_pidfd) {
    struct process_id found;
    CLEANUP(fd_close_at) int pidfd = -1;
    int r = process_pin(id->pid, &pidfd, &found, NULL);
    if (r != 0)
        return r;
    if (!process_id_equal(id, &found))
        return PROCESS_E_GONE;
    if (ret_pidfd)
        *ret_pidfd = fd_take(&pidfd);
    return 0;
}

bool process_id_equal(const struct process_id *a, const struct process_id *b) {
    return a->pid != 0 && a->pid == b->pid && a->start_time == b->start_time && a->pidfd_inode == b->pidfd_inode;
}
