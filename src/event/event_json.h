/* A fact as the JSON object of docs/api.md. */
#ifndef SRC_EVENT_EVENT_JSON_H
#define SRC_EVENT_EVENT_JSON_H

#include "src/event/event.h"

/* The event on one line; the caller's to free by cJSON_free(). `user` is the login name of the fact's uid, NULL if it has none.
 * Returns NULL if memory is short. */
char *event_to_json(uint64_t id, int64_t at_unix_ms, const struct event_fact *fact, const char *user);

#endif
