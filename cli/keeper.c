/*
 * Keeps a lease alive. See keeper.h.
 */
#include "cli/keeper.h"

#include <stdio.h>
#include <string.h>

#include "cli/lease_call.h"
#include "cli/patience.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define INTERVAL_MIN_MS UINT64_C(1000)
#define INTERVAL_MAX_MS UINT64_C(60000)

/* A portd that is away is looked for more often: nobody asks it then, so it costs nothing. */
#define RETRY_MS UINT64_C(5000)

#define BEAT_PATIENCE_MS    5000
#define RELEASE_PATIENCE_MS 2000

void keeper_init(struct keeper *keeper, struct client *client, const struct output *output) {
    *keeper = (struct keeper){.client = client, .output = output, .interval_ms = INTERVAL_MAX_MS};
}

bool keeper_add(struct keeper *keeper, const struct lease_view *lease, bool is_new) {
    uint64_t interval_ms = lease->ttl_seconds > INTERVAL_MAX_MS ? INTERVAL_MAX_MS : lease->ttl_seconds * 1000 / 3;
    struct keeper_lease *added;

    if (keeper->n_leases == KEEPER_LEASES_MAX)
        return false;
    if (interval_ms < INTERVAL_MIN_MS)
        interval_ms = INTERVAL_MIN_MS;
    if (interval_ms < keeper->interval_ms)
        keeper->interval_ms = interval_ms;
    keeper->due_ms = patience_now_ms() + keeper->interval_ms;
    added = &keeper->leases[keeper->n_leases++];
    *added = (struct keeper_lease){.port = lease->port, .id = lease->id, .is_left = !is_new};
    snprintf(added->allocated_at, sizeof added->allocated_at, "%s", lease->allocated_at);
    text_make_safe(lease->service_name, keeper->service_name, sizeof keeper->service_name);
    return true;
}

bool keeper_has_lost_all(const struct keeper *keeper) {
    for (size_t i = 0; i < keeper->n_leases; i++)
        if (!keeper->leases[i].is_gone)
            return false;
    return true;
}

static void tell_away(const struct keeper *keeper, const struct problem *problem) {
    char detail[PROBLEM_DETAIL_MAX];

    problem_format(problem, detail);
    if (keeper->n_leases == 1)
        output_say(keeper->output, "port %u (%s) is not renewed for now: %s", keeper->leases[0].port,
                   keeper->service_name, detail);
    else
        output_say(keeper->output, "the ports of %s are not renewed for now: %s", keeper->service_name, detail);
}

static void tell_back(const struct keeper *keeper) {
    if (keeper->n_leases == 1)
        output_say(keeper->output, "portd is back; %s keeps port %u", keeper->service_name, keeper->leases[0].port);
    else
        output_say(keeper->output, "portd is back; %s keeps its ports", keeper->service_name);
}

static bool says_gone(int r, const struct problem *problem) {
    return r == PROBLEM_E_SET &&
           (strcmp(problem->type, "no-such-lease") == 0 || strcmp(problem->type, "lease-mismatch") == 0);
}

static bool is_anothers(const struct keeper_lease *lease, const cJSON *reply) {
    const char *allocated_at;

    return json_get_string(json_get(reply, "lease"), "allocated_at", &allocated_at) &&
           strcmp(allocated_at, lease->allocated_at) != 0;
}

static void note_gone(const struct keeper *keeper, struct keeper_lease *lease, bool is_gone) {
    if (is_gone && !lease->is_gone)
        output_say(keeper->output, "the lease on port %u (%s) is gone: portd may grant the port to others", lease->port,
                   keeper->service_name);
    lease->is_gone = is_gone;
}

/* Returns false if it was interrupted, or if portd is away: then the other leases need not be tried. */
static bool beat(struct keeper *keeper, struct keeper_lease *lease, bool *ret_interrupted) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(json_free_at) cJSON *reply = NULL;
    int r = lease_call(keeper->client, "/heartbeat", lease->port, lease->id, BEAT_PATIENCE_MS, &reply, &problem);
    bool is_gone = says_gone(r, &problem);

    if (r == 0)
        lease->is_anothers = is_anothers(lease, reply);
    is_gone = is_gone || (r == 0 && lease->is_anothers);
    *ret_interrupted = r == CLIENT_E_INTERRUPTED;
    if (*ret_interrupted)
        return false;
    if (r != 0 && !is_gone) {
        if (!keeper->is_away)
            tell_away(keeper, &problem);
        keeper->is_away = true;
        return false;
    }
    if (keeper->is_away && !is_gone)
        tell_back(keeper);
    keeper->is_away = false;
    note_gone(keeper, lease, is_gone);
    return true;
}

void keeper_beat(struct keeper *keeper) {
    bool interrupted = false;
    uint64_t pause_ms = keeper->interval_ms;

    if (patience_now_ms() < keeper->due_ms)
        return;
    for (size_t i = 0; i < keeper->n_leases && beat(keeper, &keeper->leases[i], &interrupted); i++)
        continue;
    if (interrupted)
        return;
    if (keeper->is_away && pause_ms > RETRY_MS)
        pause_ms = RETRY_MS;
    keeper->due_ms = patience_now_ms() + pause_ms;
}

static void tell_unreleased(const struct keeper *keeper, uint16_t port, int r, const struct problem *problem) {
    char detail[PROBLEM_DETAIL_MAX];

    if (r == 0 || says_gone(r, problem) || !keeper->output->verbose)
        return;
    problem_format(problem, detail);
    output_say(keeper->output, "port %u (%s) was not released: %s", port, keeper->service_name, detail);
}

/* One that stays because it outlasts its holder is kept by its TTL, or still by us. */
static bool is_in_use(const cJSON *reply, bool if_idle) {
    const char *kept_by = "";

    json_get_string(reply, "kept_by", &kept_by);
    return strcmp(kept_by, "ttl") != 0 && (if_idle || strcmp(kept_by, "holder") != 0);
}

/* Who serves on: the first of those who listen that portd can see. */
static void tell_kept(const struct keeper *keeper, uint16_t port, const cJSON *reply) {
    const cJSON *listener;
    uint64_t pid = 0;

    if (!keeper->output->error_terminal || keeper->output->quiet || keeper->output->json)
        return;
    cJSON_ArrayForEach(listener, json_get(reply, "listeners")) {
        if (json_get_number(listener, "pid", 1, INT32_MAX, &pid))
            break;
    }
    if (pid != 0)
        output_say(keeper->output, "%s: pid %llu still serves port %u; its lease stays until it ends",
                   keeper->service_name, (unsigned long long)pid, port);
    else
        output_say(keeper->output, "%s: processes of it still run; the lease on port %u stays until they end",
                   keeper->service_name, port);
}

/* Returns false if portd cannot be reached. */
static bool release(const struct keeper *keeper, struct keeper_lease *lease, bool if_idle) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(json_free_at) cJSON *reply = NULL;
    bool released = true;
    const char *unless = if_idle ? "if_idle" : "unless_outlasting";
    int r = lease_call_release(keeper->client, lease->port, lease->id, unless, RELEASE_PATIENCE_MS, &reply, &problem);

    json_get_bool(reply, "released", &released);
    lease->is_kept = !released;
    if (r == 0 && !released && is_in_use(reply, if_idle))
        tell_kept(keeper, lease->port, reply);
    else if (r == 0 && released && !keeper->output->json)
        lease_call_tell_listeners(keeper->output, reply);
    tell_unreleased(keeper, lease->port, r, &problem);
    return r == 0 || problem.exit_code != EXIT_UNREACHABLE;
}

/* A portd that is away, or hangs, is not waited for again and again. */
static void release_all(struct keeper *keeper, bool if_idle) {
    bool is_there = true;

    client_set_interrupt(keeper->client, -1);
    for (size_t i = 0; is_there && i < keeper->n_leases; i++)
        if (!keeper->leases[i].is_anothers && !keeper->leases[i].is_left)
            is_there = release(keeper, &keeper->leases[i], if_idle);
}

void keeper_release(struct keeper *keeper) {
    release_all(keeper, false);
}

void keeper_release_if_idle(struct keeper *keeper) {
    release_all(keeper, true);
}
