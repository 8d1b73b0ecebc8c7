/* Sightings and changes: values that own what they point to. */
#include "probe/sighting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void sighting_clear_owners(struct sighting *sighting) {
    for (size_t i = 0; i < sighting->n_owners; i++)
        process_info_unref(sighting->owners[i]);
    free(sighting->owners);
    process_info_unref(sighting->forwarder);
    free(sighting->cgroup);
    sighting->forwarder = NULL;
    sighting->owners = NULL;
    sighting->n_owners = 0;
    sighting->cgroup = NULL;
    sighting->hidden = OWNER_SEEN;
    sighting->state = SIGHTING_UNRESOLVED;
}

void sighting_deinit(struct sighting *sighting) {
    sighting_clear_owners(sighting);
    *sighting = (struct sighting){0};
}

int sighting_copy(const struct sighting *sighting, struct sighting *ret_copy) {
    struct sighting copy = *sighting;
    copy.owners = sighting->n_owners ? calloc(sighting->n_owners, sizeof(struct process_info *)) : NULL;
    copy.cgroup = sighting->cgroup ? strdup(sighting->cgroup) : NULL;
    if ((sighting->n_owners && !copy.owners) || (sighting->cgroup && !copy.cgroup)) {
        free(copy.owners);
        free(copy.cgroup);
        return -ENOMEM;
    }
    for (size_t i = 0; i < sighting->n_owners; i++)
        copy.owners[i] = process_info_ref(sighting->owners[i]);
    if (sighting->forwarder)
        process_info_ref(sighting->forwarder);
    *ret_copy = copy;
    return 0;
}

static int reserve_one(struct change_list *changes) {
    if (changes->n_items < changes->capacity)
        return 0;
    const size_t capacity = changes->capacity ? changes->capacity * 2 : 8;
    struct change *items = reallocarray(changes->items, capacity, sizeof(*items));
    if (!items)
        return -ENOMEM;
    changes->items = items;
    changes->capacity = capacity;
    return 0;
}

int change_list_add(struct change_list *changes, enum change_kind kind, const struct sighting *sighting) {
    int r = reserve_one(changes);
    if (r < 0)
        return r;
    struct change *change = &changes->items[changes->n_items];
    r = sighting_copy(sighting, &change->sighting);
    if (r < 0)
        return r;
    change->kind = kind;
    changes->n_items++;
    return 0;
}

void change_list_truncate(struct change_list *changes, size_t n_items) {
    while (changes->n_items > n_items)
        sighting_deinit(&changes->items[--changes->n_items].sighting);
}

void change_list_deinit(struct change_list *changes) {
    if (!changes)
        return;
    change_list_truncate(changes, 0);
    free(changes->items);
    *changes = (struct change_list){0};
}
