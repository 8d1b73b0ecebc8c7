/*
 * The signals of `run`. From the fork on all are blocked and read as events: no handler, no race between a signal and a wait. The program gets back the
 * mask and the dispositions that portctl was started with.
 */
#ifndef CLI_RUN_SIGNALS_H
#define CLI_RUN_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>

struct run_signals {
    int fd;          /* every signal */
    int ending_fd;   /* readable when one of `ending` waits */
    sigset_t ending; /* see run_signals_find_ending() */
    sigset_t mask;   /* as it was, like the dispositions below */
    struct sigaction on_child;
    struct sigaction on_pipe;
};

/* The signals that end a program unless it is told otherwise: INT, TERM, HUP and QUIT. Those that were ignored when we were started (nohup) are not
 * ours to obey. */
void run_signals_find_ending(sigset_t *ret_set);

/* Blocks all. SIGCHLD and SIGPIPE are set so that a child's end is seen, and a broken standard error ends no lease. Returns 0 or -errno. */
int run_signals_take(struct run_signals *signals);

/* In the child: all as it was. */
void run_signals_restore(const struct run_signals *signals);

/* Closes the descriptors; the signals stay blocked. */
void run_signals_deinit(struct run_signals *signals);

/* Reads the next one that waits. Returns false if none does. */
bool run_signals_read(int fd, struct signalfd_siginfo *ret_info);

/* True if the signal asks to end, and was not ignored when we were started. */
bool run_signals_asks_to_end(const struct run_signals *signals, int number);

/* While the program has not begun a stop (Ctrl-Z) is portctl's own: it stops as any process does. To be called with false before it begins. */
void run_signals_allow_stop(bool allow);

#endif
