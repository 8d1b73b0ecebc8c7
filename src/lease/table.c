/*
 * Ids only grow, so the order of insertion is the order of ids, and a binary search finds one. A port is an index. A key is
 * searched for one lease after another: with 50,000 leases that is a tenth of a millisecond, and people have ten.
 */
#include "src/lease/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N_PORTS 65536

int lease_table_init(struct lease_table *table) {
    struct lease **by_port = calloc(N_PORTS, sizeof(struct lease *));

    if (by_port == NULL)
        return -ENOMEM;
    *table = (struct lease_table){.by_port = by_port};
    return 0;
}

void lease_table_deinit(struct lease_table *table) {
    for (size_t i = 0; i < table->n_items; i++)
        lease_free(table->items[i]);
    free(table->items);
    free(table->by_port);
    *table = (struct lease_table){0};
}

int lease_table_reserve(struct lease_table *table, size_t n_more) {
    size_t capacity = table->capacity;
    struct lease **items;

    while (capacity - table->n_items < n_more)
        capacity = capacity == 0 ? 64 : capacity * 2;
    if (capacity == table->capacity)
        return 0;
    items = realloc(table->items, capacity * sizeof(struct lease *));
    if (items == NULL)
        return -ENOMEM;
    table->items = items;
    table->capacity = capacity;
    return 0;
}

void lease_table_insert(struct lease_table *table, struct lease *lease) {
    assert(table->n_items < table->capacity);
    assert(table->by_port[lease->port] == NULL);
    assert(table->n_items == 0 || table->items[table->n_items - 1]->id < lease->id);
    table->items[table->n_items++] = lease;
    table->by_port[lease->port] = lease;
}

/* The index of the first lease whose id is not lower. */
static size_t lower_bound(const struct lease_table *table, uint64_t id) {
    size_t low = 0;
    size_t high = table->n_items;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->items[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void lease_table_remove(struct lease_table *table, struct lease *lease) {
    size_t at = lower_bound(table, lease->id);

    assert(at < table->n_items && table->items[at] == lease);
    memmove(&table->items[at], &table->items[at + 1], (table->n_items - at - 1) * sizeof(struct lease *));
    table->n_items--;
    table->by_port[lease->port] = NULL;
}

struct lease *lease_table_find_port(const struct lease_table *table, uint16_t port) {
    return table->by_port[port];
}

struct lease *lease_table_find_id(const struct lease_table *table, uint64_t id) {
    size_t at = lower_bound(table, id);

    return at < table->n_items && table->items[at]->id == id ? table->items[at] : NULL;
}
