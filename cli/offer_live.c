/*
 * Names and ports to offer. See offer_live.h.
 */
#include "cli/offer_live.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/lease_view.h"
#include "cli/listener_view.h"
#include "cli/patience.h"
#include "cli/project.h"
#include "cli/selection.h"
#include "cli/words.h"
#include "src/base/json.h"

#define DESCRIPTION_MAX 256

struct source {
    enum operand_kind kind;
    struct scope scope; /* all zero: names are as they are */
    struct offers *offers;
};

static bool is_own(const struct lease_view *view) {
    return view->uid == geteuid();
}

/* "in use", and whose, where it is another's. */
static void format_state(const struct lease_view *view, char *ret_text) {
    const struct words words = words_of_state(view->state, view->evidence);
    char user[LEASE_USER_MAX];

    lease_view_format_user(view, user);
    snprintf(ret_text, DESCRIPTION_MAX, "%s%s%s", words.word, is_own(view) ? "" : ", of ", is_own(view) ? "" : user);
}

/* Digits alone would be taken for a port where both can stand. */
static void offer_name(const struct source *source, const struct lease_view *view) {
    char name[OPTIONS_NAME_MAX + 1];
    char state[DESCRIPTION_MAX];
    char description[DESCRIPTION_MAX + 16];

    if (!selection_format_typed(&source->scope, view, name) ||
        (source->kind == OPERAND_PORT_OR_NAME && options_is_port(name)))
        return;
    format_state(view, state);
    snprintf(description, sizeof description, "port %u, %s", view->port, state);
    offers_add(source->offers, name, description);
}

static void offer_leased_port(const struct source *source, const struct lease_view *view) {
    char port[8];
    char state[DESCRIPTION_MAX];
    char description[DESCRIPTION_MAX + OPTIONS_NAME_MAX + 8];

    format_state(view, state);
    snprintf(port, sizeof port, "%u", view->port);
    snprintf(description, sizeof description, "%.*s, %s", OPTIONS_NAME_MAX, view->service_name, state);
    offers_add(source->offers, port, description);
}

static void offer_leases_of(const struct source *source, const cJSON *leases, bool own, bool names) {
    const cJSON *lease;

    cJSON_ArrayForEach(lease, leases) {
        struct lease_view view;
        if (!lease_view_read(lease, &view) || is_own(&view) != own)
            continue;
        if (names)
            offer_name(source, &view);
        else
            offer_leased_port(source, &view);
    }
}

static void offer_leases(const struct source *source, const cJSON *leases) {
    if (source->kind != OPERAND_PORT) {
        offer_leases_of(source, leases, true, true);
        offer_leases_of(source, leases, false, true);
    }
    if (source->kind != OPERAND_NAME && source->kind != OPERAND_NAME_VARIABLE) {
        offer_leases_of(source, leases, true, false);
        offer_leases_of(source, leases, false, false);
    }
}

/* The ports of leases are there already. */
static void offer_listeners(const struct source *source, const cJSON *listeners) {
    const cJSON *listener;

    cJSON_ArrayForEach(listener, listeners) {
        struct listener_view view;
        char port[8];
        char description[DESCRIPTION_MAX];
        if (!listener_view_read(listener, &view))
            continue;
        snprintf(port, sizeof port, "%u", view.port);
        snprintf(description, sizeof description, "%s, without a lease",
                 view.process != NULL ? view.process : "a process that is hidden");
        offers_add(source->offers, port, description);
    }
}

/* An old portd has no /snapshot, but it has leases. */
static void ask(const struct source *source, struct client *client) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    struct problem problem = {0};
    const uint64_t end = patience_now_ms() + OFFER_LIVE_PATIENCE_MS;
    int r = -1;

    if (source->kind == OPERAND_PORT)
        r = client_call(client, "/snapshot", NULL, OFFER_LIVE_PATIENCE_MS, &reply, &problem);
    if (r == 0) {
        offer_leases(source, json_get(reply, "leases"));
        offer_listeners(source, json_get(reply, "listeners"));
    } else if (patience_now_ms() < end) {
        problem_deinit(&problem);
        if (client_call(client, "/list", NULL, end - patience_now_ms(), &reply, &problem) == 0)
            offer_leases(source, reply);
    }
    problem_deinit(&problem);
}

/* What has no lease yet is a name all the same, for those that make one. */
static void offer_project(const struct source *source) {
    CLEANUP(project_deinit) struct project project = {0};
    struct problem problem = {0};

    if (source->kind != OPERAND_PORT && source->scope.has_file && project_read(&source->scope, &project, &problem) == 0)
        for (size_t i = 0; i < project.n_services; i++)
            offers_add(source->offers, project.services[i].name, "a service of " SCOPE_FILE);
    problem_deinit(&problem);
}

void offer_live(enum operand_kind kind, const struct options *options, bool scoped, struct offers *offers) {
    CLEANUP(client_close_at) struct client *client = NULL;
    struct source source = {.kind = kind, .offers = offers};
    struct problem problem = {0};

    if (scoped)
        scope_find(options, &source.scope);
    if (kind != OPERAND_SERVICE && client_open(options, &client, &problem) == 0)
        ask(&source, client);
    problem_deinit(&problem);
    offer_project(&source);
}
