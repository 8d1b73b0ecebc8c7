/*
 * Events of the real portd, over real connections: streams that begin, are silent, go on after a restart and a kill, and end; and readers who mean no
 * good.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/event_stream.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

/* src/api/events.c: streams that one uid may have open at once. */
#define STREAMS_MAX 16

TestSuite(events, .timeout = 300);

static void beat(const struct caller *caller, uint16_t port) {
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(caller, "/heartbeat", "{\"port\":%u}", port);
    assert_status(reply, 200);
}

Test(events, what_happens_is_told_over_every_channel) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
        event_stream_expect(&stream, "stream");
        const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
        CLEANUP(stream_event_deinit) struct stream_event event = {0};
        cr_assert(event_stream_next(&stream, &event));
        cr_assert_str_eq(event.kind, "lease.granted");
        cr_assert_eq(json_number_at(event.data, "id"), event.id);
        cr_assert_eq(json_number_at(event.data, "port"), port);
        cr_assert_str_eq(json_text_at(event.data, "service_name"), "web");
        cr_assert(json_has_exactly(event.data, "id at kind port service_name lease_id uid user reason"));
        beat(&me, port);
        cr_assert_eq(event_stream_expect(&stream, "lease.renewed"), event.id + 1);
        caller_release(&me, port);
        cr_assert_eq(event_stream_expect(&stream, "lease.released"), event.id + 2);
    }
}

#define DATABASE SANDBOX_HOME "/.portmanager/leases.db"

/* Waits until the event is in the database: its text is in the file that SQLite writes first. */
static void wait_until_written(uint64_t id) {
    const struct wait wait = wait_for("the events to be written");
    char word[64];
    snprintf(word, sizeof(word), "{\"id\":%lu,", id);
    for (;;) {
        size_t length = 0;
        CLEANUP(file_free_text_at) char *wal = file_read(DATABASE "-wal", &length);
        if (memmem(wal, length, word, strlen(word)))
            return;
        wait_more(&wait);
    }
}

/* Takes five grants off the stream; returns the last one's number. */
static uint64_t expect_five_grants(struct event_stream *stream, uint64_t last) {
    for (unsigned i = 0; i < 5; i++) {
        const uint64_t id = event_stream_expect(stream, "lease.granted");
        cr_assert_gt(id, last);
        last = id;
    }
    return last;
}

static void grant_five(const struct caller *caller, const char *name) {
    for (unsigned i = 0; i < 5; i++)
        caller_grant(caller, "{\"service_name\":\"%s-%u\",\"ttl_seconds\":3600}", name, i);
}

Test(events, a_reader_goes_on_after_a_kill_with_nothing_lost_and_no_number_used_twice) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    uint64_t last = 0;
    for (unsigned round = 0; round < 4; round++) {
        char number[32];
        snprintf(number, sizeof(number), "%lu", last);
        CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", number);
        event_stream_expect(&stream, "stream");
        if (round > 0) {
            const uint64_t heard = last;
            last = expect_five_grants(&stream, last);
            cr_assert_eq(last, heard + 5, "those that it was not there to hear");
        }
        grant_five(&me, "heard");
        last = expect_five_grants(&stream, last);
        event_stream_close(&stream);
        grant_five(&me, "unheard");
        wait_until_written(last + 5);
        if (round % 2 == 0)
            daemon_kill(&daemon);
        else
            cr_assert_eq(daemon_stop(&daemon), 0);
        daemon = daemon_start(&(struct daemon_setup){0});
    }
    CLEANUP(http_reply_deinit) struct http_reply history = caller_get(&me, "/history?limit=1000");
    cr_assert_eq(json_size_at(history.json, "events"), 40);
    uint64_t before = 0;
    const cJSON *event;
    cJSON_ArrayForEach(event, json_at(history.json, "events")) {
        cr_assert_gt(json_number_at(event, "id"), before);
        before = json_number_at(event, "id");
    }
}

Test(events, a_nonsense_number_begins_now_and_is_told) {
    static const char *const numbers[] = {"nonsense", "-1", "18446744073709551615", "99999999999999999999999",
                                          "4000000"};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    caller_grant(&me, "{\"service_name\":\"before\"}");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events?since=0", numbers[i]);
        CLEANUP(stream_event_deinit) struct stream_event event = {0};
        cr_assert(event_stream_next(&stream, &event));
        cr_assert_str_eq(event.kind, "stream");
        cr_assert(strstr(json_text_at(event.data, "note"), "starts from now"));
        const uint64_t last = json_number_at(event.data, "last_id");
        caller_grant(&me, "{\"service_name\":\"after\"}");
        cr_assert_eq(event_stream_expect(&stream, "lease.granted"), last + 1);
    }
}

Test(events, the_seventeenth_stream_is_refused_and_a_place_is_free_as_soon_as_a_reader_goes) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    struct event_stream streams[STREAMS_MAX];
    for (int i = 0; i < STREAMS_MAX; i++) {
        const struct caller me = {.daemon = &daemon, .channel = (enum channel)(i % N_CHANNELS)};
        streams[i] = event_stream_open(&me, "/events", NULL);
        event_stream_expect(&streams[i], "stream");
    }
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        CLEANUP(http_reply_deinit) struct http_reply refused = caller_get(&me, "/events");
        assert_problem(refused, 429, "too-many-streams");
        char seconds[16];
        cr_assert_eq(http_header(&refused, "Retry-After", seconds, sizeof(seconds)), 1);
        /* No keep-alive is waited for: portd is told by the kernel that the reader has gone. */
        event_stream_close(&streams[channel]);
        const struct wait wait = wait_for("the place of a reader who has gone");
        for (;;) {
            CLEANUP(http_reply_deinit) struct http_reply head = {0};
            CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
            static const char request[] = "HEAD /events HTTP/1.1\r\nHost: localhost:3030\r\n\r\n";
            http_send(stream.fd, request, strlen(request));
            http_receive(&stream, true, &head);
            if (head.status == 200)
                break;
            wait_more(&wait);
        }
        streams[channel] = event_stream_open(&me, "/events", NULL);
        event_stream_expect(&streams[channel], "stream");
    }
    for (int i = 0; i < STREAMS_MAX; i++)
        event_stream_close(&streams[i]);
}

Test(events, a_head_has_no_body_and_takes_no_place) {
    static const char request[] = "HEAD /events HTTP/1.1\r\nHost: localhost:3030\r\n\r\n";
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (int i = 0; i < 2 * STREAMS_MAX; i++) {
        const struct caller me = {.daemon = &daemon, .channel = (enum channel)(i % N_CHANNELS)};
        CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
        CLEANUP(http_reply_deinit) struct http_reply head = {0};
        char value[64];
        cr_assert(http_send(stream.fd, request, strlen(request)));
        http_receive(&stream, true, &head);
        assert_status(head, 200);
        cr_assert_eq(http_header(&head, "Content-Type", value, sizeof(value)), 1);
        cr_assert_str_eq(value, "text/event-stream");
        cr_assert_eq(http_header(&head, "Content-Length", value, sizeof(value)), 0, "what GET would not say");
        cr_assert(http_is_closed(&stream), "without another byte");
    }
}

/* Some 45 s long: it comes every 15 s, and an idle connection is closed after 30 s. */
Test(events, a_silent_stream_gets_a_comment_and_lives_longer_than_an_idle_connection) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
    event_stream_expect(&stream, "stream");
    for (int i = 0; i < 3; i++) {
        struct stream_event event = {0};
        cr_assert(event_stream_next(&stream, &event));
        cr_assert_str_eq(event.comment, "keep-alive");
        cr_assert_str_eq(event.kind, "");
    }
    caller_grant(&me, "{\"service_name\":\"web\"}");
    event_stream_expect(&stream, "lease.granted");
}

Test(events, portd_stops_cleanly_with_streams_open) {
    sandbox_enter();
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    struct event_stream streams[STREAMS_MAX];
    for (int i = 0; i < STREAMS_MAX; i++) {
        const struct caller me = {.daemon = &daemon, .channel = (enum channel)(i % N_CHANNELS)};
        streams[i] = event_stream_open(&me, "/events", NULL);
        event_stream_expect(&streams[i], "stream");
    }
    cr_assert_eq(daemon_stop(&daemon), 0);
    for (int i = 0; i < STREAMS_MAX; i++) {
        struct stream_event event = {0};
        cr_assert_not(event_stream_next(&streams[i], &event), "nothing is said any more");
        event_stream_close(&streams[i]);
    }
}

/* ---- readers who never read ---- */

#define N_READERS 1000

static void allow_descriptors(void) {
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_gt(limit.rlim_cur, N_READERS + 100);
}

/* Connects and asks for events, with next to no room for an answer. */
static void ask_and_never_read(const struct caller *caller, int *ret_fd) {
    static const char request[] = "GET /events?since=0 HTTP/1.1\r\nHost: localhost:3030\r\n\r\n";
    const int least = 1;
    *ret_fd = caller_connect(caller);
    setsockopt(*ret_fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
    http_send(*ret_fd, request, strlen(request));
}

/* What portd holds in memory, in KiB. */
static unsigned long memory_of(const struct daemon *daemon) {
    char path[64];
    unsigned long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon->pid);
    CLEANUP(file_free_text_at) char *status = file_read(path, NULL);
    const char *line = strstr(status, "VmRSS:");
    cr_assert(line && sscanf(line, "VmRSS: %lu", &kib) == 1);
    return kib;
}

Test(events, a_thousand_readers_who_never_read_hurt_nobody_else) {
    sandbox_enter_as_root();
    allow_descriptors();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller root = {.daemon = &daemon};
    static int fds[N_READERS];
    for (int i = 0; i < N_READERS; i++) {
        const struct caller other = {
            .daemon = &daemon, .channel = i % 2 ? CHANNEL_IPV4 : CHANNEL_IPV6, .uid = SANDBOX_OTHER_UID};
        ask_and_never_read(&other, &fds[i]);
        if (i % 20 == 0)
            caller_release(&root, caller_grant(&root, "{\"service_name\":\"web-%d\"}", i));
    }
    const unsigned long before = memory_of(&daemon);
    const uint16_t port = caller_grant(&root, "{\"service_name\":\"web\"}");
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&root, "/events", NULL);
    const uint64_t begun = event_stream_expect(&stream, "stream");
    for (unsigned i = 1; i <= 6000; i++) {
        beat(&root, port);
        cr_assert_eq(event_stream_expect(&stream, "lease.renewed"), begun + i, "one who reads misses nothing");
    }
    const unsigned long after = memory_of(&daemon);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const unsigned long allowed_kib = 512 * 1024; /* they keep what was freed for a while, and what was done to it */
#else
    const unsigned long allowed_kib = 16 * 1024;
#endif
    cr_assert_lt(after, before + allowed_kib, "%lu KiB became %lu", before, after);
    caller_grant(&root, "{\"service_name\":\"last\"}");
    for (int i = 0; i < N_READERS; i++)
        close(fds[i]);
}
