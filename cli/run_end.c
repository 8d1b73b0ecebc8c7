/*
 * What is left behind, in `run`'s words. See run_end.h.
 */
#include "cli/run_end.h"

#include <string.h>
#include <unistd.h>

#include "cli/lease_view.h"
#include "probe/sock_diag.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define LIST_PATIENCE_MS 2000

/* Of others, so many at most are looked for: who keeps more servers below one run does without. */
#define PORTS_MAX (KEEPER_LEASES_MAX + 256)

struct kept_ports {
    uint16_t items[PORTS_MAX];
    size_t n_items;
};

static void add(struct kept_ports *ports, uint16_t port) {
    if (ports->n_items < PORTS_MAX)
        ports->items[ports->n_items++] = port;
}

/* A `run --keep` inside this one has ended and left a server: its lease had a holder, and lives by its listener alone. */
static bool is_kept_by_another(const struct keeper *keeper, const struct lease_view *lease) {
    for (size_t i = 0; i < keeper->n_leases; i++)
        if (keeper->leases[i].id == lease->id)
            return false;
    return lease->uid == geteuid() && lease->holder_pid != 0 && strcmp(lease->kept_by, "listener") == 0;
}

static void add_kept_by_others(const struct run_end *end, struct kept_ports *ports) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(json_free_at) cJSON *leases = NULL;
    const cJSON *item;
    /* Any SIGCHLD would interrupt it, and they come now. */
    int before = client_set_interrupt(end->invocation->client, -1);
    int r = client_call(end->invocation->client, "/list", NULL, LIST_PATIENCE_MS, &leases, &problem);

    client_set_interrupt(end->invocation->client, before);
    if (r != 0)
        return;
    cJSON_ArrayForEach(item, leases) {
        struct lease_view lease;
        if (lease_view_read(item, &lease) && is_kept_by_another(end->watch->keeper, &lease))
            add(ports, lease.port);
    }
}

/* Does anything listen on one of the leased ports? */
static bool is_served(const struct keeper *keeper) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};

    if (sock_diag_new(&diag) < 0)
        return false;
    for (size_t i = 0; i < keeper->n_leases; i++)
        if (sock_diag_dump(diag, SOCK_DIAG_LISTEN, keeper->leases[i].port, &list) >= 0 && list.n_items > 0)
            return true;
    return false;
}

/* "sleep and 2 other processes" */
static void tell_stopped(const struct run_end *end, const struct leftovers_outcome *outcome) {
    char name[4 * sizeof outcome->first_name];
    size_t n_others = outcome->n_stopped + outcome->n_killed - 1;

    text_make_safe(outcome->first_name, name, sizeof name);
    if (n_others == 0)
        output_say(end->output, "%s: stopped %s, which it left behind", end->service_name, name);
    else
        output_say(end->output, "%s: stopped %s and %zu other process%s that it left behind", end->service_name, name,
                   n_others, n_others > 1 ? "es" : "");
}

static void tell(const struct run_end *end, const struct leftovers_outcome *outcome, bool was_served) {
    const struct output *output = end->output;
    bool keep = end->invocation->options.keep;

    if (outcome->n_left > 0)
        output_say(output, "%s left pid %d behind%s, which cannot be stopped: it is another user's", end->service_name,
                   (int)outcome->left_pid, outcome->n_left > 1 ? " and others" : "");
    if (outcome->n_stopped + outcome->n_killed == 0 || output->quiet || output->json)
        return;
    if (keep && outcome->n_kept == 0)
        output_say(output, "%s: nothing that it left behind listens on port %u, so --keep kept nothing",
                   end->service_name, end->watch->keeper->leases[0].port);
    tell_stopped(end, outcome);
    if (!keep && was_served)
        output_hint(output, "with --keep a server that goes into the background lives on");
}

bool run_end_leftovers(const struct run_end *end) {
    const struct options *options = &end->invocation->options;
    const struct keeper *keeper = end->watch->keeper;
    struct kept_ports ports = {.n_items = 0};
    CLEANUP(leftovers_free_at) struct leftovers *leftovers = NULL;
    struct leftovers_outcome outcome;
    bool has_left = descendants_has_children();
    bool was_served = has_left && is_served(keeper);
    struct leftovers_setup setup = {
        .ports = ports.items,
        .waits = options->keep,
        .bystanders = end->bystanders,
        .patience_ms = options->kill_after_seconds != 0 ? options->kill_after_seconds * 1000 : LEFTOVERS_PATIENCE_MS,
    };

    for (size_t i = 0; options->keep && i < keeper->n_leases; i++)
        add(&ports, keeper->leases[i].port);
    if (has_left)
        add_kept_by_others(end, &ports);
    setup.n_ports = ports.n_items;
    if (leftovers_new(&setup, &leftovers) < 0)
        return true;
    run_watch_leftovers(end->watch, leftovers);
    leftovers_get_outcome(leftovers, &outcome);
    tell(end, &outcome, was_served);
    return options->keep || outcome.n_left > 0; /* what serves need not be ours: a container's proxy */
}
