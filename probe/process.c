/*
 * Processes pinned by pidfd. Everything that is read from /proc is read between opening the pidfd and finding it alive,
 * so it is about one process only: a pid passes to another process after its own has ended, and never before.
 */
#include "probe/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "probe/fd.h"
#include "probe/proc_file.h"

/* The file system of pidfds from Linux 6.9 (linux/magic.h has it from then on). */
#define PIDFS_MAGIC 0x50494446

int process_read_boot_id(char *ret_boot_id) {
    char text[PROCESS_BOOT_ID_MAX + 1]; /* and the newline */
    int r = proc_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));
    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    if (strlen(text) != PROCESS_BOOT_ID_MAX - 1)
        return -EBADMSG;
    memcpy(ret_boot_id, text, PROCESS_BOOT_ID_MAX);
    return 0;
}

/* The first number of the line "Uid: real effective saved file-system". The name, one line above, cannot forge it: its
 * newlines are escaped. */
static int read_real_uid(int process_fd, uid_t *ret_uid) {
    char status[2048];
    int r = proc_read_text(process_fd, "status", status, sizeof(status));
    if (r < 0)
        return r;
    static const char label[] = "\nUid:";
    const char *line = strstr(status, label);
    uint64_t uid = 0;
    if (!line || proc_parse_number(line + strlen(label), &uid) < 0)
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

int process_has_ended(int pidfd) {
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
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    if (process_fd < 0)
        return process_fd;
    struct proc_stat stat;
    int r = proc_read_stat(process_fd, &stat);
    if (r == 0)
        r = read_pidfd_inode(pidfd, &id->pidfd_inode);
    if (r == 0)
        r = read_real_uid(process_fd, uid);
    if (r < 0)
        return r;
    id->pid = pid;
    id->start_time = stat.start_time;
    return 0;
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
    const int r_ended = process_has_ended(pidfd);
    if (r_ended != 0)
        return r_ended < 0 ? r_ended : PROCESS_E_GONE;
    /* It lives, and /proc does not show it: hidepid=, or no /proc of this pid namespace. */
    if (r_read == -ENOENT || r_read == -ESRCH || r_read == -EPERM)
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

int process_read_parent(pid_t pid, char *ret_name, pid_t *ret_parent) {
    CLEANUP(fd_close_at) int fd = proc_open_process(pid);
    struct proc_stat stat;
    if (fd < 0)
        return fd;
    int r = proc_read_stat(fd, &stat);
    if (r < 0)
        return r;
    memcpy(ret_name, stat.name, PROCESS_NAME_MAX);
    *ret_parent = stat.parent;
    return 0;
}
