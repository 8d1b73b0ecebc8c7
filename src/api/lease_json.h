/* Leases as JSON, and as words for sentences. */
#ifndef SRC_API_LEASE_JSON_H
#define SRC_API_LEASE_JSON_H

#include "src/api/api.h"

/* The lease as docs/api.md describes it. The project directory is shown only to a caller who may change the lease. NULL when
 * memory is short. */
cJSON *lease_to_json(struct api *api, const struct lease *lease, const struct api_caller *caller);

/* "ann", or "uid 1000" where that uid has no name; at most LEASE_WHO_MAX bytes. */
#define LEASE_WHO_MAX 96
void user_to_words(struct api *api, uid_t uid, char *ret_words);

/* "my-api (ann)"; at most LEASE_WORDS_MAX bytes. */
#define LEASE_WORDS_MAX (LEASE_NAME_MAX + LEASE_WHO_MAX + 8)
void lease_to_words(struct api *api, const struct lease *lease, char *ret_words);

#endif
