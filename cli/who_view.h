/*
 * What portd knows of one port (the answer to /who), told to a person: the verdict first, then the lease, who has the port,
 * why that runs, and what to do next.
 */
#ifndef CLI_WHO_VIEW_H
#define CLI_WHO_VIEW_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "cli/output.h"

/* Prints the block of `port` to standard output, for a terminal. What the answer does not say is left out. */
void who_view_print(uint16_t port, const cJSON *answer, const struct output *output);

#endif
