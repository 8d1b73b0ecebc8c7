/* The sort, against qsort(3), whatever bytes the keys differ in. */
#include "probe/radix_sort.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    const struct sort_entry *one = a;
    const struct sort_entry *other = b;
    if (one->key != other->key)
        return one->key < other->key ? -1 : 1;
    return (one->index > other->index) - (one->index < other->index);
}

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 20 ^ *state << 23;
}

Test(radix_sort, agrees_with_qsort_and_keeps_the_order_of_equal_keys) {
    enum { N_MOST = 700 };
    static const uint64_t masks[] = {0,          1,
                                     0xff,       0xffff,
                                     0xff00ff00, 1023,
                                     UINT64_MAX, UINT64_C(0xff) << 24,
                                     UINT32_MAX, UINT64_C(0x1ffff) << 32,
                                     7,          0xf0000000f,
                                     0x10,       UINT64_C(0xff) << 56};
    uint64_t state = 1;
    for (unsigned round = 0; round < 400; round++) {
        struct sort_entry entries[N_MOST];
        struct sort_entry expected[N_MOST];
        struct sort_entry scratch[N_MOST];
        const size_t n = round < 20 ? round : next_random(&state) % N_MOST;
        for (size_t i = 0; i < n; i++) {
            const uint64_t mask = masks[round % (sizeof(masks) / sizeof(masks[0]))];
            entries[i] = (struct sort_entry){.key = next_random(&state) & mask, .index = i};
        }
        memcpy(expected, entries, n * sizeof(*entries));
        qsort(expected, n, sizeof(*expected), compare);
        radix_sort(entries, n, scratch);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(compare(&entries[i], &expected[i]), 0, "round %u, entry %zu of %zu", round, i, n);
    }
}

Test(radix_sort, the_first_of_a_key_is_found) {
    const struct sort_entry entries[] = {{2, 0}, {4, 1}, {4, 2}, {4, 3}, {9, 4}};
    cr_assert_eq(sort_find(entries, 5, 0), 0);
    cr_assert_eq(sort_find(entries, 5, 2), 0);
    cr_assert_eq(sort_find(entries, 5, 3), 1);
    cr_assert_eq(sort_find(entries, 5, 4), 1);
    cr_assert_eq(sort_find(entries, 5, 5), 4);
    cr_assert_eq(sort_find(entries, 5, 10), 5);
    cr_assert_eq(sort_find(entries, 0, 1), 0);
}
