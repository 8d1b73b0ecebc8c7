/* GET /history: the events of the past, by port, service, time and number. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"

static struct fake_daemon it;
static struct fake_reply reply;

static void set_up(void) {
    fake_disk_install();
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_reply_deinit(&reply);
    fake_daemon_stop(&it);
}

TestSuite(api_history, .init = set_up, .fini = tear_down, .timeout = 60);

static void call(const char *target) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, BOB, target, NULL);
}

/* The numbers of the events, as "1 2 "; all else must be right. */
static const char *ids(const char *target) {
    static char text[8192];
    const cJSON *event;
    call(target);
    cr_assert_eq(reply.status, 200, "%s: %s", target, reply.text);
    text[0] = '\0';
    cJSON_ArrayForEach(event, fake_reply_get(&reply, "events")) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(event, "id");
        cr_assert(cJSON_IsNumber(id));
        sprintf(text + strlen(text), "%d ", id->valueint);
    }
    return text;
}

static void grant(const char *name) {
    const struct grant_request request = fake_daemon_ask(name);
    fake_daemon_grant(&it, &request);
}

static void live(void) {
    grant("web");
    grant("api");
    fake_clock_advance(&it.clock, 3600 * 1000);
    registry_renew(it.registry, registry_find_port(it.registry, 8000));
    registry_release(it.registry, registry_find_port(it.registry, 8001));
}

Test(api_history, a_daemon_to_which_nothing_has_happened_has_an_empty_one) {
    cr_expect_str_eq(ids("/history"), "");
    cr_expect_eq(fake_reply_number(&reply, "first_id"), 1);
    cr_expect_eq(fake_reply_number(&reply, "last_id"), 0);
    cr_expect(cJSON_IsArray(fake_reply_get(&reply, "events")));
    cr_expect_eq(cJSON_GetArraySize(reply.json), 3);
}

static void check_filters(void) {
    cr_expect_str_eq(ids("/history"), "1 2 3 4 ");
    cr_expect_eq(fake_reply_number(&reply, "first_id"), 1);
    cr_expect_eq(fake_reply_number(&reply, "last_id"), 4);
    cr_expect_str_eq(fake_reply_text(&reply, "events.2.kind"), "lease.renewed");
    cr_expect_str_eq(fake_reply_text(&reply, "events.3.kind"), "lease.released");
    cr_expect_str_eq(ids("/history?port=8000"), "1 3 ");
    cr_expect_str_eq(ids("/history?port=8000&limit=1"), "3 ");
    cr_expect_str_eq(ids("/history?service=api"), "2 4 ");
    cr_expect_str_eq(ids("/history?service=api&port=8000"), "");
    cr_expect_str_eq(ids("/history?since=2"), "3 4 ");
    cr_expect_str_eq(ids("/history?since=0&limit=1000"), "1 2 3 4 ");
    cr_expect_str_eq(ids("/history?since=4"), "");
    cr_expect_str_eq(ids("/history?since=2026-09-21T15:13:20.123Z"), "3 4 ");
    cr_expect_str_eq(ids("/history?since=2026-09-21T17:13:20.123%2B02:00"), "3 4 ");
    cr_expect_str_eq(ids("/history?since=2026-09-21T15:13:20.124Z"), "");
    cr_expect_str_eq(ids("/history?since=1970-01-01T00:00:00Z"), "1 2 3 4 ");
}

Test(api_history, the_past_is_chosen_by_port_service_time_and_number) {
    live();
    check_filters();
}

Test(api_history, it_is_the_same_after_a_restart) {
    live();
    fake_daemon_restart(&it);
    check_filters();
}

Test(api_history, it_is_the_same_on_a_full_disk) {
    grant("web");
    grant("api");
    journal_flush(it.journal);
    fake_disk_fail(1, SQLITE_FULL, true);
    fake_clock_advance(&it.clock, 3600 * 1000);
    registry_renew(it.registry, registry_find_port(it.registry, 8000));
    registry_release(it.registry, registry_find_port(it.registry, 8001));
    journal_flush(it.journal);
    cr_expect(journal_is_dirty(it.journal));
    check_filters();
    fake_disk_fail(0, 0, false);
}

Test(api_history, a_hundred_is_the_default_and_the_newest_come) {
    for (int i = 0; i < 1200; i++)
        journal_tell(it.journal, &(struct event_fact){.kind = EVENT_LISTENER_CLOSED, .port = 9000});
    call("/history");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "events")), 100);
    cr_expect_eq(fake_reply_number(&reply, "events.0.id"), 1101);
    cr_expect_eq(fake_reply_number(&reply, "events.99.id"), 1200);
    journal_flush(it.journal);
    call("/history?limit=1000");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "events")), 1000);
    cr_expect_eq(fake_reply_number(&reply, "events.0.id"), 201);
}

/* Events 1 to 10 are one of each kind, in the order of enum event_kind; those with even numbers on port 8001 and of "web", the others on 8000. */
static void tell_kinds(unsigned first, unsigned end) {
    for (unsigned kind = first; kind < end; kind++)
        journal_tell(it.journal, &(struct event_fact){.kind = kind,
                                                      .port = (uint16_t)(8000 + kind % 2),
                                                      .service_name = kind % 2 ? "web" : NULL});
}

static void check_paging(void) {
    cr_expect_str_eq(ids("/history?before=11"), "1 2 3 4 5 6 7 8 9 10 ");
    cr_expect_str_eq(ids("/history?before=9007199254740991"), "1 2 3 4 5 6 7 8 9 10 ");
    cr_expect_str_eq(ids("/history?before=10&limit=3"), "7 8 9 ");
    cr_expect_str_eq(ids("/history?before=7&limit=3"), "4 5 6 ");
    cr_expect_str_eq(ids("/history?before=4&limit=3"), "1 2 3 ");
    cr_expect_str_eq(ids("/history?before=2&limit=3"), "1 ");
    cr_expect_str_eq(ids("/history?before=1"), "");
    cr_expect_str_eq(ids("/history?before=7&since=3"), "4 5 6 ");
    cr_expect_str_eq(ids("/history?before=4&since=4"), "");
    cr_expect_str_eq(ids("/history?before=7&port=8001"), "2 4 6 ");
    cr_expect_str_eq(ids("/history?before=7&service=web&limit=2"), "4 6 ");
    cr_expect_eq(fake_reply_number(&reply, "first_id"), 1, "of all that there is");
    cr_expect_eq(fake_reply_number(&reply, "last_id"), 10);
}

static void check_kinds(void) {
    cr_expect_str_eq(ids("/history?kinds=lease"), "1 2 3 4 ");
    cr_expect_str_eq(ids("/history?kinds=listener"), "5 6 ");
    cr_expect_str_eq(ids("/history?kinds=squatter"), "7 8 ");
    cr_expect_str_eq(ids("/history?kinds=conflict"), "9 10 ");
    cr_expect_str_eq(ids("/history?kinds=conflict,lease"), "1 2 3 4 9 10 ");
    cr_expect_str_eq(ids("/history?kinds=squatter%2Csquatter"), "7 8 ");
    cr_expect_str_eq(ids("/history?kinds=lease,listener,squatter,conflict"), "1 2 3 4 5 6 7 8 9 10 ");
    cr_expect_str_eq(ids("/history?kinds=lease,squatter&limit=3"), "4 7 8 ");
    cr_expect_str_eq(ids("/history?kinds=lease,squatter&before=8&limit=3"), "3 4 7 ");
    cr_expect_str_eq(ids("/history?kinds=lease,squatter&since=3"), "4 7 8 ");
    cr_expect_str_eq(ids("/history?kinds=lease,squatter&port=8000"), "1 3 7 ");
    cr_expect_str_eq(ids("/history?kinds=listener,conflict&service=web"), "6 10 ");
    cr_expect_str_eq(ids("/history?kinds=conflict&service=web&port=8000"), "");
}

Test(api_history, one_can_page_back_and_choose_kinds) {
    tell_kinds(0, N_EVENT_KINDS);
    check_paging();
    check_kinds();
    journal_flush(it.journal);
    check_paging();
    check_kinds();
    fake_daemon_restart(&it);
    check_paging();
    check_kinds();
}

/* Some from the database and some from memory. */
Test(api_history, one_can_page_back_and_choose_kinds_while_the_disk_is_full) {
    tell_kinds(0, 5);
    journal_flush(it.journal);
    fake_disk_fail(1, SQLITE_FULL, true);
    tell_kinds(5, N_EVENT_KINDS);
    journal_flush(it.journal);
    cr_expect(journal_is_dirty(it.journal));
    check_paging();
    check_kinds();
    fake_disk_fail(0, 0, false);
}

/* All of them, each once, page by page. */
Test(api_history, page_by_page_it_is_all_of_it) {
    for (int i = 0; i < 250; i++)
        journal_tell(it.journal,
                     &(struct event_fact){.kind = i % 3 ? EVENT_LISTENER_OPENED : EVENT_LEASE_GRANTED, .port = 9000});
    journal_flush(it.journal);
    unsigned before = 251;
    unsigned n_seen = 0;
    for (;;) {
        char target[96];
        snprintf(target, sizeof(target), "/history?kinds=lease&limit=20&before=%u", before);
        call(target);
        const int n = cJSON_GetArraySize(fake_reply_get(&reply, "events"));
        if (n == 0)
            break;
        cr_assert_lt(fake_reply_number(&reply, "events.0.id"), before);
        before = (unsigned)fake_reply_number(&reply, "events.0.id");
        n_seen += (unsigned)n;
    }
    cr_expect_eq(n_seen, 84);
    cr_expect_eq(before, 1);
}

Test(api_history, a_wrong_value_is_refused_by_its_name) {
    static const char *const wrong[][2] = {
        {"/history?port=0", "port "},
        {"/history?port=65536", "port "},
        {"/history?port=abc", "port "},
        {"/history?port=", "port "},
        {"/history?limit=0", "limit "},
        {"/history?limit=1001", "limit "},
        {"/history?limit=-1", "limit "},
        {"/history?service=", "service "},
        {"/history?service=a%0Ab", "service "},
        {"/history?since=", "since "},
        {"/history?since=yesterday", "since "},
        {"/history?since=2026-13-01T00:00:00Z", "since "},
        {"/history?since=99999999999999999999", "since "},
        {"/history?since=-5", "since "},
        {"/history?before=0", "before "},
        {"/history?before=", "before "},
        {"/history?before=x", "before "},
        {"/history?before=9007199254740992", "before "},
        {"/history?before=2026-01-01T00:00:00Z", "before "},
        {"/history?kinds=", "kinds "},
        {"/history?kinds=leases", "kinds "},
        {"/history?kinds=lease,", "kinds "},
        {"/history?kinds=,lease", "kinds "},
        {"/history?kinds=lease,,conflict", "kinds "},
        {"/history?kinds=lease.granted", "kinds "},
        {"/history?kinds=Lease", "kinds "},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        call(wrong[i][0]);
        cr_expect_eq(reply.status, 400, "%s: %s", wrong[i][0], reply.text);
        cr_expect_str_eq(reply.type, "bad-request", "%s", wrong[i][0]);
        cr_expect_eq(strncmp(fake_reply_text(&reply, "detail"), wrong[i][1], strlen(wrong[i][1])), 0, "%s", reply.text);
    }
    call("/history?ports=1");
    cr_expect_str_eq(reply.type, "unknown-parameter");
    cr_expect_not_null(strstr(reply.text, "Did you mean \\\"port\\\"?"), "%s", reply.text);
}
