/*
 * Many listeners: a table for a person, a line for each process that has one open for a program.
 */
#ifndef CLI_LISTENER_TABLE_H
#define CLI_LISTENER_TABLE_H

#include <cjson/cJSON.h>

#include "cli/output.h"

/* Prints an array of listeners to standard output, in the way that suits it. What is no listener is passed over. `findings`, those
 * of /squatters, are marked in a table for a person; NULL: none. Returns 0 or -ENOMEM. */
int listener_table_print(const cJSON *listeners, const cJSON *findings, const struct output *output);

#endif
