/*
 * claim and disown: a person's word on whose a listener is, where the kernel's evidence does not say.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/lease_call.h"
#include "cli/lease_view.h"
#include "src/base/json.h"
#include "src/base/text.h"

static int ask(const struct invocation *invocation, const char *target, cJSON **ret_reply, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();
    const char *name = invocation->operands.n_items > 1 ? invocation->operands.items[1] : NULL;
    pid_t pid = invocation->options.pid;
    uint16_t port = 0;
    int r = options_check_port(invocation->operands.items[0], &port, problem);

    if (r != 0)
        return r;
    if (cJSON_AddNumberToObject(body, "port", port) == NULL ||
        (name != NULL && cJSON_AddStringToObject(body, "service_name", name) == NULL) ||
        (pid != 0 && cJSON_AddNumberToObject(body, "pid", pid) == NULL))
        return problem_fill_memory(problem);
    r = client_call(invocation->client, target, body, CLIENT_PATIENCE_MS, ret_reply, problem);
    if (r == PROBLEM_E_SET && name == NULL && strcmp(problem->type, "missing-key") == 0) {
        problem_fill_usage(problem, "port %u has no lease yet: the new one wants a name", port);
        problem_set_hint(problem, "portctl claim %u NAME", port);
    }
    return r;
}

static int print_reply(const struct output *output, cJSON **reply, const char *done, struct problem *problem) {
    struct lease_view lease;
    char name[OPTIONS_NAME_MAX + 1];
    char life[LEASE_LIFE_MAX];
    cJSON *members;

    if (output->json) {
        members = *reply;
        *reply = NULL;
        return output_json(members) < 0 ? problem_fill_memory(problem) : 0;
    }
    if (!lease_view_read(json_get(*reply, "lease"), &lease))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer holds no lease");
    lease_view_format_life(&lease, life);
    if (output->quiet)
        printf("%u\n", lease.port);
    else
        printf("%s port: %u (%s, %s)\n", done, lease.port, text_make_safe(lease.service_name, name, sizeof name), life);
    return 0;
}

/* A new lease that nobody could be told of is given back. */
static int deliver(const struct invocation *invocation, const struct lease_view *created, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *released = NULL;
    CLEANUP(problem_deinit) struct problem miss = {0}; /* then it ends with its listener */
    int r;

    signal(SIGPIPE, SIG_IGN);
    r = output_finish();
    if (r == 0)
        return 0;
    lease_call(invocation->client, "/release", created->port, created->id, CLIENT_PATIENCE_MS, &released, &miss);
    return problem_fill(problem, EXIT_NO, "internal", "standard output: %s", strerror(-r));
}

static int cmd_claim(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    struct lease_view lease;
    bool created = true;
    bool is_new;
    int r = ask(invocation, "/claim", &reply, problem);

    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    json_get_bool(reply, "created", &created);
    is_new = created && lease_view_read(json_get(reply, "lease"), &lease);
    r = print_reply(&invocation->output, &reply, created ? "Claimed" : "Confirmed", problem);
    return r == 0 && is_new ? deliver(invocation, &lease, problem) : r;
}

static int cmd_disown(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    int r = ask(invocation, "/disown", &reply, problem);

    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    if (!invocation->output.json && !invocation->output.quiet)
        lease_call_tell_squatters(&invocation->output, reply);
    return print_reply(&invocation->output, &reply, "Disowned", problem);
}

static const enum option_id claim_options[] = {OPTION_PID, OPTION_END};

const struct command command_claim = {
    .name = "claim",
    .summary = "make a lease for what listens on a port already",
    .usage = "PORT [NAME] [options]",
    .details = "The listener must be yours. On a leased port it says that the listener is the lease's; then the\n"
               "name may be left out. --pid means one of two parties that share the port.\n",
    .options = claim_options,
    .n_least = 1,
    .n_most = 2,
    .first = OPERAND_PORT,
    .examples = {{"portctl claim 3000 my-site", "a lease for the server on 3000"},
                 {"portctl claim 8001", "what listens there is the lease's"}},
    .function = cmd_claim,
};

const struct command command_disown = {
    .name = "disown",
    .summary = "say that what listens on your port is not yours",
    .usage = "PORT [options]",
    .details = "The listener on your leased port is a squatter from now on. It is told and not touched.\n",
    .options = claim_options,
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_PORT,
    .examples = {{"portctl disown 8001", "then: portctl who 8001"},
                 {"portctl disown 8001 --pid 4711", "one of two parties on the port"}},
    .function = cmd_disown,
};
