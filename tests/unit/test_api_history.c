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
