/*
 * The real portd, started and ended by a test that has entered its sandbox. PM_BUILD_BIN names the folder it is in. What
 * cannot be done ends the test, with portd's own words.
 */
#ifndef TESTS_SUPPORT_DAEMON_H
#define TESTS_SUPPORT_DAEMON_H

#include <stdint.h>
#include <sys/types.h>

#define DAEMON_WORDS_MAX 16
#define DAEMON_PORT      3030

/* How it is started; all zero: as a person does it, with his home at SANDBOX_HOME and no option. */
struct daemon_setup {
    const char *arguments[DAEMON_WORDS_MAX]; /* without the program's name; NULL behind the last */
    const char
        *environment[DAEMON_WORDS_MAX]; /* "PM_DB=/x"; its other variables are the test's, without PM_* and XDG_* */
    const char *home;                   /* NULL: SANDBOX_HOME */
    uid_t uid;                          /* whom it runs as, and to whom its home is given; 0: nobody else */
};

/* A portd that runs. */
struct daemon {
    pid_t pid;
    uint16_t port;    /* of its TCP addresses; 0: it has none */
    char socket[108]; /* its Unix socket */
    char log[64];     /* the folder of its output and errors */
};

/* Starts it and waits until it says that it listens. */
struct daemon daemon_start(const struct daemon_setup *setup);

/* What it has written so far; the caller's to free. */
char *daemon_output(const struct daemon *daemon);
char *daemon_errors(const struct daemon *daemon);

/* Sends it SIGTERM and waits for its end. Returns its exit code, or minus the signal that ended it. */
int daemon_stop(struct daemon *daemon);

/* For CLEANUP(daemon_stop_at): stops it if it runs still, and fails the test unless it exits with 0. */
void daemon_stop_at(struct daemon *daemon);

/* Ends it with SIGKILL. */
void daemon_kill(struct daemon *daemon);

/* Stops its clock: it does nothing until it is thawed (SIGSTOP, SIGCONT). Connections wait in its backlog meanwhile. */
void daemon_freeze(const struct daemon *daemon);
void daemon_thaw(const struct daemon *daemon);

/* A portd that is expected to end by itself. */
struct daemon_run {
    int exit_code; /* minus the signal that ended it */
    char *output;
    char *errors;
};

/* Starts it and waits for its end. */
struct daemon_run daemon_run(const struct daemon_setup *setup);

/* For CLEANUP(daemon_run_deinit). */
void daemon_run_deinit(struct daemon_run *run);

#endif
