/*
 * Stopping the process that listens on a port, and no other: every part of what the caller saw is checked again behind a
 * pidfd, right before the signal.
 */
#ifndef PROBE_PROCESS_STOP_H
#define PROBE_PROCESS_STOP_H

#include "probe/process.h"
#include "probe/sock_diag.h"

struct process_stop {
    uint16_t port;
    pid_t pid;
    uint64_t start_time;
    uint32_t inode;
    int signal;
    uid_t caller; /* on whose behalf: the process must be this uid's, unless it is root's */
};

/*
 * In this order: pins the pid and compares the start time; finds the inode among the port's listeners (LISTEN; a client's or a
 * connection's socket never counts); checks the caller's right; finds that the process has it open; looks a second time, and
 * finds the identity, the socket's uid and the process's as they were at the beginning; and sends the signal by the pidfd. The right
 * comes before the descriptors, so that another uid's process is told as such also where it cannot be read.
 * Returns 0 and *ret_pidfd (may be NULL), readable when the process has ended, the caller's to close;
 *   STOP_E_PROTECTED      pid 1, this process itself, or a kernel thread,
 *   STOP_E_GONE           there is no such process any more, or its start time is another: the pid was used again,
 *   STOP_E_NOT_LISTENING  no listener with this inode is on the port any more,
 *   STOP_E_NOT_OWNER      the process does not have it open,
 *   STOP_E_UNREADABLE     whether it has it open cannot be seen: its descriptors may not be read, or are
 *                         too many,
 *   STOP_E_NOT_ALLOWED    the process is another uid's,
 *   STOP_E_NO_RIGHT       the kernel does not let this process send it (EPERM),
 *   -errno (-EINVAL: a signal without a name here; -EAGAIN: the kernel's answer was interrupted again and again).
 */
enum {
    STOP_E_PROTECTED = 1,
    STOP_E_GONE,
    STOP_E_NOT_LISTENING,
    STOP_E_NOT_OWNER,
    STOP_E_UNREADABLE,
    STOP_E_NOT_ALLOWED,
    STOP_E_NO_RIGHT,
};
int process_stop(struct sock_diag *diag, const struct process_stop *stop, int *ret_pidfd);

/* "TERM", "SIGTERM" or "15": TERM, INT, HUP, QUIT, KILL, USR1, USR2, STOP and CONT. Returns the number, or 0 if it is none of these. */
int process_signal_parse(const char *name);

/* "TERM". NULL if it is none of these. Static. */
const char *process_signal_name(int signal);

#endif
