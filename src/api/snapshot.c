/*
 * GET /snapshot: all that there is, by one reading, and where the streams of GET /events go on from it.
 *
 * With 50,000 leases the answer is some 20 MB, and the loop stands still while it is made; so each of its items is a tree of its own, which is text before
 * the next one is made.
 */
#include <stdlib.h>
#include <unistd.h>

#include "src/api/access.h"
#include "src/api/answer.h"
#include "src/api/finding_json.h"
#include "src/api/lease_json.h"
#include "src/api/listener_json.h"
#include "src/api/routes.h"
#include "src/base/json.h"

/* What is written, for whom, and where to. */
struct writing {
    struct api *api;
    const struct api_caller *caller;
    const struct snapshot *snapshot;
    struct json_text text;
    size_t n_items; /* of the array that is open */
};

static const char *user_name(struct api *api, uid_t uid) {
    return users_name(&api->users, uid, clock_read(&api->clock).monotonic_ms);
}

/* ---- the head ---- */

static void add_settings(cJSON *json, const struct api *api) {
    cJSON *range = cJSON_AddObjectToObject(json, "range");

    cJSON_AddNumberToObject(range, "min", api->rules->min);
    cJSON_AddNumberToObject(range, "max", api->rules->max);
    json_add_long_text(json, "excluded", api->info->excluded);
}

static void add_caller(cJSON *json, struct api *api, const struct api_caller *caller) {
    cJSON *object = cJSON_AddObjectToObject(json, "caller");

    cJSON_AddNumberToObject(object, "uid", caller->uid);
    json_add_text_or_null(object, "user", user_name(api, caller->uid));
    cJSON_AddBoolToObject(object, "may_change_all", access_is_operator(api, caller));
}

static void add_portd(cJSON *json, struct api *api) {
    uint64_t uptime_s = (clock_read(&api->clock).monotonic_ms - api->info->started_ms) / 1000;
    cJSON *object = cJSON_AddObjectToObject(json, "portd");

    cJSON_AddStringToObject(object, "version", api->info->version);
    cJSON_AddNumberToObject(object, "pid", getpid());
    cJSON_AddNumberToObject(object, "uid", api->uid);
    json_add_text_or_null(object, "user", user_name(api, api->uid));
    cJSON_AddNumberToObject(object, "uptime_seconds", (double)uptime_s);
    json_add_long_text(object, "command", api->info->command);
}

static cJSON *make_head(struct api *api, const struct api_caller *caller, const struct snapshot *snapshot) {
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "run", api->info->run);
    cJSON_AddNumberToObject(json, "version", (double)api->versions.newest);
    cJSON_AddNumberToObject(json, "seq", (double)journal_last_id(api->journal));
    json_add_time(json, "at", clock_read(&api->clock).unix_ms);
    cJSON_AddBoolToObject(json, "complete", snapshot->complete);
    add_settings(json, api);
    add_caller(json, api, caller);
    add_portd(json, api);
    json_add_texts(json, "warnings", api->info->warnings, api->info->n_warnings);
    return json;
}

/* ---- the arrays ---- */

static void begin_array(struct writing *writing, const char *key) {
    json_text_put(&writing->text, ",\"");
    json_text_put(&writing->text, key);
    json_text_put(&writing->text, "\":[");
    writing->n_items = 0;
}

static void end_array(struct writing *writing) {
    json_text_put(&writing->text, "]");
}

static void add_item(struct writing *writing, cJSON *item) {
    if (writing->n_items++ > 0)
        json_text_put(&writing->text, ",");
    json_text_add(&writing->text, item);
}

/* By port, as GET /list has them. */
static void write_leases(struct writing *writing) {
    begin_array(writing, "leases");
    for (unsigned port = 1; port <= UINT16_MAX; port++) {
        const struct lease *lease = registry_find_port(writing->api->registry, (uint16_t)port);

        if (lease != NULL)
            add_item(writing, lease_to_json(writing->api, lease, writing->caller));
    }
    end_array(writing);
}

static void write_listeners(struct writing *writing) {
    const struct snapshot *snapshot = writing->snapshot;

    begin_array(writing, "listeners");
    for (size_t i = 0; i < snapshot->n_items; i++)
        add_item(writing, sighting_to_json(writing->api, writing->caller, &snapshot->items[i]));
    end_array(writing);
}

static void write_findings(struct writing *writing, const char *key, bool conflicts_only) {
    const struct findings *findings = writing->api->findings;

    begin_array(writing, key);
    for (size_t i = 0; i < findings->n_items; i++)
        if (!conflicts_only || finding_is_conflict(findings->items[i].kind))
            add_item(writing, finding_to_json(writing->api, writing->caller, &findings->items[i], writing->snapshot));
    end_array(writing);
}

/* The comparison comes first: what is shown here is what its version is about. */
void route_snapshot(struct api *api, const struct api_request *request, const struct query *query,
                    struct api_response *response) {
    struct writing writing = {.api = api, .caller = &request->caller, .snapshot = api_read(api)};
    cJSON *head;

    (void)query;
    if (port_versions_compare(api) < 0) {
        answer_ok(response, NULL);
        return;
    }
    head = make_head(api, &request->caller, writing.snapshot);
    json_text_add(&writing.text, head);
    if (!writing.text.failed)
        writing.text.length--; /* its closing bracket comes behind the arrays */
    write_leases(&writing);
    write_listeners(&writing);
    write_findings(&writing, "squatters", false);
    write_findings(&writing, "conflicts", true);
    json_text_put(&writing.text, "}");
    answer_ok_text(response, &writing.text);
}
