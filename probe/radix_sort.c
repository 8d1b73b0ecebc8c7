/* A byte at a time, the lowest first. Most keys are small or alike in most of their bytes, and such a byte costs no move. */
#include "probe/radix_sort.h"

#include <string.h>

#define N_DIGITS 256

static size_t digit_of(const struct sort_entry *entry, unsigned shift) {
    return (size_t)(entry->key >> shift) & (N_DIGITS - 1);
}

/* Distributes `from` to `to` by one byte. Returns 0 and moves nothing if all have the same. */
static int distribute(const struct sort_entry *from, size_t n_entries, unsigned shift, struct sort_entry *to) {
    size_t next[N_DIGITS] = {0};
    for (size_t i = 0; i < n_entries; i++)
        next[digit_of(&from[i], shift)]++;
    if (next[digit_of(&from[0], shift)] == n_entries)
        return 0;

    size_t begin = 0;
    for (size_t digit = 0; digit < N_DIGITS; digit++) {
        const size_t count = next[digit];
        next[digit] = begin;
        begin += count;
    }
    for (size_t i = 0; i < n_entries; i++)
        to[next[digit_of(&from[i], shift)]++] = from[i];
    return 1;
}

void radix_sort(struct sort_entry *entries, size_t n_entries, struct sort_entry *scratch) {
    if (n_entries < 2)
        return;
    struct sort_entry *from = entries;
    struct sort_entry *to = scratch;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (!distribute(from, n_entries, shift, to))
            continue;
        struct sort_entry *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != entries)
        memcpy(entries, from, n_entries * sizeof(*entries));
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
