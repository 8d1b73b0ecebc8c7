/* Findings as JSON, and as the sentence that tells them. */
#ifndef SRC_API_FINDING_JSON_H
#define SRC_API_FINDING_JSON_H

#include "src/api/api.h"

/* The finding as docs/api.md describes it; its listeners are those of `snapshot`. NULL when memory is short. */
cJSON *finding_to_json(struct api *api, const struct api_caller *caller, const struct finding *finding,
                       const struct snapshot *snapshot);

/* "Port 8001 is squatted: it is leased to my-api (ann), but python3 (pid 48213) listens on it."; at most VERDICT_MAX bytes. */
#define VERDICT_MAX 1536
void finding_to_verdict(struct api *api, const struct finding *finding, const struct snapshot *snapshot,
                        char *ret_verdict);

#endif
