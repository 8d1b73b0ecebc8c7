/* What came of a request to allocate, in JSON and in words. */
#ifndef SRC_API_ALLOC_ANSWER_H
#define SRC_API_ALLOC_ANSWER_H

#include "src/api/alloc_request.h"
#include "src/api/api.h"

/* The answer of /alloc to what was granted. NULL when memory is short. */
cJSON *alloc_to_json(struct api *api, const struct api_caller *caller, const struct alloc *alloc,
                     const struct grant *grant);

/* Makes the response a refusal; `code` is what registry_grant() answered. */
void alloc_refuse(struct api *api, const struct api_caller *caller, const struct alloc *alloc,
                  const struct grant *grant, int code, struct api_response *response);

#endif
