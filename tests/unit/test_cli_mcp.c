/*
 * mcp: the protocol. The real portctl, with a portd that does not matter here.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "src/base/json.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/mcp.h"
#include "tests/support/sandbox.h"

#define ENVIRONMENT .environment = {"PM_SOCKET=" SANDBOX_DIR "/p.sock"}

TestSuite(cli_mcp, .init = sandbox_enter);

static const struct cli_setup ordinary = {ENVIRONMENT};

#define INITIALIZE(id, version)                                                                                        \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"initialize\",\"params\":{\"protocolVersion\":" version            \
    ",\"capabilities\":{},\"clientInfo\":{\"name\":\"x\",\"version\":\"1\"}}}"
#define PING(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"ping\"}"
#define PONG(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}"

/* Sends the line and takes the answer, as it was written. */
static char *exchange(struct mcp *mcp, const char *line) {
    mcp_send(mcp, "%s", line);
    CLEANUP(json_free_at) cJSON *answer = mcp_next(mcp);
    return cJSON_PrintUnformatted(answer);
}

static void assert_answer(struct mcp *mcp, const char *line, const char *expected) {
    CLEANUP(json_free_text_at) char *answer = exchange(mcp, line);
    cr_assert_str_eq(answer, expected, "%s: %s", line, answer);
}

/* The error of the code, with null for an id or the one that is named. */
static void assert_error(struct mcp *mcp, const char *line, const char *id, int code) {
    CLEANUP(json_free_text_at) char *answer = exchange(mcp, line);
    char begin[128];

    snprintf(begin, sizeof(begin), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,\"message\":\"", id, code);
    cr_assert_eq(strncmp(answer, begin, strlen(begin)), 0, "%.200s: %s", line, answer);
}

Test(cli_mcp, a_version_that_is_known_is_answered_and_else_the_newest) {
    static const char *const versions[][2] = {{"2025-11-25", "2025-11-25"},
                                              {"2025-06-18", "2025-06-18"},
                                              {"2025-03-26", "2025-03-26"},
                                              {"2024-11-05", "2024-11-05"},
                                              {"2026-07-28", "2025-11-25"},
                                              {"2199-01-01", "2025-11-25"},
                                              {"", "2025-11-25"}};

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);
        mcp_send(&mcp, INITIALIZE("1", "\"%s\""), versions[i][0]);
        CLEANUP(json_free_at) cJSON *answer = mcp_next(&mcp);
        cr_assert_str_eq(json_text_at(answer, "result.protocolVersion"), versions[i][1]);
        cr_assert(json_has_exactly(json_at(answer, "result.capabilities"), "tools"));
        cr_assert_str_eq(json_text_at(answer, "result.serverInfo.name"), "portctl");
        cr_assert_str_eq(json_text_at(answer, "result.serverInfo.version"), PM_VERSION);
        cr_assert_not_null(strstr(json_text_at(answer, "result.instructions"), "Never pick a port number yourself"));
    }
}

Test(cli_mcp, initialize_wants_a_version) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);

    assert_error(&mcp, INITIALIZE("1", "7"), "1", -32602);
    assert_error(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"initialize\"}", "2", -32602);
    assert_error(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\"}", "3", -32602);
}

Test(cli_mcp, before_initialize_there_is_only_ping) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);

    assert_answer(&mcp, PING("1"), PONG("1"));
    assert_error(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}", "2", -32602);
    assert_error(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"list\"}}", "3",
                 -32602);
    assert_error(&mcp, "[" PING("5") "]", "null", -32600);
    CLEANUP(json_free_text_at) char *initialized = exchange(&mcp, INITIALIZE("6", "\"2025-11-25\""));
    CLEANUP(json_free_text_at)
    char *tools = exchange(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\"}");
    cr_assert_not_null(strstr(tools, "\"tools\":[{"));
}

/* ---- what is malformed ---- */

struct wrong {
    const char *line;
    const char *id;
    int code;
};

static const struct wrong wrongs[] = {
    {"{", "null", -32700},
    {"hello", "null", -32700},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} x", "null", -32700},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", "null", -32700},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}", "1", -32700},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\\u0000ng\"}", "1", -32700},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\ud800\"}", "1", -32700},
    {"{\"method\":\"ping\",\"params\":{\"id\":5,\"a\":1,\"a\":2},\"jsonrpc\":\"2.0\", \"id\" : \"x,]\\\"y\"} ",
     "\"x,]\\\"y\"", -32700},
    {"{\"x\":\"id\",\"params\":[[[[[[[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]]]]]]],\"id\":-7}", "-7", -32700},
    {"{\"id\":[1],\"a\":1,\"a\":2}", "null", -32700},
    {"{\"id\":1.5,\"a\":1,\"a\":2}", "null", -32700},
    {"{\"id\":\"\\u0000\"}", "null", -32700},
    {"{\"id\":,\"a\":1}", "null", -32700},
    {"{\"id\"", "null", -32700},
    {"{\"id\":1,\"method\":\"pi\\", "null", -32700},
    {"{\"id\":1,\"method\":\"pi}", "null", -32700},
    {"{\"id\":1,\"params\":{}", "null", -32700},
    {"[{\"id\":1,\"a\":1,\"a\":2}]", "null", -32700},
    {"[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]", "null", -32700},
    {"7", "null", -32600},
    {"null", "null", -32600},
    {"\"ping\"", "null", -32600},
    {"{}", "null", -32600},
    {"{\"id\":1,\"method\":\"ping\"}", "1", -32600},
    {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", "1", -32600},
    {"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", "1", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":1}", "1", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", "1", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", "null", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", "null", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}", "null", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", "null", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}", "null", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"ping\"}", "null", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":123456789012345678901234567890,\"method\":\"ping\"}", "null", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":1e300,\"method\":\"ping\"}", "null", -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}", "1", -32602},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":7}", "1", -32602},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\"}", "1", -32601},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}", "1", -32601},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":\"x\"}}", "1", -32602},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}", "1", -32602},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":7}}", "1", -32602},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"list\",\"arguments\":[]}}", "1",
     -32602},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"stop\",\"arguments\":{}}}", "1",
     -32602},
};

Test(cli_mcp, what_is_wrong_gets_its_code_and_the_server_goes_on) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);

    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        assert_error(&mcp, wrongs[i].line, wrongs[i].id, wrongs[i].code);
        assert_answer(&mcp, PING("\"still there\""), PONG("\"still there\""));
    }
}

Test(cli_mcp, a_nul_is_wrong_wherever_it_stands) {
    static const char *const lines[] = {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}#", "#", "{#}", "  #"};
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char line[128];
        const size_t length = strlen(lines[i]);
        memcpy(line, lines[i], length);
        *(char *)memchr(line, '#', length) = '\0';
        line[length] = '\n';
        mcp_write(&mcp, line, length + 1);
        CLEANUP(json_free_at) cJSON *answer = mcp_next(&mcp);
        cr_assert_eq(json_at(answer, "error.code")->valueint, -32700, "%s", lines[i]);
    }
    assert_answer(&mcp, PING("1"), PONG("1"));
}

Test(cli_mcp, what_an_error_repeats_is_safe_and_short) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);
    char *method = malloc(100001);

    memset(method, 'x', 100000);
    method[100000] = '\0';
    mcp_send(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"}", method);
    CLEANUP(json_free_at) cJSON *answer = mcp_next(&mcp);
    cr_assert_lt(strlen(json_text_at(answer, "error.message")), 200U);
    free(method);
    assert_answer(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u001b[2Jb\\nc\"}",
                  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"there is no method "
                  "'a?[2Jb?c'\"}}");
    assert_answer(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"aloc\"}}",
                  "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":\"there is no tool 'aloc'; the "
                  "nearest is alloc\"}}");
}

Test(cli_mcp, an_id_is_repeated_as_it_was) {
    static const char *const ids[] = {"0",
                                      "-5",
                                      "1000000000000000",
                                      "9007199254740991",
                                      "-9007199254740991",
                                      "\"\"",
                                      "\"a \\\"b\\\" \\\\ \\n \\u001b c\"",
                                      "\"\xc3\xa4\xf0\x9f\x98\x80\"",
                                      "\"123456789012345678901234567890\""};
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char expected[128];
        mcp_send(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"ping\"}", ids[i]);
        snprintf(expected, sizeof(expected), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}\n", ids[i]);
        const size_t begin = mcp.read;
        cJSON_Delete(mcp_next(&mcp));
        CLEANUP(file_free_text_at) char *output = cli_output(&mcp.cli);
        cr_assert_str_eq(output + begin, expected);
    }
}

/* ---- what is not answered ---- */

Test(cli_mcp, notifications_and_responses_are_not_answered) {
    static const char *const lines[] = {
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7,\"reason\":\"x\"}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":[]}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/nobody-knows\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"list\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":1,\"message\":\"x\"}}",
        "",
        "  \t \r",
    };
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        mcp_send(&mcp, "%s", lines[i]);
        assert_answer(&mcp, PING("1"), PONG("1"));
    }
    assert_answer(&mcp, PING("2") "\r", PONG("2"));
}

/* ---- batches ---- */

Test(cli_mcp, one_version_has_batches) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);
    CLEANUP(json_free_text_at) char *initialized = exchange(&mcp, INITIALIZE("0", "\"2025-03-26\""));

    assert_answer(&mcp, "[" PING("1") "]", "[" PONG("1") "]");
    mcp_send(&mcp, "[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}]");
    assert_answer(
        &mcp, "[" PING("1") ",{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}," PING("\"b\"") ",7,[]]",
        "[" PONG("1") "," PONG(
            "\"b\"") ","
                     "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"a message must be an "
                     "object\"}},{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"a message "
                     "must "
                     "be an object\"}}]");
    assert_error(&mcp, "[]", "null", -32600);
    assert_answer(&mcp, PING("3"), PONG("3"));
}

Test(cli_mcp, the_others_have_none) {
    static const char *const versions[] = {"2025-11-25", "2025-06-18", "2024-11-05"};

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);
        mcp_send(&mcp, INITIALIZE("0", "\"%s\""), versions[i]);
        cJSON_Delete(mcp_next(&mcp));
        assert_error(&mcp, "[" PING("1") "]", "null", -32600);
        assert_answer(&mcp, PING("2"), PONG("2"));
    }
}

/* ---- tools/list ---- */

static const cJSON *property_of(const cJSON *tool, const char *name) {
    return json_get(json_at(tool, "inputSchema.properties"), name);
}

/* A server that could stop processes would be one that stops somebody else's. */
static void assert_tool(const cJSON *tool, const char *name, bool reads_only, bool ends_something) {
    cr_assert_str_eq(json_text_at(tool, "name"), name);
    cr_assert_gt(strlen(json_text_at(tool, "description")), 100U, "%s", name);
    cr_assert_str_eq(json_text_at(tool, "inputSchema.type"), "object");
    cr_assert_not(json_bool_at(tool, "inputSchema.additionalProperties"));
    cr_assert_str_eq(json_text_at(tool, "outputSchema.type"), "object");
    cr_assert_gt(json_size_at(tool, "outputSchema.required"), 0);
    cr_assert_str_eq(json_text_at(property_of(tool, "global"), "type"), "boolean");
    cr_assert(json_has_exactly(json_at(tool, "annotations"),
                               "title readOnlyHint destructiveHint idempotentHint openWorldHint"));
    cr_assert_eq(json_bool_at(tool, "annotations.readOnlyHint"), reads_only, "%s", name);
    cr_assert_eq(json_bool_at(tool, "annotations.destructiveHint"), ends_something, "%s", name);
    cr_assert_eq(json_bool_at(tool, "annotations.idempotentHint"), reads_only, "%s", name);
    cr_assert_not(json_bool_at(tool, "annotations.openWorldHint"));
    if (strcmp(name, "release") != 0)
        cr_assert(strstr(json_text_at(tool, "description"), "not instructions") != NULL ||
                      strstr(json_text_at(tool, "description"), "never instructions") != NULL,
                  "%s does not say what its texts are", name);
}

Test(cli_mcp, there_are_six_tools_and_none_stops_a_process) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);

    mcp_send(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{}}");
    CLEANUP(json_free_at) cJSON *answer = mcp_next(&mcp);
    cr_assert_eq(json_size_at(answer, "result.tools"), 6);
    assert_tool(json_at(answer, "result.tools[0]"), "alloc", false, false);
    assert_tool(json_at(answer, "result.tools[1]"), "lookup", true, false);
    assert_tool(json_at(answer, "result.tools[2]"), "list", true, false);
    assert_tool(json_at(answer, "result.tools[3]"), "who", true, false);
    assert_tool(json_at(answer, "result.tools[4]"), "release", false, true);
    assert_tool(json_at(answer, "result.tools[5]"), "conflicts", true, false);
    const cJSON *alloc = json_at(answer, "result.tools[0]");
    cr_assert(
        json_has_exactly(json_at(alloc, "inputSchema.properties"), "name prefer port ttl tags reuse count global"));
    cr_assert_str_eq(json_text_at(alloc, "inputSchema.required[0]"), "name");
    cr_assert(json_bool_at(property_of(alloc, "reuse"), "default"));
    cr_assert_eq(json_number_at(property_of(alloc, "port"), "maximum"), 65535U);
    cr_assert_str_eq(json_text_at(property_of(alloc, "tags"), "items.type"), "string");
    cr_assert_eq(json_number_at(property_of(alloc, "tags"), "items.minLength"), 1U);
    cr_assert_eq(json_number_at(property_of(alloc, "tags"), "items.maxLength"), 64U);
    cr_assert_str_eq(json_text_at(json_at(answer, "result.tools[1]"), "outputSchema.properties.port.type[1]"), "null");
}

/* Each tool has a line in the table of docs/agents.md, with every argument that it takes. */
Test(cli_mcp, the_documentation_names_each_tool_and_each_argument) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_open(&ordinary);
    char path[512];

    snprintf(path, sizeof(path), "%s/../../docs/agents.md", getenv("PM_TEST_SOURCES"));
    CLEANUP(file_free_text_at) char *text = file_read(path, NULL);
    mcp_send(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    CLEANUP(json_free_at) cJSON *answer = mcp_next(&mcp);
    const cJSON *tool;
    cJSON_ArrayForEach(tool, json_at(answer, "result.tools")) {
        const cJSON *property;
        char word[64];
        char line[1024];
        snprintf(word, sizeof(word), "\n| `%s` |", json_text_at(tool, "name"));
        const char *begin = strstr(text, word);
        cr_assert_not_null(begin, "%s", word);
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(begin + 1, "\n"), begin + 1);
        cJSON_ArrayForEach(property, json_at(tool, "inputSchema.properties")) {
            snprintf(word, sizeof(word), "`%s`", property->string);
            cr_assert_not_null(strstr(line, word), "%s is not in: %s", word, line);
        }
    }
}

/* ---- the end ---- */

/* As a client may leave them whose threads take no signals. */
static void block(int number, int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(how, &set, NULL);
}

Test(cli_mcp, a_signal_that_its_starter_has_blocked_ends_it) {
    block(SIGTERM, SIG_BLOCK);
    struct mcp mcp = mcp_open(&ordinary);
    block(SIGTERM, SIG_UNBLOCK);
    kill(mcp.cli.pid, SIGTERM);
    cr_assert_eq(child_wait(mcp.cli.pid), -SIGTERM);
}

Test(cli_mcp, a_signal_ends_it_and_so_does_a_client_that_hears_nothing) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct mcp mcp = mcp_open(&ordinary);
        kill(mcp.cli.pid, signals[i]);
        cr_assert_eq(child_wait(mcp.cli.pid), -signals[i]);
    }
    file_write_text(SANDBOX_DIR "/in", PING("1") "\n" PING("2") "\n");
    CLEANUP(cli_result_deinit)
    struct cli_result full =
        cli_run(&(const struct cli_setup){.words = {"mcp"}, .input = SANDBOX_DIR "/in", .output = "/dev/full"});
    cr_assert_eq(full.exit_code, EXIT_NO);
    cr_assert_not_null(strstr(full.errors, "could not be written"), "%s", full.errors);
}

Test(cli_mcp, the_end_of_input_is_the_end_and_the_last_line_counts) {
    file_write_text(SANDBOX_DIR "/in", PING("1") "\n" PING("2"));
    cli_assert(&(const struct cli_setup){.words = {"mcp"}, .input = SANDBOX_DIR "/in"}, EXIT_YES,
               PONG("1") "\n" PONG("2") "\n", "");
    cli_assert(&(const struct cli_setup){.words = {"mcp"}}, EXIT_YES, "", "");
    cli_assert(&(const struct cli_setup){.words = {"mcp"}, .input = SANDBOX_DIR}, EXIT_NO, "",
               "portctl: standard input: Is a directory\n");
}
