/*
 * Which git working tree a folder is in. See git_tree.h.
 *
 *     main worktree      TOP/.git is a folder
 *     linked worktree    TOP/.git is a file, "gitdir: MAIN/.git/worktrees/ID"; there `commondir` leads to MAIN/.git
 *     submodule          TOP/.git is a file, too, and there is no `commondir`
 */
#include "cli/git_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/git_config.h"
#include "cli/path.h"
#include "cli/trusted.h"
#include "probe/fd.h"

#define BRANCH_PREFIX "refs/heads/"

/* Of a repository with reftable HEAD is a stub, for old versions of git to stumble over. */
#define STUB ".invalid"

/* The file's first line without its end, which may be one of Windows', as git takes it; "" if there is none. False if there is no such file, or its line is too long. */
static bool read_line(const char *folder, const char *name, char *ret_line, size_t size) {
    char path[PATH_MAX];
    CLEANUP(fd_close_at) int fd = -1;
    ssize_t n;

    if (!path_join(folder, name, path))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    n = read(fd, ret_line, size - 1);
    if (n < 0)
        return false;
    ret_line[n] = '\0';
    if ((size_t)n == size - 1 && strchr(ret_line, '\n') == NULL)
        return false;
    n = (ssize_t)strcspn(ret_line, "\n");
    while (n > 0 && ret_line[n - 1] == '\r')
        n--;
    ret_line[n] = '\0';
    return true;
}

/* The path that a file of git's holds, made absolute and without links. It is relative to `folder`. */
static bool resolve(const char *folder, const char *path, char *ret_path) {
    char joined[PATH_MAX];

    return path[0] != '\0' && path_join(folder, path, joined) && realpath(joined, ret_path) != NULL;
}

/* From "refs/heads/x" x. */
static bool take_branch(const char *ref, char *ret_branch) {
    size_t length = strlen(BRANCH_PREFIX);

    if (strncmp(ref, BRANCH_PREFIX, length) != 0 || strcmp(ref + length, STUB) == 0 || ref[length] == '\0')
        return false;
    snprintf(ret_branch, GIT_BRANCH_MAX, "%s", ref + length);
    return true;
}

/* A rebase or a bisection detaches HEAD, and the branch is the same for whoever works on it. */
static bool read_branch(const char *git_folder, char *ret_branch) {
    static const char *const rebased[] = {"rebase-merge/head-name", "rebase-apply/head-name"};
    char line[GIT_BRANCH_MAX + 64];
    char ref[GIT_BRANCH_MAX + 128];

    if (read_line(git_folder, "HEAD", line, sizeof line) && strncmp(line, "ref: ", 5) == 0)
        return take_branch(line + 5, ret_branch);
    for (size_t i = 0; i < sizeof rebased / sizeof rebased[0]; i++)
        if (read_line(git_folder, rebased[i], line, sizeof line))
            return take_branch(line, ret_branch);
    if (!read_line(git_folder, "BISECT_START", line, sizeof line))
        return false;
    if (strspn(line, "0123456789abcdef") == strlen(line))
        return false; /* it began at a commit */
    snprintf(ref, sizeof ref, "%s%s", BRANCH_PREFIX, line);
    return take_branch(ref, ret_branch);
}

/* Has an earlier linked worktree the same branch? One whose folder is gone does not count: git forgets it sooner or later. */
static bool is_shared(const char *worktrees, const struct git_tree *tree) {
    DIR *folder = opendir(worktrees);
    const struct dirent *entry;
    bool found = false;

    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        char git_folder[PATH_MAX];
        char there[PATH_MAX];
        char path[PATH_MAX];
        char branch[GIT_BRANCH_MAX];

        if (entry->d_name[0] == '.' || strcmp(entry->d_name, tree->id) >= 0 ||
            !path_join(worktrees, entry->d_name, git_folder) || !read_branch(git_folder, branch) ||
            strcmp(branch, tree->branch) != 0)
            continue;
        /* It is relative where worktree.useRelativePaths is set. */
        found = read_line(git_folder, "gitdir", there, sizeof there) && resolve(git_folder, there, path);
    }
    if (folder != NULL)
        closedir(folder);
    return found;
}

/* "MAIN/.git" is of MAIN. A submodule's repository says where its main worktree is; any other is a place of its own. */
static void take_main(const char *common, char *ret_main) {
    size_t length = strlen(common);
    char worktree[PATH_MAX];

    if (length > 5 && strcmp(common + length - 5, "/.git") == 0)
        length -= 5;
    else if (git_config_worktree(common, worktree) && resolve(common, worktree, ret_main))
        return;
    snprintf(ret_main, PATH_MAX, "%.*s", (int)length, common);
}

static void read_link(struct git_tree *tree) {
    char line[PATH_MAX + 16];
    char git_folder[PATH_MAX];
    char common[PATH_MAX];
    char worktrees[PATH_MAX];

    if (!read_line(tree->top, ".git", line, sizeof line) || strncmp(line, "gitdir: ", 8) != 0 ||
        !resolve(tree->top, line + 8, git_folder) || !read_line(git_folder, "commondir", line, sizeof line) ||
        !resolve(git_folder, line, common))
        return;
    tree->is_linked = true;
    take_main(common, tree->main);
    snprintf(tree->id, sizeof tree->id, "%s", strrchr(git_folder, '/') + 1);
    if (!read_branch(git_folder, tree->branch) ||
        (path_join(common, "worktrees", worktrees) && is_shared(worktrees, tree)))
        tree->branch[0] = '\0';
}

void git_tree_find(const char *folder, struct git_tree *ret_tree) {
    char at[PATH_MAX];
    struct stat status;

    *ret_tree = (struct git_tree){0};
    snprintf(at, sizeof at, "%s", folder);
    do {
        if (!trusted_find(at, ".git", &status))
            continue;
        snprintf(ret_tree->top, sizeof ret_tree->top, "%s", at);
        if (S_ISREG(status.st_mode))
            read_link(ret_tree);
        return;
    } while (path_ascend(at));
}
