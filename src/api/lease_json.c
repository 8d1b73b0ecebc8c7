/* Leases and listeners as JSON and as words. */
#include "src/api/lease_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "probe/owner_walk.h"
#include "src/api/access.h"
#include "src/api/answer.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* The search for an owner is done on the loop, so it must end: some 20 ms each at the worst, for the first of them. */
#define OWNER_FDS_MAX 20000
#define OWNERS_MAX    2

/* An answer's evidence names so many sockets: a port can have thousands of connections. */
#define LISTENERS_MAX 32

static void add_time(cJSON *json, const char *key, int64_t unix_ms) {
    char text[TEXT_TIME_MAX];

    text_format_time(unix_ms, text);
    cJSON_AddStringToObject(json, key, text);
}

static const char *user_name(struct api *api, uid_t uid) {
    return users_name(&api->users, uid, clock_read(&api->clock).monotonic_ms);
}

static void add_text_or_null(cJSON *json, const char *key, const char *text) {
    if (text != NULL)
        answer_add_text(json, key, text);
    else
        cJSON_AddNullToObject(json, key);
}

static void add_expiry(cJSON *json, const struct lease *lease, struct clock_reading now) {
    bool expires = lease_keeper(lease) == LEASE_KEPT_BY_TTL;
    uint64_t left_ms = lease->deadline > now.monotonic_ms ? lease->deadline - now.monotonic_ms : 0;
    uint64_t left_s = (left_ms + 999) / 1000;

    if (expires)
        add_time(json, "expires_at", now.unix_ms + (int64_t)left_ms);
    else
        cJSON_AddNullToObject(json, "expires_at");
    answer_add_number_or_null(json, "expires_in_seconds", expires, (double)left_s);
}

cJSON *lease_to_json(struct api *api, const struct lease *lease, const struct api_caller *caller) {
    struct clock_reading now = clock_read(&api->clock);
    bool private = access_may_change(api, caller, lease);
    cJSON *json = cJSON_CreateObject();
    cJSON *tags = cJSON_CreateStringArray((const char *const *)lease->tags, (int)lease->n_tags);

    cJSON_AddNumberToObject(json, "port", lease->port);
    cJSON_AddStringToObject(json, "service_name", lease->service_name);
    add_time(json, "allocated_at", lease->allocated_at);
    add_time(json, "last_heartbeat", lease->last_heartbeat);
    cJSON_AddNumberToObject(json, "ttl_seconds", (double)lease->ttl_seconds);
    if (!cJSON_AddItemToObject(json, "tags", tags))
        cJSON_Delete(tags);
    cJSON_AddNumberToObject(json, "id", (double)lease->id);
    cJSON_AddNumberToObject(json, "uid", lease->uid);
    add_text_or_null(json, "user", user_name(api, lease->uid));
    cJSON_AddStringToObject(json, "state", lease_state_name(lease_state(lease)));
    cJSON_AddStringToObject(json, "kept_by", lease_keeper_name(lease_keeper(lease)));
    add_expiry(json, lease, now);
    if (lease->holder.pid != 0)
        cJSON_AddNumberToObject(cJSON_AddObjectToObject(json, "holder"), "pid", lease->holder.pid);
    else
        cJSON_AddNullToObject(json, "holder");
    add_text_or_null(json, "project", private && lease->project[0] != '\0' ? lease->project : NULL);
    return json;
}

/* The first owner, or NULL. `result` owns it. */
static const struct process_info *find_owner(const struct listener *listener, struct owner_result *result) {
    const struct owner_wanted wanted = {.inode = listener->inode, .uid = listener->uid};

    if (listener->inode == 0 || owner_walk(&wanted, 1, NULL, OWNER_FDS_MAX, result) < 0)
        return NULL;
    return result->answers[0].n_owners > 0 ? result->answers[0].owners[0] : NULL;
}

/* The kernel keeps no uid for TIME_WAIT and orphans: their 0 is nobody's, not root's. */
static bool has_uid(const struct listener *listener) {
    return listener->state != LISTENER_TIME_WAIT && listener->state != LISTENER_ORPHAN;
}

static cJSON *listener_to_json(struct api *api, const struct listener *listener, bool look_for_owner) {
    cJSON *json = cJSON_CreateObject();
    CLEANUP(owner_result_deinit) struct owner_result result = {0};
    const struct process_info *owner = look_for_owner ? find_owner(listener, &result) : NULL;
    char address[LISTENER_ADDRESS_MAX];

    listener_format_address(listener, address);
    cJSON_AddStringToObject(json, "address", address);
    cJSON_AddNumberToObject(json, "port", listener->port);
    answer_add_number_or_null(json, "uid", has_uid(listener), listener->uid);
    add_text_or_null(json, "user", has_uid(listener) ? user_name(api, listener->uid) : NULL);
    cJSON_AddStringToObject(json, "state", listener_state_name(listener->state));
    cJSON_AddNumberToObject(json, "inode", listener->inode);
    cJSON_AddBoolToObject(json, "v6only", listener->v6only);
    answer_add_number_or_null(json, "cgroup_id", listener->cgroup_id != 0, (double)listener->cgroup_id);
    answer_add_number_or_null(json, "pid", owner != NULL, owner != NULL ? owner->id.pid : 0);
    add_text_or_null(json, "process", owner != NULL ? owner->name : NULL);
    return json;
}

cJSON *listeners_to_json(struct api *api, const struct listener_list *listeners) {
    cJSON *array = cJSON_CreateArray();
    size_t n_shown = listeners->n_items < LISTENERS_MAX ? listeners->n_items : LISTENERS_MAX;

    for (size_t i = 0; i < n_shown; i++)
        cJSON_AddItemToArray(array, listener_to_json(api, &listeners->items[i], i < OWNERS_MAX));
    return array;
}

void user_to_words(struct api *api, uid_t uid, char *ret_words) {
    const char *name = user_name(api, uid);

    if (name != NULL)
        snprintf(ret_words, LEASE_WHO_MAX, "%s", name);
    else
        snprintf(ret_words, LEASE_WHO_MAX, "uid %u", (unsigned)uid);
}

static void owner_to_words(const cJSON *listener, char *ret_words, size_t size) {
    const char *process = "";
    const char *user = NULL;
    uint64_t uid = 0;
    uint64_t pid = 0;
    char who[LEASE_WHO_MAX];

    if (json_get_string(listener, "user", &user))
        snprintf(who, sizeof who, "user %s", user);
    else if (json_get_number(listener, "uid", 0, UINT32_MAX, &uid))
        snprintf(who, sizeof who, "uid %" PRIu64, uid);
    else
        snprintf(who, sizeof who, "nobody");
    if (json_get_number(listener, "pid", 1, INT32_MAX, &pid) && json_get_string(listener, "process", &process))
        snprintf(ret_words, size, "%s (pid %" PRIu64 ", %s)", process, pid, who);
    else
        snprintf(ret_words, size, "a process of %s that portd may not look into", who);
}

void listeners_to_words(const cJSON *listeners, char *ret_words) {
    const cJSON *first = cJSON_GetArrayItem(listeners, 0);
    const char *address = "";
    const char *state = "";
    uint64_t port = 0;
    char who[160];
    char where[LISTENER_ADDRESS_MAX + 16];

    snprintf(ret_words, EVIDENCE_WORDS_MAX, "it cannot be bound, and the kernel does not tell why");
    if (!json_get_string(first, "address", &address) || !json_get_string(first, "state", &state) ||
        !json_get_number(first, "port", 1, 65535, &port))
        return;
    owner_to_words(first, who, sizeof who);
    snprintf(where, sizeof where, strchr(address, ':') != NULL ? "[%s]:%u" : "%s:%u", address, (unsigned)port);
    if (strcmp(state, listener_state_name(LISTENER_LISTEN)) == 0)
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "%s listens on %s", who, where);
    else if (strcmp(state, listener_state_name(LISTENER_BOUND)) == 0)
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "%s has bound %s, and does not listen", who, where);
    else if (strcmp(state, listener_state_name(LISTENER_CONNECTED)) == 0)
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "%s has a connection from %s", who, where);
    else if (strcmp(state, listener_state_name(LISTENER_TIME_WAIT)) == 0)
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "a closed connection of %s is in TIME_WAIT, for up to a minute", where);
    else
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "a connection of %s that no process has open is still closing", where);
}
