/*
 * The schema's history. A step is never changed once it was released: a new one is added, and `steps` grows by a line.
 */
#include "src/lease/store_schema.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/lease/lease.h"

/* Deadlines count on the monotonic clock of the boot in marks.boot_id. Tags are a JSON array. */
static const char create_v1[] = "CREATE TABLE lease ("
                                " id INTEGER PRIMARY KEY AUTOINCREMENT,"
                                " port INTEGER NOT NULL UNIQUE CHECK (port BETWEEN 1 AND 65535),"
                                " service_name TEXT NOT NULL,"
                                " project TEXT NOT NULL,"
                                " uid INTEGER NOT NULL,"
                                " slot INTEGER NOT NULL,"
                                " tags TEXT NOT NULL,"
                                " allocated_at INTEGER NOT NULL,"
                                " last_heartbeat INTEGER NOT NULL,"
                                " ttl_seconds INTEGER NOT NULL,"
                                " deadline INTEGER NOT NULL,"
                                " holder_pid INTEGER NOT NULL,"
                                " holder_start_time INTEGER NOT NULL,"
                                " holder_pidfd_inode INTEGER NOT NULL,"
                                " was_bound INTEGER NOT NULL"
                                ") STRICT;"
                                "CREATE TABLE sticky ("
                                " port INTEGER PRIMARY KEY CHECK (port BETWEEN 1 AND 65535),"
                                " uid INTEGER NOT NULL,"
                                " project TEXT NOT NULL,"
                                " service_name TEXT NOT NULL,"
                                " slot INTEGER NOT NULL,"
                                " UNIQUE (uid, project, service_name, slot)"
                                ") STRICT;"
                                "CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;";

/*
 * The process that asked for a lease; what was judged about listeners (whose each is, said by a person or recognised by portd); events, and
 * the block of their numbers that is handed out (see src/event/journal.h).
 */
static const char create_v2[] =
    "ALTER TABLE lease ADD COLUMN asker_pid INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE lease ADD COLUMN asker_start_time INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE lease ADD COLUMN asker_pidfd_inode INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE judgement ("
    " lease_id INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " inode INTEGER NOT NULL,"
    " pid INTEGER NOT NULL,"
    " start_time INTEGER NOT NULL,"
    " pidfd_inode INTEGER NOT NULL,"
    " PRIMARY KEY (lease_id, inode, pid)"
    ") STRICT;"
    "CREATE TABLE event ("
    " id INTEGER PRIMARY KEY,"
    " at INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " port INTEGER NOT NULL,"
    " service_name TEXT,"
    " json TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX event_at ON event (at);"
    "CREATE INDEX event_port ON event (port, id);"
    "CREATE INDEX event_listener ON event (id) WHERE kind IN ('listener.opened', 'listener.closed');"
    "CREATE INDEX event_service ON event (service_name, id) WHERE service_name IS NOT NULL;";

/*
 * An index for each first word of the events' kinds, as event_listener is one, and the kind in those that there were, so that rows of other kinds are
 * passed over without being read (see src/event/event_table.c). And whom each user does not want to
 * be told of any more (see src/conflict/ignores.h).
 */
static const char create_v3[] =
    "DROP INDEX event_port;"
    "CREATE INDEX event_port ON event (port, id, kind);"
    "DROP INDEX event_service;"
    "CREATE INDEX event_service ON event (service_name, id, kind) WHERE service_name IS NOT NULL;"
    "CREATE INDEX event_lease ON event (id)"
    " WHERE kind IN ('lease.granted', 'lease.renewed', 'lease.released', 'lease.expired');"
    "CREATE INDEX event_squatter ON event (id) WHERE kind IN ('squatter.appeared', 'squatter.left');"
    "CREATE INDEX event_conflict ON event (id) WHERE kind IN ('conflict.appeared', 'conflict.left');"
    "CREATE TABLE ignored ("
    " id INTEGER PRIMARY KEY,"
    " uid INTEGER NOT NULL,"
    " port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),"
    " squatter_uid INTEGER NOT NULL,"
    " process TEXT NOT NULL,"
    " UNIQUE (uid, port, squatter_uid, process)"
    ") STRICT;";

/* Whether the lease was there without a holder before it had one. Of those that have one now nobody knows it any more, and they end with it as before. */
static const char create_v4[] = "ALTER TABLE lease ADD COLUMN outlasts_holder INTEGER NOT NULL DEFAULT 0;";

static void finalize_at(sqlite3_stmt **statement) {
    sqlite3_finalize(*statement);
    *statement = NULL;
}

static int query_number(sqlite3 *db, const char *sql, int *ret_number) {
    CLEANUP(finalize_at) sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (r != SQLITE_OK)
        return r;
    r = sqlite3_step(statement);
    if (r != SQLITE_ROW)
        return r == SQLITE_DONE ? SQLITE_ERROR : r;
    *ret_number = sqlite3_column_int(statement, 0);
    return SQLITE_OK;
}

/* The original wrote a JSON array of strings; whatever is not one becomes no tags, as the original itself read it. */
static const char *sound_tags(const char *tags) {
    CLEANUP(json_free_at) cJSON *json = NULL;
    struct json_error error;
    const cJSON *tag;
    int n_tags = 0;

    if (tags == NULL || json_parse(tags, strlen(tags), &json, &error) != 0 || !cJSON_IsArray(json))
        return "[]";
    cJSON_ArrayForEach(tag, json) {
        if (++n_tags > LEASE_TAGS_MAX || !cJSON_IsString(tag) || lease_check_tag(tag->valuestring) != NULL)
            return "[]";
    }
    return tags;
}

/* The original kept time of last heartbeat as text; one that cannot be read counts as now, as it did there. */
static int64_t sound_time(const char *text, int64_t now_unix_ms) {
    int64_t unix_ms = now_unix_ms;

    if (text != NULL)
        text_parse_time(text, &unix_ms);
    return unix_ms;
}

/*
 * A row of the original. Its leases get their whole TTL again: its deadlines were on the wall clock, and nobody knows how
 * long the machine was off. The deadline 0 is long past; the registry sets it anew because the boot id is missing.
 */
static int import_row(sqlite3_stmt *row, sqlite3_stmt *insert, struct schema_import *import) {
    sqlite3_int64 port = sqlite3_column_int64(row, 0);
    const char *name = (const char *)sqlite3_column_text(row, 1);
    sqlite3_int64 ttl_seconds = sqlite3_column_int64(row, 4);
    int r;

    if (port < 1 || port > 65535 || name == NULL || lease_check_name(name) != NULL || ttl_seconds < 1) {
        import->n_refused++;
        return SQLITE_OK;
    }
    if (ttl_seconds > (sqlite3_int64)LEASE_TTL_MAX)
        ttl_seconds = (sqlite3_int64)LEASE_TTL_MAX;
    sqlite3_reset(insert);
    sqlite3_bind_int64(insert, 1, port);
    sqlite3_bind_text(insert, 2, name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(insert, 3, (sqlite3_int64)import->uid);
    sqlite3_bind_text(insert, 4, sound_tags((const char *)sqlite3_column_text(row, 5)), -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(insert, 5, sound_time((const char *)sqlite3_column_text(row, 2), import->now_unix_ms));
    sqlite3_bind_int64(insert, 6, import->now_unix_ms);
    sqlite3_bind_int64(insert, 7, ttl_seconds);
    r = sqlite3_step(insert);
    if (r != SQLITE_DONE)
        return r;
    import->n_imported++;
    return SQLITE_OK;
}

/* A second lease of one name gets the next slot, so that slots stay unique among the leases of one key. */
static const char insert_original[] =
    "INSERT INTO lease (port, service_name, project, uid, slot, tags, allocated_at, last_heartbeat, ttl_seconds, "
    "deadline,"
    " holder_pid, holder_start_time, holder_pidfd_inode, was_bound)"
    " VALUES (?1, ?2, '', ?3, (SELECT count(*) FROM lease WHERE service_name = ?2), ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0)";

static int import_original(sqlite3 *db, struct schema_import *import) {
    CLEANUP(finalize_at) sqlite3_stmt *row = NULL;
    CLEANUP(finalize_at) sqlite3_stmt *insert = NULL;
    int r = sqlite3_prepare_v2(db,
                               "SELECT port, service_name, allocated_at, last_heartbeat, ttl_seconds, tags"
                               " FROM original_leases ORDER BY allocated_at, port",
                               -1, &row, NULL);

    if (r == SQLITE_OK)
        r = sqlite3_prepare_v2(db, insert_original, -1, &insert, NULL);
    while (r == SQLITE_OK) {
        r = sqlite3_step(row);
        if (r == SQLITE_DONE)
            return SQLITE_OK;
        if (r == SQLITE_ROW)
            r = import_row(row, insert, import);
    }
    return r;
}

static int migrate_to_v1(sqlite3 *db, struct schema_import *import) {
    int n_original = 0;
    int r =
        query_number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'leases'", &n_original);

    if (r == SQLITE_OK && n_original > 0)
        r = sqlite3_exec(db, "ALTER TABLE leases RENAME TO original_leases", NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(db, create_v1, NULL, NULL, NULL);
    if (r == SQLITE_OK && n_original > 0)
        r = import_original(db, import);
    return r;
}

static int migrate_to_v2(sqlite3 *db, struct schema_import *import) {
    (void)import;
    return sqlite3_exec(db, create_v2, NULL, NULL, NULL);
}

static int migrate_to_v3(sqlite3 *db, struct schema_import *import) {
    (void)import;
    return sqlite3_exec(db, create_v3, NULL, NULL, NULL);
}

static int migrate_to_v4(sqlite3 *db, struct schema_import *import) {
    (void)import;
    return sqlite3_exec(db, create_v4, NULL, NULL, NULL);
}

/* steps[n] leads from version n to version n + 1. */
static int (*const steps[])(sqlite3 *db, struct schema_import *import) = {
    migrate_to_v1,
    migrate_to_v2,
    migrate_to_v3,
    migrate_to_v4,
};
#define NEWEST ((int)(sizeof steps / sizeof steps[0]))

static int migrate_one(sqlite3 *db, int version, struct schema_import *import) {
    char sql[64];
    int r = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    if (r != SQLITE_OK)
        return r;
    r = steps[version](db, import);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version + 1);
    if (r == SQLITE_OK)
        r = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (r != SQLITE_OK)
        snprintf(import->reason, sizeof import->reason, "%s",
                 sqlite3_errcode(db) == SQLITE_OK ? sqlite3_errstr(r) : sqlite3_errmsg(db));
    /* After some errors SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

int schema_migrate(sqlite3 *db, struct schema_import *import) {
    int version = 0;
    int r = query_number(db, "PRAGMA user_version", &version);

    if (r != SQLITE_OK)
        return r;
    if (version > NEWEST || version < 0)
        return SQLITE_MISMATCH;
    for (; r == SQLITE_OK && version < NEWEST; version++)
        r = migrate_one(db, version, import);
    return r;
}
