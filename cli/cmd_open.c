/*
 * open: a service, or the dashboard, in the user's browser. Where there is none the URL is said all the same, for a person who
 * has one elsewhere.
 */
#include <stdio.h>
#include <string.h>

#include "cli/browser.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/service_url.h"
#include "cli/variable.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* "127.0.0.1:3030" or "[::1]:3030" as a URL. */
static bool make_url(const char *address, struct service_url *ret_url) {
    const char *colon = address != NULL ? strrchr(address, ':') : NULL;
    uint64_t port;
    char host[64];

    if (colon == NULL || text_parse_number(colon + 1, 1, UINT16_MAX, &port) < 0)
        return false;
    if (address[0] == '[' && colon > address + 1)
        snprintf(host, sizeof host, "%.*s", (int)(colon - address - 2), address + 1);
    else
        snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    ret_url->port = (uint16_t)port;
    service_url_format(host, ret_url->port, false, ret_url->url);
    return true;
}

/* portd's first address. */
static int find_dashboard(const struct invocation *invocation, struct service_url *ret_url, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *status = NULL;
    const cJSON *addresses;
    int r = client_call(invocation->client, "/status", NULL, CLIENT_PATIENCE_MS, &status, problem);

    if (r != 0)
        return r;
    addresses = json_get(status, "addresses");
    if (cJSON_GetArraySize(addresses) == 0) {
        problem_fill(problem, EXIT_NO, "no-dashboard",
                     "this portd listens on a Unix socket alone, which no browser can open");
        return problem_set_hint(problem, "portd --port 3030 has a dashboard");
    }
    if (!make_url(cJSON_GetStringValue(cJSON_GetArrayItem(addresses, 0)), ret_url))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's first address is none");
    return 0;
}

static int find_service(const struct invocation *invocation, struct service_url *ret_url, struct problem *problem) {
    char word[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX + VARIABLE_NAME_MAX) + 16];
    int r = service_url_find(invocation, ret_url, problem);

    if (r != 0 || ret_url->listens)
        return r;
    problem_fill(problem, EXIT_NO, "not-listening", "nothing listens on %u yet, the port of %s", ret_url->port,
                 ret_url->service_name);
    return problem_set_hint(problem, "portctl wait %u && portctl open %s", ret_url->port,
                            options_format_operand(invocation->operands.items[0], "", word, sizeof word));
}

static int print_json(const char *url, const char *browser, struct problem *problem) {
    cJSON *document = cJSON_CreateObject();

    cJSON_AddStringToObject(document, "url", url);
    cJSON_AddStringToObject(document, "browser", browser);
    return output_json(document) < 0 ? problem_fill_memory(problem) : 0;
}

static int cmd_open(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    const struct output *output = &invocation->output;
    struct service_url url = {0};
    char browser[BROWSER_NAME_MAX] = "";
    int r = invocation->operands.n_items > 0 ? find_service(invocation, &url, problem)
                                             : find_dashboard(invocation, &url, problem);

    if (r != 0)
        return r;
    if (output->quiet)
        printf("%u\n", url.port);
    else if (!output->json)
        printf("%s\n", url.url);
    fflush(stdout);
    r = browser_open(url.url, browser, problem);
    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    return output->json ? print_json(url.url, browser, problem) : 0;
}

static const enum option_id open_options[] = {OPTION_GLOBAL, OPTION_PROJECT, OPTION_END};

const struct command command_open = {
    .name = "open",
    .summary = "open a service, or the dashboard, in the browser",
    .usage = "[NAME[:VARIABLE]] [options]",
    .details = "A service's URL is the one that portctl url prints. It is printed here, too. Without a name: the\n"
               "dashboard of the portd that is asked. The browser is\n"
               "BROWSER, or else xdg-open. Over ssh, and where there is no screen, there is none unless BROWSER\n"
               "says so: exit code 1.\n",
    .options = open_options,
    .n_most = 1,
    .first = OPERAND_NAME_VARIABLE,
    .examples = {{"portctl open", "the dashboard"},
                 {"portctl open web", "a service; portctl wait web before it waits until it is there"}},
    .function = cmd_open,
};
