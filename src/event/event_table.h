/* The events in the database: the SQL behind the journal, and nothing that thinks. */
#ifndef SRC_EVENT_EVENT_TABLE_H
#define SRC_EVENT_EVENT_TABLE_H

#include "src/event/journal.h"

struct event_table;

/* One row. All borrowed. */
struct event_row {
    uint64_t id;
    int64_t at; /* unix ms */
    enum event_kind kind;
    uint16_t port;
    const char *service_name; /* NULL: none */
    const char *json;
};

/* What there is. */
struct event_bounds {
    uint64_t first_id; /* 0: no event */
    uint64_t last_id;
    uint64_t n_rows;
    uint64_t block_last; /* numbers up to this one are reserved; 0: none was */
};

/* Prepares the statements on the store's connection. Returns 0, STORE_E_FAILED or -ENOMEM. */
int event_table_new(struct store *store, struct event_table **ret_table);

/* Finalizes them. NULL is allowed; returns NULL. */
struct event_table *event_table_free(struct event_table *table);

/* Why the last call failed. */
const char *event_table_reason(const struct event_table *table);

/* True if somebody's transaction is open on the connection. */
bool event_table_is_in_transaction(const struct event_table *table);

/* These return 0 or STORE_E_FAILED. */
int event_table_load_bounds(struct event_table *table, struct event_bounds *ret_bounds);
int event_table_put(struct event_table *table, const struct event_row *row);
int event_table_put_block(struct event_table *table, uint64_t block_last);

/* Takes out at most `max` events: the oldest, or the oldest of those from before `unix_ms`. */
/* Of the oldest, those of listeners go first if they are more than EVENT_LISTENERS_MAX: anybody can open and close ports by the thousand, and must not take
 * what happened to leases out of the history. */
#define EVENT_LISTENERS_MAX 50000
int event_table_remove_oldest(struct event_table *table, uint64_t max, uint64_t *ret_n_removed);
int event_table_remove_before(struct event_table *table, int64_t unix_ms, uint64_t max, uint64_t *ret_n_removed);

/* journal_read(), from the database alone. *ret_n_taken is counted whatever the answer. */
int event_table_read(struct event_table *table, const struct journal_filter *filter, size_t limit, bool from_start,
                     int (*take)(void *context, const struct journal_event *event), void *context, size_t *ret_n_taken);

#endif
