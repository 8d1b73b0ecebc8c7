/*
 * GET /events as a value: what a stream says first, what it says when something happens, and when it ends. Nothing here has a socket: a stream is
 * read as the server reads it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_daemon.h"
#include "tests/support/fake_store.h"

#define STREAMS_MAX 16

static struct fake_daemon it;

static void set_up(void) {
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(api_events, .init = set_up, .fini = tear_down, .timeout = 60);

static struct api_response ask(uid_t uid, const char *target, const char *last_event_id) {
    const struct api_header headers[] = {{"Host", "portd"}, {"Last-Event-ID", last_event_id}};
    const struct api_request request = {
        .transport = API_UNIX,
        .caller = {.known = true, .uid = uid},
        .method = "GET",
        .target = target,
        .version = "HTTP/1.1",
        .headers = headers,
        .n_headers = last_event_id ? 2 : 1,
    };
    struct api_response response;
    api_handle(&it.api, &request, &response);
    return response;
}

static struct api_stream *open_stream(const char *target, const char *last_event_id) {
    const struct api_response response = ask(ANN, target, last_event_id);
    cr_assert_eq(response.status, 200, "%s", response.body);
    cr_assert_str_eq(response.content_type, "text/event-stream");
    cr_assert_null(response.body);
    cr_assert_null(response.later);
    cr_assert_not_null(response.stream);
    return response.stream;
}

/* All that the stream has to say now, in pieces of `size`. */
static const char *read_in(struct api_stream *stream, size_t size) {
    static char text[1 << 20];
    char piece[65536];
    size_t length = 0;
    for (;;) {
        const ssize_t n_bytes = stream->read(&it.api, stream, piece, size);
        cr_assert_leq(n_bytes, (ssize_t)size);
        if (n_bytes <= 0)
            break;
        cr_assert_lt(length + (size_t)n_bytes, sizeof(text));
        memcpy(text + length, piece, (size_t)n_bytes);
        length += (size_t)n_bytes;
    }
    text[length] = '\0';
    return text;
}

static const char *read_now(struct api_stream *stream) {
    return read_in(stream, 16384);
}

/* True if the stream ends here. */
static bool has_ended(struct api_stream *stream) {
    char piece[64];
    return stream->read(&it.api, stream, piece, sizeof(piece)) < 0;
}

static void grant(const char *name) {
    const struct grant_request request = fake_daemon_ask(name);
    fake_daemon_grant(&it, &request);
}

static void tell_many(unsigned count) {
    for (unsigned i = 0; i < count; i++)
        journal_tell(it.journal, &(struct event_fact){.kind = EVENT_LISTENER_OPENED, .port = 8000});
}

static unsigned count(const char *text, const char *word) {
    unsigned n_found = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        n_found++;
    return n_found;
}

static bool begins_with(const char *text, const char *beginning) {
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* What the first event of every stream ends with: nobody has looked at the ports. */
#define RUN "\"run\":\"" FAKE_DAEMON_RUN "\",\"version\":0}\n\n"

/* ---- the beginning ---- */

Test(api_events, a_stream_begins_with_where_it_stands_and_then_tells_what_happens) {
    grant("before");
    struct api_stream *stream = open_stream("/events", NULL);
    cr_expect(stream->read && stream->has_news && stream->free);
    cr_expect(stream->has_news(&it.api, stream));
    const char *text = read_now(stream);
    cr_expect_str_eq(text, "id: 1\nevent: stream\ndata: {\"last_id\":1,\"note\":null," RUN, "%s", text);
    cr_expect_not(stream->has_news(&it.api, stream));
    grant("web");
    cr_expect(stream->has_news(&it.api, stream));
    text = read_now(stream);
    cr_expect_str_eq(text,
                     "id: 2\nevent: lease.granted\ndata: {\"id\":2,\"at\":\"2026-09-21T14:13:20.123Z\","
                     "\"kind\":\"lease.granted\",\"port\":8001,\"service_name\":\"web\",\"lease_id\":2,\"uid\":54321,"
                     "\"user\":null,\"reason\":null}\n\n",
                     "%s", text);
    cr_expect_str_eq(read_now(stream), "");
    stream->free(stream);
}

Test(api_events, what_followed_a_number_is_told_from_memory_and_from_the_database) {
    grant("one");
    grant("two");
    for (int i = 0; i < 2; i++) {
        struct api_stream *stream = open_stream("/events?since=0", NULL);
        const char *text = read_now(stream);
        cr_expect(begins_with(text, "id: 0\nevent: stream\ndata: {\"last_id\":2,\"note\":null," RUN "id: 1\n"), "%s",
                  text);
        cr_expect_eq(count(text, "event: lease.granted"), 2);
        stream->free(stream);
        stream = open_stream("/events?since=1", NULL);
        cr_expect_eq(count(read_now(stream), "event: lease.granted"), 1);
        stream->free(stream);
        fake_daemon_restart(&it);
    }
}

Test(api_events, the_header_wins_over_the_parameter) {
    grant("one");
    grant("two");
    struct api_stream *stream = open_stream("/events?since=0", "1");
    const char *text = read_now(stream);
    cr_expect_eq(count(text, "event: lease.granted"), 1, "%s", text);
    cr_expect_eq(count(text, "\"note\":null"), 1);
    stream->free(stream);
}

Test(api_events, a_number_that_is_none_or_of_the_future_begins_now_and_is_told) {
    static const char *const numbers[] = {"nonsense", "", "-1", "3", "99999999999999999999999", "1 2", "0x1", "1\x1b"};
    grant("one");
    grant("two");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct api_stream *stream = open_stream("/events", numbers[i]);
        const char *text = read_now(stream);
        cr_expect(begins_with(text, "id: 2\nevent: stream\ndata: {\"last_id\":2,\"note\":\"Last-Event-ID "), "%s",
                  text);
        cr_expect_not_null(strstr(text, "starts from now.\"," RUN), "%s", text);
        cr_expect_eq(count(text, "\n\n"), 1);
        cr_expect_null(strchr(text, '\x1b'));
        stream->free(stream);
    }
    struct api_stream *stream = open_stream("/events?since=x", NULL);
    cr_expect_not_null(strstr(read_now(stream), "\"note\":\"since is no event's number (x);"));
    stream->free(stream);
}

Test(api_events, what_is_no_longer_kept_is_told_by_a_reset) {
    tell_many(10);
    fake_daemon_close(&it);
    fake_store_execute(&it.home, "DELETE FROM event WHERE id < 5");
    cr_assert_eq(fake_daemon_open(&it), 0);
    struct api_stream *stream = open_stream("/events", "2");
    const char *text = read_now(stream);
    cr_expect_str_eq(text,
                     "id: 10\nevent: stream\ndata: {\"last_id\":10,\"note\":null," RUN
                     "event: reset\ndata: {\"first_id\":5,\"last_id\":10}\n\n",
                     "%s", text);
    grant("web");
    cr_expect(begins_with(read_now(stream), "id: 11\n"));
    stream->free(stream);
    stream = open_stream("/events", "4");
    text = read_now(stream);
    cr_expect_eq(count(text, "event: reset"), 0);
    cr_expect_eq(count(text, "event: listener.opened"), 6);
    stream->free(stream);
}

/* ---- the way ---- */

Test(api_events, it_does_not_matter_how_small_the_pieces_are) {
    grant("one");
    grant("two");
    struct api_stream *stream = open_stream("/events?since=0", NULL);
    char *whole = strdup(read_now(stream));
    stream->free(stream);
    for (size_t size = 1; size < 40; size += 7) {
        stream = open_stream("/events?since=0", NULL);
        cr_expect_str_eq(read_in(stream, size), whole, "pieces of %zu", size);
        stream->free(stream);
    }
    free(whole);
}

Test(api_events, a_long_past_is_told_in_order_and_joins_the_present) {
    tell_many(JOURNAL_RING + 1000);
    journal_flush(it.journal);
    struct api_stream *stream = open_stream("/events", "0");
    char piece[4096];
    unsigned n_reads = 0;
    uint64_t last = 0;
    for (ssize_t n_bytes; (n_bytes = stream->read(&it.api, stream, piece, sizeof(piece) - 1)) > 0; n_reads++) {
        piece[n_bytes] = '\0';
        if (n_reads == 3)
            tell_many(50);
        for (const char *at = strstr(piece, "\"id\":"); at; at = strstr(at + 1, "\"id\":")) {
            uint64_t id = 0;
            if (sscanf(at, "\"id\":%lu,", &id) != 1 || id < last)
                continue; /* cut by the piece's end */
            cr_assert_leq(id, last + 2);
            last = id;
        }
    }
    cr_expect_eq(last, JOURNAL_RING + 1050, "%lu", last);
    cr_expect_gt(n_reads, 100);
    stream->free(stream);
}

Test(api_events, a_reader_who_falls_out_of_memory_is_cut_off) {
    struct api_stream *stream = open_stream("/events", NULL);
    struct api_stream *other = open_stream("/events", NULL);
    read_now(stream);
    read_now(other);
    tell_many(JOURNAL_RING);
    read_now(other);
    tell_many(1);
    cr_expect(has_ended(stream));
    cr_expect_not(has_ended(other));
    stream->free(stream);
    other->free(other);
    stream = open_stream("/events", "0");
    cr_expect_eq(count(read_now(stream), "event: listener.opened"), JOURNAL_RING + 1, "and it can come back");
    stream->free(stream);
}

Test(api_events, a_silent_stream_says_every_fifteen_seconds_that_it_lives) {
    struct api_stream *stream = open_stream("/events", NULL);
    const uint64_t begun = it.clock.now.monotonic_ms;
    read_now(stream);
    cr_expect_eq(stream->due_ms, begun + 15000);
    fake_clock_advance(&it.clock, 14999);
    cr_expect_not(stream->has_news(&it.api, stream));
    cr_expect_str_eq(read_now(stream), "");
    fake_clock_advance(&it.clock, 1);
    cr_expect(stream->has_news(&it.api, stream));
    cr_expect_str_eq(read_now(stream), ": keep-alive\n\n");
    cr_expect_eq(stream->due_ms, begun + 30000);
    fake_clock_advance(&it.clock, 10000);
    grant("web");
    cr_expect_eq(count(read_now(stream), "event:"), 1);
    cr_expect_eq(stream->due_ms, begun + 40000, "an event says it, too");
    stream->free(stream);
}

/* ---- limits ---- */

Test(api_events, a_uid_has_sixteen_streams_and_gets_a_place_back_with_each_that_ends) {
    struct api_stream *streams[STREAMS_MAX];
    for (int i = 0; i < STREAMS_MAX; i++)
        streams[i] = open_stream("/events", NULL);
    struct fake_reply reply = fake_daemon_call(&it, ANN, "/events", NULL);
    cr_expect_eq(reply.status, 429);
    cr_expect_str_eq(reply.type, "too-many-streams");
    cr_expect_gt(reply.retry_after_s, 0);
    fake_reply_deinit(&reply);
    struct api_response bobs = ask(BOB, "/events", NULL);
    cr_expect_eq(bobs.status, 200, "another uid has its own");
    api_response_deinit(&bobs);
    streams[3]->free(streams[3]);
    streams[3] = open_stream("/events", NULL);
    reply = fake_daemon_call(&it, ANN, "/events", NULL);
    cr_expect_eq(reply.status, 429);
    fake_reply_deinit(&reply);
    for (int i = 0; i < STREAMS_MAX; i++)
        streams[i]->free(streams[i]);
    cr_expect_null(it.api.streams.rows, "nothing is left of them");
}

Test(api_events, a_caller_whom_the_kernel_cannot_name_gets_none) {
    const struct api_header headers[] = {{"Host", "portd"}};
    const struct api_request request = {.method = "GET",
                                        .target = "/events",
                                        .version = "HTTP/1.1",
                                        .transport = API_UNIX,
                                        .headers = headers,
                                        .n_headers = 1};
    struct fake_reply reply = fake_daemon_handle(&it, &request);
    cr_expect_str_eq(reply.type, "unknown-caller");
    fake_reply_deinit(&reply);
}

/* ---- what the registry tells ---- */

/* The kinds that a stream tells, as "granted renewed ". */
static const char *kinds(struct api_stream *stream) {
    static char words[512];
    words[0] = '\0';
    const char *text = read_now(stream);
    for (const char *at = text; (at = strstr(at, "event: lease.")); at++) {
        char kind[32];
        cr_assert_eq(sscanf(at, "event: lease.%31s", kind), 1);
        strcat(words, kind);
        strcat(words, " ");
    }
    return words;
}

Test(api_events, a_lease_tells_its_life) {
    struct api_stream *stream = open_stream("/events", NULL);
    struct fake_reply reply =
        fake_daemon_call(&it, ANN, "/alloc", "{\"service_name\":\"web\",\"count\":2,\"ttl_seconds\":60}");
    fake_reply_deinit(&reply);
    cr_expect_str_eq(kinds(stream), "granted granted ");
    reply = fake_daemon_call(&it, ANN, "/alloc", "{\"service_name\":\"web\",\"reuse\":true}");
    fake_reply_deinit(&reply);
    cr_expect_str_eq(kinds(stream), "renewed ");
    reply = fake_daemon_call(&it, ANN, "/heartbeat", "{\"port\":8000}");
    fake_reply_deinit(&reply);
    cr_expect_str_eq(kinds(stream), "renewed ");
    reply = fake_daemon_call(&it, ANN, "/release", "{\"port\":8000}");
    fake_reply_deinit(&reply);
    cr_expect_str_eq(kinds(stream), "released ");
    fake_daemon_pass(&it, 61000);
    cr_expect_str_eq(kinds(stream), "expired ");
    stream->free(stream);
}

Test(api_events, a_grant_that_could_not_be_made_tells_nothing) {
    struct api_stream *stream = open_stream("/events", NULL);
    struct fake_reply reply = fake_daemon_call(&it, ANN, "/alloc", "{\"service_name\":\"web\",\"count\":11}");
    cr_expect_eq(reply.status, 503);
    fake_reply_deinit(&reply);
    cr_expect_str_eq(kinds(stream), "");
    stream->free(stream);
}

Test(api_events, the_end_of_a_holder_is_a_release_with_its_reason) {
    struct api_stream *stream = open_stream("/events", NULL);
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = fake_daemon_ask("held");
    request.key.uid = uid;
    request.holder = child;
    fake_daemon_grant(&it, &request);
    cr_expect_str_eq(kinds(stream), "granted ");
    fake_daemon_end_process(child, false);
    fake_daemon_pass(&it, 1000);
    const char *text = read_now(stream);
    cr_expect_not_null(strstr(text, "event: lease.released"), "%s", text);
    cr_expect_not_null(strstr(text, "\"reason\":\"Its process has ended, and nothing of it listens.\""), "%s", text);
    stream->free(stream);
}

/* Not each turn, which would be an event a second, but when what was told last is over. */
Test(api_events, a_lease_that_its_listener_keeps_tells_so_once_a_ttl) {
    struct api_stream *stream = open_stream("/events", NULL);
    const uint64_t ttl_seconds = 60;
    struct grant_request request = fake_daemon_ask("web");
    request.ttl_seconds = &ttl_seconds;
    struct lease *lease = fake_daemon_grant(&it, &request);
    fake_kernel_listen(&it.kernel, lease->port, ANN);
    cr_expect_str_eq(kinds(stream), "granted ");
    fake_daemon_pass(&it, 59000);
    cr_expect_str_eq(kinds(stream), "");
    fake_daemon_pass(&it, 1000);
    cr_expect_str_eq(kinds(stream), "renewed ");
    fake_daemon_pass(&it, 60000);
    cr_expect_str_eq(kinds(stream), "renewed ");
    stream->free(stream);
}

/* ---- ports ---- */

#define RUN_OF(version) "/events?ports=" FAKE_DAEMON_RUN "." #version

/* What the server does when something has changed, and the pause between two comparisons is over. */
static void let_compare(void) {
    port_versions_note(&it.api.versions);
    fake_clock_advance(&it.clock, 100);
}

/* The versions and ports of the records, as "1/0:8000 ": the version, what came before it, and the port. */
static const char *records(struct api_stream *stream) {
    static char words[4096];
    const char *text = read_now(stream);
    size_t length = 0;
    words[0] = '\0';
    for (const char *at = text; (at = strstr(at, "event: port\ndata: {\"version\":")); at++) {
        unsigned version;
        unsigned after;
        unsigned port;
        cr_assert_eq(
            sscanf(at, "event: port\ndata: {\"version\":%u,\"after\":%u,\"port\":%u,", &version, &after, &port), 3,
            "%s", at);
        cr_assert(at == text || strncmp(at - 2, "\n\n", 2) == 0, "it has an id: %s", text);
        length += (size_t)snprintf(words + length, sizeof(words) - length, "%u/%u:%u ", version, after, port);
    }
    return words;
}

Test(api_events, a_stream_tells_the_ports_that_have_changed_after_a_version) {
    grant("one");
    grant("two");
    struct api_stream *stream = open_stream(RUN_OF(0), NULL);
    const char *text = read_now(stream);
    cr_expect_not_null(strstr(text, "\"run\":\"" FAKE_DAEMON_RUN "\",\"version\":2}\n\nevent: port\n"), "%s", text);
    cr_expect_not_null(strstr(text, "\"version\":2,\"after\":1,\"port\":8001,\"lease\":{\"port\":8001,"), "%s", text);
    cr_expect_eq(count(text, "\"listeners\":[],\"findings\":[]}\n\n"), 2);
    stream->free(stream);
    stream = open_stream(RUN_OF(1), NULL);
    cr_expect_str_eq(records(stream), "2/1:8001 ");
    grant("three");
    let_compare();
    cr_expect(stream->has_news(&it.api, stream));
    cr_expect_str_eq(records(stream), "3/2:8002 ");
    cr_expect_not(stream->has_news(&it.api, stream));
    stream->free(stream);
}

Test(api_events, a_port_that_is_free_again_is_told_with_nothing) {
    grant("one");
    struct api_stream *stream = open_stream(RUN_OF(0), NULL);
    cr_expect_str_eq(records(stream), "1/0:8000 ");
    registry_release(it.registry, registry_find_port(it.registry, 8000));
    let_compare();
    const char *text = read_now(stream);
    cr_expect_not_null(strstr(text, "event: port\ndata: {\"version\":2,\"after\":1,\"port\":8000,\"lease\":null,"
                                    "\"listeners\":[],\"findings\":[]}\n\n"),
                       "%s", text);
    stream->free(stream);
}

Test(api_events, of_many_changes_of_a_port_the_last_is_told) {
    grant("one");
    grant("two");
    struct api_stream *stream = open_stream(RUN_OF(0), NULL);
    cr_expect_str_eq(records(stream), "1/0:8000 2/1:8001 ");
    for (unsigned i = 0; i < 5; i++) {
        fake_clock_advance(&it.clock, 1);
        registry_renew(it.registry, registry_find_port(it.registry, 8000));
        port_versions_compare(&it.api);
    }
    registry_renew(it.registry, registry_find_port(it.registry, 8001));
    let_compare();
    cr_expect_str_eq(records(stream), "7/2:8000 8/7:8001 ");
    stream->free(stream);
}

Test(api_events, ports_of_another_run_are_a_reset_and_nothing_more) {
    static const char *const targets[] = {"/events?ports=0123456789abcdee.1", RUN_OF(100),
                                          RUN_OF(18446744073709551615)};
    grant("one");
    for (size_t i = 0; i < 3; i++) {
        struct api_stream *stream = open_stream(targets[i], NULL);
        const char *text = read_now(stream);
        cr_expect_eq(count(text, "event: stream\n"), 1);
        cr_expect_eq(count(text, "event: reset\ndata: {\"first_id\":"), 1, "%s", text);
        grant("another");
        let_compare();
        text = read_now(stream);
        cr_expect_eq(count(text, "event: lease.granted"), 1, "events go on");
        cr_expect_eq(count(text, "event: port"), 0, "%s", text);
        stream->free(stream);
    }
}

Test(api_events, ports_that_are_no_run_and_version_are_refused) {
    static const char *const ports[] = {"",
                                        "0123456789abcdef",
                                        "0123456789abcdef.",
                                        "0123456789abcdef.1.2",
                                        "0123456789ABCDEF.1",
                                        "0123456789abcde.1",
                                        "0123456789abcdef0.1",
                                        "0123456789abcdef.18446744073709551616"};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        char target[96];
        snprintf(target, sizeof(target), "/events?since=0&ports=%s", ports[i]);
        struct fake_reply reply = fake_daemon_call(&it, ANN, target, NULL);
        cr_expect_eq(reply.status, 400, "%s: %d", ports[i], reply.status);
        cr_expect_str_eq(reply.type, "bad-request");
        fake_reply_deinit(&reply);
    }
    cr_expect_null(it.api.streams.rows, "they take no place");
}

Test(api_events, a_record_shows_each_reader_no_more_than_he_may_see) {
    fake_probe_own(fake_probe_listen(&it.probe, 8005, BOB, 12), 100, "python3");
    struct api_stream *anns = open_stream(RUN_OF(0), NULL);
    cr_expect_eq(count(read_now(anns), "/usr/bin/server"), 0);
    anns->free(anns);
    struct api_response bobs = ask(BOB, RUN_OF(0), NULL);
    cr_assert_eq(bobs.status, 200);
    cr_expect_eq(count(read_now(bobs.stream), "/usr/bin/server"), 1);
    api_response_deinit(&bobs);
}

Test(api_events, records_come_in_pieces_of_any_size) {
    for (unsigned i = 0; i < 9; i++)
        grant("many");
    struct api_stream *stream = open_stream(RUN_OF(0), NULL);
    char *whole = strdup(read_now(stream));
    stream->free(stream);
    for (size_t size = 1; size < 40; size += 7) {
        stream = open_stream(RUN_OF(0), NULL);
        cr_expect_str_eq(read_in(stream, size), whole, "pieces of %zu", size);
        stream->free(stream);
    }
    free(whole);
}

/* Else somebody who makes events without end could keep every page from what has changed. */
Test(api_events, neither_events_nor_records_keep_the_other_waiting) {
    for (unsigned i = 0; i < 9; i++)
        grant("many");
    struct api_stream *stream = open_stream(RUN_OF(0), NULL);
    char piece[700];
    unsigned n_events = 0;
    unsigned n_records = 0;
    for (unsigned i = 0; i < 40; i++) {
        tell_many(64);
        const ssize_t n_bytes = stream->read(&it.api, stream, piece, sizeof(piece) - 1);
        cr_assert_gt(n_bytes, 0);
        piece[n_bytes] = '\0';
        n_events += count(piece, "event: listener.opened");
        n_records += count(piece, "event: port");
    }
    cr_expect_eq(n_records, 9, "%u", n_records);
    cr_expect_gt(n_events, 20, "%u", n_events);
    stream->free(stream);
}

/* Sixteen streams are looked at whenever something has changed: the first has the ports compared, and none of them asks for more than that. */
Test(api_events, a_change_is_compared_once_for_all_streams_and_none_is_woken_for_nothing) {
    grant("one");
    struct api_stream *streams[2] = {open_stream(RUN_OF(0), NULL), open_stream(RUN_OF(0), NULL)};
    const uint64_t keep_alive_ms = it.clock.now.monotonic_ms + 15000;
    for (int i = 0; i < 2; i++) {
        read_now(streams[i]);
        cr_expect_eq(streams[i]->due_ms, keep_alive_ms);
    }
    fake_clock_advance(&it.clock, 1);
    registry_renew(it.registry, registry_find_port(it.registry, 8000));
    for (int i = 0; i < 2; i++)
        read_now(streams[i]); /* the event */
    port_versions_note(&it.api.versions);
    for (int i = 0; i < 2; i++) {
        cr_expect_not(streams[i]->has_news(&it.api, streams[i]));
        cr_expect_eq(streams[i]->due_ms, it.clock.now.monotonic_ms + 99, "it asks again when the pause is over");
    }
    fake_clock_advance(&it.clock, 100);
    for (int i = 0; i < 2; i++) {
        cr_expect(streams[i]->has_news(&it.api, streams[i]));
        cr_expect_str_eq(records(streams[i]), "2/1:8000 ");
        cr_expect_not(streams[i]->has_news(&it.api, streams[i]));
        cr_expect_eq(streams[i]->due_ms, it.clock.now.monotonic_ms + 15000);
        streams[i]->free(streams[i]);
    }
}

/* It was told while the stream was being written to, and nobody asks a stream about that which is not suspended. */
Test(api_events, what_changes_while_a_stream_is_read_is_not_forgotten_when_it_falls_silent) {
    grant("one");
    struct api_stream *stream = open_stream(RUN_OF(0), NULL);
    read_now(stream);
    fake_clock_advance(&it.clock, 100);
    grant("two");
    port_versions_note(&it.api.versions);
    cr_expect_str_eq(records(stream), "2/1:8001 ");
    grant("three");
    port_versions_note(&it.api.versions);
    cr_expect_str_eq(records(stream), "", "the pause is not over");
    cr_expect_eq(stream->due_ms, it.clock.now.monotonic_ms + 100);
    stream->free(stream);
}

Test(api_events, without_ports_nothing_is_compared) {
    struct api_stream *stream = open_stream("/events", NULL);
    grant("one");
    let_compare();
    cr_expect_eq(count(read_now(stream), "event: port"), 0);
    cr_expect(stream->due_ms > it.clock.now.monotonic_ms);
    cr_expect_null(it.api.versions.memory);
    stream->free(stream);
}
