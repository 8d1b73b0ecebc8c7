/*
 * The background work: what nothing keeps any more ends, what its own listener keeps is renewed, and the database gets what it
 * still lacks.
 */
#include <string.h>

#include "src/base/log.h"
#include "src/lease/registry_private.h"

/* A loop that was away for longer than this was stopped or starved: its clients could not be heard meanwhile. */
#define STALL_MS UINT64_C(5000)

/* Why the lease ends now, and how, or NULL. */
static const char *reason_to_end(const struct registry *registry, const struct lease *lease, uint64_t now_ms,
                                 enum event_kind *ret_kind) {
    if (lease->sight.own || lease->holder_pidfd >= 0)
        return NULL;
    *ret_kind = EVENT_LEASE_RELEASED;
    if (lease->holder.pid != 0)
        return "Its process has ended, and nothing of it listens.";
    *ret_kind = EVENT_LEASE_EXPIRED;
    if (now_ms >= lease->deadline && now_ms >= registry->no_expiry_before_ms)
        return "Its time ran out, and nothing of it listens.";
    return NULL;
}

/* How far the database may be behind a lease that its own listener keeps: a quarter of its TTL, ten minutes at most. */
static uint64_t lag_allowed_ms(const struct lease *lease) {
    uint64_t quarter_ms = lease->ttl_seconds * 1000 / 4;

    return quarter_ms < UINT64_C(600000) ? quarter_ms : UINT64_C(600000);
}

/* `complete`: the last observation saw every listener there is. */
static void turn_lease(struct registry *registry, struct lease *lease, bool complete, struct clock_reading now) {
    enum event_kind kind;
    const char *reason;

    if (lease->sight.own) {
        /* Listening is the heartbeat. It is not worth a write a second, only one before a restart would lose much. */
        lease->last_heartbeat = now.unix_ms;
        lease->deadline = now.monotonic_ms + lease->ttl_seconds * 1000;
        if (lease->deadline - lease->saved_deadline > lag_allowed_ms(lease))
            lease->unsaved = true;
        /* Nor worth an event: one is told when what was told last is over. */
        if (now.monotonic_ms >= lease->told_deadline)
            registry_tell(registry, lease, EVENT_LEASE_RENEWED, "Its time ran out, but its listener is there.");
    }
    reason = reason_to_end(registry, lease, now.monotonic_ms, &kind);
    if (reason != NULL && complete)
        registry_end(registry, lease, kind, reason);
}

static void write_backlog(struct registry *registry) {
    struct store *store = registry->store;
    int r = 0;

    while (r == 0 && registry->n_undeleted > 0) {
        r = store_delete_lease(store, registry->undeleted[registry->n_undeleted - 1]);
        if (r == 0)
            registry->n_undeleted--;
    }
    for (size_t i = 0; r == 0 && i < registry->leases.n_items; i++) {
        if (!registry->leases.items[i]->unsaved)
            continue;
        registry_save(registry, registry->leases.items[i]);
        r = registry->leases.items[i]->unsaved;
    }
}

void registry_turn(struct registry *registry) {
    struct clock_reading now = clock_read(&registry->config.clock);
    int r = registry_observe(registry, 0, NULL);

    if (r < 0)
        log_warning("the kernel's listeners cannot be read: %s", strerror(-r));
    if (now.monotonic_ms - registry->last_turn_ms > STALL_MS)
        registry->no_expiry_before_ms = now.monotonic_ms + GRACE_MS;
    registry->last_turn_ms = now.monotonic_ms;

    /* From the last to the first, because a lease that ends moves those behind it. */
    for (size_t i = registry->leases.n_items; i > 0; i--)
        turn_lease(registry, registry->leases.items[i - 1], r == 0, now);
    write_backlog(registry);
}
