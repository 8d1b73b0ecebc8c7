/*
 * What a service name means here. See scope.h.
 */
#include "cli/scope.h"

#include <stdio.h>
#include <string.h>

void scope_find(const struct options *options, struct scope *ret_scope) {
    *ret_scope = (struct scope){0};
    snprintf(ret_scope->root, sizeof ret_scope->root, "%s", options->project);
    snprintf(ret_scope->project, sizeof ret_scope->project, "%s", options->project);
}

int scope_name(const struct scope *scope, const char *word, char *ret_name, struct problem *problem) {
    int r = options_check_name(word, problem);

    if (r != 0)
        return r;
    snprintf(ret_name, OPTIONS_NAME_MAX + 1, "%s%s", word, strchr(word, '@') != NULL ? "" : scope->suffix);
    return 0;
}

int scope_match(const struct scope *scope, const char *word, const char *name, const char *project) {
    (void)scope;
    (void)project;
    return strcmp(word, name) == 0 ? 1 : 0;
}
