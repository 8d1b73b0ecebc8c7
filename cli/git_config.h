/*
 * The one thing that is wanted of a repository's configuration, git-config(1): where its main working tree is, if that is not beside it.
 */
#ifndef CLI_GIT_CONFIG_H
#define CLI_GIT_CONFIG_H

#include <stdbool.h>

/*
 * core.worktree of the repository in `git_folder`, as it stands there: absolute, or relative to `git_folder`. It is what git
 * itself writes for a submodule, a line "worktree = PATH" below "[core]". Quotes, backslashes, comments behind it and included files are
 * not understood: such a line is as if it were not there. `ret_path` takes PATH_MAX bytes. False: there is none.
 */
bool git_config_worktree(const char *git_folder, char *ret_path);

#endif
