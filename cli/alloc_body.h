/*
 * Members of the body of /alloc, and of each service of /alloc-all: what is not given is left out, so that portd's defaults are the only ones.
 */
#ifndef CLI_ALLOC_BODY_H
#define CLI_ALLOC_BODY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A project's preferred ports, by port, 0 for none. They are defaults: the port that the name had last goes before them. False if memory is short. */
bool alloc_body_add_prefer(cJSON *body, const uint16_t *ports, size_t n_ports);

/* False if memory is short. */
bool alloc_body_add_tags(cJSON *body, const char *const *tags, size_t n_tags);

#endif
