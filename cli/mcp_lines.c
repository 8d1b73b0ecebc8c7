/*
 * Lines with a limit. See mcp_lines.h.
 */
#include "cli/mcp_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Enough for nearly every message; what a long one needed beyond that is given back behind it. */
#define SIZE_USUAL ((size_t)16 << 10)

void mcp_lines_deinit(struct mcp_lines *lines) {
    free(lines->bytes);
    *lines = (struct mcp_lines){.fd = lines->fd};
}

static int resize(struct mcp_lines *lines, size_t size) {
    char *bytes = realloc(lines->bytes, size);

    if (bytes == NULL)
        return -ENOMEM;
    lines->bytes = bytes;
    lines->size = size;
    return 0;
}

/* Room for at least one more byte: the rest of what was read goes to the front. One more than the limit is enough to know that
 * a line is too long, or where it ends. */
static int make_room(struct mcp_lines *lines) {
    const size_t n_kept = lines->end - lines->begin;

    if (lines->begin > 0)
        memmove(lines->bytes, lines->bytes + lines->begin, n_kept);
    lines->begin = 0;
    lines->end = n_kept;
    if (n_kept < SIZE_USUAL)
        return lines->size == SIZE_USUAL ? 0 : resize(lines, SIZE_USUAL);
    if (n_kept < lines->size)
        return 0;
    return resize(lines, lines->size * 2 < MCP_LINE_MAX ? lines->size * 2 : MCP_LINE_MAX + 1);
}

static int fill(struct mcp_lines *lines) {
    ssize_t n_bytes;
    int r = make_room(lines);

    if (r < 0)
        return r;
    do
        n_bytes = read(lines->fd, lines->bytes + lines->end, lines->size - lines->end);
    while (n_bytes < 0 && errno == EINTR);
    if (n_bytes < 0)
        return -errno;
    lines->ended = n_bytes == 0;
    lines->end += (size_t)n_bytes;
    return 0;
}

/* Hands out what stands before `newline`; NULL: all that is left. */
static void take(struct mcp_lines *lines, const char *newline, const char **ret_line, size_t *ret_length) {
    *ret_line = lines->bytes + lines->begin;
    *ret_length = newline != NULL ? (size_t)(newline - *ret_line) : lines->end - lines->begin;
    lines->begin += *ret_length + (newline != NULL ? 1 : 0);
}

/* Drops what is there of a line that was too long. */
static void skip(struct mcp_lines *lines, const char *newline) {
    lines->begin = newline != NULL ? (size_t)(newline - lines->bytes) + 1 : lines->end;
    lines->skipping = newline == NULL;
}

int mcp_lines_next(struct mcp_lines *lines, const char **ret_line, size_t *ret_length) {
    size_t n_searched = 0;

    for (;;) {
        const size_t length = lines->end - lines->begin;
        const char *newline =
            length > n_searched ? memchr(lines->bytes + lines->begin + n_searched, '\n', length - n_searched) : NULL;
        int r;

        if (lines->skipping) {
            skip(lines, newline);
        } else if (newline != NULL || (lines->ended && length > 0)) {
            take(lines, newline, ret_line, ret_length);
            return 0;
        } else if (length > MCP_LINE_MAX) {
            skip(lines, NULL);
            return MCP_LINES_E_LONG;
        }
        if (lines->skipping || newline == NULL) {
            if (lines->ended)
                return MCP_LINES_E_END;
            n_searched = lines->end - lines->begin;
            r = fill(lines);
            if (r < 0)
                return r;
        } else {
            n_searched = 0;
        }
    }
}
