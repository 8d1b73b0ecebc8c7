/*
 * Whose the sightings are: what walks found, and what ends with a process.
 *
 * A walk answers for inodes, and the items are in the order of ports. So there is an index by inode, made when the first answer
 * comes after a change: ten thousand answers are then ten thousand look-ups, and not as many searches.
 */
#include <stdlib.h>

#include "probe/sighting.h"
#include "probe/sort_index.h"

void snapshot_drop_index(struct snapshot *snapshot) {
    free(snapshot->by_inode);
    snapshot->by_inode = NULL;
}

static void make_index(struct snapshot *snapshot) {
    const size_t n = snapshot->n_items;
    struct sort_entry *entries = calloc(n ? n : 1, sizeof(*entries));
    if (!entries)
        return;
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct sort_entry){.key = snapshot->items[i].listener.inode, .index = i};
    sort_entries(entries, n);
    snapshot->by_inode = entries;
}

/* The better of two sightings of one inode: an interrupted reading may have kept one that has closed, and that was known. */
static struct sighting *choose(struct sighting *one, struct sighting *other) {
    return one && one->state == SIGHTING_UNRESOLVED ? one : other;
}

/* Without an index, for want of memory for it. */
static struct sighting *search_inode(struct snapshot *snapshot, uint32_t inode) {
    struct sighting *found = NULL;
    for (size_t i = 0; i < snapshot->n_items; i++)
        if (snapshot->items[i].listener.inode == inode)
            found = choose(found, &snapshot->items[i]);
    return found;
}

static struct sighting *find_inode(struct snapshot *snapshot, uint32_t inode) {
    if (!snapshot->by_inode)
        make_index(snapshot);
    const struct sort_entry *entries = snapshot->by_inode;
    if (!entries)
        return search_inode(snapshot, inode);
    struct sighting *found = NULL;
    for (size_t i = sort_find(entries, snapshot->n_items, inode); i < snapshot->n_items && entries[i].key == inode; i++)
        found = choose(found, &snapshot->items[entries[i].index]);
    return found;
}

static bool is_news(const struct sighting *sighting, const struct owner_answer *answer) {
    if (sighting->state != SIGHTING_RESOLVED || sighting->hidden != answer->hidden ||
        sighting->n_owners != answer->n_owners || sighting->forwarder != answer->forwarder)
        return true;
    for (size_t i = 0; i < answer->n_owners; i++)
        if (sighting->owners[i] != answer->owners[i])
            return true;
    return false;
}

/* An owner that hands its socket on to a child and ends while the walk is under way is missed together with that child; so one walk that found
 * nobody proves nothing, whatever it blames. */
#define VAIN_WALKS 2

static bool is_in_vain(struct sighting *sighting, const struct owner_answer *answer) {
    if (answer->n_owners > 0) {
        sighting->n_vain = 0;
        return false;
    }
    if (sighting->n_vain < VAIN_WALKS)
        sighting->n_vain++;
    return sighting->state == SIGHTING_UNRESOLVED && sighting->n_vain < VAIN_WALKS;
}

void snapshot_take_owners(struct snapshot *snapshot, struct owner_answer *answer) {
    struct sighting *sighting = find_inode(snapshot, answer->inode);
    if (!sighting || is_in_vain(sighting, answer))
        return;
    if (is_news(sighting, answer))
        snapshot->revision++;
    sighting_clear_owners(sighting);
    sighting->state = SIGHTING_RESOLVED;
    sighting->owners = answer->owners;
    sighting->n_owners = answer->n_owners;
    sighting->hidden = answer->hidden;
    sighting->cgroup = answer->cgroup;
    sighting->forwarder = answer->forwarder;
    answer->owners = NULL;
    answer->n_owners = 0;
    answer->cgroup = NULL;
    answer->forwarder = NULL;
}

static bool is_one_of(const struct process_id *id, const struct process_id *ids, size_t n_ids) {
    size_t low = 0;
    size_t high = n_ids;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (ids[middle].pid < id->pid)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < n_ids && ids[low].pid == id->pid; low++)
        if (process_id_equal(&ids[low], id))
            return true;
    return false;
}

/* Returns true if the sighting had one of them for an owner. */
static bool forget_owners(struct sighting *sighting, const struct process_id *ids, size_t n_ids) {
    const size_t n_before = sighting->n_owners;
    size_t n_left = 0;
    for (size_t i = 0; i < n_before; i++) {
        struct process_info *owner = sighting->owners[i];
        if (is_one_of(&owner->id, ids, n_ids))
            process_info_unref(owner);
        else
            sighting->owners[n_left++] = owner;
    }
    sighting->n_owners = n_left;
    if (n_left == 0 && n_before > 0)
        sighting_clear_owners(sighting);
    return n_left < n_before;
}

void snapshot_forget_processes(struct snapshot *snapshot, const struct process_id *ids, size_t n_ids) {
    bool changed = false;
    for (size_t i = 0; i < snapshot->n_items; i++)
        changed |= forget_owners(&snapshot->items[i], ids, n_ids);
    if (changed)
        snapshot->revision++;
}

void snapshot_forget_process(struct snapshot *snapshot, const struct process_id *id) {
    /* A copy: `id` may be that of an owner, which ends here. */
    const struct process_id copy = *id;
    snapshot_forget_processes(snapshot, &copy, 1);
}

static bool renew_owner(struct sighting *sighting, struct process_info *info) {
    bool changed = false;
    for (size_t i = 0; i < sighting->n_owners; i++) {
        struct process_info *owner = sighting->owners[i];
        if (owner == info || !process_id_equal(&owner->id, &info->id))
            continue;
        sighting->owners[i] = process_info_ref(info);
        process_info_unref(owner);
        changed = true;
    }
    return changed;
}

void snapshot_renew_process(struct snapshot *snapshot, struct process_info *info) {
    bool changed = false;
    for (size_t i = 0; i < snapshot->n_items; i++)
        changed |= renew_owner(&snapshot->items[i], info);
    if (changed)
        snapshot->revision++;
}
