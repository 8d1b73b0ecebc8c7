/*
 * Grants. One runs: reuse what may be reused, choose ports, make the leases, store them in one transaction, and only then put
 * them into the table, which cannot fail any more because its room was reserved first.
 */
#include <errno.h>
#include <inttypes.h>

#include "probe/fd.h"
#include "src/base/log.h"
#include "src/lease/registry_private.h"

void grant_deinit(struct grant *grant) {
    choice_deinit(&grant->choice);
}

/* Each lease has a pidfd of its own, so that ending one lease never unpins another's holder. */
static int pin_holder(struct registry *registry, struct lease *lease, pid_t pid, uid_t uid) {
    CLEANUP(fd_close_at) int pidfd = -1;
    struct process_id holder;
    uid_t holder_uid = 0;
    int before = lease->holder_pidfd;
    int r = process_pin(pid, &pidfd, &holder, &holder_uid);

    if (r != 0)
        return r == PROCESS_E_GONE ? GRANT_E_HOLDER : r;
    if (holder_uid != uid)
        return GRANT_E_HOLDER_UID;
    lease->holder_pidfd = pidfd;
    r = registry_watch_holder(registry, lease);
    if (r < 0) {
        lease->holder_pidfd = before;
        return r;
    }
    fd_take(&pidfd);
    fd_close_at(&before);
    lease->holder = holder;
    return 0;
}

/* Fills a new lease but for its port, slot and id. */
static int fill_lease(struct registry *registry, struct lease *lease, const struct grant_request *request) {
    struct clock_reading now = clock_read(&registry->config.clock);
    int r = lease_set_key(lease, &request->key);

    if (r == 0)
        r = lease_set_tags(lease, request->tags, request->n_tags);
    if (r == 0 && request->holder != 0)
        r = pin_holder(registry, lease, request->holder, request->key.uid);
    lease->allocated_at = now.unix_ms;
    lease->last_heartbeat = now.unix_ms;
    lease->ttl_seconds = request->ttl_seconds != NULL ? *request->ttl_seconds : LEASE_TTL_DEFAULT;
    lease->deadline = now.monotonic_ms + lease->ttl_seconds * 1000;
    return r;
}

static int store_grant(struct registry *registry, struct lease *const *leases, const struct choice *choice) {
    struct store *store = registry->store;
    int r = store_begin(store);

    for (unsigned i = 0; r == 0 && i < choice->n_ports; i++) {
        struct lease_key key = lease_get_key(leases[i]);
        r = store_put_lease(store, leases[i]);
        if (r == 0)
            r = store_put_sticky(store, &key, leases[i]->slot, leases[i]->port);
    }
    if (r == 0 && choice->cursor != registry->cursor)
        r = store_put_cursor(store, choice->cursor);
    if (r == 0)
        r = store_commit(store);
    if (r == 0)
        return 0;
    store_rollback(store);
    return r == STORE_E_FAILED ? GRANT_E_NOT_STORED : r;
}

/* What was stored becomes true. A sticky port that cannot be remembered for want of memory is only a convenience lost. */
static void commit_grant(struct registry *registry, struct lease **leases, struct grant *grant) {
    const struct choice *choice = &grant->choice;

    for (unsigned i = 0; i < choice->n_ports; i++) {
        struct lease_key key = lease_get_key(leases[i]);

        sticky_table_put(&registry->sticky, &key, leases[i]->slot, leases[i]->port);
        lease_table_insert(&registry->leases, leases[i]);
        grant->leases[grant->n_leases++] = leases[i];
        log_debug("granted port %" PRIu16 " to %s (uid %u, lease %" PRIu64 ")", leases[i]->port,
                  leases[i]->service_name, (unsigned)leases[i]->uid, leases[i]->id);
        leases[i] = NULL;
    }
    registry->cursor = choice->cursor;
    registry->next_id += choice->n_ports;
}

static int make_leases(struct registry *registry, const struct grant_request *request, struct grant *grant,
                       struct lease **leases) {
    const struct choice *choice = &grant->choice;
    int r = lease_table_reserve(&registry->leases, choice->n_ports);

    for (unsigned i = 0; r == 0 && i < choice->n_ports; i++) {
        leases[i] = lease_new();
        if (leases[i] == NULL)
            return -ENOMEM;
        leases[i]->id = registry->next_id + i;
        leases[i]->port = choice->ports[i];
        leases[i]->slot = choice->slots[i];
        r = fill_lease(registry, leases[i], request);
    }
    if (r == 0)
        r = store_grant(registry, leases, choice);
    if (r == 0)
        commit_grant(registry, leases, grant);
    return r;
}

static int grant_new(struct registry *registry, const struct grant_request *request, unsigned count,
                     struct grant *grant) {
    struct allocator allocator = {
        .leases = &registry->leases,
        .sticky = &registry->sticky,
        .rules = registry->config.rules,
        .prober = registry->config.prober,
    };
    struct choice_request choice_request = {
        .key = request->key,
        .exact = request->exact,
        .prefer = request->prefer,
        .count = count,
        .privileged = request->privileged,
        .cursor = registry->cursor,
        .now_ms = clock_read(&registry->config.clock).monotonic_ms,
    };
    struct lease *leases[LEASE_COUNT_MAX] = {0};
    int r = allocator_choose(&allocator, &choice_request, &grant->choice);

    if (r == ALLOC_E_LEASED)
        grant->in_way = lease_table_find_port(&registry->leases, request->exact);
    if (r != 0)
        return r;
    r = make_leases(registry, request, grant, leases);
    for (size_t i = 0; i < LEASE_COUNT_MAX; i++)
        lease_free(leases[i]);
    return r;
}

/* May this lease be handed out again? Its holder must not be another living process, and no other uid may sit there. */
static int check_reuse(struct registry *registry, const struct grant_request *request, struct lease *lease,
                       struct grant *grant) {
    int r;

    registry_reap_holders(registry);
    if (lease->holder_pidfd >= 0 && lease->holder.pid != request->holder) {
        grant->in_way = lease;
        return GRANT_E_HELD;
    }
    r = registry_observe(registry, lease->port, &grant->choice.evidence);
    if (r < 0)
        return r;
    if (lease->sight.foreign)
        return ALLOC_E_TAKEN;
    listener_list_clear(&grant->choice.evidence);
    return 0;
}

static int take_again(struct registry *registry, const struct grant_request *request, struct lease *lease) {
    int r = 0;

    if (request->holder != 0)
        r = pin_holder(registry, lease, request->holder, request->key.uid);
    if (r == 0 && request->tags != NULL)
        r = lease_set_tags(lease, request->tags, request->n_tags);
    if (r != 0)
        return r;
    if (request->ttl_seconds != NULL)
        lease->ttl_seconds = *request->ttl_seconds;
    registry_renew(registry, lease);
    return 0;
}

/* The live leases of the key, lowest slot first. With an exact port only that one counts. */
static size_t find_reusable(struct registry *registry, const struct grant_request *request, struct lease **ret_leases) {
    size_t n_found = 0;

    for (size_t i = 0; i < registry->leases.n_items; i++) {
        struct lease *lease = registry->leases.items[i];
        struct lease_key key = lease_get_key(lease);
        size_t at;

        if (!lease_key_equal(&key, &request->key) || (request->exact != 0 && lease->port != request->exact))
            continue;
        for (at = n_found; at > 0 && ret_leases[at - 1]->slot > lease->slot; at--)
            if (at < LEASE_COUNT_MAX)
                ret_leases[at] = ret_leases[at - 1];
        if (at < LEASE_COUNT_MAX)
            ret_leases[at] = lease;
        if (n_found < LEASE_COUNT_MAX)
            n_found++;
    }
    return n_found < request->count ? n_found : request->count;
}

int registry_grant(struct registry *registry, const struct grant_request *request, struct grant *ret_grant) {
    struct lease *reused[LEASE_COUNT_MAX];
    size_t n_reused = request->reuse ? find_reusable(registry, request, reused) : 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_reused; i++)
        r = check_reuse(registry, request, reused[i], ret_grant);
    for (size_t i = 0; r == 0 && i < n_reused; i++)
        ret_grant->leases[i] = reused[i];
    if (r != 0)
        return r;
    ret_grant->n_leases = n_reused;
    ret_grant->n_reused = n_reused;
    if (n_reused < request->count)
        r = grant_new(registry, request, request->count - (unsigned)n_reused, ret_grant);
    for (size_t i = 0; r == 0 && i < n_reused; i++)
        r = take_again(registry, request, reused[i]);
    /* The holder can end between the two; then none of it was granted. */
    for (size_t i = n_reused; r != 0 && i < ret_grant->n_leases; i++)
        registry_end(registry, registry_find_id(registry, ret_grant->leases[i]->id), "its grant failed");
    return r;
}
