/*
 * The commands as data, and what each is given. Dispatch, help and did-you-mean all read the same table (command.c).
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/client.h"
#include "cli/options.h"
#include "cli/output.h"

struct command;

/* One call of portctl, parsed. */
struct invocation {
    const struct command *command;
    struct options options;
    struct output output;
    struct operands operands; /* behind the command's name; as many as the command wants, each of its kind */
    struct client *client;
};

struct example {
    const char *line;
    const char *what;
};

#define EXAMPLES_MAX 4

/* What an operand must look like before anybody is asked. */
enum operand_kind {
    OPERAND_NAME, /* a service name */
    OPERAND_PORT,
    OPERAND_PORT_OR_NAME, /* digits alone are a port */
    OPERAND_ANY,
};

struct command {
    const char *name;
    const char *alias;       /* NULL: none */
    const char *summary;     /* for the list of commands */
    const char *usage;       /* behind "portctl NAME " */
    const char *details;     /* what the summary leaves out; lines as they are to be shown */
    const char *const *more; /* paragraphs below the options, NULL behind the last; NULL: none */
    const enum option_id *options;
    size_t n_least; /* operands */
    size_t n_most;
    enum operand_kind first;  /* the first operand */
    enum operand_kind others; /* those behind it */
    bool runs_program;        /* the operands behind the first are a program's; see options_parse() */
    struct example examples[EXAMPLES_MAX];
    /* Returns 0 with the answer printed and the exit code filled, or PROBLEM_E_SET. */
    int (*function)(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
};

const struct command *commands(size_t *ret_n);

/* By name or alias; NULL if there is none. */
const struct command *command_find(const char *name);

/* Parses the arguments, does what they say, and returns the exit code. The whole of main(). */
int command_main(int argc, char **argv);

int cmd_alloc(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_claim(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_conflicts(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_disown(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_history(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_hold(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_ignore(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_list(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_lookup(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_release(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_renew(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_run(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_squatters(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_status(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_stop(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_watch(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
int cmd_who(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);

#endif
