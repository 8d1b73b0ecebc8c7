/* The client of a `portctl mcp` that runs. */
#include "tests/support/mcp.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "src/base/json.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

#define LINE_SIZE 8192

/* The child opens the pipe as its input, and the two wait for each other. */
struct mcp mcp_start(const struct cli_setup *setup) {
    static unsigned n_started;
    char path[128];
    struct cli_setup own = *setup;
    struct mcp mcp = {.input = -1};

    snprintf(path, sizeof(path), SANDBOX_DIR "/mcp-%u.input", ++n_started);
    if (mkfifo(path, 0666) < 0 || chmod(path, 0666) < 0)
        fail_test("mkfifo %s: %s.", path, strerror(errno));
    own.input = path;
    memmove(&own.words[1], &own.words[0], sizeof(own.words) - sizeof(own.words[0]));
    own.words[0] = "mcp";
    mcp.cli = cli_start(&own);
    mcp.input = open(path, O_WRONLY | O_CLOEXEC);
    if (mcp.input < 0)
        fail_test("%s: %s.", path, strerror(errno));
    return mcp;
}

void mcp_write(struct mcp *mcp, const void *bytes, size_t length) {
    const char *at = bytes;

    while (length > 0) {
        const ssize_t n_bytes = write(mcp->input, at, length);
        if (n_bytes < 0)
            fail_test("portctl mcp takes nothing more: %s.", strerror(errno));
        at += n_bytes;
        length -= (size_t)n_bytes;
    }
}

void mcp_send(struct mcp *mcp, const char *format, ...) {
    char *line = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        fail_test("Out of memory.");
    va_end(arguments);
    mcp_write(mcp, line, strlen(line));
    mcp_write(mcp, "\n", 1);
    free(line);
}

/* Without it a test would wait for two minutes, and not know why in vain. */
static void check_alive(const struct mcp *mcp) {
    siginfo_t ended = {0};

    if (waitid(P_PID, (id_t)mcp->cli.pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0)
        fail_test("portctl mcp has ended, and said: %s", cli_errors(&mcp->cli));
}

cJSON *mcp_next(struct mcp *mcp) {
    const struct wait wait = wait_for("an answer of portctl mcp");

    for (;;) {
        CLEANUP(file_free_text_at) char *output = cli_output(&mcp->cli);
        const char *line = output + mcp->read;
        const char *newline = strchr(line, '\n');
        struct json_error error = {0};
        cJSON *json = NULL;

        if (newline == NULL) {
            check_alive(mcp);
            wait_more(&wait);
            continue;
        }
        mcp->read += (size_t)(newline - line) + 1;
        if (json_parse(line, (size_t)(newline - line), &json, &error) != 0)
            fail_test("An answer is no JSON (%s): %.*s", error.reason, (int)(newline - line), line);
        return json;
    }
}

struct mcp mcp_open(const struct cli_setup *setup) {
    struct mcp mcp = mcp_start(setup);

    mcp_send(&mcp,
             "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\","
             "\"capabilities\":{},\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}}");
    cJSON_Delete(mcp_next(&mcp));
    mcp_send(&mcp, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    return mcp;
}

cJSON *mcp_call(struct mcp *mcp, const char *tool, const char *arguments, ...) {
    static unsigned n_calls;
    char text[LINE_SIZE];
    va_list values;

    va_start(values, arguments);
    vsnprintf(text, sizeof(text), arguments, values);
    va_end(values);
    mcp_send(mcp,
             "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\",\"arguments\":%s}}",
             ++n_calls, tool, text);
    cJSON *answer = mcp_next(mcp);
    if (json_number_at(answer, "id") != n_calls || json_at(answer, "result") == NULL) {
        char *printed = cJSON_PrintUnformatted(answer);
        fail_test("No result of call %u: %s", n_calls, printed);
    }
    cJSON *result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
    cJSON_Delete(answer);
    return result;
}

const char *mcp_text_of(const cJSON *result) {
    return json_text_at(result, "content[0].text");
}

int mcp_finish(struct mcp *mcp) {
    if (mcp->input >= 0)
        close(mcp->input);
    mcp->input = -1;
    return child_wait(mcp->cli.pid);
}

void mcp_finish_at(struct mcp *mcp) {
    if (mcp->input < 0)
        return;
    const int exit_code = mcp_finish(mcp);
    CLEANUP(file_free_text_at) char *output = cli_output(&mcp->cli);
    CLEANUP(file_free_text_at) char *errors = cli_errors(&mcp->cli);
    if (exit_code != 0 || errors[0] != '\0' || output[mcp->read] != '\0')
        fail_test("portctl mcp ended with %d, said \"%s\", and left unread: %s", exit_code, errors, output + mcp->read);
}
