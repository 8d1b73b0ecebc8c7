/*
 * The journal: numbers that are never used twice, a ring in front of a table, a disk that is full, and what is read back under a filter.
 */
#include "src/event/journal.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

static struct fake_home home;
static struct fake_clock now;
static struct store *store;
static struct journal *journal;

static void open_journal(void) {
    const struct clock clock = fake_clock_get(&now);
    store = fake_store_open(&home);
    cr_assert_eq(journal_new(store, &clock, &journal), 0);
}

static void close_journal(void) {
    journal = journal_free(journal);
    store = store_close(store);
}

/* As a kill does it: what was not flushed is lost. What is left behind is the database as it was, in another folder. */
static void kill_journal(void) {
    size_t length;
    size_t wal_length;
    char *database = fake_home_read(&home, FAKE_STORE_FILE, &length);
    char *wal = fake_home_read(&home, FAKE_STORE_FILE "-wal", &wal_length);
    close_journal();
    fake_home_make(&home);
    fake_home_write(&home, FAKE_STORE_FILE, database, length);
    fake_home_write(&home, FAKE_STORE_FILE "-wal", wal, wal_length);
    free(database);
    free(wal);
    open_journal();
}

static void set_up(void) {
    log_set_level(LOG_LEVEL_ERROR);
    fake_disk_install();
    fake_home_make(&home);
    now = fake_clock_make();
    open_journal();
}

static void tear_down(void) {
    close_journal();
    fake_home_remove(&home);
}

TestSuite(journal, .init = set_up, .fini = tear_down, .timeout = 60);

static void tell(uint16_t port, const char *service) {
    journal_tell(journal, &(struct event_fact){.kind = EVENT_LEASE_GRANTED, .port = port, .service_name = service});
}

static void tell_many(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        tell((uint16_t)(1000 + i % 1000), "many");
}

/* ---- what a reader gets ---- */

#define TAKEN_MAX 10000

static struct {
    uint64_t ids[TAKEN_MAX];
    size_t n_ids;
    size_t stop_at; /* 0: never */
    char *last;     /* the last one's JSON */
} taken;

static int take(void *context, const struct journal_event *event) {
    (void)context;
    cr_assert_lt(taken.n_ids, TAKEN_MAX);
    taken.ids[taken.n_ids++] = event->id;
    free(taken.last);
    taken.last = strdup(event->json);
    return taken.n_ids == taken.stop_at ? 7 : 0;
}

static int read_all(const struct journal_filter *filter, size_t limit, bool from_start) {
    taken.n_ids = 0;
    return journal_read(journal, filter, limit, from_start, take, NULL);
}

/* The numbers that pass, as "1 2 5 ". */
static const char *ids_of(const struct journal_filter *filter, size_t limit, bool from_start) {
    static char text[1024];
    cr_assert_eq(read_all(filter, limit, from_start), 0);
    text[0] = '\0';
    for (size_t i = 0; i < taken.n_ids; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%lu ", taken.ids[i]);
    return text;
}

/* ---- numbers ---- */

Test(journal, there_is_no_event_at_first) {
    cr_expect_eq(journal_last_id(journal), 0);
    cr_expect_eq(journal_first_id(journal), 1);
    cr_expect_not(journal_is_dirty(journal));
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 10, true), "");
    cr_expect_eq(journal_reach(journal, 0), JOURNAL_IN_MEMORY);
    cr_expect_eq(journal_reach(journal, 1), JOURNAL_FUTURE);
}

Test(journal, numbers_grow_by_one_and_go_on_after_a_clean_end) {
    tell_many(3);
    cr_expect_eq(journal_last_id(journal), 3);
    close_journal();
    open_journal();
    cr_expect_eq(journal_last_id(journal), 3);
    cr_expect_eq(journal_first_id(journal), 1);
    tell(8000, "web");
    cr_expect_eq(journal_last_id(journal), 4);
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 10, true), "1 2 3 4 ");
}

Test(journal, after_a_kill_no_number_is_used_twice_and_what_was_flushed_is_there) {
    tell_many(2);
    journal_flush(journal);
    tell(8000, "lost");
    kill_journal();
    cr_expect_eq(journal_last_id(journal), 2);
    cr_expect_eq(journal_reach(journal, 3), JOURNAL_IN_MEMORY, "somebody may have been told of number 3");
    tell(8001, "web");
    cr_expect_eq(journal_last_id(journal), JOURNAL_BLOCK + 1);
    kill_journal();
    tell(8001, "web");
    cr_expect_eq(journal_last_id(journal), 2 * JOURNAL_BLOCK + 1, "not flushed either, and not used again");
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 10, true), "1 2 200001 ");
}

Test(journal, a_block_is_reserved_before_the_last_one_is_used_up) {
    for (unsigned i = 0; i < 60; i++) {
        tell_many(1000);
        journal_flush(journal);
    }
    kill_journal();
    tell(8000, "web");
    cr_expect_gt(journal_last_id(journal), 60000);
    cr_expect_gt(journal_last_id(journal), JOURNAL_BLOCK, "%lu", journal_last_id(journal));
}

Test(journal, a_mark_that_is_nonsense_does_not_give_numbers_twice) {
    tell_many(5);
    close_journal();
    fake_store_execute(&home, "UPDATE mark SET value = 'x' WHERE name = 'event_block'");
    open_journal();
    tell(8000, "web");
    cr_expect_eq(journal_last_id(journal), 6);
}

/* ---- what is written ---- */

Test(journal, a_flush_writes_each_event_once) {
    tell_many(3);
    cr_expect(journal_is_dirty(journal));
    journal_flush(journal);
    cr_expect_not(journal_is_dirty(journal));
    journal_flush(journal);
    tell(8000, "web");
    journal_flush(journal);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event"), 4);
    cr_expect_eq(fake_store_query(&home, "SELECT max(id) FROM event WHERE service_name = 'web' AND port = 8000"), 4);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event WHERE json_extract(json, '$.id') = id"), 4);
}

Test(journal, a_flush_inside_of_a_transaction_waits) {
    tell(8000, "web");
    cr_assert_eq(store_begin(store), 0);
    journal_flush(journal);
    cr_expect(journal_is_dirty(journal));
    store_rollback(store);
    journal_flush(journal);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event"), 1);
}

Test(journal, a_burst_larger_than_memory_is_all_kept) {
    tell_many(3 * JOURNAL_RING + 5);
    cr_expect_eq(read_all(&(struct journal_filter){.port = 1004}, 100, true), 0);
    cr_expect_eq(taken.n_ids, 13);
    journal_flush(journal);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event"), 3 * JOURNAL_RING + 5);
    cr_expect_eq(journal_reach(journal, 0), JOURNAL_KEPT);
    cr_expect_eq(journal_reach(journal, 2 * JOURNAL_RING + 4), JOURNAL_KEPT);
    cr_expect_eq(journal_reach(journal, 2 * JOURNAL_RING + 5), JOURNAL_IN_MEMORY);
    cr_expect_eq(read_all(&(struct journal_filter){.after_id = 2 * JOURNAL_RING}, 100000, true), 0);
    cr_expect_eq(taken.n_ids, JOURNAL_RING + 5);
}

/* ---- a disk that is full ---- */

Test(journal, a_full_disk_delays_and_loses_nothing) {
    tell_many(2);
    journal_flush(journal);
    fake_disk_fail(1, SQLITE_FULL, true);
    log_set_level(LOG_LEVEL_ERROR);
    tell_many(10);
    for (int i = 0; i < 3; i++)
        journal_flush(journal);
    cr_expect(journal_is_dirty(journal));
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 5, false), "8 9 10 11 12 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 4, true), "1 2 3 4 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 11, false), "2 3 4 5 6 7 8 9 10 11 12 ");
    fake_disk_fail(0, 0, false);
    journal_flush(journal);
    cr_expect_not(journal_is_dirty(journal));
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event"), 12);
}

Test(journal, of_what_waits_for_room_the_newest_are_kept) {
    tell(8000, "first");
    journal_flush(journal);
    fake_disk_fail(1, SQLITE_FULL, true);
    tell_many(JOURNAL_RING + 3);
    cr_expect_eq(journal_last_id(journal), JOURNAL_RING + 4);
    cr_expect_eq(journal_reach(journal, 3), JOURNAL_GONE, "4 is lost");
    cr_expect_eq(journal_reach(journal, 4), JOURNAL_IN_MEMORY);
    fake_disk_fail(0, 0, false);
    journal_flush(journal);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event"), JOURNAL_RING + 1);
    tell_many(10);
    cr_expect_eq(journal_reach(journal, 3), JOURNAL_GONE);
    cr_expect_eq(journal_reach(journal, 4), JOURNAL_KEPT);
}

Test(journal, when_the_numbers_have_run_out_events_are_lost_and_none_is_numbered_twice) {
    fake_disk_fail(1, SQLITE_FULL, true);
    journal_flush(journal);
    tell_many(JOURNAL_BLOCK + 10);
    cr_expect_eq(journal_last_id(journal), JOURNAL_BLOCK);
    fake_disk_fail(0, 0, false);
    journal_flush(journal);
    tell(8000, "web");
    cr_expect_eq(journal_last_id(journal), JOURNAL_BLOCK + 1);
}

/* The n-th write fails, for every n: nothing is half written, and afterwards all is there once. */
Test(journal, any_write_may_fail) {
    for (unsigned n = 1;; n++) {
        cr_assert_lt(n, 100);
        tell_many(2);
        fake_disk_fail(n, SQLITE_IOERR_WRITE, false);
        journal_flush(journal);
        const bool failed = fake_disk.n_failed > 0;
        fake_disk_fail(0, 0, false);
        journal_flush(journal);
        cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event"), (long long)journal_last_id(journal));
        if (!failed)
            break;
    }
}

Test(journal, it_cannot_be_made_without_a_block_of_numbers) {
    const struct clock clock = fake_clock_get(&now);
    close_journal();
    store = fake_store_open(&home);
    fake_disk_fail(1, SQLITE_FULL, true);
    cr_expect_eq(journal_new(store, &clock, &journal), STORE_E_FAILED);
    cr_expect_null(journal);
    fake_disk_fail(0, 0, false);
    cr_assert_eq(journal_new(store, &clock, &journal), 0);
}

/* ---- what is taken out ---- */

static void fill(unsigned n_rows, int64_t at) {
    char sql[512];
    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
             " INSERT INTO event SELECT i, %ld, 'lease.granted', 8000, 'old', '{\"id\":' || i || '}' FROM n",
             n_rows, at);
    close_journal();
    fake_store_execute(&home, sql);
    open_journal();
}

Test(journal, the_oldest_go_when_there_are_too_many) {
    fill(JOURNAL_ROWS_MAX, now.now.unix_ms);
    cr_expect_eq(journal_first_id(journal), 1);
    tell(8000, "new");
    journal_flush(journal);
    const long long n_rows = fake_store_query(&home, "SELECT count(*) FROM event");
    cr_expect(n_rows <= JOURNAL_ROWS_MAX && n_rows > JOURNAL_ROWS_MAX * 9 / 10, "%lld", n_rows);
    cr_expect_eq(journal_first_id(journal), (uint64_t)fake_store_query(&home, "SELECT min(id) FROM event"));
    cr_expect_eq(fake_store_query(&home, "SELECT max(id) FROM event"), (long long)journal_last_id(journal));
    cr_expect_eq(journal_reach(journal, journal_first_id(journal) - 2), JOURNAL_GONE);
    cr_expect_eq(journal_reach(journal, journal_first_id(journal) - 1), JOURNAL_KEPT);
    cr_expect_eq(journal_reach(journal, journal_last_id(journal) - 1), JOURNAL_IN_MEMORY);
}

/* Anybody can open and close ports by the thousand; what happened to leases stays all the same. */
Test(journal, a_flood_of_listeners_takes_no_leases_with_it) {
    fill(JOURNAL_ROWS_MAX, now.now.unix_ms);
    close_journal();
    fake_store_execute(&home, "UPDATE event SET kind = 'listener.opened' WHERE id > 30000");
    open_journal();
    tell(8000, "new");
    journal_flush(journal);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event WHERE kind = 'lease.granted'"), 30001);
    cr_expect_lt(fake_store_query(&home, "SELECT count(*) FROM event"), JOURNAL_ROWS_MAX);
    cr_expect_gt(fake_store_query(&home, "SELECT min(id) FROM event WHERE kind = 'listener.opened'"), 30001);
    cr_expect_eq(journal_first_id(journal), 1);
}

Test(journal, what_is_too_old_goes_also_if_nothing_happens) {
    fill(5000, now.now.unix_ms);
    tell(8000, "new");
    journal_flush(journal);
    fake_clock_advance(&now, UINT64_C(1000) * JOURNAL_AGE_MAX_S - 1000);
    tell(8000, "newer");
    journal_flush(journal);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event"), 5002, "nothing is a week old");
    cr_expect_not(journal_is_dirty(journal));
    fake_clock_advance(&now, 3600 * 1000);
    for (int i = 0; i < 4; i++, fake_clock_advance(&now, 10)) {
        cr_expect(i == 3 || journal_is_dirty(journal), "%d", i);
        journal_flush(journal);
    }
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM event"), 1);
    cr_expect_eq(journal_first_id(journal), 5002);
}

Test(journal, a_table_that_was_emptied_still_knows_where_the_numbers_are) {
    tell_many(5);
    close_journal();
    fake_store_execute(&home, "DELETE FROM event");
    open_journal();
    cr_expect_eq(journal_last_id(journal), 5);
    cr_expect_eq(journal_first_id(journal), 6);
    cr_expect_eq(journal_reach(journal, 4), JOURNAL_GONE);
    cr_expect_eq(journal_reach(journal, 5), JOURNAL_IN_MEMORY);
}

/* ---- filters ---- */

static void tell_a_mixture(void) {
    tell(8000, "web");
    tell(8001, "api");
    tell(8000, "api");
    tell(8000, NULL);
    fake_clock_advance(&now, 60000);
    tell(8000, "web");
    tell(8002, "web");
}

static void check_filters(void) {
    const int64_t minute = now.now.unix_ms;
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 10, false), "1 2 3 4 5 6 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 2, false), "5 6 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 2, true), "1 2 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.port = 8000}, 10, false), "1 3 4 5 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.port = 8000}, 2, false), "4 5 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.port = 8000}, 2, true), "1 3 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.service = "web"}, 10, false), "1 5 6 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.service = "web"}, 2, true), "1 5 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.port = 8000, .service = "web"}, 10, false), "1 5 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.port = 8000, .service = "web"}, 1, true), "1 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.after_id = 3}, 10, false), "4 5 6 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.after_id = 2, .port = 8000}, 10, true), "3 4 5 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.after_id = UINT64_MAX}, 10, true), "");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.since_unix_ms = minute}, 10, false), "5 6 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.since_unix_ms = minute - 1, .port = 8002}, 10, false), "6 ");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.since_unix_ms = minute + 1}, 10, true), "");
    cr_expect_str_eq(ids_of(&(struct journal_filter){.service = "we"}, 10, true), "");
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 0, true), "");
}

Test(journal, filters_are_the_same_in_memory) {
    tell_a_mixture();
    check_filters();
}

Test(journal, filters_are_the_same_in_the_database) {
    tell_a_mixture();
    close_journal();
    open_journal();
    check_filters();
}

Test(journal, filters_are_the_same_where_a_part_is_not_written_yet) {
    tell(8000, "web");
    tell(8001, "api");
    tell(8000, "api");
    close_journal();
    open_journal();
    fake_disk_fail(1, SQLITE_FULL, true);
    tell(8000, NULL);
    journal_flush(journal);
    fake_clock_advance(&now, 60000);
    tell(8000, "web");
    tell(8002, "web");
    check_filters();
    fake_disk_fail(0, 0, false);
}

Test(journal, a_reader_who_has_enough_is_not_asked_again) {
    tell_many(5);
    taken.stop_at = 2;
    cr_expect_eq(read_all(&(struct journal_filter){0}, 10, true), 7);
    cr_expect_eq(taken.n_ids, 2);
    close_journal();
    open_journal();
    cr_expect_eq(read_all(&(struct journal_filter){0}, 10, true), 7);
    cr_expect_eq(taken.n_ids, 2);
}

Test(journal, a_row_that_somebody_has_spoilt_is_left_out) {
    tell_many(4);
    close_journal();
    fake_store_execute(&home, "UPDATE event SET json = '{' || char(10) || 'id: 9}' WHERE id = 2");
    fake_store_execute(&home, "UPDATE event SET kind = 'x' WHERE id = 3");
    open_journal();
    cr_expect_str_eq(ids_of(&(struct journal_filter){0}, 10, true), "1 4 ");
}

/* ---- the JSON ---- */

static void expect_json(const struct event_fact *fact, const char *expected) {
    journal_tell(journal, fact);
    cr_assert_eq(read_all(&(struct journal_filter){.after_id = journal_last_id(journal) - 1}, 1, true), 0);
    cr_expect_str_eq(taken.last, expected, "%s", taken.last);
}

Test(journal, every_kind_has_the_keys_of_the_document) {
    expect_json(&(struct event_fact){.kind = EVENT_LEASE_GRANTED, .port = 8000},
                "{\"id\":1,\"at\":\"2026-09-21T14:13:20.123Z\",\"kind\":\"lease.granted\",\"port\":8000,"
                "\"service_name\":null,\"lease_id\":null,\"uid\":null,\"user\":null,\"reason\":null}");
    expect_json(
        &(struct event_fact){.kind = EVENT_LISTENER_OPENED,
                             .port = 8000,
                             .service_name = "web",
                             .lease_id = 7,
                             .has_uid = true,
                             .pid = 42,
                             .process = "python3",
                             .address = "127.0.0.1",
                             .inode = 4000000000},
        "{\"id\":2,\"at\":\"2026-09-21T14:13:20.123Z\",\"kind\":\"listener.opened\",\"port\":8000,"
        "\"service_name\":\"web\",\"lease_id\":7,\"uid\":0,\"user\":\"root\",\"pid\":42,\"process\":\"python3\","
        "\"address\":\"127.0.0.1\",\"inode\":4000000000,\"reason\":null}");
    expect_json(&(struct event_fact){.kind = EVENT_CONFLICT_LEFT,
                                     .port = 1,
                                     .has_uid = true,
                                     .uid = 54321,
                                     .finding = "split",
                                     .reason = "It is gone."},
                "{\"id\":3,\"at\":\"2026-09-21T14:13:20.123Z\",\"kind\":\"conflict.left\",\"port\":1,"
                "\"service_name\":null,\"lease_id\":null,\"uid\":54321,\"user\":null,\"pid\":null,\"process\":null,"
                "\"address\":null,\"inode\":null,\"finding\":\"split\",\"reason\":\"It is gone.\"}");
}

Test(journal, text_from_outside_is_made_harmless) {
    char name[4097];
    memset(name, 'x', sizeof(name));
    memcpy(name, "a\x1b[2J\n\"\xff\\", 9);
    name[4096] = '\0';
    journal_tell(journal, &(struct event_fact){.kind = EVENT_LISTENER_OPENED, .port = 1, .process = name});
    cr_assert_eq(read_all(&(struct journal_filter){0}, 1, true), 0);
    cJSON *json = cJSON_Parse(taken.last);
    const char *process = cJSON_GetObjectItem(json, "process")->valuestring;
    cr_expect_eq(strlen(process), 1023);
    cr_expect_eq(strncmp(process, "a?[2J?\"?\\x", 10), 0, "%.20s", process);
    cJSON_Delete(json);
}

Test(journal, each_kind_has_a_name_that_leads_back_to_it) {
    for (unsigned kind = 0; kind < N_EVENT_KINDS; kind++) {
        enum event_kind parsed = N_EVENT_KINDS;
        cr_expect_eq(event_kind_parse(event_kind_name(kind), &parsed), 0);
        cr_expect_eq(parsed, kind);
    }
    enum event_kind parsed;
    cr_expect_lt(event_kind_parse("lease", &parsed), 0);
}

Test(journal, a_sink_tells_the_journal_and_none_tells_nobody) {
    const struct event_sink sink = journal_sink(journal);
    const struct event_sink none = {0};
    event_tell(&sink, &(struct event_fact){.kind = EVENT_LEASE_EXPIRED, .port = 8000});
    event_tell(&none, &(struct event_fact){.kind = EVENT_LEASE_EXPIRED, .port = 8000});
    cr_expect_eq(journal_last_id(journal), 1);
}
