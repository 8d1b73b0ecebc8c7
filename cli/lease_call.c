/*
 * The calls about one lease. See lease_call.h.
 */
#include "cli/lease_call.h"

#include "src/base/json.h"

int lease_call(struct client *client, const char *target, uint16_t port, uint64_t id, uint64_t patience_ms,
               cJSON **ret_reply, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();

    if (cJSON_AddNumberToObject(body, "port", port) == NULL || cJSON_AddNumberToObject(body, "id", (double)id) == NULL)
        return problem_fill_memory(problem);
    return client_call(client, target, body, patience_ms, ret_reply, problem);
}
