/*
 * Stopping the process that listens on a port, and no other. The pidfd comes first: from then on the signal can reach one
 * process only, and all that is looked at meanwhile decides whether it is sent. What could change under the looking (the
 * socket, the uids, the identity) is looked at again at the end.
 */
#include "probe/process_stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "probe/fd.h"
#include "probe/owner_walk.h"

#define FIRST_PROCESS 1

/* Somebody with a million descriptors must not keep the loop of portd from others; a server has what it listens with among its first. */
#define DESCRIPTORS_MAX ((size_t)20000)

/* include/linux/sched.h: I am a kernel thread. Field 9 of /proc/PID/stat shows the flags (proc(5)). */
#define PF_KTHREAD  0x00200000UL
#define FIELD_FLAGS 9

static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGTERM, "TERM"}, {SIGINT, "INT"},   {SIGHUP, "HUP"},   {SIGQUIT, "QUIT"}, {SIGKILL, "KILL"},
    {SIGUSR1, "USR1"}, {SIGUSR2, "USR2"}, {SIGSTOP, "STOP"}, {SIGCONT, "CONT"},
};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

int process_signal_parse(const char *name) {
    const char *bare = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;
    for (size_t i = 0; i < N_SIGNALS; i++) {
        char number[8];
        snprintf(number, sizeof(number), "%d", signals[i].number);
        if (strcmp(bare, signals[i].name) == 0 || strcmp(name, number) == 0)
            return signals[i].number;
    }
    return 0;
}

const char *process_signal_name(int signal) {
    for (size_t i = 0; i < N_SIGNALS; i++)
        if (signals[i].number == signal)
            return signals[i].name;
    return NULL;
}

/* What was true of the process and its socket when they were looked at. */
struct look {
    struct process_id id;
    uid_t uid;        /* the process's */
    uid_t socket_uid; /* the listener's */
};

/* False also where that cannot be read: a kernel thread has nothing open, so it is no owner either. */
static bool is_kernel_thread(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char stat[2048];
    const ssize_t n_read = fd >= 0 ? read(fd, stat, sizeof(stat) - 1) : -1;
    if (n_read <= 0)
        return false;
    stat[n_read] = '\0';
    /* The name stands in parentheses, and may have parentheses and spaces of its own. */
    const char *at = strrchr(stat, ')');
    for (int field = 3; at && field <= FIELD_FLAGS; field++)
        at = strchr(at + 1, ' ');
    return at && (strtoul(at, NULL, 10) & PF_KTHREAD) != 0;
}

static int find_listener(struct sock_diag *diag, const struct process_stop *stop, uid_t *ret_uid) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    int r = sock_diag_dump(diag, SOCK_DIAG_LISTEN, stop->port, &list);
    if (r < 0)
        return r;
    for (size_t i = 0; stop->inode != 0 && i < list.n_items; i++) {
        const struct listener *listener = &list.items[i];
        if (listener->inode == stop->inode && listener->port == stop->port && listener->state == LISTENER_LISTEN) {
            *ret_uid = listener->uid;
            return 0;
        }
    }
    /* An interrupted dump proves no absence. */
    return r == 0 ? STOP_E_NOT_LISTENING : -EAGAIN;
}

/* Pins the process as it is now, and knows it by its start time. */
static int pin(const struct process_stop *stop, int *ret_pidfd, struct look *look) {
    int r = process_pin(stop->pid, ret_pidfd, &look->id, &look->uid);
    if (r == PROCESS_E_GONE)
        return STOP_E_GONE;
    if (r == -EACCES)
        return STOP_E_UNREADABLE;
    if (r < 0)
        return r;
    if (look->id.start_time != stop->start_time)
        return STOP_E_GONE;
    return is_kernel_thread(stop->pid) ? STOP_E_PROTECTED : 0;
}

static bool has_ended(int pidfd) {
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static int check_owner(const struct process_stop *stop, int pidfd) {
    bool readable = false;
    if (owner_has_socket(stop->pid, stop->inode, DESCRIPTORS_MAX, &readable))
        return 0;
    if (has_ended(pidfd))
        return STOP_E_GONE;
    return readable ? STOP_E_NOT_OWNER : STOP_E_UNREADABLE;
}

/* The second look: is all of it still as it was in the first? */
static int check_unchanged(struct sock_diag *diag, const struct process_stop *stop, const struct look *before) {
    struct look now = {0};
    int r = pin(stop, NULL, &now);
    if (r != 0)
        return r;
    if (!process_id_equal(&before->id, &now.id))
        return STOP_E_GONE;
    r = find_listener(diag, stop, &now.socket_uid);
    if (r != 0)
        return r;
    if (now.socket_uid != before->socket_uid)
        return STOP_E_NOT_OWNER;
    return now.uid == before->uid ? 0 : STOP_E_NOT_ALLOWED;
}

static int send_signal(int pidfd, int signal) {
    if (pidfd_send_signal(pidfd, signal, NULL, 0) == 0)
        return 0;
    if (errno == ESRCH)
        return STOP_E_GONE;
    return errno == EPERM ? STOP_E_NO_RIGHT : -errno;
}

int process_stop(struct sock_diag *diag, const struct process_stop *stop, int *ret_pidfd) {
    if (stop->pid == FIRST_PROCESS || stop->pid == getpid())
        return STOP_E_PROTECTED;
    if (!process_signal_name(stop->signal))
        return -EINVAL;

    CLEANUP(fd_close_at) int pidfd = -1;
    struct look before = {0};
    int r = pin(stop, &pidfd, &before);
    if (r == 0)
        r = find_listener(diag, stop, &before.socket_uid);
    if (r == 0 && stop->caller != 0 && stop->caller != before.uid)
        r = STOP_E_NOT_ALLOWED;
    if (r == 0)
        r = check_owner(stop, pidfd);
    if (r == 0)
        r = check_unchanged(diag, stop, &before);
    if (r == 0)
        r = send_signal(pidfd, stop->signal);
    if (r == 0 && ret_pidfd)
        *ret_pidfd = fd_take(&pidfd);
    return r;
}
