/*
 * The scene of a test of `portctl run`: a sandbox with the real portd in it, in which no process gets out of sight. What loses its parent becomes the
 * test's own child, so whatever `run` should have ended and has not is found, under any name, session or user.
 */
#ifndef TESTS_SUPPORT_RUN_SCENE_H
#define TESTS_SUPPORT_RUN_SCENE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/support/caller.h"
#include "tests/support/cli.h"

/* Enters the sandbox and starts portd. For TestSuite(.init) and (.fini). */
void run_scene_enter(void);
void run_scene_enter_as_root(void);

/* Ends portd, and whatever is left. */
void run_scene_leave(void);

/* The portd, for those who kill it and start another, and who calls it. */
struct daemon *run_scene_portd(void);
const struct caller *run_scene_me(void);

/* Skips the test unless the program is installed. */
void run_scene_need(const char *program);

/* portctl run, with one variable in its environment, or NULL. The words stand behind `run`, a NULL behind the last. */
struct cli run_scene_start(const char *const *words, const char *variable);

/* The port of the one lease there is; _served waits until it is listened on. */
uint16_t run_scene_port(void);
uint16_t run_scene_served_port(void);

/* The program that portctl has started. */
pid_t run_scene_holder(void);

/* What a server answers to GET /, as it comes; the caller's to free. */
char *run_scene_get(uint16_t port);

/* How many processes there are below the test, portd and zombies not among them. */
unsigned run_scene_count_processes(void);

/* No process, no lease and no listener: at once, or after a while, where somebody was killed who would have cleaned up. */
void run_scene_assert_nothing_left(void);
void run_scene_wait_until_nothing_left(void);

/* Waits for portctl's end, wants this exit code and nothing left. */
void run_scene_assert_end(const struct cli *cli, int exit_code);

#endif
