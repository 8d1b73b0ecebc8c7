/*
 * The whole state and what changes of it, from the real portd: whoever folds the port records over a snapshot has at any time what the next snapshot
 * shows.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/json_check.h"
#include "tests/support/port_fold.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/wait.h"

/* src/api/events.c: streams that one uid may have open at once. */
#define STREAMS_MAX 16

TestSuite(snapshot, .timeout = 300);

static const struct daemon_setup quick = {.arguments = {"--bound-interval", "100"}};

static void post(const struct caller *caller, const char *target, const char *body) {
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(caller, target, "%s", body);
    assert_status(reply, 200);
}

/* Two readers who are shown different things follow what happens. */
struct readers {
    struct caller callers[2];
    struct port_fold folds[2];
    struct event_stream streams[2];
};

static void readers_begin(struct readers *readers, const struct daemon *daemon) {
    for (int i = 0; i < 2; i++) {
        readers->callers[i] = (struct caller){
            .daemon = daemon, .channel = i ? CHANNEL_IPV4 : CHANNEL_UNIX, .uid = i ? SANDBOX_OTHER_UID : 0};
        readers->folds[i] = port_fold_take(&readers->callers[i]);
        readers->streams[i] = port_fold_follow(&readers->callers[i], &readers->folds[i]);
    }
}

static void readers_check(struct readers *readers) {
    for (int i = 0; i < 2; i++)
        port_fold_expect_snapshot(&readers->folds[i], &readers->streams[i], &readers->callers[i]);
}

static void readers_end(struct readers *readers) {
    for (int i = 0; i < 2; i++) {
        event_stream_close(&readers->streams[i]);
        port_fold_deinit(&readers->folds[i]);
    }
}

/* ---- the whole ---- */

Test(snapshot, it_tells_who_asks_who_answers_and_where_the_streams_go_on) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at)
    struct daemon daemon =
        daemon_start(&(struct daemon_setup){.arguments = {"--exclude", "8100-8110,8200", "--range", "8000-8500"}});
    const struct caller root = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID, .channel = CHANNEL_IPV6};
    const uint16_t port = caller_grant(&root, "{\"service_name\":\"web\",\"project\":\"/secret\"}");
    CLEANUP(http_reply_deinit) struct http_reply mine = caller_get(&root, "/snapshot");
    CLEANUP(http_reply_deinit) struct http_reply others = caller_get(&other, "/snapshot");
    assert_status(mine, 200);
    assert_status(others, 200);
    cr_assert(json_has_exactly(mine.json, "run version seq at complete range excluded caller portd warnings leases "
                                          "listeners squatters conflicts"));
    cr_assert(json_has_exactly(json_at(mine.json, "portd"), "version pid uid user uptime_seconds command"));
    cr_assert(json_has_exactly(json_at(mine.json, "caller"), "uid user may_change_all"));
    cr_assert_eq(strspn(json_text_at(mine.json, "run"), "0123456789abcdef"), 16);
    cr_assert_eq(strlen(json_text_at(mine.json, "run")), 16);
    cr_assert_str_eq(json_text_at(others.json, "run"), json_text_at(mine.json, "run"));
    cr_assert_eq(json_number_at(mine.json, "seq"), 1);
    cr_assert(json_bool_at(mine.json, "complete"));
    cr_assert_eq(json_number_at(mine.json, "portd.pid"), (uint64_t)daemon.pid);
    const char *command = json_text_at(mine.json, "portd.command");
    const char *arguments = " --exclude 8100-8110,8200 --range 8000-8500";
    cr_assert_gt(strlen(command), strlen(arguments));
    cr_assert_str_eq(command + strlen(command) - strlen(arguments), arguments, "%s", command);
    cr_assert(strstr(command, "portd "), "%s", command);
    cr_assert(json_bool_at(mine.json, "caller.may_change_all"));
    cr_assert_not(json_bool_at(others.json, "caller.may_change_all"));
    cr_assert_eq(json_number_at(others.json, "caller.uid"), SANDBOX_OTHER_UID);
    cr_assert_eq(json_number_at(mine.json, "leases[0].port"), port);
    cr_assert_str_eq(json_text_at(mine.json, "leases[0].project"), "/secret");
    cr_assert(json_is_null_at(others.json, "leases[0].project"));
}

Test(snapshot, a_head_has_no_body) {
    static const char request[] = "HEAD /snapshot HTTP/1.1\r\nHost: localhost:3030\r\n\r\n";
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
    for (int i = 0; i < 2; i++) {
        CLEANUP(http_reply_deinit) struct http_reply head = {0};
        char length[32];
        cr_assert(http_send(stream.fd, request, strlen(request)));
        http_receive(&stream, true, &head);
        assert_status(head, 200);
        cr_assert_eq(http_header(&head, "Content-Length", length, sizeof(length)), 1);
        cr_assert_gt(atoi(length), 500);
    }
}

/* ---- what changes ---- */

Test(snapshot, what_happens_to_leases_is_folded) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&quick);
    const struct caller me = {.daemon = &daemon};
    struct readers readers;
    readers_begin(&readers, &daemon);
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\",\"tags\":[\"a\"],\"project\":\"/secret\"}");
    readers_check(&readers);
    CLEANUP(http_reply_deinit) struct http_reply many = caller_alloc(&me, "{\"service_name\":\"many\",\"count\":20}");
    caller_grant(&readers.callers[1], "{\"service_name\":\"theirs\",\"ttl_seconds\":1}");
    readers_check(&readers);
    const pid_t holder = child_start_idle(0);
    const uint16_t held = caller_grant(&me, "{\"service_name\":\"held\",\"pid\":%d}", (int)holder);
    wait_a_moment();
    CLEANUP(http_reply_deinit) struct http_reply beat = caller_post(&me, "/heartbeat", "{\"port\":%u}", port);
    assert_status(beat, 200);
    CLEANUP(http_reply_deinit)
    struct http_reply again = caller_alloc(&me, "{\"service_name\":\"web\",\"reuse\":true,\"project\":\"/secret\","
                                                "\"ttl_seconds\":77,\"tags\":[\"b\",\"c\"]}");
    readers_check(&readers);
    child_kill(holder);
    sees_no_lease(&me, held);
    caller_release(&me, port);
    readers_check(&readers);
    const struct wait wait = wait_for("the lease of a second to end");
    while (caller_count_leases(&me) > 20)
        wait_more(&wait);
    readers_check(&readers);
    cr_assert_geq(readers.folds[0].n_records, 25);
    readers_end(&readers);
}

Test(snapshot, listeners_squatters_and_what_a_person_says_of_them_are_folded) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&quick);
    const struct caller me = {.daemon = &daemon};
    const struct puppet_setup theirs = {.name = "squatter", .uid = SANDBOX_OTHER_UID};
    struct readers readers;
    readers_begin(&readers, &daemon);
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const pid_t own = puppet_start(&(struct puppet_setup){.name = "server"}, "listen 127.0.0.1 %u pause", port);
    sees_lease(&me, port, "state", "bound");
    readers_check(&readers);
    const pid_t intruder = puppet_start(&theirs, "v6only listen ::1 %u pause close listen ::1 8900 pause", port);
    CLEANUP(http_reply_deinit) struct http_reply split = sees_squatter(&me, port, "split");
    const pid_t unleased =
        puppet_start(&theirs, "listen 127.0.0.1 8800 bind 127.0.0.1 8801 listen 127.0.0.1 9500 pause");
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, 8801, "inactive");
    readers_check(&readers);
    puppet_go_on(intruder);
    sees_no_squatter(&me, port);
    readers_check(&readers);
    post(&me, "/claim", "{\"port\":8800,\"service_name\":\"claimed\"}");
    readers_check(&readers);
    post(&me, "/disown", "{\"port\":8800}");
    readers_check(&readers);
    child_kill(own);
    sees_lease(&me, port, "state", "silent");
    child_kill(unleased);
    child_kill(intruder);
    sees_no_squatter(&me, 8900);
    readers_check(&readers);
    readers_end(&readers);
}

/* Whether its own listener or its process keeps a lease is no event. */
Test(snapshot, a_port_changes_also_where_nothing_is_told_as_an_event) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&quick);
    const struct caller me = {.daemon = &daemon};
    const pid_t server = puppet_start(&(struct puppet_setup){0}, "pause listen 127.0.0.1 8300 pause fork pause");
    const uint16_t port =
        caller_grant(&me, "{\"service_name\":\"web\",\"port\":8300,\"pid\":%d,\"ttl_seconds\":3600}", (int)server);
    puppet_go_on(server);
    sees_lease(&me, port, "state", "bound");
    sees_lease(&me, port, "kept_by", "holder");
    struct readers readers;
    readers_begin(&readers, &daemon);
    puppet_go_on(server);
    const struct wait wait = wait_for("a record that says who keeps it");
    for (;;) {
        CLEANUP(stream_event_deinit) struct stream_event event = {0};
        cr_assert(event_stream_next(&readers.streams[0], &event));
        if (strcmp(event.kind, "port") == 0) {
            port_fold_add(&readers.folds[0], &event);
            if (strcmp(json_text_at(event.data, "lease.kept_by"), "listener") == 0 &&
                json_size_at(event.data, "listeners[0].owners") == 1)
                break;
        }
        wait_more(&wait);
    }
    readers_check(&readers);
    readers_end(&readers);
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&me, port);
    cr_assert_eq(kill((pid_t)json_number_at(who.json, "listeners[0].pid"), SIGKILL), 0);
}

/* ---- streams ---- */

Test(snapshot, another_run_of_portd_is_told_by_a_reset) {
    sandbox_enter();
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    caller_grant(&me, "{\"service_name\":\"one\",\"ttl_seconds\":3600}");
    CLEANUP(port_fold_deinit) struct port_fold before = port_fold_take(&me);
    CLEANUP(event_stream_close) struct event_stream first = port_fold_follow(&me, &before);
    daemon_kill(&daemon);
    struct stream_event none = {0};
    cr_assert_not(event_stream_next(&first, &none));
    CLEANUP(daemon_stop_at) struct daemon again = daemon_start(&(struct daemon_setup){0});
    const struct caller still_me = {.daemon = &again};
    CLEANUP(event_stream_close) struct event_stream second = port_fold_follow(&still_me, &before);
    event_stream_expect(&second, "reset");
    const uint16_t two = caller_grant(&still_me, "{\"service_name\":\"two\"}");
    event_stream_expect(&second, "lease.granted");
    caller_release(&still_me, two);
    event_stream_expect(&second, "lease.released"); /* and no record between them */
    CLEANUP(port_fold_deinit) struct port_fold fold = port_fold_take(&still_me);
    cr_assert_str_neq(fold.run, before.run);
    CLEANUP(event_stream_close) struct event_stream third = port_fold_follow(&still_me, &fold);
    caller_grant(&still_me, "{\"service_name\":\"three\"}");
    port_fold_expect_snapshot(&fold, &third, &still_me);
    cr_assert_geq(fold.n_records, 1);
}

Test(snapshot, sixteen_streams_are_told_the_same) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    struct event_stream streams[STREAMS_MAX];
    struct port_fold folds[STREAMS_MAX];
    for (int i = 0; i < STREAMS_MAX; i++) {
        const struct caller caller = {.daemon = &daemon, .channel = (enum channel)(i % N_CHANNELS)};
        folds[i] = port_fold_take(&caller);
        streams[i] = port_fold_follow(&caller, &folds[i]);
    }
    for (int round = 0; round < 5; round++) {
        CLEANUP(http_reply_deinit)
        struct http_reply many = caller_alloc(&me, "{\"service_name\":\"many-%d\",\"count\":30}", round);
        caller_release(&me, (uint16_t)json_number_at(many.json, "port"));
    }
    for (int i = 0; i < STREAMS_MAX; i++) {
        port_fold_expect_snapshot(&folds[i], &streams[i], &me);
        event_stream_close(&streams[i]);
        port_fold_deinit(&folds[i]);
    }
}

/* He costs portd no more than where he stands, and others nothing; what he finds when he reads on is what is true by then. */
Test(snapshot, a_reader_who_does_not_read_for_a_while_is_told_the_last_state_of_each_port) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(port_fold_deinit) struct port_fold sleepers = port_fold_take(&me);
    CLEANUP(port_fold_deinit) struct port_fold wakers = port_fold_take(&me);
    CLEANUP(event_stream_close) struct event_stream sleeper = port_fold_follow(&me, &sleepers);
    CLEANUP(event_stream_close) struct event_stream waker = port_fold_follow(&me, &wakers);
    /* Half a megabyte of records and events in each round: soon more than its socket takes. */
    for (int round = 0; round < 16; round++) {
        for (int i = 0; i < 8; i++) {
            CLEANUP(http_reply_deinit)
            struct http_reply reply = caller_alloc(
                &me, "{\"service_name\":\"many-%d\",\"count\":64,\"reuse\":true,\"ttl_seconds\":%d}", i, 1000 + round);
            assert_status(reply, 200);
        }
        port_fold_expect_snapshot(&wakers, &waker, &me);
    }
    port_fold_expect_snapshot(&sleepers, &sleeper, &me);
    cr_assert_lt(sleepers.n_records, wakers.n_records, "%u of %u", sleepers.n_records, wakers.n_records);
}
