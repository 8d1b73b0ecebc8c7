/*
 * Databases that are not this portd's own: corrupt ones, which are put aside; those of a newer portd, which are left alone; and
 * an original PortManager's, whose leases are taken over.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "probe/fd.h"
#include "tests/support/fake_store.h"

static struct fake_home home;

static void set_up(void) {
    fake_home_make(&home);
}

static void tear_down(void) {
    fake_home_remove(&home);
}

TestSuite(store_versions, .init = set_up, .fini = tear_down);

/* ---- corrupt files ---- */

static void assert_file(const char *name, const char *content, size_t length) {
    size_t found;
    char *text = fake_home_read(&home, name, &found);
    cr_expect_eq(found, length, "%s: %zu bytes", name, found);
    cr_expect(found == length && memcmp(text, content, length) == 0, "%s", name);
    free(text);
}

/* Opens; the file is put aside as it was, and a new database is begun. Returns the name of the old one, in a static text. */
static const char *assert_put_aside(const char *content, size_t length) {
    static char name[NAME_MAX + 1];
    char path[PATH_MAX];
    struct store *store;
    struct store_opening opening;
    struct lease *loaded[1];
    const int r = fake_store_try(&home, &store, &opening);
    cr_assert_eq(r, 0, "%d: %s", r, opening.reason);
    cr_expect_eq(fake_store_load(store, loaded, 1), 0);
    store_close(store);
    const char *base = strrchr(opening.quarantined, '/');
    cr_assert_not_null(base, "\"%s\"", opening.quarantined);
    snprintf(name, sizeof(name), "%s", base + 1);
    fake_home_path(&home, name, path);
    cr_expect_str_eq(path, opening.quarantined);
    long long when = 0;
    cr_expect_eq(sscanf(name, FAKE_STORE_FILE ".corrupt-%lld", &when), 1, "%s", name);
    cr_expect(when >= (long long)time(NULL) - 60 && when <= (long long)time(NULL) + 60, "%s", name);
    assert_file(name, content, length);
    return name;
}

Test(store_versions, a_file_that_is_no_database_is_put_aside) {
    /* SQLite takes a file of one byte for an empty one. */
    static const size_t lengths[] = {2, 15, 100, 512, 4096, 100000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct fake_home *folder = &home;
        fake_home_remove(folder);
        fake_home_make(folder);
        char *content = calloc(1, lengths[i]);
        memset(content, 'n', lengths[i]);
        fake_home_write(&home, FAKE_STORE_FILE, content, lengths[i]);
        assert_put_aside(content, lengths[i]);
        free(content);
    }
}

/* A database of some size, damaged by `damage`; the caller's to free. */
static char *make_damaged(void (*damage)(char *content, size_t length), size_t *ret_length) {
    struct store *store = fake_store_open(&home);
    cr_assert_eq(store_begin(store), 0);
    for (unsigned i = 1; i <= 500; i++) {
        struct lease *lease = fake_store_make_lease(i, (uint16_t)(8000 + i), "a service with a rather long name", i);
        cr_assert_eq(store_put_lease(store, lease), 0);
        lease_free(lease);
    }
    cr_assert_eq(store_commit(store), 0);
    store_close(store);
    char *content = fake_home_read(&home, FAKE_STORE_FILE, ret_length);
    cr_assert_gt(*ret_length, 32768);
    damage(content, *ret_length);
    fake_home_write(&home, FAKE_STORE_FILE, content, *ret_length);
    return content;
}

static void damage_header(char *content, size_t length) {
    (void)length;
    memset(content, 'x', 100);
}

static void damage_pages(char *content, size_t length) {
    for (size_t at = 4096; at + 4096 <= length; at += 4096)
        memset(content + at, 0xEE, 512);
}

static void damage_schema(char *content, size_t length) {
    (void)length;
    memset(content + 100, 0, 3996);
}

Test(store_versions, a_damaged_database_is_put_aside) {
    void (*const kinds[])(char *content, size_t length) = {damage_header, damage_pages, damage_schema};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t length;
        char *content = make_damaged(kinds[i], &length);
        assert_put_aside(content, length);
        free(content);
        fake_home_remove(&home);
        fake_home_make(&home);
    }
}

Test(store_versions, a_database_that_was_cut_off_is_put_aside) {
    size_t length;
    char *content = make_damaged(damage_pages, &length);
    fake_home_write(&home, FAKE_STORE_FILE, content, 20000);
    assert_put_aside(content, 20000);
    free(content);
}

Test(store_versions, what_was_put_aside_before_is_never_overwritten) {
    const long long now = (long long)time(NULL);
    char name[NAME_MAX + 1];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), FAKE_STORE_FILE ".corrupt-%lld", now + i);
        fake_home_write(&home, name, "older", 5);
    }
    fake_home_write(&home, FAKE_STORE_FILE, "newest", 6);
    const char *aside = assert_put_aside("newest", 6);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), FAKE_STORE_FILE ".corrupt-%lld", now + i);
        cr_expect_str_neq(aside, name);
        assert_file(name, "older", 5);
    }
}

/* A daemon that is killed leaves its last commits in the write-ahead log. */
static int store_a_lease_and_die(void *context) {
    struct store *store;
    struct store_opening opening;
    struct lease *lease = lease_new();
    (void)context;
    if (fake_store_try(&home, &store, &opening) != 0)
        return 1;
    lease->id = 1;
    lease->port = 8000;
    lease->ttl_seconds = 300;
    if (lease_set_key(lease, &(struct lease_key){.service_name = "last", .project = ""}) != 0 ||
        lease_set_tags(lease, NULL, 0) != 0 || store_put_lease(store, lease) != 0)
        return 2;
    return 0; /* by _exit(): nothing is closed */
}

Test(store_versions, the_last_commits_of_a_corrupt_database_are_put_aside_with_it) {
    char name[NAME_MAX + 8];
    size_t length;
    size_t wal_length;
    cr_assert_eq(fake_home_run_as(0, store_a_lease_and_die, NULL), 0);
    char *content = fake_home_read(&home, FAKE_STORE_FILE, &length);
    char *wal = fake_home_read(&home, FAKE_STORE_FILE "-wal", &wal_length);
    cr_assert(length > 0 && wal_length > 0, "%zu and %zu bytes", length, wal_length);
    damage_header(content, length);
    wal[1000] = (char)~wal[1000]; /* damaged itself, so that the header is not repaired from it */
    fake_home_write(&home, FAKE_STORE_FILE, content, length);
    fake_home_write(&home, FAKE_STORE_FILE "-wal", wal, wal_length);
    const char *aside = assert_put_aside(content, length);
    snprintf(name, sizeof(name), "%s-wal", aside);
    assert_file(name, wal, wal_length);
    free(content);
    free(wal);
}

Test(store_versions, an_empty_file_is_an_empty_database) {
    struct store_opening opening;
    struct store *store;
    fake_home_write(&home, FAKE_STORE_FILE, "", 0);
    cr_assert_eq(fake_store_try(&home, &store, &opening), 0);
    cr_expect_str_eq(opening.quarantined, "");
    store_close(store);
    cr_expect_eq(fake_home_count(&home, FAKE_STORE_FILE ".corrupt", NULL), 0);
}

/* ---- newer and strange versions ---- */

Test(store_versions, a_newer_database_is_left_as_it_is) {
    static const int versions[] = {5, 6, 1000000, -1};
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        char sql[128];
        struct store *store;
        struct store_opening opening;
        snprintf(sql, sizeof(sql), "CREATE TABLE IF NOT EXISTS future (x); PRAGMA user_version = %d", versions[i]);
        fake_store_execute(&home, sql);
        cr_expect_eq(fake_store_try(&home, &store, &opening), STORE_E_FAILED, "version %d", versions[i]);
        cr_expect_not_null(strstr(opening.reason, "newer"), "%s", opening.reason);
        cr_expect_eq(fake_store_query(&home, "PRAGMA user_version"), versions[i]);
        cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM sqlite_master"), 1);
        cr_expect_eq(fake_home_count(&home, FAKE_STORE_FILE ".corrupt", NULL), 0);
    }
}

Test(store_versions, another_programs_database_is_refused_with_a_reason_and_kept) {
    struct store *store;
    struct store_opening opening;
    fake_store_execute(&home, "CREATE TABLE photos (x); INSERT INTO photos VALUES (1); PRAGMA user_version = 1");
    cr_expect_eq(fake_store_try(&home, &store, &opening), STORE_E_FAILED);
    cr_expect_gt(strlen(opening.reason), 0);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM photos"), 1);
}

Test(store_versions, a_database_is_opened_again_and_again) {
    for (int i = 0; i < 3; i++) {
        struct store *store;
        struct store_opening opening;
        cr_assert_eq(fake_store_try(&home, &store, &opening), 0);
        cr_expect_eq(opening.n_imported + opening.n_import_refused, 0);
        store_close(store);
        cr_expect_eq(fake_store_query(&home, "PRAGMA user_version"), 4);
    }
}

/* As the version before this one left it: what it did not know of its leases is false. */
Test(store_versions, a_database_of_version_3_keeps_its_leases) {
    struct lease *put = fake_store_make_lease(7, 8000, "web", 0);
    struct lease *loaded[2];
    struct store *store = fake_store_open(&home);
    put->outlasts_holder = true;
    put->asker = (struct process_id){.pid = 5, .start_time = 6, .pidfd_inode = 7};
    cr_assert_eq(store_put_lease(store, put), 0);
    store_close(store);
    fake_store_execute(&home, "ALTER TABLE lease DROP COLUMN outlasts_holder; PRAGMA user_version = 3");
    store = fake_store_open(&home);
    cr_assert_eq(fake_store_load(store, loaded, 2), 1);
    cr_expect_eq(loaded[0]->id, 7);
    cr_expect_eq(loaded[0]->asker.pidfd_inode, 7);
    cr_expect_not(loaded[0]->outlasts_holder);
    lease_free(loaded[0]);
    cr_assert_eq(store_put_lease(store, put), 0);
    cr_assert_eq(fake_store_load(store, loaded, 2), 1);
    cr_expect(loaded[0]->outlasts_holder);
    lease_free(loaded[0]);
    lease_free(put);
    store_close(store);
    cr_expect_eq(fake_store_query(&home, "PRAGMA user_version"), 4);
}

/* ---- the original's database ---- */

static const char original_schema[] =
    "CREATE TABLE IF NOT EXISTS leases (port INTEGER PRIMARY KEY, service_name TEXT NOT NULL,"
    " allocated_at TEXT NOT NULL, last_heartbeat TEXT NOT NULL, ttl_seconds INTEGER NOT NULL,"
    " tags TEXT NOT NULL);";

#define TIMES "'2026-01-02T03:04:05.678901234+00:00', '2026-01-02T03:09:05.678901234+00:00'"

static void insert_original(const char *values) {
    char sql[1024];
    fake_store_execute(&home, original_schema);
    snprintf(sql, sizeof(sql), "INSERT INTO leases VALUES (%s)", values);
    fake_store_execute(&home, sql);
}

static size_t import(struct lease **ret_leases, unsigned n_imported, unsigned n_refused) {
    struct store *store;
    struct store_opening opening;
    const int r = fake_store_try(&home, &store, &opening);
    cr_assert_eq(r, 0, "%d: %s", r, opening.reason);
    cr_expect_eq(opening.n_imported, n_imported, "%u", opening.n_imported);
    cr_expect_eq(opening.n_import_refused, n_refused, "%u", opening.n_import_refused);
    cr_expect_str_eq(opening.quarantined, "");
    const size_t n_leases = fake_store_load(store, ret_leases, 16);
    store_close(store);
    return n_leases;
}

static void free_all(struct lease **leases, size_t n_leases) {
    for (size_t i = 0; i < n_leases; i++)
        lease_free(leases[i]);
}

Test(store_versions, the_originals_leases_are_taken_over) {
    struct lease *leases[16];
    insert_original("8000, 'my-api', " TIMES ", 300, '[\"dev\",\"caf\xC3\xA9\"]'");
    insert_original("8001, 'db', " TIMES ", 3600, '[]'");
    cr_assert_eq(import(leases, 2, 0), 2);
    const struct lease *lease = leases[0];
    cr_expect_eq(lease->id, 1);
    cr_expect_eq(lease->port, 8000);
    cr_expect_str_eq(lease->service_name, "my-api");
    cr_expect_str_eq(lease->project, "");
    cr_expect_eq(lease->uid, FAKE_STORE_UID);
    cr_expect_eq(lease->slot, 0);
    cr_assert_eq(lease->n_tags, 2);
    cr_expect_str_eq(lease->tags[0], "dev");
    cr_expect_str_eq(lease->tags[1], "caf\xC3\xA9");
    cr_expect_eq(lease->allocated_at, INT64_C(1767323045678));
    cr_expect_eq(lease->last_heartbeat, FAKE_STORE_NOW);
    cr_expect_eq(lease->ttl_seconds, 300);
    cr_expect_eq(lease->holder.pid, 0);
    cr_expect_not(lease->was_bound);
    cr_expect_eq(leases[1]->port, 8001);
    cr_expect_eq(leases[1]->n_tags, 0);
    cr_expect_eq(leases[1]->ttl_seconds, 3600);
    free_all(leases, 2);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM original_leases"), 2, "kept");
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM sqlite_master WHERE name = 'leases'"), 0);
}

Test(store_versions, they_are_taken_over_once) {
    struct lease *leases[16];
    struct store *store;
    insert_original("8000, 'my-api', " TIMES ", 300, '[]'");
    cr_assert_eq(import(leases, 1, 0), 1);
    free_all(leases, 1);
    store = fake_store_open(&home);
    cr_assert_eq(store_delete_lease(store, 1), 0);
    store_close(store);
    cr_expect_eq(import(leases, 0, 0), 0);
}

Test(store_versions, leases_of_one_name_get_a_slot_each) {
    struct lease *leases[16];
    insert_original("8002, 'web', '2026-01-03T00:00:00+00:00', '2026-01-03T00:00:00+00:00', 300, '[]'");
    insert_original("8001, 'web', '2026-01-02T00:00:00+00:00', '2026-01-03T00:00:00+00:00', 300, '[]'");
    insert_original("8003, 'db', '2026-01-01T00:00:00+00:00', '2026-01-03T00:00:00+00:00', 300, '[]'");
    cr_assert_eq(import(leases, 3, 0), 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(leases[i]->slot, leases[i]->port == 8002 ? 1 : 0, "%u: slot %u", leases[i]->port, leases[i]->slot);
    cr_expect_eq(leases[0]->port, 8003, "the oldest first");
    free_all(leases, 3);
}

Test(store_versions, a_row_of_it_that_is_no_lease_is_counted_and_kept) {
    struct lease *leases[16];
    insert_original("0, 'port', " TIMES ", 300, '[]'");
    insert_original("-1, 'port', " TIMES ", 300, '[]'");
    insert_original("65536, 'port', " TIMES ", 300, '[]'");
    insert_original("4294967296 + 8000, 'port', " TIMES ", 300, '[]'");
    insert_original("8001, '', " TIMES ", 300, '[]'");
    insert_original("8002, char(7), " TIMES ", 300, '[]'");
    insert_original("8003, CAST(x'FF' AS TEXT), " TIMES ", 300, '[]'");
    insert_original("8004, printf('%0129d', 0), " TIMES ", 300, '[]'");
    insert_original("8005, 'ttl', " TIMES ", 0, '[]'");
    insert_original("8006, 'ttl', " TIMES ", -5, '[]'");
    insert_original("8007, 'ttl', " TIMES ", 'soon', '[]'");
    insert_original("65535, 'good', " TIMES ", 1, '[]'");
    cr_assert_eq(import(leases, 1, 11), 1);
    cr_expect_eq(leases[0]->port, 65535);
    free_all(leases, 1);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM original_leases"), 12);
}

Test(store_versions, what_can_be_made_sense_of_in_it_is_made_sense_of) {
    struct lease *leases[16];
    insert_original("8000, 'ttl', " TIMES ", 9223372036854775807, '[]'");
    insert_original("8001, 'time', 'yesterday', '', 300, '[]'");
    insert_original("8002, 'tags', " TIMES ", 300, 'nonsense'");
    insert_original("8003, 'tags', " TIMES ", 300, '{\"a\":\"b\"}'");
    insert_original("8004, 'tags', " TIMES ", 300, '[\"good\",7]'");
    insert_original("8005, 'tags', " TIMES ", 300, '[\"good\",\"\"]'");
    insert_original("8006, 'tags', " TIMES ", 300, '[\"' || printf('%065d', 0) || '\"]'");
    cr_assert_eq(import(leases, 7, 0), 7);
    for (size_t i = 0; i < 7; i++) {
        cr_expect_eq(leases[i]->ttl_seconds, leases[i]->port == 8000 ? LEASE_TTL_MAX : 300);
        cr_expect_eq(leases[i]->allocated_at, leases[i]->port == 8001 ? FAKE_STORE_NOW : INT64_C(1767323045678));
        cr_expect_eq(leases[i]->n_tags, 0, "%u", leases[i]->port);
    }
    free_all(leases, 7);
}

Test(store_versions, as_many_tags_as_a_lease_can_have) {
    struct lease *leases[16];
    insert_original("8000, 'most', " TIMES
                    ", 300, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 32)"
                    " SELECT json_group_array('t' || i) FROM n)");
    insert_original("8001, 'more', " TIMES
                    ", 300, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 33)"
                    " SELECT json_group_array('t' || i) FROM n)");
    cr_assert_eq(import(leases, 2, 0), 2);
    cr_expect_eq(leases[0]->n_tags, 32);
    cr_expect_eq(leases[1]->n_tags, 0);
    free_all(leases, 2);
}

static void assert_refused_as_it_is(long long n_rows) {
    struct store *store;
    struct store_opening opening;
    cr_expect_eq(fake_store_try(&home, &store, &opening), STORE_E_FAILED);
    cr_expect_null(strstr(opening.reason, "not an error"), "no reason: %s", opening.reason);
    cr_expect_gt(strlen(opening.reason), 0);
    cr_expect_str_eq(opening.quarantined, "");
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM leases"), n_rows);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM sqlite_master"), 1);
    cr_expect_eq(fake_store_query(&home, "PRAGMA user_version"), 0);
}

Test(store_versions, a_table_of_leases_that_is_somebody_elses_is_refused_and_left_as_it_was) {
    fake_store_execute(&home, "CREATE TABLE leases (tenant TEXT); INSERT INTO leases VALUES ('ann')");
    assert_refused_as_it_is(1);
}

static const char loose_schema[] = "CREATE TABLE leases (port INTEGER, service_name TEXT, allocated_at TEXT,"
                                   " last_heartbeat TEXT, ttl_seconds INTEGER, tags TEXT)";

Test(store_versions, a_port_that_is_there_twice_is_no_originals_and_refused) {
    fake_store_execute(&home, loose_schema);
    insert_original("8000, 'web', " TIMES ", 300, '[]'");
    insert_original("8000, 'db', " TIMES ", 300, '[]'");
    assert_refused_as_it_is(2);
}

Test(store_versions, what_is_null_in_it_is_nonsense) {
    struct lease *leases[16];
    fake_store_execute(&home, loose_schema);
    insert_original("8001, NULL, NULL, NULL, 300, NULL");
    insert_original("8002, 'nulls', NULL, NULL, 300, NULL");
    insert_original("NULL, 'port', " TIMES ", 300, '[]'");
    insert_original("8003, 'ttl', " TIMES ", NULL, '[]'");
    cr_assert_eq(import(leases, 1, 3), 1);
    cr_expect_eq(leases[0]->allocated_at, FAKE_STORE_NOW);
    cr_expect_eq(leases[0]->n_tags, 0);
    free_all(leases, 1);
}
