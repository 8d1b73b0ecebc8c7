/*
 * What a service name means here. See scope.h.
 */
#include "cli/scope.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/git_tree.h"
#include "cli/path.h"
#include "cli/scope_project.h"
#include "cli/shorten.h"
#include "cli/trusted.h"
#include "src/base/text.h"

/* So long is a suffix at most: a name must leave room for the service's own part. */
#define SUFFIX_MAX 64

/* Bytes that no name may have: only their hash can be shown. */
static void make_suffix(const char *label, bool is_branch, char *ret_suffix) {
    char whole[GIT_BRANCH_MAX + 3];
    size_t length = strlen(label);

    snprintf(whole, sizeof whole, "@%s%s", is_branch ? "" : "~", label);
    if (text_is_utf8(label, length) && !text_has_control(label, length))
        shorten(whole, SUFFIX_MAX, ret_suffix);
    else {
        ret_suffix[0] = '@';
        shorten_hash(whole, ret_suffix + 1);
    }
}

static bool has_file(const char *folder) {
    struct stat status;

    return trusted_find(folder, SCOPE_FILE, &status) && S_ISREG(status.st_mode);
}

/* In another worktree of the repository, the main one or a linked one, which this one lies within (`git worktree add .wt/fix`): a file there is about that
 * one. */
static bool is_of_another(const struct git_tree *tree, const char *folder) {
    struct git_tree around;

    if (!tree->is_linked || path_below(tree->top, folder) != NULL)
        return false;
    if (path_below(tree->main, folder) != NULL)
        return true;
    git_tree_find(folder, &around);
    return around.is_linked && strcmp(around.main, tree->main) == 0;
}

static bool find_file(const char *from, const struct git_tree *tree, char *ret_folder) {
    snprintf(ret_folder, PATH_MAX, "%s", from);
    do {
        if (has_file(ret_folder) && !is_of_another(tree, ret_folder))
            return true;
    } while (path_ascend(ret_folder));
    ret_folder[0] = '\0';
    return false;
}

/* The same folder in the main worktree: there the project is the same, and stays when this worktree is made anew elsewhere. */
static void take_project(const struct git_tree *tree, struct scope *scope) {
    const char *below = tree->is_linked ? path_below(tree->top, scope->root) : NULL;
    const char *folder = scope->root;
    char path[PATH_MAX];

    if (below != NULL && below[0] == '\0')
        folder = tree->main;
    else if (below != NULL && path_join(tree->main, below, path))
        folder = path;
    scope_project_make(folder, scope->project);
}

void scope_find(const struct options *options, struct scope *ret_scope) {
    char folder[PATH_MAX];
    struct git_tree tree;

    *ret_scope = (struct scope){0};
    if (options->project[0] != '\0') {
        memcpy(ret_scope->root, options->project, sizeof ret_scope->root);
        scope_project_make(options->project, ret_scope->project);
        ret_scope->has_file = has_file(options->project);
        return;
    }
    if (getcwd(folder, sizeof folder) == NULL || folder[0] != '/')
        return;
    git_tree_find(folder, &tree);
    ret_scope->has_file = find_file(folder, &tree, ret_scope->root);
    if (!ret_scope->has_file)
        memcpy(ret_scope->root, tree.top, sizeof ret_scope->root);
    if (options->global)
        return;
    take_project(&tree, ret_scope);
    if (tree.is_linked)
        make_suffix(tree.branch[0] != '\0' ? tree.branch : tree.id, tree.branch[0] != '\0', ret_scope->suffix);
}

int scope_name(const struct scope *scope, const char *word, char *ret_name, struct problem *problem) {
    size_t length = strlen(word);
    int r = options_check_name(word, problem);

    if (r != 0)
        return r;
    memcpy(ret_name, word, length + 1);
    if (scope->suffix[0] == '\0' || strchr(word, '@') != NULL)
        return 0;
    if (length + 1 + SHORTEN_HASH_LENGTH > OPTIONS_NAME_MAX) {
        problem_fill_usage(problem, "'%.40s...' is too long for this worktree, where a name has %d bytes at most", word,
                           OPTIONS_NAME_MAX - SHORTEN_HASH_LENGTH - 1);
        return problem_set_hint(problem, "it becomes NAME%s; --global takes it as it is", scope->suffix);
    }
    shorten(scope->suffix, OPTIONS_NAME_MAX - length, ret_name + length);
    return 0;
}

/* Only a word without an @ gets a suffix, and that begins with one. */
size_t scope_word_length(const struct scope *scope, const char *name) {
    size_t length = strcspn(name, "@");
    struct problem problem = {0};
    char word[OPTIONS_NAME_MAX + 1];
    char full[OPTIONS_NAME_MAX + 1];

    if (scope->suffix[0] == '\0' || length == 0 || length > OPTIONS_NAME_MAX)
        return strlen(name);
    memcpy(word, name, length);
    word[length] = '\0';
    return scope_name(scope, word, full, &problem) == 0 && strcmp(full, name) == 0 ? length : strlen(name);
}

int scope_match(const struct scope *scope, const char *word, const char *name, const char *project) {
    struct problem problem = {0};
    char full[OPTIONS_NAME_MAX + 1];

    bool is_global = project == NULL || project[0] == '\0';

    if (scope->project[0] == '\0')
        return strcmp(word, name) != 0 ? 0 : is_global ? 2 : 1;
    if (is_global)
        return strcmp(word, name) == 0 ? 1 : 0;
    if (scope_name(scope, word, full, &problem) != 0)
        return 0;
    return strcmp(project, scope->project) == 0 && strcmp(full, name) == 0 ? 2 : 0;
}

int scope_match_strictly(const struct scope *scope, const char *word, const char *name, const char *project) {
    int class = scope_match(scope, word, name, project);

    return class == 1 && scope->project[0] == '\0' && strchr(word, '@') == NULL ? 0 : class;
}
