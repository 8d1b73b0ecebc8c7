/*
 * Lines with a limit: what is a line, and what is left of one that is too long.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/mcp_lines.h"
#include "probe/fd.h"
#include "tests/support/child.h"

TestSuite(cli_mcp_lines);

/* A writer beside the test: a pipe takes less than a line may be long. */
struct writing {
    int fd;
    int other_end;
    const char *bytes;
    size_t length;
    size_t piece; /* so many bytes at once */
    size_t n_times;
};

static int write_all(void *context) {
    const struct writing *writing = context;

    close(writing->other_end);
    for (size_t time = 0; time < writing->n_times; time++) {
        for (size_t at = 0; at < writing->length;) {
            const size_t left = writing->length - at;
            const ssize_t n_bytes =
                write(writing->fd, writing->bytes + at, left < writing->piece ? left : writing->piece);
            if (n_bytes <= 0)
                return 1;
            at += (size_t)n_bytes;
        }
    }
    return 0;
}

static pid_t start_writer(const char *bytes, size_t length, size_t piece, size_t n_times, int *ret_fd) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct writing writing = {
        .fd = ends[1], .other_end = ends[0], .bytes = bytes, .length = length, .piece = piece, .n_times = n_times};
    const pid_t pid = child_start(0, write_all, &writing);
    close(ends[1]);
    *ret_fd = ends[0];
    return pid;
}

static void assert_line(struct mcp_lines *lines, const char *expected) {
    const char *line = NULL;
    size_t length = 0;

    cr_assert_eq(mcp_lines_next(lines, &line, &length), 0);
    cr_assert_eq(length, strlen(expected), "%zu bytes, not %zu", length, strlen(expected));
    cr_assert_eq(memcmp(line, expected, length), 0, "%.*s", (int)length, line);
}

static void assert_no_line(struct mcp_lines *lines, int r) {
    const char *line;
    size_t length;

    cr_assert_eq(mcp_lines_next(lines, &line, &length), r);
}

Test(cli_mcp_lines, they_come_whole_however_they_are_written) {
    static const char text[] = "one\n\ntwo and a half\nthe last has no newline";

    for (size_t piece = 1; piece < sizeof(text); piece += 7) {
        CLEANUP(mcp_lines_deinit) struct mcp_lines lines = {0};
        const pid_t pid = start_writer(text, sizeof(text) - 1, piece, 1, &lines.fd);
        assert_line(&lines, "one");
        assert_line(&lines, "");
        assert_line(&lines, "two and a half");
        assert_line(&lines, "the last has no newline");
        assert_no_line(&lines, MCP_LINES_E_END);
        assert_no_line(&lines, MCP_LINES_E_END);
        cr_assert_eq(child_wait(pid), 0);
        close(lines.fd);
    }
}

/* `length` times x, a newline, and "next\n". */
static char *make_long(size_t length) {
    char *text = malloc(length + 7);
    cr_assert_not_null(text);
    memset(text, 'x', length);
    memcpy(text + length, "\nnext\n", 7);
    return text;
}

Test(cli_mcp_lines, the_limit_is_exact_and_only_the_long_line_is_lost) {
    for (int beyond = -1; beyond <= 1; beyond++) {
        CLEANUP(mcp_lines_deinit) struct mcp_lines lines = {0};
        const size_t length_of_line = (size_t)((long)MCP_LINE_MAX + beyond);
        char *text = make_long(length_of_line);
        const pid_t pid = start_writer(text, strlen(text), 10007, 1, &lines.fd);
        const char *line = NULL;
        size_t length = 0;

        const int r = mcp_lines_next(&lines, &line, &length);
        cr_assert_eq(r, beyond > 0 ? MCP_LINES_E_LONG : 0, "%d: %d", beyond, r);
        if (r == 0)
            cr_assert_eq(length, length_of_line);
        assert_line(&lines, "next");
        cr_assert_leq(lines.size, 32768U, "what the long line needed was not given back");
        assert_no_line(&lines, MCP_LINES_E_END);
        cr_assert_eq(child_wait(pid), 0);
        close(lines.fd);
        free(text);
    }
}

Test(cli_mcp_lines, a_line_without_end_is_told_once_and_not_kept) {
    CLEANUP(mcp_lines_deinit) struct mcp_lines lines = {0};
    char *text = make_long(MCP_LINE_MAX);
    const pid_t pid = start_writer(text, MCP_LINE_MAX, MCP_LINE_MAX, 20, &lines.fd);

    assert_no_line(&lines, MCP_LINES_E_LONG);
    cr_assert_leq(lines.size, MCP_LINE_MAX + 1);
    assert_no_line(&lines, MCP_LINES_E_END);
    cr_assert_leq(lines.size, 32768U);
    cr_assert_eq(child_wait(pid), 0);
    close(lines.fd);
    free(text);
}

Test(cli_mcp_lines, a_descriptor_that_cannot_be_read_is_an_error) {
    CLEANUP(mcp_lines_deinit) struct mcp_lines lines = {.fd = -1};

    assert_no_line(&lines, -EBADF);
}
