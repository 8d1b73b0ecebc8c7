/*
 * Which services are wanted. See lease_set_words.h.
 */
#include "cli/lease_set_words.h"

#include <stdio.h>
#include <string.h>

static int add(struct lease_set *set, struct wanted **ret_wanted, struct problem *problem) {
    *ret_wanted = lease_set_add(set);
    if (*ret_wanted == NULL)
        return set->n_items == LEASE_SET_MAX
                   ? problem_fill_usage(problem, "%d services at most are leased at once", LEASE_SET_MAX)
                   : problem_fill_memory(problem);
    return 0;
}

/* --ttl goes before what the file says. */
static void take_settings(struct wanted *wanted, const struct invocation *invocation,
                          const struct project_service *settings) {
    wanted->settings = settings;
    wanted->ttl_seconds = invocation->options.ttl_seconds;
    if (settings == NULL)
        return;
    if (wanted->ttl_seconds == 0)
        wanted->ttl_seconds = settings->ttl_seconds != 0 ? settings->ttl_seconds : LEASE_SET_TTL_SECONDS;
    memcpy(wanted->variables, settings->variables, sizeof wanted->variables);
    wanted->n_variables = settings->n_variables;
}

/* Behind the last colon, if there is one: a name may have colons, too, and a service of the project is known by its whole name. */
static const char *find_variable(const struct project *project, const char *word, size_t *ret_length) {
    const char *colon = project_find(project, word) == NULL ? strrchr(word, ':') : NULL;

    *ret_length = colon != NULL ? (size_t)(colon - word) : strlen(word);
    return colon != NULL ? colon + 1 : NULL;
}

static int check_variable(const char *word, const char *variable, struct problem *problem) {
    const char *fault = variable != NULL ? variable_fault(variable) : NULL;

    if (fault == NULL)
        return 0;
    problem_fill_usage(problem, "%s: '%s' %s", word, variable, fault);
    return problem_set_hint(problem, "NAME:VARIABLE, as in web:PORT");
}

/* One that is made of the name, for a service that is not the file's. */
static int make_variable(struct wanted *wanted, const char *name, bool is_named, struct problem *problem) {
    wanted->n_variables = 1;
    wanted->variables[0] = wanted->own_variable;
    if (variable_of_service(name, wanted->own_variable) || is_named)
        return 0;
    problem_fill_usage(problem, "%s has no ASCII letter or digit to make a variable of", name);
    return problem_set_hint(problem, "%s:NAME gives it one", name);
}

/* The first port's name is another one. */
static int rename_variable(struct wanted *wanted, const char *variable, struct problem *problem) {
    for (size_t i = 1; i < wanted->n_variables; i++)
        if (strcmp(wanted->variables[i], variable) == 0) {
            problem_fill_usage(problem, "%s: %s tells another port of the service", wanted->word, variable);
            return problem_set_hint(problem, "without :%s each of its variables is told", variable);
        }
    wanted->variables[0] = variable;
    return 0;
}

int lease_set_add_word(struct lease_set *set, const struct invocation *invocation, const struct project *project,
                       const char *word, struct problem *problem) {
    char name[OPTIONS_NAME_MAX + 1];
    size_t length;
    const char *variable = find_variable(project, word, &length);
    const struct project_service *settings;
    struct wanted *wanted;
    int r = check_variable(word, variable, problem);

    if (r == 0 && length >= sizeof name)
        r = options_check_name(word, problem);
    if (r == 0)
        r = add(set, &wanted, problem);
    if (r != 0)
        return r;
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    settings = project_find(project, name);
    wanted->word = word;
    wanted->word_length = length;
    take_settings(wanted, invocation, settings);
    if (settings == NULL)
        r = make_variable(wanted, name, variable != NULL, problem);
    if (r == 0 && variable != NULL)
        r = rename_variable(wanted, variable, problem);
    return r != 0 ? r : scope_name(&invocation->scope, name, wanted->name, problem);
}

int lease_set_add_project(struct lease_set *set, const struct invocation *invocation, const struct project *project,
                          struct problem *problem) {
    for (size_t i = 0; i < project->n_services; i++) {
        struct wanted *wanted;
        int r = add(set, &wanted, problem);

        if (r != 0)
            return r;
        wanted->word = project->services[i].name;
        wanted->word_length = strlen(wanted->word);
        take_settings(wanted, invocation, &project->services[i]);
        r = scope_name(&invocation->scope, wanted->word, wanted->name, problem);
        if (r != 0)
            return r;
    }
    return 0;
}
