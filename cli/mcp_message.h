/*
 * JSON-RPC 2.0 as the Model Context Protocol uses it: what a message is, and answers, a line each.
 */
#ifndef CLI_MCP_MESSAGE_H
#define CLI_MCP_MESSAGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum mcp_error {
    MCP_PARSE_ERROR = -32700,
    MCP_INVALID_REQUEST = -32600,
    MCP_NO_SUCH_METHOD = -32601,
    MCP_INVALID_PARAMS = -32602,
    MCP_INTERNAL_ERROR = -32603,
    MCP_UNSUPPORTED_VERSION = -32022,
};

enum mcp_kind {
    MCP_REQUEST,
    MCP_NOTIFICATION, /* is never answered */
    MCP_RESPONSE,     /* to a request, of which we send none */
    MCP_MALFORMED,
};

/* Borrows from the document. */
struct mcp_message {
    enum mcp_kind kind;
    const cJSON
        *id; /* a string, or a whole number that a double holds exactly; NULL: it has none that could be repeated */
    const char *method;
    const cJSON *params;  /* an object; NULL: none */
    bool stateless;       /* see mcp_stateless.h; for whoever answers it to find out */
    enum mcp_error error; /* of a malformed one */
    const char *fault;    /* why it is malformed. Static */
};

/* Is it one that an answer can bear? */
bool mcp_id_can_be_repeated(const cJSON *id);

void mcp_message_read(const cJSON *json, struct mcp_message *ret_message);

/* Where answers go. In a batch they are written one by one, so that no more than one is in memory. */
struct mcp_writer {
    FILE *stream;
    bool in_batch;
    size_t n_in_batch;
    bool broken; /* memory was short, or the reader has gone: the rest would not be understood */
};

/* Answers a request. `result` is taken over; NULL: memory was short, which is told. */
void mcp_write_result(struct mcp_writer *writer, const cJSON *id, cJSON *result);

/* Answers with an error. `id` NULL: null. What the sentence repeats of the message may be anything. */
void mcp_write_error(struct mcp_writer *writer, const cJSON *id, enum mcp_error code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same with `data` for a program, which is taken over. */
void mcp_write_error_data(struct mcp_writer *writer, const cJSON *id, enum mcp_error code, cJSON *data,
                          const char *sentence);

/* Around the answers to a batch. If there are none, nothing is written. */
void mcp_write_batch_begin(struct mcp_writer *writer);
void mcp_write_batch_end(struct mcp_writer *writer);

#endif
