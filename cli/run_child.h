/*
 * The program of `run`: forked before the lease is asked for, so that its pid can be the holder; started once there is a
 * port; watched until it has ended.
 *
 * It stays in portctl's process group and keeps the terminal, as if the shell had started it. From the fork on all signals
 * are blocked here and read as events: no handler, no race between a signal and a wait. The program gets back the signal
 * mask and the dispositions that portctl was started with.
 */
#ifndef CLI_RUN_CHILD_H
#define CLI_RUN_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/keeper.h"

/* What the program is told besides its port. Borrowed; host may be NULL. */
struct run_program {
    char **argv; /* the program first, NULL last */
    const char *variable;
    const char *host;
    const char *service_name;
};

struct run_child {
    pid_t pid;
    int channel;   /* to the child: the port; from it: why it cannot start; closed by a successful exec. -1: closed */
    int signal_fd; /* every signal */
    int stop_fd;   /* readable when a signal waits that asks to end: for the time before the program has begun */
    sigset_t mask; /* as it was, like the dispositions below */
    struct sigaction on_child;
    struct sigaction on_pipe;
    bool terminal_ended[2]; /* SIGINT, SIGQUIT came from the terminal while the program ran */
    int status;             /* of waitpid(), once it has ended */
    bool ended;
    int exec_error; /* why the program could not be started; 0: it was, or was not tried */
};

/* Blocks all signals and forks the child, which waits. Returns 0 or -errno. */
int run_child_fork(struct run_child *child, const struct run_program *program);

/* Lets the child become its program. Returns 0 or -errno. */
int run_child_start(struct run_child *child, uint16_t port, uint64_t lease_id);

/* Forwards signals, follows stops, and keeps the lease until the child has ended. */
void run_child_watch(struct run_child *child, struct keeper *keeper);

/* To be called when it has ended. What it left behind may be a server on its way into the background, which forks once more, and is adopted by us:
 * waits until no more of these come and go, for a second at most. So portd sees whose they are while we are still there. */
void run_child_settle(struct run_child *child);

/* Ends a child that was not started, and waits for it. Returns true if a signal asked us to stop meanwhile: then
 * run_child_exit_code() speaks as if the program had ended of it. */
bool run_child_abandon(struct run_child *child);

/* Closes the descriptors. */
void run_child_deinit(struct run_child *child);

/*
 * The exit code for how the program ended. If Ctrl-C or Ctrl-\ ended it, this process ends of the same signal and does not
 * return: to a shell that is 128+n as well, and only so does it end its loop and not go on with the next command.
 */
int run_child_exit_code(const struct run_child *child);

#endif
