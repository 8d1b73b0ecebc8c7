/*
 * The child of `run`: forked before the lease is asked for, so that its pid can be the holder; told what it needs once there is a
 * port; then it becomes the program. It stays in portctl's process group and keeps the terminal, as if the shell had started it.
 */
#ifndef CLI_RUN_CHILD_H
#define CLI_RUN_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/run_environment.h"
#include "cli/run_signals.h"

struct run_child {
    pid_t pid;
    int channel; /* closed by a successful exec. -1: closed */
    struct run_signals signals;
    bool terminal_ended[2]; /* SIGINT, SIGQUIT came from the terminal while the program ran */
    int status;             /* of waitpid(), once it has ended */
    bool ended;
    int exec_error; /* why the program could not be started: errno of execvp(), or -errno of what comes before; 0: it was, or was not tried */
};

struct run_program {
    char *const *argv;  /* borrowed: the program first, NULL last */
    const char *folder; /* where it starts; NULL: where we are */
    bool filters;       /* it puts its binds before us (remap.h): run_child_hear_filter() must come next */
    bool is_adopted;    /* what it leaves behind becomes our child (PR_SET_CHILD_SUBREAPER), and not init's */
};

/* Blocks all signals but stops and forks the child, which waits. Returns 0 or -errno. */
int run_child_fork(struct run_child *child, const struct run_program *program);

/* What came of remap_filter_install() in the child: returns 0 and *ret_fd, the caller's, or what that returned, or -EPIPE if the child was killed. */
int run_child_hear_filter(struct run_child *child, int *ret_fd);

/* What the child is told. The first `n_ports` pairs of the environment are the variables of the ports, which are replaced in the arguments, too.
 * `sockets`: listening sockets for the first so many of them, handed over as LISTEN_FDS. */
struct run_start {
    const struct run_environment *environment;
    size_t n_ports;
    const int *sockets;
    size_t n_sockets;
};

/* Lets the child become its program. Returns 0 or -errno. */
int run_child_start(struct run_child *child, const struct run_start *start);

/* The channel is readable: the program has begun, or could not. */
void run_child_hear(struct run_child *child);

/* Reaps whoever has ended. What the child did is noted; returns true if it has stopped. */
bool run_child_reap(struct run_child *child);

/* Notes a signal that came from the terminal, for run_child_exit_code(). */
void run_child_note_terminal(struct run_child *child, int number);

/* Kills a child that was not started, and waits for its end, which comes at once. Returns true if a signal asked us to stop meanwhile: then
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
