/*
 * PORT|NAME: which leases are meant. See selection.h.
 */
#include "cli/selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/variable.h"
#include "src/base/json.h"
#include "src/base/text.h"

static void free_chosen(bool **chosen) {
    free(*chosen);
}

/* Out of an owned local: the caller owns it from here. */
static struct selection selection_take(struct selection *selection) {
    const struct selection taken = *selection;
    *selection = (struct selection){0};
    return taken;
}

int selection_read(cJSON *list, struct selection *ret_selection, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {.list = list};
    const cJSON *lease;

    if (!cJSON_IsArray(selection.list))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's list of leases is none");
    selection.views = calloc((size_t)cJSON_GetArraySize(selection.list) + 1, sizeof *selection.views);
    if (selection.views == NULL)
        return problem_fill_memory(problem);
    cJSON_ArrayForEach(lease, selection.list) {
        if (!lease_view_read(lease, &selection.views[selection.n_views]))
            return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply",
                                "portd's list holds something that is no lease");
        selection.n_views++;
    }
    *ret_selection = selection_take(&selection);
    return 0;
}

int selection_all(struct client *client, struct selection *ret_selection, struct problem *problem) {
    cJSON *list = NULL;
    int r = client_call(client, "/list", NULL, CLIENT_PATIENCE_MS, &list, problem);

    return r != 0 ? r : selection_read(list, ret_selection, problem);
}

static int compare(const void *a, const void *b) {
    const struct lease_view *first = a;
    const struct lease_view *second = b;
    bool first_own = first->uid == geteuid();
    bool second_own = second->uid == geteuid();

    if (first_own != second_own)
        return first_own ? -1 : 1;
    return lease_view_compare(first, second);
}

void selection_sort(struct selection *selection) {
    qsort(selection->views, selection->n_views, sizeof *selection->views, compare);
}

/* ---- What a word means */

static int match(const struct scope *scope, const char *name, const struct lease_view *view) {
    return scope_match(scope, name, view->service_name, view->project);
}

static int match_strictly(const struct scope *scope, const char *name, const struct lease_view *view) {
    return scope_match_strictly(scope, name, view->service_name, view->project);
}

/* match() or match_strictly(). */
typedef int match_function(const struct scope *scope, const char *name, const struct lease_view *view);

/* The best that there is, as `matches` tells it; 0: none. `own_only`: among the caller's. */
static int best_match(const struct selection *selection, const struct scope *scope, const char *name,
                      match_function *matches, bool own_only) {
    int best = 0;

    for (size_t i = 0; i < selection->n_views; i++) {
        const struct lease_view *view = &selection->views[i];
        int found = !own_only || selection_is_own(view) ? matches(scope, name, view) : 0;

        best = found > best ? found : best;
    }
    return best;
}

bool selection_is_own(const struct lease_view *view) {
    return geteuid() == 0 || view->uid == geteuid();
}

/* ---- A miss */

bool selection_format_typed(const struct scope *scope, const struct lease_view *view, char *ret_name) {
    size_t length = scope_word_length(scope, view->service_name);

    snprintf(ret_name, OPTIONS_NAME_MAX + 1, "%.*s", (int)length, view->service_name);
    if (match(scope, ret_name, view) != 0)
        return true;
    snprintf(ret_name, OPTIONS_NAME_MAX + 1, "%s", view->service_name);
    return match(scope, ret_name, view) != 0;
}

/* Only a name that means something here: a hint that leads to the next miss is none. */
bool selection_nearest(const struct selection *selection, const struct scope *scope, const char *name, char *ret_name) {
    char(*typed)[OPTIONS_NAME_MAX + 1] = calloc(selection->n_views + 1, sizeof *typed);
    const char **names = calloc(selection->n_views + 1, sizeof *names);
    const char *near = NULL;
    size_t n_names = 0;

    for (size_t i = 0; typed != NULL && names != NULL && i < selection->n_views; i++) {
        if (!selection_format_typed(scope, &selection->views[i], typed[n_names]))
            continue;
        names[n_names] = typed[n_names];
        n_names++;
    }
    if (n_names > 0)
        near = text_nearest(name, names, n_names);
    if (near != NULL)
        snprintf(ret_name, OPTIONS_NAME_MAX + 1, "%s", near);
    free(names);
    free(typed);
    return near != NULL;
}

/* A lease of that name which another project has, or another branch of this one, rather of exactly that name; NULL: nobody has. */
static const struct lease_view *find_stranger(const struct selection *selection, const char *name) {
    size_t length = strlen(name);
    const struct lease_view *found = NULL;

    for (size_t i = 0; i < selection->n_views; i++) {
        const char *other = selection->views[i].service_name;

        if (strcmp(other, name) == 0)
            return &selection->views[i];
        if (found == NULL && strncmp(other, name, length) == 0 && other[length] == '@')
            found = &selection->views[i];
    }
    return found;
}

/* One of the same project is in another worktree: its name says which, or else it is the main one. Of another user's lease portd
 * does not tell the project. */
static void hint_stranger(const struct lease_view *stranger, const struct scope *scope, const char *variable,
                          const char *command, struct problem *problem) {
    bool is_projects = stranger->project != NULL && strcmp(stranger->project, scope->project) == 0;
    char word[OPTIONS_NAME_MAX + VARIABLE_NAME_MAX + 2];
    char option[TEXT_QUOTED_MAX(PROBLEM_DETAIL_MAX) + 16] = "--project ";
    char words[sizeof option + TEXT_QUOTED_MAX(sizeof word)];
    size_t used = strlen(option);

    snprintf(word, sizeof word, "%s%s%s", stranger->service_name, variable != NULL ? ":" : "",
             variable != NULL ? variable : "");
    if (stranger->project != NULL)
        text_quote_word(stranger->project, option + used, sizeof option - used);
    if (is_projects && strchr(stranger->service_name, '@') != NULL)
        problem_set_hint(problem, "another worktree has one: portctl %s %s", command,
                         options_format_operand(word, "", words, sizeof words));
    else if (stranger->project != NULL)
        problem_set_hint(problem, "%s has one: portctl %s %s", is_projects ? "the main worktree" : "another project",
                         command, options_format_operand(word, option, words, sizeof words));
    else
        problem_set_hint(problem, "another project has one: portctl lookup %s",
                         options_format_operand(stranger->service_name, "--global", words, sizeof words));
}

bool selection_hint_name(const struct selection *selection, const struct scope *scope, const char *name,
                         const char *variable, const char *command, struct problem *problem) {
    const struct lease_view *stranger = find_stranger(selection, name);
    char near[OPTIONS_NAME_MAX + 1];

    if (stranger != NULL)
        hint_stranger(stranger, scope, variable, command, problem);
    else if (selection_nearest(selection, scope, name, near))
        problem_set_hint(problem, "did you mean %s?", near);
    else
        return false;
    return true;
}

/* Outside of any project a project may have one all the same: then it is the global one that there is none of. */
static int refuse_name(const struct selection *selection, const struct scope *scope, const char *name,
                       const char *command, struct problem *problem) {
    bool is_somewhere = best_match(selection, scope, name, match, false) != 0;

    problem_fill(problem, EXIT_NO, "no-such-lease", "no %slease has the name %s%s", is_somewhere ? "global " : "", name,
                 scope->project[0] != '\0' ? " in this project" : "");
    if (selection_hint_name(selection, scope, name, NULL, command, problem))
        return PROBLEM_E_SET;
    return problem_set_hint(problem,
                            selection->n_views == 0 ? "there is no lease at all" : "portctl list shows all leases");
}

/* Somebody else has it. */
static int refuse_strangers(const struct selection *selection, const struct scope *scope, const char *name,
                            const char *command, struct problem *problem) {
    int best = best_match(selection, scope, name, match_strictly, false);
    char user[LEASE_USER_MAX];

    for (size_t i = 0; best != 0 && i < selection->n_views; i++) {
        const struct lease_view *view = &selection->views[i];

        if (match_strictly(scope, name, view) != best)
            continue;
        lease_view_format_user(view, user);
        return problem_fill(problem, EXIT_NO, "no-such-lease",
                            "you have no lease with the name %s; it is %s's, on port %u", name, user, view->port);
    }
    return refuse_name(selection, scope, name, command, problem);
}

/* ---- Choosing */

void selection_keep(struct selection *selection, const bool *chosen) {
    size_t n_kept = 0;

    for (size_t i = 0; i < selection->n_views; i++)
        if (chosen[i])
            selection->views[n_kept++] = selection->views[i];
    selection->n_views = n_kept;
}

int selection_by_name(struct selection *selection, const struct scope *scope, const char *name,
                      struct problem *problem) {
    int best = best_match(selection, scope, name, match, true);
    size_t n_kept = 0;

    /* Of a stranger's lease portd does not tell the project, so that it looks like a global one: one's own go before it. */
    if (best == 0)
        best = best_match(selection, scope, name, match, false);
    if (best == 0)
        return refuse_name(selection, scope, name, "lookup", problem);
    for (size_t i = 0; i < selection->n_views; i++)
        if (match(scope, name, &selection->views[i]) == best)
            selection->views[n_kept++] = selection->views[i];
    selection->n_views = n_kept;
    return 0;
}

const char *selection_branch(const struct scope *scope, const struct lease_view *view) {
    if (view->project == NULL || scope->project[0] == '\0' || strcmp(view->project, scope->project) != 0)
        return NULL;
    return view->service_name + strcspn(view->service_name, "@");
}

static int choose_port(const struct selection *selection, const char *word, bool *chosen, struct problem *problem) {
    uint16_t port = 0;
    int r = options_check_port(word, &port, problem);

    if (r != 0)
        return r;
    for (size_t i = 0; i < selection->n_views; i++) {
        if (selection->views[i].port == port) {
            chosen[i] = true;
            return 0;
        }
    }
    problem_fill(problem, EXIT_NO, "no-such-lease", "port %u is not leased", port);
    return problem_set_hint(problem, "portctl list shows all leases");
}

/* "@fix-ui": whatever the worktree of that branch has of this project. A worktree that was removed has no folder any more to say it from. */
static bool choose_branch(const struct selection *selection, const struct scope *scope, const char *word,
                          bool *chosen) {
    bool found = false;

    if (word[0] != '@' || scope->project[0] == '\0')
        return false;
    for (size_t i = 0; i < selection->n_views; i++) {
        const struct lease_view *view = &selection->views[i];
        const char *branch = selection_branch(scope, view);

        if (branch == NULL || strcmp(branch, word) != 0 || !selection_is_own(view))
            continue;
        chosen[i] = true;
        found = true;
    }
    return found;
}

/* `command`: which one is told in hints. */
static int choose_word(const struct selection *selection, const struct scope *scope, const char *word,
                       const char *command, bool *chosen, struct problem *problem) {
    int best;

    if (options_is_port(word))
        return choose_port(selection, word, chosen, problem);
    best = best_match(selection, scope, word, match_strictly, true);
    if (best == 0 && choose_branch(selection, scope, word, chosen))
        return 0;
    if (best == 0)
        return refuse_strangers(selection, scope, word, command, problem);
    for (size_t i = 0; i < selection->n_views; i++)
        if (selection_is_own(&selection->views[i]) && match_strictly(scope, word, &selection->views[i]) == best)
            chosen[i] = true;
    return 0;
}

int selection_choose(const struct selection *selection, const struct scope *scope, const char *word, bool *chosen,
                     struct problem *problem) {
    return choose_word(selection, scope, word, "lookup", chosen, problem);
}

/* Those of another worktree are of this project, too, but their names are full ones here. */
static bool is_here(const struct scope *scope, const struct lease_view *view) {
    char typed[OPTIONS_NAME_MAX + 1];

    if (scope->project[0] == '\0')
        return true;
    selection_format_typed(scope, view, typed);
    return strchr(typed, '@') == NULL && match(scope, typed, view) == 2;
}

bool selection_is_here(const struct scope *scope, const struct lease_view *view) {
    return view->uid == geteuid() && is_here(scope, view);
}

void selection_keep_here(struct selection *selection, const struct scope *scope) {
    size_t n_kept = 0;

    for (size_t i = 0; i < selection->n_views; i++)
        if (selection_is_here(scope, &selection->views[i]))
            selection->views[n_kept++] = selection->views[i];
    selection->n_views = n_kept;
}

int selection_by_word(struct client *client, const struct scope *scope, const char *word,
                      struct selection *ret_selection, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    CLEANUP(free_chosen) bool *chosen = NULL;
    int r = options_is_port(word) ? options_check_port(word, NULL, problem) : 0;

    if (r == 0)
        r = selection_all(client, &selection, problem);
    if (r != 0)
        return r;
    chosen = calloc(selection.n_views + 1, sizeof *chosen);
    if (chosen == NULL)
        return problem_fill_memory(problem);
    r = selection_choose(&selection, scope, word, chosen, problem);
    if (r != 0)
        return r;
    selection_keep(&selection, chosen);
    *ret_selection = selection_take(&selection);
    return 0;
}

/* ---- Several words */

static size_t count_chosen(const struct selection *selection, const bool *chosen) {
    size_t n_chosen = 0;

    for (size_t i = 0; i < selection->n_views; i++)
        n_chosen += chosen[i] ? 1 : 0;
    return n_chosen;
}

static int refuse_several(const struct invocation *invocation, struct selection *selection, const bool *chosen,
                          const char *word, const char *nothing, struct problem *problem) {
    const char *command = invocation->command->name;
    char words[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX) + 16];

    selection_keep(selection, chosen);
    if (!invocation->output.json)
        lease_views_print(selection->views, selection->n_views, &invocation->output, stderr);
    problem_fill(problem, EXIT_NO, "several-leases", "%s has %zu leases; %s", word, selection->n_views, nothing);
    return problem_set_hint(problem, "portctl %s %s, or portctl %s %u for one of them", command,
                            options_format_operand(word, "--all", words, sizeof words), command,
                            selection->views[0].port);
}

/* One miss of several: a line of its own, or with --json a part of the problem's sentence, as far as there is room. */
static void add_miss(const struct output *output, const struct problem *miss, char *sentence, size_t size) {
    size_t used = strlen(sentence);
    bool hints = miss->hint[0] != '\0';

    if (!output->json)
        problem_report(miss, output);
    else if (snprintf(sentence + used, size - used, "%s%s%s%s; ", miss->detail, hints ? " (" : "", miss->hint,
                      hints ? ")" : "") >= (int)(size - used))
        sentence[used] = '\0';
}

/* Marks what all words mean. Returns 0, or PROBLEM_E_SET: at least one means nothing, or too much. */
static int choose_words(const struct invocation *invocation, struct selection *selection, bool one_each,
                        const char *nothing, bool *chosen, bool *by_word, struct problem *problem) {
    const struct operands *words = &invocation->operands;
    char sentence[PROBLEM_DETAIL_MAX - 64] = "";
    size_t n_missed = 0;

    for (size_t i = 0; i < words->n_items; i++) {
        struct problem miss = {0}; /* never portd's: it owns nothing */

        memset(by_word, 0, selection->n_views * sizeof *by_word);
        if (choose_word(selection, &invocation->scope, words->items[i], invocation->command->name, by_word, &miss) !=
            0) {
            if (words->n_items == 1) {
                *problem = miss;
                return PROBLEM_E_SET;
            }
            add_miss(&invocation->output, &miss, sentence, sizeof sentence);
            n_missed++;
        } else if (one_each && count_chosen(selection, by_word) > 1) {
            return refuse_several(invocation, selection, by_word, words->items[i], nothing, problem);
        }
        for (size_t j = 0; j < selection->n_views; j++)
            chosen[j] = chosen[j] || by_word[j];
    }
    return n_missed == 0 ? 0 : problem_fill(problem, EXIT_NO, "no-such-lease", "%s%s", sentence, nothing);
}

int selection_by_words(const struct invocation *invocation, bool one_each, const char *nothing,
                       struct selection *ret_selection, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    CLEANUP(free_chosen) bool *chosen = NULL;
    int r = selection_all(invocation->client, &selection, problem);

    if (r != 0)
        return r;
    chosen = calloc(2 * (selection.n_views + 1), sizeof *chosen);
    if (chosen == NULL)
        return problem_fill_memory(problem);
    r = choose_words(invocation, &selection, one_each, nothing, chosen, chosen + selection.n_views + 1, problem);
    if (r != 0)
        return r;
    selection_keep(&selection, chosen);
    *ret_selection = selection_take(&selection);
    return 0;
}
