/*
 * env: the ports of services as variables, for a script to take: what is not leased yet is leased.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/lease_set_words.h"
#include "src/base/json.h"

/* Names are letters, digits and _, values are digits: nothing of it is anything to a shell. */
static void print_variable(const struct options *options, const char *name, uint16_t port) {
    const char *export = options->exported ? "export " : "";

    if (options->format == ENV_FISH)
        printf("set %s %s %u\n", options->exported ? "-gx" : "-g", name, port);
    else
        printf("%s%s=%u\n", options->format == ENV_SHELL ? export : "", name, port);
}

static void print_lines(const struct invocation *invocation, const struct lease_set *set) {
    for (size_t i = 0; i < set->n_items; i++)
        for (size_t j = 0; j < set->items[i].n_variables; j++) {
            if (invocation->output.quiet)
                printf("%u\n", set->items[i].ports[j]);
            else
                print_variable(&invocation->options, set->items[i].variables[j], set->items[i].ports[j]);
        }
}

/* --format json: the variables and nothing else, as programs want an environment. */
static int print_object(const struct lease_set *set, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *json = cJSON_CreateObject();
    CLEANUP(json_free_text_at) char *text = NULL;

    for (size_t i = 0; i < set->n_items; i++)
        for (size_t j = 0; j < set->items[i].n_variables; j++)
            cJSON_AddNumberToObject(json, set->items[i].variables[j], set->items[i].ports[j]);
    text = cJSON_PrintUnformatted(json);
    if (text == NULL)
        return problem_fill_memory(problem);
    printf("%s\n", text);
    return 0;
}

static int check_options(const struct options *options, struct problem *problem) {
    if (options->exported && (options->format == ENV_JSON || options->format == ENV_DOTENV))
        return problem_fill_usage(problem, "--export is for --format shell and fish");
    if (options->json && options->format != ENV_SHELL)
        return problem_fill_usage(problem, "--json and --format exclude each other");
    return 0;
}

/* Where a file says which services there are, a name that is nearly one of them was mistyped: nobody would ever listen on its port. */
static int check_name(const struct project *project, const struct wanted *wanted, struct problem *problem) {
    char name[OPTIONS_NAME_MAX + 1];

    snprintf(name, sizeof name, "%.*s", (int)wanted->word_length, wanted->word);
    if (wanted->settings != NULL || project_nearest(project, name) == NULL)
        return 0;
    return project_refuse_service(project, name, problem);
}

/* A file that is broken is told even where only names are given: their settings are in it. */
static int gather(const struct invocation *invocation, struct project *project, struct lease_set *set,
                  struct problem *problem) {
    const struct operands *operands = &invocation->operands;
    int r = 0;

    if (operands->n_items == 0 && !invocation->scope.has_file) {
        problem_fill_usage(problem, "env wants a name, for there is no " SCOPE_FILE " here");
        return problem_set_hint(problem, "portctl env web db:DATABASE_PORT");
    }
    if (invocation->scope.has_file)
        r = project_read(&invocation->scope, project, problem);
    if (r == 0 && operands->n_items == 0)
        r = lease_set_add_project(set, invocation, project, problem);
    for (size_t i = 0; r == 0 && i < operands->n_items; i++)
        r = lease_set_add_word(set, invocation, project, operands->items[i], problem);
    for (size_t i = 0; r == 0 && i < operands->n_items; i++)
        r = check_name(project, &set->items[i], problem);
    return r != 0 ? r : lease_set_check(set, problem);
}

static int print(const struct invocation *invocation, struct lease_set *set, struct problem *problem) {
    if (invocation->output.json)
        return output_json(lease_set_to_json(set)) < 0 ? problem_fill_memory(problem) : 0;
    if (!invocation->output.quiet)
        output_notes(&invocation->output, set->notes);
    if (invocation->options.format == ENV_JSON && !invocation->output.quiet)
        return print_object(set, problem);
    print_lines(invocation, set);
    return 0;
}

static int cmd_env(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(project_deinit) struct project project = {0};
    CLEANUP(lease_set_deinit) struct lease_set set = {0};
    int r = check_options(&invocation->options, problem);

    if (r == 0)
        r = gather(invocation, &project, &set, problem);
    if (r == 0)
        r = lease_set_ask(invocation, &set, problem);
    if (r == 0)
        r = print(invocation, &set, problem);
    *ret_exit_code = EXIT_YES;
    return r;
}

/* eval of nothing succeeds, and so would the script go on: what it evaluates instead fails, with the same code where the shell can. */
static void print_failure(const struct invocation *invocation, int exit_code) {
    if (invocation->output.terminal || invocation->output.quiet || invocation->output.json)
        return;
    if (invocation->options.format == ENV_SHELL)
        printf("(exit %d)\n", exit_code);
    else if (invocation->options.format == ENV_FISH)
        printf("false\n");
}

static const enum option_id env_options[] = {OPTION_EXPORT,  OPTION_FORMAT, OPTION_TTL,
                                             OPTION_PROJECT, OPTION_GLOBAL, OPTION_END};

static const char *const env_more[] = {
    "What is leased already keeps its port, also where it runs; the rest is leased, all of it or none, and exit code "
    "4 says that there was no port. A variable is called as portmanager.json says, or else by the service's name: "
    "WEB_PORT for web.",
    "Without a name: every service of the project's portmanager.json. In its project a name that is nearly one of its "
    "services is refused; any other is leased.",
    "Each call sets anew how long the leases live: as --ttl says, or of a service of portmanager.json as that does, a "
    "day if it does not say. Any other name gets 5m, and if it is leased already its time begins again.",
    "-q prints the ports alone, one a line: several for a service that has several variables.",
    "When it fails and standard output is no terminal, it prints a line that fails in the shell, too: (exit 3), or in "
    "fish false. So a script with set -e ends at its eval, with that code; one without wants eval ... || exit. The "
    "formats dotenv and json, --json and -q print nothing then.",
    NULL,
};

const struct command command_env = {
    .name = "env",
    .summary = "print the ports of services as variables",
    .usage = "[NAME[:VARIABLE]...] [options]",
    .details = "A line VARIABLE=PORT for each port, for eval, a .env file, or a program. Leases what is not leased\n"
               "yet.\n",
    .more = env_more,
    .options = env_options,
    .n_most = LEASE_SET_MAX,
    .first = OPERAND_NAME_VARIABLE,
    .others = OPERAND_NAME_VARIABLE,
    .examples = {{"eval \"$(portctl env web db:PGPORT --export)\"", "WEB_PORT and PGPORT for what the script starts"},
                 {"portctl env web db --format dotenv > .env.ports", "for docker compose, say"},
                 {"portctl env --format fish | source", "every port of the project, in fish"}},
    .function = cmd_env,
    .print_failure = print_failure,
};
