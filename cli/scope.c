/*
 * What a service name means here. See scope.h.
 */
#include "cli/scope.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/git_tree.h"
#include "cli/path.h"
#include "src/base/text.h"

/* So long is a suffix at most: a name must leave room for the service's own part. */
#define SUFFIX_MAX 64

/* "~" and eight digits. A branch's name has no ~ (git-check-ref-format(1)), so what has one is never another branch. */
#define HASH_LENGTH 9

/* FNV-1a (RFC 9923). */
static uint64_t hash(const char *text) {
    uint64_t value = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++)
        value = (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return value;
}

/* Cuts `text` to at most `room` bytes; what is cut ends in a hash of the whole. No character is cut in two. */
static void shorten(const char *text, size_t room, char *ret_text) {
    size_t length = strlen(text);
    size_t kept = room - HASH_LENGTH;

    if (length <= room) {
        memcpy(ret_text, text, length + 1);
        return;
    }
    while (kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80)
        kept--;
    memcpy(ret_text, text, kept);
    snprintf(ret_text + kept, HASH_LENGTH + 1, "~%08x", (unsigned)(hash(text) & UINT32_MAX));
}

/* Bytes that no name may have: only their hash can be shown. */
static void make_suffix(const char *label, bool is_branch, char *ret_suffix) {
    char whole[GIT_BRANCH_MAX + 3];
    size_t length = strlen(label);

    snprintf(whole, sizeof whole, "@%s%s", is_branch ? "" : "~", label);
    if (text_is_utf8(label, length) && !text_has_control(label, length))
        shorten(whole, SUFFIX_MAX, ret_suffix);
    else
        snprintf(ret_suffix, SUFFIX_MAX + 1, "@~%08x", (unsigned)(hash(whole) & UINT32_MAX));
}

/*
 * A file that somebody else has put above us, in a shared folder such as /tmp, tells us nothing. Root may be in a folder of somebody's that nobody but him
 * may write (a container's mount, sudo).
 */
static bool is_trusted(const char *folder, const struct stat *file) {
    struct stat status;

    if (!S_ISREG(file->st_mode))
        return false;
    if (file->st_uid == geteuid() || file->st_uid == 0)
        return true;
    return geteuid() == 0 && stat(folder, &status) == 0 && status.st_uid == file->st_uid &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool has_file(const char *folder) {
    char path[PATH_MAX];
    struct stat status;

    return path_join(folder, SCOPE_FILE, path) && stat(path, &status) == 0 && is_trusted(folder, &status);
}

static bool find_file(const char *from, char *ret_folder) {
    snprintf(ret_folder, PATH_MAX, "%s", from);
    do {
        if (has_file(ret_folder))
            return true;
    } while (path_ascend(ret_folder));
    ret_folder[0] = '\0';
    return false;
}

/* The same folder in the main worktree: there the project is the same, and stays when this worktree is made anew elsewhere. */
static void take_project(const struct git_tree *tree, struct scope *scope) {
    const char *below = tree->is_linked ? path_below(tree->top, scope->root) : NULL;

    if (below == NULL)
        memcpy(scope->project, scope->root, sizeof scope->project);
    else if (below[0] == '\0')
        memcpy(scope->project, tree->main, sizeof scope->project);
    else if (!path_join(tree->main, below, scope->project))
        memcpy(scope->project, scope->root, sizeof scope->project);
}

void scope_find(const struct options *options, struct scope *ret_scope) {
    char folder[PATH_MAX];
    struct git_tree tree;

    *ret_scope = (struct scope){0};
    if (options->project[0] != '\0') {
        memcpy(ret_scope->root, options->project, sizeof ret_scope->root);
        memcpy(ret_scope->project, options->project, sizeof ret_scope->project);
        ret_scope->has_file = has_file(options->project);
        return;
    }
    if (getcwd(folder, sizeof folder) == NULL || folder[0] != '/')
        return;
    git_tree_find(folder, &tree);
    ret_scope->has_file = find_file(folder, ret_scope->root);
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
    if (length + 1 + HASH_LENGTH > OPTIONS_NAME_MAX) {
        problem_fill_usage(problem, "'%.40s...' is too long for this worktree, where a name has %d bytes at most", word,
                           OPTIONS_NAME_MAX - HASH_LENGTH - 1);
        return problem_set_hint(problem, "it becomes NAME%s; --global takes it as it is", scope->suffix);
    }
    shorten(scope->suffix, OPTIONS_NAME_MAX - length, ret_name + length);
    return 0;
}

size_t scope_word_length(const struct scope *scope, const char *name) {
    size_t length = strlen(name);
    size_t n_suffix = strlen(scope->suffix);

    if (n_suffix == 0 || n_suffix >= length || strcmp(name + length - n_suffix, scope->suffix) != 0)
        return length;
    return length - n_suffix;
}

int scope_match(const struct scope *scope, const char *word, const char *name, const char *project) {
    struct problem problem = {0};
    char full[OPTIONS_NAME_MAX + 1];

    if (scope->project[0] == '\0')
        return strcmp(word, name) == 0 ? 1 : 0;
    if (project == NULL || project[0] == '\0')
        return strcmp(word, name) == 0 ? 1 : 0;
    if (scope_name(scope, word, full, &problem) != 0)
        return 0;
    return strcmp(project, scope->project) == 0 && strcmp(full, name) == 0 ? 2 : 0;
}
