/*
 * The database: what is put in comes out, after a restart, too; a second daemon is kept out; a file that is no database is put
 * aside; what cannot be used is left as it is.
 */
#include "src/lease/store.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/fd.h"
#include "src/base/directory.h"
#include "tests/support/fake_store.h"

#define OTHER_UID 65534

static struct fake_home home;

static void set_up(void) {
    fake_home_make(&home);
}

static void tear_down(void) {
    fake_home_remove(&home);
}

TestSuite(store, .init = set_up, .fini = tear_down);

static void assert_reason(const char *reason) {
    cr_expect_gt(strlen(reason), 0, "no reason");
    cr_expect_neq(reason[strlen(reason) - 1], '.', "%s", reason);
}

/* SQLite says no more than that the file cannot be opened. */
Test(store, too_few_descriptors_are_named) {
    struct rlimit limit;
    unsigned n_named = 0;
    int r = STORE_E_FAILED;
    int first = dup(STDIN_FILENO);

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    close(first);
    for (int more = 1; r != 0 && more < 10; more++) {
        struct store *store = NULL;
        struct store_opening opening;

        limit.rlim_cur = (rlim_t)first + (rlim_t)more;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        r = fake_store_try(&home, &store, &opening);
        n_named += r != 0 && strstr(opening.reason, "raise its limit (ulimit -n)") != NULL ? 1 : 0;
        cr_expect(r == 0 || n_named > 0 || strstr(opening.reason, "Too many open files"), "%s", opening.reason);
        store_close(store);
    }
    cr_expect_eq(r, 0);
    cr_expect_gt(n_named, 0);
}

/* ---- what is put in comes out ---- */

static void assert_equal(const struct lease *a, const struct lease *b) {
    cr_expect_eq(a->id, b->id);
    cr_expect_eq(a->port, b->port);
    cr_expect_str_eq(a->service_name, b->service_name);
    cr_expect_str_eq(a->project, b->project);
    cr_expect_eq(a->uid, b->uid);
    cr_expect_eq(a->slot, b->slot);
    cr_assert_eq(a->n_tags, b->n_tags, "%zu tags", a->n_tags);
    for (size_t i = 0; i < a->n_tags; i++)
        cr_expect_str_eq(a->tags[i], b->tags[i]);
    cr_expect_eq(a->allocated_at, b->allocated_at);
    cr_expect_eq(a->last_heartbeat, b->last_heartbeat);
    cr_expect_eq(a->ttl_seconds, b->ttl_seconds);
    cr_expect_eq(a->deadline, b->deadline);
    cr_expect_eq(a->holder.pid, b->holder.pid);
    cr_expect_eq(a->holder.start_time, b->holder.start_time);
    cr_expect_eq(a->holder.pidfd_inode, b->holder.pidfd_inode);
    cr_expect_eq(a->was_bound, b->was_bound);
    cr_expect_eq(a->outlasts_holder, b->outlasts_holder);
    cr_expect_eq(b->holder_pidfd, -1);
    cr_expect_not(b->unsaved);
}

/* A lease with the longest of everything. */
static struct lease *make_large_lease(void) {
    static char project[LEASE_PROJECT_MAX + 1] = "/";
    const char *tags[LEASE_TAGS_MAX];
    struct lease *lease = lease_new();
    memset(project + 1, 'p', LEASE_PROJECT_MAX - 1);
    for (size_t i = 0; i < LEASE_TAGS_MAX; i++)
        tags[i] = i % 2 ? "a \"quoted\" \\ tag" : "\xF0\x9F\x98\x80 caf\xC3\xA9 '); DROP TABLE lease; --";
    cr_assert_eq(
        lease_set_key(lease,
                      &(struct lease_key){.uid = UINT32_MAX - 1, .service_name = "it's \xC3\xA9", .project = project}),
        0);
    cr_assert_eq(lease_set_tags(lease, tags, LEASE_TAGS_MAX), 0);
    lease->id = (UINT64_C(1) << 53) - 2;
    lease->port = 65535;
    lease->slot = LEASE_COUNT_MAX;
    lease->allocated_at = -1;
    lease->last_heartbeat = INT64_C(253402300799999);
    lease->ttl_seconds = LEASE_TTL_MAX;
    lease->deadline = INT64_MAX;
    lease->holder = (struct process_id){.pid = 4194304, .start_time = UINT64_MAX, .pidfd_inode = UINT64_MAX - 1};
    lease->was_bound = true;
    lease->outlasts_holder = true;
    return lease;
}

Test(store, leases_come_back_as_they_were_lowest_id_first) {
    struct lease *put[] = {make_large_lease(), fake_store_make_lease(1, 1, "web", 0),
                           fake_store_make_lease(2, 8000, "web", 1)};
    struct lease *loaded[4] = {0};
    struct store *store = fake_store_open(&home);
    lease_set_tags(put[2], NULL, 0);
    lease_set_key(put[2], &(struct lease_key){.uid = 0, .service_name = "x", .project = ""});
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(store_put_lease(store, put[i]), 0, "%s", store_reason(store));
    store_close(store);
    store = fake_store_open(&home);
    cr_assert_eq(fake_store_load(store, loaded, 4), 3);
    assert_equal(put[1], loaded[0]);
    assert_equal(put[2], loaded[1]);
    assert_equal(put[0], loaded[2]);
    for (size_t i = 0; i < 3; i++) {
        lease_free(put[i]);
        lease_free(loaded[i]);
    }
    store_close(store);
}

Test(store, a_lease_that_is_put_again_is_changed_and_one_that_is_deleted_is_gone) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = fake_store_make_lease(1, 8000, "web", 0);
    struct lease *loaded[2];
    cr_assert_eq(store_put_lease(store, lease), 0);
    lease->deadline = 9;
    lease->was_bound = true;
    cr_assert_eq(store_put_lease(store, lease), 0);
    cr_assert_eq(fake_store_load(store, loaded, 2), 1);
    assert_equal(lease, loaded[0]);
    lease_free(loaded[0]);
    cr_expect_eq(store_delete_lease(store, 2), 0, "what is not there is deleted already");
    cr_expect_eq(store_delete_lease(store, 1), 0);
    cr_expect_eq(fake_store_load(store, loaded, 2), 0);
    lease_free(lease);
}

/* The old one was released while the disk was full, and could not be deleted. */
Test(store, a_new_lease_takes_the_place_of_an_old_one_on_its_port) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *old = fake_store_make_lease(1, 8000, "old", 0);
    struct lease *new = fake_store_make_lease(2, 8000, "new", 0);
    struct lease *loaded[2];
    cr_assert_eq(store_put_lease(store, old), 0);
    cr_assert_eq(store_put_lease(store, new), 0);
    cr_assert_eq(fake_store_load(store, loaded, 2), 1);
    assert_equal(new, loaded[0]);
    lease_free(loaded[0]);
    lease_free(old);
    lease_free(new);
}

Test(store, a_transaction_is_stored_as_a_whole_or_not_at_all) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = fake_store_make_lease(1, 8000, "web", 0);
    const struct lease_key key = lease_get_key(lease);
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(store_begin(store), 0);
        cr_assert_eq(store_put_lease(store, lease), 0);
        cr_assert_eq(store_put_sticky(store, &key, 0, 8000), 0);
        cr_assert_eq(store_put_cursor(store, 8000), 0);
        cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM lease"), 0, "nobody sees it yet");
        if (round == 0)
            store_rollback(store);
        else
            cr_assert_eq(store_commit(store), 0);
        cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM lease"), round);
        cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM sticky"), round);
        cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM mark WHERE name = 'cursor'"), round);
    }
    store_rollback(store); /* nothing is begun: nothing happens */
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM lease"), 1);
    lease_free(lease);
}

Test(store, what_is_out_of_order_fails_with_a_reason_and_changes_nothing) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    cr_expect_eq(store_commit(store), STORE_E_FAILED);
    assert_reason(store_reason(store));
    cr_assert_eq(store_begin(store), 0);
    cr_expect_eq(store_begin(store), STORE_E_FAILED);
    char *reason = strdup(store_reason(store));
    assert_reason(reason);
    store_rollback(store);
    cr_expect_str_eq(store_reason(store), reason, "the rollback does not hide why");
    free(reason);
    cr_assert_eq(store_begin(store), 0);
    cr_assert_eq(store_commit(store), 0);
}

/* Somebody looks into the database with a tool of his own. */
static void *hold_for_a_moment(void *context) {
    char path[PATH_MAX];
    sqlite3 *db = NULL;
    fake_home_path(&home, FAKE_STORE_FILE, path);
    const bool held =
        sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    if (write(*(const int *)context, held ? "y" : "n", 1) == 1)
        usleep(200000);
    sqlite3_close(db);
    return NULL;
}

Test(store, another_program_that_writes_for_a_moment_is_waited_for) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = fake_store_make_lease(1, 8000, "web", 0);
    pthread_t thread;
    int ends[2];
    char held;
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(pthread_create(&thread, NULL, hold_for_a_moment, &ends[1]), 0);
    cr_assert_eq(read(ends[0], &held, 1), 1);
    cr_assert_eq(held, 'y');
    cr_expect_eq(store_put_lease(store, lease), 0, "%s", store_reason(store));
    pthread_join(thread, NULL);
    lease_free(lease);
}

Test(store, the_marks_are_remembered) {
    struct store_marks marks;
    struct store *store = fake_store_open(&home);
    memset(&marks, 0xFF, sizeof(marks));
    cr_assert_eq(store_load_marks(store, &marks), 0);
    cr_expect_eq(marks.cursor, 0);
    cr_expect_eq(marks.next_id, 1);
    cr_expect_str_eq(marks.boot_id, "");
    cr_assert_eq(store_put_cursor(store, 65535), 0);
    cr_assert_eq(store_put_boot_id(store, "0b0e5c5e-2a5f-4dd8-9d5c-0a1b2c3d4e5f"), 0);
    cr_assert_eq(store_put_cursor(store, 8003), 0);
    store_close(store);
    store = fake_store_open(&home);
    cr_assert_eq(store_load_marks(store, &marks), 0);
    cr_expect_eq(marks.cursor, 8003);
    cr_expect_str_eq(marks.boot_id, "0b0e5c5e-2a5f-4dd8-9d5c-0a1b2c3d4e5f");
    store_close(store);
}

Test(store, a_mark_that_is_nonsense_is_none) {
    static const char *const texts[] = {"", "0", "65536", "-1", "abc", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char sql[128];
        struct store_marks marks = {0};
        CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
        snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO mark VALUES ('cursor', '%s')", texts[i]);
        fake_store_execute(&home, sql);
        cr_assert_eq(store_load_marks(store, &marks), 0);
        cr_expect_eq(marks.cursor, 0, "\"%s\"", texts[i]);
    }
}

Test(store, no_id_is_ever_used_twice) {
    struct store_marks marks = {0};
    struct store *store = fake_store_open(&home);
    struct lease *lease = fake_store_make_lease(41, 8000, "web", 0);
    cr_assert_eq(store_put_lease(store, lease), 0);
    cr_assert_eq(store_load_marks(store, &marks), 0);
    cr_expect_eq(marks.next_id, 42);
    cr_assert_eq(store_delete_lease(store, 41), 0);
    store_close(store);
    store = fake_store_open(&home);
    cr_assert_eq(store_load_marks(store, &marks), 0);
    cr_expect_eq(marks.next_id, 42, "deleted, and remembered");
    lease->id = 42;
    cr_assert_eq(store_put_lease(store, lease), 0);
    lease->id = 7;
    lease->port = 8001;
    cr_assert_eq(store_put_lease(store, lease), 0, "a lower one changes nothing");
    cr_assert_eq(store_load_marks(store, &marks), 0);
    cr_expect_eq(marks.next_id, 43);
    store_close(store);
    lease_free(lease);
}

static void sticky_deinit_at(struct sticky_table *table) {
    sticky_table_deinit(table);
}

Test(store, sticky_ports_are_remembered) {
    CLEANUP(sticky_deinit_at) struct sticky_table table;
    const struct lease_key web = {.uid = 1000, .service_name = "web", .project = ""};
    const struct lease_key in_project = {.uid = 1000, .service_name = "web", .project = "/shop"};
    const struct lease_key db = {.uid = UINT32_MAX - 1, .service_name = "db", .project = ""};
    struct store *store = fake_store_open(&home);
    cr_assert_eq(sticky_table_init(&table), 0);
    cr_assert_eq(store_put_sticky(store, &web, 0, 8000), 0);
    cr_assert_eq(store_put_sticky(store, &web, 1, 65535), 0);
    cr_assert_eq(store_put_sticky(store, &in_project, 0, 8002), 0);
    cr_assert_eq(store_put_sticky(store, &db, 0, 8003), 0);
    cr_assert_eq(store_put_sticky(store, &web, 0, 8004), 0, "moves");
    cr_assert_eq(store_put_sticky(store, &db, 1, 8002), 0, "takes over");
    cr_assert_eq(store_put_sticky(store, &db, 1, 8002), 0, "stays");
    store_close(store);
    store = fake_store_open(&home);
    cr_assert_eq(store_load_sticky(store, &table), 0);
    cr_expect_eq(sticky_table_find(&table, &web, 0), 8004);
    cr_expect_eq(sticky_table_find(&table, &web, 1), 65535);
    cr_expect_eq(sticky_table_find(&table, &in_project, 0), 0);
    cr_expect_eq(sticky_table_find(&table, &db, 0), 8003);
    cr_expect_eq(sticky_table_find(&table, &db, 1), 8002);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM sticky"), 4);
    store_close(store);
}

static int refuse(void *context, struct lease *lease) {
    lease_free(lease);
    return ++*(int *)context == 2 ? -ENOMEM : 0;
}

Test(store, loading_ends_where_it_is_told_to) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    int n_taken = 0;
    for (unsigned i = 1; i <= 3; i++) {
        struct lease *lease = fake_store_make_lease(i, (uint16_t)(8000 + i), "web", i);
        cr_assert_eq(store_put_lease(store, lease), 0);
        lease_free(lease);
    }
    cr_expect_eq(store_load_leases(store, refuse, &n_taken), -ENOMEM);
    cr_expect_eq(n_taken, 2);
    struct lease *loaded[4];
    cr_assert_eq(fake_store_load(store, loaded, 4), 3, "and can begin again");
    for (size_t i = 0; i < 3; i++)
        lease_free(loaded[i]);
}

/* ---- rows that are no lease ---- */

static void insert_row(const char *id, const char *name, const char *project, const char *rest) {
    char sql[512];
    snprintf(sql, sizeof(sql),
             "INSERT INTO lease VALUES (%s, 7000 + (SELECT count(*) FROM lease), %s, %s, %s, 0, 0, 0)", id, name,
             project, rest);
    fake_store_execute(&home, sql);
}

/* uid, slot, tags, allocated_at, last_heartbeat, ttl_seconds, deadline, holder: pid, start_time, pidfd_inode; was_bound; the asker's
 * pid, and its other two numbers and outlasts_holder are always 0 */
#define SOUND "1000, 0, '[]', 5, 5, 300, 9, 0, 0, 0, 0, 0"

static void assert_loads_two_of(long long n_rows) {
    struct lease *loaded[16];
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    const size_t n_loaded = fake_store_load(store, loaded, 16);
    cr_expect_eq(n_loaded, 2, "%zu", n_loaded);
    for (size_t i = 0; i < n_loaded; i++)
        lease_free(loaded[i]);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM lease"), n_rows, "left where they are");
}

Test(store, a_row_with_a_bad_name_is_left_and_not_used) {
    store_close(fake_store_open(&home));
    insert_row("1", "'first'", "''", SOUND);
    insert_row("2", "''", "''", SOUND);
    insert_row("3", "char(10)", "''", SOUND);
    insert_row("4", "CAST(x'FF' AS TEXT)", "''", SOUND);
    insert_row("5", "printf('%0129d', 0)", "''", SOUND);
    insert_row("6", "'last'", "'/shop'", SOUND);
    assert_loads_two_of(6);
}

Test(store, a_row_with_numbers_that_no_lease_has_is_left_and_not_used) {
    store_close(fake_store_open(&home));
    insert_row("-5", "'id'", "''", SOUND);
    insert_row("0", "'id'", "''", SOUND);
    insert_row("1", "'first'", "''", SOUND);
    insert_row("2", "'ttl'", "''", "1000, 0, '[]', 5, 5, 0, 9, 0, 0, 0, 0, 0");
    insert_row("3", "'ttl'", "''", "1000, 0, '[]', 5, 5, -300, 9, 0, 0, 0, 0, 0");
    insert_row("4", "'ttl'", "''", "1000, 0, '[]', 5, 5, 9223372036854775807, 9, 0, 0, 0, 0, 0");
    insert_row("5", "'uid'", "''", "-1, 0, '[]', 5, 5, 300, 9, 0, 0, 0, 0, 0");
    insert_row("6", "'pid'", "''", "1000, 0, '[]', 5, 5, 300, 9, -7, 0, 0, 0, 0");
    insert_row("9", "'asker'", "''", "1000, 0, '[]', 5, 5, 300, 9, 0, 0, 0, 0, -7");
    insert_row("7", "'project'", "'relative'", SOUND);
    insert_row("8", "'last'", "'/shop'", SOUND);
    insert_row("10", "'outlasts_holder'", "''", SOUND);
    fake_store_execute(&home, "UPDATE lease SET outlasts_holder = 2 WHERE id = 10");
    assert_loads_two_of(12);
}

/* ---- a second daemon ---- */

static int try_locked(void *context) {
    const pid_t *expected = context;
    struct store *store;
    struct store_opening opening;
    if (fake_store_try(&home, &store, &opening) != STORE_E_LOCKED || store)
        return 1;
    return opening.locked_by == *expected ? 0 : 2;
}

Test(store, a_second_process_is_kept_out_and_told_by_whom) {
    pid_t self = getpid();
    struct store *store = fake_store_open(&home);
    cr_expect_eq(fake_home_run_as(0, try_locked, &self), 0);
    store_close(store);
    cr_expect_neq(fake_home_run_as(0, try_locked, &self), 0, "given up with the store");
}

/* Two names of one database are one database: the lock is the file's, not the name's. */
static int try_by_another_name(void *context) {
    struct store *store;
    struct store_opening opening;
    const int r = store_open(context, 0, FAKE_STORE_NOW, &store, &opening);
    return r == STORE_E_LOCKED ? 0 : r == STORE_E_FAILED && strstr(opening.reason, "second name") ? 1 : 2;
}

Test(store, a_symbolic_link_leads_to_the_same_lock) {
    char link[PATH_MAX + 16];
    snprintf(link, sizeof(link), "%s/link.db", home.path);
    cr_assert_eq(symlink(FAKE_STORE_FILE, link), 0);
    struct store *store = fake_store_open(&home);
    cr_expect_eq(fake_home_run_as(0, try_by_another_name, link), 0);
    store_close(store);
}

Test(store, a_link_to_nothing_makes_the_database_that_it_leads_to) {
    char link[PATH_MAX + 16];
    struct store_opening opening;
    struct store *store;
    snprintf(link, sizeof(link), "%s/link.db", home.path);
    cr_assert_eq(symlink(FAKE_STORE_FILE, link), 0);
    cr_assert_eq(store_open(link, 0, FAKE_STORE_NOW, &store, &opening), 0);
    pid_t self = getpid();
    cr_expect_eq(fake_home_run_as(0, try_locked, &self), 0);
    store_close(store);
}

Test(store, a_hard_link_is_refused) {
    char path[PATH_MAX + 16];
    char second[PATH_MAX + 16];
    store_close(fake_store_open(&home));
    snprintf(path, sizeof(path), "%s/%s", home.path, FAKE_STORE_FILE);
    snprintf(second, sizeof(second), "%s/second.db", home.path);
    cr_assert_eq(link(path, second), 0);
    cr_expect_eq(fake_home_run_as(0, try_by_another_name, second), 1);
    cr_expect_eq(fake_home_run_as(0, try_by_another_name, path), 1);
}

/* In a pid namespace of its own the first process has no number. */
static int try_locked_elsewhere(void *context) {
    (void)context;
    if (unshare(CLONE_NEWPID) < 0)
        return 77;
    pid_t nobody = 0;
    return fake_home_run_as(0, try_locked, &nobody);
}

Test(store, a_process_of_another_pid_namespace_keeps_it_out_without_a_number) {
    struct store *store = fake_store_open(&home);
    const int r = fake_home_run_as(0, try_locked_elsewhere, NULL);
    store_close(store);
    if (r == 77)
        cr_skip_test("only root can make a pid namespace");
    cr_expect_eq(r, 0);
}

Test(store, a_lock_ends_with_its_process) {
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct store *store;
        struct store_opening opening;
        if (fake_store_try(&home, &store, &opening) != 0 || write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    struct store *store;
    struct store_opening opening;
    cr_expect_eq(fake_store_try(&home, &store, &opening), STORE_E_LOCKED);
    cr_expect_eq(opening.locked_by, child);
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(fake_store_try(&home, &store, &opening), 0);
    store_close(store);
}

Test(store, a_lock_file_that_is_a_link_is_not_followed) {
    char link[PATH_MAX];
    char target[PATH_MAX];
    struct store *store;
    struct store_opening opening;
    fake_home_path(&home, FAKE_STORE_FILE ".lock", link);
    fake_home_path(&home, "victim", target);
    cr_assert_eq(symlink(target, link), 0);
    cr_expect_eq(fake_store_try(&home, &store, &opening), STORE_E_FAILED);
    assert_reason(opening.reason);
    cr_expect_eq(fake_home_count(&home, "victim", NULL), 0);
}

/* ---- folders and rights ---- */

Test(store, a_missing_folder_is_made_for_its_user_alone) {
    char path[PATH_MAX];
    struct stat status;
    struct store *store;
    struct store_opening opening;
    umask(0);
    fake_home_path(&home, "a/b/leases.db", path);
    cr_assert_eq(store_open(path, 0, FAKE_STORE_NOW, &store, &opening), 0, "%s", opening.reason);
    store_close(store);
    fake_home_path(&home, "a/b", path);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0700);
    fake_home_path(&home, "a", path);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0700);
}

Test(store, a_path_of_4096_bytes_has_no_folders) {
    char *path = calloc(1, 4097);
    memset(path, 'x', 4096);
    memcpy(path, "/tmp/", 5);
    cr_expect_eq(directory_make_parents(path), -ENAMETOOLONG);
    path[4095] = '\0';
    cr_expect_eq(directory_make_parents(path), 0, "its folder is there");
    free(path);
    cr_expect_eq(directory_make_parents("leases.db"), 0, "it needs none");
}

static void assert_cannot_be_opened(const char *path) {
    struct store *store = NULL;
    struct store_opening opening;
    memset(&opening, 0xFF, sizeof(opening));
    cr_expect_eq(store_open(path, 0, FAKE_STORE_NOW, &store, &opening), STORE_E_FAILED, "%s", path);
    cr_expect_null(store, "the output is untouched");
    cr_expect_str_eq(opening.quarantined, "");
    assert_reason(opening.reason);
}

Test(store, a_place_where_no_database_can_be_is_refused_with_a_reason) {
    char path[PATH_MAX];
    fake_home_write(&home, "file", "text", 4);
    fake_home_path(&home, "file/leases.db", path);
    assert_cannot_be_opened(path);
    fake_home_path(&home, "folder", path);
    cr_assert_eq(mkdir(path, 0700), 0);
    assert_cannot_be_opened(path);
    cr_expect_eq(fake_home_count(&home, "folder.corrupt", NULL), 0);
    assert_cannot_be_opened("/proc/leases.db");
    char *long_path = calloc(1, 5001);
    memset(long_path, 'x', 5000);
    long_path[0] = '/';
    assert_cannot_be_opened(long_path);
    free(long_path);
}

static int try_failed(void *context) {
    const char *expected = context;
    struct store *store;
    struct store_opening opening;
    if (fake_store_try(&home, &store, &opening) != STORE_E_FAILED || store)
        return 1;
    return strstr(opening.reason, expected) ? 0 : 2;
}

static char permission_denied[] = "Permission denied";
static char read_only[] = "read";

Test(store, a_folder_that_may_not_be_written_to_is_refused_with_a_reason) {
    cr_assert_eq(chmod(home.path, 0555), 0);
    cr_expect_eq(fake_home_run_as(OTHER_UID, try_failed, permission_denied), 0);
    cr_assert_eq(chmod(home.path, 0755), 0);
}

Test(store, a_file_that_may_not_be_written_to_is_refused_with_a_reason) {
    char path[PATH_MAX];
    store_close(fake_store_open(&home));
    fake_home_path(&home, FAKE_STORE_FILE, path);
    cr_assert_eq(chmod(path, 0444), 0);
    fake_home_path(&home, FAKE_STORE_FILE ".lock", path);
    cr_assert_eq(chmod(path, 0666), 0);
    cr_assert_eq(chmod(home.path, 0777), 0);
    cr_expect_eq(fake_home_run_as(OTHER_UID, try_failed, read_only), 0);
}

Test(store, closing_nothing_is_allowed) {
    cr_expect_null(store_close(NULL));
}
