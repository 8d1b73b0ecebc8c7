/*
 * The life of a lease, end to end: what keeps it, what ends it, and who may still speak of it afterwards. Which port it gets
 * is test_choice.c's.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "src/base/text.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(leases, .timeout = 300);

/* The lease's member, waited for until it has this value. */
static void wait_until(const struct caller *caller, uint16_t port, const char *key, const char *value) {
    const struct wait wait = wait_for(value);
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
        const cJSON *lease = caller_find_lease(&list, port);
        cr_assert_not_null(lease, "the lease of port %u ended before its %s was %s", port, key, value);
        if (strcmp(json_text_at(lease, key), value) == 0)
            return;
        wait_more(&wait);
    }
}

static void wait_for_end(const struct caller *caller, uint16_t port) {
    const struct wait wait = wait_for("a lease to end");
    while (caller_sees_lease(caller, port))
        wait_more(&wait);
}

static void assert_lease(const struct caller *caller, uint16_t port, const char *state, const char *kept_by) {
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
    const cJSON *lease = caller_find_lease(&list, port);
    cr_assert_not_null(lease, "port %u is not leased", port);
    cr_assert_str_eq(json_text_at(lease, "state"), state);
    cr_assert_str_eq(json_text_at(lease, "kept_by"), kept_by);
    const bool expires = strcmp(kept_by, "ttl") == 0;
    cr_assert_eq(json_is_null_at(lease, "expires_at"), !expires);
    cr_assert_eq(json_is_null_at(lease, "expires_in_seconds"), !expires);
}

static int64_t time_at(const cJSON *lease, const char *key) {
    int64_t unix_ms = 0;
    cr_assert_eq(text_parse_time(json_text_at(lease, key), &unix_ms), 0);
    return unix_ms;
}

/* ---- what a lease is ---- */

Test(leases, a_new_lease_is_what_was_asked_for) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_alloc(
        &me, "{\"service_name\":\"wéb\",\"ttl_seconds\":77,\"tags\":[\"a\",\"b c\"],\"project\":\"/srv/shop\"}");
    const cJSON *lease = json_at(reply.json, "lease");
    const uint64_t port = json_number_at(reply.json, "port");
    cr_assert(port >= 8000 && port <= 9000);
    cr_assert_eq(json_number_at(lease, "port"), port);
    cr_assert_str_eq(json_text_at(lease, "service_name"), "wéb");
    cr_assert_str_eq(json_text_at(lease, "project"), "/srv/shop");
    cr_assert_str_eq(json_text_at(lease, "tags[1]"), "b c");
    cr_assert_eq(json_size_at(lease, "tags"), 2);
    cr_assert_eq(json_number_at(lease, "ttl_seconds"), 77);
    cr_assert_eq(json_number_at(lease, "uid"), geteuid());
    cr_assert_gt(json_number_at(lease, "id"), 0);
    cr_assert(json_is_null_at(lease, "holder"));
    cr_assert_eq(json_size_at(reply.json, "ports"), 1);
    cr_assert_eq(json_number_at(reply.json, "ports[0]"), port);
    cr_assert(cJSON_Compare(json_at(reply.json, "leases[0]"), lease, true));
    cr_assert_not(json_bool_at(reply.json, "reused"));
    cr_assert_eq(json_size_at(reply.json, "notes"), 0);
    const uint64_t left = json_number_at(lease, "expires_in_seconds");
    cr_assert(left > 0 && left <= 77);
    cr_assert_eq(time_at(lease, "allocated_at"), time_at(lease, "last_heartbeat"));
    const int64_t lives_ms = time_at(lease, "expires_at") - time_at(lease, "allocated_at");
    cr_assert(lives_ms >= 76500 && lives_ms <= 77500, "%lld ms", (long long)lives_ms);
    assert_lease(&me, (uint16_t)port, "pending", "ttl");
}

Test(leases, a_ttl_of_more_than_30_days_is_clamped_with_a_note) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply longest = caller_alloc(&me, "{\"service_name\":\"a\",\"ttl_seconds\":2592000}");
    cr_assert_eq(json_number_at(longest.json, "lease.ttl_seconds"), 2592000);
    cr_assert_eq(json_size_at(longest.json, "notes"), 0);
    CLEANUP(http_reply_deinit)
    struct http_reply clamped = caller_alloc(&me, "{\"service_name\":\"a\",\"ttl_seconds\":9007199254740991}");
    cr_assert_eq(json_number_at(clamped.json, "lease.ttl_seconds"), 2592000);
    cr_assert_eq(json_size_at(clamped.json, "notes"), 1);
    cr_assert(strstr(json_text_at(clamped.json, "notes[0]"), "2592000"));
}

Test(leases, a_name_can_have_several_and_lookup_tells_them_all) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t first = caller_grant(&me, "{\"service_name\":\"two words\"}");
    const uint16_t second = caller_grant(&me, "{\"service_name\":\"two words\"}");
    caller_grant(&me, "{\"service_name\":\"another\"}");
    cr_assert_neq(first, second);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(&me, "/lookup?service=two%20words");
    assert_status(reply, 200);
    cr_assert_str_eq(json_text_at(reply.json, "service_name"), "two words");
    cr_assert_eq(json_number_at(reply.json, "port"), first);
    cr_assert_eq(json_size_at(reply.json, "all_ports"), 2);
    cr_assert_eq(json_number_at(reply.json, "all_ports[1]"), second);
    cr_assert_eq(json_number_at(reply.json, "leases[1].port"), second);
    cr_assert_eq(json_number_at(reply.json, "lease.port"), first);
}

Test(leases, the_list_is_in_order_of_ports) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t ports[] = {8500, 8001, 20000, 8499};
    for (size_t i = 0; i < 4; i++)
        caller_grant(&me, "{\"service_name\":\"x\",\"port\":%u}", ports[i]);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
    cr_assert_eq(json_number_at(list.json, "[0].port"), 8001);
    cr_assert_eq(json_number_at(list.json, "[1].port"), 8499);
    cr_assert_eq(json_number_at(list.json, "[2].port"), 8500);
    cr_assert_eq(json_number_at(list.json, "[3].port"), 20000);
}

/* ---- what keeps it ---- */

/* Half a minute long, because for so long after a start nothing runs out of time. */
Test(leases, one_that_nothing_keeps_runs_out_and_each_that_something_keeps_stays) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const pid_t holder = child_start_idle(0);
    const uint16_t idle = caller_grant(&me, "{\"service_name\":\"idle\",\"ttl_seconds\":1}");
    const uint16_t patient = caller_grant(&me, "{\"service_name\":\"patient\",\"ttl_seconds\":3600}");
    const uint16_t beaten = caller_grant(&me, "{\"service_name\":\"beaten\",\"ttl_seconds\":20}");
    const uint16_t listening = caller_grant(&me, "{\"service_name\":\"listening\",\"ttl_seconds\":1}");
    const uint16_t held = caller_grant(&me, "{\"service_name\":\"held\",\"ttl_seconds\":1,\"pid\":%d}", holder);
    CLEANUP(fd_close_at) int server = tcp_listen("127.0.0.1", listening);

    const struct wait wait = wait_for("the idle lease to run out");
    while (caller_sees_lease(&me, idle)) {
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(&me, "/heartbeat", "{\"port\":%u}", beaten);
        assert_status(reply, 200);
        wait_more(&wait);
    }
    assert_lease(&me, patient, "pending", "ttl");
    assert_lease(&me, beaten, "pending", "ttl");
    assert_lease(&me, listening, "bound", "listener");
    assert_lease(&me, held, "pending", "holder");

    CLEANUP(http_reply_deinit) struct http_reply late = caller_post(&me, "/heartbeat", "{\"port\":%u}", idle);
    assert_problem(late, 404, "no-such-lease");
    CLEANUP(http_reply_deinit) struct http_reply lookup = caller_get(&me, "/lookup?service=idle");
    cr_assert(json_is_null_at(lookup.json, "port"));
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"next\",\"port\":%u}", idle), idle);

    /* Its TTL counts from its socket's end. */
    close(fd_take(&server));
    wait_for_end(&me, listening);
    child_kill(holder);
    wait_for_end(&me, held);
    cr_assert(caller_sees_lease(&me, patient));
}

Test(leases, its_own_listener_makes_it_bound_and_the_end_of_it_silent) {
    const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        const uint16_t port = caller_grant(&me, "{\"service_name\":\"web-%zu\"}", i);
        assert_lease(&me, port, "pending", "ttl");
        CLEANUP(fd_close_at) int server = tcp_listen(addresses[i], port);
        assert_lease(&me, port, "bound", "listener");
        close(fd_take(&server));
        assert_lease(&me, port, "silent", "ttl");
    }
}

Test(leases, another_users_listener_on_its_port_is_a_conflict_and_keeps_nothing) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const struct holder_spec spec = {
        .kind = HOLDER_LISTENS, .address = "127.0.0.1", .port = port, .uid = SANDBOX_OTHER_UID};
    struct holder squatter;
    cr_assert_eq(holder_open(&spec, &squatter), 0);
    assert_lease(&me, port, "conflict", "ttl");
    holder_close(&squatter);
    assert_lease(&me, port, "pending", "ttl");
}

Test(leases, a_holder_that_is_killed_frees_the_port_whatever_the_ttl) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const pid_t holder = child_start_idle(0);
    CLEANUP(http_reply_deinit)
    struct http_reply reply =
        caller_alloc(&me, "{\"service_name\":\"web\",\"ttl_seconds\":2592000,\"pid\":%d,\"count\":2}", holder);
    const uint16_t port = (uint16_t)json_number_at(reply.json, "port");
    cr_assert_eq(json_number_at(reply.json, "lease.holder.pid"), (uint64_t)holder);
    assert_lease(&me, port, "pending", "holder");
    const uint16_t bystander = caller_grant(&me, "{\"service_name\":\"bystander\"}");

    child_kill(holder);
    const struct wait wait = wait_for("the leases of a dead holder to end");
    while (caller_count_leases(&me) > 1)
        wait_more(&wait);
    cr_assert(caller_sees_lease(&me, bystander));
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"next\",\"port\":%u}", port), port);
}

/* A holder that starts a server as its child once it is told the port, and waits. */
struct family {
    _Atomic uint16_t port;
    _Atomic pid_t server; /* once it listens */
};

static _Noreturn void serve(struct family *family) {
    /* Nobody is left to end it if the test fails. */
    alarm(300);
    tcp_listen("127.0.0.1", family->port);
    family->server = getpid();
    for (;;)
        pause();
}

static int hold_with_server(void *context) {
    struct family *family = context;
    const struct wait wait = wait_for("the port");
    while (family->port == 0)
        wait_more(&wait);
    /* Not child_start(): the server is to outlive its parent. */
    if (fork() == 0)
        serve(family);
    while (pause() < 0)
        continue;
    return 0;
}

/* A turn of the background work renews a lease that listens, so two renewals are two turns that let it live. */
static void wait_for_two_turns(const struct caller *caller, uint16_t port) {
    char before[64] = {0};
    unsigned n_changes = 0;
    const struct wait wait = wait_for("two turns of the background work");
    while (n_changes < 3) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
        const cJSON *lease = caller_find_lease(&list, port);
        cr_assert_not_null(lease, "the lease ended with its holder, though the server listens");
        if (strcmp(json_text_at(lease, "last_heartbeat"), before) != 0)
            n_changes++;
        snprintf(before, sizeof(before), "%s", json_text_at(lease, "last_heartbeat"));
        wait_more(&wait);
    }
}

Test(leases, a_server_that_outlives_its_holder_keeps_the_lease_until_its_own_end) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    struct family *family = child_share(sizeof(*family));
    const pid_t holder = child_start(0, hold_with_server, family);
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\",\"ttl_seconds\":3600,\"pid\":%d}", holder);
    family->port = port;
    const struct wait wait = wait_for("the server to listen");
    while (family->server == 0)
        wait_more(&wait);
    assert_lease(&me, port, "bound", "holder");

    child_kill(holder);
    wait_until(&me, port, "kept_by", "listener");
    wait_for_two_turns(&me, port);
    kill(family->server, SIGKILL);
    wait_for_end(&me, port);
}

static void assert_release_if_idle(const struct caller *caller, uint16_t port, bool ends) {
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_post(caller, "/release", "{\"port\":%u,\"if_idle\":true}", port);
    assert_status(reply, 200);
    cr_assert_eq(json_bool_at(reply.json, "released"), ends, "%s", reply.body);
    if (ends)
        cr_assert(json_is_null_at(reply.json, "kept_by"));
    else
        cr_assert_str_eq(json_text_at(reply.json, "kept_by"), "ttl");
    cr_assert_eq(caller_sees_lease(caller, port), !ends);
}

Test(leases, one_that_was_there_before_its_holder_outlasts_it) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\",\"ttl_seconds\":3600}");
    const uint16_t plain = caller_grant(&me, "{\"service_name\":\"plain\"}");
    for (unsigned round = 0; round < 2; round++) {
        const pid_t holder = child_start_idle(0);
        cr_assert_eq(caller_grant(&me, "{\"service_name\":\"web\",\"reuse\":true,\"pid\":%d}", holder), port);
        assert_lease(&me, port, "pending", "holder");
        child_kill(holder);
        assert_release_if_idle(&me, port, false);
        assert_lease(&me, port, "pending", "ttl");
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
        cr_assert(json_is_null_at(caller_find_lease(&list, port), "holder"));
    }
    assert_release_if_idle(&me, plain, true);
    caller_release(&me, port);
    cr_assert_not(caller_sees_lease(&me, port));
}

/* ---- who may be a holder ---- */

Test(leases, a_holder_is_a_living_process) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const pid_t gone = child_start_idle(0);
    child_kill(gone);
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_post(&me, "/alloc", "{\"service_name\":\"web\",\"pid\":%d}", gone);
    assert_problem(reply, 422, "invalid-pid");
    cr_assert_eq(caller_count_leases(&me), 0);
}

/* ---- one lease again: reuse ---- */

Test(leases, reuse_gives_the_living_lease_again_and_renews_it) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply first = caller_alloc(
        &me, "{\"service_name\":\"web\",\"project\":\"/a\",\"reuse\":true,\"tags\":[\"x\"],\"ttl_seconds\":60}");
    cr_assert_not(json_bool_at(first.json, "reused"));
    const uint64_t id = json_number_at(first.json, "lease.id");
    wait_a_moment();

    CLEANUP(http_reply_deinit)
    struct http_reply same = caller_alloc(&me, "{\"service_name\":\"web\",\"project\":\"/a\",\"reuse\":true}");
    cr_assert(json_bool_at(same.json, "reused"));
    cr_assert_eq(json_number_at(same.json, "lease.id"), id);
    cr_assert_eq(json_number_at(same.json, "lease.ttl_seconds"), 60, "what is not said stays");
    cr_assert_str_eq(json_text_at(same.json, "lease.tags[0]"), "x");
    cr_assert_gt(time_at(json_at(same.json, "lease"), "last_heartbeat"),
                 time_at(json_at(first.json, "lease"), "last_heartbeat"));

    CLEANUP(http_reply_deinit)
    struct http_reply changed = caller_alloc(
        &me, "{\"service_name\":\"web\",\"project\":\"/a\",\"reuse\":true,\"tags\":[],\"ttl_seconds\":90}");
    cr_assert_eq(json_number_at(changed.json, "lease.id"), id);
    cr_assert_eq(json_number_at(changed.json, "lease.ttl_seconds"), 90);
    cr_assert_eq(json_size_at(changed.json, "lease.tags"), 0);

    CLEANUP(http_reply_deinit)
    struct http_reply elsewhere = caller_alloc(&me, "{\"service_name\":\"web\",\"project\":\"/b\",\"reuse\":true}");
    cr_assert_neq(json_number_at(elsewhere.json, "lease.id"), id, "another project's is another lease");
    CLEANUP(http_reply_deinit)
    struct http_reply both =
        caller_alloc(&me, "{\"service_name\":\"web\",\"project\":\"/a\",\"reuse\":true,\"count\":2}");
    cr_assert_eq(json_number_at(both.json, "leases[0].id"), id);
    cr_assert_gt(json_number_at(both.json, "leases[1].id"), id);
    cr_assert_eq(caller_count_leases(&me), 3);
}

Test(leases, reuse_is_refused_while_another_holder_lives) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const pid_t holder = child_start_idle(0);
    const pid_t other = child_start_idle(0);
    CLEANUP(http_reply_deinit)
    struct http_reply first = caller_alloc(&me, "{\"service_name\":\"web\",\"pid\":%d}", holder);
    const uint16_t port = (uint16_t)json_number_at(first.json, "port");
    CLEANUP(file_free_text_at) char *before = caller_digest(&me);

    CLEANUP(http_reply_deinit)
    struct http_reply by_other =
        caller_post(&me, "/alloc", "{\"service_name\":\"web\",\"reuse\":true,\"pid\":%d}", other);
    assert_problem(by_other, 409, "lease-held");
    cr_assert_eq(json_number_at(by_other.json, "lease.port"), port);
    CLEANUP(http_reply_deinit)
    struct http_reply by_nobody = caller_post(&me, "/alloc", "{\"service_name\":\"web\",\"reuse\":true}");
    assert_problem(by_nobody, 409, "lease-held");
    CLEANUP(file_free_text_at) char *after = caller_digest(&me);
    cr_assert_str_eq(before, after);

    CLEANUP(http_reply_deinit)
    struct http_reply by_itself = caller_alloc(&me, "{\"service_name\":\"web\",\"reuse\":true,\"pid\":%d}", holder);
    cr_assert_eq(json_number_at(by_itself.json, "lease.id"), json_number_at(first.json, "lease.id"));
    child_kill(holder);
    child_kill(other);
}

Test(leases, reuse_is_refused_while_another_user_sits_on_the_port) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const struct holder_spec spec = {
        .kind = HOLDER_LISTENS, .address = "127.0.0.1", .port = port, .uid = SANDBOX_OTHER_UID};
    struct holder squatter;
    cr_assert_eq(holder_open(&spec, &squatter), 0);
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_post(&me, "/alloc", "{\"service_name\":\"web\",\"reuse\":true}");
    assert_problem(reply, 409, "port-taken");
    cr_assert_eq(json_number_at(reply.json, "port"), port);
    cr_assert_eq(json_number_at(reply.json, "listeners[0].pid"), (uint64_t)squatter.pid);
    holder_close(&squatter);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"web\",\"reuse\":true}"), port);
}

/* ---- who may still speak of it ---- */

Test(leases, one_can_be_named_by_port_by_id_or_by_both_if_they_agree) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit) struct http_reply old = caller_alloc(&me, "{\"service_name\":\"old\"}");
    const uint16_t port = (uint16_t)json_number_at(old.json, "port");
    const uint64_t old_id = json_number_at(old.json, "lease.id");
    CLEANUP(http_reply_deinit) struct http_reply released = caller_post(&me, "/release", "{\"id\":%lu}", old_id);
    assert_status(released, 200);
    cr_assert_eq(json_number_at(released.json, "port"), port);
    cr_assert_str_eq(json_text_at(released.json, "service_name"), "old");

    CLEANUP(http_reply_deinit)
    struct http_reply new = caller_alloc(&me, "{\"service_name\":\"new\",\"port\":%u}", port);
    const uint64_t new_id = json_number_at(new.json, "lease.id");
    cr_assert_gt(new_id, old_id);
    CLEANUP(file_free_text_at) char *before = caller_digest(&me);
    const char *const calls[] = {"/release", "/heartbeat"};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(http_reply_deinit)
        struct http_reply late = caller_post(&me, calls[i], "{\"port\":%u,\"id\":%lu}", port, old_id);
        assert_problem(late, 409, "lease-mismatch");
        cr_assert_eq(json_number_at(late.json, "lease.id"), new_id);
        CLEANUP(http_reply_deinit)
        struct http_reply astray = caller_post(&me, calls[i], "{\"port\":%u,\"id\":%lu}", port + 1, new_id);
        assert_problem(astray, 409, "lease-mismatch");
        CLEANUP(http_reply_deinit) struct http_reply gone = caller_post(&me, calls[i], "{\"id\":%lu}", old_id);
        assert_problem(gone, 404, "no-such-lease");
        CLEANUP(http_reply_deinit) struct http_reply none = caller_post(&me, calls[i], "{\"port\":%u}", port + 1);
        assert_problem(none, 404, "no-such-lease");
    }
    CLEANUP(file_free_text_at) char *after = caller_digest(&me);
    cr_assert_str_eq(before, after);

    wait_a_moment();
    CLEANUP(http_reply_deinit)
    struct http_reply beat = caller_post(&me, "/heartbeat", "{\"port\":%u,\"id\":%lu}", port, new_id);
    assert_status(beat, 200);
    cr_assert_eq(json_number_at(beat.json, "lease.id"), new_id);
    cr_assert_gt(time_at(json_at(beat.json, "lease"), "last_heartbeat"),
                 time_at(json_at(new.json, "lease"), "last_heartbeat"));
    CLEANUP(http_reply_deinit)
    struct http_reply end = caller_post(&me, "/release", "{\"port\":%u,\"id\":%lu}", port, new_id);
    assert_status(end, 200);
    cr_assert_eq(caller_count_leases(&me), 0);
}

Test(leases, a_release_says_who_still_listens) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    CLEANUP(fd_close_at) int server = tcp_listen("::1", port);
    CLEANUP(fd_close_at) int neighbour = tcp_listen("127.0.0.1", (uint16_t)(port + 1));
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(&me, "/release", "{\"port\":%u}", port);
    assert_status(reply, 200);
    cr_assert_eq(json_size_at(reply.json, "listeners"), 1);
    cr_assert_str_eq(json_text_at(reply.json, "listeners[0].address"), "::1");
    cr_assert_eq(json_number_at(reply.json, "listeners[0].port"), port);
    cr_assert_eq(json_number_at(reply.json, "listeners[0].uid"), geteuid());
    if (sandbox_shows_processes())
        cr_assert_eq(json_number_at(reply.json, "listeners[0].pid"), (uint64_t)getpid());
    cr_assert_eq(caller_count_leases(&me), 0);
}
