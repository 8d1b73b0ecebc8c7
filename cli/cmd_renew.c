/*
 * renew: another TTL for the leases on ports, or for all of the caller's leases of a name; renewing one too many hurts nobody.
 */
#include <stdint.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/lease_call.h"
#include "cli/selection.h"
#include "src/base/json.h"
#include "src/base/text.h"

static int tell_renewed(const struct output *output, const cJSON *reply, struct problem *problem) {
    struct lease_view view;
    char name[OPTIONS_NAME_MAX + 1];
    char life[LEASE_LIFE_MAX];

    if (!lease_view_read(json_get(reply, "lease"), &view))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer holds no lease");
    lease_view_format_life(&view, life);
    if (output->quiet)
        printf("%u\n", view.port);
    else if (!output->json)
        printf("Renewed port: %u (%s, %s)\n", view.port, text_make_safe(view.service_name, name, sizeof name), life);
    return 0;
}

static int renew_each(const struct invocation *invocation, const struct selection *selection, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    cJSON *renewed = cJSON_AddArrayToObject(document, "renewed");
    cJSON *made;

    if (renewed == NULL)
        return problem_fill_memory(problem);
    for (size_t i = 0; i < selection->n_views; i++) {
        const struct lease_view *view = &selection->views[i];
        cJSON *reply = NULL;
        int r = lease_call(invocation->client, "/heartbeat", view->port, view->id, CLIENT_PATIENCE_MS, &reply, problem);

        if (r != 0)
            return r;
        cJSON_AddItemToArray(renewed, reply);
        r = tell_renewed(&invocation->output, reply, problem);
        if (r != 0)
            return r;
    }
    if (!invocation->output.json)
        return 0;
    made = document;
    document = NULL;
    return output_json(made) < 0 ? problem_fill_memory(problem) : 0;
}

static int cmd_renew(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    int r = selection_by_words(invocation, false, "nothing was renewed", &selection, problem);

    *ret_exit_code = EXIT_YES;
    return r != 0 ? r : renew_each(invocation, &selection, problem);
}

static const enum option_id renew_options[] = {OPTION_GLOBAL, OPTION_PROJECT, OPTION_END};

const struct command command_renew = {
    .name = "renew",
    .alias = "heartbeat",
    .summary = "let leases live for another TTL",
    .usage = "PORT|NAME... [options]",
    .details = "Needed only where nothing listens on the port: listening renews a lease by itself. A name means\n"
               "all your leases of it. If one of the words means no lease, nothing is renewed.\n",
    .options = renew_options,
    .n_least = 1,
    .n_most = SIZE_MAX,
    .first = OPERAND_PORT_OR_NAME,
    .others = OPERAND_PORT_OR_NAME,
    .examples = {{"portctl renew my-db", "all your leases of this name"}, {"portctl renew 8001 8002", "two leases"}},
    .function = cmd_renew,
};
