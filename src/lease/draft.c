/* Making drafts: who asks, who holds, for how long. */
#include "src/lease/draft.h"

#include <errno.h>
#include <string.h>

#include "probe/fd.h"
#include "src/lease/registry_private.h"

static void lease_free_at(struct lease **lease) {
    *lease = lease_free(*lease);
}

/* Each lease has a pidfd of its own, so that ending one lease never unpins another's holder. `watcher` is the lease to which
 * the end of the holder will be told. */
static int pin_holder(struct registry *registry, const struct grant_request *request, struct lease *draft,
                      struct lease *watcher) {
    uid_t uid = 0;
    int r = process_pin(request->holder, &draft->holder_pidfd, &draft->holder, &uid);

    /* EACCES: it lives, but /proc hides it from us (hidepid=), so whose it is cannot be told. */
    if (r == PROCESS_E_GONE || r == -EACCES)
        return GRANT_E_HOLDER;
    if (r < 0)
        return r;
    if (uid != request->key.uid)
        return GRANT_E_HOLDER_UID;
    if (!registry_has_room_for(draft->holder_pidfd))
        return -EMFILE;
    registry_note_cgroup(draft);
    return registry_watch_holder(registry, draft->holder_pidfd, watcher);
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

static void set_times(struct registry *registry, const struct grant_request *request, const struct lease *live,
                      struct lease *draft) {
    struct clock_reading now = clock_read(&registry->config.clock);

    draft->ttl_seconds = live != NULL ? live->ttl_seconds : LEASE_TTL_DEFAULT;
    if (request->ttl_seconds != NULL)
        draft->ttl_seconds = *request->ttl_seconds;
    draft->last_heartbeat = now.unix_ms;
    draft->deadline = now.monotonic_ms + draft->ttl_seconds * 1000;
    draft->told_deadline = draft->deadline;
    draft->allocated_at = live != NULL ? live->allocated_at : now.unix_ms;
}

/* Does a living process have it, which is to have it still? */
static bool is_kept(const struct grant_request *request, const struct lease *live) {
    return request->reuse_held && live->holder_pidfd >= 0;
}

/* The lease stays with the process that has it, and with him for whom that one has asked; but it is not that one's alone any more. */
static void keep_holder(const struct lease *live, struct lease *draft) {
    draft->holder = live->holder;
    draft->asker = live->asker;
    draft->outlasts_holder = true;
}

int draft_new(struct registry *registry, const struct grant_request *request, struct lease *live,
              struct lease **ret_draft) {
    CLEANUP(lease_free_at) struct lease *draft = lease_new();
    int r;

    if (draft == NULL)
        return -ENOMEM;
    r = lease_set_key(draft, &request->key);
    if (r == 0 && (request->tags != NULL || live == NULL))
        r = lease_set_tags(draft, request->tags, request->n_tags);
    else if (r == 0)
        r = lease_set_tags(draft, (const char *const *)live->tags, live->n_tags);
    if (r == 0 && request->holder != 0)
        r = pin_holder(registry, request, draft, live != NULL ? live : draft);
    if (r != 0)
        return r;
    if (live == NULL || !is_kept(request, live))
        note_asker(request, draft);
    set_times(registry, request, live, draft);
    if (live != NULL) {
        draft->id = live->id;
        draft->port = live->port;
        draft->slot = live->slot;
        draft->was_bound = live->was_bound;
        draft->outlasts_holder = live->outlasts_holder || (live->holder.pid == 0 && request->holder != 0);
        if (is_kept(request, live))
            keep_holder(live, draft);
    }
    *ret_draft = draft;
    draft = NULL;
    return 0;
}
