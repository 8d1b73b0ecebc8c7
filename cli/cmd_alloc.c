/*
 * alloc: a port, bare, on standard output, so that PORT=$(portctl alloc my-db) works; what a person likes to know beside it
 * goes to standard error, and only to a terminal.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/grant.h"
#include "src/base/json.h"
#include "src/base/text.h"

static void say_sentence(const struct output *output, const struct lease_view *lease, bool reused) {
    char name[OPTIONS_NAME_MAX + 1];
    char life[LEASE_LIFE_MAX];

    lease_view_format_life(lease, life);
    output_tell(output, "%s port: %u (%s, %s)", reused ? "Reused" : "Allocated", lease->port,
                text_make_safe(lease->service_name, name, sizeof name), life);
}

static void print_port(const struct output *output, const struct lease_view *lease, bool reused) {
    printf("%u\n", lease->port);
    if (output->error_terminal && !output->quiet)
        say_sentence(output, lease, reused);
}

static void print_ports(const struct output *output, const struct grant *grant) {
    bool reused = false;

    json_get_bool(grant->reply, "reused", &reused);
    for (size_t i = 0; i < grant->n_leases; i++)
        print_port(output, &grant->leases[i], reused);
}

/* The script around $(portctl alloc x). Init has adopted us where there is none, and 0 is one of another pid namespace: from
 * these descends everything, or nobody. */
static pid_t find_asker(void) {
    pid_t parent = getppid();
    return parent > 1 ? parent : 0;
}

static int cmd_alloc(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(grant_deinit) struct grant grant = {0};
    const struct grant_for whom = {.asker = find_asker()};
    int r = grant_ask(invocation, &whom, &grant, NULL, problem);

    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    if (invocation->output.json) {
        if (output_json(cJSON_Duplicate(grant.reply, true)) < 0)
            return problem_fill_memory(problem);
        return grant_deliver(invocation, &grant, problem);
    }
    print_ports(&invocation->output, &grant);
    output_notes(&invocation->output, json_get(grant.reply, "notes"));
    return grant_deliver(invocation, &grant, problem);
}

static const enum option_id alloc_options[] = {OPTION_GLOBAL, OPTION_TTL, OPTION_PORT,    OPTION_PREFER, OPTION_COUNT,
                                               OPTION_REUSE,  OPTION_TAG, OPTION_PROJECT, OPTION_WAIT,   OPTION_END};

const struct command command_alloc = {
    .name = "alloc",
    .summary = "get a free port for a service",
    .usage = "NAME [options]",
    .details = "Asks portd for a port that is free in the kernel, and prints its number and nothing else on\n"
               "standard output. The lease lives while something listens on the port, or for its TTL.\n",
    .options = alloc_options,
    .n_least = 1,
    .n_most = 1,
    .examples = {{"PORT=$(portctl alloc my-db)", "a port in a variable"},
                 {"portctl alloc my-api --ttl 2h --tag dev", "for two hours, with a tag"},
                 {"portctl alloc cluster --count 3", "three ports, one a line"},
                 {"portctl alloc login --port 8080", "this port, or exit code 4"}},
    .function = cmd_alloc,
};
