/*
 * What the project file says of the service that is run. See run_project.h.
 */
#include "cli/run_project.h"

#include <string.h>
#include <unistd.h>

#include "cli/lease_view.h"
#include "cli/selection.h"
#include "src/base/json.h"

void run_project_deinit(struct run_project *run) {
    project_deinit(&run->project);
}

/* What was not given. The service is the project's, so that its lease is the one that up has made, if it has. */
static void take_settings(struct options *options, const struct project_service *service) {
    options->reuse = true;
    if (options->ttl_seconds == 0)
        options->ttl_seconds = service->ttl_seconds;
    if (options->n_tags == 0) {
        memcpy(options->tags, service->tags, sizeof options->tags);
        options->n_tags = service->n_tags;
    }
    if (options->n_env_names > 0)
        return;
    for (; options->n_env_names < service->n_variables; options->n_env_names++)
        options->env_names[options->n_env_names] = service->variables[options->n_env_names];
}

static int check_port(const struct options *options, struct problem *problem) {
    if (options->port == 0 || options->n_env_names < 2)
        return 0;
    problem_fill_usage(problem, "--port is one port, and " SCOPE_FILE " gives the service %zu variables",
                       options->n_env_names);
    return problem_set_hint(problem, "--prefer %u, and the others come beside it", options->port);
}

static int refuse_program(const struct run_project *run, const char *word, struct problem *problem) {
    if (run->invocation.scope.has_file && run->service == NULL)
        return project_refuse_service(&run->project, word, problem);
    problem_fill_usage(problem, "run wants a program behind the name '%s'", word);
    if (run->service != NULL)
        return problem_set_hint(problem, "\"command\" of the service in " SCOPE_FILE " would be one, too");
    return problem_set_hint(problem, "portctl run %s", command_run.usage);
}

static int take_program(struct run_project *run, struct problem *problem) {
    const struct operands *operands = &run->invocation.operands;

    if (operands->n_items > 1) {
        run->argv = operands->items + 1;
        return 0;
    }
    if (run->service == NULL || run->service->command == NULL)
        return refuse_program(run, operands->items[0], problem);
    run->argv = run->service->command;
    run->folder = run->project.root;
    return 0;
}

int run_project_read(const struct invocation *given, struct run_project *ret_run, struct problem *problem) {
    int r = 0;

    *ret_run = (struct run_project){.invocation = *given};
    if (given->scope.has_file)
        r = project_read(&given->scope, &ret_run->project, problem);
    if (r != 0)
        return r;
    ret_run->service = project_find(&ret_run->project, given->operands.items[0]);
    if (ret_run->service != NULL)
        take_settings(&ret_run->invocation.options, ret_run->service);
    r = check_port(&ret_run->invocation.options, problem);
    return r != 0 ? r : take_program(ret_run, problem);
}

static bool has_variable(const struct run_environment *environment, const char *name) {
    size_t length = strlen(name);

    for (size_t at = 0; at < environment->length; at += strlen(environment->text + at) + 1)
        if (strncmp(environment->text + at, name, length) == 0 && environment->text[at + length] == '=')
            return true;
    return false;
}

/* Which of the service's variables the lease is for: one alone is for its first lease, of several each has its slot. `n`: so many leases came before it, which
 * is all that can be said where portd does not tell slots. */
static size_t find_variable(const struct project_service *service, const struct lease_view *lease, size_t n) {
    return service->n_variables == 1 || lease->slot == LEASE_VIEW_NO_SLOT ? n : lease->slot;
}

static int add_variable(const char *variable, uint16_t port, struct run_environment *environment) {
    if (strcmp(variable, "PORT") == 0 || has_variable(environment, variable))
        return 0;
    return run_environment_add_number(environment, variable, port);
}

/* `leases` are sorted. */
static int add_service(const struct run_project *run, const struct project_service *service,
                       const struct selection *leases, struct run_environment *environment) {
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < leases->n_views; i++) {
        const struct lease_view *lease = &leases->views[i];
        size_t at;

        if (lease->uid != geteuid() ||
            scope_match(&run->invocation.scope, service->name, lease->service_name, lease->project) != 2)
            continue;
        at = find_variable(service, lease, n++);
        if (at < service->n_variables)
            r = add_variable(service->variables[at], lease->port, environment);
    }
    return r;
}

int run_project_add_others(const struct run_project *run, const cJSON *leases, struct run_environment *environment) {
    CLEANUP(selection_deinit) struct selection sorted = {0};
    struct problem problem = {0}; /* never portd's: it owns nothing */
    cJSON *list = cJSON_Duplicate(leases, true);
    int r = 0;

    /* A list that is none has no leases to tell of. */
    if (list == NULL || selection_read(list, &sorted, &problem) != 0)
        return 0;
    selection_sort(&sorted);
    for (size_t i = 0; r == 0 && i < run->project.n_services; i++)
        if (&run->project.services[i] != run->service)
            r = add_service(run, &run->project.services[i], &sorted, environment);
    return r;
}
