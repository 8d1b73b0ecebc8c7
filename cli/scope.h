/*
 * What a service name means here. Names are scoped by project: the folder of portmanager.json, or without one the top of the
 * git repository that the working directory is in. In a linked worktree they are scoped by its branch, too: `web` is
 * web@fix-ui there. So two clones and two worktrees of one project never share a port, and each finds its own again.
 *
 * Outside of any project, and with --global, a name is what it says.
 */
#ifndef CLI_SCOPE_H
#define CLI_SCOPE_H

#include <limits.h>
#include <stdbool.h>

#include "cli/options.h"
#include "cli/problem.h"

/* A project says by this file what it needs; see project.h. */
#define SCOPE_FILE "portmanager.json"

struct scope {
    char root[PATH_MAX]; /* the project's folder here, absolute; "": there is none, names are global */
    bool has_file;       /* SCOPE_FILE is in `root`; nobody else has put it there */
    char project
        [PATH_MAX]; /* what portd is told, part of the key by which a name gets its old port again: `root`, or in a
                                          linked worktree the same folder of the main one, as scope_project.h makes it a text; "": none */
    char suffix[OPTIONS_NAME_MAX + 1]; /* "@fix-ui"; "": none */
};

/*
 * Looks from the working directory upward, unless the options say where (--project: that folder, no suffix) or that there is
 * none (--global). Nothing is run, git neither. What cannot be read is as if it were not there.
 */
void scope_find(const struct options *options, struct scope *ret_scope);

/*
 * The full name of the service `word`: with the suffix, unless `word` has an @ of its own: then it is a full name already.
 * Where that is longer than a name may be, the suffix is shortened and ends in a hash of the whole. `ret_name` takes
 * OPTIONS_NAME_MAX + 1 bytes. Returns 0 or PROBLEM_E_SET: `word` is no service name.
 */
int scope_name(const struct scope *scope, const char *word, char *ret_name, struct problem *problem);

/* How many bytes of a full name a person here writes: all but the scope's suffix. */
size_t scope_word_length(const struct scope *scope, const char *name);

/*
 * Is a lease of (name, project; NULL: none is told) what `word` means here? 2: it is the project's own. 1: it is a global one,
 * of no project, which counts where the project has none of its own. 0: neither. Without a project a global one is 2, and one of
 * any project 1: that counts where there is no global one.
 */
int scope_match(const struct scope *scope, const char *word, const char *name, const char *project);

/* The same for what is changed or waited for: outside of any project that is a global one, and another project's only by its full
 * name, with an @. A lease that is only like the one that was meant would be the wrong one. */
int scope_match_strictly(const struct scope *scope, const char *word, const char *name, const char *project);

#endif
