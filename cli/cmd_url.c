/*
 * url: where a service is reached, bare, so that it can stand inside of $(...).
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/service_url.h"

static int print_json(const struct service_url *url, struct problem *problem) {
    cJSON *document = cJSON_CreateObject();

    cJSON_AddStringToObject(document, "url", url->url);
    cJSON_AddStringToObject(document, "service_name", url->service_name);
    cJSON_AddNumberToObject(document, "port", url->port);
    cJSON_AddBoolToObject(document, "listens", url->listens);
    return output_json(document) < 0 ? problem_fill_memory(problem) : 0;
}

static int cmd_url(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    const struct output *output = &invocation->output;
    struct service_url url;
    int r = service_url_find(invocation, &url, problem);

    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    if (output->json)
        return print_json(&url, problem);
    if (output->quiet)
        printf("%u\n", url.port);
    else
        printf("%s\n", url.url);
    if (!url.listens && output->error_terminal && !output->quiet)
        output_say(output, "nothing listens on %u yet", url.port);
    return 0;
}

static const enum option_id url_options[] = {OPTION_GLOBAL, OPTION_PROJECT, OPTION_END};

const struct command command_url = {
    .name = "url",
    .summary = "print the URL of a service",
    .usage = "NAME[:VARIABLE] [options]",
    .details = "http://localhost:PORT, or the address that the service listens on if localhost does not lead there.\n"
               "Of several leases it is the one that lookup prints: of a service with several variables in\n"
               "portmanager.json the first one's, unless NAME:VARIABLE says which. A service that listens on\n"
               "another port than its own is told with that one. Exit code 1 if nobody has the name, or if\n"
               "somebody else is on its port.\n",
    .options = url_options,
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_NAME_VARIABLE,
    .examples = {{"curl \"$(portctl url my-api)/health\"", "talk to a service by its name"}},
    .function = cmd_url,
};
