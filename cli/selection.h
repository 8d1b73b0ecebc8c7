/*
 * PORT|NAME: which leases are meant. A port means the lease on it, whosever it is (portd says whether it may be touched);
 * a name means the caller's own leases of that name, and for root everybody's. In a project it means the project's own
 * leases, or where it has none the global ones, and never another project's; outside of any project the global ones, or
 * where there are none and nothing is changed (selection_by_name()) those of whatever project.
 */
#ifndef CLI_SELECTION_H
#define CLI_SELECTION_H

#include <stdbool.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/lease_view.h"
#include "cli/problem.h"
#include "cli/scope.h"

struct selection {
    cJSON *list;              /* owned: portd's list, which the views borrow from */
    struct lease_view *views; /* owned */
    size_t n_views;
};

static inline void selection_deinit(struct selection *selection) {
    free(selection->views);
    cJSON_Delete(selection->list);
    *selection = (struct selection){0};
}

/* Asks portd for all leases and reads them, in order; none is no problem here. Returns 0 or PROBLEM_E_SET. */
int selection_all(struct client *client, struct selection *ret_selection, struct problem *problem);

/* The same out of a list that is there already, and is taken over. */
int selection_read(cJSON *list, struct selection *ret_selection, struct problem *problem);

/* The caller's own before others', then the lowest slot, then the oldest first. */
void selection_sort(struct selection *selection);

/*
 * Keeps the leases that `name` means here (scope.h): the project's own, or where it has none of its own the global ones;
 * whosever they are, but what kind it is one's own leases decide, if there are any. Returns 0, or PROBLEM_E_SET if there is none: then the problem says which name was probably meant, or
 * that another project has it.
 */
int selection_by_name(struct selection *selection, const struct scope *scope, const char *name,
                      struct problem *problem);

/* The end of the lease's name that says which worktree of this project has it: "@fix-ui", "" of the main one. NULL: the lease is not of
 * this project. */
const char *selection_branch(const struct scope *scope, const struct lease_view *view);

/* Marks in `chosen`, which has n_views places, the leases that `word`, a port or a name, means for what changes them
 * (scope_match_strictly()): at least one. A word that is nothing but "@BRANCH" means all that the worktree of that branch has of this project. Returns 0, or
 * PROBLEM_E_SET if there is none, or `word` is no port though it has the form of one. */
int selection_choose(const struct selection *selection, const struct scope *scope, const char *word, bool *chosen,
                     struct problem *problem);

/* Keeps those that are marked. */
void selection_keep(struct selection *selection, const bool *chosen);

/* Asks portd for the leases that `word` means. Returns as selection_choose() does. */
int selection_by_word(struct client *client, const struct scope *scope, const char *word,
                      struct selection *ret_selection, struct problem *problem);

struct invocation;

/*
 * Asks portd for the leases that the invocation's operands mean, each lease once, in the order of portd's list. All of the
 * words mean one, or it is a problem: each that means none is told on standard error, with --json all of them in the problem.
 * `one_each`: a name that means several is one, too; they are shown. `nothing`: "nothing was released".
 * Returns 0 or PROBLEM_E_SET.
 */
int selection_by_words(const struct invocation *invocation, bool one_each, const char *nothing,
                       struct selection *ret_selection, struct problem *problem);

/* Is it the caller's own (root's: not everybody's), in a project of this worktree of it? */
bool selection_is_here(const struct scope *scope, const struct lease_view *view);

/* Keeps those that are. */
void selection_keep_here(struct selection *selection, const struct scope *scope);

/* Sets the hint of a name that no lease has: which was probably meant, or that another project has it, and how `command` is told
 * of that one, and of its `variable`, if it was asked for (NULL: no). False: neither is so. */
bool selection_hint_name(const struct selection *selection, const struct scope *scope, const char *name,
                         const char *variable, const char *command, struct problem *problem);

/* How one would type a lease's name here, in `ret_name` (OPTIONS_NAME_MAX + 1 bytes): without the suffix that it would be given anyway.
 * False: here the name means another service, or none. */
bool selection_format_typed(const struct scope *scope, const struct lease_view *view, char *ret_name);

/* Is it the caller's own? For root everybody's is. */
bool selection_is_own(const struct lease_view *view);

/* The name of a lease that was probably meant, as one would type it here, in `ret_name` (OPTIONS_NAME_MAX + 1 bytes). False:
 * none is near. */
bool selection_nearest(const struct selection *selection, const struct scope *scope, const char *name, char *ret_name);

#endif
