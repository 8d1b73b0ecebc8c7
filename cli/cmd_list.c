/*
 * list: all leases, or those of one name.
 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/selection.h"
#include "src/base/json.h"

static int print_json(const struct selection *selection, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    cJSON *leases = cJSON_AddArrayToObject(document, "leases");
    cJSON *made;

    for (size_t i = 0; i < selection->n_views; i++)
        if (!cJSON_AddItemToArray(leases, cJSON_Duplicate(selection->views[i].json, true)))
            return problem_fill_memory(problem);
    made = document;
    document = NULL;
    return output_json(made) < 0 ? problem_fill_memory(problem) : 0;
}

static int print_leases(const struct invocation *invocation, const struct selection *selection,
                        struct problem *problem) {
    if (invocation->output.quiet) {
        for (size_t i = 0; i < selection->n_views; i++)
            printf("%u\n", selection->views[i].port);
        return 0;
    }
    if (selection->n_views == 0 && invocation->output.terminal)
        output_tell(&invocation->output, "No leases. portctl alloc NAME takes one.");
    if (lease_views_print(selection->views, selection->n_views, &invocation->output, stdout) < 0)
        return problem_fill_memory(problem);
    return 0;
}

/* With --json a name that nobody has is an empty list, and exit code 1: the document is the answer. */
static int cmd_list(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    CLEANUP(problem_deinit) struct problem miss = {0};
    const struct output *output = &invocation->output;
    const char *name = invocation->operands.items[0]; /* NULL: all */
    int r = selection_all(invocation->client, &selection, problem);

    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    if (name != NULL)
        r = selection_by_name(&selection, &invocation->scope, name, output->json ? &miss : problem);
    if (r != 0 && !output->json)
        return r;
    if (r != 0) {
        *ret_exit_code = EXIT_NO;
        selection.n_views = 0;
    }
    return output->json ? print_json(&selection, problem) : print_leases(invocation, &selection, problem);
}

static const enum option_id list_options[] = {OPTION_GLOBAL, OPTION_PROJECT, OPTION_END};

const struct command command_list = {
    .name = "list",
    .alias = "ls",
    .summary = "show the leases",
    .usage = "[NAME] [options]",
    .details = "All leases of this machine, or those of one name, in a project the project's own or else the global\n"
               "ones. In a pipe: a line a lease, tab-separated: port, name, state, user, kept by, expires at,\n"
               "allocated at, id, tags, project; \"-\" where there is nothing.\n",
    .options = list_options,
    .n_most = 1,
    .examples = {{"portctl list", "what a person wants to see"},
                 {"portctl list -q my-api", "the ports of my-api, one a line"},
                 {"portctl list --json", "everything, for a program"}},
    .function = cmd_list,
};
