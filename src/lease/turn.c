/*
 * The background work: what nothing keeps any more ends, what its own listener keeps is renewed, and the database gets what it
 * still lacks.
 */
#include <string.h>
#include <sys/eventfd.h>

#include "src/base/log.h"
#include "src/lease/registry_private.h"

/* A loop that was away for longer than this was stopped or starved: its clients could not be heard meanwhile. */
#define STALL_MS UINT64_C(5000)

/* A holder that has ended, and has left others behind, keeps its lease for so long: a server that puts itself into the background may be about
 * to listen. */
#define KIN_GRACE_MS UINT64_C(10000)

/* Does a process or a listener keep the lease, whatever its time? */
static bool is_kept(const struct lease *lease, uint64_t now_ms) {
    return lease->sight.own || lease->sight.unresolved || lease->holder_pidfd >= 0 ||
           (lease->n_kin > 0 && now_ms < lease->holder_ended_ms + KIN_GRACE_MS);
}

/* Does the lease end now, and why? */
static bool has_ended(const struct registry *registry, const struct lease *lease, uint64_t now_ms,
                      enum event_kind *ret_kind, const char **ret_reason) {
    if (is_kept(lease, now_ms))
        return false;
    if (lease->holder.pid == 0 && (now_ms < lease->deadline || now_ms < registry->no_expiry_before_ms))
        return false;
    *ret_kind = lease->holder.pid != 0 ? EVENT_LEASE_RELEASED : EVENT_LEASE_EXPIRED;
    *ret_reason = lease->holder.pid != 0 ? "Its process has ended, and nothing of it listens."
                                         : "Its time ran out, and nothing of it listens.";
    return true;
}

/* A short TTL would have it told every second. */
#define TELL_RENEWED_MS UINT64_C(60000)

/* Listening is the heartbeat. It is not worth a write a second, only one before a restart would lose much; nor an event, but when the time
 * that was told last has run out. */
static void renew_by_listener(struct registry *registry, struct lease *lease, struct clock_reading now) {
    lease->last_heartbeat = now.unix_ms;
    lease->deadline = now.monotonic_ms + lease->ttl_seconds * 1000;
    if (now.monotonic_ms < lease->told_deadline)
        return;
    registry_tell(registry, EVENT_LEASE_RENEWED, lease, "Its time ran out, but its listener is there.");
    if (lease->told_deadline < now.monotonic_ms + TELL_RENEWED_MS)
        lease->told_deadline = now.monotonic_ms + TELL_RENEWED_MS;
}

/* How far the database may be behind a lease that its own listener keeps: a quarter of its TTL, ten minutes at most. */
static uint64_t lag_allowed_ms(const struct lease *lease) {
    uint64_t quarter_ms = lease->ttl_seconds * 1000 / 4;

    return quarter_ms < UINT64_C(600000) ? quarter_ms : UINT64_C(600000);
}

static void renew_lease(struct registry *registry, struct lease *lease, struct clock_reading now) {
    if (!lease->sight.own)
        return;
    renew_by_listener(registry, lease, now);
    if (lease->deadline - lease->saved_deadline > lag_allowed_ms(lease))
        lease->unsaved = true;
}

/* An asker adopts what a holder has left behind, also for a lease that has gone back to its TTL. When it has ended nobody does, and nobody needs to be
 * looked for. */
static void forget_parent(struct lease *lease) {
    if (lease->asker_is_parent && lease->holder.pid == 0 && process_pin_again(&lease->asker, NULL) != 0)
        lease->asker_is_parent = false;
}

static bool any_has_ended(const struct registry *registry, uint64_t now_ms) {
    enum event_kind kind;
    const char *reason;

    for (size_t i = 0; i < registry->leases.n_items; i++)
        if (has_ended(registry, registry->leases.items[i], now_ms, &kind, &reason))
            return true;
    return false;
}

/* By a complete reading of this moment: its server may have begun to listen since the last one. Where there are thousands of listeners that is dear, so
 * nothing is read unless a lease seems to have ended. */
static void end_leases(struct registry *registry, struct clock_reading now) {
    enum event_kind kind;
    const char *reason;
    int r;

    if (!any_has_ended(registry, now.monotonic_ms))
        return;
    r = registry_observe_now(registry, 0, NULL);
    /* Whoever ended in between may have left somebody behind. */
    registry_follow(registry);
    if (r < 0)
        log_warning("the kernel's listeners cannot be read: %s", strerror(-r));
    /* From the last to the first, because a lease that ends moves those behind it. */
    for (size_t i = registry->leases.n_items; r == 0 && i > 0; i--)
        if (has_ended(registry, registry->leases.items[i - 1], now.monotonic_ms, &kind, &reason))
            registry_end(registry, registry->leases.items[i - 1], kind, reason);
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
        if (!registry->leases.items[i]->unsaved && !registry->leases.items[i]->judgements_unsaved)
            continue;
        registry_save(registry, registry->leases.items[i]);
        r = registry->leases.items[i]->unsaved;
    }
}

void registry_turn(struct registry *registry) {
    struct clock_reading now = clock_read(&registry->config.clock);
    eventfd_t due;

    registry_follow(registry);
    registry_look(registry);
    if (now.monotonic_ms - registry->last_turn_ms > STALL_MS)
        registry->no_expiry_before_ms = now.monotonic_ms + GRACE_MS;
    registry->last_turn_ms = now.monotonic_ms;
    for (size_t i = 0; i < registry->leases.n_items; i++) {
        renew_lease(registry, registry->leases.items[i], now);
        forget_parent(registry->leases.items[i]);
    }
    end_leases(registry, now);
    eventfd_read(registry->due_fd, &due); /* whoever has ended has been looked at */
    write_backlog(registry);
}

bool registry_release_idle(struct registry *registry, struct lease *lease) {
    uint64_t now_ms = clock_read(&registry->config.clock).monotonic_ms;
    int r;

    /* What the program has left behind is looked for now: it may have been adopted this very moment. */
    kin_follow(registry, true);
    r = registry_observe_now(registry, 0, NULL);
    registry_follow(registry);
    if (r != 0 || is_kept(lease, now_ms) || lease->outlasts_holder)
        return false;
    registry_release(registry, lease);
    return true;
}
