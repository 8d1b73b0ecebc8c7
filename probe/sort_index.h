/* An index: entries by a number, sorted, and searched in. Internal to probe/. */
#ifndef PROBE_SORT_INDEX_H
#define PROBE_SORT_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct sort_entry {
    uint64_t key;
    size_t index; /* of what the key is of */
};

/* Sorts by key; entries with equal keys by their index. */
void sort_entries(struct sort_entry *entries, size_t n_entries);

/* The first entry whose key is not below `key`; n_entries if there is none. */
size_t sort_find(const struct sort_entry *entries, size_t n_entries, uint64_t key);

#endif
