/*
 * release: gives ports back. Always by port and id, so that what was listed a moment ago and is somebody else's by now is
 * left alone. What still listens is told and not touched.
 */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/lease_call.h"
#include "cli/selection.h"
#include "src/base/json.h"
#include "src/base/text.h"

static int refuse_several(const struct invocation *invocation, const struct selection *selection,
                          struct problem *problem) {
    const char *name = invocation->operands.items[0];
    char word[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX)];

    if (!invocation->output.json)
        lease_views_print(selection->views, selection->n_views, &invocation->output, stderr);
    problem_fill(problem, EXIT_NO, "several-leases", "%s has %zu leases; nothing was released", name,
                 selection->n_views);
    return problem_set_hint(problem, "portctl release %s --all, or portctl release %u for one of them",
                            text_quote_word(name, word, sizeof word), selection->views[0].port);
}

static void tell_released(const struct output *output, const struct lease_view *view, const cJSON *reply) {
    char name[OPTIONS_NAME_MAX + 1];

    if (output->json)
        return;
    if (output->quiet)
        printf("%u\n", view->port);
    else
        printf("Released port: %u (%s)\n", view->port, text_make_safe(view->service_name, name, sizeof name));
    lease_call_tell_listeners(output, reply);
}

/* With --all one lease that cannot be released does not keep the others: it is told, and its exit code is the command's. */
static int release_each(const struct invocation *invocation, const struct selection *selection, cJSON *released) {
    int worst = EXIT_YES;

    for (size_t i = 0; i < selection->n_views; i++) {
        CLEANUP(problem_deinit) struct problem problem = {0};
        CLEANUP(json_free_at) cJSON *reply = NULL;
        const struct lease_view *view = &selection->views[i];

        if (lease_call(invocation->client, "/release", view->port, view->id, CLIENT_PATIENCE_MS, &reply, &problem) !=
            0) {
            int exit_code = problem_report(&problem, &invocation->output);
            if (worst == EXIT_YES)
                worst = exit_code;
            if (problem.status == 0)
                break; /* portd has gone: the others would fail alike */
            continue;
        }
        tell_released(&invocation->output, view, reply);
        if (cJSON_AddItemToArray(released, reply))
            reply = NULL;
    }
    return worst;
}

static int release_selection(const struct invocation *invocation, const struct selection *selection, int *ret_exit_code,
                             struct problem *problem) {
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    cJSON *released = cJSON_AddArrayToObject(document, "released");
    cJSON *made;

    if (released == NULL)
        return problem_fill_memory(problem);
    *ret_exit_code = release_each(invocation, selection, released);
    if (!invocation->output.json || released->child == NULL)
        return 0;
    made = document;
    document = NULL;
    return output_json(made) < 0 ? problem_fill_memory(problem) : 0;
}

static int cmd_release(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    int r = selection_by_word(invocation->client, invocation->operands.items[0], &selection, problem);

    if (r != 0)
        return r;
    if (selection.n_views > 1 && !invocation->options.all)
        return refuse_several(invocation, &selection, problem);
    return release_selection(invocation, &selection, ret_exit_code, problem);
}

static const enum option_id release_options[] = {OPTION_ALL, OPTION_END};

const struct command command_release = {
    .name = "release",
    .summary = "give a port back",
    .usage = "PORT|NAME [options]",
    .details = "Ends the lease; what listens on the port is told and not touched. A name with several leases is\n"
               "released with --all only.\n",
    .options = release_options,
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_PORT_OR_NAME,
    .examples = {{"portctl release 8001", "by port"}, {"portctl release my-api --all", "all your leases of a name"}},
    .function = cmd_release,
};
