/*
 * The commands as data, and what each is given. Dispatch, help, did-you-mean, completions and man pages all read the same table (command_table.c).
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/client.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/scope.h"

struct command;

/* One call of portctl, parsed. */
struct invocation {
    const struct command *command;
    struct options options;
    struct output output;
    struct operands operands; /* behind the command's name; as many as the command wants, each of its kind */
    struct scope scope;       /* what names mean here; of a command without --global, nothing */
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
    OPERAND_PORT_OR_NAME,  /* digits alone are a port */
    OPERAND_SERVICE,       /* a service of the project file */
    OPERAND_NAME_VARIABLE, /* a service name, maybe with ":VARIABLE" behind it; the command looks at it */
    OPERAND_WORD,          /* one of the command's words */
    OPERAND_ANY,
};

struct command {
    const char *name;
    const char *alias;             /* NULL: none */
    const char *summary;           /* for the list of commands */
    const char *usage;             /* behind "portctl NAME " */
    const char *details;           /* what the summary leaves out; lines as they are to be shown */
    const char *const *more;       /* paragraphs below the options, NULL behind the last; NULL: none */
    const enum option_id *options; /* NULL: none but the common ones */
    size_t n_least;                /* operands */
    size_t n_most;
    enum operand_kind first;  /* the first operand */
    enum operand_kind others; /* those behind it */
    const char *const *words; /* for OPERAND_WORD; NULL behind the last */
    bool without_portd;       /* it looks for portd by itself, and gets no client */
    bool runs_program;        /* the operands behind the first are a program's; see options_parse() */
    struct example examples[EXAMPLES_MAX];
    /* Returns 0 with the answer printed and the exit code filled, or PROBLEM_E_SET. */
    int (*function)(const struct invocation *invocation, int *ret_exit_code, struct problem *problem);
    /* NULL: none. What standard output is to hold after a failure, also one before `function`; of wrong arguments `options` has those before the mistake. */
    void (*print_failure)(const struct invocation *invocation, int exit_code);
};

const struct command *const *commands(size_t *ret_n);

/* By name or alias; NULL if there is none. */
const struct command *command_find(const char *name);

/* Does it accept the option, besides those that all accept? */
bool command_takes(const struct command *command, enum option_id id);

/* The command, alias or one of `others` (at most 8, NULL behind the last) that `word` was probably meant to be; NULL: none is near. */
const char *command_nearest(const char *word, const char *const *others);

/* Parses the arguments, does what they say, and returns the exit code. The whole of main(). */
int command_main(int argc, char **argv);

extern const struct command command_alloc;
extern const struct command command_claim;
extern const struct command command_completion;
extern const struct command command_conflicts;
extern const struct command command_disown;
extern const struct command command_free;
extern const struct command command_doctor;
extern const struct command command_history;
extern const struct command command_env;
extern const struct command command_hold;
extern const struct command command_ignore;
extern const struct command command_list;
extern const struct command command_lookup;
extern const struct command command_mcp;
extern const struct command command_open;
extern const struct command command_release;
extern const struct command command_renew;
extern const struct command command_run;
extern const struct command command_squatters;
extern const struct command command_status;
extern const struct command command_stop;
extern const struct command command_url;
extern const struct command command_wait;
extern const struct command command_up;
extern const struct command command_watch;
extern const struct command command_who;

#endif
