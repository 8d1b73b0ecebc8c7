/*
 * Grants. One runs: find what may be reused, choose ports for the rest, make each lease as it will be, store all of them in one
 * transaction, and only then make them true, which cannot fail any more because the table's room was reserved first.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "probe/cgroup.h"
#include "probe/fd.h"
#include "src/base/log.h"
#include "src/lease/registry_private.h"

/* A grant in the making. */
struct granting {
    struct registry *registry;
    const struct grant_request *request;
    struct grant *grant;
    struct lease *reused[LEASE_COUNT_MAX]; /* leases that live, to be handed out again */
    size_t n_reused;
    struct lease *drafts[LEASE_COUNT_MAX]; /* each lease as it will be: those of `reused`, then the new ones */
    size_t n_drafts;
    uint64_t generation; /* of the snapshot before the ports were checked */
};

void grant_deinit(struct grant *grant) {
    choice_deinit(&grant->choice);
}

static void granting_deinit(struct granting *granting) {
    for (size_t i = 0; i < granting->n_drafts; i++)
        lease_free(granting->drafts[i]);
}

/* Each lease has a pidfd of its own, so that ending one lease never unpins another's holder. `watcher` is the lease to which
 * the end of the holder will be told. */
static int pin_holder(struct granting *granting, struct lease *draft, struct lease *watcher) {
    uid_t uid = 0;
    int r = process_pin(granting->request->holder, &draft->holder_pidfd, &draft->holder, &uid);

    /* EACCES: it lives, but /proc hides it from us (hidepid=), so whose it is cannot be told. */
    if (r == PROCESS_E_GONE || r == -EACCES)
        return GRANT_E_HOLDER;
    if (r < 0)
        return r;
    if (uid != granting->request->key.uid)
        return GRANT_E_HOLDER_UID;
    if (!registry_has_room_for(draft->holder_pidfd))
        return -EMFILE;
    registry_note_cgroup(draft);
    return registry_watch_holder(granting->registry, draft->holder_pidfd, watcher);
}

/* Who asks on whose behalf? Only of the same user, and neither init nor a service manager: whatever a user runs descends from these. Nothing is
 * refused for want of it. */
static void note_asker(const struct grant_request *request, struct lease *draft) {
    char name[PROCESS_NAME_MAX];
    struct process_id asker;
    uid_t uid;
    pid_t parent;

    if (request->asker <= 1 || process_pin(request->asker, NULL, &asker, &uid) != 0 || uid != request->key.uid ||
        process_read_parent(request->asker, name, &parent) < 0 || strcmp(name, "systemd") == 0)
        return;
    draft->asker = asker;
    if (request->holder != 0)
        registry_note_parent(draft);
}

/* Makes the next draft, with what every grant gives: a whole TTL from now, and the holder of the request. */
static int add_draft(struct granting *granting, struct lease *live, struct lease **ret_draft) {
    const struct grant_request *request = granting->request;
    struct clock_reading now = clock_read(&granting->registry->config.clock);
    struct lease *draft = lease_new();
    int r;

    if (draft == NULL)
        return -ENOMEM;
    granting->drafts[granting->n_drafts++] = draft;
    r = lease_set_key(draft, &request->key);
    if (r == 0 && (request->tags != NULL || live == NULL))
        r = lease_set_tags(draft, request->tags, request->n_tags);
    else if (r == 0)
        r = lease_set_tags(draft, (const char *const *)live->tags, live->n_tags);
    if (r == 0 && request->holder != 0)
        r = pin_holder(granting, draft, live != NULL ? live : draft);
    if (r != 0)
        return r;
    note_asker(request, draft);
    draft->ttl_seconds = live != NULL ? live->ttl_seconds : LEASE_TTL_DEFAULT;
    if (request->ttl_seconds != NULL)
        draft->ttl_seconds = *request->ttl_seconds;
    draft->last_heartbeat = now.unix_ms;
    draft->deadline = now.monotonic_ms + draft->ttl_seconds * 1000;
    draft->told_deadline = draft->deadline;
    draft->allocated_at = live != NULL ? live->allocated_at : now.unix_ms;
    *ret_draft = draft;
    return 0;
}

static int draft_reused(struct granting *granting) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < granting->n_reused; i++) {
        struct lease *live = granting->reused[i];
        struct lease *draft = NULL;

        r = add_draft(granting, live, &draft);
        if (r != 0)
            return r;
        draft->id = live->id;
        draft->port = live->port;
        draft->slot = live->slot;
        draft->was_bound = live->was_bound;
    }
    return r;
}

static int draft_new(struct granting *granting) {
    const struct choice *choice = &granting->grant->choice;
    int r = lease_table_reserve(&granting->registry->leases, choice->n_ports);

    for (unsigned i = 0; r == 0 && i < choice->n_ports; i++) {
        struct lease *draft = NULL;

        r = add_draft(granting, NULL, &draft);
        if (r != 0)
            return r;
        draft->id = granting->registry->next_id + i;
        draft->port = choice->ports[i];
        draft->slot = choice->slots[i];
        draft->granted_generation = granting->generation;
    }
    return r;
}

static int store_drafts(struct granting *granting) {
    struct store *store = granting->registry->store;
    uint16_t cursor = granting->grant->choice.cursor;
    int r = store_begin(store);

    for (size_t i = 0; r == 0 && i < granting->n_drafts; i++) {
        const struct lease *draft = granting->drafts[i];
        r = store_put_lease(store, draft);
        if (r == 0)
            r = store_put_sticky(store, &granting->request->key, draft->slot, draft->port);
    }
    if (r == 0 && cursor != 0 && cursor != granting->registry->cursor)
        r = store_put_cursor(store, cursor);
    if (r == 0)
        r = store_commit(store);
    if (r == 0)
        return 0;
    store_rollback(store);
    return r == STORE_E_FAILED ? GRANT_E_NOT_STORED : r;
}

/* The lease that lives takes over what its draft has, and the draft what it had. */
static void make_true_again(struct lease *live, struct lease *draft) {
    struct lease before = *live;

    live->tags = draft->tags;
    live->n_tags = draft->n_tags;
    live->holder = draft->holder;
    live->holder_pidfd = draft->holder_pidfd;
    live->ttl_seconds = draft->ttl_seconds;
    live->last_heartbeat = draft->last_heartbeat;
    live->deadline = draft->deadline;
    live->saved_deadline = draft->deadline;
    live->told_deadline = draft->deadline;
    live->unsaved = false;
    live->holder_ended_ms = 0;
    live->holder_cgroup = draft->holder_cgroup;
    live->asker = draft->asker;
    live->asker_is_parent = draft->asker_is_parent;
    draft->tags = before.tags;
    draft->n_tags = before.n_tags;
    draft->holder_pidfd = before.holder_pidfd;
    draft->holder_cgroup = before.holder_cgroup;
}

/* A sticky port that cannot be remembered for want of memory is only a convenience lost. */
static void make_true(struct granting *granting, struct lease *draft) {
    sticky_table_put(&granting->registry->sticky, &granting->request->key, draft->slot, draft->port);
    draft->saved_deadline = draft->deadline;
    lease_table_insert(&granting->registry->leases, draft);
    log_debug("granted port %" PRIu16 " to %s (uid %u, lease %" PRIu64 ")", draft->port, draft->service_name,
              (unsigned)draft->uid, draft->id);
}

static void commit_drafts(struct granting *granting) {
    struct registry *registry = granting->registry;
    struct grant *grant = granting->grant;

    for (size_t i = 0; i < granting->n_drafts; i++) {
        if (i < granting->n_reused) {
            make_true_again(granting->reused[i], granting->drafts[i]);
            grant->leases[i] = granting->reused[i];
            registry_tell(registry, EVENT_LEASE_RENEWED, granting->reused[i], "It was asked for again.");
        } else {
            make_true(granting, granting->drafts[i]);
            grant->leases[i] = granting->drafts[i];
            registry_tell(registry, EVENT_LEASE_GRANTED, granting->drafts[i], NULL);
            granting->drafts[i] = NULL;
        }
    }
    registry_touch(registry);
    /* A process that was there before may have children that were, too. */
    if (granting->request->holder != 0 && family_has(&registry->kin.family, granting->request->holder))
        registry->kin.whole_look = true;
    grant->n_leases = granting->n_drafts;
    grant->n_reused = granting->n_reused;
    registry->next_id += grant->choice.n_ports;
    if (grant->choice.cursor != 0)
        registry->cursor = grant->choice.cursor;
}

/* Chooses ports for what cannot be reused. */
static int choose_ports(struct granting *granting) {
    const struct grant_request *request = granting->request;
    struct registry *registry = granting->registry;
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
        .count = request->count - (unsigned)granting->n_reused,
        .privileged = request->privileged,
        .cursor = registry->cursor,
        .now_ms = clock_read(&registry->config.clock).monotonic_ms,
    };
    int r;

    if (choice_request.count == 0)
        return 0;
    r = allocator_choose(&allocator, &choice_request, &granting->grant->choice);
    if (r == ALLOC_E_LEASED)
        granting->grant->in_way = lease_table_find_port(&registry->leases, request->exact);
    return r;
}

/*
 * Nothing of its own listens there. Could its server start? Not if another user has bound the port without listening, or has a
 * connection on it; the uid's own server that is about to listen, and what is left of its connections, are no obstacle.
 */
static int check_bindable(struct granting *granting, const struct lease *lease) {
    const struct port_prober *prober = &granting->registry->config.prober;
    struct listener_list *evidence = &granting->grant->choice.evidence;
    int r = prober->check(prober->context, lease->port, PORT_CHECK_THOROUGH, evidence);

    if (r != PORT_CHECK_E_BUSY)
        return r < 0 ? r : 0;
    for (size_t i = 0; i < evidence->n_items; i++)
        if (evidence->items[i].inode != 0 && evidence->items[i].uid != lease->uid)
            return ALLOC_E_TAKEN;
    return 0;
}

/* May this lease be handed out again? Its holder must not be another living process, and no other uid may sit there. */
static int check_reuse(struct granting *granting, struct lease *lease) {
    struct grant *grant = granting->grant;
    int r;

    registry_hear_holders(granting->registry);
    if (lease->holder_pidfd >= 0 && lease->holder.pid != granting->request->holder) {
        grant->in_way = lease;
        return GRANT_E_HELD;
    }
    r = registry_observe_now(granting->registry, lease->port, &grant->choice.evidence);
    if (r < 0)
        return r;
    if (lease->sight.foreign)
        r = ALLOC_E_TAKEN;
    else if (!lease->sight.own)
        r = check_bindable(granting, lease);
    else
        r = 0;
    if (r == ALLOC_E_TAKEN)
        grant->in_way = lease;
    else
        listener_list_clear(&grant->choice.evidence);
    return r;
}

/* The live leases of the key, lowest slot first. With an exact port only that one counts. */
static void find_reusable(struct granting *granting) {
    const struct grant_request *request = granting->request;
    const struct lease_table *table = &granting->registry->leases;

    for (size_t i = 0; i < table->n_items; i++) {
        struct lease *lease = table->items[i];
        struct lease_key key = lease_get_key(lease);
        size_t at;

        if (!lease_key_equal(&key, &request->key) || (request->exact != 0 && lease->port != request->exact))
            continue;
        for (at = granting->n_reused; at > 0 && granting->reused[at - 1]->slot > lease->slot; at--)
            if (at < request->count)
                granting->reused[at] = granting->reused[at - 1];
        if (at < request->count)
            granting->reused[at] = lease;
        if (granting->n_reused < request->count)
            granting->n_reused++;
    }
}

int registry_grant(struct registry *registry, const struct grant_request *request, struct grant *ret_grant) {
    CLEANUP(granting_deinit)
    struct granting granting = {
        .registry = registry,
        .request = request,
        .grant = ret_grant,
        .generation = registry_snapshot(registry)->generation,
    };
    int r = 0;

    if (request->reuse)
        find_reusable(&granting);
    for (size_t i = 0; r == 0 && i < granting.n_reused; i++)
        r = check_reuse(&granting, granting.reused[i]);
    if (r == 0)
        r = choose_ports(&granting);
    if (r == 0)
        r = draft_reused(&granting);
    if (r == 0)
        r = draft_new(&granting);
    if (r == 0)
        r = store_drafts(&granting);
    if (r == 0)
        commit_drafts(&granting);
    return r;
}
