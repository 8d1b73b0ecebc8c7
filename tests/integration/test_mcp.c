/*
 * mcp against the real portd: a client that does with each tool what an agent would, ten of them at once, and clients that send
 * what none should.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "src/base/json.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/mcp.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"

TestSuite(mcp, .timeout = 180);

static const struct cli_setup ordinary = {0};

static uint16_t alloc(struct mcp *mcp, const char *arguments) {
    CLEANUP(json_free_at) cJSON *result = mcp_call(mcp, "alloc", "%s", arguments);
    cr_assert_not(json_bool_at(result, "isError"), "%s", mcp_text_of(result));
    return (uint16_t)json_number_at(result, "structuredContent.port");
}

static void assert_refused(struct mcp *mcp, const char *tool, const char *arguments, const char *part) {
    CLEANUP(json_free_at) cJSON *result = mcp_call(mcp, tool, "%s", arguments);
    cr_assert(json_bool_at(result, "isError"), "%s", mcp_text_of(result));
    cr_assert_not_null(strstr(mcp_text_of(result), part), "%s", mcp_text_of(result));
}

static void assert_pong(struct mcp *mcp) {
    mcp_send(mcp, "{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"method\":\"ping\"}");
    CLEANUP(json_free_at) cJSON *answer = mcp_next(mcp);
    cr_assert_str_eq(json_text_at(answer, "id"), "p");
}

/* ---- what an agent does ---- */

Test(mcp, an_agent_gets_a_port_serves_on_it_and_gives_it_back) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);

    const uint16_t port = alloc(&mcp, "{\"name\":\"web\",\"tags\":[\"dev\"],\"ttl\":600}");
    cr_assert_eq(alloc(&mcp, "{\"name\":\"web\"}"), port, "it asked twice");
    cr_assert_neq(alloc(&mcp, "{\"name\":\"web\",\"reuse\":false}"), port);
    cr_assert_neq(alloc(&mcp, "{\"name\":\"api\",\"prefer\":8500}"), port);
    CLEANUP(json_free_at) cJSON *preferred = mcp_call(&mcp, "lookup", "{\"name\":\"api\"}");
    cr_assert_eq(json_number_at(preferred, "structuredContent.port"), 8500U);
    CLEANUP(json_free_at) cJSON *several = mcp_call(&mcp, "alloc", "{\"name\":\"cluster\",\"count\":3}");
    cr_assert_eq(json_size_at(several, "structuredContent.ports"), 3);

    /* Its client is this test, and what that starts is the lease's, as surely as if it had been started by portctl run. */
    const pid_t pid = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 %u pause", port);
    sees_evidence(&me, port, "confirmed", "asker");
    CLEANUP(json_free_at) cJSON *who = mcp_call(&mcp, "who", "{\"port\":%u}", port);
    cr_assert_str_eq(json_text_at(who, "structuredContent.state"), "bound");
    cr_assert_not_null(strstr(mcp_text_of(who), "leased to \"web\""));
    CLEANUP(json_free_at) cJSON *again = mcp_call(&mcp, "alloc", "{\"name\":\"web\"}");
    cr_assert_not_null(strstr(mcp_text_of(again), "listens on port"), "%s", mcp_text_of(again));
    CLEANUP(json_free_at) cJSON *list = mcp_call(&mcp, "list", "{\"global\":true}");
    cr_assert_eq(json_number_at(list, "structuredContent.n_leases"), 6U);
    CLEANUP(json_free_at) cJSON *none = mcp_call(&mcp, "conflicts", "{}");
    cr_assert_str_eq(mcp_text_of(none), "No conflicts.");

    CLEANUP(json_free_at) cJSON *released = mcp_call(&mcp, "release", "{\"port\":%u}", port);
    cr_assert(json_bool_at(released, "structuredContent.released"));
    cr_assert_not_null(strstr(mcp_text_of(released), "Something still listens on it"), "%s", mcp_text_of(released));
    sees_no_lease(&me, port);
    cr_assert_eq(kill(pid, 0), 0, "a released service runs on");
    CLEANUP(json_free_at) cJSON *by_name = mcp_call(&mcp, "release", "{\"name\":\"api\"}");
    cr_assert_eq(json_number_at(by_name, "structuredContent.port"), 8500U);
    child_kill(pid);
}

Test(mcp, a_taken_port_is_explained_and_nobody_is_stopped) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID, .channel = CHANNEL_IPV4};
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);
    /* Not by the agent, from whose client, this test, the squatter descends. */
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const uint16_t others = caller_grant(&other, "{\"service_name\":\"theirs\"}");
    char arguments[64];

    const pid_t pid = puppet_start(&(struct puppet_setup){.name = "squatty", .uid = SANDBOX_OTHER_UID},
                                   "listen 127.0.0.1 %u pause", port);
    CLEANUP(http_reply_deinit) struct http_reply taken = sees_squatter(&me, port, "taken");
    CLEANUP(json_free_at) cJSON *conflicts = mcp_call(&mcp, "conflicts", "{}");
    cr_assert_eq(json_number_at(conflicts, "structuredContent.conflicts[0].port"), port);
    cr_assert_not_null(strstr(mcp_text_of(conflicts), "squatty"), "%s", mcp_text_of(conflicts));
    CLEANUP(json_free_at) cJSON *who = mcp_call(&mcp, "who", "{\"port\":%u}", port);
    cr_assert_not_null(strstr(mcp_text_of(who), "process \"squatty\""), "%s", mcp_text_of(who));
    CLEANUP(json_free_text_at) char *all = cJSON_PrintUnformatted(who);
    cr_assert_null(strstr(all, "portctl stop"), "%s", all);
    snprintf(arguments, sizeof(arguments), "{\"name\":\"else\",\"port\":%u}", port);
    assert_refused(&mcp, "alloc", arguments, "do not stop what has the port");
    assert_refused(&mcp, "alloc", "{\"name\":\"web\"}", "squatty");

    /* Root may, by portd's rules; an agent of root's shall not. */
    snprintf(arguments, sizeof(arguments), "{\"port\":%u}", others);
    assert_refused(&mcp, "release", arguments, "not of yours");
    cr_assert(caller_sees_lease(&me, others));
    cr_assert_eq(kill(pid, 0), 0);
    child_kill(pid);
}

Test(mcp, another_users_agent_cannot_end_a_lease) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at)
    struct daemon daemon = daemon_start(&(struct daemon_setup){.environment = {"PM_SOCKET_MODE=0666"}});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    CLEANUP(mcp_finish_at)
    struct mcp mcp =
        mcp_open(&(const struct cli_setup){.uid = SANDBOX_OTHER_UID, .environment = {"PM_URL=http://localhost:3030"}});
    char arguments[64];

    snprintf(arguments, sizeof(arguments), "{\"port\":%u}", port);
    assert_refused(&mcp, "release", arguments, "not of yours");
    assert_refused(&mcp, "release", "{\"name\":\"web\"}", "you have no lease");
    cr_assert_neq(alloc(&mcp, "{\"name\":\"web\"}"), port);
    cr_assert(caller_sees_lease(&me, port));
}

Test(mcp, portd_may_come_and_go) {
    sandbox_enter();
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);

    assert_refused(&mcp, "alloc", "{\"name\":\"web\"}", "start it with: portd");
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const uint16_t port = alloc(&mcp, "{\"name\":\"web\"}");
    daemon_kill(&daemon);
    assert_refused(&mcp, "list", "{}", "start it with: portd");
    /* It comes back on TCP alone, where it was asked on its socket before. */
    daemon = daemon_start(&(struct daemon_setup){.environment = {"PM_SOCKET=" SANDBOX_DIR "/elsewhere.sock"}});
    cr_assert_eq(alloc(&mcp, "{\"name\":\"web\"}"), port);
}

/* ---- ten at once ---- */

#define N_AGENTS 10
#define N_NAMES  6

struct agents {
    struct mcp agents[N_AGENTS];
};

static void finish_agents(struct agents *agents) {
    for (size_t i = 0; i < N_AGENTS; i++)
        mcp_finish_at(&agents->agents[i]);
}

/* All ask before the first hears an answer: each for names of its own, or all for one, of which each wants its own ports. */
static void ask_all(struct agents *agents, bool one_name, uint16_t ports[N_AGENTS][N_NAMES]) {
    for (unsigned j = 0; j < N_NAMES; j++) {
        for (unsigned i = 0; i < N_AGENTS; i++) {
            char arguments[128];
            if (one_name)
                snprintf(arguments, sizeof(arguments), "{\"name\":\"web\",\"reuse\":false}");
            else
                snprintf(arguments, sizeof(arguments), "{\"name\":\"agent-%u-%u\"}", i, j);
            mcp_send(&agents->agents[i],
                     "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\",\"params\":{\"name\":\"alloc\","
                     "\"arguments\":%s}}",
                     j, arguments);
        }
    }
    for (size_t i = 0; i < N_AGENTS; i++) {
        for (size_t j = 0; j < N_NAMES; j++) {
            CLEANUP(json_free_at) cJSON *answer = mcp_next(&agents->agents[i]);
            cr_assert_eq(json_number_at(answer, "id"), j);
            ports[i][j] = (uint16_t)json_number_at(answer, "result.structuredContent.port");
        }
    }
}

static void assert_all_different(const struct caller *caller, uint16_t ports[N_AGENTS][N_NAMES]) {
    for (size_t a = 0; a < (size_t)N_AGENTS * N_NAMES; a++) {
        cr_assert(caller_sees_lease(caller, ports[a / N_NAMES][a % N_NAMES]));
        for (size_t b = 0; b < a; b++)
            cr_assert_neq(ports[a / N_NAMES][a % N_NAMES], ports[b / N_NAMES][b % N_NAMES], "%zu and %zu", a, b);
    }
}

Test(mcp, ten_agents_at_once_get_ports_of_their_own_and_each_its_own_again) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(finish_agents) struct agents agents;
    uint16_t first[N_AGENTS][N_NAMES];
    uint16_t second[N_AGENTS][N_NAMES];

    for (size_t i = 0; i < N_AGENTS; i++)
        agents.agents[i] = mcp_open(&ordinary);
    ask_all(&agents, false, first);
    assert_all_different(&me, first);
    ask_all(&agents, false, second);
    cr_assert_eq(memcmp(first, second, sizeof(first)), 0, "each gets its own again");
    for (size_t i = 0; i < N_AGENTS; i++) {
        CLEANUP(json_free_at) cJSON *result = mcp_call(&agents.agents[i], "lookup", "{\"name\":\"agent-%zu-3\"}", i);
        cr_assert_eq(json_number_at(result, "structuredContent.port"), first[i][3]);
    }
    cr_assert_eq(caller_count_leases(&me), N_AGENTS * N_NAMES);
}

Test(mcp, ten_agents_that_want_one_name_to_themselves_get_ports_of_their_own) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(finish_agents) struct agents agents;
    uint16_t ports[N_AGENTS][N_NAMES];

    for (size_t i = 0; i < N_AGENTS; i++)
        agents.agents[i] = mcp_open(&ordinary);
    ask_all(&agents, true, ports);
    assert_all_different(&me, ports);
}

Test(mcp, agents_in_projects_of_their_own_share_no_name) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    mkdir(SANDBOX_DIR "/one", 0755);
    mkdir(SANDBOX_DIR "/two", 0755);
    CLEANUP(mcp_finish_at)
    struct mcp one = mcp_open(&(const struct cli_setup){.words = {"--project", SANDBOX_DIR "/one"}});
    CLEANUP(mcp_finish_at)
    struct mcp two = mcp_open(&(const struct cli_setup){.words = {"--project", SANDBOX_DIR "/two"}});
    CLEANUP(mcp_finish_at) struct mcp all = mcp_open(&(const struct cli_setup){.words = {"--global"}});

    const uint16_t port = alloc(&one, "{\"name\":\"web\"}");
    cr_assert_neq(alloc(&two, "{\"name\":\"web\"}"), port);
    cr_assert_neq(alloc(&all, "{\"name\":\"web\"}"), port);
    cr_assert_eq(alloc(&one, "{\"name\":\"web\"}"), port);
    cr_assert_eq(alloc(&one, "{\"name\":\"web\",\"global\":true}"), alloc(&all, "{\"name\":\"web\"}"));
    CLEANUP(json_free_at) cJSON *own = mcp_call(&one, "list", "{}");
    cr_assert_eq(json_number_at(own, "structuredContent.n_leases"), 1U);
    CLEANUP(json_free_at) cJSON *every = mcp_call(&one, "list", "{\"global\":true}");
    cr_assert_eq(json_number_at(every, "structuredContent.n_leases"), 3U);
}

/* ---- what no client should send ---- */

/* The most memory that it ever had, in KiB. */
static unsigned long peak_of(const struct mcp *mcp) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)mcp->cli.pid);
    CLEANUP(file_free_text_at) char *status = file_read(path, NULL);
    const char *line = strstr(status, "VmHWM:");
    cr_assert_not_null(line);
    return strtoul(line + 6, NULL, 10);
}

static void assert_error(struct mcp *mcp, int code) {
    CLEANUP(json_free_at) cJSON *answer = mcp_next(mcp);
    cr_assert_eq(json_at(answer, "error.code")->valueint, code);
    cr_assert(json_is_null_at(answer, "id"));
}

#define MIB ((size_t)1 << 20)

Test(mcp, an_endless_request_is_refused_at_once_and_takes_no_memory) {
    sandbox_enter();
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);
    char *bytes = malloc(MIB);
    const unsigned long before = peak_of(&mcp);

    memset(bytes, 'x', MIB);
    mcp_write(&mcp, bytes, MIB);
    mcp_write(&mcp, "xx", 2);
    assert_error(&mcp, -32600); /* though it has no end yet */
    for (size_t i = 0; i < 64; i++)
        mcp_write(&mcp, bytes, MIB);
    mcp_write(&mcp, "\n", 1);
    assert_pong(&mcp);
    const unsigned long after = peak_of(&mcp);
    cr_assert_lt(after - before, 4096UL, "64 MiB more took %lu KiB", after - before);
    free(bytes);
}

/* AddressSanitizer's strict_string_checks measures all that is left of a text for each word that is looked for in it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FILLED (MIB / 32)
#else
#define FILLED MIB
#endif

/* The dearest message of a length: each byte or two is a value of its own. */
static void send_filled(struct mcp *mcp, const char *begin, const char *item, const char *end) {
    char *line = malloc(FILLED + 1);
    size_t used = (size_t)snprintf(line, FILLED, "%s", begin);

    while (used + strlen(item) + strlen(end) < FILLED) {
        memcpy(line + used, item, strlen(item));
        used += strlen(item);
    }
    used += (size_t)snprintf(line + used, FILLED - used, "%s", end);
    line[used++] = '\n';
    mcp_write(mcp, line, used);
    free(line);
}

Test(mcp, the_dearest_requests_take_memory_within_bounds) {
    sandbox_enter();
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);

    for (unsigned i = 0; i < 3; i++) {
        send_filled(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":[", "0,", "0]}}");
        cJSON_Delete(mcp_next(&mcp));
        send_filled(&mcp, "[", "[],", "[]]");
        assert_error(&mcp, -32600);
        send_filled(&mcp, "", "[", "");
        assert_error(&mcp, -32700);
        send_filled(&mcp, "", "{\"a\":", "");
        assert_error(&mcp, -32700);
        send_filled(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":\"", "y", "\",\"method\":\"ping\"}");
        cJSON_Delete(mcp_next(&mcp));
    }
    assert_pong(&mcp);
    cr_assert_lt(peak_of(&mcp), 128UL * 1024, "%lu KiB", peak_of(&mcp));
}

/* Some 25,000 answers, of which no more than one is in memory. */
Test(mcp, a_batch_is_answered_piece_by_piece) {
    sandbox_enter();
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);

    mcp_send(
        &mcp,
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-03-26\"}}");
    cJSON_Delete(mcp_next(&mcp));
    send_filled(&mcp, "[", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},", "{}]");
    CLEANUP(json_free_at) cJSON *answers = mcp_next(&mcp);
    cr_assert_gt((size_t)cJSON_GetArraySize(answers), FILLED / 64);
    cr_assert_lt(peak_of(&mcp), 128UL * 1024, "%lu KiB", peak_of(&mcp));
    assert_pong(&mcp);
}
