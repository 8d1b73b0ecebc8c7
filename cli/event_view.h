/*
 * One event, as a line: for watch and history.
 */
#ifndef CLI_EVENT_VIEW_H
#define CLI_EVENT_VIEW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"

/* True for a conflict that a squatter's event tells too: a person needs to hear of it once. */
bool event_view_is_double(const cJSON *event);

/* True if the event says nothing but that its lease was asked for again, as each `up` and `env` does. */
bool event_view_is_again(const cJSON *event);

/* Prints the event to standard output in the way that suits it: on a terminal time, word, port and a sentence, in a pipe
 * tab-separated; with -q its port. Not for --json. `now_ms`: events of another day get a date. */
void event_view_print(const cJSON *event, const struct output *output, int64_t now_ms);

#endif
