/* POST /ignore: a squatter that its caller knows and puts up with. */
#include <stdlib.h>
#include <string.h>

#include "src/api/answer.h"
#include "src/api/asking.h"
#include "src/api/body.h"
#include "src/api/finding_json.h"
#include "src/api/problem.h"
#include "src/api/routes.h"

/* It waits for the owners to be looked for: what is to be ignored is known by its name. */
struct ignoring {
    struct asking asking; /* first: the one is the other */
    uint16_t port;
    bool ignored;
};

static void refuse(struct api *api, int code, struct api_response *response) {
    if (code == STORE_E_FAILED)
        problem_set(response, PROBLEM_NOT_STORED, "look at the disk that portd's database is on; nothing has changed",
                    "It could not be stored: %s.", ignores_reason(api->ignores));
    else
        problem_set(response, PROBLEM_INTERNAL, NULL, "portd is out of memory.");
}

static void answer_ignore(struct api *api, const struct asking *asking, struct api_response *response) {
    const struct ignoring *ignoring = (const struct ignoring *)asking;
    const struct snapshot *snapshot = api_read(api);
    size_t n_found;
    const struct finding *found = findings_of_port(api->findings, ignoring->port, &n_found);
    cJSON *json;
    cJSON *array;
    int r;

    if (found == NULL) {
        problem_set(response, PROBLEM_NOT_SQUATTED, NULL, "There is no squatter on port %u.", ignoring->port);
        return;
    }
    r = ignores_set(api->ignores, asking->caller.uid, found, n_found, ignoring->ignored);
    if (r != 0) {
        refuse(api, r, response);
        return;
    }
    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "port", ignoring->port);
    cJSON_AddBoolToObject(json, "ignored", ignoring->ignored);
    array = cJSON_AddArrayToObject(json, "findings");
    for (size_t i = 0; i < n_found; i++)
        cJSON_AddItemToArray(array, finding_to_json(api, &asking->caller, &found[i], snapshot));
    answer_ok(response, json);
}

void route_ignore(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response) {
    static const char *const keys[] = {"port", "ignored"};
    CLEANUP(body_deinit) struct body body;
    struct ignoring *ignoring;
    uint64_t port = 0;
    bool ignored = true;

    (void)query;
    body_init(&body, request, keys, sizeof keys / sizeof keys[0], response);
    body_need_number(&body, "port", 1, 65535, &port);
    body_flag(&body, "ignored", &ignored);
    if (!body_ok(&body))
        return;
    ignoring = calloc(1, sizeof *ignoring);
    if (ignoring != NULL) {
        ignoring->port = (uint16_t)port;
        ignoring->ignored = ignored;
    }
    asking_begin(ignoring != NULL ? &ignoring->asking : NULL, api, request, (uint16_t)port, answer_ignore, response);
}
