/*
 * Keeps a lease alive. See keeper.h.
 */
#include "cli/keeper.h"

#include <limits.h>
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

void keeper_init(struct keeper *keeper, struct client *client, const struct output *output,
                 const struct lease_view *lease) {
    uint64_t interval_ms = lease->ttl_seconds > INTERVAL_MAX_MS ? INTERVAL_MAX_MS : lease->ttl_seconds * 1000 / 3;

    if (interval_ms < INTERVAL_MIN_MS)
        interval_ms = INTERVAL_MIN_MS;
    if (interval_ms > INTERVAL_MAX_MS)
        interval_ms = INTERVAL_MAX_MS;
    *keeper = (struct keeper){
        .client = client,
        .output = output,
        .port = lease->port,
        .id = lease->id,
        .interval_ms = interval_ms,
        .due_ms = patience_now_ms() + interval_ms,
    };
    text_make_safe(lease->service_name, keeper->service_name, sizeof keeper->service_name);
}

int keeper_timeout_ms(const struct keeper *keeper) {
    uint64_t now = patience_now_ms();
    uint64_t left = keeper->due_ms > now ? keeper->due_ms - now : 0;

    return left > INT_MAX ? INT_MAX : (int)left;
}

static void tell_change(const struct keeper *keeper, const struct problem *problem) {
    char detail[PROBLEM_DETAIL_MAX];

    problem_format(problem, detail);
    switch (keeper->state) {
    case KEEPER_WELL:
        output_say(keeper->output, "portd is back; %s keeps port %u", keeper->service_name, keeper->port);
        break;
    case KEEPER_AWAY:
        output_say(keeper->output, "port %u (%s) is not renewed for now: %s", keeper->port, keeper->service_name,
                   detail);
        break;
    case KEEPER_GONE:
        output_say(keeper->output, "the lease on port %u (%s) is gone: portd may grant the port to others",
                   keeper->port, keeper->service_name);
        break;
    }
}

static enum keeper_state state_after(int r, const struct problem *problem) {
    if (r == 0)
        return KEEPER_WELL;
    if (strcmp(problem->type, "no-such-lease") == 0 || strcmp(problem->type, "lease-mismatch") == 0)
        return KEEPER_GONE;
    return KEEPER_AWAY;
}

void keeper_beat(struct keeper *keeper) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(json_free_at) cJSON *reply = NULL;
    uint64_t pause_ms = keeper->interval_ms;
    enum keeper_state state;
    int r;

    if (patience_now_ms() < keeper->due_ms)
        return;
    r = lease_call(keeper->client, "/heartbeat", keeper->port, keeper->id, BEAT_PATIENCE_MS, &reply, &problem);
    if (r == CLIENT_E_INTERRUPTED)
        return;
    state = state_after(r, &problem);
    if (state != keeper->state) {
        keeper->state = state;
        tell_change(keeper, &problem);
    }
    if (state == KEEPER_AWAY && pause_ms > RETRY_MS)
        pause_ms = RETRY_MS;
    keeper->due_ms = patience_now_ms() + pause_ms;
}

static void tell_unreleased(const struct keeper *keeper, int r, const struct problem *problem) {
    char detail[PROBLEM_DETAIL_MAX];

    if (state_after(r, problem) != KEEPER_AWAY || !keeper->output->verbose)
        return;
    problem_format(problem, detail);
    output_say(keeper->output, "port %u (%s) was not released: %s", keeper->port, keeper->service_name, detail);
}

void keeper_release(struct keeper *keeper) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(json_free_at) cJSON *reply = NULL;
    int r;

    client_set_interrupt(keeper->client, -1);
    r = lease_call(keeper->client, "/release", keeper->port, keeper->id, RELEASE_PATIENCE_MS, &reply, &problem);
    if (r == 0 && !keeper->output->json)
        lease_call_tell_listeners(keeper->output, reply);
    tell_unreleased(keeper, r, &problem);
}

/* Who serves on: the first of those who listen that portd can see. */
static void tell_kept(const struct keeper *keeper, const cJSON *reply) {
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
                   keeper->service_name, (unsigned long long)pid, keeper->port);
    else
        output_say(keeper->output, "%s: processes of it still run; the lease on port %u stays until they end",
                   keeper->service_name, keeper->port);
}

void keeper_release_if_idle(struct keeper *keeper) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(json_free_at) cJSON *reply = NULL;
    bool released = true;
    int r;

    client_set_interrupt(keeper->client, -1);
    r = lease_call_release_if_idle(keeper->client, keeper->port, keeper->id, RELEASE_PATIENCE_MS, &reply, &problem);
    json_get_bool(reply, "released", &released);
    if (r == 0 && !released)
        tell_kept(keeper, reply);
    else if (r == 0 && !keeper->output->json)
        lease_call_tell_listeners(keeper->output, reply);
    tell_unreleased(keeper, r, &problem);
}
