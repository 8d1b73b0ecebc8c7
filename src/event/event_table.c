/*
 * The SQL of events. Statements are prepared once, and named by an enum; what a reader asks for chooses among eight of them, so that each has an
 * index that fits and none is built from strings.
 */
#include "src/event/event_table.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/text.h"

enum statement {
    PUT,
    PUT_BLOCK,
    GET_BLOCK,
    BOUNDS,
    FIRST_SINCE,
    REMOVE_LISTENERS,
    REMOVE_OLDEST,
    REMOVE_BEFORE,
    READ_OLDEST,
    READ_NEWEST,
    READ_PORT_OLDEST,
    READ_PORT_NEWEST,
    READ_SERVICE_OLDEST,
    READ_SERVICE_NEWEST,
    READ_GROUPS_OLDEST,
    READ_GROUPS_NEWEST,
    N_STATEMENTS,
};

/* As the indexes event_lease and its kin have them. */
#define OF_LEASES    "kind IN ('lease.granted', 'lease.renewed', 'lease.released', 'lease.expired')"
#define OF_LISTENERS "kind IN ('listener.opened', 'listener.closed')"
#define OF_SQUATTERS "kind IN ('squatter.appeared', 'squatter.left')"
#define OF_CONFLICTS "kind IN ('conflict.appeared', 'conflict.left')"

/* The + keeps SQLite from taking the index on `at`, by which the rows would not come in the order of their ids. */
#define ROWS(condition, order)                                                                                         \
    "SELECT id, kind, json FROM event WHERE " condition " id > ?1 AND id < ?6 AND +at >= ?2 ORDER BY id " order        \
    " LIMIT ?3"
#define READ(condition, order) "SELECT id, kind, json FROM (" ROWS(condition, order) ") ORDER BY id"
#define ON_PORT                "port = ?4 AND (?5 IS NULL OR service_name = ?5) AND " OF_GROUPS " AND"
#define OF_SERVICE             "service_name = ?5 AND " OF_GROUPS " AND"

/* ?7 is the set of groups that are wanted; this looks at each row. */
#define OF_GROUPS                                                                                                      \
    "(?7 = 15 OR (?7 & 1 AND " OF_LEASES ") OR (?7 & 2 AND " OF_LISTENERS ") OR (?7 & 4 AND " OF_SQUATTERS             \
    ") OR (?7 & 8 AND " OF_CONFLICTS "))"

/* And this takes the rows of each group from its own index: what is wanted may be rare among a hundred thousand others. */
#define GROUP(bit, condition, order) "SELECT * FROM (" ROWS("?7 & " bit " AND " condition " AND", order) ")"
#define READ_GROUPS(order)                                                                                             \
    "SELECT id, kind, json FROM (" GROUP("1", OF_LEASES, order) " UNION ALL " GROUP(                                   \
        "2", OF_LISTENERS, order) " UNION ALL " GROUP("4", OF_SQUATTERS,                                               \
                                                      order) " UNION ALL " GROUP("8", OF_CONFLICTS,                    \
                                                                                 order) " ORDER BY id " order          \
                                                                                        " LIMIT ?3) ORDER BY id"

#define ALL_GROUPS ((1U << N_EVENT_GROUPS) - 1)
static_assert(ALL_GROUPS == 15 && EVENT_OF_LEASE == 0 && EVENT_OF_LISTENER == 1 && EVENT_OF_SQUATTER == 2 &&
                  EVENT_OF_CONFLICT == 3,
              "the statements have these numbers in them");

static const char *const statement_texts[N_STATEMENTS] = {
    [PUT] = "INSERT INTO event (id, at, kind, port, service_name, json) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [PUT_BLOCK] = "INSERT OR REPLACE INTO mark (name, value) VALUES ('event_block', ?1)",
    [GET_BLOCK] = "SELECT value FROM mark WHERE name = 'event_block'",
    [BOUNDS] = "SELECT coalesce((SELECT min(id) FROM event), 0), coalesce((SELECT max(id) FROM event), 0),"
               " (SELECT count(*) FROM event)",
    [FIRST_SINCE] = "SELECT min(id) FROM event WHERE at >= ?1",
    [REMOVE_LISTENERS] = "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE " OF_LISTENERS " ORDER BY id LIMIT"
                         " (CASE WHEN (SELECT count(*) FROM event WHERE " OF_LISTENERS ") > ?2 THEN ?1 ELSE 0 END))",
    [REMOVE_OLDEST] = "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT ?1)",
    [REMOVE_BEFORE] = "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ?2 ORDER BY at LIMIT ?1)",
    [READ_OLDEST] = READ("", "ASC"),
    [READ_NEWEST] = READ("", "DESC"),
    [READ_PORT_OLDEST] = READ(ON_PORT, "ASC"),
    [READ_PORT_NEWEST] = READ(ON_PORT, "DESC"),
    [READ_SERVICE_OLDEST] = READ(OF_SERVICE, "ASC"),
    [READ_SERVICE_NEWEST] = READ(OF_SERVICE, "DESC"),
    [READ_GROUPS_OLDEST] = READ_GROUPS("ASC"),
    [READ_GROUPS_NEWEST] = READ_GROUPS("DESC"),
};

/* Numbers in JSON are exact up to here. */
#define ID_MAX ((UINT64_C(1) << 53) - 1)

struct event_table {
    sqlite3 *db;
    sqlite3_stmt *statements[N_STATEMENTS];
    char reason[256];
};

static int fail(struct event_table *table) {
    snprintf(table->reason, sizeof table->reason, "%s", sqlite3_errmsg(table->db));
    return STORE_E_FAILED;
}

struct event_table *event_table_free(struct event_table *table) {
    if (table == NULL)
        return NULL;
    for (size_t i = 0; i < N_STATEMENTS; i++)
        sqlite3_finalize(table->statements[i]);
    free(table);
    return NULL;
}

int event_table_new(struct store *store, struct event_table **ret_table) {
    struct event_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return -ENOMEM;
    table->db = store_connection(store);
    for (size_t i = 0; i < N_STATEMENTS; i++) {
        int r = sqlite3_prepare_v3(table->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &table->statements[i],
                                   NULL);
        if (r == SQLITE_OK)
            continue;
        log_error("the events cannot be had: %s", sqlite3_errmsg(table->db));
        event_table_free(table);
        return STORE_E_FAILED;
    }
    *ret_table = table;
    return 0;
}

const char *event_table_reason(const struct event_table *table) {
    return table->reason;
}

bool event_table_is_in_transaction(const struct event_table *table) {
    return sqlite3_get_autocommit(table->db) == 0;
}

/* Makes the statement fit for its next use. */
static void rewind_statement(sqlite3_stmt *statement) {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

/* Runs a statement that gives no rows, with its parameters bound. */
static int run(struct event_table *table, enum statement which) {
    sqlite3_stmt *statement = table->statements[which];
    int r = sqlite3_step(statement) == SQLITE_DONE ? 0 : fail(table);

    rewind_statement(statement);
    return r;
}

static uint64_t column_number(sqlite3_stmt *row, int index) {
    return (uint64_t)sqlite3_column_int64(row, index);
}

static int load_block(struct event_table *table, uint64_t *ret_block_last) {
    sqlite3_stmt *row = table->statements[GET_BLOCK];
    int step = sqlite3_step(row);
    uint64_t block_last = 0;
    int r = step == SQLITE_ROW || step == SQLITE_DONE ? 0 : fail(table);

    /* What is no number was written by nobody of ours; the numbers of the events themselves still count. */
    if (step == SQLITE_ROW && text_parse_number((const char *)sqlite3_column_text(row, 0), 0, ID_MAX, &block_last) != 0)
        block_last = 0;
    rewind_statement(row);
    if (r == 0)
        *ret_block_last = block_last;
    return r;
}

int event_table_load_bounds(struct event_table *table, struct event_bounds *ret_bounds) {
    sqlite3_stmt *row = table->statements[BOUNDS];
    struct event_bounds bounds = {0};
    int r = sqlite3_step(row) == SQLITE_ROW ? 0 : fail(table);

    if (r == 0)
        bounds = (struct event_bounds){
            .first_id = column_number(row, 0),
            .last_id = column_number(row, 1),
            .n_rows = column_number(row, 2),
        };
    rewind_statement(row);
    if (r == 0)
        r = load_block(table, &bounds.block_last);
    if (r == 0)
        *ret_bounds = bounds;
    return r;
}

int event_table_put(struct event_table *table, const struct event_row *row) {
    sqlite3_stmt *put = table->statements[PUT];

    sqlite3_bind_int64(put, 1, (sqlite3_int64)row->id);
    sqlite3_bind_int64(put, 2, row->at);
    sqlite3_bind_text(put, 3, event_kind_name(row->kind), -1, SQLITE_STATIC);
    sqlite3_bind_int(put, 4, row->port);
    if (row->service_name != NULL)
        sqlite3_bind_text(put, 5, row->service_name, -1, SQLITE_STATIC);
    sqlite3_bind_text(put, 6, row->json, -1, SQLITE_STATIC);
    return run(table, PUT);
}

int event_table_put_block(struct event_table *table, uint64_t block_last) {
    char value[24];

    snprintf(value, sizeof value, "%" PRIu64, block_last);
    sqlite3_bind_text(table->statements[PUT_BLOCK], 1, value, -1, SQLITE_STATIC);
    return run(table, PUT_BLOCK);
}

static int remove_events(struct event_table *table, enum statement which, uint64_t max, uint64_t *ret_n_removed) {
    int r;

    sqlite3_bind_int64(table->statements[which], 1, (sqlite3_int64)max);
    r = run(table, which);
    if (r == 0)
        *ret_n_removed = (uint64_t)sqlite3_changes(table->db);
    return r;
}

int event_table_remove_oldest(struct event_table *table, uint64_t max, uint64_t *ret_n_removed) {
    int r;

    sqlite3_bind_int64(table->statements[REMOVE_LISTENERS], 2, EVENT_LISTENERS_MAX);
    r = remove_events(table, REMOVE_LISTENERS, max, ret_n_removed);
    if (r != 0 || *ret_n_removed > 0)
        return r;
    return remove_events(table, REMOVE_OLDEST, max, ret_n_removed);
}

int event_table_remove_before(struct event_table *table, int64_t unix_ms, uint64_t max, uint64_t *ret_n_removed) {
    sqlite3_bind_int64(table->statements[REMOVE_BEFORE], 2, unix_ms);
    return remove_events(table, REMOVE_BEFORE, max, ret_n_removed);
}

/* The lowest number that is not older than `unix_ms`; 0: there is none. From an index alone, so that a time need not be looked for in every row. */
static int find_first_since(struct event_table *table, int64_t unix_ms, uint64_t *ret_id) {
    sqlite3_stmt *row = table->statements[FIRST_SINCE];
    int r;

    sqlite3_bind_int64(row, 1, unix_ms);
    r = sqlite3_step(row) == SQLITE_ROW ? 0 : fail(table);
    if (r == 0)
        *ret_id = column_number(row, 0);
    rewind_statement(row);
    return r;
}

static enum statement choose_statement(const struct journal_filter *filter, bool from_start) {
    if (filter->port != 0)
        return from_start ? READ_PORT_OLDEST : READ_PORT_NEWEST;
    if (filter->service != NULL)
        return from_start ? READ_SERVICE_OLDEST : READ_SERVICE_NEWEST;
    if (filter->groups != 0 && filter->groups != ALL_GROUPS)
        return from_start ? READ_GROUPS_OLDEST : READ_GROUPS_NEWEST;
    return from_start ? READ_OLDEST : READ_NEWEST;
}

/* A row that somebody has edited must not become another event's line in a stream. */
static bool read_event(sqlite3_stmt *row, struct journal_event *ret_event) {
    const char *kind = (const char *)sqlite3_column_text(row, 1);
    const char *json = (const char *)sqlite3_column_text(row, 2);

    ret_event->id = column_number(row, 0);
    ret_event->json = json;
    return kind != NULL && event_kind_parse(kind, &ret_event->kind) == 0 && json != NULL && json[0] == '{' &&
           !text_has_control(json, strlen(json));
}

static int take_rows(struct event_table *table, sqlite3_stmt *row,
                     int (*take)(void *context, const struct journal_event *event), void *context,
                     size_t *ret_n_taken) {
    for (;;) {
        struct journal_event event;
        int step = sqlite3_step(row);
        int r;

        if (step != SQLITE_ROW)
            return step == SQLITE_DONE ? 0 : fail(table);
        if (!read_event(row, &event))
            continue;
        (*ret_n_taken)++;
        r = take(context, &event);
        if (r != 0)
            return r;
    }
}

int event_table_read(struct event_table *table, const struct journal_filter *filter, size_t limit, bool from_start,
                     int (*take)(void *context, const struct journal_event *event), void *context,
                     size_t *ret_n_taken) {
    enum statement which = choose_statement(filter, from_start);
    sqlite3_stmt *row = table->statements[which];
    uint64_t after_id = filter->after_id < ID_MAX ? filter->after_id : ID_MAX;
    uint64_t first_id = 0;
    int r = 0;

    *ret_n_taken = 0;
    if (filter->since_unix_ms != 0) {
        r = find_first_since(table, filter->since_unix_ms, &first_id);
        if (r != 0 || first_id == 0)
            return r;
        if (first_id - 1 > after_id)
            after_id = first_id - 1;
    }
    sqlite3_bind_int64(row, 1, (sqlite3_int64)after_id);
    sqlite3_bind_int64(row, 2, filter->since_unix_ms != 0 ? filter->since_unix_ms : INT64_MIN);
    sqlite3_bind_int64(row, 3, (sqlite3_int64)limit);
    if (filter->port != 0)
        sqlite3_bind_int(row, 4, filter->port);
    if (filter->service != NULL)
        sqlite3_bind_text(row, 5, filter->service, -1, SQLITE_STATIC);
    sqlite3_bind_int64(row, 6, filter->before_id != 0 ? (sqlite3_int64)filter->before_id : INT64_MAX);
    sqlite3_bind_int64(row, 7, filter->groups != 0 ? filter->groups : ALL_GROUPS);
    r = take_rows(table, row, take, context, ret_n_taken);
    rewind_statement(row);
    return r;
}
