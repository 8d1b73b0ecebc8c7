/*
 * What portd finds where its database should be: one of its own, one that is damaged, newer, closed to it, or an original
 * PortManager's. Nothing that it cannot read is ever overwritten.
 */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "src/base/text.h"
#include "tests/support/caller.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"

#define FOLDER   SANDBOX_HOME "/.portmanager"
#define DATABASE FOLDER "/leases.db"

TestSuite(database, .timeout = 300);

/* As an ordinary user, whoever runs the test. */
static uid_t ordinary_uid(void) {
    return geteuid() == 0 ? SANDBOX_OTHER_UID : 0;
}

static void assert_refused(const struct daemon_setup *setup, const char *words) {
    CLEANUP(daemon_run_deinit) struct daemon_run run = daemon_run(setup);
    cr_expect_eq(run.exit_code, 1, "%d: %s", run.exit_code, run.errors);
    cr_expect(strstr(run.errors, words), "\"%s\" is missing: %s", words, run.errors);
    cr_expect_null(strstr(run.output, "Listening"));
}

static void assert_file_is(const char *path, const char *bytes, size_t length) {
    size_t length_now;
    CLEANUP(file_free_text_at) char *now = file_read(path, &length_now);
    cr_expect_eq(length_now, length, "%s had %zu bytes and has %zu", path, length, length_now);
    cr_expect(length_now == length && memcmp(now, bytes, length) == 0, "%s has other bytes than it had", path);
}

static void execute(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    char *error = NULL;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_exec(db, sql, NULL, NULL, &error);
    cr_assert_null(error, "%s", error);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

/* A database of portd's own with so many leases, closed. */
static void make_database(unsigned n_leases) {
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (unsigned i = 0; i < n_leases; i += 50)
        cr_assert_neq(caller_grant(&me, "{\"service_name\":\"name-of-some-length-%u\",\"count\":50}", i), 0);
    cr_assert_eq(daemon_stop(&daemon), 0);
}

/* ---- damaged ---- */

/* It starts anew, says so, and the damaged file is beside it, byte for byte. */
static void assert_quarantined(const char *bytes, size_t length) {
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(file_free_text_at) char *aside = file_find(FOLDER, "leases.db.corrupt-");
    cr_assert_not_null(aside, "the damaged file is gone");
    assert_file_is(aside, bytes, length);
    CLEANUP(file_free_text_at) char *errors = daemon_errors(&daemon);
    cr_expect(strstr(errors, "portd: warning: the database " DATABASE " was corrupt"), "%s", errors);
    cr_expect(strstr(errors, aside), "%s", errors);
    CLEANUP(http_reply_deinit) struct http_reply status = caller_get(&me, "/status");
    cr_expect(strstr(json_text_at(status.json, "warnings[0]"), aside), "%s", status.body);
    cr_expect_eq(caller_count_leases(&me), 0);
    caller_grant(&me, "{\"service_name\":\"new\"}");

    cr_assert_eq(daemon_stop(&daemon), 0);
    daemon = daemon_start(&(struct daemon_setup){0});
    cr_expect_eq(caller_count_leases(&me), 1);
    CLEANUP(file_free_text_at) char *no_errors = daemon_errors(&daemon);
    cr_expect_null(strstr(no_errors, "corrupt"), "%s", no_errors);
    assert_file_is(aside, bytes, length);
}

Test(database, a_text_file_is_put_aside) {
    static const char text[] =
        "This is not the database that you are looking for, and it is longer than a header is, too, "
        "so that nobody can say it was only cut short.\n";
    sandbox_enter();
    cr_assert_eq(mkdir(FOLDER, 0700), 0);
    file_write_text(DATABASE, text);
    assert_quarantined(text, strlen(text));
}

Test(database, one_with_broken_pages_is_put_aside) {
    sandbox_enter();
    make_database(500);
    size_t length;
    CLEANUP(file_free_text_at) char *bytes = file_read(DATABASE, &length);
    cr_assert_gt(length, 4 * 4096);
    memset(bytes + 4096, 0xa5, length - 4096);
    file_write(DATABASE, bytes, length);
    assert_quarantined(bytes, length);
}

Test(database, one_that_was_cut_short_is_put_aside) {
    sandbox_enter();
    make_database(500);
    size_t length;
    CLEANUP(file_free_text_at) char *bytes = file_read(DATABASE, &length);
    file_write(DATABASE, bytes, length / 2);
    assert_quarantined(bytes, length / 2);
}

Test(database, one_with_a_broken_header_is_put_aside) {
    sandbox_enter();
    make_database(50);
    size_t length;
    CLEANUP(file_free_text_at) char *bytes = file_read(DATABASE, &length);
    memset(bytes, 0, 100);
    file_write(DATABASE, bytes, length);
    assert_quarantined(bytes, length);
}

Test(database, a_damaged_one_of_the_originals_is_put_aside_as_it_was) {
    sandbox_enter();
    cr_assert_eq(mkdir(FOLDER, 0700), 0);
    execute(DATABASE, "CREATE TABLE leases (port INTEGER PRIMARY KEY, service_name TEXT NOT NULL);"
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                      " INSERT INTO leases SELECT i, 'a name of some length ' || i FROM n;");
    size_t length;
    CLEANUP(file_free_text_at) char *bytes = file_read(DATABASE, &length);
    memset(bytes + 4096, 0xa5, length - 4096);
    file_write(DATABASE, bytes, length);
    assert_quarantined(bytes, length);
}

Test(database, two_damaged_ones_in_a_row_are_both_kept) {
    sandbox_enter();
    cr_assert_eq(mkdir(FOLDER, 0700), 0);
    for (int i = 0; i < 2; i++) {
        file_write_text(DATABASE, i == 0 ? "the first of two files that are no database at all, whatever their name is"
                                         : "the second of two files that are no database at all, whatever their name");
        CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    }
    unsigned n_first = 0;
    unsigned n_second = 0;
    for (char *aside; (aside = file_find(FOLDER, "leases.db.corrupt-")); free(aside)) {
        CLEANUP(file_free_text_at) char *text = file_read(aside, NULL);
        n_first += strncmp(text, "the first", 9) == 0;
        n_second += strncmp(text, "the second", 10) == 0;
        cr_assert_eq(unlink(aside), 0);
    }
    cr_assert_eq(n_first, 1);
    cr_assert_eq(n_second, 1);
}

Test(database, an_empty_file_is_a_new_database) {
    sandbox_enter();
    cr_assert_eq(mkdir(FOLDER, 0700), 0);
    file_write_text(DATABASE, "");
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    caller_grant(&me, "{\"service_name\":\"a\"}");
    CLEANUP(file_free_text_at) char *aside = file_find(FOLDER, "leases.db.corrupt-");
    cr_assert_null(aside);
}

/* ---- not damaged, and not to be used ---- */

Test(database, one_of_a_newer_portd_is_left_as_it_is) {
    sandbox_enter();
    make_database(50);
    execute(DATABASE, "PRAGMA user_version = 9999");
    size_t length;
    CLEANUP(file_free_text_at) char *bytes = file_read(DATABASE, &length);
    assert_refused(&(struct daemon_setup){0}, "the database " DATABASE " was written by a newer portd");
    assert_file_is(DATABASE, bytes, length);
    CLEANUP(file_free_text_at) char *aside = file_find(FOLDER, "leases.db.corrupt-");
    cr_assert_null(aside);
}

Test(database, one_that_may_only_be_read_is_left_as_it_is) {
    sandbox_enter();
    make_database(50);
    size_t length;
    CLEANUP(file_free_text_at) char *bytes = file_read(DATABASE, &length);
    if (geteuid() == 0)
        cr_assert_eq(chown(FOLDER, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID), 0);
    cr_assert_eq(unlink(DATABASE ".lock"), 0);
    cr_assert_eq(chmod(DATABASE, 0444), 0);
    assert_refused(&(struct daemon_setup){.uid = ordinary_uid()}, "the database " DATABASE " cannot be used: ");
    assert_file_is(DATABASE, bytes, length);
    CLEANUP(file_free_text_at) char *aside = file_find(FOLDER, "leases.db.corrupt-");
    cr_assert_null(aside);
}

Test(database, one_that_may_not_even_be_read_is_left_as_it_is) {
    sandbox_enter();
    make_database(50);
    if (geteuid() == 0)
        cr_assert_eq(chown(FOLDER, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID), 0);
    cr_assert_eq(unlink(DATABASE ".lock"), 0);
    cr_assert_eq(chmod(DATABASE, 0), 0);
    assert_refused(&(struct daemon_setup){.uid = ordinary_uid()}, "the database " DATABASE " cannot be used: ");
    CLEANUP(file_free_text_at) char *aside = file_find(FOLDER, "leases.db.corrupt-");
    cr_assert_null(aside);
}

Test(database, a_folder_that_may_not_be_written_is_said) {
    sandbox_enter();
    cr_assert_eq(mkdir(SANDBOX_DIR "/closed", 0555), 0);
    const struct daemon_setup in_it = {.uid = ordinary_uid(), .arguments = {"--db", SANDBOX_DIR "/closed/leases.db"}};
    const struct daemon_setup below = {.uid = ordinary_uid(), .arguments = {"--db", SANDBOX_DIR "/closed/a/leases.db"}};
    assert_refused(&in_it, "the database " SANDBOX_DIR "/closed/leases.db cannot be used: Permission denied");
    assert_refused(&below, "the database " SANDBOX_DIR "/closed/a/leases.db cannot be used: Permission denied");
}

Test(database, a_folder_in_its_place_and_a_file_above_it_are_said) {
    sandbox_enter();
    cr_assert_eq(mkdir(SANDBOX_DIR "/folder", 0755), 0);
    file_write_text(SANDBOX_DIR "/file", "");
    assert_refused(&(struct daemon_setup){.arguments = {"--db", SANDBOX_DIR "/folder"}},
                   SANDBOX_DIR "/folder cannot be used");
    assert_refused(&(struct daemon_setup){.arguments = {"--db", SANDBOX_DIR "/file/leases.db"}},
                   SANDBOX_DIR "/file/leases.db cannot be used");
}

/* ---- an original PortManager's ---- */

static const char original[] =
    "CREATE TABLE leases (port INTEGER PRIMARY KEY, service_name TEXT NOT NULL, allocated_at TEXT NOT NULL,"
    " last_heartbeat TEXT NOT NULL, ttl_seconds INTEGER NOT NULL, tags TEXT NOT NULL);"
    "INSERT INTO leases VALUES (8000, 'web', '2026-01-02T03:04:05.123456789+00:00',"
    " '2026-01-02T03:05:05.987654321+00:00', 300, '[]');"
    "INSERT INTO leases VALUES (8001, 'web', '2026-01-02T04:04:05.5+01:00', '2026-01-02T03:05:05+00:00', 60,"
    " '[\"a\",\"b \\\"c\\\"\"]');"
    "INSERT INTO leases VALUES (12345, 'wéb 🚀', '2026-01-02T03:04:05Z', 'yesterday', 99999999999, 'no tags');"
    "INSERT INTO leases VALUES (0, 'no port', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', 300, '[]');"
    "INSERT INTO leases VALUES (65536, 'no port', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', 300, '[]');"
    "INSERT INTO leases VALUES (8002, '', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', 300, '[]');"
    "INSERT INTO leases VALUES (8003, 'no ttl', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z', 0, '[]');";

static void assert_imported(const cJSON *list) {
    cr_assert_eq(cJSON_GetArraySize(list), 3);
    cr_expect_eq(json_number_at(list, "[0].port"), 8000);
    cr_expect_str_eq(json_text_at(list, "[0].service_name"), "web");
    cr_expect_str_eq(json_text_at(list, "[0].allocated_at"), "2026-01-02T03:04:05.123Z");
    cr_expect_eq(json_number_at(list, "[0].ttl_seconds"), 300);
    cr_expect_eq(json_number_at(list, "[0].uid"), geteuid());
    cr_expect_eq(json_number_at(list, "[1].port"), 8001);
    cr_expect_str_eq(json_text_at(list, "[1].allocated_at"), "2026-01-02T03:04:05.500Z");
    cr_expect_str_eq(json_text_at(list, "[1].tags[1]"), "b \"c\"");
    cr_expect_eq(json_size_at(list, "[1].tags"), 2);
    cr_expect_eq(json_number_at(list, "[2].port"), 12345);
    cr_expect_str_eq(json_text_at(list, "[2].service_name"), "wéb 🚀");
    cr_expect_eq(json_number_at(list, "[2].ttl_seconds"), 2592000);
    cr_expect_eq(json_size_at(list, "[2].tags"), 0);
    /* Their time begins anew: nobody knows how long the machine was off. */
    const uint64_t left = json_number_at(list, "[1].expires_in_seconds");
    cr_expect(left > 0 && left <= 60, "%lu", left);
}

Test(database, an_originals_leases_are_imported_once) {
    sandbox_enter();
    cr_assert_eq(mkdir(FOLDER, 0700), 0);
    execute(DATABASE, original);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit) struct http_reply first = caller_list(&me);
    assert_imported(first.json);
    CLEANUP(file_free_text_at) char *errors = daemon_errors(&daemon);
    cr_expect(strstr(errors, "3 leases imported"), "%s", errors);
    cr_expect(strstr(errors, "4 rows refused"), "%s", errors);
    CLEANUP(http_reply_deinit) struct http_reply beat = caller_post(&me, "/heartbeat", "{\"port\":12345}");
    assert_status(beat, 200);
    caller_release(&me, 8000);
    const uint16_t granted = caller_grant(&me, "{\"service_name\":\"new\"}");
    cr_expect(granted != 8001 && granted != 12345);
    cr_assert_eq(daemon_stop(&daemon), 0);

    daemon = daemon_start(&(struct daemon_setup){0});
    cr_expect_eq(caller_count_leases(&me), 3);
    cr_expect_not(caller_sees_lease(&me, 8000), "what was released has come back");
    cr_expect(caller_sees_lease(&me, 8001));
    CLEANUP(file_free_text_at) char *no_errors = daemon_errors(&daemon);
    cr_expect_null(strstr(no_errors, "imported"), "%s", no_errors);
}

/* Whoever goes back to the original finds its leases still in the file. */
Test(database, an_originals_own_table_is_kept) {
    sandbox_enter();
    cr_assert_eq(mkdir(FOLDER, 0700), 0);
    execute(DATABASE, original);
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    cr_assert_eq(daemon_stop(&daemon), 0);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    cr_assert_eq(sqlite3_open(DATABASE, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*), min(tags) FROM original_leases", -1, &statement, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    cr_expect_eq(sqlite3_column_int(statement, 0), 7);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}
