/*
 * PORT|NAME: which leases are meant. See selection.h.
 */
#include "cli/selection.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* Out of an owned local: the caller owns it from here. */
static struct selection selection_take(struct selection *selection) {
    const struct selection taken = *selection;
    *selection = (struct selection){0};
    return taken;
}

int selection_all(struct client *client, struct selection *ret_selection, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    const cJSON *lease;
    int r = client_call(client, "/list", NULL, CLIENT_PATIENCE_MS, &selection.list, problem);

    if (r != 0)
        return r;
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

static const char *nearest_name(const struct selection *selection, const char *name) {
    const char **names = calloc(selection->n_views + 1, sizeof *names);
    const char *near;

    if (names == NULL)
        return NULL;
    for (size_t i = 0; i < selection->n_views; i++)
        names[i] = selection->views[i].service_name;
    near = text_nearest(name, names, selection->n_views);
    free(names);
    return near;
}

static int refuse_name(const struct selection *selection, const char *name, struct problem *problem) {
    const char *near = nearest_name(selection, name);

    problem_fill(problem, EXIT_NO, "no-such-lease", "no lease has the name %s", name);
    if (near != NULL && strcmp(near, name) != 0)
        return problem_set_hint(problem, "did you mean %s?", near);
    return problem_set_hint(problem,
                            selection->n_views == 0 ? "there is no lease at all" : "portctl list shows all leases");
}

int selection_by_name(struct selection *selection, const char *name, struct problem *problem) {
    size_t n_kept = 0;

    for (size_t i = 0; i < selection->n_views; i++)
        if (strcmp(selection->views[i].service_name, name) == 0)
            n_kept++;
    if (n_kept == 0)
        return refuse_name(selection, name, problem);
    n_kept = 0;
    for (size_t i = 0; i < selection->n_views; i++)
        if (strcmp(selection->views[i].service_name, name) == 0)
            selection->views[n_kept++] = selection->views[i];
    selection->n_views = n_kept;
    return 0;
}

static bool is_own(const struct lease_view *view) {
    return geteuid() == 0 || view->uid == geteuid();
}

static int keep_own(struct selection *selection, const char *name, struct problem *problem) {
    const struct lease_view first = selection->views[0];
    char user[LEASE_USER_MAX];
    size_t n_kept = 0;

    for (size_t i = 0; i < selection->n_views; i++)
        if (is_own(&selection->views[i]))
            selection->views[n_kept++] = selection->views[i];
    selection->n_views = n_kept;
    if (n_kept > 0)
        return 0;
    lease_view_format_user(&first, user);
    return problem_fill(problem, EXIT_NO, "no-such-lease", "you have no lease with the name %s; it is %s's, on port %u",
                        name, user, first.port);
}

static int keep_port(struct selection *selection, uint16_t port, struct problem *problem) {
    for (size_t i = 0; i < selection->n_views; i++) {
        if (selection->views[i].port == port) {
            selection->views[0] = selection->views[i];
            selection->n_views = 1;
            return 0;
        }
    }
    problem_fill(problem, EXIT_NO, "no-such-lease", "port %u is not leased", port);
    return problem_set_hint(problem, "portctl list shows all leases");
}

int selection_by_word(struct client *client, const char *word, struct selection *ret_selection,
                      struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    bool is_port = options_is_port(word);
    uint16_t port = 0;
    int r = is_port ? options_check_port(word, &port, problem) : 0;

    if (r == 0)
        r = selection_all(client, &selection, problem);
    if (r == 0)
        r = is_port ? keep_port(&selection, port, problem) : selection_by_name(&selection, word, problem);
    if (r == 0 && !is_port)
        r = keep_own(&selection, word, problem);
    if (r != 0)
        return r;
    *ret_selection = selection_take(&selection);
    return 0;
}
