/* An index is an array: qsort(3) and a binary search. */
#include "probe/sort_index.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
    const struct sort_entry *one = a;
    const struct sort_entry *other = b;
    if (one->key != other->key)
        return one->key < other->key ? -1 : 1;
    return (one->index > other->index) - (one->index < other->index);
}

void sort_entries(struct sort_entry *entries, size_t n_entries) {
    if (n_entries > 1)
        qsort(entries, n_entries, sizeof(*entries), compare);
}

size_t sort_find(const struct sort_entry *entries, size_t n_entries, uint64_t key) {
    size_t low = 0;
    size_t high = n_entries;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (entries[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
