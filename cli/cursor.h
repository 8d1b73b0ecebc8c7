/*
 * Where in portctl's grammar the cursor is: the words before it, read as the parser would, but leniently: what is not finished
 * yet, or wrong, is no reason to know nothing.
 */
#ifndef CLI_CURSOR_H
#define CLI_CURSOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/shell_line.h"

enum cursor_place {
    CURSOR_NOWHERE, /* nothing of ours can stand there */
    CURSOR_COMMAND,
    CURSOR_TOPIC, /* of help */
    CURSOR_OPTION,
    CURSOR_VALUE, /* of `option` */
    CURSOR_OPERAND,
    CURSOR_PROGRAM, /* of run, or its arguments */
    CURSOR_FILE,    /* of a redirection */
};

struct cursor {
    enum cursor_place place;
    const struct command *command; /* NULL: none yet */
    enum option_id option;
    size_t n_lead;            /* so many bytes of the word stand before the value: "--color=" */
    struct options options;   /* what says where portd is, and what names mean */
    char values[3][PATH_MAX]; /* whose texts are here, so a cursor is not to be copied */
    bool given[N_OPTIONS];
    const char **operands; /* owned; their texts are the line's */
    size_t n_operands;
    size_t program; /* the program's place in the line's words */
    bool ended;     /* by --: no option follows */
};

/* Returns 0 or -ENOMEM. */
int cursor_find(const struct shell_line *line, struct cursor *ret_cursor);

/* For CLEANUP(cursor_deinit). */
void cursor_deinit(struct cursor *cursor);

#endif
