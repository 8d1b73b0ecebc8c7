/*
 * The calls about one lease. See lease_call.h.
 */
#include "cli/lease_call.h"

#include <stdio.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

int lease_call(struct client *client, const char *target, uint16_t port, uint64_t id, uint64_t patience_ms,
               cJSON **ret_reply, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();

    if (cJSON_AddNumberToObject(body, "port", port) == NULL || cJSON_AddNumberToObject(body, "id", (double)id) == NULL)
        return problem_fill_memory(problem);
    return client_call(client, target, body, patience_ms, ret_reply, problem);
}

int lease_call_release(struct client *client, uint16_t port, uint64_t id, const char *condition, uint64_t patience_ms,
                       cJSON **ret_reply, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();
    int r;

    if (cJSON_AddNumberToObject(body, "port", port) == NULL ||
        cJSON_AddNumberToObject(body, "id", (double)id) == NULL || cJSON_AddTrueToObject(body, condition) == NULL)
        return problem_fill_memory(problem);
    r = client_call(client, "/release", body, patience_ms, ret_reply, problem);
    if (r == PROBLEM_E_SET && strcmp(problem->type, "unknown-key") == 0)
        r = lease_call(client, "/release", port, id, patience_ms, ret_reply, problem);
    return r;
}

static void format_listener(const cJSON *listener, char *ret_text, size_t size) {
    const char *address = "?";
    const char *process = NULL;
    const char *user = NULL;
    uint64_t port = 0;
    uint64_t pid = 0;
    bool is_ipv6;

    json_get_string(listener, "address", &address);
    json_get_string(listener, "process", &process);
    json_get_string(listener, "user", &user);
    json_get_number(listener, "port", 0, UINT16_MAX, &port);
    json_get_number(listener, "pid", 1, INT32_MAX, &pid);
    is_ipv6 = strchr(address, ':') != NULL;
    if (pid != 0)
        snprintf(ret_text, size, "%s (pid %u%s%s) still listens on %s%s%s:%u", process != NULL ? process : "a process",
                 (unsigned)pid, user != NULL ? ", user " : "", user != NULL ? user : "", is_ipv6 ? "[" : "", address,
                 is_ipv6 ? "]" : "", (unsigned)port);
    else
        snprintf(ret_text, size, "a process of %s still listens on %s%s%s:%u", user != NULL ? user : "an unknown user",
                 is_ipv6 ? "[" : "", address, is_ipv6 ? "]" : "", (unsigned)port);
}

static void tell(const struct output *output, const cJSON *listener) {
    char text[256];
    char safe[256];

    format_listener(listener, text, sizeof text);
    output_say(output, "%s", text_make_safe(text, safe, sizeof safe));
}

void lease_call_tell_listeners(const struct output *output, const cJSON *reply) {
    const cJSON *listener;

    cJSON_ArrayForEach(listener, json_get(reply, "listeners")) tell(output, listener);
}

void lease_call_tell_squatters(const struct output *output, const cJSON *reply) {
    const cJSON *listener;

    cJSON_ArrayForEach(listener, json_get(reply, "listeners")) {
        const char *level = "foreign";

        json_get_string(json_get(listener, "evidence"), "level", &level);
        if (strcmp(level, "foreign") == 0)
            tell(output, listener);
    }
}
