/*
 * The clients of the original PortManager work unchanged. Its command line speaks through reqwest, so the requests here are
 * what that library sends for it, field for field: lower-case names, an Accept, an Option that is None as null. What it
 * reads out of a reply must be there, under the same key, of the same type.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/text.h"
#include "tests/support/caller.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"

#define LEASE_KEYS "port service_name allocated_at last_heartbeat ttl_seconds tags"
#define NEW_KEYS                                                                                                       \
    " id slot uid user state elsewhere_port conflict evidence kept_by expires_at expires_in_seconds holder project"

TestSuite(compat, .timeout = 300);

static struct http_reply reqwest_post(const struct caller *caller, const char *path, const char *body) {
    char request[1024];
    const int length = snprintf(request, sizeof(request),
                                "POST %s HTTP/1.1\r\ncontent-type: application/json\r\naccept: */*\r\n"
                                "host: localhost:3030\r\ncontent-length: %zu\r\n\r\n%s",
                                path, strlen(body), body);
    return caller_send(caller, request, (size_t)length);
}

static struct http_reply reqwest_get(const struct caller *caller, const char *target) {
    char request[1024];
    const int length =
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\naccept: */*\r\nhost: localhost:3030\r\n\r\n", target);
    return caller_send(caller, request, (size_t)length);
}

static void assert_content_type(const struct http_reply *reply, const char *expected) {
    char type[64];
    cr_expect_eq(http_header(reply, "Content-Type", type, sizeof(type)), 1);
    cr_expect_str_eq(type, expected);
}

/* As chrono reads it: RFC 3339, in UTC. */
static void assert_time(const cJSON *lease, const char *key) {
    const char *text = json_text_at(lease, key);
    int64_t unix_ms = 0;
    cr_expect_eq(text_parse_time(text, &unix_ms), 0, "%s: %s", key, text);
    cr_expect(text[strlen(text) - 1] == 'Z' && strchr(text, 'T'), "%s: %s", key, text);
}

static void assert_lease(const cJSON *lease, uint64_t port, const char *name, uint64_t ttl_seconds) {
    cr_expect(json_has_exactly(lease, LEASE_KEYS NEW_KEYS), "%s", cJSON_PrintUnformatted(lease));
    cr_expect_eq(json_number_at(lease, "port"), port);
    cr_expect_str_eq(json_text_at(lease, "service_name"), name);
    cr_expect_eq(json_number_at(lease, "ttl_seconds"), ttl_seconds);
    json_size_at(lease, "tags");
    assert_time(lease, "allocated_at");
    assert_time(lease, "last_heartbeat");
}

/* portctl alloc, heartbeat, list, lookup, release, in a row, over both families. */
static void assert_session(enum channel channel) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon, .channel = channel};
    CLEANUP(http_reply_deinit)
    struct http_reply alloc =
        reqwest_post(&me, "/alloc", "{\"service_name\":\"my-api\",\"ttl_seconds\":null,\"tags\":null}");
    assert_status(alloc, 200);
    assert_content_type(&alloc, "application/json");
    cr_expect(json_has_exactly(alloc.json, "port lease ports leases reused n_reused new_ids notes"));
    const uint64_t port = json_number_at(alloc.json, "port");
    cr_expect(port >= 8000 && port <= 9000);
    assert_lease(json_at(alloc.json, "lease"), port, "my-api", 300);
    cr_expect_eq(json_size_at(alloc.json, "lease.tags"), 0);

    char body[64];
    snprintf(body, sizeof(body), "{\"port\":%lu}", port);
    CLEANUP(http_reply_deinit) struct http_reply beat = reqwest_post(&me, "/heartbeat", body);
    assert_status(beat, 200);

    CLEANUP(http_reply_deinit) struct http_reply list = reqwest_get(&me, "/list");
    assert_status(list, 200);
    assert_content_type(&list, "application/json");
    cr_expect_eq(json_size_at(list.json, ""), 1, "a bare array");
    assert_lease(json_at(list.json, "[0]"), port, "my-api", 300);

    CLEANUP(http_reply_deinit) struct http_reply lookup = reqwest_get(&me, "/lookup?service=my-api");
    assert_status(lookup, 200);
    cr_expect(json_has_exactly(lookup.json, "service_name port all_ports lease leases"));
    cr_expect_str_eq(json_text_at(lookup.json, "service_name"), "my-api");
    cr_expect_eq(json_number_at(lookup.json, "port"), port);
    cr_expect_eq(json_size_at(lookup.json, "all_ports"), 1);
    cr_expect_eq(json_number_at(lookup.json, "all_ports[0]"), port);
    assert_lease(json_at(lookup.json, "lease"), port, "my-api", 300);

    CLEANUP(http_reply_deinit) struct http_reply release = reqwest_post(&me, "/release", body);
    assert_status(release, 200);
    CLEANUP(http_reply_deinit) struct http_reply again = reqwest_post(&me, "/release", body);
    assert_status(again, 404);
    CLEANUP(http_reply_deinit) struct http_reply late = reqwest_post(&me, "/heartbeat", body);
    assert_status(late, 404);
    CLEANUP(http_reply_deinit) struct http_reply empty = reqwest_get(&me, "/list");
    cr_expect_str_eq(empty.body, "[]");
}

Test(compat, a_session_of_the_originals_client_over_ipv4) {
    assert_session(CHANNEL_IPV4);
}

/* Where "localhost" is ::1 first. */
Test(compat, a_session_of_the_originals_client_over_ipv6) {
    assert_session(CHANNEL_IPV6);
}

Test(compat, all_that_the_originals_client_can_ask_for_is_given) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply first = reqwest_post(
        &me, "/alloc", "{\"service_name\":\"integration-test-service\",\"ttl_seconds\":60,\"tags\":[\"test\"]}");
    assert_status(first, 200);
    assert_lease(json_at(first.json, "lease"), json_number_at(first.json, "port"), "integration-test-service", 60);
    cr_expect_str_eq(json_text_at(first.json, "lease.tags[0]"), "test");
    /* The same name again is a second lease. */
    CLEANUP(http_reply_deinit)
    struct http_reply second = reqwest_post(
        &me, "/alloc", "{\"service_name\":\"integration-test-service\",\"ttl_seconds\":60,\"tags\":[\"test\"]}");
    assert_status(second, 200);
    cr_expect_neq(json_number_at(first.json, "port"), json_number_at(second.json, "port"));
    CLEANUP(http_reply_deinit)
    struct http_reply lookup = reqwest_get(&me, "/lookup?service=integration-test-service");
    cr_expect_eq(json_size_at(lookup.json, "all_ports"), 2);
}

Test(compat, a_name_that_nobody_has_is_no_error) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit) struct http_reply miss = reqwest_get(&me, "/lookup?service=nobody");
    assert_status(miss, 200);
    cr_expect_str_eq(json_text_at(miss.json, "service_name"), "nobody");
    cr_expect(json_is_null_at(miss.json, "port"));
    cr_expect(json_is_null_at(miss.json, "lease"));
    cr_expect_eq(json_size_at(miss.json, "all_ports"), 0);
    CLEANUP(http_reply_deinit) struct http_reply nameless = reqwest_get(&me, "/lookup");
    assert_status(nameless, 400);
}

Test(compat, the_codes_of_failures_are_the_originals) {
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        /* axum's: 400 for no JSON, 415 for another type, 422 for JSON of another shape. */
        {"POST /alloc HTTP/1.1\r\nhost: localhost:3030\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{",
         400},
        {"POST /alloc HTTP/1.1\r\nhost: localhost:3030\r\ncontent-length: 20\r\n\r\n{\"service_name\":\"x\"}", 415},
        {"POST /alloc HTTP/1.1\r\nhost: localhost:3030\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}",
         415},
        {"POST /alloc HTTP/1.1\r\nhost: localhost:3030\r\ncontent-type: application/json\r\ncontent-length: "
         "2\r\n\r\n{}",
         422},
        {"POST /release HTTP/1.1\r\nhost: localhost:3030\r\ncontent-type: application/json\r\ncontent-length: "
         "2\r\n\r\n{}",
         422},
        {"GET /alloc HTTP/1.1\r\nhost: localhost:3030\r\n\r\n", 405},
        {"POST /list HTTP/1.1\r\nhost: localhost:3030\r\ncontent-length: 0\r\n\r\n", 405},
    };
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP(http_reply_deinit)
        struct http_reply reply = caller_send(&me, rows[i].request, strlen(rows[i].request));
        cr_expect_eq(reply.status, rows[i].status, "%s: %d", rows[i].request, reply.status);
    }
}

Test(compat, nothing_free_is_a_503) {
    sandbox_enter();
    CLEANUP(daemon_stop_at)
    struct daemon daemon =
        daemon_start(&(struct daemon_setup){.environment = {"PM_PORT_MIN=8000", "PM_PORT_MAX=8001"}});
    const struct caller me = {.daemon = &daemon};
    static const char body[] = "{\"service_name\":\"x\",\"ttl_seconds\":null,\"tags\":null}";
    static const int statuses[] = {200, 200, 503};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = reqwest_post(&me, "/alloc", body);
        assert_status(reply, statuses[i]);
    }
}

Test(compat, the_root_is_a_page) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit) struct http_reply page = reqwest_get(&me, "/");
    assert_status(page, 200);
    assert_content_type(&page, "text/html; charset=utf-8");
    cr_expect(strstr(page.body, "<!doctype html>"));
}
