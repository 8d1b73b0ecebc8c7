/* Opened listeners wait here for their owners. */
#include "src/conflict/openings.h"

#include <stdlib.h>

/* A walk over /proc takes some milliseconds, on a large machine some hundred. */
#define PATIENCE_MS 1500

void openings_deinit(struct openings *openings) {
    free(openings->items);
    *openings = (struct openings){0};
}

static void tell(const struct sighting *sighting, enum event_kind kind, struct registry *registry,
                 const struct event_sink *sink) {
    const struct lease *lease = registry_find_port(registry, sighting->listener.port);
    const struct process_info *owner = sighting->n_owners > 0 ? sighting->owners[0] : NULL;
    char address[LISTENER_ADDRESS_MAX];

    listener_format_address(&sighting->listener, address);
    event_tell(sink, &(struct event_fact){
                         .kind = kind,
                         .port = sighting->listener.port,
                         .service_name = lease != NULL ? lease->service_name : NULL,
                         .lease_id = lease != NULL ? lease->id : 0,
                         .has_uid = true,
                         .uid = sighting->listener.uid,
                         .pid = owner != NULL ? owner->id.pid : 0,
                         .process = owner != NULL ? owner->name : NULL,
                         .address = address,
                         .inode = sighting->listener.inode,
                     });
}

/* Returns false if it cannot wait. */
static bool wait_for_owners(struct openings *openings, const struct sighting *sighting, uint64_t now_ms) {
    if (openings->n_items == OPENINGS_MAX)
        return false;
    if (openings->n_items == openings->capacity) {
        size_t capacity = openings->capacity == 0 ? 16 : openings->capacity * 2;
        struct opening *items = reallocarray(openings->items, capacity, sizeof *items);

        if (items == NULL)
            return false;
        openings->items = items;
        openings->capacity = capacity;
    }
    openings->items[openings->n_items++] = (struct opening){
        .inode = sighting->listener.inode,
        .port = sighting->listener.port,
        .since_ms = now_ms,
    };
    return true;
}

static bool take_out(struct openings *openings, uint32_t inode) {
    for (size_t i = 0; i < openings->n_items; i++) {
        if (openings->items[i].inode != inode)
            continue;
        openings->items[i] = openings->items[--openings->n_items];
        return true;
    }
    return false;
}

static const struct sighting *find_sighting(const struct snapshot *snapshot, const struct opening *opening) {
    size_t first = 0;
    size_t n = snapshot_find_port(snapshot, opening->port, &first);

    for (size_t i = first; i < first + n; i++)
        if (snapshot->items[i].listener.inode == opening->inode)
            return &snapshot->items[i];
    return NULL;
}

/* What waits and is not in the snapshot has closed: the change that says so told its opening, too. */
static void tell_waiting(struct openings *openings, const struct snapshot *snapshot, struct registry *registry,
                         uint64_t now_ms, const struct event_sink *sink) {
    size_t n_left = 0;

    for (size_t i = 0; i < openings->n_items; i++) {
        const struct sighting *sighting = find_sighting(snapshot, &openings->items[i]);

        if (sighting == NULL)
            continue;
        if (sighting->state == SIGHTING_UNRESOLVED && now_ms - openings->items[i].since_ms < PATIENCE_MS)
            openings->items[n_left++] = openings->items[i];
        else
            tell(sighting, EVENT_LISTENER_OPENED, registry, sink);
    }
    openings->n_items = n_left;
}

void openings_update(struct openings *openings, const struct change_list *changes, const struct snapshot *snapshot,
                     struct registry *registry, uint64_t now_ms, const struct event_sink *sink) {
    for (size_t i = 0; i < changes->n_items; i++) {
        const struct sighting *sighting = &changes->items[i].sighting;

        if (changes->items[i].kind == CHANGE_OPENED) {
            if (!wait_for_owners(openings, sighting, now_ms))
                tell(sighting, EVENT_LISTENER_OPENED, registry, sink);
            continue;
        }
        if (take_out(openings, sighting->listener.inode))
            tell(sighting, EVENT_LISTENER_OPENED, registry, sink);
        tell(sighting, EVENT_LISTENER_CLOSED, registry, sink);
    }
    tell_waiting(openings, snapshot, registry, now_ms, sink);
}
