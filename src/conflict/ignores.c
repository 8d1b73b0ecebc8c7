/*
 * All of them in one array, in the order in which they are looked for. A change is made in a copy while it is written, and the copy takes the place
 * of the array when that is committed: so a database that fails has changed nothing here either.
 */
#include "src/conflict/ignores.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/text.h"

struct ignore {
    sqlite3_int64 id; /* SQLite's choice, which grows: the oldest has the lowest */
    uint16_t port;
    uid_t squatter_uid;
    char process[FINDING_PROCESS_MAX]; /* "": hidden */
    uid_t uid;                         /* who ignores it */
};

enum statement { PUT, DELETE, LOAD, N_STATEMENTS };

static const char *const statement_texts[N_STATEMENTS] = {
    [PUT] = "INSERT OR REPLACE INTO ignored (uid, port, squatter_uid, process) VALUES (?1, ?2, ?3, ?4)",
    [DELETE] = "DELETE FROM ignored WHERE id = ?1",
    [LOAD] = "SELECT id, uid, port, squatter_uid, process FROM ignored ORDER BY id",
};

struct ignores {
    struct store *store;
    sqlite3 *db;
    sqlite3_stmt *statements[N_STATEMENTS];
    struct ignore *items; /* by compare() */
    size_t n_items;
    uint64_t revision;
    char reason[256];
};

/* ---- the array ---- */

static int compare_numbers(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b ? 1 : 0;
}

/* By port first, so that those of a port stand together. */
static int compare(const struct ignore *a, const struct ignore *b) {
    int order = compare_numbers(a->port, b->port);

    if (order == 0)
        order = compare_numbers(a->uid, b->uid);
    if (order == 0)
        order = compare_numbers(a->squatter_uid, b->squatter_uid);
    return order != 0 ? order : strcmp(a->process, b->process);
}

/* Where it is, or would be. */
static size_t find(const struct ignore *items, size_t n_items, const struct ignore *wanted) {
    size_t low = 0;
    size_t high = n_items;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&items[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct ignore *items, size_t n_items, size_t index, const struct ignore *wanted) {
    return index < n_items && compare(&items[index], wanted) == 0;
}

static void insert(struct ignore *items, size_t *n_items, size_t index, const struct ignore *item) {
    memmove(&items[index + 1], &items[index], (*n_items - index) * sizeof *items);
    items[index] = *item;
    (*n_items)++;
}

static void take_out(struct ignore *items, size_t *n_items, size_t index) {
    (*n_items)--;
    memmove(&items[index], &items[index + 1], (*n_items - index) * sizeof *items);
}

/* A process can call itself by any bytes. The name is kept as it is shown, so that what is stored is always read again. */
static struct ignore make(uid_t uid, const struct finding *finding) {
    struct ignore made = {.port = finding->port, .squatter_uid = finding->uid, .uid = uid};

    if (finding->pid != 0)
        text_make_safe(finding->process, made.process, sizeof made.process);
    return made;
}

/* ---- the database ---- */

static int fail(struct ignores *ignores) {
    snprintf(ignores->reason, sizeof ignores->reason, "%s", sqlite3_errmsg(ignores->db));
    return STORE_E_FAILED;
}

/* Runs a statement that gives no rows, with its parameters bound. */
static int run(struct ignores *ignores, enum statement which) {
    sqlite3_stmt *statement = ignores->statements[which];
    int r = sqlite3_step(statement) == SQLITE_DONE ? 0 : fail(ignores);

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return r;
}

/* The table may have rows that are not among the items, so the id is SQLite's to choose. */
static int put_row(struct ignores *ignores, struct ignore *item) {
    sqlite3_stmt *put = ignores->statements[PUT];
    int r;

    sqlite3_bind_int64(put, 1, item->uid);
    sqlite3_bind_int64(put, 2, item->port);
    sqlite3_bind_int64(put, 3, item->squatter_uid);
    sqlite3_bind_text(put, 4, item->process, -1, SQLITE_STATIC);
    r = run(ignores, PUT);
    if (r == 0)
        item->id = sqlite3_last_insert_rowid(ignores->db);
    return r;
}

static int delete_row(struct ignores *ignores, sqlite3_int64 id) {
    sqlite3_bind_int64(ignores->statements[DELETE], 1, id);
    return run(ignores, DELETE);
}

/* Returns false for a row that somebody else has written. */
static bool read_row(sqlite3_stmt *row, struct ignore *ret_item) {
    sqlite3_int64 uid = sqlite3_column_int64(row, 1);
    sqlite3_int64 squatter_uid = sqlite3_column_int64(row, 3);
    const char *process = (const char *)sqlite3_column_text(row, 4);
    size_t length = process != NULL ? strlen(process) : SIZE_MAX;

    if (uid < 0 || uid >= UINT32_MAX || squatter_uid < 0 || squatter_uid >= UINT32_MAX ||
        length >= sizeof ret_item->process || !text_is_utf8(process, length) || text_has_control(process, length))
        return false;
    *ret_item = (struct ignore){
        .id = sqlite3_column_int64(row, 0),
        .uid = (uid_t)uid,
        .port = (uint16_t)sqlite3_column_int(row, 2),
        .squatter_uid = (uid_t)squatter_uid,
    };
    memcpy(ret_item->process, process, length + 1);
    return true;
}

static int take_row(struct ignores *ignores, sqlite3_stmt *row) {
    struct ignore item;
    struct ignore *items;

    if (!read_row(row, &item)) {
        log_warning("a row of the table \"ignored\" is none of ours: id %lld", (long long)sqlite3_column_int64(row, 0));
        return 0;
    }
    items = reallocarray(ignores->items, ignores->n_items + 1, sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    ignores->items = items;
    insert(items, &ignores->n_items, find(items, ignores->n_items, &item), &item);
    return 0;
}

static int load(struct ignores *ignores) {
    sqlite3_stmt *row = ignores->statements[LOAD];
    int r = 0;

    while (r == 0) {
        int step = sqlite3_step(row);

        if (step != SQLITE_ROW) {
            r = step == SQLITE_DONE ? 0 : fail(ignores);
            break;
        }
        r = take_row(ignores, row);
    }
    sqlite3_reset(row);
    return r;
}

int ignores_new(struct store *store, struct ignores **ret_ignores) {
    struct ignores *ignores = calloc(1, sizeof *ignores);
    int r = 0;

    if (ignores == NULL)
        return -ENOMEM;
    ignores->store = store;
    ignores->db = store_connection(store);
    for (size_t i = 0; r == 0 && i < N_STATEMENTS; i++)
        if (sqlite3_prepare_v3(ignores->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &ignores->statements[i],
                               NULL) != SQLITE_OK)
            r = fail(ignores);
    if (r == 0)
        r = load(ignores);
    if (r == STORE_E_FAILED)
        log_error("the ignored squatters cannot be loaded: %s", ignores->reason);
    if (r != 0) {
        ignores_free(ignores);
        return r;
    }
    *ret_ignores = ignores;
    return 0;
}

struct ignores *ignores_free(struct ignores *ignores) {
    if (ignores == NULL)
        return NULL;
    for (size_t i = 0; i < N_STATEMENTS; i++)
        sqlite3_finalize(ignores->statements[i]);
    free(ignores->items);
    free(ignores);
    return NULL;
}

/* ---- changing ---- */

/* The copy in which a change is made. */
struct draft {
    struct ignore *items;
    size_t n_items;
    bool any;
};

/* With room for so many more. */
static int begin_draft(const struct ignores *ignores, size_t n_more, struct draft *ret_draft) {
    struct ignore *items = calloc(ignores->n_items + n_more + 1, sizeof *items);

    if (items == NULL)
        return -ENOMEM;
    *ret_draft = (struct draft){.items = items, .n_items = ignores->n_items};
    for (size_t i = 0; i < ignores->n_items; i++)
        items[i] = ignores->items[i];
    return 0;
}

/* Makes room for another of this uid's. */
static int drop_oldest(struct ignores *ignores, struct draft *draft, uid_t uid) {
    size_t oldest = 0;
    size_t n_own = 0;
    int r;

    for (size_t i = 0; i < draft->n_items; i++) {
        if (draft->items[i].uid != uid)
            continue;
        if (n_own++ == 0 || draft->items[i].id < draft->items[oldest].id)
            oldest = i;
    }
    if (n_own < IGNORES_MAX)
        return 0;
    r = delete_row(ignores, draft->items[oldest].id);
    take_out(draft->items, &draft->n_items, oldest);
    return r;
}

static int change_one(struct ignores *ignores, struct draft *draft, struct ignore item, bool ignored) {
    size_t index = find(draft->items, draft->n_items, &item);
    bool is_there = is_at(draft->items, draft->n_items, index, &item);
    int r;

    if (is_there == ignored)
        return 0;
    draft->any = true;
    if (!ignored) {
        r = delete_row(ignores, draft->items[index].id);
        take_out(draft->items, &draft->n_items, index);
        return r;
    }
    r = drop_oldest(ignores, draft, item.uid);
    if (r == 0)
        r = put_row(ignores, &item);
    insert(draft->items, &draft->n_items, find(draft->items, draft->n_items, &item), &item);
    return r;
}

/* In a transaction that is open. */
static int change_all(struct ignores *ignores, struct draft *draft, uid_t uid, const struct finding *findings,
                      size_t n_findings, bool ignored) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < n_findings; i++)
        r = change_one(ignores, draft, make(uid, &findings[i]), ignored);
    return r;
}

static int note_store_failure(struct ignores *ignores) {
    snprintf(ignores->reason, sizeof ignores->reason, "%s", store_reason(ignores->store));
    return STORE_E_FAILED;
}

int ignores_set(struct ignores *ignores, uid_t uid, const struct finding *findings, size_t n_findings, bool ignored) {
    struct draft draft;
    int r = begin_draft(ignores, n_findings, &draft);

    if (r != 0)
        return r;
    if (store_begin(ignores->store) != 0) {
        free(draft.items);
        return note_store_failure(ignores);
    }
    r = change_all(ignores, &draft, uid, findings, n_findings, ignored);
    if (r == 0 && store_commit(ignores->store) != 0)
        r = note_store_failure(ignores);
    if (r != 0) {
        store_rollback(ignores->store);
        free(draft.items);
        return r;
    }
    free(ignores->items);
    ignores->items = draft.items;
    ignores->n_items = draft.n_items;
    ignores->revision += draft.any;
    return 0;
}

/* ---- asking ---- */

bool ignores_is_ignored(const struct ignores *ignores, uid_t uid, const struct finding *finding) {
    const struct ignore wanted = make(uid, finding);

    return is_at(ignores->items, ignores->n_items, find(ignores->items, ignores->n_items, &wanted), &wanted);
}

const char *ignores_reason(const struct ignores *ignores) {
    return ignores->reason;
}

uint64_t ignores_revision(const struct ignores *ignores) {
    return ignores->revision;
}

/* FNV-1a. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t size) {
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3);
    return digest;
}

uint64_t ignores_digest(const struct ignores *ignores, uint16_t port) {
    const struct ignore first = {.port = port};
    uint64_t digest = UINT64_C(0xcbf29ce484222325);

    for (size_t i = find(ignores->items, ignores->n_items, &first);
         i < ignores->n_items && ignores->items[i].port == port; i++) {
        digest = mix(digest, &ignores->items[i].uid, sizeof ignores->items[i].uid);
        digest = mix(digest, &ignores->items[i].squatter_uid, sizeof ignores->items[i].squatter_uid);
        digest = mix(digest, ignores->items[i].process, strlen(ignores->items[i].process) + 1);
    }
    return digest;
}
