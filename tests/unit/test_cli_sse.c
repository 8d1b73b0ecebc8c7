/*
 * Server-sent events out of bytes: every line end, every cut, and what is no event.
 */
#include "cli/sse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"

/* Feeds the text in pieces of `n_bytes` and writes down what comes out: "kind=data;". */
static void read_all(const char *text, size_t n_bytes, char *ret_events) {
    CLEANUP(sse_deinit) struct sse sse = {0};
    const size_t length = strlen(text);

    ret_events[0] = '\0';
    for (size_t at = 0; at < length; at += n_bytes) {
        struct sse_event event;
        cr_assert_eq(sse_feed(&sse, text + at, length - at < n_bytes ? length - at : n_bytes), 0);
        int r;
        while ((r = sse_next(&sse, &event)) == 1)
            sprintf(ret_events + strlen(ret_events), "%s=%s;", event.kind, event.data);
        cr_assert_eq(r, 0);
    }
}

static void assert_events(const char *text, const char *expected) {
    for (size_t n_bytes = 1; n_bytes <= strlen(text); n_bytes++) {
        char events[4096];
        read_all(text, n_bytes, events);
        cr_assert_str_eq(events, expected, "in pieces of %zu: %s", n_bytes, events);
    }
}

Test(cli_sse, events_come_out_whole_however_they_came_in) {
    assert_events("event: a\ndata: 1\n\nid: 5\nevent:b\ndata:2\n\n", "a=1;b=2;");
    assert_events("event: a\r\ndata: 1\r\n\r\ndata: 2\r\rdata: 3\n\n", "a=1;message=2;message=3;");
}

Test(cli_sse, lines_of_data_are_joined_and_comments_are_passed_over) {
    assert_events(": hello\n\ndata: 1\n: in between\ndata: 2\ndata\nretry: 5\nfoo\n\n", "message=1\n2\n;");
}

Test(cli_sse, an_event_without_data_or_without_an_end_is_none) {
    assert_events("event: a\n\ndata: 1\n\n", "message=1;");
    assert_events("event: a\ndata: 1\n", "");
}

Test(cli_sse, the_kind_of_one_event_is_not_the_nexts) {
    assert_events("event: a\ndata: 1\n\ndata: 2\n\nevent: c\ndata: 3\n\n", "a=1;message=2;c=3;");
}

Test(cli_sse, what_has_no_end_is_refused) {
    CLEANUP(sse_deinit) struct sse line = {0};
    CLEANUP(sse_deinit) struct sse event = {0};
    char *much = malloc(16384);
    struct sse_event none;
    int r = 0;

    memset(much, 'x', 16384);
    for (unsigned i = 0; i < 100 && r == 0; i++)
        if ((r = sse_feed(&line, much, 16384)) == 0)
            r = sse_next(&line, &none);
    cr_assert_eq(r, -EMSGSIZE);

    memcpy(much, "data: ", 6);
    much[16383] = '\n';
    r = 0;
    for (unsigned i = 0; i < 100 && r == 0; i++)
        if ((r = sse_feed(&event, much, 16384)) == 0)
            r = sse_next(&event, &none);
    cr_assert_eq(r, -EMSGSIZE);
    free(much);
}
