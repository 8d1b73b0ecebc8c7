/*
 * mcp: the version of the protocol that has no initialize. The real portctl, with no portd.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/json.h"
#include "tests/support/cli.h"
#include "tests/support/json_check.h"
#include "tests/support/mcp.h"
#include "tests/support/sandbox.h"

TestSuite(cli_mcp_stateless, .init = sandbox_enter);

static const struct cli_setup ordinary = {.environment = {"PM_SOCKET=" SANDBOX_DIR "/p.sock"}};

#define META_OF(version)                                                                                               \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":" version                                                  \
    ",\"io.modelcontextprotocol/clientCapabilities\":{},\"io.modelcontextprotocol/clientInfo\":{\"name\":\"x\","       \
    "\"version\":\"1\"}}"
#define META META_OF("\"2026-07-28\"")
#define REQUEST(id, method, params)                                                                                    \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":{" params "}}"
#define SERVER_INFO     "io.modelcontextprotocol/serverInfo"
#define ERROR(id, code) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\""

static cJSON *ask(struct mcp *mcp, const char *line) {
    mcp_send(mcp, "%s", line);
    return mcp_next(mcp);
}

static void assert_begins(struct mcp *mcp, const char *line, const char *expected) {
    CLEANUP(json_free_at) cJSON *answer = ask(mcp, line);
    CLEANUP(json_free_text_at) char *text = cJSON_PrintUnformatted(answer);
    cr_assert_eq(strncmp(text, expected, strlen(expected)), 0, "%s: %s", line, text);
}

/* What each result of this version has. */
static void assert_complete(const cJSON *answer, bool cacheable) {
    const cJSON *result = json_at(answer, "result");
    cr_assert_str_eq(json_text_at(result, "resultType"), "complete");
    const cJSON *info = json_get(json_at(result, "_meta"), SERVER_INFO);
    cr_assert_str_eq(json_text_at(info, "name"), "portctl");
    cr_assert_str_eq(json_text_at(info, "version"), PM_VERSION);
    cr_assert_eq(json_get(result, "ttlMs") != NULL, cacheable);
    if (cacheable) {
        cr_assert_eq(json_number_at(result, "ttlMs"), 300000U);
        cr_assert_str_eq(json_text_at(result, "cacheScope"), "public");
    }
}

Test(cli_mcp_stateless, discover_tells_what_the_server_is) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);

    CLEANUP(json_free_at) cJSON *answer = ask(&mcp, REQUEST("\"d-1\"", "server/discover", META));
    cr_assert_str_eq(json_text_at(answer, "id"), "d-1");
    cr_assert(json_has_exactly(json_at(answer, "result"),
                               "supportedVersions capabilities instructions resultType _meta ttlMs cacheScope"));
    cr_assert_eq(json_size_at(answer, "result.supportedVersions"), 1);
    cr_assert_str_eq(json_text_at(answer, "result.supportedVersions[0]"), "2026-07-28");
    cr_assert(json_has_exactly(json_at(answer, "result.capabilities"), "tools"));
    cr_assert_not_null(strstr(json_text_at(answer, "result.instructions"), "Never pick a port number yourself"));
    assert_complete(answer, true);
}

Test(cli_mcp_stateless, tools_are_listed_and_called_without_initialize) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);

    CLEANUP(json_free_at) cJSON *tools = ask(&mcp, REQUEST("1", "tools/list", META));
    cr_assert_eq(json_size_at(tools, "result.tools"), 6);
    assert_complete(tools, true);
    CLEANUP(json_free_at)
    cJSON *called = ask(&mcp, REQUEST("2", "tools/call", "\"name\":\"lookup\",\"arguments\":{\"name\":\"web\"}," META));
    cr_assert(json_bool_at(called, "result.isError"));
    assert_complete(called, false);
}

/* Each request is in the version that it names; what came before it is nothing to it. */
Test(cli_mcp_stateless, both_kinds_are_served_side_by_side) {
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);

    cJSON_Delete(ask(&mcp, REQUEST("1", "tools/list", META)));
    assert_begins(&mcp, REQUEST("2", "tools/list", ""), ERROR("2", "-32602"));
    CLEANUP(json_free_at)
    cJSON *initialized =
        ask(&mcp, REQUEST("3", "initialize", "\"protocolVersion\":\"2026-07-28\",\"capabilities\":{}," META));
    cr_assert_str_eq(json_text_at(initialized, "result.protocolVersion"), "2025-11-25");
    cr_assert_null(json_get(json_at(initialized, "result"), "resultType"));
    CLEANUP(json_free_at) cJSON *older = ask(&mcp, REQUEST("4", "tools/list", "\"_meta\":{\"progressToken\":7}"));
    cr_assert(json_has_exactly(json_at(older, "result"), "tools"));
    CLEANUP(json_free_at) cJSON *newer = ask(&mcp, REQUEST("5", "tools/list", META));
    assert_complete(newer, true);
    assert_begins(&mcp, REQUEST("6", "ping", ""), "{\"jsonrpc\":\"2.0\",\"id\":6,\"result\":{}}");
}

/* By this code a client knows that it need not try initialize, but one of these. */
Test(cli_mcp_stateless, another_version_is_told_which_there_is) {
    static const char *const methods[] = {"server/discover", "tools/list", "ping", "nobody/knows"};
    static const char *const versions[] = {"2199-01-01", "2025-11-25", ""};
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        for (size_t j = 0; j < sizeof(versions) / sizeof(versions[0]); j++) {
            mcp_send(&mcp, REQUEST("1", "%s", META_OF("\"%s\"")), methods[i], versions[j]);
            CLEANUP(json_free_at) cJSON *answer = mcp_next(&mcp);
            cr_assert_eq(json_at(answer, "error.code")->valueint, -32022, "%s %s", methods[i], versions[j]);
            cr_assert_str_eq(json_text_at(answer, "error.data.requested"), versions[j]);
            cr_assert_eq(json_size_at(answer, "error.data.supported"), 1);
            cr_assert_str_eq(json_text_at(answer, "error.data.supported[0]"), "2026-07-28");
        }
    }
}

Test(cli_mcp_stateless, what_is_wrong_or_not_there_gets_its_code) {
#define VERSION_ALONE "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}"
    CLEANUP(mcp_finish_at) struct mcp mcp = mcp_start(&ordinary);

    assert_begins(&mcp, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\"}", ERROR("1", "-32602"));
    assert_begins(&mcp, REQUEST("2", "server/discover", "\"_meta\":{}"), ERROR("2", "-32602"));
    assert_begins(&mcp, REQUEST("3", "server/discover", "\"_meta\":[1]"), ERROR("3", "-32602"));
    assert_begins(&mcp, REQUEST("4", "tools/list", META_OF("7")), ERROR("4", "-32602"));
    assert_begins(&mcp, REQUEST("5", "tools/list", VERSION_ALONE), ERROR("5", "-32602"));
    assert_begins(&mcp, REQUEST("6", "tools/call", META), ERROR("6", "-32602"));
    assert_begins(&mcp, REQUEST("7", "tools/list", "\"cursor\":\"x\"," META), ERROR("7", "-32602"));
    /* What this version has dropped, or this server has not. */
    assert_begins(&mcp, REQUEST("8", "ping", META), ERROR("8", "-32601"));
    assert_begins(&mcp, REQUEST("9", "subscriptions/listen", "\"notifications\":{}," META), ERROR("9", "-32601"));
    assert_begins(&mcp, "[" REQUEST("10", "tools/list", META) "]", ERROR("null", "-32600"));
}
