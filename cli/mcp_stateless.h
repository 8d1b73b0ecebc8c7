/*
 * The protocol's version 2026-07-28, which has no sessions: nothing is agreed upon by initialize, each request says for itself which
 * version it is in and what its client can, and each result who answers. It is served beside the others: what a request says
 * decides which of them it is in.
 */
#ifndef CLI_MCP_STATELESS_H
#define CLI_MCP_STATELESS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "cli/mcp_message.h"

#define MCP_STATELESS_VERSION "2026-07-28"

/* Does the request say its version itself? server/discover is no request of any other kind, and initialize none of this one. */
bool mcp_is_stateless(const struct mcp_message *message);

/* Checks what such a request says about itself. Returns false if that is wrong, and has answered it. */
bool mcp_stateless_accept(struct mcp_writer *writer, const struct mcp_message *message);

/* Adds what every result of this version has, and with `cacheable` how long it holds. NULL stays NULL. Returns `result`. */
cJSON *mcp_stateless_complete(cJSON *result, bool cacheable);

/* The result of server/discover; `instructions` are for the model. */
cJSON *mcp_stateless_describe(const char *instructions);

/* Name and version of this server, for either kind. */
cJSON *mcp_server_info(void);

#endif
