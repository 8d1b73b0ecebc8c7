/*
 * NAME or NAME:VARIABLE. See service_word.h.
 */
#include "cli/service_word.h"

#include <stdio.h>
#include <string.h>

#include "cli/project.h"
#include "src/base/text.h"

static int refuse_variable(const struct project_service *service, const char *variable, struct problem *problem) {
    const char *near = text_nearest(variable, service->variables, service->n_variables);

    problem_fill(problem, EXIT_NO, "no-such-variable", "the service %s has no variable %s in " SCOPE_FILE,
                 service->name, variable);
    if (near != NULL)
        return problem_set_hint(problem, "did you mean %s:%s?", service->name, near);
    return problem_set_hint(problem, "%s:%s is its first one", service->name, service->variables[0]);
}

/* Of the project's service that the name is about. */
static int find_slot(const struct project_service *service, const char *variable, unsigned *ret_slot,
                     struct problem *problem) {
    for (unsigned i = 0; i < service->n_variables; i++) {
        if (strcmp(service->variables[i], variable) == 0) {
            *ret_slot = i;
            return 0;
        }
    }
    return refuse_variable(service, variable, problem);
}

/* A service that is called so itself goes first. A branch has no colon in it, so that web@fix:HMR_PORT can be read as well. */
static int take_variable(const struct scope *scope, const char *text, const char *colon, struct service_word *word,
                         struct problem *problem) {
    CLEANUP(project_deinit) struct project project = {0};
    const struct project_service *service;
    size_t length = (size_t)(colon - text);
    char name[OPTIONS_NAME_MAX + 1];
    int r = project_read(scope, &project, problem);

    if (r != 0)
        return r;
    if (project_find(&project, text) != NULL)
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    name[strcspn(name, "@")] = '\0';
    service = project_find(&project, name);
    if (service == NULL)
        return 0;
    snprintf(word->name, sizeof word->name, "%.*s", (int)length, text);
    word->variable = colon + 1;
    return find_slot(service, word->variable, &word->slot, problem);
}

int service_word_read(const struct scope *scope, const char *word, struct service_word *ret_word,
                      struct problem *problem) {
    const char *colon = scope->has_file ? strrchr(word, ':') : NULL;
    int r = 0;

    *ret_word = (struct service_word){0};
    if (colon != NULL && (size_t)(colon - word) <= OPTIONS_NAME_MAX && variable_fault(colon + 1) == NULL)
        r = take_variable(scope, word, colon, ret_word, problem);
    if (r != 0 || ret_word->variable != NULL)
        return r;
    r = options_check_name(word, problem);
    if (r == 0)
        snprintf(ret_word->name, sizeof ret_word->name, "%s", word);
    return r;
}

static void keep_slot(struct selection *selection, unsigned slot) {
    size_t n_kept = 0;

    for (size_t i = 0; i < selection->n_views; i++)
        if (selection->views[i].slot == slot)
            selection->views[n_kept++] = selection->views[i];
    selection->n_views = n_kept;
}

int service_word_select(const struct service_word *word, const struct scope *scope, struct selection *selection,
                        struct problem *problem) {
    int r = selection_by_name(selection, scope, word->name, problem);

    if (r != 0 && word->variable != NULL)
        selection_hint_name(selection, scope, word->name, word->variable, "lookup", problem);
    if (r != 0)
        return r;
    selection_sort(selection);
    if (word->variable == NULL)
        return 0;
    keep_slot(selection, word->slot);
    if (selection->n_views > 0)
        return 0;
    problem_fill(problem, EXIT_NO, "no-such-lease", "%s has no lease for its variable %s", word->name, word->variable);
    return problem_set_hint(problem, "portctl up leases what is missing");
}

void service_word_tell_project(const struct service_word *word, const struct scope *scope,
                               const struct lease_view *view, const struct output *output) {
    char name[OPTIONS_NAME_MAX + 1];
    char project[PROBLEM_DETAIL_MAX];

    if (output->quiet || output->json ||
        scope_match_strictly(scope, word->name, view->service_name, view->project) != 0)
        return;
    output_say(output, "note: you have no global %s; this is the one of project %s",
               text_make_safe(word->name, name, sizeof name), text_make_safe(view->project, project, sizeof project));
}
