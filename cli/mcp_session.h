/*
 * One client of `portctl mcp`: which protocol it speaks, and an answer to each of its messages.
 */
#ifndef CLI_MCP_SESSION_H
#define CLI_MCP_SESSION_H

#include <stddef.h>
#include <sys/types.h>

#include "cli/command.h"
#include "cli/mcp_message.h"

struct mcp_session {
    const struct invocation *invocation;
    struct mcp_writer writer;
    pid_t starter;       /* who started this server; 0: nobody that would say something */
    const char *version; /* of the protocol; NULL: not yet agreed upon */
};

/* Answers what a line holds: a message, or a batch of them. */
void mcp_session_take(struct mcp_session *session, const char *line, size_t length);

/* Answers a line that was too long to be read. */
void mcp_session_refuse_long(struct mcp_session *session);

#endif
