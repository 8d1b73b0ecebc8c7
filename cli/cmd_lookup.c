/*
 * lookup: the port of a name, bare, so that it can stand inside of $(...). A name can have several; then it is your own first
 * one's, and --all prints each on a line. With --json a miss is an answer like any other, and the exit code tells.
 *
 * It chooses out of portd's list, and not by /lookup, which knows of no project.
 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/selection.h"
#include "cli/service_word.h"
#include "src/base/json.h"

/* As /lookup answers. */
static int print_json(const char *name, const struct selection *selection, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    const struct lease_view *views = selection->views;
    bool found = selection->n_views > 0;
    cJSON *made;
    cJSON *ports;
    cJSON *leases;

    cJSON_AddStringToObject(document, "service_name", found ? views[0].service_name : name);
    cJSON_AddItemToObject(document, "port", found ? cJSON_CreateNumber(views[0].port) : cJSON_CreateNull());
    ports = cJSON_AddArrayToObject(document, "all_ports");
    cJSON_AddItemToObject(document, "lease", found ? cJSON_Duplicate(views[0].json, true) : cJSON_CreateNull());
    leases = cJSON_AddArrayToObject(document, "leases");
    for (size_t i = 0; i < selection->n_views; i++) {
        cJSON_AddItemToArray(ports, cJSON_CreateNumber(views[i].port));
        cJSON_AddItemToArray(leases, cJSON_Duplicate(views[i].json, true));
    }
    made = document;
    document = NULL;
    return output_json(made) < 0 ? problem_fill_memory(problem) : 0;
}

static int cmd_lookup(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    CLEANUP(problem_deinit) struct problem miss = {0};
    const struct scope *scope = &invocation->scope;
    struct service_word word;
    char name[OPTIONS_NAME_MAX + 1];
    int r = service_word_read(scope, invocation->operands.items[0], &word, problem);

    if (r == 0)
        r = scope_name(scope, word.name, name, problem);
    if (r == 0)
        r = selection_all(invocation->client, &selection, problem);
    if (r != 0)
        return r;
    if (invocation->output.json && service_word_select(&word, scope, &selection, &miss) != 0)
        selection.n_views = 0;
    else if (!invocation->output.json)
        r = service_word_select(&word, scope, &selection, problem);
    if (r != 0)
        return r;
    *ret_exit_code = selection.n_views > 0 ? EXIT_YES : EXIT_NO;
    if (invocation->output.json)
        return print_json(name, &selection, problem);
    service_word_tell_project(&word, scope, &selection.views[0], &invocation->output);
    for (size_t i = 0; i < selection.n_views && (i == 0 || invocation->options.all); i++)
        printf("%u\n", selection.views[i].port);
    return 0;
}

static const enum option_id lookup_options[] = {OPTION_GLOBAL, OPTION_PROJECT, OPTION_ALL, OPTION_END};

const struct command command_lookup = {
    .name = "lookup",
    .summary = "print the port of a service",
    .usage = "NAME[:VARIABLE] [options]",
    .details = "Prints the port of your own first lease of that name, or else of anybody's; with --all every port\n"
               "that the name has, one a line. In a project it is the project's own, or else a global one, and\n"
               "NAME:VARIABLE is the port of that variable of portmanager.json. Outside of any project it is the\n"
               "global one, or else some project's, which a note tells. Exit code 1 if there is none.\n",
    .options = lookup_options,
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_NAME_VARIABLE,
    .examples = {{"curl http://localhost:$(portctl lookup my-api)/", "talk to a service by its name"},
                 {"portctl lookup web:HMR_PORT", "another port of the project's service"},
                 {"portctl lookup cluster --all", "every port of the name"}},
    .function = cmd_lookup,
};
