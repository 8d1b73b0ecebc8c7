/* POST /claim and POST /disown: who may say whose a listener is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_daemon.h"

static struct fake_daemon it;
static struct fake_reply reply;

static void set_up(void) {
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_reply_deinit(&reply);
    fake_daemon_stop(&it);
}

TestSuite(api_claim, .init = set_up, .fini = tear_down);

static void call(uid_t uid, const char *target, const char *body) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, target, body);
}

static void expect(int status, const char *type) {
    cr_expect_eq(reply.status, status, "%s", reply.text);
    cr_expect_str_eq(reply.type, type, "%s", reply.text);
}

static void expect_detail(const char *part) {
    cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), part), "%s", reply.text);
}

static struct lease *lease(const char *service_name, uint16_t port) {
    struct grant_request request = fake_daemon_ask(service_name);
    request.exact = port;
    return fake_daemon_grant(&it, &request);
}

/* ---- POST /claim, no lease ---- */

Test(api_claim, what_listens_gets_a_lease_of_its_own_uid) {
    fake_daemon_listen(&it, 8001, ANN, 5);
    call(ANN, "/claim", "{\"port\":8001,\"service_name\":\"web\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(fake_reply_number(&reply, "port"), 8001);
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "created")));
    cr_expect_eq(fake_reply_number(&reply, "lease.uid"), ANN);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.service_name"), "web");
    cr_expect_eq(fake_reply_number(&reply, "lease.port"), 8001);
    cr_expect_str_eq(fake_reply_text(&reply, "listeners.0.service_name"), "web");
    cr_expect_not_null(registry_find_port(it.registry, 8001));
}

Test(api_claim, root_and_portds_uid_claim_for_the_listeners_uid) {
    static const uid_t operators[] = {0, FAKE_DAEMON_UID};
    for (size_t i = 0; i < 2; i++) {
        char body[64];
        fake_daemon_listen(&it, (uint16_t)(8001 + i), BOB, (uint32_t)(5 + i));
        snprintf(body, sizeof(body), "{\"port\":%zu,\"service_name\":\"web\"}", 8001 + i);
        call(operators[i], "/claim", body);
        cr_assert_eq(reply.status, 200, "%s", reply.text);
        cr_expect_eq(fake_reply_number(&reply, "lease.uid"), BOB);
    }
}

Test(api_claim, a_port_outside_of_the_range_can_be_claimed) {
    fake_daemon_listen(&it, 5432, ANN, 5);
    call(ANN, "/claim", "{\"port\":5432,\"service_name\":\"db\"}");
    cr_expect_eq(reply.status, 200, "%s", reply.text);
}

Test(api_claim, a_free_port_cannot_be_claimed) {
    call(ANN, "/claim", "{\"port\":8001,\"service_name\":\"web\"}");
    expect(404, "not-listening");
    expect_detail("Nobody listens on port 8001.");
    /* Bound is not listening. */
    fake_probe_listen(&it.probe, 8001, ANN, 5)->listener.state = LISTENER_BOUND;
    call(ANN, "/claim", "{\"port\":8001,\"service_name\":\"web\"}");
    expect(404, "not-listening");
    cr_expect_null(registry_find_port(it.registry, 8001));
}

Test(api_claim, a_listener_that_has_closed_since_the_reading_cannot_be_claimed) {
    fake_probe_listen(&it.probe, 8001, ANN, 5); /* the kernel has it no more */
    call(ANN, "/claim", "{\"port\":8001,\"service_name\":\"web\"}");
    expect(404, "not-listening");
}

Test(api_claim, another_users_listener_cannot_be_claimed) {
    fake_probe_own(fake_daemon_listen(&it, 8001, BOB, 5), 700, "python3");
    call(ANN, "/claim", "{\"port\":8001,\"service_name\":\"web\"}");
    expect(403, "not-your-listener");
    expect_detail("python3 (pid 700, uid 54322) listens on it.");
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.pid"), 700);
    cr_expect_null(registry_find_port(it.registry, 8001));
}

Test(api_claim, one_listener_of_two_is_not_enough) {
    fake_daemon_listen(&it, 8001, ANN, 5);
    fake_daemon_listen(&it, 8001, BOB, 6);
    call(ANN, "/claim", "{\"port\":8001,\"service_name\":\"web\"}");
    expect(403, "not-your-listener");
    call(BOB, "/claim", "{\"port\":8001,\"service_name\":\"web\"}");
    expect(403, "not-your-listener");
}

Test(api_claim, a_name_is_needed_where_there_is_no_lease) {
    fake_daemon_listen(&it, 8001, ANN, 5);
    call(ANN, "/claim", "{\"port\":8001}");
    expect(422, "missing-key");
    expect_detail("service_name");
}

Test(api_claim, portds_own_port_is_portds) {
    fake_daemon_listen(&it, FAKE_DAEMON_API, FAKE_DAEMON_UID, 5);
    call(FAKE_DAEMON_UID, "/claim", "{\"port\":3030,\"service_name\":\"web\"}");
    expect(409, "reserved-for-portd");
}

/* ---- POST /claim, on a leased port ---- */

Test(api_claim, a_listener_on_a_leased_port_is_confirmed) {
    static const char *const bodies[] = {"{\"port\":8001}", "{\"port\":8001,\"service_name\":\"my-api\"}"};
    const uint64_t id = lease("my-api", 8001)->id;
    fake_daemon_listen(&it, 8001, ANN, 5);
    for (size_t i = 0; i < 2; i++) {
        call(ANN, "/claim", bodies[i]);
        cr_assert_eq(reply.status, 200, "%s", reply.text);
        cr_expect(cJSON_IsFalse(fake_reply_get(&reply, "created")));
        cr_expect_eq(fake_reply_number(&reply, "lease.id"), (double)id);
    }
}

Test(api_claim, a_leased_port_keeps_its_name) {
    lease("my-api", 8001);
    fake_daemon_listen(&it, 8001, ANN, 5);
    call(ANN, "/claim", "{\"port\":8001,\"service_name\":\"other\"}");
    expect(409, "port-leased");
    expect_detail("Port 8001 is leased to my-api (uid 54321).");
    cr_expect_str_eq(fake_reply_text(&reply, "lease.service_name"), "my-api");
}

Test(api_claim, another_users_lease_is_not_claimed_by_listening_on_it) {
    lease("my-api", 8001);
    fake_daemon_listen(&it, 8001, BOB, 5);
    call(BOB, "/claim", "{\"port\":8001}");
    expect(403, "not-yours");
    call(ANN, "/claim", "{\"port\":8001}");
    expect(403, "not-your-listener");
    call(0, "/claim", "{\"port\":8001}");
    cr_expect_eq(reply.status, 200, "%s", reply.text);
}

Test(api_claim, a_leased_port_that_nobody_listens_on_is_not_claimed) {
    lease("my-api", 8001);
    call(ANN, "/claim", "{\"port\":8001}");
    expect(404, "not-listening");
}

/* Who clicks where another lease was has not meant the one that is there now. */
Test(api_claim, a_lease_that_is_named_must_be_the_ports) {
    char body[96];
    const uint64_t id = lease("my-api", 8001)->id;
    fake_daemon_listen(&it, 8001, ANN, 5);
    static const char *const targets[] = {"/claim", "/disown"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(body, sizeof(body), "{\"port\":8001,\"id\":%llu}", (unsigned long long)id + 1);
        call(ANN, targets[i], body);
        expect(409, "lease-mismatch");
        expect_detail("of my-api.");
        cr_expect_eq(fake_reply_number(&reply, "lease.id"), (double)id);
        call(BOB, targets[i], body);
        expect(409, "lease-mismatch");
        snprintf(body, sizeof(body), "{\"port\":8001,\"id\":%llu}", (unsigned long long)id);
        call(ANN, targets[i], body);
        cr_expect_eq(reply.status, 200, "%s: %s", targets[i], reply.text);
    }
}

Test(api_claim, where_there_is_no_lease_none_can_be_named) {
    fake_daemon_listen(&it, 8002, ANN, 5);
    call(ANN, "/claim", "{\"port\":8002,\"id\":1,\"service_name\":\"web\"}");
    expect(409, "lease-mismatch");
    expect_detail("it is not leased");
    cr_expect_null(registry_find_port(it.registry, 8002));
    call(ANN, "/disown", "{\"port\":8002,\"id\":1}");
    expect(404, "no-such-lease");
    call(ANN, "/claim", "{\"port\":3030,\"id\":1,\"service_name\":\"web\"}");
    expect(409, "reserved-for-portd");
}

/* ---- POST /disown ---- */

Test(api_claim, a_listener_that_is_disowned_is_a_squatter) {
    lease("my-api", 8001);
    fake_daemon_listen(&it, 8001, ANN, 5);
    call(ANN, "/disown", "{\"port\":8001}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(fake_reply_number(&reply, "port"), 8001);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.state"), "conflict");
    cr_expect_null(fake_reply_get(&reply, "created"));
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.inode"), 5);
}

Test(api_claim, a_process_that_does_not_listen_is_neither_claimed_nor_disowned) {
    lease("web", 8001);
    fake_daemon_listen(&it, 8001, ANN, 5);
    call(ANN, "/claim", "{\"port\":8001,\"pid\":4711}");
    cr_expect_eq(reply.status, 404);
    cr_expect_str_eq(reply.type, "not-listening");
    expect_detail("4711");
    call(ANN, "/disown", "{\"port\":8001,\"pid\":4711}");
    cr_expect_eq(reply.status, 404);
    call(ANN, "/claim", "{\"port\":8001,\"pid\":0}");
    cr_expect_eq(reply.status, 422);
}

Test(api_claim, only_who_may_change_the_lease_disowns) {
    lease("my-api", 8001);
    fake_daemon_listen(&it, 8001, BOB, 5);
    call(BOB, "/disown", "{\"port\":8001}");
    expect(403, "not-yours");
    expect_detail("Port 8001 is leased to my-api (uid 54321), and is not yours to change.");
    call(FAKE_DAEMON_UID, "/disown", "{\"port\":8001}");
    cr_expect_eq(reply.status, 200, "%s", reply.text);
}

Test(api_claim, there_must_be_something_to_disown) {
    call(ANN, "/disown", "{\"port\":8001}");
    expect(404, "no-such-lease");
    lease("my-api", 8001);
    call(ANN, "/disown", "{\"port\":8001}");
    expect(404, "not-listening");
}

/* ---- bad bodies, both ---- */

Test(api_claim, bad_bodies_are_refused_before_anything_is_read) {
    static const struct {
        const char *target;
        const char *body;
        int status;
        const char *type;
    } rows[] = {
        {"/claim", "", 400, "malformed-json"},
        {"/claim", "[]", 422, "invalid-value"},
        {"/claim", "{}", 422, "missing-key"},
        {"/claim", "{\"service_name\":\"web\"}", 422, "missing-key"},
        {"/claim", "{\"port\":0,\"service_name\":\"web\"}", 422, "invalid-value"},
        {"/claim", "{\"port\":65536,\"service_name\":\"web\"}", 422, "invalid-value"},
        {"/claim", "{\"port\":\"8001\",\"service_name\":\"web\"}", 422, "invalid-value"},
        {"/claim", "{\"port\":8001,\"service_name\":\"\"}", 422, "invalid-value"},
        {"/claim", "{\"port\":8001,\"service_name\":7}", 422, "invalid-value"},
        {"/claim", "{\"port\":8001,\"name\":\"web\"}", 422, "unknown-key"},
        {"/claim", "{\"port\":8001,\"id\":0}", 422, "invalid-value"},
        {"/claim", "{\"port\":8001,\"id\":\"1\"}", 422, "invalid-value"},
        {"/disown", "{\"port\":8001,\"id\":9007199254740992}", 422, "invalid-value"},
        {"/disown", "{}", 422, "missing-key"},
        {"/disown", "{\"port\":null}", 422, "missing-key"},
        {"/disown", "{\"port\":8001.5}", 422, "invalid-value"},
        {"/disown", "{\"port\":8001,\"service_name\":\"web\"}", 422, "unknown-key"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        call(ANN, rows[i].target, rows[i].body);
        cr_expect_eq(reply.status, rows[i].status, "%s: %s", rows[i].body, reply.text);
        cr_expect_str_eq(reply.type, rows[i].type, "%s: %s", rows[i].body, reply.text);
    }
    cr_expect_eq(it.probe.n_reads, 0);
}
