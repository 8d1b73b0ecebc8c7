/*
 * Help, made from the tables of commands and options. Asked for, it is an answer and goes to standard output; portctl
 * without arguments is a mistake, and its first steps go to standard error.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"
#include "cli/output.h"
#include "cli/problem.h"

/* The help of `command`; NULL: of portctl. Returns EXIT_YES. */
int help_show(const struct command *command, const struct output *output);

/* `portctl help`, `help COMMAND`, `help exit-codes`, `help environment`. Returns 0 with the exit code, or PROBLEM_E_SET
 * for a topic that does not exist. `topic` NULL: portctl's help. */
int help_topic(const char *topic, const struct output *output, int *ret_exit_code, struct problem *problem);

/* The variables that portctl reads, and those that run sets for its program: `line` is the name. Static. */
const struct example *help_variables_read(size_t *ret_n);
const struct example *help_variables_set(size_t *ret_n);

/* How portd is found. */
extern const char help_search[];

#define HELP_SUMMARY "explain a command, exit-codes or environment"

/* What `help` explains besides commands; NULL behind the last. */
extern const char *const help_topics[];

/* Five examples on standard error. Returns EXIT_USAGE. */
int help_first_steps(const struct output *output);

/* "portctl 0.1.0". Returns EXIT_YES. */
int help_version(void);

#endif
