/*
 * The client of a `portctl mcp` that runs: it sends lines and takes answers, each a JSON document. What cannot be sent or
 * received ends the test.
 */
#ifndef TESTS_SUPPORT_MCP_H
#define TESTS_SUPPORT_MCP_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "tests/support/cli.h"

struct mcp {
    struct cli cli;
    int input;   /* the server's standard input; -1: closed */
    size_t read; /* bytes of its output that were taken */
};

/* Starts one. `setup` says what cli_start() is told; its words and its input are filled in. */
struct mcp mcp_start(const struct cli_setup *setup);

/* The same, with initialize done for the newest protocol version. */
struct mcp mcp_open(const struct cli_setup *setup);

/* Bytes as they are; the newline is the caller's. */
void mcp_write(struct mcp *mcp, const void *bytes, size_t length);

/* A line. */
__attribute__((format(printf, 2, 3))) void mcp_send(struct mcp *mcp, const char *format, ...);

/* The next answer, the caller's to free; waits for it. */
cJSON *mcp_next(struct mcp *mcp);

/* Calls a tool with these arguments, a JSON object; returns the result. */
__attribute__((format(printf, 3, 4))) cJSON *mcp_call(struct mcp *mcp, const char *tool, const char *arguments, ...);

/* The text of a tool's result. Borrowed from it. */
const char *mcp_text_of(const cJSON *result);

/* Ends its input and waits for its end. Returns its exit code, or minus the signal that ended it. */
int mcp_finish(struct mcp *mcp);

/* For CLEANUP(mcp_finish_at): fails the test unless it ends with 0 and with nothing unread. */
void mcp_finish_at(struct mcp *mcp);

#endif
