/* docs/openapi.yaml and the code have the same routes, with the same query parameters, and the same problems, with the same statuses. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <string.h>

#include "probe/fd.h"
#include "src/api/api.h"
#include "src/api/problem.h"
#include "src/base/json.h"
#include "tests/support/openapi.h"

#define N_KINDS (PROBLEM_NOT_STORED + 1U)

static cJSON *route_to_json(const struct api_route *route) {
    const size_t n_max = sizeof(route->parameters) / sizeof(route->parameters[0]);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "method", route->method);
    cJSON_AddStringToObject(json, "path", route->path);
    cJSON_AddStringToObject(json, "summary", route->summary);
    cJSON_AddBoolToObject(json, "for_anyone", route->for_anyone);
    cJSON_AddBoolToObject(json, "any_parameters", route->takes_any_parameter);
    cJSON *parameters = cJSON_AddArrayToObject(json, "parameters");
    for (size_t i = 0; i < n_max && route->parameters[i]; i++)
        cJSON_AddItemToArray(parameters, cJSON_CreateString(route->parameters[i]));
    return json;
}

static cJSON *problem_to_json(enum problem_kind kind) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", problem_name(kind));
    cJSON_AddNumberToObject(json, "status", problem_status(kind));
    return json;
}

Test(api_openapi, the_document_and_the_code_have_the_same_calls_and_problems) {
    CLEANUP(json_free_at) cJSON *json = cJSON_CreateObject();
    CLEANUP(json_free_text_at) char *text = NULL;
    cJSON *list = cJSON_AddArrayToObject(json, "routes");
    size_t n_routes;
    const struct api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++)
        cJSON_AddItemToArray(list, route_to_json(&routes[i]));
    list = cJSON_AddArrayToObject(json, "problems");
    for (unsigned kind = 0; kind < N_KINDS; kind++)
        cJSON_AddItemToArray(list, problem_to_json(kind));
    text = cJSON_PrintUnformatted(json);
    cr_assert_not_null(text);
    openapi_check_table(text);
}
