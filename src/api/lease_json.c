/* Leases as JSON and as words. */
#include "src/api/lease_json.h"

#include <stdio.h>

#include "src/api/access.h"
#include "src/api/answer.h"
#include "src/base/json.h"
#include "src/lease/evidence.h"

static const char *user_name(struct api *api, uid_t uid) {
    return users_name(&api->users, uid, clock_read(&api->clock).monotonic_ms);
}

static void add_expiry(cJSON *json, struct api *api, const struct lease *lease, struct clock_reading now) {
    bool expires = lease_keeper(lease) == LEASE_KEPT_BY_TTL;
    uint64_t left_ms = lease->deadline > now.monotonic_ms ? lease->deadline - now.monotonic_ms : 0;
    uint64_t left_s = (left_ms + 999) / 1000;

    if (expires)
        json_add_time(json, "expires_at", (int64_t)lease->deadline + clock_offset_follow(&api->wall, now));
    else
        cJSON_AddNullToObject(json, "expires_at");
    json_add_number_or_null(json, "expires_in_seconds", expires, (double)left_s);
}

/* Of its own listener. */
static const char *evidence_word(const struct lease *lease) {
    if (!lease->sight.own)
        return NULL;
    return evidence_level_name(lease->sight.confirmed ? EVIDENCE_CONFIRMED : EVIDENCE_PLAUSIBLE);
}

/* By the name of the finding. */
static const char *conflict_word(const struct lease *lease) {
    if (lease_state(lease) != LEASE_CONFLICT)
        return NULL;
    if (!lease->sight.shared)
        return finding_kind_name(FINDING_TAKEN);
    return finding_kind_name(lease->sight.split ? FINDING_SPLIT : FINDING_SHARED);
}

cJSON *lease_to_json(struct api *api, const struct lease *lease, const struct api_caller *caller) {
    struct clock_reading now = clock_read(&api->clock);
    bool private = access_may_change(api, caller, lease);
    cJSON *json = cJSON_CreateObject();
    cJSON *tags = cJSON_CreateStringArray((const char *const *)lease->tags, (int)lease->n_tags);

    cJSON_AddNumberToObject(json, "port", lease->port);
    cJSON_AddStringToObject(json, "service_name", lease->service_name);
    json_add_time(json, "allocated_at", lease->allocated_at);
    json_add_time(json, "last_heartbeat", lease->last_heartbeat);
    cJSON_AddNumberToObject(json, "ttl_seconds", (double)lease->ttl_seconds);
    if (!cJSON_AddItemToObject(json, "tags", tags))
        cJSON_Delete(tags);
    cJSON_AddNumberToObject(json, "id", (double)lease->id);
    cJSON_AddNumberToObject(json, "slot", lease->slot);
    cJSON_AddNumberToObject(json, "uid", lease->uid);
    json_add_text_or_null(json, "user", user_name(api, lease->uid));
    cJSON_AddStringToObject(json, "state", lease_state_name(lease_state(lease)));
    json_add_number_or_null(json, "elsewhere_port", lease_state(lease) == LEASE_ELSEWHERE, lease->sight.elsewhere);
    json_add_text_or_null(json, "conflict", conflict_word(lease));
    json_add_text_or_null(json, "evidence", evidence_word(lease));
    cJSON_AddStringToObject(json, "kept_by", lease_keeper_name(lease_keeper(lease)));
    add_expiry(json, api, lease, now);
    if (lease->holder.pid != 0)
        cJSON_AddNumberToObject(cJSON_AddObjectToObject(json, "holder"), "pid", lease->holder.pid);
    else
        cJSON_AddNullToObject(json, "holder");
    json_add_text_or_null(json, "project", private && lease->project[0] != '\0' ? lease->project : NULL);
    return json;
}

void user_to_words(struct api *api, uid_t uid, char *ret_words) {
    const char *name = user_name(api, uid);

    if (name != NULL)
        snprintf(ret_words, LEASE_WHO_MAX, "%s", name);
    else
        snprintf(ret_words, LEASE_WHO_MAX, "uid %u", (unsigned)uid);
}

void lease_to_words(struct api *api, const struct lease *lease, char *ret_words) {
    char user[LEASE_WHO_MAX];

    user_to_words(api, lease->uid, user);
    snprintf(ret_words, LEASE_WORDS_MAX, "%s (%s)", lease->service_name, user);
}
