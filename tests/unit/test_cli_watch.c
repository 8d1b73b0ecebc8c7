/*
 * watch and history: the real portctl against a portd whose stream of events says, breaks off and begins anew as a test wants.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/terminal.h"
#include "tests/support/wait.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define HEAD            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define STREAM(last_id) "event: stream\ndata: {\"last_id\":" last_id ",\"note\":null}\n\n: a comment\n\n"

#define EVENT_OF(id, kind, more)                                                                                       \
    "{\"id\":" id ",\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"" kind "\",\"port\":8001,"                          \
    "\"service_name\":\"my-api\",\"lease_id\":7,\"uid\":1000,\"user\":\"ann\"" more "}"
#define GRANTED EVENT_OF("40", "lease.granted", ",\"reason\":null")
#define OPENED  EVENT_OF("41", "listener.opened", ",\"pid\":5,\"process\":\"no\\u001bde\",\"address\":\"::1\"")
#define SQUATTER                                                                                                       \
    EVENT_OF("42", "squatter.appeared",                                                                                \
             ",\"finding\":\"taken\",\"pid\":5,\"process\":\"node\",\"reason\":\"It is so.\"")
#define DOUBLE EVENT_OF("43", "conflict.appeared", ",\"finding\":\"taken\",\"pid\":5,\"process\":\"node\"")
#define SPLIT  EVENT_OF("44", "conflict.appeared", ",\"finding\":\"split\"")
#define NEWER  EVENT_OF("45", "moon.rose", "")

#define RECORD(event) "id: 1\nevent: x\ndata: " event "\n\n"

#define GRANTED_LINE "2026-01-02T03:04:05.678Z\tlease.granted\t8001\tmy-api\t-\t-\tann\t-\t-\t40\t-\n"
#define OPENED_LINE  "2026-01-02T03:04:05.678Z\tlistener.opened\t8001\tmy-api\tno?de\t5\tann\t::1\t-\t41\t-\n"
#define SQUATTER_LINE                                                                                                  \
    "2026-01-02T03:04:05.678Z\tsquatter.appeared\t8001\tmy-api\tnode\t5\tann\t-\ttaken\t42\tIt is so.\n"
#define SPLIT_LINE "2026-01-02T03:04:05.678Z\tconflict.appeared\t8001\tmy-api\t-\t-\tann\t-\tsplit\t44\t-\n"
#define NEWER_LINE "2026-01-02T03:04:05.678Z\tmoon.rose\t8001\tmy-api\t-\t-\tann\t-\t-\t45\t-\n"

#define EVENTS "[" GRANTED "," OPENED "," SQUATTER "," DOUBLE "," SPLIT "," NEWER "]"

static struct fake_portd portd;

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_watch, .init = sandbox_enter, .fini = leave);

static void start(const struct fake_answer *answers, size_t n_answers) {
    struct fake_portd_setup setup = {.socket = SOCKET};

    fake_portd_stop_at(&portd);
    memcpy(setup.answers, answers, n_answers * sizeof(*answers));
    portd = fake_portd_start(&setup);
}

#define START(...)                                                                                                     \
    start((const struct fake_answer[]){__VA_ARGS__},                                                                   \
          sizeof((const struct fake_answer[]){__VA_ARGS__}) / sizeof(struct fake_answer))

/* The last answer of a watch that a test wants to end: a refusal is final. */
#define ENOUGH                                                                                                         \
    "GET /events ", 403, "{\"type\":\"urn:portmanager:problem:unknown-caller\",\"detail\":\"Enough.\"}", 0, NULL

#define LOST "portctl: the connection to portd is lost; trying again until it is back\n"

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

#define ALL_RECORDS RECORD(GRANTED) RECORD(OPENED) RECORD(SQUATTER) RECORD(DOUBLE) RECORD(SPLIT) RECORD(NEWER)
#define ALL_LINES   GRANTED_LINE OPENED_LINE SQUATTER_LINE SPLIT_LINE NEWER_LINE

Test(cli_watch, a_line_an_event_and_none_twice) {
    START({"GET /events ", 0, HEAD STREAM("39") ALL_RECORDS, 1, "Accept: text/event-stream\r\n"}, {ENOUGH});
    ASSERT_RUN(EXIT_NOT_ALLOWED, ALL_LINES, LOST "portctl: enough\n", "watch");
}

Test(cli_watch, json_is_every_event_as_portd_tells_it) {
    START({"GET /events ", 0, HEAD STREAM("39") RECORD(SQUATTER) RECORD(DOUBLE), 1, NULL}, {ENOUGH});
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(const struct cli_setup){.words = {"watch", "--json"}, ENVIRONMENT});
    const char *second = strchr(result.output, '\n') + 1;

    cr_assert_eq(strncmp(result.output, "{\"version\":1,\"id\":42,", 20), 0, "%s", result.output);
    cr_assert_eq(strncmp(second, "{\"version\":1,\"id\":43,", 20), 0, "%s", second);
}

Test(cli_watch, chunks_may_be_cut_anywhere) {
    START({"GET /events ", 0,
           "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
           "7\r\nevent: \r\n8\r\nstream\nd\r\n1b\r\nata: {\"last_id\":1,\"note\":nu\r\n5\r\nll}\n\n\r\n"
           "21\r\ndata: {\"id\":2,\"kind\":\"x\",\"port\":5\r\n3\r\n}\n\n\r\n0\r\n\r\n",
           1, NULL},
          {ENOUGH});
    ASSERT_RUN(EXIT_NOT_ALLOWED, "5\n", LOST "portctl: enough\n", "watch", "-q");
}

/* The second stream begins behind the first one's last event, the third behind the second's. */
Test(cli_watch, it_goes_on_behind_the_last_event_when_portd_is_back) {
    START({"GET /events ", 0, HEAD STREAM("39") RECORD(GRANTED), 1, "Connection: close\r\n\r\n"},
          {"GET /events ", 0, HEAD STREAM("99") RECORD(OPENED), 1, "\r\nLast-Event-ID: 40\r\n"},
          {"GET /events ", 0, HEAD STREAM("99"), 1, "\r\nLast-Event-ID: 41\r\n"}, {ENOUGH});
    ASSERT_RUN(EXIT_NOT_ALLOWED, GRANTED_LINE OPENED_LINE,
               LOST "portctl: portd is back\n" LOST "portctl: portd is back\n" LOST "portctl: enough\n", "watch");
}

Test(cli_watch, a_stream_that_ends_before_its_first_event_goes_on_from_where_it_began) {
    START({"GET /events ", 0, HEAD STREAM("39"), 1, NULL},
          {"GET /events ", 0, HEAD STREAM("39") RECORD(GRANTED), 1, "\r\nLast-Event-ID: 39\r\n"}, {ENOUGH});
    ASSERT_RUN(EXIT_NOT_ALLOWED, GRANTED_LINE, LOST "portctl: portd is back\n" LOST "portctl: enough\n", "watch");
}

Test(cli_watch, a_portd_that_is_away_for_long_is_told_once) {
    START({"GET /events ", 0, HEAD STREAM("39") RECORD(GRANTED), 1, NULL},
          {"GET /events ", 429, "{\"type\":\"urn:portmanager:problem:too-many-streams\"}", 1, NULL},
          {"GET /events ", 503, "{\"type\":\"urn:portmanager:problem:internal\"}", 1, NULL}, {ENOUGH});
    ASSERT_RUN(EXIT_NOT_ALLOWED, GRANTED_LINE, LOST "portctl: enough\n", "watch");
}

Test(cli_watch, what_was_missed_or_noted_is_told) {
    START({"GET /events ", 0,
           HEAD "event: stream\ndata: {\"last_id\":5,\"note\":\"no such \\u001bevent\"}\n\n"
                "event: reset\ndata: {\"first_id\":1,\"last_id\":2}\n\n",
           1, NULL},
          {ENOUGH});
    ASSERT_RUN(EXIT_NOT_ALLOWED, "",
               "portctl: note: no such ?event\n"
               "portctl: some events were missed; portctl history shows what is kept\n" LOST "portctl: enough\n",
               "watch");
}

Test(cli_watch, what_is_no_stream_is_refused) {
    START({"GET /events ", 200, "{}", 1, NULL}, {"GET /events ", 0, HEAD "data: {\n\n", 1, NULL},
          {"GET /events ", 0, HEAD "data: 5\n\n", 1, NULL},
          {"GET /events ", 0, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx", 1, NULL},
          {"GET /events ", 0, "SSH-2.0-x\r\n", 1, NULL}, {"GET /events ", 0, NULL, 1, NULL});
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: what portd at " SOCKET " answers is no stream of events\n", "watch");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd has sent something that is no event\n", "watch");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd has sent something that is no event\n", "watch");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: what answers at " SOCKET " is no portd: its answer is not JSON\n",
               "watch");
    ASSERT_RUN(EXIT_UNREACHABLE, "",
               "portctl: what answers at " SOCKET " is no portd: its answer is not HTTP, or without end\n", "watch");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: the answer of portd at " SOCKET " broke off\n", "watch");
}

Test(cli_watch, ctrl_c_ends_it_without_a_word) {
    START({"GET /events ", 0, HEAD STREAM("39") RECORD(GRANTED), 1, NULL});
    const struct cli cli = cli_start(&(const struct cli_setup){.words = {"watch"}, ENVIRONMENT});

    cli_wait_for_output(&cli, GRANTED_LINE);
    cli_wait_for_errors(&cli, LOST);
    kill(cli.pid, SIGINT);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, -SIGINT);
    cr_assert_str_eq(result.output, GRANTED_LINE);
    cr_assert_str_eq(result.errors, LOST);
}

Test(cli_watch, a_reader_that_has_gone_ends_it_without_a_word) {
    static const struct fake_answer endless = {"GET /events ", 0, HEAD STREAM("39") RECORD(GRANTED), 0, NULL};
    static const struct cli_setup pipe = {
        .words = {"run", "web", "sh", "-c", "trap '' PIPE; $PORTCTL watch 2>/dev/null | head -n 1; exit 0"},
        .environment = {"PM_SOCKET=" SOCKET, "PORTCTL=" SANDBOX_BIN "/portctl"}};

#define LEASE "{\"port\":8001,\"service_name\":\"web\",\"id\":7,\"uid\":0,\"ttl_seconds\":300}"
    START(endless, {"POST /alloc", 200, "{\"lease\":" LEASE "}", 0, NULL}, {"POST /release", 200, "{}", 0, NULL});
    cli_assert(&pipe, 0, GRANTED_LINE, "");
}

Test(cli_watch, on_a_terminal_it_is_words_and_sentences_of_any_width) {
    START({"GET /history ", 200, "{\"events\":" EVENTS "}", 0, NULL});
    struct terminal_setup setup = {.words = {"history"}, .socket = SOCKET, .columns = 100};
    CLEANUP(terminal_result_deinit) struct terminal_result wide = terminal_run(&setup);

    cr_assert_str_eq(wide.text,
                     "2026-01-02 03:04:05  ○ granted   8001   my-api: to ann\n"
                     "2026-01-02 03:04:05  ● opened    8001   my-api: no?de (pid 5) of ann on ::1\n"
                     "2026-01-02 03:04:05  ✕ squatted  8001   my-api: It is so.\n"
                     "2026-01-02 03:04:05  ⇄ split     8001   my-api: a process of ann\n"
                     "2026-01-02 03:04:05  moon.rose   8001   my-api: a process of ann\n",
                     "%s", wide.text);
    setup.columns = 20;
    CLEANUP(terminal_result_deinit) struct terminal_result narrow = terminal_run(&setup);
    cr_assert_leq(terminal_widest_line(narrow.text), 20, "%s", narrow.text);
}

Test(cli_watch, history_asks_for_what_was_given) {
    START({"GET /history", 200, "{\"events\":" EVENTS ",\"first_id\":1,\"last_id\":45}", 0, NULL});
    ASSERT_RUN(EXIT_YES, ALL_LINES, "", "history");
    ASSERT_RUN(EXIT_YES, "8001\n8001\n8001\n8001\n8001\n", "", "history", "8001", "-q", "--limit", "5");
    ASSERT_RUN(EXIT_YES, ALL_LINES, "", "history", "it's", "--since", "2026-01-02T03:04:05+01:00");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"events\":" EVENTS ",\"first_id\":1,\"last_id\":45}\n", "", "history",
               "--json");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "GET /history\nGET /history?port=8001&limit=5\n"
                               "GET /history?service=it%27s&since=2026-01-02T03%3A04%3A05%2B01%3A00\nGET /history\n");
}

Test(cli_watch, history_takes_a_duration_as_so_long_ago) {
    START({"GET /history?since=20", 200, "{\"events\":[]}", 0, "Z HTTP/1.1"});
    ASSERT_RUN(EXIT_YES, "", "", "history", "--since", "1h");
    ASSERT_RUN(EXIT_YES, "", "", "history", "--since", "90");
}

Test(cli_watch, wrong_values_ask_nobody) {
    ASSERT_RUN(EXIT_USAGE, "", "portctl: 99999 is no port: they go from 1 to 65535\n", "history", "99999");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: --since yesterday is no time\n  hint: 90s, 5m, 2h or 1d ago, or 2026-01-02T03:04:05Z\n",
               "history", "--since", "yesterday");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: --limit 1001 is no count\n  hint: a whole number from 1 to 1000\n", "history",
               "--limit", "1001");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: watch does not know what to do with 'x'\n  hint: portctl watch [options]\n",
               "watch", "x");
}
