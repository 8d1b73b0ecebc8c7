/* The calls about the daemon itself: /healthz and /status. */
#include <unistd.h>

#include "src/api/access.h"
#include "src/api/answer.h"
#include "src/api/routes.h"
#include "src/base/json.h"

void route_healthz(struct api *api, const struct api_request *request, const struct query *query,
                   struct api_response *response) {
    cJSON *json = cJSON_CreateObject();

    (void)request;
    (void)query;
    cJSON_AddStringToObject(json, "status", "ok");
    cJSON_AddStringToObject(json, "version", api->info->version);
    cJSON_AddNumberToObject(json, "pid", getpid());
    answer_ok(response, json);
}

/* Paths in somebody's home are told only to those who may look there anyway. */
static void add_path(cJSON *json, const char *key, const char *path, bool shown) {
    if (shown && path != NULL)
        json_add_text(json, key, path);
    else
        cJSON_AddNullToObject(json, key);
}

void route_status(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response) {
    const struct api_info *info = api->info;
    bool is_operator = access_is_operator(api, &request->caller);
    uint64_t uptime_s = (clock_read(&api->clock).monotonic_ms - info->started_ms) / 1000;
    cJSON *json = cJSON_CreateObject();
    size_t n_leases;
    size_t n_in_range = 0;
    struct lease *const *leases = registry_leases(api->registry, &n_leases);
    cJSON *range;

    (void)query;
    for (size_t i = 0; i < n_leases; i++)
        if (leases[i]->port >= api->rules->min && leases[i]->port <= api->rules->max)
            n_in_range++;
    cJSON_AddStringToObject(json, "version", info->version);
    cJSON_AddNumberToObject(json, "pid", getpid());
    cJSON_AddNumberToObject(json, "uid", api->uid);
    cJSON_AddNumberToObject(json, "uptime_seconds", (double)uptime_s);
    range = cJSON_AddObjectToObject(json, "range");
    cJSON_AddNumberToObject(range, "min", api->rules->min);
    cJSON_AddNumberToObject(range, "max", api->rules->max);
    json_add_long_text(json, "excluded", info->excluded);
    json_add_texts(json, "addresses", info->addresses, info->n_addresses);
    add_path(json, "socket", info->socket, is_operator);
    add_path(json, "database", info->database, is_operator);
    cJSON_AddNumberToObject(json, "n_leases", (double)n_leases);
    cJSON_AddNumberToObject(json, "n_leased_in_range", (double)n_in_range);
    cJSON_AddBoolToObject(json, "sees_bound_sockets", info->sees_bound_sockets);
    json_add_texts(json, "warnings", info->warnings, info->n_warnings);
    answer_ok(response, json);
}
