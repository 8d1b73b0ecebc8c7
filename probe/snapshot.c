/*
 * Readings laid over one another. Both sides are in the same order, so one walk along the two tells what stayed, came and went.
 *
 * An update either happens whole or not at all: the new items are put together beside the old ones, and nothing is given up before
 * all memory is there.
 */
#include "probe/snapshot.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "probe/sighting.h"
#include "probe/sort_index.h"

/* ---- the order: by port, then family, then inode; the address tells apart what has these in common ---- */

static uint64_t key_of(const struct listener *listener) {
    const uint64_t is_ipv6 = listener->family == AF_INET6;
    return (uint64_t)listener->port << 33 | is_ipv6 << 32 | listener->inode;
}

static int compare_listeners(const struct listener *a, const struct listener *b) {
    const uint64_t key_a = key_of(a);
    const uint64_t key_b = key_of(b);
    if (key_a != key_b)
        return key_a < key_b ? -1 : 1;
    return memcmp(&a->address, &b->address, sizeof(a->address));
}

static int compare_entries(const void *a, const void *b, void *context) {
    const struct listener *listeners = context;
    return compare_listeners(&listeners[((const struct sort_entry *)a)->index],
                             &listeners[((const struct sort_entry *)b)->index]);
}

static bool has_equal_keys(const struct sort_entry *entries, size_t n_entries) {
    for (size_t i = 1; i < n_entries; i++)
        if (entries[i - 1].key == entries[i].key)
            return true;
    return false;
}

static void free_entries(struct sort_entry **entries) {
    free(*entries);
}

/* The order of the listeners in `list`, as indices; free() it. NULL: out of memory. */
static struct sort_entry *sort_list(const struct listener_list *list) {
    const size_t n = list->n_items;
    struct sort_entry *entries = calloc(n ? n : 1, sizeof(*entries));
    if (!entries)
        return NULL;
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct sort_entry){.key = key_of(&list->items[i]), .index = i};
    sort_entries(entries, n);
    /* Hardly ever: sockets without an inode, or a dump that told one twice. */
    if (has_equal_keys(entries, n))
        qsort_r(entries, n, sizeof(*entries), compare_entries, list->items);
    return entries;
}

/* ---- one reading over the one before ---- */

struct merge {
    const struct snapshot *snapshot;
    enum snapshot_part part;
    bool complete;
    int64_t now_unix_ms;
    struct change_list *changes; /* NULL: nobody wants to know */

    /* Room for all old and all new ones. What is there grows from the front, and what is gone from the back. Nothing in it is
     * owned until the update is done. */
    struct sighting *items;
    size_t capacity;
    size_t n_there;
    size_t n_gone;
    bool changed;
};

static enum listener_state state_of(enum snapshot_part part) {
    return part == SNAPSHOT_BOUND ? LISTENER_BOUND : LISTENER_LISTEN;
}

static int note(const struct merge *merge, enum change_kind kind, const struct sighting *sighting) {
    return merge->changes ? change_list_add(merge->changes, kind, sighting) : 0;
}

static int note_opened(const struct merge *merge, const struct sighting *sighting) {
    if (merge->part != SNAPSHOT_LISTENING || !merge->snapshot->parts[SNAPSHOT_LISTENING].known)
        return 0;
    return note(merge, CHANGE_OPENED, sighting);
}

/* In the snapshot, and not in the reading. */
static int merge_missing(struct merge *merge, const struct sighting *old) {
    const bool is_gone = merge->complete && old->listener.state == state_of(merge->part);
    if (!is_gone) {
        merge->items[merge->n_there++] = *old;
        return 0;
    }
    merge->items[merge->capacity - ++merge->n_gone] = *old;
    merge->changed = true;
    return merge->part == SNAPSHOT_LISTENING ? note(merge, CHANGE_CLOSED, old) : 0;
}

/* In the reading, and not in the snapshot. */
static int merge_new(struct merge *merge, const struct listener *listener) {
    struct sighting *sighting = &merge->items[merge->n_there++];
    *sighting = (struct sighting){
        .listener = *listener,
        .since_unix_ms = merge->now_unix_ms,
        .since_generation = merge->snapshot->generation + 1,
        .since_start = !merge->snapshot->parts[merge->part].known,
        .n_seen = 1,
    };
    merge->changed = true;
    return note_opened(merge, sighting);
}

static bool tells_the_same(const struct listener *a, const struct listener *b) {
    return a->state == b->state && a->uid == b->uid && a->v6only == b->v6only && a->cgroup_id == b->cgroup_id;
}

/* In both. */
static int merge_known(struct merge *merge, const struct sighting *old, const struct listener *listener) {
    struct sighting *sighting = &merge->items[merge->n_there++];
    *sighting = *old;
    sighting->listener = *listener;
    if (!tells_the_same(&old->listener, listener))
        merge->changed = true;

    if (old->listener.state != listener->state) {
        sighting->n_seen = 1;
        return merge->part == SNAPSHOT_LISTENING ? note_opened(merge, sighting) : note(merge, CHANGE_CLOSED, old);
    }
    if (sighting->n_seen < UINT_MAX)
        sighting->n_seen++;
    if (merge->part == SNAPSHOT_BOUND && sighting->n_seen == 2)
        merge->changed = true;
    return 0;
}

static int merge_all(struct merge *merge, const struct listener_list *list, const struct sort_entry *entries) {
    const struct snapshot *snapshot = merge->snapshot;
    size_t i_old = 0;
    size_t i_new = 0;
    int r = 0;
    while (r == 0 && (i_old < snapshot->n_items || i_new < list->n_items)) {
        const struct sighting *old = i_old < snapshot->n_items ? &snapshot->items[i_old] : NULL;
        const struct listener *listener = i_new < list->n_items ? &list->items[entries[i_new].index] : NULL;
        const int order = !listener ? -1 : !old ? 1 : compare_listeners(&old->listener, listener);
        if (order < 0)
            r = merge_missing(merge, old);
        else if (order > 0)
            r = merge_new(merge, listener);
        else
            r = merge_known(merge, old, listener);

        i_old += order <= 0;
        if (order < 0)
            continue;
        /* The same one may be told twice. */
        do
            i_new++;
        while (i_new < list->n_items && compare_listeners(&list->items[entries[i_new].index], listener) == 0);
    }
    return r;
}

static void finish_reading(struct snapshot *snapshot, enum snapshot_part part, bool interrupted) {
    snapshot->parts[part].interrupted = interrupted;
    snapshot->parts[part].known |= !interrupted;
    snapshot->complete =
        !snapshot->parts[SNAPSHOT_LISTENING].interrupted && !snapshot->parts[SNAPSHOT_BOUND].interrupted;
}

/* The merged items become the snapshot's. */
static void adopt(struct snapshot *snapshot, const struct merge *merge) {
    for (size_t i = merge->capacity - merge->n_gone; i < merge->capacity; i++)
        sighting_deinit(&merge->items[i]);
    free(snapshot->items);
    struct sighting *fitting = reallocarray(merge->items, merge->n_there ? merge->n_there : 1, sizeof(*fitting));
    snapshot->items = fitting ? fitting : merge->items;
    snapshot->n_items = merge->n_there;
    if (merge->changed) {
        snapshot_drop_index(snapshot);
        snapshot->revision++;
    }
}

int snapshot_update(struct snapshot *snapshot, enum snapshot_part part, const struct listener_list *list, bool complete,
                    int64_t now_unix_ms, struct change_list *changes) {
    CLEANUP(free_entries) struct sort_entry *entries = sort_list(list);
    if (!entries)
        return -ENOMEM;
    struct merge merge = {
        .snapshot = snapshot,
        .part = part,
        .complete = complete,
        .now_unix_ms = now_unix_ms,
        .changes = changes,
        .capacity = snapshot->n_items + list->n_items,
    };
    merge.items = reallocarray(NULL, merge.capacity ? merge.capacity : 1, sizeof(*merge.items));
    if (!merge.items)
        return -ENOMEM;

    const size_t n_changes = changes ? changes->n_items : 0;
    int r = merge_all(&merge, list, entries);
    if (r < 0) {
        if (changes)
            change_list_truncate(changes, n_changes);
        free(merge.items);
        return r;
    }
    adopt(snapshot, &merge);
    snapshot->generation++;
    snapshot->read_unix_ms = now_unix_ms;
    finish_reading(snapshot, part, !complete);
    return 0;
}

void snapshot_mark_failed(struct snapshot *snapshot, enum snapshot_part part) {
    finish_reading(snapshot, part, true);
}

void snapshot_deinit(struct snapshot *snapshot) {
    if (!snapshot)
        return;
    for (size_t i = 0; i < snapshot->n_items; i++)
        sighting_deinit(&snapshot->items[i]);
    free(snapshot->items);
    snapshot_drop_index(snapshot);
    *snapshot = (struct snapshot){0};
}

/* ---- looking up ---- */

/* The first sighting whose port is not below `port`. */
static size_t find_from(const struct snapshot *snapshot, uint32_t port) {
    size_t low = 0;
    size_t high = snapshot->n_items;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (snapshot->items[middle].listener.port < port)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t snapshot_find_port(const struct snapshot *snapshot, uint16_t port, size_t *ret_first) {
    const size_t first = find_from(snapshot, port);
    *ret_first = first;
    return find_from(snapshot, (uint32_t)port + 1) - first;
}
