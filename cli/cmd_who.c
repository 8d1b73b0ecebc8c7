/*
 * who: who has a port, and everything that a person would look up next. Without a port: all that listens.
 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/listener_table.h"
#include "cli/who_view.h"
#include "src/base/json.h"

static bool has_listeners(const cJSON *answer) {
    return cJSON_GetArraySize(json_get(answer, "listeners")) > 0;
}

static int ask(const struct invocation *invocation, uint16_t port, cJSON **ret_answer, struct problem *problem) {
    char target[32];

    snprintf(target, sizeof target, "/who?port=%u", port);
    return client_call(invocation->client, target, NULL, CLIENT_PATIENCE_MS, ret_answer, problem);
}

/* On a terminal the verdict says that nobody is there; in a pipe there is no line to say it. */
static int tell(const struct output *output, uint16_t port, const cJSON *answer, bool first, struct problem *problem) {
    if (output->quiet) {
        if (has_listeners(answer))
            printf("%u\n", port);
        return 0;
    }
    if (output->terminal) {
        if (!first)
            putchar('\n');
        who_view_print(port, answer, output);
        return 0;
    }
    if (!has_listeners(answer))
        output_say(output, "nobody listens on port %u", port);
    return listener_table_print(json_get(answer, "listeners"), NULL, output) < 0 ? problem_fill_memory(problem) : 0;
}

static int print_document(cJSON *answers, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *owned = answers;
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    cJSON *made;

    if (!cJSON_AddItemToObject(document, "who", owned))
        return problem_fill_memory(problem);
    owned = NULL;
    made = document;
    document = NULL;
    return output_json(made) < 0 ? problem_fill_memory(problem) : 0;
}

/* With --json the answers are collected: all of them, or a problem. */
static int ask_each(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *answers = cJSON_CreateArray();
    bool anybody = false;
    cJSON *taken;

    for (size_t i = 0; i < invocation->operands.n_items; i++) {
        cJSON *answer = NULL;
        uint16_t port = 0;
        int r = options_check_port(invocation->operands.items[i], &port, problem);

        if (r == 0)
            r = ask(invocation, port, &answer, problem);
        if (r != 0)
            return r;
        cJSON_AddItemToArray(answers, answer);
        anybody = anybody || has_listeners(answer);
        if (!invocation->output.json)
            r = tell(&invocation->output, port, answer, i == 0, problem);
        if (r != 0)
            return r;
    }
    *ret_exit_code = anybody ? EXIT_YES : EXIT_NO;
    if (!invocation->output.json)
        return 0;
    taken = answers;
    answers = NULL;
    return print_document(taken, problem);
}

/* portd's answer is by port, so that equal ones stand together. */
static void print_ports(const cJSON *listeners) {
    const cJSON *listener;
    uint64_t last = 0;

    cJSON_ArrayForEach(listener, listeners) {
        uint64_t port;
        if (json_get_number(listener, "port", 1, UINT16_MAX, &port) && port != last) {
            printf("%u\n", (unsigned)port);
            last = port;
        }
    }
}

/* For a person the squatters stand out. Without them, as from a portd that has no such call, the list is still true. */
static cJSON *ask_findings(const struct invocation *invocation) {
    CLEANUP(problem_deinit) struct problem ignored = {0};
    cJSON *reply = NULL;

    if (!invocation->output.terminal ||
        client_call(invocation->client, "/squatters", NULL, CLIENT_PATIENCE_MS, &reply, &ignored) != 0)
        return NULL;
    return reply;
}

static int list_all(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    const struct output *output = &invocation->output;
    CLEANUP(json_free_at) cJSON *reply = NULL;
    CLEANUP(json_free_at) cJSON *findings = NULL;
    const cJSON *listeners;
    int r = client_call(invocation->client, "/ports", NULL, CLIENT_PATIENCE_MS, &reply, problem);

    if (r != 0)
        return r;
    listeners = json_get(reply, "ports");
    *ret_exit_code = cJSON_GetArraySize(listeners) > 0 ? EXIT_YES : EXIT_NO;
    if (output->json) {
        cJSON *members = reply;
        reply = NULL;
        return output_json(members) < 0 ? problem_fill_memory(problem) : 0;
    }
    if (output->quiet) {
        print_ports(listeners);
        return 0;
    }
    if (*ret_exit_code == EXIT_NO && output->terminal)
        fprintf(stderr, "Nothing listens.\n");
    findings = ask_findings(invocation);
    return listener_table_print(listeners, json_get(findings, "squatters"), output) < 0 ? problem_fill_memory(problem)
                                                                                        : 0;
}

static int cmd_who(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    return invocation->operands.n_items > 0 ? ask_each(invocation, ret_exit_code, problem)
                                            : list_all(invocation, ret_exit_code, problem);
}

const struct command command_who = {
    .name = "who",
    .summary = "explain who has a port, why it runs, and what to do",
    .usage = "[PORT...] [options]",
    .details = "Without a port: everything that listens. Exit code 1 if nobody is on any of the ports. In a\n"
               "pipe: a line for each process that has a socket open, tab-separated: port, address, state of the\n"
               "socket, name of the lease, evidence, process, pid, user, uid, unit, container, since, inode,\n"
               "start time, command; \"-\" where there is nothing, as for the process of a hidden owner.\n",
    .n_most = SIZE_MAX,
    .first = OPERAND_PORT,
    .others = OPERAND_PORT,
    .examples = {{"portctl who 3000", "the verdict, and the whole story"},
                 {"portctl who", "everything that listens"},
                 {"portctl who -q 8001 && echo busy", "for a script: the exit code"}},
    .function = cmd_who,
};
