/*
 * ignore: a squatter that one knows and puts up with is not told of any more.
 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "src/base/json.h"
#include "src/base/text.h"

static cJSON *make_body(const struct invocation *invocation, uint16_t port) {
    cJSON *body = cJSON_CreateObject();

    if (cJSON_AddNumberToObject(body, "port", port) != NULL &&
        cJSON_AddBoolToObject(body, "ignored", !invocation->options.undo) != NULL)
        return body;
    cJSON_Delete(body);
    return NULL;
}

/* The squatter's listeners come first. */
static const char *name_squatter(const cJSON *reply) {
    const cJSON *finding = cJSON_GetArrayItem(json_get(reply, "findings"), 0);
    const char *process = "hidden";

    json_get_string(cJSON_GetArrayItem(json_get(finding, "listeners"), 0), "process", &process);
    return process;
}

static int cmd_ignore(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = NULL;
    CLEANUP(json_free_at) cJSON *reply = NULL;
    char process[64];
    uint16_t port = 0;
    int r = options_check_port(invocation->operands.items[0], &port, problem);

    if (r != 0)
        return r;
    body = make_body(invocation, port);
    if (body == NULL)
        return problem_fill_memory(problem);
    r = client_call(invocation->client, "/ignore", body, CLIENT_PATIENCE_MS, &reply, problem);
    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    if (invocation->output.json) {
        cJSON *members = reply;
        reply = NULL;
        return output_json(members) < 0 ? problem_fill_memory(problem) : 0;
    }
    if (!cJSON_IsArray(json_get(reply, "findings")))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer holds no findings");
    if (invocation->output.quiet)
        printf("%u\n", port);
    else
        printf("%s port: %u (%s)\n", invocation->options.undo ? "No longer ignored" : "Ignored", port,
               text_make_safe(name_squatter(reply), process, sizeof process));
    return 0;
}

static const enum option_id ignore_options[] = {OPTION_UNDO, OPTION_END};

const struct command command_ignore = {
    .name = "ignore",
    .summary = "put up with a squatter",
    .usage = "PORT [options]",
    .details = "squatters and conflicts leave it out for you from now on, also after it was started anew: it is known\n"
               "by its port, its user and the name of its process. Others are still told of it, and nothing is done\n"
               "to it. The oldest of more than 256 is told again.\n",
    .options = ignore_options,
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_PORT,
    .examples = {{"portctl ignore 8005", "I know, and it may stay"},
                 {"portctl ignore 8005 --undo", "tell me of it again"}},
    .function = cmd_ignore,
};
