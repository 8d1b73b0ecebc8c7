/* Leases and listeners as JSON, and as words for the details of problems. */
#ifndef SRC_API_LEASE_JSON_H
#define SRC_API_LEASE_JSON_H

#include "src/api/api.h"

/* The lease as docs/api.md describes it. The project directory is shown only to a caller who may change the lease. NULL when
 * memory is short. */
cJSON *lease_to_json(struct api *api, const struct lease *lease, const struct api_caller *caller);

/* What occupies a port, with its owner where it can be seen. NULL when memory is short. */
cJSON *listeners_to_json(struct api *api, const struct listener_list *listeners);

/* "ann", or "uid 1000" where that uid has no name; at most LEASE_WHO_MAX bytes. */
#define LEASE_WHO_MAX 96
void user_to_words(struct api *api, uid_t uid, char *ret_words);

/* A sentence's end about the first of listeners_to_json()'s array: "python3 (pid 4711, user ann) listens on 127.0.0.1:8080",
 * of at most EVIDENCE_WORDS_MAX bytes. */
#define EVIDENCE_WORDS_MAX 320
void listeners_to_words(const cJSON *listeners, char *ret_words);

#endif
