/*
 * A database that cannot be written: the n-th write, the n-th step of a statement, the n-th piece of memory fails, for every n,
 * and a disk that is really full. Whatever fails, nothing is half stored, the reason is known, and when the fault is over all
 * goes on.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "probe/fd.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

/* No loop over n goes further than this. */
#define MANY 5000

static struct fake_home home;

static void set_up(void) {
    fake_home_make(&home);
}

static void tear_down(void) {
    fake_home_remove(&home);
}

TestSuite(store_faults, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- a grant of two leases, as the registry stores it ---- */

static unsigned n_grants;
static unsigned n_steps_left; /* until a step of a statement fails; 0: none does */

static int store_all(struct store *store, struct lease *const *leases) {
    int r = store_begin(store);
    for (size_t i = 0; i < 2 && r == 0; i++) {
        const struct lease_key key = lease_get_key(leases[i]);
        r = store_put_lease(store, leases[i]);
        if (r == 0)
            r = store_put_sticky(store, &key, leases[i]->slot, leases[i]->port);
    }
    if (r == 0)
        r = store_put_cursor(store, leases[1]->port);
    if (r == 0)
        r = store_put_boot_id(store, "0b0e5c5e-2a5f-4dd8-9d5c-0a1b2c3d4e5f");
    if (r == 0)
        r = store_delete_lease(store, 1);
    /* SQLite asks once more when the commit is done, and would call "interrupted" what is stored. No disk does that. */
    n_steps_left = 0;
    return r == 0 ? store_commit(store) : r;
}

static int store_grant(struct store *store) {
    struct lease *leases[2];
    for (unsigned i = 0; i < 2; i++)
        leases[i] = fake_store_make_lease(100 + 2 * n_grants + i, (uint16_t)(8000 + 2 * n_grants + i), "web", i);
    const int r = store_all(store, leases);
    for (size_t i = 0; i < 2; i++)
        lease_free(leases[i]);
    return r;
}

/* The whole database in a few sums, which change with every change of it. */
static const char contents_sql[] =
    "SELECT (SELECT count(*) || ':' || coalesce(sum(id * port + slot), 0) FROM lease) || ' ' ||"
    " (SELECT count(*) || ':' || coalesce(sum(port * (slot + 1)), 0) FROM sticky) || ' ' ||"
    " (SELECT coalesce(group_concat(name || '=' || value), '') FROM mark)";

static void read_contents(char *ret_text, size_t size) {
    fake_store_query_text(&home, contents_sql, ret_text, size);
}

/* What a daemon would find that was started after this one had been killed right now. */
static void assert_contents_after_a_crash(const char *expected, unsigned n) {
    struct fake_home copy;
    static const char *const names[] = {FAKE_STORE_FILE, FAKE_STORE_FILE "-wal"};
    char text[256];
    fake_home_make(&copy);
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        char *content = fake_home_read(&home, names[i], &length);
        fake_home_write(&copy, names[i], content, length);
        free(content);
    }
    fake_store_query_text(&copy, contents_sql, text, sizeof(text));
    cr_assert_str_eq(text, expected, "fault %u, after a crash: %s", n, text);
    fake_home_remove(&copy);
}

/* A store with a lease in it, so that there is something to lose. */
static struct store *open_with_one(void) {
    struct store *store = fake_store_open(&home);
    struct lease *lease = fake_store_make_lease(1, 7000, "first", 0);
    cr_assert_eq(store_put_lease(store, lease), 0);
    lease_free(lease);
    return store;
}

/* ---- each fault ---- */

static void fail_write(unsigned n) {
    fake_disk_fail(n, SQLITE_IOERR_WRITE, false);
}

static void fill_disk(unsigned n) {
    fake_disk_fail(n, SQLITE_FULL, true);
}

static void fail_memory(unsigned n) {
    fake_memory_fail(n);
}

static int interrupt(void *context) {
    (void)context;
    return n_steps_left > 0 && --n_steps_left == 0;
}

/* Every step of the byte code of every statement is one. */
static void fail_step(unsigned n) {
    n_steps_left = n;
    sqlite3_progress_handler(fake_disk_last_opened, n > 0 ? 1 : 0, interrupt, NULL);
}

/* Fails the first fault of a grant, then the second, ... until none is left. Returns how many there were. */
static unsigned torture_grant(struct store *store, void (*fail)(unsigned n)) {
    for (unsigned n = 1; n < MANY; n++) {
        char before[256];
        char after[256];
        read_contents(before, sizeof(before));
        fail(n);
        const int r = store_grant(store);
        if (r != 0) {
            cr_assert_eq(r, STORE_E_FAILED, "fault %u: %d", n, r);
            cr_assert_gt(strlen(store_reason(store)), 0, "fault %u: no reason", n);
            store_rollback(store);
        }
        fail(0);
        if (r == 0)
            return n - 1;
        read_contents(after, sizeof(after));
        cr_assert_str_eq(after, before, "fault %u: %s", n, after);
        assert_contents_after_a_crash(before, n);
        if (n % 7 == 0) {
            cr_assert_eq(store_grant(store), 0, "fault %u, and when it was over: %s", n, store_reason(store));
            n_grants++;
        }
    }
    cr_assert(false, "it never came through");
    return 0;
}

Test(store_faults, a_write_that_fails_stores_nothing) {
    fake_disk_install();
    CLEANUP(fake_store_close_at) struct store *store = open_with_one();
    cr_expect_gt(torture_grant(store, fail_write), 2);
}

Test(store_faults, a_full_disk_stores_nothing) {
    fake_disk_install();
    CLEANUP(fake_store_close_at) struct store *store = open_with_one();
    cr_expect_gt(torture_grant(store, fill_disk), 2);
}

Test(store_faults, a_statement_that_fails_stores_nothing) {
    fake_disk_watch();
    CLEANUP(fake_store_close_at) struct store *store = open_with_one();
    sqlite3_reset_auto_extension(); /* looking at the contents opens other connections */
    cr_expect_gt(torture_grant(store, fail_step), 50);
}

Test(store_faults, memory_that_is_short_stores_nothing) {
    fake_memory_install();
    CLEANUP(fake_store_close_at) struct store *store = open_with_one();
    torture_grant(store, fail_memory);
}

/* A single write outside a transaction is one of its own: a renewal, a release. */
Test(store_faults, a_renewal_or_release_that_fails_leaves_what_was) {
    fake_disk_install();
    CLEANUP(fake_store_close_at) struct store *store = open_with_one();
    struct lease *lease = fake_store_make_lease(1, 7000, "first", 0);
    lease->deadline = 123;
    fill_disk(1);
    cr_expect_eq(store_put_lease(store, lease), STORE_E_FAILED);
    cr_expect_gt(strlen(store_reason(store)), 0);
    cr_expect_eq(store_delete_lease(store, 1), STORE_E_FAILED);
    struct lease *loaded[2];
    cr_assert_eq(fake_store_load(store, loaded, 2), 1, "what is there can be read");
    cr_expect_eq(loaded[0]->deadline, 7000000);
    lease_free(loaded[0]);
    fill_disk(0);
    cr_expect_eq(store_put_lease(store, lease), 0);
    cr_expect_eq(fake_store_query(&home, "SELECT deadline FROM lease"), 123);
    cr_expect_eq(store_delete_lease(store, 1), 0);
    lease_free(lease);
}

/* ---- opening ---- */

/* Opens with the first fault, the second, ...; what is in the file is there at the end, and nothing was put aside. */
static void torture_opening(void (*fail)(unsigned n), const char *sql, long long expected) {
    for (unsigned n = 1; n < MANY; n++) {
        struct store *store;
        struct store_opening opening;
        fail(n);
        const int r = fake_store_try(&home, &store, &opening);
        fail(0);
        store_close(store);
        cr_assert_str_eq(opening.quarantined, "", "fault %u", n);
        if (r == 0 && n > 1 && fake_disk.n_failed + fake_memory.n_failed == 0) {
            cr_assert_eq(fake_store_query(&home, sql), expected);
            return;
        }
        cr_assert(r == 0 || r == STORE_E_FAILED || r == -ENOMEM, "fault %u: %d", n, r);
        if (r == STORE_E_FAILED)
            cr_assert(opening.reason[0] != '\0' && !strstr(opening.reason, "not an error") &&
                          !strstr(opening.reason, "rollback"),
                      "fault %u hides behind \"%s\"", n, opening.reason);
    }
    cr_assert(false, "it never came through");
}

/* As torture_opening() sees it: did the fault happen? fail(0) must not wipe that out. */
static void fail_write_and_count(unsigned n) {
    if (n > 0)
        fake_disk_fail(n, SQLITE_IOERR_WRITE, false);
    else
        fake_disk.fail_at = 0;
}

static void fill_disk_and_count(unsigned n) {
    if (n > 0)
        fake_disk_fail(n, SQLITE_FULL, true);
    else
        fake_disk.fail_at = 0;
}

static void fail_memory_and_count(unsigned n) {
    if (n > 0)
        fake_memory_fail(n);
    else
        fake_memory.fail_at = 0;
}

static void (*const opening_faults[])(unsigned n) = {fail_write_and_count, fill_disk_and_count, fail_memory_and_count};

Test(store_faults, a_database_that_cannot_be_opened_this_time_is_not_lost) {
    fake_memory_install();
    fake_disk_install();
    for (size_t i = 0; i < sizeof(opening_faults) / sizeof(opening_faults[0]); i++) {
        store_close(open_with_one());
        torture_opening(opening_faults[i], "SELECT count(*) FROM lease WHERE id = 1", 1);
        fake_home_remove(&home);
        fake_home_make(&home);
    }
}

Test(store_faults, an_original_is_imported_as_a_whole_or_not_at_all) {
    fake_memory_install();
    fake_disk_install();
    for (size_t i = 0; i < sizeof(opening_faults) / sizeof(opening_faults[0]); i++) {
        fake_store_execute(
            &home, "CREATE TABLE leases (port INTEGER PRIMARY KEY, service_name TEXT NOT NULL, allocated_at TEXT"
                   " NOT NULL, last_heartbeat TEXT NOT NULL, ttl_seconds INTEGER NOT NULL, tags TEXT NOT NULL);"
                   "INSERT INTO leases VALUES (8000, 'a', '', '', 300, '[]');"
                   "INSERT INTO leases VALUES (8001, 'b', '', '', 300, '[]');");
        torture_opening(opening_faults[i], "SELECT count(*) FROM lease", 2);
        cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM original_leases"), 2);
        fake_home_remove(&home);
        fake_home_make(&home);
    }
}

/* ---- reading ---- */

/* Whatever is said to be read is all of it. */
static int read_everything(struct store *store) {
    const struct lease_key key = {.uid = 1000, .service_name = "web", .project = "/shop"};
    struct store_marks marks = {0};
    struct sticky_table sticky;
    cr_assert_eq(sticky_table_init(&sticky), 0);
    int r = store_load_marks(store, &marks);
    if (r == 0)
        cr_assert(marks.cursor == 8001 && marks.next_id == 102 && strlen(marks.boot_id) == 36);
    if (r == 0)
        r = store_load_sticky(store, &sticky);
    if (r == 0)
        cr_assert(sticky_table_find(&sticky, &key, 0) == 8000 && sticky_table_find(&sticky, &key, 1) == 8001);
    sticky_table_deinit(&sticky);
    return r;
}

static int count_lease(void *context, struct lease *lease) {
    ++*(unsigned *)context;
    lease_free(lease);
    return 0;
}

Test(store_faults, reading_that_fails_is_said_and_not_taken_for_the_end) {
    fake_disk_watch();
    CLEANUP(fake_store_close_at) struct store *store = open_with_one();
    sqlite3_reset_auto_extension();
    cr_assert_eq(store_grant(store), 0);
    unsigned n_failed = 0;
    for (unsigned n = 1; n < MANY; n++) {
        unsigned n_leases = 0;
        fail_step(n);
        int r = read_everything(store);
        if (r == 0)
            r = store_load_leases(store, count_lease, &n_leases);
        fail_step(0);
        if (r == 0) {
            cr_expect_eq(n_leases, 2);
            cr_expect_gt(n_failed, 20);
            return;
        }
        n_failed++;
        cr_assert_eq(r, STORE_E_FAILED, "step %u: %d", n, r);
    }
    cr_assert(false, "it never came through");
}

/* ---- a disk that is really full, as far as this process may write ---- */

Test(store_faults, a_limit_on_the_files_size_is_a_full_disk) {
    struct rlimit limit;
    struct stat status;
    char path[PATH_MAX];
    CLEANUP(fake_store_close_at) struct store *store = open_with_one();
    signal(SIGXFSZ, SIG_IGN);
    fake_home_path(&home, FAKE_STORE_FILE "-wal", path);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit full = {.rlim_cur = (rlim_t)status.st_size + 100, .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
    cr_expect_eq(store_grant(store), STORE_E_FAILED);
    cr_expect_gt(strlen(store_reason(store)), 0);
    store_rollback(store);
    cr_expect_eq(store_delete_lease(store, 1), STORE_E_FAILED);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM lease"), 1);
    cr_expect_eq(store_grant(store), 0, "%s", store_reason(store));
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM lease"), 2);
}
