/*
 * Grants. One runs: find what may be reused, choose ports for the rest, make each lease as it will be, store all of them in one
 * transaction, and only then make them true, which cannot fail any more because the table's room was reserved first. Several
 * requests go through each of these together, so all of them are granted or none is.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/log.h"
#include "src/lease/draft.h"
#include "src/lease/registry_private.h"

/* A grant in the making. The leases to be reused stand in `grants`, which tells nothing before its end. */
struct granting {
    struct registry *registry;
    const struct grant_request *requests;
    size_t n_requests;
    struct grant *grants; /* one for each */
    struct lease
        *drafts[GRANT_PORTS_MAX]; /* each lease as it will be: those of the first request, in its order, and so on */
    size_t n_drafts;
    uint64_t n_new;      /* of them */
    uint16_t cursor;     /* the new cursor */
    uint64_t generation; /* of the snapshot before the ports were checked */
    size_t at;           /* the request that is refused; n_requests: no particular one */
};

void grant_deinit(struct grant *grant) {
    choice_deinit(&grant->choice);
}

static void granting_deinit(struct granting *granting) {
    for (size_t i = 0; i < granting->n_drafts; i++)
        lease_free(granting->drafts[i]);
}

/* The request is refused. */
static int refuse(struct granting *granting, size_t at, int r) {
    granting->at = at;
    return r;
}

/* ---- what may be reused ---- */

/* Where the lease stands among those that are asked for; `count`: nowhere. One port is any of the name's, the lowest slot that lives; of several each
 * has its slot, so that it is the same one whichever of them has gone. */
static size_t find_place(const struct grant_request *request, const struct lease *lease) {
    struct lease_key key = lease_get_key(lease);

    if (!lease_key_equal(&key, &request->key) || (request->exact != 0 && lease->port != request->exact))
        return request->count;
    if (request->count == 1)
        return 0;
    return lease->slot < request->count ? lease->slot : request->count;
}

/* The live leases of the key, each in its place; what is missing stays NULL. With an exact port only that one counts. */
static void find_reusable(const struct lease_table *table, const struct grant_request *request, struct grant *grant) {
    for (size_t i = 0; i < table->n_items; i++) {
        const struct lease *lease = table->items[i];
        size_t at = find_place(request, lease);

        if (at == request->count)
            continue;
        if (grant->leases[at] == NULL)
            grant->n_reused++;
        if (grant->leases[at] == NULL || lease->slot < grant->leases[at]->slot)
            grant->leases[at] = lease;
    }
}

/*
 * Nothing of its own listens there. Could its server start? Not if another user has bound the port without listening, or has a
 * connection on it; the uid's own server that is about to listen, and what is left of its connections, are no obstacle.
 */
static int check_bindable(struct registry *registry, const struct lease *lease, struct listener_list *evidence) {
    const struct port_prober *prober = &registry->config.prober;
    int r = prober->check(prober->context, lease->port, PORT_CHECK_THOROUGH, evidence);

    if (r != PORT_CHECK_E_BUSY)
        return r < 0 ? r : 0;
    for (size_t i = 0; i < evidence->n_items; i++)
        if (evidence->items[i].inode != 0 && evidence->items[i].uid != lease->uid)
            return ALLOC_E_TAKEN;
    return 0;
}

/* May this lease be handed out again? Its holder must not be another living process, and no other uid may sit there. Who asks for held ones, too, will
 * not start a server there, so nothing is in his way. */
static int check_reuse(struct registry *registry, const struct grant_request *request, const struct lease *lease,
                       struct grant *grant) {
    struct listener_list *evidence = &grant->choice.evidence;
    int r = 0;

    if (lease->holder_pidfd >= 0 && lease->holder.pid != request->holder) {
        if (request->reuse_held)
            return 0;
        grant->in_way = lease;
        return GRANT_E_HELD;
    }
    if (lease->sight.foreign) {
        registry_list_listeners(registry, lease->port, evidence);
        r = ALLOC_E_TAKEN;
    } else if (!lease->sight.own) {
        r = check_bindable(registry, lease, evidence);
    }
    if (r == ALLOC_E_TAKEN)
        grant->in_way = lease;
    else
        listener_list_clear(evidence);
    return r;
}

/* One reading is for all of them, and is made only if there are any. */
static int find_and_check_reusable(struct granting *granting) {
    struct registry *registry = granting->registry;
    size_t n_reused = 0;
    int r = 0;

    for (size_t i = 0; i < granting->n_requests; i++) {
        if (granting->requests[i].reuse)
            find_reusable(&registry->leases, &granting->requests[i], &granting->grants[i]);
        n_reused += granting->grants[i].n_reused;
    }
    if (n_reused > 0)
        r = registry_observe_now(registry, 0, NULL);
    for (size_t i = 0; r >= 0 && i < granting->n_requests; i++) {
        struct grant *grant = &granting->grants[i];

        for (size_t j = 0; j < granting->requests[i].count; j++) {
            if (grant->leases[j] == NULL)
                continue;
            r = check_reuse(registry, &granting->requests[i], grant->leases[j], grant);
            if (r != 0)
                return refuse(granting, i, r);
        }
    }
    return r;
}

/* ---- ports for the rest ---- */

static struct choice_request ask_for_rest(const struct granting *granting, size_t at) {
    const struct grant_request *request = &granting->requests[at];
    const struct grant *grant = &granting->grants[at];
    struct choice_request choice_request = {
        .key = request->key,
        .exact = request->exact,
        .sticky_first = request->sticky_first,
        .privileged = request->privileged,
        .cursor = granting->registry->cursor,
        .now_ms = clock_read(&granting->registry->config.clock).monotonic_ms,
    };

    for (unsigned i = 0; i < request->count; i++)
        if (grant->leases[i] == NULL)
            choice_request.prefer[choice_request.count++] = request->prefer[i];
    return choice_request;
}

static int choose_ports(struct granting *granting) {
    struct registry *registry = granting->registry;
    const struct allocator allocator = {
        .leases = &registry->leases,
        .sticky = &registry->sticky,
        .rules = registry->config.rules,
        .prober = registry->config.prober,
    };
    struct choice_request requests[GRANT_REQUESTS_MAX];
    struct choice *choices[GRANT_REQUESTS_MAX];
    unsigned n_wanted = 0;
    size_t at = 0;
    int r;

    for (size_t i = 0; i < granting->n_requests; i++) {
        requests[i] = ask_for_rest(granting, i);
        choices[i] = &granting->grants[i].choice;
        n_wanted += requests[i].count;
    }
    if (n_wanted == 0)
        return 0;
    r = allocator_choose_all(&allocator, requests, granting->n_requests, choices, &at);
    granting->cursor = choices[granting->n_requests - 1]->cursor;
    if (r == ALLOC_E_LEASED)
        granting->grants[at].in_way = lease_table_find_port(&registry->leases, requests[at].exact);
    return r != 0 ? refuse(granting, at, r) : 0;
}

/* ---- drafts ---- */

static int add_draft(struct granting *granting, size_t at, struct lease *live, struct lease **ret_draft) {
    int r = draft_new(granting->registry, &granting->requests[at], live, ret_draft);

    if (r != 0)
        return refuse(granting, at, r);
    granting->drafts[granting->n_drafts++] = *ret_draft;
    return 0;
}

/* The new ones are chosen in the order of their slots, and so fill the gaps in this order. */
static int draft_one(struct granting *granting, size_t at) {
    struct grant *grant = &granting->grants[at];
    unsigned n_new = 0;

    for (unsigned i = 0; i < granting->requests[at].count; i++) {
        const struct lease *reused = grant->leases[i];
        struct lease *live = reused != NULL ? lease_table_find_port(&granting->registry->leases, reused->port) : NULL;
        struct lease *draft = NULL;
        int r = add_draft(granting, at, live, &draft);

        if (r != 0)
            return r;
        grant->is_new[i] = live == NULL;
        if (live != NULL)
            continue;
        draft->id = granting->registry->next_id + granting->n_new++;
        draft->port = grant->choice.ports[n_new];
        draft->slot = grant->choice.slots[n_new++];
        draft->granted_generation = granting->generation;
    }
    return 0;
}

static int make_drafts(struct granting *granting) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < granting->n_requests; i++)
        r = draft_one(granting, i);
    return r == 0 ? lease_table_reserve(&granting->registry->leases, granting->n_new) : r;
}

static int store_drafts(struct granting *granting) {
    struct store *store = granting->registry->store;
    int r = store_begin(store);

    for (size_t i = 0; r == 0 && i < granting->n_drafts; i++) {
        const struct lease *draft = granting->drafts[i];
        const struct lease_key key = lease_get_key(draft);

        r = store_put_lease(store, draft);
        if (r == 0)
            r = store_put_sticky(store, &key, draft->slot, draft->port);
    }
    if (r == 0 && granting->cursor != granting->registry->cursor)
        r = store_put_cursor(store, granting->cursor);
    if (r == 0)
        r = store_commit(store);
    if (r == 0)
        return 0;
    store_rollback(store);
    return r == STORE_E_FAILED ? GRANT_E_NOT_STORED : r;
}

/* ---- from here on nothing fails ---- */

/* The draft's holder, and what is known about it, for the lease's own. */
static void exchange_holders(struct lease *live, struct lease *draft) {
    struct lease before = *live;

    live->holder = draft->holder;
    live->holder_pidfd = draft->holder_pidfd;
    live->holder_ended_ms = 0;
    live->holder_cgroup = draft->holder_cgroup;
    live->asker = draft->asker;
    live->asker_is_parent = draft->asker_is_parent;
    draft->holder_pidfd = before.holder_pidfd;
    draft->holder_cgroup = before.holder_cgroup;
}

/* The lease that lives takes over what its draft has, and the draft what it had. */
static void make_true_again(struct lease *live, struct lease *draft) {
    struct lease before = *live;

    if (!draft_keeps_holder(draft))
        exchange_holders(live, draft);
    live->tags = draft->tags;
    live->n_tags = draft->n_tags;
    live->ttl_seconds = draft->ttl_seconds;
    live->last_heartbeat = draft->last_heartbeat;
    live->deadline = draft->deadline;
    live->saved_deadline = draft->deadline;
    live->told_deadline = draft->deadline;
    live->unsaved = false;
    live->outlasts_holder = draft->outlasts_holder;
    draft->tags = before.tags;
    draft->n_tags = before.n_tags;
}

/* A sticky port that cannot be remembered for want of memory is only a convenience lost. */
static void make_true(struct registry *registry, struct lease *draft) {
    const struct lease_key key = lease_get_key(draft);

    sticky_table_put(&registry->sticky, &key, draft->slot, draft->port);
    draft->saved_deadline = draft->deadline;
    lease_table_insert(&registry->leases, draft);
    log_debug("granted port %" PRIu16 " to %s (uid %u, lease %" PRIu64 ")", draft->port, draft->service_name,
              (unsigned)draft->uid, draft->id);
}

/* The drafts of one request, of which `first` is the first. */
static void commit_one(struct granting *granting, size_t at, size_t first) {
    struct registry *registry = granting->registry;
    struct grant *grant = &granting->grants[at];

    grant->n_leases = granting->requests[at].count;
    for (size_t i = 0; i < grant->n_leases; i++) {
        struct lease *draft = granting->drafts[first + i];
        struct lease *live = lease_table_find_port(&registry->leases, draft->port);

        if (!grant->is_new[i]) {
            make_true_again(live, draft);
            registry_tell(registry, EVENT_LEASE_RENEWED, live, "It was asked for again.");
            continue;
        }
        make_true(registry, draft);
        registry_tell(registry, EVENT_LEASE_GRANTED, draft, NULL);
        grant->leases[i] = draft;
        granting->drafts[first + i] = NULL;
    }
    /* A process that was there before may have children that were, too. */
    if (granting->requests[at].holder != 0 && family_has(&registry->kin.family, granting->requests[at].holder))
        registry->kin.whole_look = true;
}

static void commit_drafts(struct granting *granting) {
    struct registry *registry = granting->registry;
    size_t first = 0;

    for (size_t i = 0; i < granting->n_requests; i++) {
        commit_one(granting, i, first);
        first += granting->grants[i].n_leases;
    }
    registry_touch(registry);
    registry->next_id += granting->n_new;
    registry->cursor = granting->cursor;
}

static int run(struct granting *granting) {
    int r;

    registry_hear_holders(granting->registry);
    r = find_and_check_reusable(granting);
    if (r == 0)
        r = choose_ports(granting);
    if (r == 0)
        r = make_drafts(granting);
    if (r == 0)
        r = store_drafts(granting);
    if (r == 0)
        commit_drafts(granting);
    return r;
}

int registry_grant_all(struct registry *registry, const struct grant_request *requests, size_t n_requests,
                       struct grant *ret_grants, size_t *ret_at) {
    CLEANUP(granting_deinit)
    struct granting granting = {
        .registry = registry,
        .requests = requests,
        .n_requests = n_requests,
        .grants = ret_grants,
        .generation = registry_snapshot(registry)->generation,
        .cursor = registry->cursor,
        .at = n_requests,
    };
    size_t n_ports = 0;
    int r;

    for (size_t i = 0; i < n_requests; i++) {
        assert(requests[i].count >= 1 && requests[i].count <= LEASE_COUNT_MAX);
        n_ports += requests[i].count;
    }
    assert(n_requests >= 1 && n_requests <= GRANT_REQUESTS_MAX && n_ports <= GRANT_PORTS_MAX);
    r = run(&granting);
    if (r == 0)
        return 0;
    for (size_t i = 0; i < n_requests; i++)
        ret_grants[i].n_reused = 0;
    *ret_at = granting.at;
    return r;
}

int registry_grant(struct registry *registry, const struct grant_request *request, struct grant *ret_grant) {
    size_t at;

    return registry_grant_all(registry, request, 1, ret_grant, &at);
}
