/* A fact as JSON. Every kind has the keys that docs/api.md promises for it, null where nothing is known, so that a reader need not ask which are there. */
#include "src/event/event_json.h"

#include "src/base/json.h"

static bool is_about_lease(enum event_kind kind) {
    return kind <= EVENT_LEASE_EXPIRED;
}

static bool is_about_finding(enum event_kind kind) {
    return kind >= EVENT_SQUATTER_APPEARED;
}

static void add_listener(cJSON *json, const struct event_fact *fact) {
    json_add_number_or_null(json, "pid", fact->pid != 0, fact->pid);
    json_add_text_or_null(json, "process", fact->process);
    json_add_text_or_null(json, "address", fact->address);
    json_add_number_or_null(json, "inode", fact->inode != 0, fact->inode);
}

char *event_to_json(uint64_t id, int64_t at_unix_ms, const struct event_fact *fact, const char *user) {
    CLEANUP(json_free_at) cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "id", (double)id);
    json_add_time(json, "at", at_unix_ms);
    cJSON_AddStringToObject(json, "kind", event_kind_name(fact->kind));
    cJSON_AddNumberToObject(json, "port", fact->port);
    json_add_text_or_null(json, "service_name", fact->service_name);
    json_add_number_or_null(json, "lease_id", fact->lease_id != 0, (double)fact->lease_id);
    json_add_number_or_null(json, "uid", fact->has_uid, fact->uid);
    json_add_text_or_null(json, "user", user);
    if (!is_about_lease(fact->kind))
        add_listener(json, fact);
    if (is_about_finding(fact->kind))
        json_add_text_or_null(json, "finding", fact->finding);
    json_add_text_or_null(json, "reason", fact->reason);
    return json != NULL ? cJSON_PrintUnformatted(json) : NULL;
}
