/*
 * Ignored squatters: who is one, for whom, and how many. They live as long as their database, and a database that cannot be written changes
 * nothing.
 */
#include "src/conflict/ignores.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "src/base/log.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

#define ANN 1001
#define BOB 1002

static struct fake_home home;
static struct store *store;
static struct ignores *ignores;

static void open_all(void) {
    store = fake_store_open(&home);
    cr_assert_eq(ignores_new(store, &ignores), 0);
}

static void close_all(void) {
    ignores = ignores_free(ignores);
    store = store_close(store);
}

static void set_up(void) {
    fake_disk_install();
    fake_home_make(&home);
    log_set_level(LOG_LEVEL_ERROR);
    open_all();
}

static void tear_down(void) {
    close_all();
    fake_home_remove(&home);
}

TestSuite(ignores, .init = set_up, .fini = tear_down, .timeout = 60);

/* A squatter; without a name it is hidden. */
static struct finding squatter(uint16_t port, uid_t uid, const char *process) {
    struct finding finding = {.kind = FINDING_UNLEASED, .port = port, .uid = uid, .pid = process ? 4711 : 0};
    if (process)
        snprintf(finding.process, sizeof(finding.process), "%s", process);
    return finding;
}

static bool asks(uid_t uid, uint16_t port, uid_t squatter_uid, const char *process) {
    const struct finding finding = squatter(port, squatter_uid, process);
    return ignores_is_ignored(ignores, uid, &finding);
}

static int set(uid_t uid, uint16_t port, uid_t squatter_uid, const char *process, bool ignored) {
    const struct finding finding = squatter(port, squatter_uid, process);
    return ignores_set(ignores, uid, &finding, 1, ignored);
}

static long long n_rows(void) {
    return fake_store_query(&home, "SELECT count(*) FROM ignored");
}

Test(ignores, a_squatter_is_its_port_its_uid_and_its_name_and_each_user_has_his_own) {
    cr_expect_not(asks(ANN, 8001, BOB, "node"));
    cr_assert_eq(set(ANN, 8001, BOB, "node", true), 0);
    cr_expect(asks(ANN, 8001, BOB, "node"));
    cr_expect_not(asks(BOB, 8001, BOB, "node"), "another user");
    cr_expect_not(asks(0, 8001, BOB, "node"), "root");
    cr_expect_not(asks(ANN, 8002, BOB, "node"), "another port");
    cr_expect_not(asks(ANN, 8001, ANN, "node"), "another's process");
    cr_expect_not(asks(ANN, 8001, BOB, "nod"), "another program");
    cr_expect_not(asks(ANN, 8001, BOB, "node2"), "another program");
    cr_expect_not(asks(ANN, 8001, BOB, NULL), "a hidden one");
}

Test(ignores, neither_kind_nor_pid_nor_lease_are_a_part_of_it) {
    struct finding again = squatter(8001, BOB, "node");
    cr_assert_eq(set(ANN, 8001, BOB, "node", true), 0);
    again.kind = FINDING_SPLIT;
    again.pid = 5;
    again.lease_id = 7;
    cr_expect(ignores_is_ignored(ignores, ANN, &again));
}

Test(ignores, a_hidden_one_has_no_name_whatever_it_was_called) {
    struct finding hidden = squatter(8001, BOB, "node");
    hidden.pid = 0;
    cr_assert_eq(ignores_set(ignores, ANN, &hidden, 1, true), 0);
    cr_expect(asks(ANN, 8001, BOB, NULL));
    cr_expect_not(asks(ANN, 8001, BOB, "node"));
}

Test(ignores, it_can_be_undone_and_doing_it_twice_is_doing_it_once) {
    for (int i = 0; i < 2; i++)
        cr_assert_eq(set(ANN, 8001, BOB, "node", true), 0);
    cr_expect_eq(n_rows(), 1);
    cr_assert_eq(set(BOB, 8001, BOB, "node", true), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(set(ANN, 8001, BOB, "node", false), 0);
    cr_expect_not(asks(ANN, 8001, BOB, "node"));
    cr_expect(asks(BOB, 8001, BOB, "node"));
    cr_expect_eq(n_rows(), 1);
}

Test(ignores, they_are_there_again_after_a_restart) {
    cr_assert_eq(set(ANN, 8001, BOB, "node", true), 0);
    cr_assert_eq(set(ANN, 8000, 0, NULL, true), 0);
    cr_assert_eq(set(BOB, 65535, UINT32_MAX - 1, "caf\xC3\xA9 \"'", true), 0);
    cr_assert_eq(set(ANN, 8002, BOB, "gone", true), 0);
    cr_assert_eq(set(ANN, 8002, BOB, "gone", false), 0);
    const uint64_t digest = ignores_digest(ignores, 8001);
    close_all();
    open_all();
    cr_expect(asks(ANN, 8001, BOB, "node"));
    cr_expect(asks(ANN, 8000, 0, NULL));
    cr_expect(asks(BOB, 65535, UINT32_MAX - 1, "caf\xC3\xA9 \"'"));
    cr_expect_not(asks(ANN, 8002, BOB, "gone"));
    cr_expect_eq(ignores_digest(ignores, 8001), digest);
}

/* Any process can call itself so. What cannot be shown counts as it is shown. */
Test(ignores, a_name_of_any_bytes_is_kept_and_is_in_nobodys_way) {
    /* Turns what follows from right to left. */
    static const char turned[] = {(char)0xE2, (char)0x80, (char)0xAE, 'x', '\0'};
    const char *const names[] = {"b\377ad", "\a", turned, "123456789012345", "12345678901234\303"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_assert_eq(set(ANN, 8001, BOB, names[i], true), 0, "%zu", i);
    close_all();
    open_all();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect(asks(ANN, 8001, BOB, names[i]), "%zu", i);
    cr_expect(asks(ANN, 8001, BOB, "b?ad"));
    cr_expect_not(asks(ANN, 8001, BOB, "b"));
    cr_assert_eq(set(BOB, 8002, ANN, "node", true), 0, "%s", ignores_reason(ignores));
    cr_assert_eq(set(ANN, 8001, BOB, names[0], false), 0);
    cr_expect_not(asks(ANN, 8001, BOB, names[0]));
    cr_expect_eq(n_rows(), 5);
}

Test(ignores, of_more_than_256_of_one_user_the_oldest_goes) {
    cr_assert_eq(set(BOB, 1, ANN, "bobs", true), 0);
    for (unsigned i = 0; i < IGNORES_MAX; i++)
        cr_assert_eq(set(ANN, (uint16_t)(9000 - i), BOB, "node", true), 0);
    cr_expect(asks(ANN, 9000, BOB, "node"));
    cr_assert_eq(set(ANN, 9000, BOB, "node", true), 0, "it is there already");
    cr_expect(asks(ANN, 8999, BOB, "node"));
    cr_assert_eq(set(ANN, 2000, BOB, "node", true), 0);
    cr_expect_not(asks(ANN, 9000, BOB, "node"), "the oldest");
    cr_expect(asks(ANN, 8999, BOB, "node"));
    cr_expect(asks(ANN, 2000, BOB, "node"));
    cr_expect(asks(BOB, 1, ANN, "bobs"), "another user's are not counted");
    close_all();
    open_all();
    cr_assert_eq(set(ANN, 2001, BOB, "node", true), 0);
    cr_expect_not(asks(ANN, 8999, BOB, "node"), "also after a restart");
    cr_expect(asks(ANN, 8998, BOB, "node"));
    cr_expect_eq(n_rows(), IGNORES_MAX + 1);
}

/* What an eye is kept on. */
Test(ignores, the_digest_of_a_port_changes_with_it_and_only_with_it) {
    const uint64_t none = ignores_digest(ignores, 8001);
    cr_assert_eq(set(ANN, 8000, BOB, "node", true), 0);
    cr_assert_eq(set(ANN, 8002, BOB, "node", true), 0);
    cr_expect_eq(ignores_digest(ignores, 8001), none);
    const uint64_t revision = ignores_revision(ignores);
    cr_assert_eq(set(ANN, 8001, BOB, "node", true), 0);
    const uint64_t one = ignores_digest(ignores, 8001);
    cr_expect_neq(one, none);
    cr_expect_neq(ignores_revision(ignores), revision);
    cr_assert_eq(set(BOB, 8001, BOB, "node", true), 0);
    const uint64_t two = ignores_digest(ignores, 8001);
    cr_expect(two != one && two != none);
    cr_assert_eq(set(ANN, 8001, BOB, "node", false), 0);
    cr_expect(ignores_digest(ignores, 8001) != two && ignores_digest(ignores, 8001) != one);
    cr_assert_eq(set(BOB, 8001, BOB, "node", false), 0);
    cr_expect_eq(ignores_digest(ignores, 8001), none);
    const uint64_t last = ignores_revision(ignores);
    cr_assert_eq(set(BOB, 8001, BOB, "node", false), 0);
    cr_expect_eq(ignores_revision(ignores), last, "nothing has changed");
}

/* ---- a database that fails ---- */

Test(ignores, on_a_full_disk_nothing_changes) {
    cr_assert_eq(set(ANN, 8001, BOB, "node", true), 0);
    const uint64_t revision = ignores_revision(ignores);
    const struct finding two[] = {squatter(8002, BOB, "a"), squatter(8002, BOB, "b")};
    fake_disk_fail(1, SQLITE_FULL, true);
    cr_expect_eq(ignores_set(ignores, ANN, two, 2, true), STORE_E_FAILED);
    cr_expect_not_null(strstr(ignores_reason(ignores), "full"), "%s", ignores_reason(ignores));
    cr_expect_eq(set(ANN, 8001, BOB, "node", false), STORE_E_FAILED);
    cr_expect(asks(ANN, 8001, BOB, "node"));
    cr_expect_not(asks(ANN, 8002, BOB, "a"));
    cr_expect_eq(ignores_revision(ignores), revision);
    fake_disk_fail(0, 0, false);
    cr_expect_eq(n_rows(), 1);
    cr_assert_eq(ignores_set(ignores, ANN, two, 2, true), 0);
    cr_expect(asks(ANN, 8002, BOB, "a") && asks(ANN, 8002, BOB, "b"));
}

/* Every write fails once. Two at once, and one that makes another go: all of it or nothing. */
Test(ignores, whatever_write_fails_memory_and_database_say_the_same) {
    for (unsigned i = 0; i < IGNORES_MAX; i++)
        cr_assert_eq(set(ANN, (uint16_t)(1000 + i), BOB, "node", true), 0);
    const struct finding two[] = {squatter(8002, BOB, "a"), squatter(8002, BOB, "b")};
    int r = STORE_E_FAILED;
    unsigned n;
    for (n = 1; n < 100 && r != 0; n++) {
        fake_disk_fail(n, SQLITE_IOERR_WRITE, false);
        r = ignores_set(ignores, ANN, two, 2, true);
        fake_disk_fail(0, 0, false);
        cr_assert(r == 0 || r == STORE_E_FAILED, "write %u: %d", n, r);
        cr_assert_eq(asks(ANN, 8002, BOB, "a"), r == 0, "write %u", n);
        cr_assert_eq(asks(ANN, 8002, BOB, "b"), r == 0, "write %u", n);
        cr_assert_eq(asks(ANN, 1000, BOB, "node"), r != 0, "write %u", n);
        cr_assert_eq(asks(ANN, 1001, BOB, "node"), r != 0, "write %u", n);
        cr_assert_eq(n_rows(), IGNORES_MAX, "write %u", n);
        cr_assert_eq(fake_store_query(&home, "SELECT count(*) FROM ignored WHERE port = 8002"), r == 0 ? 2 : 0,
                     "write %u", n);
    }
    cr_assert(n > 2 && n < 100, "%u", n);
}

/* SQLite ends the transaction of a full disk by itself, but not this one. */
Test(ignores, a_statement_that_fails_takes_those_before_it_back) {
    const struct finding two[] = {squatter(8002, BOB, "a"), squatter(8002, BOB, "b")};
    fake_store_execute(&home, "CREATE TRIGGER refusal BEFORE INSERT ON ignored WHEN NEW.process = 'b'"
                              " BEGIN SELECT RAISE(ABORT, 'not that one'); END");
    cr_expect_eq(ignores_set(ignores, ANN, two, 2, true), STORE_E_FAILED);
    cr_expect_str_eq(ignores_reason(ignores), "not that one");
    cr_expect_not(asks(ANN, 8002, BOB, "a"));
    fake_store_execute(&home, "DROP TRIGGER refusal");
    cr_expect_eq(n_rows(), 0);
    cr_expect_eq(ignores_set(ignores, ANN, two, 2, true), 0);
    cr_expect_eq(n_rows(), 2);
}

Test(ignores, a_row_of_somebody_elses_is_passed_over_and_kept) {
    close_all();
    fake_store_execute(&home, "INSERT INTO ignored (uid, port, squatter_uid, process) VALUES"
                              " (-1, 8001, 0, 'x'), (4294967295, 8002, 0, 'x'), (1001, 8003, -1, 'x'),"
                              " (1001, 8004, 1002, 'a name of 16 byt'), (1001, 8005, 1002, char(7)),"
                              " (1001, 8006, 1002, CAST(x'FF' AS TEXT)), (1001, 8007, 1002, 'good')");
    open_all();
    cr_expect(asks(ANN, 8007, BOB, "good"));
    for (uint16_t port = 8001; port < 8007; port++)
        cr_expect_eq(ignores_digest(ignores, port), ignores_digest(ignores, 1), "%u", port);
    cr_assert_eq(set(ANN, 8008, BOB, "new", true), 0);
    cr_expect_eq(n_rows(), 8);
}

/* Neither by its id, which may be the newest, nor by what it says. */
Test(ignores, a_row_that_is_not_ours_never_keeps_one_from_being_stored) {
    close_all();
    fake_store_execute(&home, "INSERT INTO ignored (id, uid, port, squatter_uid, process) VALUES"
                              " (-5, 1001, 8001, 1002, 'old'), (1, 1001, 8002, 1002, CAST(x'FF' AS TEXT)),"
                              " (9223372036854775806, 1001, 8003, 1002, char(7))");
    open_all();
    fake_store_execute(&home, "INSERT INTO ignored (uid, port, squatter_uid, process) VALUES (1002, 8004, 1001, 'x')");
    for (uint16_t port = 8004; port < 8010; port++)
        cr_assert_eq(set(BOB, port, ANN, "x", true), 0, "%u: %s", port, ignores_reason(ignores));
    cr_assert_eq(set(ANN, 8001, BOB, "old", false), 0);
    cr_expect_eq(n_rows(), 8);
    close_all();
    open_all();
    for (uint16_t port = 8004; port < 8010; port++)
        cr_expect(asks(BOB, port, ANN, "x"), "%u", port);
    cr_expect_not(asks(ANN, 8001, BOB, "old"));
}
