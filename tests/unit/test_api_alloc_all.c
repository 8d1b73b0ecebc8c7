/* POST /alloc-all as docs/api.md promises it: what /alloc does, for several, all or none, and refusals that say which one they are about. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/api.h"
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

TestSuite(api_alloc_all, .init = set_up, .fini = tear_down);

static void call(const char *target, const char *body) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, ANN, target, body);
}

static void call_ok(const char *target, const char *body) {
    call(target, body);
    cr_assert_eq(reply.status, 200, "%s: %s", body, reply.text);
}

static void expect_leases(size_t expected) {
    size_t n_leases;
    registry_leases(it.registry, &n_leases);
    cr_expect_eq(n_leases, expected, "%zu leases", n_leases);
}

Test(api_alloc_all, each_service_gets_the_answer_of_alloc) {
    call_ok("/alloc", "{\"service_name\":\"db\",\"tags\":[\"a\"]}");
    call_ok("/alloc-all", "{\"services\":[{\"service_name\":\"web\",\"count\":2,\"prefer\":[8005,3030]},"
                          "{\"service_name\":\"db\",\"reuse\":true,\"ttl_seconds\":9999999}]}");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "grants")), 2);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "")), 1, "and nothing else");
    cr_expect_eq(fake_reply_number(&reply, "grants.0.port"), 8005);
    cr_expect_eq(fake_reply_number(&reply, "grants.0.ports.1"), 8001);
    cr_expect_eq(fake_reply_number(&reply, "grants.0.n_reused"), 0);
    cr_expect_not_null(strstr(fake_reply_text(&reply, "grants.0.notes.0"), "portd's own"));
    cr_expect_eq(fake_reply_number(&reply, "grants.1.lease.id"), 1);
    cr_expect_eq(fake_reply_number(&reply, "grants.1.n_reused"), 1);
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "grants.1.reused")));
    cr_expect_str_eq(fake_reply_text(&reply, "grants.1.lease.tags.0"), "a");
    cr_expect_not_null(strstr(fake_reply_text(&reply, "grants.1.notes.0"), "clamped"));
    expect_leases(3);
}

Test(api_alloc_all, the_same_name_in_two_projects_is_two_services) {
    call_ok("/alloc-all", "{\"services\":[{\"service_name\":\"web\",\"project\":\"/a\"},"
                          "{\"service_name\":\"web\",\"project\":\"/b\"},{\"service_name\":\"web\"}]}");
    expect_leases(3);
}

/* ---- refusals ---- */

/* The answer is this problem, about this service. */
static void expect_refusal(int status, const char *type, unsigned index, const char *service_name) {
    cr_expect_eq(reply.status, status, "%s", reply.text);
    cr_expect_str_eq(reply.type, type, "%s", reply.text);
    cr_expect_eq(fake_reply_number(&reply, "index"), index, "%s", reply.text);
    if (service_name)
        cr_expect_str_eq(fake_reply_text(&reply, "service_name"), service_name);
    else
        cr_expect_null(fake_reply_get(&reply, "service_name"), "%s", reply.text);
}

Test(api_alloc_all, a_refusal_is_allocs_and_says_which_service_it_is_about) {
    call_ok("/alloc", "{\"service_name\":\"other\",\"port\":8001}");
    fake_kernel_listen(&it.kernel, 8002, BOB);
    static const struct {
        const char *service; /* the second of three */
        int status;
        const char *type;
    } rows[] = {
        {"{\"service_name\":\"db\",\"port\":8001}", 409, "port-leased"},
        {"{\"service_name\":\"db\",\"port\":8002}", 409, "port-taken"},
        {"{\"service_name\":\"db\",\"port\":3030}", 409, "reserved-for-portd"},
        {"{\"service_name\":\"db\",\"port\":80}", 403, "port-privileged"},
        {"{\"service_name\":\"db\",\"count\":9}", 503, "range-full"},
        {"{\"service_name\":\"db\",\"pid\":4194304}", 422, "invalid-pid"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"services\":[{\"service_name\":\"web\"},%s,{\"service_name\":\"queue\"}]}",
                 rows[i].service);
        call("/alloc-all", body);
        expect_refusal(rows[i].status, rows[i].type, 1, "db");
        call("/alloc", rows[i].service);
        cr_expect_str_eq(reply.type, rows[i].type, "alone it is refused in the same way");
        cr_expect_null(fake_reply_get(&reply, "index"), "and says no such thing: %s", reply.text);
        cr_expect_null(fake_reply_get(&reply, "service_name"));
        expect_leases(1);
    }
}

Test(api_alloc_all, that_the_disk_is_full_is_about_no_service) {
    fake_disk_fail(1, SQLITE_FULL, true);
    call("/alloc-all", "{\"services\":[{\"service_name\":\"web\"},{\"service_name\":\"db\"}]}");
    fake_disk_fail(0, 0, false);
    cr_expect_str_eq(reply.type, "not-stored");
    cr_expect_null(fake_reply_get(&reply, "index"), "%s", reply.text);
    expect_leases(0);
}

/* ---- bad bodies ---- */

Test(api_alloc_all, a_service_that_alloc_would_not_take_is_refused) {
    static const struct {
        const char *service; /* the second of two, of which the first is web */
        const char *type;
        const char *key;
        const char *service_name;
    } rows[] = {
        {"{}", "missing-key", NULL, NULL},
        {"7", "invalid-value", NULL, NULL},
        {"null", "invalid-value", NULL, NULL},
        {"[]", "invalid-value", NULL, NULL},
        {"{\"service_name\":7}", "invalid-value", "service_name", NULL},
        {"{\"service_name\":\"\"}", "invalid-value", "service_name", ""},
        {"{\"service_name\":\"a\\nb\"}", "invalid-value", "service_name", "a?b"},
        {"{\"service_name\":\"db\",\"prot\":1}", "unknown-key", "prot", "db"},
        {"{\"service_name\":\"db\",\"port\":70000}", "invalid-value", "port", "db"},
        {"{\"service_name\":\"db\",\"tags\":[1]}", "invalid-value", "tags", "db"},
        {"{\"service_name\":\"db\",\"services\":[]}", "unknown-key", "services", "db"},
        {"{\"service_name\":\"web\"}", "invalid-value", "service_name", "web"},
        {"{\"service_name\":\"web\",\"project\":null}", "invalid-value", "service_name", "web"},
        {"{\"service_name\":\"db\",\"port\":8009}", "invalid-value", "port", "db"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"services\":[{\"service_name\":\"web\",\"port\":8009},%s]}", rows[i].service);
        call("/alloc-all", body);
        expect_refusal(422, rows[i].type, 1, rows[i].service_name);
        if (rows[i].key)
            cr_expect_str_eq(fake_reply_text(&reply, "key"), rows[i].key, "%s", reply.text);
        expect_leases(0);
    }
}

Test(api_alloc_all, what_is_wrong_with_the_body_is_about_no_service) {
    static const struct {
        const char *body;
        int status;
        const char *type;
    } rows[] = {
        {"{", 400, "malformed-json"},
        {"[]", 422, "invalid-value"},
        {"{}", 422, "missing-key"},
        {"{\"services\":null}", 422, "missing-key"},
        {"{\"services\":[]}", 422, "invalid-value"},
        {"{\"services\":{}}", 422, "invalid-value"},
        {"{\"services\":\"web\"}", 422, "invalid-value"},
        {"{\"service\":[]}", 422, "unknown-key"},
        {"{\"services\":[{\"service_name\":\"web\"}],\"reuse\":true}", 422, "unknown-key"},
        {"{\"services\":[{\"service_name\":\"a\",\"service_name\":\"b\"}]}", 400, "malformed-json"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        call("/alloc-all", rows[i].body);
        cr_expect_eq(reply.status, rows[i].status, "%s: %s", rows[i].body, reply.text);
        cr_expect_str_eq(reply.type, rows[i].type, "%s: %s", rows[i].body, reply.text);
        cr_expect_null(fake_reply_get(&reply, "index"), "%s", reply.text);
        expect_leases(0);
    }
}

/* As many services as said, and one of them with so many more ports. */
static void call_with(unsigned n_services, unsigned count_each, unsigned count_last) {
    char *body = malloc(64 * 1024);
    cr_assert_not_null(body);
    int length = sprintf(body, "{\"services\":[");
    for (unsigned i = 0; i < n_services; i++)
        length += sprintf(body + length, "%s{\"service_name\":\"s%u\",\"count\":%u}", i ? "," : "", i,
                          i + 1 < n_services ? count_each : count_last);
    sprintf(body + length, "]}");
    call("/alloc-all", body);
    free(body);
}

Test(api_alloc_all, sixty_four_services_and_256_ports_are_the_most) {
    it.rules.max = 8999;
    call_with(65, 1, 1);
    cr_expect_eq(reply.status, 422, "%s", reply.text);
    cr_expect_str_eq(fake_reply_text(&reply, "key"), "services");
    call_with(64, 4, 5);
    cr_expect_eq(reply.status, 422, "%s", reply.text);
    cr_expect_str_eq(fake_reply_text(&reply, "key"), "services");
    expect_leases(0);
    call_with(64, 4, 4);
    cr_expect_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(fake_reply_number(&reply, "grants.63.ports.3"), 8255);
    expect_leases(256);
}

/* ---- what runs ---- */

Test(api_alloc_all, reuse_held_hands_out_what_a_living_process_has) {
    uid_t uid;
    const pid_t holder = fake_daemon_start_process(&uid);
    char body[128];
    snprintf(body, sizeof(body), "{\"service_name\":\"web\",\"pid\":%d}", (int)holder);
    fake_reply_deinit(&reply);
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, "/alloc", body);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, "/alloc-all",
                             "{\"services\":[{\"service_name\":\"web\",\"count\":2,\"reuse\":true}]}");
    cr_expect_str_eq(reply.type, "lease-held");
    fake_reply_deinit(&reply);
    reply =
        fake_daemon_call(&it, uid, "/alloc-all",
                         "{\"services\":[{\"service_name\":\"web\",\"count\":2,\"reuse\":true,\"reuse_held\":true}]}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(fake_reply_number(&reply, "grants.0.leases.0.holder.pid"), holder);
    cr_expect_eq(fake_reply_number(&reply, "grants.0.leases.1.slot"), 1);
    cr_expect_eq(fake_reply_number(&reply, "grants.0.n_reused"), 1);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "grants.0.new_ids")), 1);
    cr_expect_eq(fake_reply_number(&reply, "grants.0.new_ids.0"), fake_reply_number(&reply, "grants.0.leases.1.id"));
    expect_leases(2);
    /* From now on it is not its holder's alone, who does not take it away at his end. */
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, "/release", "{\"id\":1,\"unless_outlasting\":true}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(cJSON_IsFalse(fake_reply_get(&reply, "released")));
    cr_expect_str_eq(fake_reply_text(&reply, "kept_by"), "holder");
    expect_leases(2);
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, "/release", "{\"id\":2,\"unless_outlasting\":true}");
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "released")), "it has no holder to outlast");
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, "/release", "{\"id\":1}");
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "released")), "a person's word");
    expect_leases(0);
    fake_daemon_end_process(holder, false);
}

Test(api_alloc_all, reuse_held_goes_with_reuse_and_without_pid) {
    static const char *const services[] = {
        "{\"service_name\":\"web\",\"reuse_held\":true}",
        "{\"service_name\":\"web\",\"reuse\":false,\"reuse_held\":true}",
        "{\"service_name\":\"web\",\"reuse\":true,\"reuse_held\":true,\"pid\":1}",
        "{\"service_name\":\"web\",\"reuse\":true,\"reuse_held\":1}",
    };
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        char body[160];
        snprintf(body, sizeof(body), "{\"services\":[%s]}", services[i]);
        call("/alloc-all", body);
        cr_expect_eq(reply.status, 422, "%s", reply.text);
        cr_expect_str_eq(fake_reply_text(&reply, "key"), "reuse_held", "%s", reply.text);
        call("/alloc", services[i]);
        cr_expect_str_eq(fake_reply_text(&reply, "key"), "reuse_held", "%s", reply.text);
    }
    expect_leases(0);
}

static void expect_note(uid_t uid, const char *project, const char *expected) {
    char body[160];

    snprintf(body, sizeof(body), "{\"service_name\":\"web\",\"project\":\"%s\",\"prefer\":8005,\"sticky_first\":true}",
             project);
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, "/alloc", body);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(fake_reply_text(&reply, "notes.0"), expected, "%s", reply.text);
}

Test(api_alloc_all, who_has_a_default_is_told_as_far_as_one_may_know) {
    call_ok("/alloc", "{\"service_name\":\"web\",\"project\":\"/c1/shop\",\"prefer\":8005,\"sticky_first\":true}");
    expect_note(ANN, "/c2", "port 8005 was preferred, but is leased to web of project shop");
    expect_note(ANN, "/c2/shop", "port 8005 was preferred, but is leased to web of project /c1/shop");
    expect_note(BOB, "/c1/shop", "port 8005 was preferred, but is leased to web (uid 54321)");
    call_ok("/release", "{\"port\":8005}");
    expect_note(ANN, "/c3", "port 8005 was preferred, but web of project shop had it last");
    expect_note(BOB, "/c3", "port 8005 was preferred, but another user's service had it last");
}

Test(api_alloc_all, a_default_that_another_project_had_last_is_told) {
    call_ok("/alloc", "{\"service_name\":\"web\",\"project\":\"/c1\",\"prefer\":8005,\"sticky_first\":true}");
    cr_assert_eq(fake_reply_number(&reply, "port"), 8005);
    call_ok("/release", "{\"port\":8005}");
    call_ok("/alloc-all", "{\"services\":[{\"service_name\":\"web\",\"project\":\"/c2\",\"prefer\":[8005],"
                          "\"sticky_first\":true}]}");
    cr_expect_eq(fake_reply_number(&reply, "grants.0.port"), 8000);
    cr_expect_not_null(strstr(fake_reply_text(&reply, "grants.0.notes.0"), "web of project c1 had it last"));
    call_ok("/alloc", "{\"service_name\":\"web\",\"project\":\"/c1\",\"prefer\":8005,\"sticky_first\":true}");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8005, "it has got it again");
}
