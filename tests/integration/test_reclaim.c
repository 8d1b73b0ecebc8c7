/*
 * The end of a lease's time, with real servers: its own listener renews it, a stranger's does not, and a heartbeat that was there in time wins.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/http.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/wait.h"

TestSuite(reclaim, .timeout = 120);

#define SERVES_MS 10000

Test(reclaim, a_lease_of_two_seconds_lives_while_its_server_does_and_ends_after_it) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply granted = caller_alloc(&me, "{\"service_name\":\"web\",\"ttl_seconds\":2}");
    const uint16_t port = (uint16_t)json_number_at(granted.json, "port");
    const pid_t pid = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 %u nap %d", port, SERVES_MS);
    const uint64_t began_ms = wait_now_ms();
    sees_lease(&me, port, "kept_by", "listener");

    /* Whatever is asked before the end of these ten seconds is about a server that is there. */
    while (wait_now_ms() < began_ms + SERVES_MS) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
        const cJSON *lease = caller_find_lease(&list, port);
        if (wait_now_ms() >= began_ms + SERVES_MS)
            break;
        cr_assert_not_null(lease, "reclaimed after %lu ms", wait_now_ms() - began_ms);
        cr_assert_eq(json_number_at(lease, "id"), json_number_at(granted.json, "lease.id"));
        cr_assert_str_eq(json_text_at(lease, "state"), "bound");
        cr_assert_str_eq(json_text_at(lease, "kept_by"), "listener");
        wait_a_moment();
    }
    child_wait(pid);
    sees_no_lease(&me, port);
    sees_in_history(&me, "lease.renewed", port);
    sees_in_history(&me, "lease.expired", port);
}

Test(reclaim, a_stranger_on_a_lease_whose_time_is_over_becomes_a_squatter_of_the_range) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\",\"ttl_seconds\":2}");
    const pid_t pid = puppet_start(&(struct puppet_setup){.uid = SANDBOX_OTHER_UID}, "listen 127.0.0.1 %u pause", port);
    CLEANUP(http_reply_deinit) struct http_reply taken = sees_squatter(&me, port, "taken");
    CLEANUP(http_reply_deinit) struct http_reply unleased = sees_squatter(&me, port, "unleased");
    cr_assert(sees_owner(json_at(sees_find(&unleased, port), "listeners[0]"), pid));
    cr_assert_not(caller_sees_lease(&me, port));
    CLEANUP(stream_event_deinit) struct stream_event appeared = sees_event(&stream, "conflict.appeared", port);
    CLEANUP(stream_event_deinit) struct stream_event expired = sees_event(&stream, "lease.expired", port);
    sees_in_history(&me, "conflict.left", port);
    child_kill(pid);
}

/* Less than what counts as a stall of portd, behind which nothing expires at all. */
#define AWAY_MS 1500

static void send_heartbeat(const struct http_stream *stream, uint16_t port) {
    char body[32];
    char request[256];
    const int length = snprintf(body, sizeof(body), "{\"port\":%u}", port);
    snprintf(request, sizeof(request),
             "POST /heartbeat HTTP/1.1\r\nHost: localhost:3030\r\nContent-Type: application/json\r\n"
             "Content-Length: %d\r\n\r\n%s",
             length, body);
    http_send(stream->fd, request, strlen(request));
}

Test(reclaim, a_heartbeat_that_waits_when_the_time_is_over_wins) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        const uint16_t renewed = caller_grant(&me, "{\"service_name\":\"renewed\",\"ttl_seconds\":1}");
        const uint16_t control = caller_grant(&me, "{\"service_name\":\"control\",\"ttl_seconds\":1}");
        daemon_freeze(&daemon);
        CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
        send_heartbeat(&stream, renewed);
        const uint64_t began_ms = wait_now_ms();
        const struct wait wait = wait_at_most(SEES_SECONDS, "time to pass");
        while (wait_now_ms() < began_ms + AWAY_MS)
            wait_more(&wait);
        daemon_thaw(&daemon);
        CLEANUP(http_reply_deinit) struct http_reply reply = {0};
        http_receive(&stream, false, &reply);
        assert_status(reply, 200);
        sees_no_lease(&me, control);
        sees_no_lease(&me, renewed);
        sees_in_history(&me, "lease.renewed", renewed);
        sees_in_history(&me, "lease.expired", control);
    }
}
