/*
 * Claims: what a person says about a listener that is there already. What is said is stored before it is true.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/lease/evidence.h"
#include "src/lease/registry_private.h"

/* Is the sighting on the port, and listening, and has the process it open? */
static bool is_on(const struct sighting *sighting, uint16_t port, pid_t pid) {
    bool is_its = pid == 0;

    for (size_t i = 0; !is_its && i < sighting->n_owners; i++)
        is_its = sighting->owners[i]->id.pid == pid;
    return is_its && sighting->listener.port == port && sighting->listener.state == LISTENER_LISTEN;
}

static bool is_listened_on(const struct registry *registry, uint16_t port, pid_t pid) {
    const struct snapshot *snapshot = registry_snapshot(registry);

    for (size_t i = 0; i < snapshot->n_items; i++)
        if (is_on(&snapshot->items[i], port, pid))
            return true;
    return false;
}

/* About the socket and each of its owners: so it also counts for what the same process opens next. */
static int judge(struct lease *lease, const struct sighting *sighting, enum judgement_kind kind) {
    struct judgement judgement = {.kind = kind, .inode = sighting->listener.inode};
    int r = 0;

    if (sighting->n_owners == 0)
        return lease_judge(lease, &judgement);
    for (size_t i = 0; r == 0 && i < sighting->n_owners; i++) {
        judgement.process = sighting->owners[i]->id;
        r = lease_judge(lease, &judgement);
    }
    return r;
}

/* Judges the listeners on the lease's port; the holder's own are left alone if it is to disown. Returns how many were judged, or -errno. */
static int judge_all(struct registry *registry, struct lease *lease, pid_t pid, enum judgement_kind kind) {
    const struct snapshot *snapshot = registry_snapshot(registry);
    int n_judged = 0;

    for (size_t i = 0; i < snapshot->n_items; i++) {
        const struct sighting *sighting = &snapshot->items[i];
        int r;

        if (!is_on(sighting, lease->port, pid))
            continue;
        if (kind == JUDGED_DISOWNED && evidence_is_holders(registry, lease, sighting))
            continue;
        r = judge(lease, sighting, kind);
        if (r < 0)
            return r;
        n_judged++;
    }
    return n_judged;
}

/* What was said is true once it is stored; if it cannot be, what was true before is true again. */
static int store_judged(struct registry *registry, struct lease *lease, bool is_new) {
    struct store *store = registry->store;
    const struct lease_key key = lease_get_key(lease);
    int r = store_begin(store);

    if (r == 0)
        r = store_put_lease(store, lease);
    if (r == 0)
        r = store_put_judgements(store, lease);
    if (r == 0 && is_new)
        r = store_put_sticky(store, &key, lease->slot, lease->port);
    if (r == 0)
        r = store_commit(store);
    if (r == 0)
        return 0;
    store_rollback(store);
    return r == STORE_E_FAILED ? GRANT_E_NOT_STORED : r;
}

static bool has_slot(const struct registry *registry, const struct lease_key *key, unsigned slot) {
    for (size_t i = 0; i < registry->leases.n_items; i++) {
        const struct lease_key other = lease_get_key(registry->leases.items[i]);

        if (registry->leases.items[i]->slot == slot && lease_key_equal(&other, key))
            return true;
    }
    return false;
}

/* The lowest slot that no living lease of the key has. */
static unsigned find_slot(const struct registry *registry, const struct lease_key *key) {
    unsigned slot = 0;

    while (has_slot(registry, key, slot))
        slot++;
    return slot;
}

static struct lease *make_lease(struct registry *registry, uint16_t port, const struct lease_key *key) {
    struct clock_reading now = clock_read(&registry->config.clock);
    struct lease *lease = lease_new();

    if (lease == NULL || lease_set_key(lease, key) < 0 || lease_set_tags(lease, NULL, 0) < 0)
        return lease_free(lease);
    lease->id = registry->next_id;
    lease->port = port;
    lease->slot = find_slot(registry, key);
    lease->allocated_at = now.unix_ms;
    lease->last_heartbeat = now.unix_ms;
    lease->ttl_seconds = LEASE_TTL_DEFAULT;
    lease->deadline = now.monotonic_ms + lease->ttl_seconds * 1000;
    lease->saved_deadline = lease->deadline;
    lease->told_deadline = lease->deadline;
    lease->was_bound = true;
    return lease;
}

static int claim_anew(struct registry *registry, uint16_t port, pid_t pid, const struct lease_key *key,
                      struct lease **ret_lease) {
    struct lease *lease = NULL;
    int r = lease_table_reserve(&registry->leases, 1);

    if (r == 0)
        lease = make_lease(registry, port, key);
    if (lease == NULL)
        return -ENOMEM;
    r = judge_all(registry, lease, pid, JUDGED_CLAIMED);
    if (r >= 0)
        r = store_judged(registry, lease, true);
    if (r != 0) {
        lease_free(lease);
        return r;
    }
    sticky_table_put(&registry->sticky, key, lease->slot, port);
    lease_table_insert(&registry->leases, lease);
    registry->next_id++;
    registry_touch(registry);
    registry_tell(registry, EVENT_LEASE_GRANTED, lease, "It was claimed.");
    registry_look(registry);
    *ret_lease = lease;
    return 0;
}

/* Judges a lease that exists; if that cannot be stored, it is as it was. */
static int judge_live(struct registry *registry, struct lease *lease, pid_t pid, enum judgement_kind kind) {
    size_t n_before = lease->n_judgements;
    struct judgement *before = reallocarray(NULL, n_before + 1, sizeof *before);
    int r;

    if (before == NULL)
        return -ENOMEM;
    if (n_before > 0)
        memcpy(before, lease->judgements, n_before * sizeof *before);
    r = judge_all(registry, lease, pid, kind);
    if (r == 0)
        r = CLAIM_E_HOLDER;
    else if (r > 0)
        r = store_judged(registry, lease, false);
    if (r != 0) {
        struct judgement *judgements = lease->judgements;

        lease->judgements = before;
        lease->n_judgements = n_before;
        before = judgements;
    }
    free(before);
    registry_touch(registry);
    registry_look(registry);
    return r;
}

int registry_claim(struct registry *registry, uint16_t port, pid_t pid, const struct lease_key *key, bool *ret_created,
                   struct lease **ret_lease) {
    struct lease *lease = lease_table_find_port(&registry->leases, port);
    bool is_new = lease == NULL;
    int r;

    registry_look(registry);
    if (!is_listened_on(registry, port, pid))
        return CLAIM_E_NOT_LISTENING;
    if (is_new)
        r = claim_anew(registry, port, pid, key, &lease);
    else
        r = judge_live(registry, lease, pid, JUDGED_CLAIMED);
    if (r != 0)
        return r;
    *ret_created = is_new;
    *ret_lease = lease;
    return 0;
}

int registry_disown(struct registry *registry, struct lease *lease, pid_t pid) {
    registry_look(registry);
    if (!is_listened_on(registry, lease->port, pid))
        return CLAIM_E_NOT_LISTENING;
    return judge_live(registry, lease, pid, JUDGED_DISOWNED);
}
