/*
 * What wait waits for. See wait_target.h.
 */
#include "cli/wait_target.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/variable.h"
#include "src/base/json.h"
#include "src/base/text.h"

void wait_target_deinit(struct wait_target *target) {
    selection_deinit(&target->all);
}

int wait_target_init(struct wait_target *ret_target, const struct invocation *invocation, struct problem *problem) {
    const char *word = invocation->operands.items[0];

    *ret_target = (struct wait_target){
        .scope = &invocation->scope, .word = word, .gone = invocation->options.gone, .every = invocation->options.all};
    if (options_is_port(word))
        return options_check_port(word, &ret_target->port, problem);
    return service_word_read(&invocation->scope, word, &ret_target->name, problem);
}

/* ---- Which leases are meant */

/* A lease that is only the next best is not waited for, in a project a global one and outside of any a project's: the one that is
 * meant may come a moment later, as in `portctl run web & portctl wait web`, and the server that is there already would be the wrong one.
 * When a service shall be gone, it is what release calls by the name. */
static int match(const struct wait_target *target, const struct lease_view *view) {
    const struct scope *scope = target->scope;
    int class = scope_match_strictly(scope, target->name.name, view->service_name, view->project);

    return class == 1 && scope->project[0] != '\0' && !target->gone ? 0 : class;
}

/* One's own, if there is one, or else anybody's; of these the best that match() tells. When a service shall be gone, that is decided
 * once: the end of one's own is no reason to wait for the end of somebody else's. */
static void decide(struct wait_target *target) {
    const struct selection *all = &target->all;

    if (target->fixed)
        return;
    target->class = 0;
    target->own = false;
    for (size_t i = 0; i < all->n_views; i++)
        if (match(target, &all->views[i]) > 0 && all->views[i].uid == geteuid())
            target->own = true;
    for (size_t i = 0; i < all->n_views; i++) {
        int class = match(target, &all->views[i]);

        if (class > target->class && (!target->own || all->views[i].uid == geteuid()))
            target->class = class;
    }
    target->fixed = target->gone;
}

static bool has_name(const struct wait_target *target, const struct lease_view *view) {
    return target->class > 0 && match(target, view) == target->class && (!target->own || view->uid == geteuid());
}

/* The port by which the service is opened. */
static const struct lease_view *find_first(const struct wait_target *target) {
    for (size_t i = 0; i < target->all.n_views; i++)
        if (has_name(target, &target->all.views[i]))
            return &target->all.views[i];
    return NULL;
}

bool wait_target_has(const struct wait_target *target, const struct lease_view *view) {
    if (target->port != 0)
        return view->port == target->port;
    if (!has_name(target, view))
        return false;
    if (target->name.variable != NULL)
        return view->slot == target->name.slot;
    return target->gone || target->every || view == find_first(target);
}

int wait_target_take(struct wait_target *target, cJSON *list, struct problem *problem) {
    struct selection all;
    int r = selection_read(list, &all, problem);

    if (r != 0)
        return r;
    selection_deinit(&target->all);
    target->all = all;
    selection_sort(&target->all);
    target->answered = true;
    decide(target);
    return 0;
}

/* ---- How far they are */

static size_t count_meant(const struct wait_target *target) {
    size_t n_meant = 0;

    for (size_t i = 0; i < target->all.n_views; i++)
        n_meant += wait_target_has(target, &target->all.views[i]) ? 1 : 0;
    return n_meant;
}

const struct lease_view *wait_target_find_unready(const struct wait_target *target) {
    for (size_t i = 0; i < target->all.n_views; i++) {
        const struct lease_view *view = &target->all.views[i];

        if (wait_target_has(target, view) && (target->gone || strcmp(view->state, "bound") != 0))
            return view;
    }
    return NULL;
}

bool wait_target_is_done(const struct wait_target *target) {
    return wait_target_find_unready(target) == NULL && (target->gone || count_meant(target) > 0);
}

bool wait_target_is_missing(const struct wait_target *target) {
    return target->answered && !target->gone && count_meant(target) == 0;
}

/* A lease that every other command would take for want of a better one; NULL: there is none. */
static const struct lease_view *find_next_best(const struct wait_target *target) {
    for (size_t i = 0; i < target->all.n_views; i++) {
        const struct lease_view *view = &target->all.views[i];

        if (scope_match(target->scope, target->name.name, view->service_name, view->project) != 0)
            return view;
    }
    return NULL;
}

bool wait_target_is_strangers(const struct wait_target *target) {
    return target->gone && target->port == 0 && target->class == 0 && target->scope->project[0] == '\0' &&
           find_next_best(target) != NULL;
}

/* Any of the name: another one may be the first when that is over. */
bool wait_target_concerns(const struct wait_target *target, const cJSON *record) {
    struct lease_view view;
    uint64_t port = 0;

    json_get_number(record, "port", 1, UINT16_MAX, &port);
    if (target->port != 0)
        return port == target->port;
    for (size_t i = 0; i < target->all.n_views; i++)
        if (target->all.views[i].port == port && has_name(target, &target->all.views[i]))
            return true;
    return lease_view_read(json_get(record, "lease"), &view) && match(target, &view) > 0;
}

/* ---- What is said of it */

static void format_missing(const struct wait_target *target, char *ret_text) {
    bool is_global = target->scope->project[0] == '\0';
    char name[OPTIONS_NAME_MAX + 1];

    text_make_safe(target->name.name, name, sizeof name);
    if (target->port != 0)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "port %u is not leased", target->port);
    else if (target->name.variable != NULL && find_first(target) != NULL)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "%s has no lease for its variable %s", name, target->name.variable);
    else
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "no %slease has the name %s%s",
                 is_global && find_next_best(target) != NULL ? "global " : "", name,
                 is_global ? "" : " in this project");
}

void wait_target_format(const struct wait_target *target, char *ret_text) {
    const struct lease_view *view = wait_target_find_unready(target);

    if (!target->answered)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "portd has not answered");
    else if (view == NULL)
        format_missing(target, ret_text);
    else if (target->gone)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "port %u is leased to it", view->port);
    else if (strcmp(view->state, "elsewhere") == 0 && view->elsewhere_port != 0)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "it listens on %u instead of %u", view->elsewhere_port, view->port);
    else if (strcmp(view->state, "conflict") == 0)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "port %u is leased to it, and somebody else is on it", view->port);
    else
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "leased, but nothing listens on %u", view->port);
}

bool wait_target_hint(const struct wait_target *target, struct problem *problem) {
    const struct scope *scope = target->scope;
    char words[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX + VARIABLE_NAME_MAX) + 16];

    if (target->port != 0 || find_first(target) != NULL)
        return false;
    if (scope->project[0] == '\0' || find_next_best(target) == NULL)
        return selection_hint_name(&target->all, scope, target->name.name, target->name.variable,
                                   target->gone ? "wait --gone" : "wait", problem);
    problem_set_hint(problem, "there is a global one: portctl wait %s",
                     options_format_operand(target->word, "--global", words, sizeof words));
    return true;
}
