/*
 * Asking for a lease. See grant.h.
 */
#include "cli/grant.h"

#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

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
static cJSON *make_body(const char *name, const struct options *options, const struct grant_for *whom) {
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();
    cJSON *made;

    if (cJSON_AddStringToObject(body, "service_name", name) == NULL ||
        !add_number(body, "ttl_seconds", options->ttl_seconds) || !add_number(body, "port", options->port) ||
        !add_number(body, "prefer", options->prefer) || !add_number(body, "count", options->count) ||
        !add_number(body, "pid", (uint64_t)whom->holder) || !add_number(body, "asker_pid", (uint64_t)whom->asker) ||
        (options->reuse && cJSON_AddBoolToObject(body, "reuse", true) == NULL) ||
        (options->project[0] != '\0' && cJSON_AddStringToObject(body, "project", options->project) == NULL) ||
        (options->n_tags > 0 && !add_tags(body, options)))
        return NULL;
    made = body;
    body = NULL;
    return made;
}

static int ask_once(const struct invocation *invocation, const struct grant_for *whom, cJSON **ret_reply,
                    struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = make_body(invocation->operands.items[0], &invocation->options, whom);

    if (body == NULL)
        return problem_fill_memory(problem);
    return client_call(invocation->client, "/alloc", body, CLIENT_PATIENCE_MS, ret_reply, problem);
}

/* portd's hints speak of keys; here these are options. */
static void translate_hint(const struct invocation *invocation, struct problem *problem) {
    const struct options *options = &invocation->options;
    char name[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX)];

    if (strcmp(problem->type, "lease-held") == 0)
        problem_set_hint(problem, "without --reuse it gets a second port");
    else if (problem->status == 409 && options->port != 0)
        problem_set_hint(problem, "portctl %s %s --prefer %u%s", invocation->command->name,
                         text_quote_word(invocation->operands.items[0], name, sizeof name),
                         options->port < UINT16_MAX ? options->port + 1 : options->port - 1,
                         invocation->command->runs_program ? " ..." : "");
}

/* Asks, and asks again without what this portd cannot make use of. *whom is what it was asked with at last. */
static int ask_as_known(const struct invocation *invocation, struct grant_for *whom, cJSON **ret_reply,
                        struct problem *problem) {
    int r = ask_once(invocation, whom, ret_reply, problem);

    if (r == PROBLEM_E_SET && whom->asker != 0 && strcmp(problem->type, "unknown-key") == 0) {
        whom->asker = 0;
        r = ask_once(invocation, whom, ret_reply, problem);
    }
    if (r == PROBLEM_E_SET && (whom->holder != 0 || whom->asker != 0) && strcmp(problem->type, "invalid-pid") == 0) {
        *whom = (struct grant_for){0};
        r = ask_once(invocation, whom, ret_reply, problem);
    }
    return r;
}

int grant_ask(const struct invocation *invocation, const struct grant_for *whom, struct grant *ret_grant,
              bool *ret_held, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    struct grant_for told = *whom;
    struct grant grant = {0};
    int r = told.holder != 0 || told.asker != 0 ? client_meet(invocation->client, CLIENT_PATIENCE_MS, problem) : 0;

    if (r != 0)
        return r;
    if (!client_shares_pids(invocation->client))
        told = (struct grant_for){0};
    r = ask_as_known(invocation, &told, &reply, problem);
    if (r == PROBLEM_E_SET)
        translate_hint(invocation, problem);
    if (r != 0)
        return r;
    if (!lease_view_read(json_get(reply, "lease"), &grant.lease))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer holds no lease");
    grant.reply = reply;
    reply = NULL;
    if (ret_held != NULL)
        *ret_held = told.holder != 0;
    *ret_grant = grant;
    return 0;
}
