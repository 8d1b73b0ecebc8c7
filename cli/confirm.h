/*
 * "Are you sure?", asked of a person at a terminal and of nobody else.
 */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include <stdbool.h>

#include "cli/output.h"

/* Is there a person to ask: are standard input and standard error terminals? */
bool confirm_can_ask(const struct output *output);

/* Reads the answer to a question that stands on standard error already. All but y and yes is a no, and so is the end of the
 * input. */
bool confirm_says_yes(void);

#endif
