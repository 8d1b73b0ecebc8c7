/*
 * Answers as a network and a hostile server make them: in pieces, cut short, without end, and no HTTP at all.
 */
#include "cli/reply.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

/* What a server says, and how. */
struct script {
    int fd;
    const char *text;
    size_t piece;      /* bytes a send; 0: all at once */
    const char *after; /* said again and again behind the text, without end; NULL: then it hangs up */
    bool stays;        /* does not hang up */
    unsigned pause_us; /* behind each piece */
};

static int play(void *context) {
    const struct script *script = context;
    const size_t length = strlen(script->text);
    const size_t piece = script->piece > 0 ? script->piece : length;

    for (size_t at = 0; at < length; at += piece) {
        const size_t n_left = length - at;
        if (send(script->fd, script->text + at, n_left < piece ? n_left : piece, MSG_NOSIGNAL) < 0)
            return 1;
        usleep(script->pause_us);
    }
    while (script->after != NULL)
        if (send(script->fd, script->after, strlen(script->after), MSG_NOSIGNAL) < 0)
            return 0;
    while (script->stays)
        pause();
    return 0;
}

/* Reads what the script says; `milliseconds` is the reader's patience. */
static int read_script(struct script script, uint64_t milliseconds, struct reply *ret_reply) {
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CLEANUP(fd_close_at) int fd = ends[0];
    script.fd = ends[1];
    const pid_t server = child_start(0, play, &script);
    close(ends[1]);
    cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    const struct patience patience = {.deadline_ms = patience_now_ms() + milliseconds, .interrupt_fd = -1};
    const int r = reply_read(fd, &patience, ret_reply);
    child_kill(server);
    return r;
}

#define PATIENCE_MS 60000

static int read_text(const char *text, struct reply *ret_reply) {
    return read_script((struct script){.text = text}, PATIENCE_MS, ret_reply);
}

static void assert_body(const struct reply *reply, const char *expected) {
    cr_assert_eq(reply->length, strlen(expected));
    cr_assert_eq(memcmp(reply->body, expected, reply->length), 0);
}

Test(cli_reply, an_answer_is_read_whole) {
    CLEANUP(reply_deinit) struct reply reply = {0};

    cr_assert_eq(read_text(HEAD "Content-Length: 5\r\n\r\n[1,2]", &reply), 0);
    cr_assert_eq(reply.status, 200);
    cr_assert(reply.is_json);
    assert_body(&reply, "[1,2]");
}

Test(cli_reply, an_answer_in_single_bytes_is_the_same) {
    CLEANUP(reply_deinit) struct reply reply = {0};
    const struct script script = {
        .text = "HTTP/1.1 409 Conflict\r\nX: 1\r\ncontent-type: application/problem+json; charset=utf-8\r\n"
                "Content-Length: 5\r\n\r\n[1,2]",
        .piece = 1};

    cr_assert_eq(read_script(script, PATIENCE_MS, &reply), 0);
    cr_assert_eq(reply.status, 409);
    cr_assert(reply.is_json);
    assert_body(&reply, "[1,2]");
}

Test(cli_reply, chunks_are_put_together) {
    CLEANUP(reply_deinit) struct reply reply = {0};
    const struct script script = {
        .text = HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n3;x=y\r\n1,2\r\n1\r\n]\r\n0\r\nT: 1\r\n\r\n",
        .piece = 3};

    cr_assert_eq(read_script(script, PATIENCE_MS, &reply), 0);
    assert_body(&reply, "[1,2]");
}

Test(cli_reply, without_a_length_the_end_of_the_connection_ends_it) {
    CLEANUP(reply_deinit) struct reply reply = {0};

    cr_assert_eq(read_text("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[1]", &reply), 0);
    assert_body(&reply, "[1]");
}

Test(cli_reply, an_empty_body_is_empty) {
    CLEANUP(reply_deinit) struct reply reply = {0};

    cr_assert_eq(read_text("HTTP/1.1 204 No Content\r\n\r\n", &reply), 0);
    cr_assert_eq(reply.length, 0);
    cr_assert_null(reply.body);
    cr_assert_not(reply.is_json);
}

Test(cli_reply, interim_answers_are_passed_over) {
    CLEANUP(reply_deinit) struct reply reply = {0};

    cr_assert_eq(read_text("HTTP/1.1 100 Continue\r\nContent-Type: application/json\r\n\r\nHTTP/1.1 102 X\r\n\r\n"
                           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
                           &reply),
                 0);
    cr_assert_eq(reply.status, 200);
    cr_assert_not(reply.is_json);
    assert_body(&reply, "1");
}

Test(cli_reply, what_follows_the_answer_is_not_read) {
    CLEANUP(reply_deinit) struct reply reply = {0};

    cr_assert_eq(read_text(HEAD "Content-Length: 1\r\n\r\n1HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", &reply), 0);
    cr_assert_eq(reply.status, 200);
    assert_body(&reply, "1");
}

Test(cli_reply, only_the_two_json_types_are_json) {
    static const struct {
        const char *type;
        bool is_json;
    } cases[] = {{"application/json", true},
                 {"Application/JSON", true},
                 {"application/json;charset=utf-8", true},
                 {"application/problem+json", true},
                 {"application/jsonp", false},
                 {"text/html", false},
                 {"application/jso", false},
                 {"", false},
                 {"text/plain, application/json", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_deinit) struct reply reply = {0};
        char text[256];
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 0\r\n\r\n", cases[i].type);
        cr_assert_eq(read_text(text, &reply), 0);
        cr_assert_eq(reply.is_json, cases[i].is_json, "%s", cases[i].type);
    }
}

Test(cli_reply, one_cut_short_anywhere_is_no_answer) {
    static const char whole[] = HEAD "Content-Length: 5\r\n\r\n[1,2]";
    static const char chunked[] = HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n0\r\n\r\n";
    static const char *const answers[] = {whole, chunked};

    for (size_t i = 0; i < 2; i++) {
        for (size_t length = 0; length < strlen(answers[i]); length++) {
            struct reply reply = {.status = 4711};
            char text[sizeof(whole) + sizeof(chunked)];
            snprintf(text, sizeof(text), "%.*s", (int)length, answers[i]);
            cr_assert_eq(read_text(text, &reply), REPLY_E_CUT_SHORT, "after %zu bytes", length);
            cr_assert_eq(reply.status, 4711, "it was touched");
        }
    }
}

Test(cli_reply, what_is_no_http_is_refused) {
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html></html>\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "\r\n\r\n\x16\x03\x01",
        HEAD "Content-Length: -1\r\n\r\n",
        HEAD "Content-Length: 99999999999999999999999\r\n\r\n",
        HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\n1",
        HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        HEAD "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct reply reply = {0};
        cr_assert_eq(read_script((struct script){.text = texts[i], .stays = true}, PATIENCE_MS, &reply),
                     REPLY_E_MALFORMED, "%s", texts[i]);
    }
}

Test(cli_reply, one_without_end_is_refused) {
    static char kilobyte[1025];
    struct reply reply = {0};

    memset(kilobyte, 'x', sizeof(kilobyte) - 1);
    const struct script endless[] = {
        {.text = "HTTP/1.1 200 OK\r\n\r\n", .after = kilobyte},
        {.text = HEAD "Content-Length: 99999999999\r\n\r\n", .after = kilobyte},
        {.text = HEAD "Transfer-Encoding: chunked\r\n\r\n", .after = "5\r\nxxxxx\r\n5\r\nxxxxx\r\n5\r\nxxxxx\r\n"},
        {.text = "HTTP/1.1 200 OK\r\nA: ", .after = kilobyte},
        {.text = "HTTP/1.1 200 OK\r\n", .after = "A: b\r\n"},
        {.text = "", .after = "HTTP/1.1 100 Continue\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++)
        cr_assert_eq(read_script(endless[i], PATIENCE_MS, &reply), REPLY_E_MALFORMED, "%s", endless[i].text);
}

Test(cli_reply, a_long_body_arrives_whole) {
    CLEANUP(reply_deinit) struct reply reply = {0};
    const size_t length = (size_t)1 << 20;
    char *text = malloc(length + 256);

    const int n_head = snprintf(text, 256, HEAD "Content-Length: %zu\r\n\r\n", length);
    memset(text + n_head, 'j', length);
    text[(size_t)n_head + length] = '\0';
    cr_assert_eq(read_text(text, &reply), 0);
    cr_assert_eq(reply.length, length);
    cr_assert_eq(memcmp(reply.body, text + n_head, length), 0);
    free(text);
}

Test(cli_reply, patience_ends) {
    struct reply reply = {0};
    const uint64_t before = patience_now_ms();

    cr_assert_eq(read_script((struct script){.text = HEAD "Content-Length: 5\r\n\r\n[1", .stays = true}, 50, &reply),
                 -ETIMEDOUT);
    cr_assert_geq(patience_now_ms() - before, 50);
}

Test(cli_reply, patience_ends_also_for_a_server_that_trickles) {
    struct reply reply = {0};
    const struct script script = {.text = HEAD "Content-Length: 5\r\n\r\n[1,2]", .piece = 1, .pause_us = 20000};

    cr_assert_eq(read_script(script, 100, &reply), -ETIMEDOUT);
}

Test(cli_reply, something_more_urgent_interrupts) {
    struct reply reply = {0};
    int ends[2];
    int urgent[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    cr_assert_eq(pipe(urgent), 0);
    cr_assert_eq(write(urgent[1], "!", 1), 1);
    const struct patience patience = {.deadline_ms = patience_now_ms() + PATIENCE_MS, .interrupt_fd = urgent[0]};
    cr_assert_eq(reply_read(ends[0], &patience, &reply), -EINTR);
}
