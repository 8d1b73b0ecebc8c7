/* Indices. */
#include "probe/sort_index.h"

#include <criterion/criterion.h>

Test(sort_index, entries_are_in_the_order_of_their_keys_and_then_of_what_they_are_of) {
    struct sort_entry entries[] = {{UINT64_MAX, 0}, {4, 3}, {0, 2}, {4, 1}, {UINT64_C(1) << 33, 4}, {4, 5}};
    static const struct sort_entry sorted[] = {{0, 2}, {4, 1}, {4, 3}, {4, 5}, {UINT64_C(1) << 33, 4}, {UINT64_MAX, 0}};
    sort_entries(entries, 6);
    for (size_t i = 0; i < 6; i++)
        cr_expect(entries[i].key == sorted[i].key && entries[i].index == sorted[i].index, "entry %zu", i);
    sort_entries(NULL, 0);
}

Test(sort_index, the_first_of_a_key_is_found) {
    const struct sort_entry entries[] = {{2, 0}, {4, 1}, {4, 2}, {4, 3}, {9, 4}};
    cr_assert_eq(sort_find(entries, 5, 0), 0);
    cr_assert_eq(sort_find(entries, 5, 2), 0);
    cr_assert_eq(sort_find(entries, 5, 3), 1);
    cr_assert_eq(sort_find(entries, 5, 4), 1);
    cr_assert_eq(sort_find(entries, 5, 5), 4);
    cr_assert_eq(sort_find(entries, 5, 10), 5);
    cr_assert_eq(sort_find(entries, 0, 1), 0);
}
