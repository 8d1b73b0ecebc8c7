/*
 * lookup: the port of a name, bare, so that it can stand inside of $(...). A name can have several; then it is your own oldest
 * one's, and --all prints each on a line. With --json a miss is an answer like any other, and the exit code tells.
 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/selection.h"
#include "src/base/json.h"

/* /lookup does not know other names; the list does. Only to help, so its own failure is no second problem. */
static int tell_miss(struct client *client, const char *name, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    struct problem other = {0};

    if (selection_all(client, &selection, &other) == 0 && selection_by_name(&selection, name, problem) != 0)
        return PROBLEM_E_SET;
    problem_deinit(&other);
    return problem_fill(problem, EXIT_NO, "no-such-lease", "no lease has the name %s", name);
}

/* Read to the end before the first is printed. */
static int print_ports(const cJSON *ports, bool all, struct problem *problem) {
    const cJSON *port;
    uint64_t number;

    cJSON_ArrayForEach(port, ports) {
        if (!json_is_whole(port, 1, UINT16_MAX, &number))
            return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply",
                                "portd's answer holds something that is no port");
    }
    cJSON_ArrayForEach(port, ports) {
        printf("%d\n", port->valueint);
        if (!all)
            break;
    }
    return 0;
}

static int ask(struct client *client, const char *name, cJSON **ret_reply, struct problem *problem) {
    char target[64 + 3 * OPTIONS_NAME_MAX] = "/lookup?service=";

    if (client_escape_query(name, target, sizeof target) < 0)
        return problem_fill_usage(problem, "the name is too long");
    return client_call(client, target, NULL, CLIENT_PATIENCE_MS, ret_reply, problem);
}

static int cmd_lookup(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    const char *name = invocation->operands.items[0];
    bool found;
    int r = ask(invocation->client, name, &reply, problem);

    if (r != 0)
        return r;
    found = cJSON_GetArraySize(json_get(reply, "all_ports")) > 0;
    *ret_exit_code = found ? EXIT_YES : EXIT_NO;
    if (invocation->output.json) {
        cJSON *members = reply;
        reply = NULL;
        return output_json(members) < 0 ? problem_fill_memory(problem) : 0;
    }
    return found ? print_ports(json_get(reply, "all_ports"), invocation->options.all, problem)
                 : tell_miss(invocation->client, name, problem);
}

static const enum option_id lookup_options[] = {OPTION_ALL, OPTION_END};

const struct command command_lookup = {
    .name = "lookup",
    .summary = "print the port of a service",
    .usage = "NAME [options]",
    .details = "Prints the port of your own oldest lease of that name, or else of anybody's; with\n"
               "--all every port that the name has, one a line. Exit code 1 if it has none.\n",
    .options = lookup_options,
    .n_least = 1,
    .n_most = 1,
    .examples = {{"curl http://localhost:$(portctl lookup my-api)/", "talk to a service by its name"},
                 {"portctl lookup cluster --all", "every port of the name"}},
    .function = cmd_lookup,
};
