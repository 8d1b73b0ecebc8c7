/*
 * release: gives ports back. Always by port and id, so that what was listed a moment ago and is somebody else's by now is
 * left alone. What still listens is told and not touched.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/lease_call.h"
#include "cli/selection.h"
#include "src/base/json.h"
#include "src/base/text.h"

static void tell_released(const struct output *output, const struct lease_view *view, const cJSON *reply) {
    char name[OPTIONS_NAME_MAX + 1];

    if (output->json)
        return;
    if (output->quiet)
        printf("%u\n", view->port);
    else
        printf("Released port: %u (%s)\n", view->port, text_make_safe(view->service_name, name, sizeof name));
    lease_call_tell_listeners(output, reply);
}

/* One lease that cannot be released does not keep the others: it is told, and its exit code is the command's. */
static int release_each(const struct invocation *invocation, const struct selection *selection, cJSON *released) {
    int worst = EXIT_YES;

    for (size_t i = 0; i < selection->n_views; i++) {
        CLEANUP(problem_deinit) struct problem problem = {0};
        CLEANUP(json_free_at) cJSON *reply = NULL;
        const struct lease_view *view = &selection->views[i];

        if (lease_call(invocation->client, "/release", view->port, view->id, CLIENT_PATIENCE_MS, &reply, &problem) !=
            0) {
            int exit_code = problem_report(&problem, &invocation->output);
            if (worst == EXIT_YES)
                worst = exit_code;
            if (problem.status == 0)
                break; /* portd has gone: the others would fail alike */
            continue;
        }
        tell_released(&invocation->output, view, reply);
        if (cJSON_AddItemToArray(released, reply))
            reply = NULL;
    }
    return worst;
}

static int release_selection(const struct invocation *invocation, const struct selection *selection, int *ret_exit_code,
                             struct problem *problem) {
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    cJSON *released = cJSON_AddArrayToObject(document, "released");
    cJSON *made;

    if (released == NULL)
        return problem_fill_memory(problem);
    *ret_exit_code = release_each(invocation, selection, released);
    if (!invocation->output.json || released->child == NULL)
        return 0;
    made = document;
    document = NULL;
    return output_json(made) < 0 ? problem_fill_memory(problem) : 0;
}

/* What other worktrees of this project have of the caller's, though they may have been removed. */
struct others {
    size_t n_leases;
    const char *branch; /* the first one's: "@fix-ui", or "" of the main worktree */
    bool is_one;        /* all are of that one */
};

static struct others count_others(const struct selection *selection, const struct scope *scope) {
    struct others others = {.is_one = true};

    for (size_t i = 0; i < selection->n_views; i++) {
        const struct lease_view *view = &selection->views[i];
        const char *branch = selection_branch(scope, view);

        if (branch == NULL || view->uid != geteuid())
            continue;
        if (others.n_leases++ == 0)
            others.branch = branch;
        others.is_one = others.is_one && strcmp(branch, others.branch) == 0;
    }
    return others;
}

static void hint_at_others(const struct invocation *invocation, const struct others *others, struct problem *problem) {
    const char *more = others->is_one ? "" : "; portctl list shows the others";
    char folder[TEXT_QUOTED_MAX(PATH_MAX)] = "";
    char branch[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX)];
    bool is_main = others->branch[0] == '\0';

    if (is_main || invocation->options.project[0] != '\0')
        text_quote_word(is_main ? invocation->scope.project : invocation->options.project, folder, sizeof folder);
    problem_set_hint(problem, "portctl release %s%s--all%s%s%s",
                     is_main ? "" : text_quote_word(others->branch, branch, sizeof branch), is_main ? "" : " ",
                     folder[0] != '\0' ? " --project " : "", folder, more);
}

/* `selection`: whatever there is, for nothing of it is here. */
static int refuse_none(const struct invocation *invocation, const struct selection *selection,
                       struct problem *problem) {
    const struct others others = count_others(selection, &invocation->scope);
    const char *s = others.n_leases == 1 ? "" : "s";
    char branch[OPTIONS_NAME_MAX + 1];

    if (invocation->scope.project[0] == '\0')
        return problem_fill(problem, EXIT_NO, "no-such-lease", "you have no lease");
    if (others.n_leases == 0) {
        problem_fill(problem, EXIT_NO, "no-such-lease", "you have no lease in this project");
        return problem_set_hint(problem, "portctl list shows all leases");
    }
    if (!others.is_one)
        problem_fill(problem, EXIT_NO, "no-such-lease",
                     "you have no lease here; other worktrees of this project have %zu", others.n_leases);
    else if (others.branch[0] == '\0')
        problem_fill(problem, EXIT_NO, "no-such-lease", "you have no lease here; the main worktree has %zu lease%s",
                     others.n_leases, s);
    else
        problem_fill(problem, EXIT_NO, "no-such-lease", "you have no lease here; %s of this project has %zu lease%s",
                     text_make_safe(others.branch + 1, branch, sizeof branch), others.n_leases, s);
    hint_at_others(invocation, &others, problem);
    return PROBLEM_E_SET;
}

/* A person is asked; a script has written --all, and cannot be. */
static int confirm(const struct invocation *invocation, const struct selection *selection, struct problem *problem) {
    const struct output *output = &invocation->output;

    if (invocation->options.yes || !confirm_can_ask(output))
        return 0;
    if (lease_views_print(selection->views, selection->n_views, output, stderr) < 0)
        return problem_fill_memory(problem);
    fprintf(stderr, selection->n_views == 1 ? "Release it? [y/N] " : "Release these %zu leases? [y/N] ",
            selection->n_views);
    if (confirm_says_yes())
        return 0;
    return problem_fill(problem, EXIT_NO, "not-confirmed", "nothing was released");
}

/* Without a word: --all. */
static int select_all(const struct invocation *invocation, struct selection *ret_selection, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    size_t n_all;
    int r;

    if (!invocation->options.all) {
        problem_fill_usage(problem, "release wants a port or a name");
        return problem_set_hint(problem, "portctl release --all gives back all that are yours");
    }
    r = selection_all(invocation->client, &selection, problem);
    if (r != 0)
        return r;
    n_all = selection.n_views;
    selection_keep_here(&selection, &invocation->scope);
    if (selection.n_views == 0) {
        selection.n_views = n_all; /* nothing was moved: they are there as they were */
        return refuse_none(invocation, &selection, problem);
    }
    r = confirm(invocation, &selection, problem);
    if (r != 0)
        return r;
    *ret_selection = selection;
    selection = (struct selection){0};
    return 0;
}

static int cmd_release(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    int r = invocation->operands.n_items == 0
                ? select_all(invocation, &selection, problem)
                : selection_by_words(invocation, !invocation->options.all, "nothing was released", &selection, problem);

    return r != 0 ? r : release_selection(invocation, &selection, ret_exit_code, problem);
}

static const enum option_id release_options[] = {OPTION_GLOBAL, OPTION_PROJECT, OPTION_ALL, OPTION_YES, OPTION_END};

const struct command command_release = {
    .name = "release",
    .summary = "give ports back",
    .usage = "PORT|NAME... [options]",
    .details = "Ends the leases; what listens on the ports is told and not touched. A name with several leases is\n"
               "released with --all only. If one of the words means no lease, nothing is released.\n"
               "With --all and no word: all leases that are yours, in a project those of this worktree of it (with\n"
               "--global everywhere). That asks first, on a terminal and without --yes; elsewhere it does not.\n"
               "@BRANCH for a NAME, with --all: all that the linked worktree of that branch has of this project, also\n"
               "when it was removed.\n",
    .options = release_options,
    .n_most = SIZE_MAX,
    .first = OPERAND_PORT_OR_NAME,
    .others = OPERAND_PORT_OR_NAME,
    .examples = {{"portctl release 8001", "by port"},
                 {"portctl release web db", "several, or none of them"},
                 {"portctl release my-api --all", "all your leases of a name"},
                 {"portctl release --all --yes", "all that are yours"}},
    .function = cmd_release,
};
