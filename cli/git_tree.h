/*
 * Which git working tree a folder is in, by git's own files: portctl is asked too often, and too many machines have no git in PATH, for a
 * process to be started each time. gitrepository-layout(5) and git-worktree(1) describe them.
 */
#ifndef CLI_GIT_TREE_H
#define CLI_GIT_TREE_H

#include <limits.h>
#include <stdbool.h>

/* A ref's name has no limit of its own, but is a file's name in most repositories. */
#define GIT_BRANCH_MAX 1024

struct git_tree {
    char top[PATH_MAX]; /* the folder that .git is in; "": the folder is in no working tree */
    bool is_linked;     /* made by `git worktree add`; what follows is then filled */
    char main
        [PATH_MAX]; /* the main working tree's folder; where it cannot be told (a bare repository, a separate git directory) the repository's */
    /* The branch that is checked out, also while it is rebased or bisected; "": none, or it cannot be told, or another linked worktree that is there
     * has the same one (`git worktree add --force`) and comes first. */
    char branch[GIT_BRANCH_MAX];
    char id[NAME_MAX + 1]; /* what the repository calls the worktree; no two have the same */
};

/* `folder` is absolute and without links. Whatever cannot be read is as if it were not there, and so is a .git that somebody else
 * has put there (trusted.h). */
void git_tree_find(const char *folder, struct git_tree *ret_tree);

#endif
