/*
 * What was acknowledged is kept: through kill -9 and a restart, through the end of a holder while portd was away, and through
 * a stop of portd itself.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
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

#define N_LEASES 1000
#define DATABASE SANDBOX_HOME "/.portmanager/leases.db"

TestSuite(restart, .timeout = 300);

static void restart(struct daemon *daemon, const struct daemon_setup *setup) {
    daemon_kill(daemon);
    *daemon = daemon_start(setup);
}

static int64_t time_at(const cJSON *lease, const char *key) {
    int64_t unix_ms = 0;
    cr_assert_eq(text_parse_time(json_text_at(lease, key), &unix_ms), 0);
    return unix_ms;
}

static void wait_for_end(const struct caller *caller, uint16_t port) {
    const struct wait wait = wait_for("a lease to end");
    while (caller_sees_lease(caller, port))
        wait_more(&wait);
}

/* ---- a thousand leases ---- */

static void grant_a_thousand(const struct caller *caller) {
    for (unsigned i = 0; i < N_LEASES; i++)
        caller_grant(caller,
                     "{\"service_name\":\"service-%u\",\"ttl_seconds\":%u,\"tags\":[\"tag-%u\"],\"project\":\"/p/%u\"}",
                     i / 2, 300 + i, i, i % 7);
}

static void assert_same_deadlines(const struct http_reply *before, const struct http_reply *after) {
    for (int i = 0; i < cJSON_GetArraySize(before->json); i++) {
        const cJSON *was = cJSON_GetArrayItem(before->json, i);
        const cJSON *is = cJSON_GetArrayItem(after->json, i);
        const int64_t moved_ms = time_at(is, "expires_at") - time_at(was, "expires_at");
        cr_assert(llabs(moved_ms) <= 1000, "the deadline of port %lu has moved by %lld ms", json_number_at(was, "port"),
                  (long long)moved_ms);
    }
}

Test(restart, a_thousand_leases_survive_a_kill_with_their_ids_ports_and_deadlines) {
    const struct daemon_setup setup = {0};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    grant_a_thousand(&me);
    /* The last one ends, so that the highest id is no lease's any more; it must not be given again. */
    CLEANUP(http_reply_deinit) struct http_reply last = caller_alloc(&me, "{\"service_name\":\"last\"}");
    caller_release(&me, (uint16_t)json_number_at(last.json, "port"));
    CLEANUP(file_free_text_at) char *before = caller_digest(&me);
    CLEANUP(http_reply_deinit) struct http_reply list_before = caller_list(&me);
    cr_assert_eq(cJSON_GetArraySize(list_before.json), N_LEASES);

    restart(&daemon, &setup);
    CLEANUP(file_free_text_at) char *after = caller_digest(&me);
    cr_assert_str_eq(before, after);
    CLEANUP(http_reply_deinit) struct http_reply list_after = caller_list(&me);
    assert_same_deadlines(&list_before, &list_after);
    CLEANUP(http_reply_deinit) struct http_reply next = caller_alloc(&me, "{\"service_name\":\"next\",\"port\":20000}");
    cr_assert_gt(json_number_at(next.json, "lease.id"), json_number_at(last.json, "lease.id"));
}

/* ---- killed in the middle of it ---- */

struct history {
    struct caller caller;
    _Atomic unsigned n_acknowledged;
    uint16_t ports[N_LEASES];
};

/* Asks on one connection until it breaks. */
static int ask_until_killed(void *context) {
    struct history *history = context;
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&history->caller)};
    static const char request[] = "POST /alloc HTTP/1.1\r\nHost: localhost:3030\r\nContent-Type: application/json\r\n"
                                  "Content-Length: 20\r\n\r\n{\"service_name\":\"x\"}";
    while (history->n_acknowledged < N_LEASES) {
        CLEANUP(http_reply_deinit) struct http_reply reply = {0};
        http_send(stream.fd, request, strlen(request));
        http_receive(&stream, false, &reply);
        if (reply.status != 200)
            return 0;
        history->ports[history->n_acknowledged] = (uint16_t)json_number_at(reply.json, "port");
        history->n_acknowledged++;
    }
    return 0;
}

Test(restart, no_lease_that_was_acknowledged_is_lost_by_a_kill_amid_grants) {
    const struct daemon_setup setup = {.arguments = {"--range", "20000-29999"}};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    struct history *history = child_share(sizeof(*history));
    history->caller = (struct caller){.daemon = &daemon, .channel = CHANNEL_UNIX};
    for (unsigned round = 1; round <= 10; round++) {
        const pid_t client = child_start(0, ask_until_killed, history);
        const struct wait wait = wait_for("some grants");
        while (history->n_acknowledged < round * 20)
            wait_more(&wait);
        daemon_kill(&daemon);
        child_wait(client);
        daemon = daemon_start(&setup);
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&history->caller);
        for (unsigned i = 0; i < history->n_acknowledged; i++)
            cr_assert(caller_find_lease(&list, history->ports[i]), "port %u is lost", history->ports[i]);
        /* The one grant whose reply was on its way may be there, too. */
        cr_assert_leq((unsigned)cJSON_GetArraySize(list.json), history->n_acknowledged + round);
    }
}

/* ---- what names remember ---- */

Test(restart, names_keep_their_ports_and_rotation_goes_on_where_it_was) {
    const struct daemon_setup setup = {.arguments = {"--range", "20000-20009"}};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"a\"}"), 20000);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"b\",\"project\":\"/p\"}"), 20001);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"c\"}"), 20002);
    for (uint16_t port = 20000; port < 20003; port++)
        caller_release(&me, port);
    restart(&daemon, &setup);
    cr_assert_eq(caller_count_leases(&me), 0);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"new\"}"), 20003);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"b\",\"project\":\"/p\"}"), 20001);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"c\"}"), 20002);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"a\"}"), 20000);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"newer\"}"), 20004);
}

/* ---- holders ---- */

Test(restart, holders_are_recognised_and_one_that_died_meanwhile_has_ended_its_lease) {
    const struct daemon_setup setup = {0};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    const pid_t lives = child_start_idle(0);
    const pid_t dies = child_start_idle(0);
    const uint16_t kept = caller_grant(&me, "{\"service_name\":\"kept\",\"ttl_seconds\":3600,\"pid\":%d}", lives);
    const uint16_t ended = caller_grant(&me, "{\"service_name\":\"ended\",\"ttl_seconds\":3600,\"pid\":%d}", dies);
    const uint16_t served = caller_grant(&me, "{\"service_name\":\"served\",\"ttl_seconds\":3600,\"pid\":%d}", dies);
    CLEANUP(fd_close_at) int server = tcp_listen("127.0.0.1", served);

    daemon_kill(&daemon);
    child_kill(dies);
    daemon = daemon_start(&setup);
    wait_for_end(&me, ended);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
    const cJSON *lease = caller_find_lease(&list, kept);
    cr_assert_not_null(lease, "a lease whose holder lives has ended");
    cr_assert_str_eq(json_text_at(lease, "kept_by"), "holder");
    cr_assert_eq(json_number_at(lease, "holder.pid"), (uint64_t)lives);
    cr_assert_not_null(caller_find_lease(&list, served), "a lease whose server listens has ended");

    child_kill(lives);
    wait_for_end(&me, kept);
    close(fd_take(&server));
    wait_for_end(&me, served);
}

static void wait_for_ttl(const struct caller *caller, uint16_t port) {
    const struct wait wait = wait_for("the TTL alone to keep a lease");
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
        const cJSON *lease = caller_find_lease(&list, port);
        cr_assert_not_null(lease, "a lease that was there before its holder ended with it");
        if (strcmp(json_text_at(lease, "kept_by"), "ttl") == 0) {
            cr_assert(json_is_null_at(lease, "holder"));
            return;
        }
        wait_more(&wait);
    }
}

/* Lent to a holder that dies while portd is away, to one that dies after that, and again after another kill. */
Test(restart, a_lease_that_was_there_before_its_holder_outlasts_it_after_a_restart_too) {
    const struct daemon_setup setup = {0};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    const pid_t lives = child_start_idle(0);
    const pid_t dies = child_start_idle(0);
    const uint16_t one = caller_grant(&me, "{\"service_name\":\"one\",\"ttl_seconds\":3600}");
    const uint16_t two = caller_grant(&me, "{\"service_name\":\"two\",\"ttl_seconds\":3600}");
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"one\",\"reuse\":true,\"pid\":%d}", lives), one);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"two\",\"reuse\":true,\"pid\":%d}", dies), two);
    daemon_kill(&daemon);
    child_kill(dies);
    daemon = daemon_start(&setup);
    wait_for_ttl(&me, two);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
    cr_assert_str_eq(json_text_at(caller_find_lease(&list, one), "kept_by"), "holder");
    child_kill(lives);
    wait_for_ttl(&me, one);
    restart(&daemon, &setup);
    wait_for_ttl(&me, one);
    wait_for_ttl(&me, two);
}

/* ---- time while it was away ---- */

Test(restart, one_whose_time_ran_out_while_portd_was_away_can_still_be_renewed) {
    const struct daemon_setup setup = {0};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    const pid_t holder = child_start_idle(0);
    const uint16_t control = caller_grant(&me, "{\"service_name\":\"control\",\"pid\":%d}", holder);
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"a\",\"ttl_seconds\":1}");
    const uint64_t granted = wait_now_ms();
    daemon_kill(&daemon);
    child_kill(holder);
    const struct wait wait = wait_for("a second to pass");
    while (wait_now_ms() < granted + 1500)
        wait_more(&wait);
    daemon = daemon_start(&setup);
    /* When the control has ended, portd has looked for leases to end. */
    wait_for_end(&me, control);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(&me, "/heartbeat", "{\"port\":%u}", port);
    assert_status(reply, 200);
}

/* The next boot, as far as a database can tell. */
static void forget_boot(void) {
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open(DATABASE, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "UPDATE mark SET value = 'another boot' WHERE name = 'boot_id'", NULL, NULL, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_changes(db), 1);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

Test(restart, after_a_reboot_no_holder_lives_and_the_others_begin_anew) {
    const struct daemon_setup setup = {0};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    const pid_t holder = child_start_idle(0);
    const uint16_t held = caller_grant(&me, "{\"service_name\":\"held\",\"pid\":%d}", holder);
    const uint16_t other = caller_grant(&me, "{\"service_name\":\"other\",\"ttl_seconds\":600}");
    cr_assert_eq(daemon_stop(&daemon), 0);
    forget_boot();
    daemon = daemon_start(&setup);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
    cr_assert_null(caller_find_lease(&list, held), "its holder is another process by now");
    const cJSON *lease = caller_find_lease(&list, other);
    cr_assert_not_null(lease);
    const uint64_t left = json_number_at(lease, "expires_in_seconds");
    cr_assert(left > 500 && left <= 600, "%lu", left);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"held\"}"), held);
    child_kill(holder);
}

/* ---- a portd that is stopped ---- */

static void beat(const struct caller *caller, uint16_t port) {
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(caller, "/heartbeat", "{\"port\":%u}", port);
    assert_status(reply, 200);
}

/* More than five seconds, which portd takes for a stall. */
static void stay_away(void) {
    const uint64_t begun = wait_now_ms();
    const struct wait wait = wait_for("six seconds to pass");
    while (wait_now_ms() < begun + 6500)
        wait_more(&wait);
}

static void assert_lives_through_grace(const struct caller *caller, uint16_t port, uint64_t thawed) {
    const struct wait wait = wait_for("the grace");
    while (wait_now_ms() < thawed + 3000) {
        const bool lives = caller_sees_lease(caller, port);
        /* A machine that was itself away for so long has shown nothing. */
        cr_assert(lives || wait_now_ms() > thawed + 25000, "it ran out while nobody could be heard");
        wait_more(&wait);
    }
}

/* Over a minute long: half of it until the grace after the start is over, half of it the grace after the stop. */
Test(restart, a_heartbeat_that_waited_while_portd_was_stopped_wins_and_nothing_runs_out_at_once) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t control = caller_grant(&me, "{\"service_name\":\"control\",\"ttl_seconds\":1}");
    const uint16_t beaten = caller_grant(&me, "{\"service_name\":\"beaten\",\"ttl_seconds\":4}");
    const uint16_t silent = caller_grant(&me, "{\"service_name\":\"silent\",\"ttl_seconds\":4}");
    const struct wait wait = wait_for("leases to run out again");
    while (caller_sees_lease(&me, control)) {
        beat(&me, beaten);
        beat(&me, silent);
        wait_more(&wait);
    }

    daemon_freeze(&daemon);
    static const char request[] =
        "POST /heartbeat HTTP/1.1\r\nHost: localhost:3030\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s";
    char body[32];
    char bytes[256];
    snprintf(body, sizeof(body), "{\"port\":%u}", beaten);
    const int length = snprintf(bytes, sizeof(bytes), request, strlen(body), body);
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
    cr_assert(http_send(stream.fd, bytes, (size_t)length));
    stay_away();
    daemon_thaw(&daemon);
    const uint64_t thawed = wait_now_ms();
    CLEANUP(http_reply_deinit) struct http_reply reply = {0};
    http_receive(&stream, false, &reply);
    assert_status(reply, 200);
    assert_lives_through_grace(&me, silent, thawed);
    cr_assert(caller_sees_lease(&me, beaten));
    wait_for_end(&me, silent);
}
