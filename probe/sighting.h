/* What snapshot.c and snapshot_owners.c have in common: sightings as values, and the list of changes. Internal to probe/. */
#ifndef PROBE_SIGHTING_H
#define PROBE_SIGHTING_H

#include "probe/snapshot.h"

/* Frees all, and gives the references back. */
void sighting_deinit(struct sighting *sighting);

/* Gives up the owners and the cgroup: what is left is unresolved. */
void sighting_clear_owners(struct sighting *sighting);

/* A whole copy, with references of its own. Returns 0 or -ENOMEM. */
int sighting_copy(const struct sighting *sighting, struct sighting *ret_copy);

/* Appends a copy. Returns 0, or -ENOMEM with the list as it was. */
int change_list_add(struct change_list *changes, enum change_kind kind, const struct sighting *sighting);

/* Takes back all but the first `n_items`. */
void change_list_truncate(struct change_list *changes, size_t n_items);

/* Frees the index; it is made anew when it is needed. */
void snapshot_drop_index(struct snapshot *snapshot);

#endif
