/*
 * Broods: trees of processes below a subreaper that does with them what `portctl run` does with what its program leaves behind. The subreaper is
 * a child of the test's, so that nothing of the test runner descends from it; next to it there is a bystander, whom nothing may reach. What runs in
 * one of these processes ends with fail_test(), and not with an assertion of Criterion's.
 *
 * Times are told by what can come only later: where nothing is to be waited for, SIGKILL is BROOD_NEVER_MS away.
 */
#ifndef TESTS_SUPPORT_BROOD_H
#define TESTS_SUPPORT_BROOD_H

#include <stdatomic.h>

#include "cli/leftovers.h"

#define BROOD_PIDS_MAX 4096
#define BROOD_NEVER_MS 600000

/* What the test, the subreaper and all below it have in common. */
struct brood {
    _Atomic unsigned n_pids;
    _Atomic pid_t pids[BROOD_PIDS_MAX]; /* of those that are ready */
    _Atomic bool heard_term;            /* a stubborn one has */
    _Atomic bool could_connect;
    _Atomic unsigned n_forked;
    struct leftovers_outcome outcome;
    pid_t bystander;
};

extern struct brood *brood;

/* For a test's beginning, in its sandbox, and its end, which fails it if the bystander was signalled. */
void brood_enter(void);
void brood_leave(void);

/* Calls the scenario in a subreaper that has all signals blocked, and waits for its end. */
void brood_play(void (*scenario)(void));

/* ---- in the test ---- */

void brood_assert_outcome(size_t n_stopped, size_t n_killed, size_t n_kept, size_t n_left);

/* Nobody of those that were ready. */
void brood_assert_nobody_lives(void);

/* Kills all that were ready. */
void brood_kill_all(void);

/* Kills the one that was told to be kept. */
void brood_kill_kept(void);

/* ---- in the subreaper ---- */

/* What brood_play() does, for a process that is to be another one. */
void brood_become_subreaper(void);

/* Waits until so many are ready. */
void brood_wait(unsigned n);

/* Waits for a signal until then (UINT64_MAX: for ever), and takes all that are there. */
void brood_wait_for_signal(uint64_t until_ms);

/* The first turn; all the others, into brood->outcome; both, without and with ports to be kept: these are 8001 and 8002, the first n of them. */
struct leftovers *brood_begin(const struct leftovers_setup *setup);
struct leftovers *brood_begin_keeping(size_t n_ports);
void brood_finish(struct leftovers *leftovers);
void brood_stop(uint64_t patience_ms);
void brood_keep(size_t n_ports);

/* Leaves so many descriptors more than standard input, output, error and the signals. */
void brood_limit_descriptors(unsigned n_more);

/* ---- in the brood ---- */

/* A child that calls `be`, with no signal blocked, and that does not live for ever. */
pid_t brood_grow(void (*be)(void));

/* What one says when it is as the test wants it. */
void brood_be_ready(void);

/* Calls `ready`, and returns at SIGTERM. */
void brood_take_term(void (*ready)(void));

_Noreturn void brood_live(void);

/* Ready, it sleeps; called "sleeper". */
void brood_be_sleeper(void);

/* The same, but SIGTERM does not end it; called "stubborn". */
void brood_be_stubborn(void);

#endif
