/*
 * NAME or NAME:VARIABLE: which of a service's ports is meant by the commands that are about one: url, open, wait and lookup.
 *
 * NAME alone is the port by which the service is opened: its first variable's in portmanager.json, slot 0; where that is not
 * leased, the lowest slot's that is. The others are told apart by their variables, as env and the .env file name them.
 */
#ifndef CLI_SERVICE_WORD_H
#define CLI_SERVICE_WORD_H

#include "cli/output.h"
#include "cli/scope.h"
#include "cli/selection.h"

struct service_word {
    char name[OPTIONS_NAME_MAX + 1]; /* the service's, as a person writes it here */
    const char *variable;            /* borrowed from the word; NULL: none is named */
    unsigned slot;                   /* of the variable */
};

/*
 * A word is NAME:VARIABLE where the project's file has the service NAME; elsewhere a colon is part of the name. Returns 0, or
 * PROBLEM_E_SET: it is no name, the service has no such variable, or the file cannot be read.
 */
int service_word_read(const struct scope *scope, const char *word, struct service_word *ret_word,
                      struct problem *problem);

/* Keeps the leases that the word means, as selection_by_name() does, the one that NAME alone means first; of a variable that one's only. Returns 0, or
 * PROBLEM_E_SET if there is none. */
int service_word_select(const struct service_word *word, const struct scope *scope, struct selection *selection,
                        struct problem *problem);

/* Says of another project's lease, which is shown for want of a global one, whose it is. A name with an @ is a full one: whoever
 * writes it knows. */
void service_word_tell_project(const struct service_word *word, const struct scope *scope,
                               const struct lease_view *view, const struct output *output);

#endif
