/*
 * Squatters, each a real process: when they come and when they go, of every kind, what a person's word makes of them, and names that mean no good.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/wait.h"

TestSuite(squatters, .timeout = 120);

/* Bound sockets are looked for twice as often as listeners, so that no test waits for them. */
static const struct daemon_setup quick = {.arguments = {"--bound-interval", "100"}};

static int be_python(void *context) {
    char port[8];
    snprintf(port, sizeof(port), "%u", *(const uint16_t *)context);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execlp("python3", "python3", "-m", "http.server", "--bind", "127.0.0.1", port, NULL);
    fail_test("python3 cannot be executed");
}

static pid_t start_python(uint16_t port) {
    return child_start(0, be_python, &port);
}

static void expect_event(struct event_stream *stream, const char *kind, uint16_t port, const char *finding, pid_t pid) {
    CLEANUP(stream_event_deinit) struct stream_event event = sees_event(stream, kind, port);
    cr_assert_str_eq(json_text_at(event.data, "finding"), finding);
    cr_assert_eq(json_number_at(event.data, "pid"), (uint64_t)pid, "%s of pid %lu", kind,
                 json_number_at(event.data, "pid"));
    /* What has ended is told as ended. */
    cr_assert_eq(strstr(json_text_at(event.data, "reason"), "no longer ") != NULL, strstr(kind, ".left") != NULL, "%s",
                 json_text_at(event.data, "reason"));
}

static int conflicts_exit_code(void) {
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&(struct cli_setup){.words = {"conflicts"}});
    return result.exit_code;
}

/* ---- they come and go ---- */

Test(squatters, one_is_seen_when_it_listens_and_gone_when_it_closes_or_dies) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
    for (int round = 0; round < 2; round++) {
        const uint16_t port = (uint16_t)(8100 + round);
        const pid_t pid = puppet_start(&(struct puppet_setup){.name = "squatty"},
                                       "pause listen 127.0.0.1 %u pause close pause", port);
        puppet_go_on(pid);
        CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, port, "unleased");
        const cJSON *finding = sees_find(&squatters, port);
        cr_assert(sees_owner(json_at(finding, "listeners[0]"), pid));
        cr_assert(json_is_null_at(finding, "lease"));
        cr_assert(strstr(json_text_at(finding, "verdict"), "squatty"), "%s", json_text_at(finding, "verdict"));
        cr_assert_not(json_bool_at(finding, "since_start"));
        expect_event(&stream, "squatter.appeared", port, "unleased", pid);
        if (round == 0)
            puppet_go_on(pid);
        else
            child_kill(pid);
        sees_no_squatter(&me, port);
        expect_event(&stream, "squatter.left", port, "unleased", pid);
        sees_in_history(&me, "squatter.appeared", port);
        sees_in_history(&me, "squatter.left", port);
        sees_in_history(&me, "listener.opened", port);
        sees_in_history(&me, "listener.closed", port);
        if (round == 0)
            child_kill(pid);
    }
}

Test(squatters, a_python_server_in_the_range_is_one_and_portd_is_none) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at)
    struct daemon daemon = daemon_start(&(struct daemon_setup){.arguments = {"--range", "3000-9000"}});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
    const pid_t pid = start_python(8200);
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, 8200, "unleased");
    cr_assert_str_eq(json_text_at(sees_find(&squatters, 8200), "listeners[0].process"), "python3");
    cr_assert(strstr(json_text_at(sees_find(&squatters, 8200), "listeners[0].owners[0].command"), "http.server"));
    expect_event(&stream, "squatter.appeared", 8200, "unleased", pid);
    cr_assert_null(sees_find(&squatters, DAEMON_PORT), "portd itself");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&me, DAEMON_PORT);
    cr_assert_str_eq(json_text_at(who.json, "state"), "portd");
    child_kill(pid);
    sees_no_squatter(&me, 8200);
    expect_event(&stream, "squatter.left", 8200, "unleased", pid);
}

/* It was there before portd: nobody knows since when. */
Test(squatters, one_that_was_there_at_the_start_is_told_as_that) {
    sandbox_enter_as_root();
    const pid_t pid = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 8100 pause");
    sees_in_kernel(8100, true);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, 8100, "unleased");
    cr_assert(json_bool_at(sees_find(&squatters, 8100), "since_start"));
    cr_assert(sees_owner(json_at(sees_find(&squatters, 8100), "listeners[0]"), pid));
    child_kill(pid);
    sees_no_squatter(&me, 8100);
}

/* ---- of every kind ---- */

Test(squatters, another_user_on_a_leased_port_is_taken) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    cr_assert_eq(conflicts_exit_code(), 0);
    const pid_t pid = puppet_start(&(struct puppet_setup){.uid = SANDBOX_OTHER_UID}, "listen 127.0.0.1 %u pause", port);
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, port, "taken");
    const cJSON *finding = sees_find(&squatters, port);
    cr_assert(sees_owner(json_at(finding, "listeners[0]"), pid));
    cr_assert_str_eq(json_text_at(finding, "lease.service_name"), "web");
    cr_assert_str_eq(json_text_at(finding, "lease.state"), "conflict");
    expect_event(&stream, "squatter.appeared", port, "taken", pid);
    expect_event(&stream, "conflict.appeared", port, "taken", pid);
    cr_assert_eq(conflicts_exit_code(), 1);
    child_kill(pid);
    sees_no_squatter(&me, port);
    expect_event(&stream, "squatter.left", port, "taken", pid);
    expect_event(&stream, "conflict.left", port, "taken", pid);
    cr_assert_eq(conflicts_exit_code(), 0);
    sees_lease(&me, port, "state", "pending");
}

static void assert_both_are_named(const cJSON *finding, pid_t first, pid_t second) {
    const cJSON *listeners = json_at(finding, "listeners");
    cr_assert_eq(cJSON_GetArraySize(listeners), 2);
    cr_assert(sees_owner_among(listeners, first));
    cr_assert(sees_owner_among(listeners, second));
}

static void assert_portctl_names(uint16_t port, const char *kind, const char *first, const char *second) {
    char number[8];
    snprintf(number, sizeof(number), "%u", port);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&(struct cli_setup){.words = {"conflicts"}});
    cr_assert_eq(result.exit_code, 1);
    cr_assert(strstr(result.output, number) && strstr(result.output, kind), "%s", result.output);
    cr_assert(strstr(result.output, first) && strstr(result.output, second), "%s", result.output);
}

Test(squatters, two_programs_on_the_two_families_of_a_leased_port_are_split) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const pid_t vite = puppet_start(&(struct puppet_setup){.name = "vite"}, "setsid v6only listen ::1 %u pause", port);
    sees_text(&me, port, "state", "bound");
    const pid_t flask = puppet_start(&(struct puppet_setup){.name = "flask"}, "setsid listen 127.0.0.1 %u pause", port);
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, port, "split");
    cr_assert_str_eq(json_text_at(sees_find(&squatters, port), "lease.conflict"), "split");
    assert_both_are_named(sees_find(&squatters, port), vite, flask);
    sees_lease(&me, port, "state", "conflict");
    assert_portctl_names(port, "split", "vite", "flask");
    child_kill(flask);
    sees_no_squatter(&me, port);
    sees_lease(&me, port, "state", "bound");
    cr_assert_eq(conflicts_exit_code(), 0);
    child_kill(vite);
}

Test(squatters, two_programs_that_share_a_leased_port_are_shared) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const pid_t one =
        puppet_start(&(struct puppet_setup){.name = "envoy"}, "setsid reuseport listen 0.0.0.0 %u pause", port);
    sees_text(&me, port, "state", "bound");
    const pid_t other =
        puppet_start(&(struct puppet_setup){.name = "caddy"}, "setsid reuseport listen 0.0.0.0 %u pause", port);
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, port, "shared");
    cr_assert_str_eq(json_text_at(sees_find(&squatters, port), "lease.conflict"), "shared");
    assert_both_are_named(sees_find(&squatters, port), one, other);
    assert_portctl_names(port, "shared", "envoy", "caddy");
    CLEANUP(stream_event_deinit) struct stream_event appeared = sees_event(&stream, "conflict.appeared", port);
    cr_assert_str_eq(json_text_at(appeared.data, "finding"), "shared");
    child_kill(other);
    sees_no_squatter(&me, port);
    CLEANUP(stream_event_deinit) struct stream_event left = sees_event(&stream, "conflict.left", port);
    child_kill(one);
}

/* A pre-forking server with a socket a worker, and one with a socket for all of them. */
Test(squatters, the_workers_of_one_server_are_no_conflict) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const pid_t master =
        puppet_start(&(struct puppet_setup){.name = "gunicorn"},
                     "setsid reuseport listen 127.0.0.1 %u twin listen 127.0.0.1 %u pause", port, port);
    sees_listeners(&me, port, 3);
    sees_text(&me, port, "state", "bound");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&me, port);
    cr_assert_eq(json_size_at(who.json, "findings"), 0, "%s", who.body);
    cr_assert_eq(conflicts_exit_code(), 0);
    kill(-master, SIGKILL);
    child_wait(master);
    sees_listeners(&me, port, 0);
}

Test(squatters, one_that_has_bound_and_does_not_listen_is_inactive) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&quick);
    const struct caller me = {.daemon = &daemon};
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
    const pid_t pid = puppet_start(&(struct puppet_setup){0}, "bind 127.0.0.1 8100 pause close pause");
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, 8100, "inactive");
    cr_assert(sees_owner(json_at(sees_find(&squatters, 8100), "listeners[0]"), pid));
    cr_assert_str_eq(json_text_at(sees_find(&squatters, 8100), "listeners[0].state"), "bound");
    expect_event(&stream, "squatter.appeared", 8100, "inactive", pid);
    puppet_go_on(pid);
    sees_no_squatter(&me, 8100);
    expect_event(&stream, "squatter.left", 8100, "inactive", pid);
    child_kill(pid);
}

/* ---- containers ---- */

Test(squatters, a_container_s_forwarder_on_a_leased_port_is_plausible) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const uint16_t port = caller_grant(&other, "{\"service_name\":\"db\"}");
    char number[8];
    snprintf(number, sizeof(number), "%u", port);
    const struct puppet_setup proxy = {
        .name = "docker-proxy",
        .arguments = {"-proto", "tcp", "-host-ip", "127.0.0.1", "-host-port", number, "-container-ip", "172.17.0.2",
                      "-container-port", "5432"},
    };
    const pid_t pid = puppet_start(&proxy, "listen 127.0.0.1 %u pause", port);
    sees_evidence(&other, port, "plausible", "forwarder");
    sees_lease(&other, port, "state", "bound");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&other, port);
    cr_assert_eq(json_size_at(who.json, "findings"), 0, "%s", who.body);
    cr_assert_str_eq(json_text_at(who.json, "listeners[0].container.runtime"), "docker");
    cr_assert_str_eq(json_text_at(who.json, "listeners[0].container.address"), "172.17.0.2:5432");
    child_kill(pid);
    sees_listeners(&other, port, 0);

    /* One whose arguments are about another port is not this one's. */
    const uint16_t another = caller_grant(&other, "{\"service_name\":\"db2\"}");
    const pid_t stray = puppet_start(&proxy, "listen 127.0.0.1 %u pause", another);
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&other, another, "taken");
    cr_assert_neq(another, port);
    child_kill(stray);

    /* Anybody can give his program that name. */
    const uint16_t mine = caller_grant(&(struct caller){.daemon = &daemon}, "{\"service_name\":\"db3\"}");
    const struct puppet_setup forged = {.name = "rootlessport", .uid = SANDBOX_OTHER_UID};
    const pid_t forger = puppet_start(&forged, "listen 127.0.0.1 %u pause", mine);
    CLEANUP(http_reply_deinit) struct http_reply taken = sees_squatter(&other, mine, "taken");
    child_kill(forger);
}

/* ---- a person's word ---- */

Test(squatters, a_claim_makes_a_lease_of_one) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const pid_t pid = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 8100 pause");
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, 8100, "unleased");
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(struct cli_setup){.words = {"claim", "8100", "web"}});
    cr_assert_eq(result.exit_code, 0, "%s", result.errors);
    sees_no_squatter(&me, 8100);
    sees_evidence(&me, 8100, "confirmed", "claim");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&me, 8100);
    cr_assert_str_eq(json_text_at(who.json, "state"), "bound");
    cr_assert_str_eq(json_text_at(who.json, "lease.service_name"), "web");
    cr_assert_str_eq(json_text_at(who.json, "lease.kept_by"), "listener");
    sees_in_history(&me, "squatter.left", 8100);
    sees_in_history(&me, "lease.granted", 8100);
    child_kill(pid);
}

Test(squatters, a_disowned_listener_is_one_and_stays_so_when_portd_starts_again) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    char number[8];
    snprintf(number, sizeof(number), "%u", port);
    const pid_t pid = puppet_start(&(struct puppet_setup){0}, "setsid listen 127.0.0.1 %u pause", port);
    sees_evidence(&me, port, "plausible", "uid");
    CLEANUP(cli_result_deinit) struct cli_result disown = cli_run(&(struct cli_setup){.words = {"disown", number}});
    cr_assert_eq(disown.exit_code, 0, "%s", disown.errors);
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, port, "taken");
    sees_evidence(&me, port, "foreign", "disowned");
    daemon_kill(&daemon);
    daemon = daemon_start(&(struct daemon_setup){0});
    sees_evidence(&me, port, "foreign", "disowned");
    CLEANUP(http_reply_deinit) struct http_reply again = sees_squatter(&me, port, "taken");
    cr_assert(sees_owner(json_at(sees_find(&again, port), "listeners[0]"), pid));
    CLEANUP(cli_result_deinit) struct cli_result claim = cli_run(&(struct cli_setup){.words = {"claim", number}});
    cr_assert_eq(claim.exit_code, 0, "%s", claim.errors);
    sees_no_squatter(&me, port);
    sees_evidence(&me, port, "confirmed", "claim");
    child_kill(pid);
}

Test(squatters, a_claim_that_cannot_be_is_refused) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const uint16_t leased = caller_grant(&me, "{\"service_name\":\"web\"}");
    const pid_t pid =
        puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 8100 listen 127.0.0.1 %u pause", leased);
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, 8100, "unleased");
    sees_lease(&me, leased, "state", "bound");
    CLEANUP(file_free_text_at) char *before = caller_digest(&me);

    CLEANUP(http_reply_deinit)
    struct http_reply on_free = caller_post(&me, "/claim", "{\"port\":8101,\"service_name\":\"a\"}");
    assert_problem(on_free, 404, "not-listening");
    CLEANUP(http_reply_deinit)
    struct http_reply not_mine = caller_post(&other, "/claim", "{\"port\":8100,\"service_name\":\"a\"}");
    assert_problem(not_mine, 403, "not-your-listener");
    CLEANUP(http_reply_deinit)
    struct http_reply other_name = caller_post(&me, "/claim", "{\"port\":%u,\"service_name\":\"a\"}", leased);
    assert_problem(other_name, 409, "port-leased");
    CLEANUP(http_reply_deinit) struct http_reply nameless = caller_post(&me, "/claim", "{\"port\":8100}");
    assert_problem(nameless, 422, "missing-key");
    CLEANUP(http_reply_deinit)
    struct http_reply portds = caller_post(&me, "/claim", "{\"port\":%d,\"service_name\":\"a\"}", DAEMON_PORT);
    assert_problem(portds, 409, "reserved-for-portd");
    CLEANUP(http_reply_deinit) struct http_reply nothing = caller_post(&me, "/disown", "{\"port\":8100}");
    assert_problem(nothing, 404, "no-such-lease");
    CLEANUP(http_reply_deinit) struct http_reply not_theirs = caller_post(&other, "/disown", "{\"port\":%u}", leased);
    assert_problem(not_theirs, 403, "not-yours");
    CLEANUP(file_free_text_at) char *after = caller_digest(&me);
    cr_assert_str_eq(before, after);

    static const struct {
        const char *words[4];
        int exit_code;
    } commands[] = {
        {{"claim", "8101", "a"}, 1},
        {{"claim", "8100"}, 2},
        {{"claim", "99999", "a"}, 2},
        {{"disown", "8101"}, 1},
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct cli_setup setup = {0};
        memcpy(setup.words, commands[i].words, sizeof(commands[i].words));
        CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&setup);
        cr_assert_eq(result.exit_code, commands[i].exit_code, "%s %s: %d, %s", commands[i].words[0],
                     commands[i].words[1], result.exit_code, result.errors);
        cr_assert_neq(result.errors[0], '\0');
    }
    child_kill(pid);
}

/* ---- names that mean no good ---- */

#define HOSTILE_SIZE 4096

/* What a terminal would obey, and what is no UTF-8. */
static void make_hostile(char *ret_text) {
    static const char piece[] =
        "\x1b[2J\x1b]0;owned\x07\r\n\t\x7f\xff\xfe\xc3(\xe2\x82\x9b\x31m\xc2\x9b\x32J\xed\xa0\x80 --password=hunter2 ";
    size_t length = 0;
    while (length + sizeof(piece) < HOSTILE_SIZE) {
        memcpy(ret_text + length, piece, sizeof(piece));
        length += sizeof(piece) - 1;
    }
}

/* Length of the harmless character at `at`, 0 if it is none: a control character, C1 included, or no UTF-8. */
static size_t harmless_length(const unsigned char *at) {
    if (at[0] < 0x80)
        return at[0] >= 0x20 && at[0] != 0x7f;
    const size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || (at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0))
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static void assert_harmless(const char *text, const char *also_allowed, const char *where) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        const size_t length = strchr(also_allowed, *at) ? 1 : harmless_length(at);
        cr_assert_neq(length, 0, "%s: byte %02x after: %.*s", where, *at, (int)(at - (const unsigned char *)text),
                      text);
        at += length;
    }
    cr_assert_null(strstr(text, "hunter2"), "%s tells a secret", where);
}

/* NOLINTNEXTLINE(misc-no-recursion): a document of portd's is some levels deep */
static void assert_strings_are_harmless(const cJSON *json, const char *where) {
    const cJSON *to_do[64] = {json};
    for (size_t n_to_do = 1; n_to_do > 0;) {
        const cJSON *at = to_do[--n_to_do];
        if (cJSON_IsString(at))
            assert_harmless(at->valuestring, "", where);
        cr_assert_lt(n_to_do + 2, 64, "%s is nested too deep", where);
        if (at != json && at->next)
            to_do[n_to_do++] = at->next;
        if (at->child)
            to_do[n_to_do++] = at->child;
    }
}

/* Runs portctl with its output on a terminal, and returns what that got. */
static char *run_on_terminal(const struct cli_setup *setup) {
    CLEANUP(fd_close_at) int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    cr_assert(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    CLEANUP(fd_close_at) int other_end = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct cli_setup on_terminal = *setup;
    on_terminal.output = ptsname(terminal);
    const struct cli cli = cli_start(&on_terminal);
    char *text = calloc(1, 1 << 20);
    size_t length = 0;
    for (bool ended = false; text && !ended;) {
        siginfo_t info = {0};
        ended = waitid(P_PID, (id_t)cli.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == cli.pid;
        struct pollfd poll_fd = {.fd = terminal, .events = POLLIN};
        while (poll(&poll_fd, 1, 5) > 0) {
            const ssize_t n_read = read(terminal, text + length, (1 << 20) - length - 1);
            if (n_read <= 0)
                break;
            length += (size_t)n_read;
        }
    }
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_str_eq(result.errors, "");
    return text;
}

Test(squatters, names_that_mean_no_good_are_harmless_wherever_they_are_shown) {
    static const char *const targets[] = {"/who?port=8100", "/ports", "/squatters", "/history", "/list"};
    static const char *const commands[][3] = {
        {"who", "8100"}, {"who"}, {"squatters"}, {"history"}, {"who", "8100", "--json"}, {"squatters", "--json"}};
    static char hostile[HOSTILE_SIZE];
    sandbox_enter_as_root();
    make_hostile(hostile);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&me, "/events", NULL);
    const pid_t pid = puppet_start(&(struct puppet_setup){.arguments = {hostile}},
                                   "call \x1b[2J\x07\r\n\xff\xc2\x9b listen 127.0.0.1 8100 pause");
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&me, 8100, "unleased");
    CLEANUP(stream_event_deinit) struct stream_event event = sees_event(&stream, "squatter.appeared", 8100);
    assert_strings_are_harmless(event.data, "/events");
    sees_in_history(&me, "squatter.appeared", 8100);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(&me, targets[i]);
        assert_status(reply, 200);
        cr_assert_not_null(reply.json);
        assert_strings_are_harmless(reply.json, targets[i]);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct cli_setup setup = {.environment = {"NO_COLOR=1", "TERM=xterm", "LC_ALL=C.UTF-8"}};
        memcpy(setup.words, commands[i], sizeof(commands[i]));
        CLEANUP(cli_result_deinit) struct cli_result piped = cli_run(&setup);
        cr_assert_eq(piped.exit_code, 0, "%s", piped.errors);
        cr_assert(strstr(piped.output, "8100"), "%s", piped.output);
        assert_harmless(piped.output, "\n\t", commands[i][0]);
        CLEANUP(file_free_text_at) char *shown = run_on_terminal(&setup);
        cr_assert(strstr(shown, "8100"), "%s", shown);
        assert_harmless(shown, "\r\n", commands[i][0]);
    }
    child_kill(pid);
}
