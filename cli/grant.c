/*
 * Asking for a lease. See grant.h.
 */
#include "cli/grant.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cli/alloc_body.h"
#include "cli/lease_call.h"
#include "cli/patience.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* How soon another try is worth its cost: a refusal is dear, for portd explains it. */
#define RETRY_MS 500

static uint64_t wait_ms(uint64_t seconds) {
    return seconds < UINT32_MAX ? seconds * 1000 : (uint64_t)UINT32_MAX * 1000;
}

static bool add_number(cJSON *body, const char *key, uint64_t number) {
    return number == 0 || cJSON_AddNumberToObject(body, key, (double)number) != NULL;
}

/* Which ports, and how many. */
static bool add_choice(cJSON *body, const struct options *options, const struct grant_for *whom) {
    if (whom->beside)
        return true;
    if (options->port == 0 && options->prefer == 0 &&
        !alloc_body_add_prefer(body, whom->prefer, whom->n_prefer < whom->count ? whom->n_prefer : whom->count))
        return false;
    return add_number(body, "port", options->port) && add_number(body, "prefer", options->prefer) &&
           add_number(body, "count", whom->count > 1 ? whom->count : options->count) &&
           (!options->reuse || cJSON_AddBoolToObject(body, "reuse", true) != NULL);
}

/* What was not given is left out, so that portd's defaults are the only ones. */
static cJSON *make_body(const char *name, const struct invocation *invocation, const struct grant_for *whom) {
    const struct options *options = &invocation->options;
    const char *project = invocation->scope.project;
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();
    cJSON *made;

    if (cJSON_AddStringToObject(body, "service_name", name) == NULL ||
        !add_number(body, "ttl_seconds", options->ttl_seconds) || !add_choice(body, options, whom) ||
        !add_number(body, "pid", (uint64_t)whom->holder) || !add_number(body, "asker_pid", (uint64_t)whom->asker) ||
        (project[0] != '\0' && cJSON_AddStringToObject(body, "project", project) == NULL) ||
        !alloc_body_add_tags(body, options->tags, options->n_tags))
        return NULL;
    made = body;
    body = NULL;
    return made;
}

static uint64_t patience_of(const struct grant_for *whom) {
    return whom->patience_ms != 0 ? whom->patience_ms : CLIENT_PATIENCE_MS;
}

static int ask_once(const struct invocation *invocation, const struct grant_for *whom, cJSON **ret_reply,
                    struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = NULL;
    char name[OPTIONS_NAME_MAX + 1];
    int r = scope_name(&invocation->scope, invocation->operands.items[0], name, problem);

    if (r != 0)
        return r;
    body = make_body(name, invocation, whom);
    if (body == NULL)
        return problem_fill_memory(problem);
    return client_call(invocation->client, "/alloc", body, patience_of(whom), ret_reply, problem);
}

/* portd's hints speak of keys; here these are options. */
static void translate_hint(const struct invocation *invocation, const struct grant_for *whom, struct problem *problem) {
    const struct options *options = &invocation->options;
    uint64_t port = 0;
    char prefer[32];
    char words[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX) + sizeof prefer];

    json_get_number(problem->document, "port", 1, UINT16_MAX, &port);
    if (strcmp(problem->type, "lease-held") == 0 && whom->is_projects && port != 0)
        problem_set_hint(problem, "portctl who %u shows it, portctl stop %u stops it", (unsigned)port, (unsigned)port);
    else if (strcmp(problem->type, "lease-held") == 0)
        problem_set_hint(problem, "without --reuse it gets a second port");
    else if (problem->status == 409 && options->port != 0) {
        snprintf(prefer, sizeof prefer, "--prefer %u",
                 options->port < UINT16_MAX ? options->port + 1 : options->port - 1);
        problem_set_hint(problem, "portctl %s %s%s", invocation->command->name,
                         options_format_operand(invocation->operands.items[0], prefer, words, sizeof words),
                         invocation->command->runs_program ? " ..." : "");
    }
}

/* Asks, and asks again without what this portd cannot make use of. *whom is what it was asked with at last. */
static int ask_as_known(const struct invocation *invocation, struct grant_for *whom, cJSON **ret_reply,
                        struct problem *problem) {
    int r = ask_once(invocation, whom, ret_reply, problem);

    /* An older portd takes one preferred port, and that as a wish; without it the name gets its old port as well. */
    if (r == PROBLEM_E_SET && whom->n_prefer != 0 && problem->status == 422) {
        whom->n_prefer = 0;
        r = ask_once(invocation, whom, ret_reply, problem);
    }
    if (r == PROBLEM_E_SET && whom->asker != 0 && strcmp(problem->type, "unknown-key") == 0) {
        whom->asker = 0;
        r = ask_once(invocation, whom, ret_reply, problem);
    }
    if (r == PROBLEM_E_SET && (whom->holder != 0 || whom->asker != 0) && strcmp(problem->type, "invalid-pid") == 0) {
        whom->holder = 0;
        whom->asker = 0;
        r = ask_once(invocation, whom, ret_reply, problem);
    }
    return r;
}

/* Another may give his port back, or stop listening; nothing else that portd refuses with gets better by waiting. */
static bool may_pass(const struct problem *problem) {
    static const char *const types[] = {"range-full", "port-taken", "port-leased", "lease-held"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(problem->type, types[i]) == 0)
            return true;
    return false;
}

static void tell_waiting(const struct invocation *invocation, const struct problem *problem) {
    const struct output *output = &invocation->output;
    char detail[PROBLEM_DETAIL_MAX];

    if (output->json || output->quiet || (!output->error_terminal && !output->verbose))
        return;
    problem_format(problem, detail);
    output_say(output, "waiting: %s", detail);
}

static int tell_waited(const struct options *options, struct problem *problem) {
    char text[TEXT_DURATION_MAX];
    char detail[PROBLEM_DETAIL_MAX];

    text_format_duration(options->wait_seconds, text);
    problem_format(problem, detail);
    return problem_fill(problem, EXIT_WAITED, "waited", "no port after %s: %s", text, detail);
}

static int ask_patiently(const struct invocation *invocation, struct grant_for *whom, cJSON **ret_reply,
                         struct problem *problem) {
    const struct options *options = &invocation->options;
    const struct patience patience =
        client_patience(invocation->client, whom->beside ? 0 : wait_ms(options->wait_seconds));
    int r = ask_as_known(invocation, whom, ret_reply, problem);

    if (r != PROBLEM_E_SET || options->wait_seconds == 0 || whom->beside || !may_pass(problem))
        return r;
    tell_waiting(invocation, problem);
    while (r == PROBLEM_E_SET && may_pass(problem)) {
        int waited = patience_pause(RETRY_MS, &patience);

        if (waited == -EINTR)
            return CLIENT_E_INTERRUPTED;
        if (waited < 0)
            return tell_waited(options, problem);
        r = ask_as_known(invocation, whom, ret_reply, problem);
    }
    return r;
}

bool grant_reply_has_new(const cJSON *reply, const struct lease_view *lease, size_t at) {
    const cJSON *new_ids = json_get(reply, "new_ids");
    const cJSON *new_id;
    uint64_t n_reused = 0;
    bool reused = false;

    cJSON_ArrayForEach(new_id, new_ids) {
        if (cJSON_IsNumber(new_id) && new_id->valuedouble == (double)lease->id)
            return true;
    }
    if (new_ids != NULL)
        return false;
    /* An older portd has those that it reused first, and an even older one says no more than whether there are any. */
    if (json_get_number(reply, "n_reused", 0, OPTIONS_COUNT_MAX, &n_reused))
        return at >= n_reused;
    json_get_bool(reply, "reused", &reused);
    return !reused;
}

/* Every lease of the answer is read before the first is used: half an answer would look like a whole one. A portd that knows only of one
 * port (the original) has no array. */
static int read_leases(struct grant *grant, struct problem *problem) {
    const cJSON *leases = json_get(grant->reply, "leases");
    const cJSON *lease;

    cJSON_ArrayForEach(lease, leases) {
        if (grant->n_leases == OPTIONS_COUNT_MAX || !lease_view_read(lease, &grant->leases[grant->n_leases]))
            return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply",
                                "portd's answer holds something that is no lease");
        grant->is_new[grant->n_leases] =
            grant_reply_has_new(grant->reply, &grant->leases[grant->n_leases], grant->n_leases);
        grant->n_leases++;
    }
    if (grant->n_leases > 0)
        return 0;
    if (!lease_view_read(json_get(grant->reply, "lease"), &grant->leases[0]))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer holds no lease");
    grant->is_new[0] = grant_reply_has_new(grant->reply, &grant->leases[0], 0);
    grant->n_leases = 1;
    return 0;
}

int grant_ask(const struct invocation *invocation, const struct grant_for *whom, struct grant *ret_grant,
              bool *ret_held, struct problem *problem) {
    CLEANUP(grant_deinit) struct grant grant = {0};
    struct grant_for told = *whom;
    int r = told.holder != 0 || told.asker != 0 ? client_meet(invocation->client, patience_of(whom), problem) : 0;

    if (r != 0)
        return r;
    if (!client_shares_pids(invocation->client)) {
        told.holder = 0;
        told.asker = 0;
    }
    r = ask_patiently(invocation, &told, &grant.reply, problem);
    if (r == PROBLEM_E_SET && problem->exit_code != EXIT_WAITED)
        translate_hint(invocation, &told, problem);
    if (r == 0)
        r = read_leases(&grant, problem);
    if (r != 0)
        return r;
    if (ret_held != NULL)
        *ret_held = told.holder != 0;
    *ret_grant = grant;
    grant.reply = NULL;
    return 0;
}

int grant_deliver(const struct invocation *invocation, const struct grant *grant, struct problem *problem) {
    int r;

    signal(SIGPIPE, SIG_IGN); /* a reader that has gone would end us before anything is given back */
    r = output_finish();
    if (r == 0)
        return 0;
    for (size_t i = 0; i < grant->n_leases; i++) {
        CLEANUP(problem_deinit) struct problem miss = {0}; /* then it ends by its TTL */
        CLEANUP(json_free_at) cJSON *reply = NULL;

        if (grant->is_new[i])
            lease_call(invocation->client, "/release", grant->leases[i].port, grant->leases[i].id, CLIENT_PATIENCE_MS,
                       &reply, &miss);
    }
    return problem_fill(problem, EXIT_NO, "internal", "standard output: %s", strerror(-r));
}
