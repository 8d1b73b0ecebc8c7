/*
 * Lines from a descriptor, of a writer who may send anything. A line that is too long is told once, when the limit is
 * reached, and what follows of it is dropped up to its newline: no line, however long, uses more memory than the limit.
 */
#ifndef CLI_MCP_LINES_H
#define CLI_MCP_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define MCP_LINE_MAX ((size_t)1 << 20)

/* All zero but for the descriptor, which stays the caller's and is blocking. */
struct mcp_lines {
    int fd;
    char *bytes; /* owned */
    size_t size;
    size_t begin; /* the first byte that was not handed out */
    size_t end;
    bool skipping; /* inside of a line that was too long */
    bool ended;
};

void mcp_lines_deinit(struct mcp_lines *lines);

#define MCP_LINES_E_END  1
#define MCP_LINES_E_LONG 2

/*
 * The next line, without its newline; what stands behind the last newline is a line, too. It is valid until the next call.
 * Returns 0; MCP_LINES_E_LONG; MCP_LINES_E_END; -errno.
 */
int mcp_lines_next(struct mcp_lines *lines, const char **ret_line, size_t *ret_length);

#endif
