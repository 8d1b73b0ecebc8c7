/*
 * Signals as events. See run_signals.h.
 */
#include "cli/run_signals.h"

#include <errno.h>
#include <stddef.h>

#include "probe/fd.h"

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

#define N_ENDING (sizeof ending / sizeof ending[0])

bool run_signals_asks_to_end(const struct run_signals *signals, int number) {
    return sigismember(&signals->ending, number) == 1;
}

void run_signals_find_ending(sigset_t *ret_set) {
    sigemptyset(ret_set);
    for (size_t i = 0; i < N_ENDING; i++) {
        struct sigaction action;
        if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(ret_set, ending[i]);
    }
}

void run_signals_allow_stop(bool allow) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGTTIN);
    sigaddset(&set, SIGTTOU);
    sigprocmask(allow ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

int run_signals_take(struct run_signals *signals) {
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigset_t all;

    *signals = (struct run_signals){.fd = -1, .ending_fd = -1};
    sigfillset(&all);
    /* An ignored SIGCHLD would reap the child unseen. */
    if (sigprocmask(SIG_BLOCK, &all, &signals->mask) < 0 || sigaction(SIGCHLD, &by_default, &signals->on_child) < 0 ||
        sigaction(SIGPIPE, &ignored, &signals->on_pipe) < 0)
        return -errno;
    signals->fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    run_signals_find_ending(&signals->ending);
    signals->ending_fd = signalfd(-1, &signals->ending, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals->fd < 0 || signals->ending_fd < 0 ? -errno : 0;
}

void run_signals_restore(const struct run_signals *signals) {
    sigaction(SIGCHLD, &signals->on_child, NULL);
    sigaction(SIGPIPE, &signals->on_pipe, NULL);
    sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

void run_signals_deinit(struct run_signals *signals) {
    fd_close_at(&signals->fd);
    fd_close_at(&signals->ending_fd);
}

bool run_signals_read(int fd, struct signalfd_siginfo *ret_info) {
    return read(fd, ret_info, sizeof *ret_info) == (ssize_t)sizeof *ret_info;
}
