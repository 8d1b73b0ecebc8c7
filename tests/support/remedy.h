/*
 * doctor on the real thing: something is made wrong, doctor finds it, its remedy is run as it is printed, and doctor finds it no
 * more. Each situation is in namespaces of its own, of pids, too: then doctor sees no process but the test's, and what a remedy
 * has started ends with the test. What fails in there ends the test by fail_test().
 */
#ifndef TESTS_SUPPORT_REMEDY_H
#define TESTS_SUPPORT_REMEDY_H

#include <sys/types.h>

#include "tests/support/sandbox.h"

/* A person at a shell. */
struct person {
    uid_t uid;            /* 0: root */
    const char *settings; /* what he has typed before: "export PM_SOCKET=/x"; NULL: nothing */
    const char *options;  /* what he gives doctor: "--socket /x"; NULL: nothing */
    pid_t in_network_of;  /* 0: the test's own network */
};

/* Runs the lines in his shell. Returns the last line's exit code. */
int remedy_run_script(const struct person *person, const char *lines);

/* What doctor tells him, the caller's to free. */
char *remedy_run_doctor(const struct person *person, int *ret_exit_code);

/* The check finds it as `state`, with the words, and what is printed mends it. */
void remedy_assert_mends(const struct person *person, const char *check, const char *state, const char *words);

/* Follows doctor from the top in one shell, every line in its order; then doctor finds nothing any more. portd is started once. */
void remedy_assert_list_mends(const struct person *person);

/* A server: whoever asks anything hears that there is no such thing, and hangs up first: then nothing is left of the connection here. */
_Noreturn void remedy_turn_away(int server);

/* For the macros: runs the situation in the namespaces, or skips the test where there are none to be had. */
void remedy_run_inside(int (*situation)(void));

#define REMEDY_SITUATION_IN(suite, name, enter)                                                                        \
    static int be_##name(void);                                                                                        \
    Test(suite, name) {                                                                                                \
        enter();                                                                                                       \
        remedy_run_inside(be_##name);                                                                                  \
    }                                                                                                                  \
    static int be_##name(void)

#define SITUATION(suite, name) REMEDY_SITUATION_IN(suite, name, sandbox_enter)

/* One in which somebody is another user, or root's rights are needed. */
#define ROOTS_SITUATION(suite, name) REMEDY_SITUATION_IN(suite, name, sandbox_enter_as_root)

#endif
