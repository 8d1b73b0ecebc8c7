/*
 * The registry's core: finding leases, and the few ways in which one that exists can change. Each change is true in memory at
 * once; the database follows, now or as soon as it can be written.
 */
#include "src/lease/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/log.h"
#include "src/lease/registry_private.h"

struct registry *registry_free(struct registry *registry) {
    if (registry == NULL)
        return NULL;
    lease_table_deinit(&registry->leases);
    sticky_table_deinit(&registry->sticky);
    kin_deinit(&registry->kin);
    store_close(registry->store);
    fd_close_at(&registry->holders_fd);
    fd_close_at(&registry->due_fd);
    free(registry->undeleted);
    free(registry);
    return NULL;
}

struct store *registry_store(struct registry *registry) {
    return registry->store;
}

void registry_set_sink(struct registry *registry, struct event_sink sink) {
    registry->sink = sink;
}

uint64_t registry_revision(const struct registry *registry) {
    return registry->revision;
}

const char *registry_reason(const struct registry *registry) {
    return store_reason(registry->store);
}

int registry_holders_fd(const struct registry *registry) {
    return registry->holders_fd;
}

struct lease *registry_find_port(struct registry *registry, uint16_t port) {
    return lease_table_find_port(&registry->leases, port);
}

struct lease *registry_find_id(struct registry *registry, uint64_t id) {
    return lease_table_find_id(&registry->leases, id);
}

bool registry_find_last(const struct registry *registry, uint16_t port, struct lease_key *ret_key) {
    const struct sticky *sticky = registry->sticky.by_port[port];

    if (sticky == NULL)
        return false;
    *ret_key = (struct lease_key){sticky->uid, sticky->project, sticky->service_name};
    return true;
}

struct lease *const *registry_leases(const struct registry *registry, size_t *ret_n_leases) {
    *ret_n_leases = registry->leases.n_items;
    return registry->leases.items;
}

/* The database fails as a whole, for all leases at once, and usually for a while. */
static void note_store(struct registry *registry, int r) {
    if (r != 0 && !registry->store_failing)
        log_error("the database cannot be written: %s; changes are kept in memory and tried again",
                  store_reason(registry->store));
    if (r == 0 && registry->store_failing)
        log_info("the database can be written again");
    registry->store_failing = r != 0;
}

void registry_save(struct registry *registry, struct lease *lease) {
    int r = store_begin(registry->store);

    if (r == 0)
        r = store_put_lease(registry->store, lease);
    if (r == 0 && lease->judgements_unsaved)
        r = store_put_judgements(registry->store, lease);
    if (r == 0)
        r = store_commit(registry->store);
    if (r != 0)
        store_rollback(registry->store);
    lease->unsaved = r != 0;
    if (r == 0) {
        lease->saved_deadline = lease->deadline;
        lease->judgements_unsaved = false;
    }
    note_store(registry, r);
}

void registry_tell(struct registry *registry, enum event_kind kind, struct lease *lease, const char *reason) {
    const struct event_fact fact = {
        .kind = kind,
        .port = lease->port,
        .service_name = lease->service_name,
        .lease_id = lease->id,
        .has_uid = true,
        .uid = lease->uid,
        .reason = reason,
    };

    lease->told_deadline = lease->deadline;
    event_tell(&registry->sink, &fact);
}

void registry_renew(struct registry *registry, struct lease *lease) {
    struct clock_reading now = clock_read(&registry->config.clock);

    lease->last_heartbeat = now.unix_ms;
    lease->deadline = now.monotonic_ms + lease->ttl_seconds * 1000;
    registry_save(registry, lease);
    registry_tell(registry, EVENT_LEASE_RENEWED, lease, "A heartbeat came.");
}

/* If even that memory is short, the lease comes back at the next start and runs out by its TTL. */
static void note_undeleted(struct registry *registry, uint64_t id) {
    if (registry->n_undeleted == registry->undeleted_capacity) {
        size_t capacity = registry->undeleted_capacity == 0 ? 64 : registry->undeleted_capacity * 2;
        uint64_t *undeleted = realloc(registry->undeleted, capacity * sizeof *undeleted);

        if (undeleted == NULL)
            return;
        registry->undeleted = undeleted;
        registry->undeleted_capacity = capacity;
    }
    registry->undeleted[registry->n_undeleted++] = id;
}

void registry_end(struct registry *registry, struct lease *lease, enum event_kind kind, const char *reason) {
    int r = store_delete_lease(registry->store, lease->id);

    if (r != 0)
        note_undeleted(registry, lease->id);
    note_store(registry, r);
    log_debug("port %" PRIu16 " of %s is free again. %s", lease->port, lease->service_name, reason);
    registry_tell(registry, kind, lease, reason);
    registry_touch(registry);
    sticky_table_note_release(&registry->sticky, lease->port, clock_read(&registry->config.clock).monotonic_ms);
    lease_table_remove(&registry->leases, lease);
    lease_free(lease);
}

void registry_release(struct registry *registry, struct lease *lease) {
    registry_end(registry, lease, EVENT_LEASE_RELEASED, "It was given back.");
}
