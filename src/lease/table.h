/*
 * The leases that live, found by port, by id and in order. It owns them; it decides nothing.
 */
#ifndef SRC_LEASE_TABLE_H
#define SRC_LEASE_TABLE_H

#include "src/lease/lease.h"

struct lease_table {
    struct lease **by_port; /* 65,536 entries, NULL where nothing is leased */
    struct lease **items;   /* by id, lowest first */
    size_t n_items;
    size_t capacity;
};

/* Returns 0 or -ENOMEM. */
int lease_table_init(struct lease_table *table);

/* Frees all leases that are still in it. */
void lease_table_deinit(struct lease_table *table);

/* Makes room, so that the next `n_more` inserts cannot fail. Returns 0 or -ENOMEM. */
int lease_table_reserve(struct lease_table *table, size_t n_more);

/* Takes the lease over. Its port must not be leased, its id higher than all that are there, and room reserved
 * (asserted). */
void lease_table_insert(struct lease_table *table, struct lease *lease);

/* Takes the lease out; it is the caller's again. */
void lease_table_remove(struct lease_table *table, struct lease *lease);

struct lease *lease_table_find_port(const struct lease_table *table, uint16_t port);
struct lease *lease_table_find_id(const struct lease_table *table, uint64_t id);

#endif
