/*
 * The REST API as docs/api.md promises it: each call, as requests and answers that are values. The problems are in
 * test_api_problems.c.
 */
#include "src/api/api.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/api/access.h"
#include "src/page/page.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/tcp.h"

static struct fake_daemon it;
static struct fake_reply reply;

static void set_up(void) {
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_reply_deinit(&reply);
    fake_daemon_stop(&it);
}

TestSuite(api, .init = set_up, .fini = tear_down);

/* The answer stays until the next call. */
static void call(uid_t uid, const char *target, const char *body) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, target, body);
}

/* The same, and it must be a 200. */
static void call_ok(uid_t uid, const char *target, const char *body) {
    call(uid, target, body);
    cr_assert_eq(reply.status, 200, "%s %s: %s", target, body ? body : "", reply.text);
}

static bool is_null(const char *path) {
    const cJSON *item = fake_reply_get(&reply, path);
    cr_assert_not_null(item, "no %s: %s", path, reply.text);
    return cJSON_IsNull(item);
}

/* The keys of an object are these, in this order, and no others. */
static void expect_keys(const char *path, const char *expected) {
    char keys[512] = "";
    const cJSON *member;
    cJSON_ArrayForEach(member, fake_reply_get(&reply, path)) {
        strcat(keys, member->string);
        strcat(keys, " ");
    }
    cr_expect_str_eq(keys, expected, "%s", keys);
}

#define LEASE_KEYS                                                                                                     \
    "port service_name allocated_at last_heartbeat ttl_seconds tags id slot uid user state elsewhere_port conflict "   \
    "evidence "                                                                                                        \
    "kept_by "                                                                                                         \
    "expires_at expires_in_seconds holder project "

#define LISTENER_KEYS                                                                                                  \
    "address port family state v6only inode uid user since since_start cgroup_id cgroup unit container pid process "   \
    "owners hidden service_name lease_id evidence "

/* ---- POST /alloc ---- */

Test(api, an_alloc_gives_a_port_and_its_lease) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"my-api\"}");
    cr_expect_str_eq(reply.content_type, "application/json");
    expect_keys("", "port lease ports leases reused n_reused new_ids notes ");
    expect_keys("lease", LEASE_KEYS);
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "ports.0"), 8000);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "ports")), 1);
    cr_expect(cJSON_Compare(fake_reply_get(&reply, "lease"), fake_reply_get(&reply, "leases.0"), true));
    cr_expect(cJSON_IsFalse(fake_reply_get(&reply, "reused")));
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "notes")), 0);
    cr_expect_eq(fake_reply_number(&reply, "lease.port"), 8000);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.service_name"), "my-api");
    cr_expect_str_eq(fake_reply_text(&reply, "lease.allocated_at"), "2026-09-21T14:13:20.123Z");
    cr_expect_str_eq(fake_reply_text(&reply, "lease.last_heartbeat"), "2026-09-21T14:13:20.123Z");
    cr_expect_eq(fake_reply_number(&reply, "lease.ttl_seconds"), 300);
    cr_expect(cJSON_IsArray(fake_reply_get(&reply, "lease.tags")));
    cr_expect_eq(fake_reply_number(&reply, "lease.id"), 1);
    cr_expect_eq(fake_reply_number(&reply, "lease.slot"), 0);
    cr_expect_eq(fake_reply_number(&reply, "new_ids.0"), 1);
    cr_expect_eq(fake_reply_number(&reply, "lease.uid"), ANN);
    cr_expect(is_null("lease.user"), "nobody has that name");
    cr_expect_str_eq(fake_reply_text(&reply, "lease.state"), "pending");
    cr_expect_str_eq(fake_reply_text(&reply, "lease.kept_by"), "ttl");
    cr_expect_str_eq(fake_reply_text(&reply, "lease.expires_at"), "2026-09-21T14:18:20.123Z");
    cr_expect_eq(fake_reply_number(&reply, "lease.expires_in_seconds"), 300);
    cr_expect(is_null("lease.holder"));
    cr_expect(is_null("lease.project"));
}

Test(api, an_alloc_takes_all_that_is_asked_for) {
    call_ok(ANN, "/alloc",
            "{\"service_name\":\"caf\xC3\xA9 <b>\",\"ttl_seconds\":60,\"tags\":[\"blue\",\"\\u00e9\"],\"count\":3,"
            "\"prefer\":8005,\"project\":\"/home/ann/shop\",\"reuse\":true}");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8005);
    cr_expect_eq(fake_reply_number(&reply, "ports.1"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "leases.2.port"), 8001);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "leases")), 3);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.service_name"), "caf\xC3\xA9 <b>");
    cr_expect_eq(fake_reply_number(&reply, "leases.2.ttl_seconds"), 60);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.tags.1"), "\xC3\xA9");
    cr_expect_str_eq(fake_reply_text(&reply, "lease.project"), "/home/ann/shop");
    cr_expect(cJSON_IsFalse(fake_reply_get(&reply, "reused")));
    call_ok(ANN, "/alloc", "{\"service_name\":\"exact\",\"port\":8007,\"count\":1}");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8007);
}

Test(api, each_port_can_have_a_preferred_one_and_the_old_one_can_come_first) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"count\":3,\"prefer\":[null,8007]}");
    cr_expect_eq(fake_reply_number(&reply, "ports.0"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "ports.1"), 8007);
    cr_expect_eq(fake_reply_number(&reply, "ports.2"), 8001);
    call_ok(ANN, "/release", "{\"port\":8000}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"prefer\":8009,\"sticky_first\":true}");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"count\":4,\"reuse\":true,\"prefer\":[1,2,3,8009]}");
    cr_expect_eq(fake_reply_number(&reply, "n_reused"), 3);
    cr_expect_eq(fake_reply_number(&reply, "ports.3"), 8009, "the fourth is the only new one");
    cr_expect_eq(fake_reply_number(&reply, "leases.3.slot"), 3);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "new_ids")), 1);
    cr_expect_eq(fake_reply_number(&reply, "new_ids.0"), fake_reply_number(&reply, "leases.3.id"));
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "notes")), 0);
    call_ok(ANN, "/alloc", "{\"service_name\":\"exact\",\"port\":8005,\"prefer\":[null]}");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8005);
}

/* The first of a name is the one of its first variable, not the one that was granted first. */
Test(api, a_look_up_goes_by_slot) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"count\":2,\"prefer\":[8007,8001]}");
    call_ok(ANN, "/release", "{\"port\":8007}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"count\":2,\"reuse\":true}");
    cr_expect_eq(fake_reply_number(&reply, "ports.0"), 8007);
    cr_expect_eq(fake_reply_number(&reply, "ports.1"), 8001);
    call_ok(ANN, "/lookup?service=web", NULL);
    cr_expect_eq(fake_reply_number(&reply, "port"), 8007);
    cr_expect_eq(fake_reply_number(&reply, "lease.slot"), 0);
    cr_expect_eq(fake_reply_number(&reply, "all_ports.1"), 8001);
    call_ok(BOB, "/alloc", "{\"service_name\":\"web\"}");
    call_ok(ANN, "/lookup?service=web", NULL);
    cr_expect_eq(fake_reply_number(&reply, "all_ports.1"), 8001, "one's own first");
}

Test(api, null_counts_as_absent) {
    call_ok(ANN, "/alloc",
            "{\"service_name\":\"web\",\"ttl_seconds\":null,\"tags\":null,\"port\":null,\"prefer\":null,\"count\":null,"
            "\"reuse\":null,\"project\":null,\"pid\":null}");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "lease.ttl_seconds"), 300);
}

Test(api, a_live_lease_is_reused_if_that_is_asked_for) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"tags\":[\"blue\"],\"ttl_seconds\":60}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"reuse\":true}");
    cr_expect_eq(fake_reply_number(&reply, "lease.id"), 1);
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "reused")));
    cr_expect_eq(fake_reply_number(&reply, "lease.ttl_seconds"), 60);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.tags.0"), "blue");
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"reuse\":true,\"tags\":[]}");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "lease.tags")), 0);
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"reuse\":false}");
    cr_expect_eq(fake_reply_number(&reply, "lease.id"), 2);
    call_ok(BOB, "/alloc", "{\"service_name\":\"web\",\"reuse\":true}");
    cr_expect_eq(fake_reply_number(&reply, "lease.id"), 3);
}

Test(api, a_long_ttl_is_clamped_with_a_note) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"a\",\"ttl_seconds\":2592000}");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "notes")), 0);
    call_ok(ANN, "/alloc", "{\"service_name\":\"b\",\"ttl_seconds\":2592001}");
    cr_expect_eq(fake_reply_number(&reply, "lease.ttl_seconds"), 2592000);
    cr_expect_not_null(strstr(fake_reply_text(&reply, "notes.0"), "clamped to 2592000"));
    call_ok(ANN, "/alloc", "{\"service_name\":\"c\",\"ttl_seconds\":9007199254740991}");
    cr_expect_eq(fake_reply_number(&reply, "lease.expires_in_seconds"), 2592000);
}

/* The note about `port` has `words` in it. */
static void expect_note(const char *body, unsigned port, const char *words) {
    char beginning[16];
    call_ok(ANN, "/alloc", body);
    snprintf(beginning, sizeof(beginning), "port %u ", port);
    cr_assert_eq(cJSON_GetArraySize(fake_reply_get(&reply, "notes")), 1, "%s", reply.text);
    const char *note = fake_reply_text(&reply, "notes.0");
    cr_expect_eq(strncmp(note, beginning, strlen(beginning)), 0, "%s", note);
    cr_expect_not_null(strstr(note, words), "%s", note);
}

Test(api, a_grant_that_is_not_quite_what_one_would_expect_has_a_note) {
    port_set_add(&it.rules.excluded, 8001);
    fake_home_write(&it.home, "ip_local_reserved_ports", "8002\n", 5);
    fake_kernel_listen(&it.kernel, 8003, BOB);
    expect_note("{\"service_name\":\"a\",\"port\":8001}", 8001, "exclude");
    expect_note("{\"service_name\":\"b\",\"port\":8002}", 8002, "ip_local_reserved_ports");
    expect_note("{\"service_name\":\"c\",\"port\":6000}", 6000, "browsers");
    expect_note("{\"service_name\":\"d\",\"prefer\":8001}", 8001, "leased");
    expect_note("{\"service_name\":\"e\",\"prefer\":8003}", 8003, "in use");
    expect_note("{\"service_name\":\"f\",\"prefer\":3030}", 3030, "portd's own");
    expect_note("{\"service_name\":\"g\",\"prefer\":80}", 80, "privileged");
    call_ok(ANN, "/release", "{\"port\":6000}");
    port_set_add(&it.kernel.busy, 6000);
    fake_clock_advance(&it.clock, 20000);
    call_ok(ANN, "/alloc", "{\"service_name\":\"h\",\"port\":8009}");
    call_ok(ANN, "/release", "{\"port\":8009}");
    fake_kernel_listen(&it.kernel, 8009, BOB);
    expect_note("{\"service_name\":\"h\"}", 8009, "had last");
    fake_kernel_close(&it.kernel, 8009);
    call_ok(ANN, "/alloc", "{\"service_name\":\"i\",\"port\":8009}");
    call_ok(ANN, "/release", "{\"port\":8009}");
    expect_note("{\"service_name\":\"j\",\"port\":8009}", 8009, "15 seconds");
}

Test(api, root_may_have_a_privileged_port) {
    call_ok(0, "/alloc", "{\"service_name\":\"web\",\"port\":444}");
    cr_expect_eq(fake_reply_number(&reply, "lease.uid"), 0);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.user"), "root");
}

Test(api, a_holder_keeps_its_lease) {
    uid_t uid;
    char body[96];
    const pid_t child = fake_daemon_start_process(&uid);
    snprintf(body, sizeof(body), "{\"service_name\":\"web\",\"pid\":%d}", child);
    call_ok(uid, "/alloc", body);
    cr_expect_eq(fake_reply_number(&reply, "lease.holder.pid"), child);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.kept_by"), "holder");
    cr_expect(is_null("lease.expires_at"));
    cr_expect(is_null("lease.expires_in_seconds"));
    fake_daemon_end_process(child, false);
    registry_turn(it.registry);
    call_ok(uid, "/list", NULL);
    cr_expect_eq(cJSON_GetArraySize(reply.json), 0);
}

/* ---- POST /release and /heartbeat ---- */

Test(api, a_lease_is_released_by_port_by_id_or_by_both) {
    static const char *const bodies[] = {"{\"port\":8000}", "{\"id\":2}", "{\"port\":8000,\"id\":3}",
                                         "{\"port\":8000,\"id\":null}"};
    for (size_t i = 0; i < 4; i++) {
        call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
        call_ok(ANN, "/release", bodies[i]);
        expect_keys("", "port id service_name listeners released kept_by ");
        cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
        cr_expect_eq(fake_reply_number(&reply, "id"), (double)i + 1);
        cr_expect_str_eq(fake_reply_text(&reply, "service_name"), "web");
        cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "listeners")), 0);
        call(ANN, "/release", bodies[i]);
        cr_expect_eq(reply.status, 404, "once");
    }
}

Test(api, a_release_says_who_still_listens) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
    fake_kernel_listen(&it.kernel, 8000, ANN);
    fake_kernel_listen(&it.kernel, 8001, BOB);
    call_ok(ANN, "/release", "{\"port\":8000}");
    cr_assert_eq(cJSON_GetArraySize(fake_reply_get(&reply, "listeners")), 1);
    expect_keys("listeners.0", LISTENER_KEYS);
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.port"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.uid"), ANN);
}

Test(api, a_heartbeat_renews) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"ttl_seconds\":60}");
    fake_clock_advance(&it.clock, 59000);
    call_ok(ANN, "/heartbeat", "{\"port\":8000,\"id\":1}");
    expect_keys("", "port id lease ");
    expect_keys("lease", LEASE_KEYS);
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "id"), 1);
    cr_expect_eq(fake_reply_number(&reply, "lease.expires_in_seconds"), 60);
    cr_expect_str_eq(fake_reply_text(&reply, "lease.last_heartbeat"), "2026-09-21T14:14:19.123Z");
    cr_expect_str_eq(fake_reply_text(&reply, "lease.allocated_at"), "2026-09-21T14:13:20.123Z");
    call_ok(ANN, "/heartbeat", "{\"id\":1}");
}

Test(api, root_and_portds_own_uid_may_change_any_lease_and_others_only_their_own) {
    static const uid_t operators[] = {0, FAKE_DAEMON_UID, ANN};
    for (size_t i = 0; i < 3; i++) {
        call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
        call(BOB, "/heartbeat", "{\"port\":8000}");
        cr_expect_str_eq(reply.type, "not-yours");
        call(BOB, "/release", "{\"port\":8000}");
        cr_expect_str_eq(reply.type, "not-yours");
        call_ok(operators[i], "/heartbeat", "{\"port\":8000}");
        call_ok(operators[i], "/release", "{\"port\":8000}");
    }
}

/* The guard and the routes keep unknown callers out. If they did not, their uid of 0 would still be nobody's. */
Test(api, an_unknown_caller_has_no_rights) {
    const struct api_caller unknown = {.known = false, .uid = 0};
    const struct api_caller root = {.known = true, .uid = 0};
    const struct lease lease = {.uid = 0};
    cr_expect_not(access_is_operator(&it.api, &unknown));
    cr_expect_not(access_may_change(&it.api, &unknown, &lease));
    cr_expect(access_is_operator(&it.api, &root));
    cr_expect(access_may_change(&it.api, &root, &lease));
}

Test(api, a_login_name_is_its_own_uids_and_read_again_after_a_minute) {
    struct users users = {0};
    const uid_t neighbour = USERS_MAX * 100000; /* the same place in the table */
    cr_expect_str_eq(users_name(&users, 0, 1000), "root");
    cr_expect_null(users_name(&users, neighbour, 1000));
    cr_expect_str_eq(users_name(&users, 0, 1000), "root");
    strcpy(users.entries[0].name, "old");
    cr_expect_str_eq(users_name(&users, 0, 61000), "old");
    cr_expect_str_eq(users_name(&users, 0, 61001), "root");
    cr_expect_str_eq(users_name(&(struct users){0}, 0, 0), "root", "at the very start of the clock");
}

/* ---- GET /list and /lookup ---- */

Test(api, the_list_is_a_bare_array_by_port) {
    call_ok(ANN, "/list", NULL);
    cr_expect_str_eq(reply.text, "[]");
    call_ok(ANN, "/alloc", "{\"service_name\":\"c\",\"port\":8005}");
    call_ok(BOB, "/alloc", "{\"service_name\":\"b\",\"port\":3000}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"a\",\"port\":8001}");
    call_ok(ANN, "/list", NULL);
    cr_assert_eq(cJSON_GetArraySize(reply.json), 3);
    static const unsigned expected[] = {3000, 8001, 8005};
    for (int i = 0; i < 3; i++)
        cr_expect_eq(cJSON_GetObjectItem(cJSON_GetArrayItem(reply.json, i), "port")->valuedouble, expected[i]);
    expect_keys("1", LEASE_KEYS);
}

Test(api, the_list_shows_what_the_kernel_shows_now) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\"}");
    call_ok(ANN, "/list", NULL);
    cr_expect_str_eq(fake_reply_text(&reply, "0.state"), "pending");
    fake_kernel_listen(&it.kernel, 8000, ANN);
    call_ok(ANN, "/list", NULL);
    cr_expect_str_eq(fake_reply_text(&reply, "0.state"), "bound");
    cr_expect_str_eq(fake_reply_text(&reply, "0.kept_by"), "listener");
    cr_expect(is_null("0.expires_at") && is_null("0.expires_in_seconds"));
    fake_kernel_listen(&it.kernel, 8000, BOB);
    call_ok(ANN, "/list", NULL);
    cr_expect_str_eq(fake_reply_text(&reply, "0.state"), "conflict");
    fake_kernel_close(&it.kernel, 8000);
    call_ok(ANN, "/list", NULL);
    cr_expect_str_eq(fake_reply_text(&reply, "0.state"), "silent");
}

Test(api, the_time_left_is_rounded_up_and_never_below_nothing) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"ttl_seconds\":2}");
    static const unsigned steps[] = {0, 1, 999, 1, 998, 1, 5000};
    static const double expected[] = {2, 2, 1, 1, 1, 0, 0};
    for (size_t i = 0; i < 7; i++) {
        fake_clock_advance(&it.clock, steps[i]);
        call_ok(ANN, "/list", NULL);
        cr_expect_eq(fake_reply_number(&reply, "0.expires_in_seconds"), expected[i], "step %zu: %s", i, reply.text);
    }
}

Test(api, a_project_is_shown_to_those_who_may_change_the_lease) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"project\":\"/home/ann/secret\"}");
    static const uid_t readers[] = {ANN, 0, FAKE_DAEMON_UID, BOB};
    for (size_t i = 0; i < 4; i++) {
        call_ok(readers[i], "/list", NULL);
        cr_expect_eq(is_null("0.project"), readers[i] == BOB, "uid %u", readers[i]);
        call_ok(readers[i], "/lookup?service=web", NULL);
        cr_expect_eq(is_null("lease.project"), readers[i] == BOB, "uid %u", readers[i]);
    }
}

Test(api, a_lookup_finds_the_callers_own_leases_first_and_then_the_oldest) {
    call_ok(BOB, "/alloc", "{\"service_name\":\"web\",\"port\":8004}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8009}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"other\"}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"port\":8001}");
    call_ok(ANN, "/lookup?service=web", NULL);
    expect_keys("", "service_name port all_ports lease leases ");
    cr_expect_str_eq(fake_reply_text(&reply, "service_name"), "web");
    cr_expect_eq(fake_reply_number(&reply, "port"), 8009);
    cr_expect_eq(fake_reply_number(&reply, "lease.port"), 8009);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "all_ports")), 3);
    cr_expect_eq(fake_reply_number(&reply, "all_ports.1"), 8001);
    cr_expect_eq(fake_reply_number(&reply, "all_ports.2"), 8004);
    cr_expect_eq(fake_reply_number(&reply, "leases.2.uid"), BOB);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "leases")), 3);
    call_ok(0, "/lookup?service=web", NULL);
    cr_expect_eq(fake_reply_number(&reply, "port"), 8004, "the oldest");
}

Test(api, a_lookup_of_nobodys_name_is_nulls) {
    static const char *const targets[] = {"/lookup?service=web", "/lookup?service=", "/lookup?service=%F0%9F%98%80"};
    for (size_t i = 0; i < 3; i++) {
        call_ok(ANN, targets[i], NULL);
        cr_expect(is_null("port") && is_null("lease"));
        cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "all_ports")), 0);
        cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "leases")), 0);
    }
    cr_expect_str_eq(fake_reply_text(&reply, "service_name"), "\xF0\x9F\x98\x80");
}

Test(api, a_name_with_an_escape_in_the_target_is_found) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"my api & caf\xC3\xA9\"}");
    call_ok(ANN, "/lookup?service=my+api%20%26+caf%C3%A9", NULL);
    cr_expect_eq(fake_reply_number(&reply, "port"), 8000);
}

/* ---- GET /status and /healthz ---- */

Test(api, the_status_tells_of_the_daemon) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"in\",\"port\":8000}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"in\",\"port\":8009}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"out\",\"port\":7999}");
    call_ok(ANN, "/alloc", "{\"service_name\":\"out\",\"port\":8010}");
    fake_clock_advance(&it.clock, 61999);
    call_ok(FAKE_DAEMON_UID, "/status", NULL);
    expect_keys("",
                "version pid uid uptime_seconds range excluded addresses socket database n_leases n_leased_in_range "
                "sees_bound_sockets warnings ");
    cr_expect_str_eq(fake_reply_text(&reply, "version"), "9.8.7");
    cr_expect_eq(fake_reply_number(&reply, "pid"), getpid());
    cr_expect_eq(fake_reply_number(&reply, "uid"), FAKE_DAEMON_UID);
    cr_expect_eq(fake_reply_number(&reply, "uptime_seconds"), 61);
    cr_expect_eq(fake_reply_number(&reply, "range.min"), 8000);
    cr_expect_eq(fake_reply_number(&reply, "range.max"), 8009);
    cr_expect_str_eq(fake_reply_text(&reply, "excluded"), "8003");
    cr_expect_str_eq(fake_reply_text(&reply, "addresses.1"), "http://[::1]:3030");
    cr_expect_str_eq(fake_reply_text(&reply, "socket"), "/run/user/1/portmanager.sock");
    cr_expect_str_eq(fake_reply_text(&reply, "database"), it.db_path);
    cr_expect_eq(fake_reply_number(&reply, "n_leases"), 4);
    cr_expect_eq(fake_reply_number(&reply, "n_leased_in_range"), 2);
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "sees_bound_sockets")));
    cr_expect_str_eq(fake_reply_text(&reply, "warnings.0"), "something to be said");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "warnings")), 1);
}

Test(api, paths_are_told_to_root_and_portds_own_uid_only) {
    static const uid_t readers[] = {0, FAKE_DAEMON_UID, ANN};
    for (size_t i = 0; i < 3; i++) {
        call_ok(readers[i], "/status", NULL);
        cr_expect_eq(is_null("database"), readers[i] == ANN);
        cr_expect_eq(is_null("socket"), readers[i] == ANN);
    }
    it.info.socket = NULL;
    call_ok(0, "/status", NULL);
    cr_expect(is_null("socket"));
}

Test(api, health_is_a_word) {
    call_ok(ANN, "/healthz", NULL);
    expect_keys("", "status version pid ");
    cr_expect_str_eq(fake_reply_text(&reply, "status"), "ok");
    cr_expect_str_eq(fake_reply_text(&reply, "version"), "9.8.7");
    cr_expect_eq(fake_reply_number(&reply, "pid"), getpid());
}

/* ---- methods and callers ---- */

static struct api_request make_request(const char *method, const char *target, bool known) {
    static const struct api_header headers[] = {{"Host", "localhost:3030"},
                                                {"content-type", "Application/JSON ; charset=utf-8"}};
    return (struct api_request){
        .transport = API_TCP,
        .caller = {.known = known, .uid = known ? ANN : 0},
        .method = method,
        .target = target,
        .version = "HTTP/1.1",
        .headers = headers,
        .n_headers = 2,
    };
}

static void handle(const struct api_request *request) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_handle(&it, request);
}

/* A target that the route is there for. */
static const char *target_of(const struct api_route *route) {
    if (!strchr(route->path, '{'))
        return route->path;
    cr_assert_str_eq(route->path, "/assets/{name}");
    cr_assert_gt(page_n_files, 1);
    return page_paths[strcmp(page_paths[0], "/") == 0 ? 1 : 0];
}

/* `for_anyone` of the table, and what docs/security.md promises. */
Test(api, a_caller_whom_the_kernel_cannot_name_may_ask_whether_it_is_alive) {
    size_t n_routes;
    const struct api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++) {
        const struct api_request request = make_request(routes[i].method, target_of(&routes[i]), false);
        const bool open = strcmp(routes[i].path, "/healthz") == 0 || strcmp(routes[i].path, "/assets/{name}") == 0;
        handle(&request);
        cr_expect_eq(reply.status, open ? 200 : 403, "%s: %d", routes[i].path, reply.status);
        cr_expect_str_eq(reply.type, open ? "" : "unknown-caller");
    }
}

Test(api, head_is_get_and_every_other_method_is_refused) {
    static const char *const methods[] = {"GET",   "HEAD",  "POST",    "PUT", "DELETE", "OPTIONS",
                                          "PATCH", "TRACE", "CONNECT", "get", ""};
    size_t n_routes;
    const struct api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++) {
        for (size_t j = 0; j < sizeof(methods) / sizeof(methods[0]); j++) {
            const struct api_request request = make_request(methods[j], target_of(&routes[i]), true);
            const bool gets = strcmp(routes[i].method, "GET") == 0;
            const bool fits = gets ? j < 2 : j == 2;
            handle(&request);
            cr_expect_eq(reply.status != 405, fits, "%s %s: %d", methods[j], routes[i].path, reply.status);
            if (!fits)
                cr_expect_str_eq(reply.allow, gets ? "GET, HEAD" : "POST");
        }
    }
}

Test(api, a_get_changes_nothing) {
    call_ok(ANN, "/alloc", "{\"service_name\":\"web\",\"ttl_seconds\":60}");
    const struct lease before = *registry_find_id(it.registry, 1);
    fake_clock_advance(&it.clock, 100000);
    static const char *const targets[] = {"/list", "/lookup?service=web", "/status", "/healthz", "/"};
    for (size_t i = 0; i < 5; i++)
        call_ok(ANN, targets[i], NULL);
    const struct lease *after = registry_find_id(it.registry, 1);
    cr_assert_not_null(after);
    cr_expect(after->deadline == before.deadline && after->last_heartbeat == before.last_heartbeat);
}
