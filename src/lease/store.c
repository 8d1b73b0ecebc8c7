/*
 * SQLite behind the store's contract. Statements are prepared once, and named by an enum, so that a statement's text and its
 * use stand in one file and none is built from strings.
 */
#include "src/lease/store.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/directory.h"
#include "src/base/json.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/lease/store_file.h"
#include "src/lease/store_schema.h"

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    PUT_LEASE,
    DELETE_LEASE,
    LOAD_LEASES,
    PUT_JUDGEMENT,
    DELETE_JUDGEMENTS,
    LOAD_JUDGEMENTS,
    SWEEP_JUDGEMENTS,
    FORGET_STICKY,
    PUT_STICKY,
    LOAD_STICKY,
    PUT_MARK,
    GET_MARK,
    NEXT_ID,
    N_STATEMENTS,
};

#define LEASE_COLUMNS                                                                                                  \
    "id, port, service_name, project, uid, slot, tags, allocated_at, last_heartbeat, ttl_seconds, deadline, "          \
    "holder_pid, holder_start_time, holder_pidfd_inode, was_bound, asker_pid, asker_start_time, asker_pidfd_inode, "   \
    "outlasts_holder"

static const char *const statement_texts[N_STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [PUT_LEASE] = ("INSERT OR REPLACE INTO lease (" LEASE_COLUMNS ")"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, "
                   "?18, ?19)"),
    [DELETE_LEASE] = "DELETE FROM lease WHERE id = ?1",
    [LOAD_LEASES] = ("SELECT " LEASE_COLUMNS " FROM lease ORDER BY id"),
    [PUT_JUDGEMENT] = ("INSERT OR REPLACE INTO judgement (lease_id, kind, inode, pid, start_time, pidfd_inode)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
    [DELETE_JUDGEMENTS] = "DELETE FROM judgement WHERE lease_id = ?1",
    [LOAD_JUDGEMENTS] =
        "SELECT kind, inode, pid, start_time, pidfd_inode FROM judgement WHERE lease_id = ?1 ORDER BY rowid",
    [SWEEP_JUDGEMENTS] = "DELETE FROM judgement WHERE lease_id NOT IN (SELECT id FROM lease)",
    [FORGET_STICKY] = "DELETE FROM sticky WHERE uid = ?1 AND project = ?2 AND service_name = ?3 AND slot = ?4",
    [PUT_STICKY] = "INSERT OR REPLACE INTO sticky (uid, project, service_name, slot, port) VALUES (?1, ?2, ?3, ?4, ?5)",
    [LOAD_STICKY] = "SELECT uid, project, service_name, slot, port FROM sticky",
    [PUT_MARK] = "INSERT OR REPLACE INTO mark (name, value) VALUES (?1, ?2)",
    [GET_MARK] = "SELECT value FROM mark WHERE name = ?1",
    [NEXT_ID] = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'lease'",
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[N_STATEMENTS];
    int lock_fd;
    char reason[256];
};

static int fail(struct store *store, int code) {
    snprintf(store->reason, sizeof store->reason, "%s",
             store->db != NULL ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
    return STORE_E_FAILED;
}

struct sqlite3 *store_connection(struct store *store) {
    return store->db;
}

const char *store_reason(const struct store *store) {
    return store->reason;
}

static int prepare_all(struct store *store) {
    for (size_t i = 0; i < N_STATEMENTS; i++) {
        int r = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i],
                                   NULL);
        if (r != SQLITE_OK)
            return r;
    }
    return SQLITE_OK;
}

static bool lacks_descriptors(sqlite3 *db, int code) {
    int error = db != NULL ? sqlite3_system_errno(db) : 0;

    return (code & 0xFF) == SQLITE_CANTOPEN && (error == EMFILE || error == ENFILE);
}

static int open_database(struct store *store, const char *path, struct schema_import *import,
                         struct store_opening *opening) {
    int r;

    r = store_file_open(path, &store->db, opening);
    if (r == STORE_FILE_E_STUCK)
        return STORE_E_FAILED;
    if (r == SQLITE_OK)
        r = schema_migrate(store->db, import);
    if (r == SQLITE_MISMATCH) {
        snprintf(opening->reason, sizeof opening->reason, "was written by a newer portd; update, or name another --db");
        return STORE_E_FAILED;
    }
    if (r == SQLITE_OK)
        r = prepare_all(store);
    if (r != SQLITE_OK) {
        if (lacks_descriptors(store->db, r))
            snprintf(opening->reason, sizeof opening->reason,
                     "cannot be used: portd may not open so many files; raise its limit (ulimit -n)");
        else
            snprintf(opening->reason, sizeof opening->reason, "cannot be used: %s",
                     import->reason[0] != '\0'                 ? import->reason
                     : sqlite3_errcode(store->db) == SQLITE_OK ? sqlite3_errstr(r)
                                                               : sqlite3_errmsg(store->db));
        return STORE_E_FAILED;
    }
    return 0;
}

static void store_close_at(struct store **store) {
    *store = store_close(*store);
}

int store_open(const char *path, uid_t uid, int64_t now_unix_ms, struct store **ret_store,
               struct store_opening *ret_opening) {
    struct schema_import import = {.uid = uid, .now_unix_ms = now_unix_ms};
    CLEANUP(store_close_at) struct store *store = calloc(1, sizeof *store);
    char resolved[PATH_MAX];
    int r;

    *ret_opening = (struct store_opening){0};
    if (store == NULL)
        return -ENOMEM;
    store->lock_fd = -1;
    r = directory_make_parents(path);
    if (r == 0)
        r = store_file_resolve(path, resolved);
    if (r == 0)
        r = store_file_lock(resolved, &store->lock_fd, &ret_opening->locked_by);
    if (r < 0) {
        snprintf(ret_opening->reason, sizeof ret_opening->reason, "cannot be used: %s", strerror(-r));
        return STORE_E_FAILED;
    }
    if (r == 0)
        r = open_database(store, resolved, &import, ret_opening);
    if (r != 0)
        return r;
    ret_opening->n_imported = import.n_imported;
    ret_opening->n_import_refused = import.n_refused;
    *ret_store = store;
    store = NULL;
    return 0;
}

struct store *store_close(struct store *store) {
    if (store == NULL)
        return NULL;
    for (size_t i = 0; i < N_STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    fd_close_at(&store->lock_fd);
    free(store);
    return NULL;
}

/* Runs a statement that returns no rows, with its parameters bound. */
static int run(struct store *store, enum statement which) {
    sqlite3_stmt *statement = store->statements[which];
    int r = sqlite3_step(statement);

    r = r == SQLITE_DONE || r == SQLITE_ROW ? 0 : fail(store, r);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return r;
}

int store_begin(struct store *store) {
    return run(store, BEGIN);
}

int store_commit(struct store *store) {
    return run(store, COMMIT);
}

/* After some errors (a full disk among them) SQLite has rolled back by itself; then there is nothing to do. */
void store_rollback(struct store *store) {
    char reason[sizeof store->reason];

    if (sqlite3_get_autocommit(store->db))
        return;
    memcpy(reason, store->reason, sizeof reason);
    if (run(store, ROLLBACK) != 0)
        log_error("the database could not roll back: %s", store->reason);
    memcpy(store->reason, reason, sizeof reason);
}

static char *tags_to_text(const struct lease *lease) {
    CLEANUP(json_free_at) cJSON *json = cJSON_CreateStringArray((const char *const *)lease->tags, (int)lease->n_tags);

    return json != NULL ? cJSON_PrintUnformatted(json) : NULL;
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text) {
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *statement, int index, uint64_t number) {
    sqlite3_bind_int64(statement, index, (sqlite3_int64)number);
}

int store_put_lease(struct store *store, const struct lease *lease) {
    CLEANUP(json_free_text_at) char *tags = tags_to_text(lease);
    sqlite3_stmt *put = store->statements[PUT_LEASE];

    if (tags == NULL) {
        snprintf(store->reason, sizeof store->reason, "out of memory");
        return STORE_E_FAILED;
    }
    bind_number(put, 1, lease->id);
    bind_number(put, 2, lease->port);
    bind_text(put, 3, lease->service_name);
    bind_text(put, 4, lease->project);
    bind_number(put, 5, lease->uid);
    bind_number(put, 6, lease->slot);
    bind_text(put, 7, tags);
    sqlite3_bind_int64(put, 8, lease->allocated_at);
    sqlite3_bind_int64(put, 9, lease->last_heartbeat);
    bind_number(put, 10, lease->ttl_seconds);
    bind_number(put, 11, lease->deadline);
    bind_number(put, 12, (uint64_t)lease->holder.pid);
    bind_number(put, 13, lease->holder.start_time);
    bind_number(put, 14, lease->holder.pidfd_inode);
    bind_number(put, 15, lease->was_bound);
    bind_number(put, 16, (uint64_t)lease->asker.pid);
    bind_number(put, 17, lease->asker.start_time);
    bind_number(put, 18, lease->asker.pidfd_inode);
    bind_number(put, 19, lease->outlasts_holder);
    return run(store, PUT_LEASE);
}

static int delete_judgements(struct store *store, uint64_t id) {
    bind_number(store->statements[DELETE_JUDGEMENTS], 1, id);
    return run(store, DELETE_JUDGEMENTS);
}

/* The lease last: while it is there, a failure is one of deleting it, and is tried again. */
int store_delete_lease(struct store *store, uint64_t id) {
    int r = delete_judgements(store, id);

    if (r != 0)
        return r;
    bind_number(store->statements[DELETE_LEASE], 1, id);
    return run(store, DELETE_LEASE);
}

int store_sweep(struct store *store) {
    return run(store, SWEEP_JUDGEMENTS);
}

static const char *const judgement_names[] = {
    [JUDGED_RECOGNISED] = "recognised",
    [JUDGED_CLAIMED] = "claimed",
    [JUDGED_DISOWNED] = "disowned",
};

int store_put_judgements(struct store *store, const struct lease *lease) {
    sqlite3_stmt *put = store->statements[PUT_JUDGEMENT];
    int r = delete_judgements(store, lease->id);

    for (size_t i = 0; r == 0 && i < lease->n_judgements; i++) {
        const struct judgement *judgement = &lease->judgements[i];

        bind_number(put, 1, lease->id);
        bind_text(put, 2, judgement_names[judgement->kind]);
        bind_number(put, 3, judgement->inode);
        bind_number(put, 4, (uint64_t)judgement->process.pid);
        bind_number(put, 5, judgement->process.start_time);
        bind_number(put, 6, judgement->process.pidfd_inode);
        r = run(store, PUT_JUDGEMENT);
    }
    return r;
}

int store_put_sticky(struct store *store, const struct lease_key *key, unsigned slot, uint16_t port) {
    static const enum statement both[] = {FORGET_STICKY, PUT_STICKY};

    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        sqlite3_stmt *statement = store->statements[both[i]];
        int r;

        bind_number(statement, 1, key->uid);
        bind_text(statement, 2, key->project);
        bind_text(statement, 3, key->service_name);
        bind_number(statement, 4, slot);
        if (both[i] == PUT_STICKY)
            bind_number(statement, 5, port);
        r = run(store, both[i]);
        if (r != 0)
            return r;
    }
    return 0;
}

static int put_mark(struct store *store, const char *name, const char *value) {
    bind_text(store->statements[PUT_MARK], 1, name);
    bind_text(store->statements[PUT_MARK], 2, value);
    return run(store, PUT_MARK);
}

int store_put_cursor(struct store *store, uint16_t cursor) {
    char value[8];

    snprintf(value, sizeof value, "%" PRIu16, cursor);
    return put_mark(store, "cursor", value);
}

int store_put_boot_id(struct store *store, const char *boot_id) {
    return put_mark(store, "boot_id", boot_id);
}

/* An absent mark is "". */
static int get_mark(struct store *store, const char *name, char *ret_value, size_t size) {
    sqlite3_stmt *get = store->statements[GET_MARK];
    int r;

    ret_value[0] = '\0';
    bind_text(get, 1, name);
    r = sqlite3_step(get);
    if (r == SQLITE_ROW)
        snprintf(ret_value, size, "%s", (const char *)sqlite3_column_text(get, 0));
    r = r == SQLITE_ROW || r == SQLITE_DONE ? 0 : fail(store, r);
    sqlite3_reset(get);
    return r;
}

int store_load_marks(struct store *store, struct store_marks *ret_marks) {
    sqlite3_stmt *next_id = store->statements[NEXT_ID];
    uint64_t cursor = 0;
    char value[8];
    int r = get_mark(store, "boot_id", ret_marks->boot_id, sizeof ret_marks->boot_id);

    if (r == 0)
        r = get_mark(store, "cursor", value, sizeof value);
    if (r != 0)
        return r;
    /* None, or nonsense: rotation begins anew. */
    if (text_parse_number(value, 1, 65535, &cursor) != 0)
        cursor = 0;
    ret_marks->cursor = (uint16_t)cursor;
    r = sqlite3_step(next_id);
    if (r == SQLITE_ROW)
        ret_marks->next_id = (uint64_t)sqlite3_column_int64(next_id, 0);
    r = r == SQLITE_ROW ? 0 : fail(store, r);
    sqlite3_reset(next_id);
    return r;
}

static uint64_t column_number(sqlite3_stmt *row, int index) {
    return (uint64_t)sqlite3_column_int64(row, index);
}

static const char *column_text(sqlite3_stmt *row, int index) {
    const char *text = (const char *)sqlite3_column_text(row, index);
    return text != NULL ? text : "";
}

static int set_tags_from_text(struct lease *lease, const char *text) {
    CLEANUP(json_free_at) cJSON *json = NULL;
    const char *tags[LEASE_TAGS_MAX];
    struct json_error error;
    const cJSON *tag;
    size_t n_tags = 0;

    if (json_parse(text, strlen(text), &json, &error) == 0)
        cJSON_ArrayForEach(tag, json) if (cJSON_IsString(tag) && n_tags < LEASE_TAGS_MAX) tags[n_tags++] =
            tag->valuestring;
    return lease_set_tags(lease, tags, n_tags);
}

/* Numbers that no lease has: somebody has edited the database, or it is damaged where SQLite cannot tell. */
static bool has_sound_numbers(sqlite3_stmt *row) {
    static const struct {
        int column;
        sqlite3_int64 min;
        sqlite3_int64 max;
    } bounds[] = {
        {0, 1, INT64_MAX},                    /* id */
        {1, 1, 65535},                        /* port */
        {4, 0, UINT32_MAX - 1},               /* uid; the last one means "none" to the kernel */
        {5, 0, 65535},                        /* slot */
        {9, 1, (sqlite3_int64)LEASE_TTL_MAX}, /* ttl_seconds */
        {10, 0, INT64_MAX},                   /* deadline */
        {11, 0, INT32_MAX},                   /* holder_pid */
        {14, 0, 1},                           /* was_bound */
        {15, 0, INT32_MAX},                   /* asker_pid */
        {18, 0, 1},                           /* outlasts_holder */
    };

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        sqlite3_int64 number = sqlite3_column_int64(row, bounds[i].column);
        if (number < bounds[i].min || number > bounds[i].max)
            return false;
    }
    return true;
}

/* Returns 0, -EINVAL if the row is no lease, or -ENOMEM. */
static int read_lease(sqlite3_stmt *row, struct lease *lease) {
    struct lease_key key = {
        .service_name = column_text(row, 2),
        .project = column_text(row, 3),
        .uid = (uid_t)column_number(row, 4),
    };
    int r;

    if (!has_sound_numbers(row) || lease_check_name(key.service_name) != NULL ||
        (key.project[0] != '\0' && lease_check_project(key.project) != NULL))
        return -EINVAL;
    r = lease_set_key(lease, &key);
    if (r == 0)
        r = set_tags_from_text(lease, column_text(row, 6));
    lease->id = column_number(row, 0);
    lease->port = (uint16_t)column_number(row, 1);
    lease->slot = (unsigned)column_number(row, 5);
    lease->allocated_at = sqlite3_column_int64(row, 7);
    lease->last_heartbeat = sqlite3_column_int64(row, 8);
    lease->ttl_seconds = column_number(row, 9);
    lease->deadline = column_number(row, 10);
    lease->holder = (struct process_id){
        .pid = (pid_t)column_number(row, 11),
        .start_time = column_number(row, 12),
        .pidfd_inode = column_number(row, 13),
    };
    lease->was_bound = column_number(row, 14) != 0;
    lease->asker = (struct process_id){
        .pid = (pid_t)column_number(row, 15),
        .start_time = column_number(row, 16),
        .pidfd_inode = column_number(row, 17),
    };
    lease->outlasts_holder = column_number(row, 18) != 0;
    return r;
}

/* A kind that is not known is another version's, and says nothing. */
static int load_judgements(struct store *store, struct lease *lease) {
    sqlite3_stmt *row = store->statements[LOAD_JUDGEMENTS];
    int step;
    int r = 0;

    bind_number(row, 1, lease->id);
    while (r == 0 && (step = sqlite3_step(row)) == SQLITE_ROW) {
        struct judgement judgement = {
            .inode = (uint32_t)column_number(row, 1),
            .process = {.pid = (pid_t)column_number(row, 2),
                        .start_time = column_number(row, 3),
                        .pidfd_inode = column_number(row, 4)},
        };

        for (size_t i = 0; i < sizeof judgement_names / sizeof judgement_names[0]; i++) {
            if (strcmp(column_text(row, 0), judgement_names[i]) != 0)
                continue;
            judgement.kind = (enum judgement_kind)i;
            r = lease_judge(lease, &judgement);
        }
    }
    if (r == 0 && step != SQLITE_DONE)
        r = fail(store, step);
    sqlite3_reset(row);
    return r;
}

int store_load_leases(struct store *store, int (*take)(void *context, struct lease *lease), void *context) {
    sqlite3_stmt *row = store->statements[LOAD_LEASES];
    int step;
    int r = 0;

    while (r == 0 && (step = sqlite3_step(row)) == SQLITE_ROW) {
        struct lease *lease = lease_new();

        if (lease == NULL) {
            r = -ENOMEM;
            break;
        }
        r = read_lease(row, lease);
        if (r == 0)
            r = load_judgements(store, lease);
        if (r == -EINVAL) {
            log_warning("the database's lease %lld is no lease; it is left there and not used",
                        (long long)sqlite3_column_int64(row, 0));
            lease_free(lease);
            r = 0;
        } else if (r != 0) {
            lease_free(lease);
        } else {
            r = take(context, lease);
        }
    }
    if (r == 0 && step != SQLITE_DONE)
        r = fail(store, step);
    sqlite3_reset(row);
    return r;
}

int store_load_sticky(struct store *store, struct sticky_table *table) {
    sqlite3_stmt *row = store->statements[LOAD_STICKY];
    int step;
    int r = 0;

    while (r == 0 && (step = sqlite3_step(row)) == SQLITE_ROW) {
        struct lease_key key = {
            .uid = (uid_t)column_number(row, 0),
            .project = column_text(row, 1),
            .service_name = column_text(row, 2),
        };
        r = sticky_table_put(table, &key, (unsigned)column_number(row, 3), (uint16_t)column_number(row, 4));
    }
    if (r == 0 && step != SQLITE_DONE)
        r = fail(store, step);
    sqlite3_reset(row);
    return r;
}
