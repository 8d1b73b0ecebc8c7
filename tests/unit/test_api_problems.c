/*
 * Every refusal of the API: each kind of problem at least once, with its evidence; bad input that changes nothing; and the
 * tables of docs/api.md, which must say what the code does.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "src/api/problem.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"

#define N_KINDS (PROBLEM_NOT_STORED + 1)

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

TestSuite(api_problems, .init = set_up, .fini = tear_down);

static void call(uid_t uid, const char *target, const char *body) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, target, body);
}

static void call_ok(uid_t uid, const char *target, const char *body) {
    call(uid, target, body);
    cr_assert_eq(reply.status, 200, "%s %s: %s", target, body, reply.text);
}

static void expect(int status, const char *type) {
    cr_expect_str_eq(reply.type, type, "%s", reply.text);
    cr_expect_eq(reply.status, status, "%s", reply.text);
}

static void expect_detail(const char *words) {
    cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), words), "no \"%s\" in: %s", words, reply.text);
}

/* A request over TCP with its headers: name, value, ..., NULL. */
static void call_tcp(const char *method, const char *target, const char *body, const char *const *headers) {
    struct api_header items[8];
    struct api_request request = {
        .transport = API_TCP,
        .caller = {.known = true, .uid = ANN},
        .method = method,
        .target = target,
        .version = "HTTP/1.1",
        .headers = items,
        .body = body,
        .body_length = body ? strlen(body) : 0,
    };
    for (; headers[0]; headers += 2)
        items[request.n_headers++] = (struct api_header){headers[0], headers[1]};
    fake_reply_deinit(&reply);
    reply = fake_daemon_handle(&it, &request);
}

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- the request itself ---- */

Test(api_problems, a_target_that_cannot_be_parsed_is_a_bad_request) {
    static const char *const targets[] = {"", "*", "http://localhost:3030/list", "/lookup?service=%",
                                          "/lookup?service=a&service=b"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        call(ANN, targets[i], NULL);
        expect(400, "bad-request");
    }
}

Test(api_problems, an_unknown_path_names_the_nearest) {
    call(ANN, "/lists", NULL);
    expect(404, "no-such-path");
    expect_detail("/list?");
    static const char *const targets[] = {"/nothing-like-it", "/list/",      "/List",        "/%6Cist",
                                          "//list",           "/alloc/8000", "/\xFF\x1B[31m"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        call(ANN, targets[i], NULL);
        expect(404, "no-such-path");
    }
    cr_expect_null(strchr(reply.text, 0x1B));
}

Test(api_problems, an_unknown_parameter_is_named_and_a_missing_one_too) {
    call(ANN, "/lookup?servce=web", NULL);
    expect(400, "unknown-parameter");
    expect_detail("servce");
    expect_detail("Did you mean \"service\"?");
    call(ANN, "/list?verbose=1", NULL);
    expect(400, "unknown-parameter");
    call(ANN, "/alloc?port=8000", "{\"service_name\":\"web\"}");
    expect(400, "unknown-parameter");
    call(ANN, "/lookup?service=a&x=1", NULL);
    expect(400, "unknown-parameter");
    call(ANN, "/lookup", NULL);
    expect(400, "missing-parameter");
}

Test(api_problems, a_wrong_method_is_told_the_right_one) {
    call(ANN, "/alloc", NULL);
    expect(405, "method-not-allowed");
    cr_expect_str_eq(reply.allow, "POST");
    expect_detail("POST");
}

Test(api_problems, a_post_is_json) {
    static const char *const types[] = {
        "text/plain", "application/x-www-form-urlencoded", "application/jsonp",        "json",
        "",           "application/json, text/plain",      "application/problem+json", "text/json"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        call_tcp("POST", "/alloc", "{\"service_name\":\"web\"}",
                 HEADERS("Host", "localhost:3030", "Content-Type", types[i]));
        expect(415, "not-json");
    }
    call_tcp("POST", "/alloc", "{\"service_name\":\"web\"}", HEADERS("Host", "localhost:3030"));
    expect(415, "not-json");
    static const char *const json_types[] = {
        "application/json",      "Application/JSON",  "application/json; charset=utf-8",
        "application/json \t;x", "application/json;", "application/json "};
    for (size_t i = 0; i < sizeof(json_types) / sizeof(json_types[0]); i++) {
        call_tcp("POST", "/alloc", "{}", HEADERS("Host", "localhost:3030", "Content-Type", json_types[i]));
        expect(422, "missing-key");
    }
    call_tcp("POST", "/alloc", "{\"service_name\":\"web\"}",
             HEADERS("Host", "localhost:3030", "Content-Type", "application/json", "Content-Type", "application/json"));
    expect(415, "not-json");
    call_ok(ANN, "/list", NULL);
    cr_expect_str_eq(reply.text, "[]");
}

Test(api_problems, a_body_of_over_64_kib_is_too_large) {
    static const struct api_header headers[] = {{"Host", "x"}, {"Content-Type", "application/json"}};
    const struct api_request request = {.transport = API_UNIX,
                                        .caller = {.known = true, .uid = ANN},
                                        .method = "POST",
                                        .target = "/alloc",
                                        .version = "HTTP/1.1",
                                        .headers = headers,
                                        .n_headers = 2,
                                        .body_too_large = true};
    reply = fake_daemon_handle(&it, &request);
    expect(413, "body-too-large");
    expect_detail("65536");
}

Test(api_problems, other_pages_are_refused) {
    call_tcp("GET", "/list", NULL, HEADERS("Host", "evil.com:3030"));
    expect(403, "forbidden-host");
    call_tcp("GET", "/list", NULL, HEADERS("Host", "localhost:3030", "Origin", "http://localhost:5173"));
    expect(403, "forbidden-origin");
    call_tcp("GET", "/list", NULL, HEADERS("Host", "localhost:3030", "Sec-Fetch-Site", "same-site"));
    expect(403, "forbidden-site");
    call_tcp("GET", "/", NULL,
             HEADERS("Host", "localhost:3030", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate",
                     "Sec-Fetch-Dest", "document"));
    cr_expect_eq(reply.status, 200);
    call_tcp("GET", "/?x", NULL, HEADERS("Host", "evil.com"));
    expect(403, "forbidden-host");
    call_tcp("POST", "/nothing", NULL, HEADERS("Host", "evil.com"));
    expect(403, "forbidden-host");
}

Test(api_problems, a_caller_without_a_name_is_refused_before_his_body_is_looked_at) {
    static const struct api_header headers[] = {{"Host", "localhost:3030"}, {"Content-Type", "application/json"}};
    const struct api_request request = {.transport = API_TCP,
                                        .caller = {.known = false, .uid = 0},
                                        .method = "POST",
                                        .target = "/alloc",
                                        .version = "HTTP/1.1",
                                        .headers = headers,
                                        .n_headers = 2,
                                        .body = "{}",
                                        .body_length = 2};
    reply = fake_daemon_handle(&it, &request);
    expect(403, "unknown-caller");
}

/* ---- bad values: 4xx with what and where, and nothing changes ---- */

static const struct {
    const char *body;
    int status;
    const char *type;
    const char *key; /* NULL: the answer names none */
} bad_bodies[] = {
    {"", 400, "malformed-json", NULL},
    {"{\"service_name\":\"web\"", 400, "malformed-json", NULL},
    {"{\"service_name\":\"a\",\"service_name\":\"b\"}", 400, "malformed-json", NULL},
    {"{\"service_name\":\"web\"}{}", 400, "malformed-json", NULL},
    {"{\"service_name\":\"a\\u0000b\"}", 400, "malformed-json", NULL},
    {"{\"service_name\":\"\xFF\"}", 400, "malformed-json", NULL},
    {"{\"a\":[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}", 400, "malformed-json", NULL},
    {"[]", 422, "invalid-value", NULL},
    {"{}", 422, "missing-key", NULL},
    {"{\"service_name\":null}", 422, "missing-key", NULL},
    {"{\"ttl_seconds\":60}", 422, "missing-key", NULL},
    {"{\"service_name\":\"\"}", 422, "invalid-value", "service_name"},
    {"{\"service_name\":\"a\\nb\"}", 422, "invalid-value", "service_name"},
    {"{\"service_name\":\"\\u007f\"}", 422, "invalid-value", "service_name"},
    {"{\"service_name\":\"\\u0085\"}", 422, "invalid-value", "service_name"},
    {"{\"service_name\":7}", 422, "invalid-value", "service_name"},
    {"{\"service_name\":[\"web\"]}", 422, "invalid-value", "service_name"},
    {"{\"service_name\":\"web\",\"port\":0}", 422, "invalid-value", "port"},
    {"{\"service_name\":\"web\",\"port\":65536}", 422, "invalid-value", "port"},
    {"{\"service_name\":\"web\",\"port\":\"8080\"}", 422, "invalid-value", "port"},
    {"{\"service_name\":\"web\",\"port\":1.5}", 422, "invalid-value", "port"},
    {"{\"service_name\":\"web\",\"port\":1e400}", 422, "invalid-value", "port"},
    {"{\"service_name\":\"web\",\"port\":-8080}", 422, "invalid-value", "port"},
    {"{\"service_name\":\"web\",\"prefer\":0}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"prefer\":70000}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"port\":8000,\"prefer\":8001}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"prefer\":\"8001\"}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"prefer\":{}}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"prefer\":[8001,8002]}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"count\":2,\"prefer\":[8001,null,null]}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"count\":2,\"prefer\":[null,0]}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"count\":2,\"prefer\":[8001,70000]}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"count\":2,\"prefer\":[\"8001\"]}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"count\":2,\"prefer\":[[8001]]}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"port\":8000,\"prefer\":[8001]}", 422, "invalid-value", "prefer"},
    {"{\"service_name\":\"web\",\"sticky_first\":1}", 422, "invalid-value", "sticky_first"},
    {"{\"service_name\":\"web\",\"count\":0}", 422, "invalid-value", "count"},
    {"{\"service_name\":\"web\",\"count\":65}", 422, "invalid-value", "count"},
    {"{\"service_name\":\"web\",\"count\":1.5}", 422, "invalid-value", "count"},
    {"{\"service_name\":\"web\",\"port\":8000,\"count\":2}", 422, "invalid-value", "count"},
    {"{\"service_name\":\"web\",\"ttl_seconds\":0}", 422, "invalid-value", "ttl_seconds"},
    {"{\"service_name\":\"web\",\"ttl_seconds\":-1}", 422, "invalid-value", "ttl_seconds"},
    {"{\"service_name\":\"web\",\"ttl_seconds\":1.5}", 422, "invalid-value", "ttl_seconds"},
    {"{\"service_name\":\"web\",\"ttl_seconds\":9007199254740992}", 422, "invalid-value", "ttl_seconds"},
    {"{\"service_name\":\"web\",\"ttl_seconds\":\"60\"}", 422, "invalid-value", "ttl_seconds"},
    {"{\"service_name\":\"web\",\"tags\":\"blue\"}", 422, "invalid-value", "tags"},
    {"{\"service_name\":\"web\",\"tags\":[1]}", 422, "invalid-value", "tags"},
    {"{\"service_name\":\"web\",\"tags\":[\"\"]}", 422, "invalid-value", "tags"},
    {"{\"service_name\":\"web\",\"tags\":[\"a\\tb\"]}", 422, "invalid-value", "tags"},
    {"{\"service_name\":\"web\",\"reuse\":1}", 422, "invalid-value", "reuse"},
    {"{\"service_name\":\"web\",\"reuse\":\"true\"}", 422, "invalid-value", "reuse"},
    {"{\"service_name\":\"web\",\"project\":\"shop\"}", 422, "invalid-value", "project"},
    {"{\"service_name\":\"web\",\"project\":\"\"}", 422, "invalid-value", "project"},
    {"{\"service_name\":\"web\",\"project\":7}", 422, "invalid-value", "project"},
    {"{\"service_name\":\"web\",\"pid\":0}", 422, "invalid-value", "pid"},
    {"{\"service_name\":\"web\",\"pid\":-1}", 422, "invalid-value", "pid"},
    {"{\"service_name\":\"web\",\"pid\":4294967297}", 422, "invalid-value", "pid"},
    {"{\"service_name\":\"web\",\"ttl\":60}", 422, "unknown-key", "ttl"},
    {"{\"Service_Name\":\"web\"}", 422, "unknown-key", "Service_Name"},
    {"{\"service_name\":\"web\",\"uid\":0}", 422, "unknown-key", "uid"},
};

Test(api_problems, a_bad_alloc_says_what_is_wrong_and_changes_nothing) {
    for (size_t i = 0; i < sizeof(bad_bodies) / sizeof(bad_bodies[0]); i++) {
        call(ANN, "/alloc", bad_bodies[i].body);
        cr_expect_eq(reply.status, bad_bodies[i].status, "%s: %s", bad_bodies[i].body, reply.text);
        cr_expect_str_eq(reply.type, bad_bodies[i].type, "%s: %s", bad_bodies[i].body, reply.text);
        if (bad_bodies[i].key)
            cr_expect_str_eq(fake_reply_text(&reply, "key"), bad_bodies[i].key, "%s: %s", bad_bodies[i].body,
                             reply.text);
    }
    call_ok(ANN, "/list", NULL);
    cr_expect_str_eq(reply.text, "[]");
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), 0);
}

Test(api_problems, names_tags_and_their_number_have_limits) {
    char body[4096];
    static const struct {
        unsigned name;
        unsigned tag;
        unsigned n_tags;
        int status;
    } rows[] = {{128, 64, 32, 200}, {129, 64, 32, 422}, {128, 65, 32, 422}, {128, 64, 33, 422}};
    for (size_t i = 0; i < 4; i++) {
        int length = snprintf(body, sizeof(body), "{\"service_name\":\"%0*d\",\"tags\":[", (int)rows[i].name, 0);
        for (unsigned j = 0; j < rows[i].n_tags; j++)
            length += snprintf(body + length, sizeof(body) - (size_t)length, "%s\"%0*d\"", j > 0 ? "," : "",
                               (int)rows[i].tag, 0);
        snprintf(body + length, sizeof(body) - (size_t)length, "]}");
        call(ANN, "/alloc", body);
        cr_expect_eq(reply.status, rows[i].status, "row %zu: %s", i, reply.text);
    }
}

Test(api_problems, a_release_and_a_heartbeat_need_a_port_or_an_id) {
    static const char *const bodies[][2] = {
        {"{}", "missing-key"},
        {"{\"port\":null}", "missing-key"},
        {"{\"port\":0}", "invalid-value"},
        {"{\"port\":\"8000\"}", "invalid-value"},
        {"{\"id\":0}", "invalid-value"},
        {"{\"id\":9007199254740992}", "invalid-value"},
        {"{\"id\":1.5}", "invalid-value"},
        {"{\"service_name\":\"web\"}", "unknown-key"},
        {"[8000]", "invalid-value"},
        {"{\"port\":8000,\"port\":8000}", "malformed-json"},
    };
    static const char *const targets[] = {"/release", "/heartbeat"};
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        for (size_t j = 0; j < 2; j++) {
            call(ANN, targets[j], bodies[i][0]);
            cr_expect_str_eq(reply.type, bodies[i][1], "%s: %s", bodies[i][0], reply.text);
        }
    }
    cr_expect_not_null(registry_find_id(it.registry, 1));
}

/* ---- leases of others, and none ---- */

Test(api_problems, a_lease_that_is_not_there_is_a_404) {
    static const char *const bodies[] = {"{\"port\":8000}", "{\"id\":1}", "{\"port\":8000,\"id\":1}",
                                         "{\"port\":65535}", "{\"id\":9007199254740991}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        call(ANN, "/release", bodies[i]);
        expect(404, "no-such-lease");
        call(ANN, "/heartbeat", bodies[i]);
        expect(404, "no-such-lease");
    }
}

Test(api_problems, a_late_client_cannot_touch_the_next_lease_of_its_port) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8000}");
    call_ok(ANN, "/release", "{\"port\":8000}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8000}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"db\",\"port\":8001}");
    static const char *const bodies[] = {"{\"port\":8000,\"id\":1}", "{\"port\":8000,\"id\":3}",
                                         "{\"port\":8002,\"id\":3}"};
    for (size_t i = 0; i < 3; i++) {
        call(ANN, "/release", bodies[i]);
        expect(409, "lease-mismatch");
        call(ANN, "/heartbeat", bodies[i]);
        expect(409, "lease-mismatch");
    }
    call(ANN, "/release", bodies[0]);
    cr_expect_eq(fake_reply_number(&reply, "lease.id"), 2, "what is there instead");
    cr_expect(registry_find_id(it.registry, 2) && registry_find_id(it.registry, 3));
}

Test(api_problems, anothers_lease_may_not_be_changed) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
    const uint64_t deadline = registry_find_id(it.registry, 1)->deadline;
    fake_clock_advance(&it.clock, 1000);
    static const char *const bodies[] = {"{\"port\":8000}", "{\"id\":1}", "{\"port\":8000,\"id\":1}"};
    for (size_t i = 0; i < 3; i++) {
        call(BOB, "/release", bodies[i]);
        expect(403, "not-yours");
        call(BOB, "/heartbeat", bodies[i]);
        expect(403, "not-yours");
        expect_detail("uid 54321");
    }
    cr_expect_eq(registry_find_id(it.registry, 1)->deadline, deadline);
}

/* ---- refused grants, with their evidence ---- */

Test(api_problems, a_leased_port_is_refused_with_its_lease) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"project\":\"/home/ann\"}");
    call(BOB, "/alloc", "{\"service_name\":\"db\",\"port\":8000}");
    expect(409, "port-leased");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.service_name"), "web");
    cr_expect(cJSON_IsNull(fake_reply_get(&reply, "lease.project")), "not his");
    expect_detail("leased to web (uid 54321)");
    cr_expect_gt(strlen(fake_reply_text(&reply, "hint")), 0);
}

Test(api_problems, portds_own_port_is_refused) {
    call(0, "/alloc", "{\"service_name\":\"web\",\"port\":3030}");
    expect(409, "reserved-for-portd");
    expect_detail("3030");
}

Test(api_problems, a_privileged_port_is_refused_to_those_who_could_not_bind_it) {
    call(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":443}");
    expect(403, "port-privileged");
    expect_detail("443");
    port_set_add(&it.kernel.not_permitted, 443);
    call(0, "/alloc", "{\"service_name\":\"web\",\"port\":443}");
    expect(403, "port-privileged");
    expect_detail("cannot tell");
}

Test(api_problems, a_held_lease_is_refused_with_its_lease) {
    uid_t uid;
    char body[96];
    const pid_t child = fake_daemon_start_process(&uid);
    snprintf(body, sizeof(body), "{\"service_name\":\"web\",\"pid\":%d}", child);
    call_ok(uid, "/alloc", body);
    call(uid, "/alloc", "{\"service_name\":\"web\",\"reuse\":true}");
    expect(409, "lease-held");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "lease.holder.pid"), child);
    fake_daemon_end_process(child, false);
}

Test(api_problems, a_pid_that_is_nobodys_or_anothers_is_refused) {
    uid_t uid;
    char body[96];
    const pid_t child = fake_daemon_start_process(&uid);
    snprintf(body, sizeof(body), "{\"service_name\":\"web\",\"pid\":%d}", child);
    call(uid + 1, "/alloc", body);
    expect(422, "invalid-pid");
    expect_detail("not the caller's own");
    fake_daemon_end_process(child, false);
    call(uid, "/alloc", body);
    expect(422, "invalid-pid");
    expect_detail("no living process");
}

Test(api_problems, a_full_range_is_refused_with_the_reasons) {
    it.rules.max = 8005;
    call_ok(ANN, "/alloc", "{\"service_name\":\"leased\",\"count\":2}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"cooling\"}");
    call_ok(ANN, "/release", "{\"port\":8002}");
    port_set_add(&it.rules.excluded, 8003);
    fake_home_write(&it.home, "ip_local_reserved_ports", "8004\n", 5);
    port_set_add(&it.kernel.busy, 8005);
    fake_clock_advance(&it.clock, 5500);
    call(ANN, "/alloc", "{\"service_name\":\"web\"}");
    expect(503, "range-full");
    static const char *const keys[] = {"leased", "in_use", "excluded", "reserved", "blocked", "cooling"};
    static const double expected[] = {2, 1, 1, 1, 0, 1};
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(fake_reply_number(&reply, keys[i]), expected[i], "%s: %s", keys[i], reply.text);
    cr_expect_eq(reply.retry_after_s, 10, "%u", reply.retry_after_s);
    cr_expect_not_null(strstr(fake_reply_text(&reply, "hint"), "10 s"));
    fake_clock_advance(&it.clock, 9500);
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
    call(ANN, "/alloc", "{\"service_name\":\"web\"}");
    expect(503, "range-full");
    cr_expect_eq(reply.retry_after_s, 0);
}

Test(api_problems, a_lease_that_cannot_be_stored_is_refused) {
    fake_disk_fail(1, SQLITE_FULL, true);
    call(ANN, "/alloc", "{\"service_name\":\"web\"}");
    fake_disk_fail(0, 0, false);
    expect(507, "not-stored");
    expect_detail("full");
    call_ok(ANN, "/list", NULL);
    cr_expect_str_eq(reply.text, "[]");
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
}

Test(api_problems, a_kernel_that_cannot_be_asked_is_an_internal_fault) {
    it.kernel.check_error = -EMFILE;
    call(ANN, "/alloc", "{\"service_name\":\"web\"}");
    expect(500, "internal");
    expect_detail("Too many open files");
}

/* ---- the evidence of a port that is taken ---- */

static void listen_as(enum listener_state state, int family, const char *address, uid_t uid, uint32_t inode) {
    struct listener listener = {
        .family = family, .port = 8000, .state = state, .uid = uid, .inode = inode, .cgroup_id = 77};
    const union tcp_address parsed = tcp_make_address(address, 8000);
    if (family == AF_INET)
        listener_map_ipv4(parsed.ipv4.sin_addr, &listener.address);
    else
        listener.address = parsed.ipv6.sin6_addr;
    cr_assert_eq(listener_list_add(&it.kernel.listeners, &listener), 0);
}

Test(api_problems, each_kind_of_evidence_has_its_words) {
    static const struct {
        enum listener_state state;
        const char *word;
        const char *sentence;
        bool has_uid;
    } rows[] = {
        {LISTENER_LISTEN, "listen", "listens on 127.0.0.1:8000", true},
        {LISTENER_BOUND, "bound", "has bound 127.0.0.1:8000, and does not listen", true},
        {LISTENER_CONNECTED, "connected", "has a connection from 127.0.0.1:8000", true},
        {LISTENER_TIME_WAIT, "time-wait", "TIME_WAIT", false},
        {LISTENER_ORPHAN, "orphan", "no process has open", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_kernel_close(&it.kernel, 8000);
        listen_as(rows[i].state, AF_INET, "127.0.0.1", rows[i].has_uid ? BOB : 0, 0);
        call(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8000}");
        expect(409, "port-taken");
        expect_detail(rows[i].sentence);
        cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
        cr_expect_str_eq(fake_reply_text(&reply, "listeners.0.state"), rows[i].word);
        cr_expect_str_eq(fake_reply_text(&reply, "listeners.0.address"), "127.0.0.1");
        cr_expect_eq(cJSON_IsNull(fake_reply_get(&reply, "listeners.0.uid")), !rows[i].has_uid);
        cr_expect_eq(cJSON_IsNull(fake_reply_get(&reply, "listeners.0.user")), true);
        cr_expect(cJSON_IsNull(fake_reply_get(&reply, "listeners.0.pid")));
        cr_expect(cJSON_IsNull(fake_reply_get(&reply, "listeners.0.process")));
        cr_expect_eq(fake_reply_number(&reply, "listeners.0.cgroup_id"), 77);
        if (rows[i].has_uid)
            expect_detail("uid 54322");
    }
}

Test(api_problems, an_ipv6_address_stands_in_brackets) {
    listen_as(LISTENER_LISTEN, AF_INET6, "::1", 0, 0);
    call(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8000}");
    expect_detail("user root");
    expect_detail("[::1]:8000");
    cr_expect_str_eq(fake_reply_text(&reply, "listeners.0.user"), "root");
    cr_expect_str_eq(fake_reply_text(&reply, "listeners.0.address"), "::1");
}

Test(api_problems, an_owner_that_can_be_seen_is_named) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    listen_as(LISTENER_LISTEN, AF_INET, "127.0.0.1", geteuid(), tcp_inode_of(fd));
    call(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8000}");
    expect(409, "port-taken");
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.pid"), getpid());
    cr_expect_gt(strlen(fake_reply_text(&reply, "listeners.0.process")), 0);
    char words[32];
    snprintf(words, sizeof(words), "(pid %d, user root)", getpid());
    if (geteuid() == 0)
        expect_detail(words);
}

Test(api_problems, an_owner_that_the_probe_knows_is_not_looked_for_again) {
    fake_probe_own(fake_daemon_listen(&it, 8000, BOB, 5), 48213, "python3");
    call(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8000}");
    expect(409, "port-taken");
    expect_detail("python3 (pid 48213, uid 54322) listens on 127.0.0.1:8000");
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.owners.0.pid"), 48213);
    cr_expect_str_eq(fake_reply_text(&reply, "listeners.0.since"), "2026-09-21T14:15:00.500Z");
    cr_expect(cJSON_IsNull(fake_reply_get(&reply, "listeners.0.owners.0.directory")), "that is BOB's to see");
}

Test(api_problems, a_port_that_nobody_admits_to_is_taken_all_the_same) {
    port_set_add(&it.kernel.busy, 8000);
    call(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8000}");
    expect(409, "port-taken");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "listeners")), 0);
    expect_detail("Port 8000 is taken");
}

Test(api_problems, thousands_of_connections_are_a_short_answer) {
    for (int i = 0; i < 5000; i++)
        listen_as(LISTENER_CONNECTED, AF_INET, "127.0.0.1", BOB, 0);
    call(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8000}");
    expect(409, "port-taken");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "listeners")), 32);
}

Test(api_problems, a_reused_lease_that_another_sits_on_is_refused_with_its_port) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
    fake_kernel_listen(&it.kernel, 8000, BOB);
    call(ANN, "/alloc", "{\"service_name\":\"web\",\"reuse\":true}");
    expect(409, "port-taken");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.uid"), BOB);
    it.kernel.read_answer = 1; /* interrupted, and the squatter is not in it */
    fake_kernel_close(&it.kernel, 8000);
    call(ANN, "/alloc", "{\"service_name\":\"web\",\"reuse\":true}");
    expect(409, "port-taken");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000, "what was seen before still counts");
}
