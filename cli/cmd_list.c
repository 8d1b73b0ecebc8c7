/*
 * list: all leases, or those of one name.
 */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/selection.h"
#include "src/base/json.h"

/* A name that nobody has is an empty list here, and exit code 1: the document is the answer. */
static int print_json(struct selection *selection, const char *name, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    cJSON *leases = cJSON_AddArrayToObject(document, "leases");
    cJSON *made;

    if (leases == NULL)
        return problem_fill_memory(problem);
    while (selection->list->child != NULL) {
        cJSON *lease = cJSON_DetachItemViaPointer(selection->list, selection->list->child);
        const char *service_name = "";

        json_get_string(lease, "service_name", &service_name);
        if (name != NULL && strcmp(service_name, name) != 0)
            cJSON_Delete(lease);
        else
            cJSON_AddItemToArray(leases, lease);
    }
    *ret_exit_code = name != NULL && leases->child == NULL ? EXIT_NO : EXIT_YES;
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
        fprintf(stderr, "No leases. portctl alloc NAME takes one.\n");
    if (lease_views_print(selection->views, selection->n_views, &invocation->output, stdout) < 0)
        return problem_fill_memory(problem);
    return 0;
}

static int cmd_list(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    const char *name = invocation->operands.items[0]; /* NULL: all */
    int r = selection_all(invocation->client, &selection, problem);

    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    if (invocation->output.json)
        return print_json(&selection, name, ret_exit_code, problem);
    if (name != NULL)
        r = selection_by_name(&selection, name, problem);
    if (r != 0)
        return r;
    return print_leases(invocation, &selection, problem);
}

const struct command command_list = {
    .name = "list",
    .alias = "ls",
    .summary = "show the leases",
    .usage = "[NAME] [options]",
    .details = "All leases of this machine, or those of one name. In a pipe: a line a lease, tab-separated: port,\n"
               "name, state, user, kept by, expires at, allocated at, id, tags; \"-\" where there is nothing.\n",
    .n_most = 1,
    .examples = {{"portctl list", "what a person wants to see"},
                 {"portctl list -q my-api", "the ports of my-api, one a line"},
                 {"portctl list --json", "everything, for a program"}},
    .function = cmd_list,
};
