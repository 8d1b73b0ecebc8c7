/*
 * Asking for a lease. See grant.h.
 */
#include "cli/grant.h"

#include <string.h>

#include "src/base/json.h"

static bool add_tags(cJSON *body, const struct options *options) {
    cJSON *tags = cJSON_CreateStringArray(options->tags, (int)options->n_tags);

    if (cJSON_AddItemToObject(body, "tags", tags))
        return true;
    cJSON_Delete(tags);
    return false;
}

static bool add_number(cJSON *body, const char *key, uint64_t number) {
    return number == 0 || cJSON_AddNumberToObject(body, key, (double)number) != NULL;
}

/* What was not given is left out, so that portd's defaults are the only ones. */
static cJSON *make_body(const char *name, const struct options *options, pid_t holder) {
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();
    cJSON *made;

    if (cJSON_AddStringToObject(body, "service_name", name) == NULL ||
        !add_number(body, "ttl_seconds", options->ttl_seconds) || !add_number(body, "port", options->port) ||
        !add_number(body, "prefer", options->prefer) || !add_number(body, "count", options->count) ||
        !add_number(body, "pid", (uint64_t)holder) ||
        (options->reuse && cJSON_AddBoolToObject(body, "reuse", true) == NULL) ||
        (options->project[0] != '\0' && cJSON_AddStringToObject(body, "project", options->project) == NULL) ||
        (options->n_tags > 0 && !add_tags(body, options)))
        return NULL;
    made = body;
    body = NULL;
    return made;
}

static int ask_once(const struct invocation *invocation, pid_t holder, cJSON **ret_reply, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = make_body(invocation->operands.items[0], &invocation->options, holder);

    if (body == NULL)
        return problem_fill_memory(problem);
    return client_call(invocation->client, "/alloc", body, CLIENT_PATIENCE_MS, ret_reply, problem);
}

/* portd's hints speak of keys; here these are options. */
static void translate_hint(const struct invocation *invocation, struct problem *problem) {
    const struct options *options = &invocation->options;
    char name[OUTPUT_WORD_MAX];

    if (strcmp(problem->type, "lease-held") == 0)
        problem_set_hint(problem, "without --reuse it gets a second port");
    else if (problem->status == 409 && options->port != 0)
        problem_set_hint(problem, "portctl %s %s --prefer %u%s", invocation->command->name,
                         output_format_word(invocation->operands.items[0], name),
                         options->port < UINT16_MAX ? options->port + 1 : options->port - 1,
                         invocation->command->runs_program ? " ..." : "");
}

int grant_ask(const struct invocation *invocation, pid_t holder, struct grant *ret_grant, bool *ret_held,
              struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    struct grant grant = {0};
    int r = holder != 0 ? client_meet(invocation->client, CLIENT_PATIENCE_MS, problem) : 0;

    if (r != 0)
        return r;
    if (!client_shares_pids(invocation->client))
        holder = 0;
    r = ask_once(invocation, holder, &reply, problem);
    if (r == PROBLEM_E_SET && holder != 0 && strcmp(problem->type, "invalid-pid") == 0) {
        holder = 0;
        r = ask_once(invocation, 0, &reply, problem);
    }
    if (r == PROBLEM_E_SET)
        translate_hint(invocation, problem);
    if (r != 0)
        return r;
    if (!lease_view_read(json_get(reply, "lease"), &grant.lease))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer holds no lease");
    grant.reply = reply;
    reply = NULL;
    if (ret_held != NULL)
        *ret_held = holder != 0;
    *ret_grant = grant;
    return 0;
}
