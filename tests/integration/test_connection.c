/*
 * The connection itself: several requests on one, requests in pieces, bodies without an end, and a client that asks before it
 * sends. What is said in the requests is test_browser.c's.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

TestSuite(connection, .timeout = 300);

#define HOST "Host: localhost:3030\r\n"
#define JSON "Content-Type: application/json\r\n"

#define ALLOC       "POST /alloc HTTP/1.1\r\n" HOST JSON "Content-Length: 20\r\n\r\n{\"service_name\":\"x\"}"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"

static void receive_grant(struct http_stream *stream) {
    CLEANUP(http_reply_deinit) struct http_reply reply = {0};
    http_receive(stream, false, &reply);
    assert_status(reply, 200);
}

Test(connection, one_connection_takes_several_requests) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
        for (int i = 0; i < 3; i++) {
            cr_assert(http_send(stream.fd, ALLOC, strlen(ALLOC)));
            receive_grant(&stream);
        }
    }
    const struct caller me = {.daemon = &daemon};
    cr_assert_eq(caller_count_leases(&me), 9);
}

Test(connection, a_refused_request_does_not_let_its_body_be_read_as_the_next_one) {
    static const char hidden[] =
        "POST /alloc HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\nContent-Length: 118\r\n\r\n";
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
    CLEANUP(http_reply_deinit) struct http_reply reply = {0};
    cr_assert(http_send(stream.fd, hidden, strlen(hidden)));
    cr_assert_eq(strlen(ALLOC), 118);
    http_send(stream.fd, ALLOC, strlen(ALLOC));
    http_receive(&stream, false, &reply);
    assert_problem(reply, 415, "not-json");
    shutdown(stream.fd, SHUT_WR);
    cr_assert(http_is_closed(&stream));
    cr_assert_eq(caller_count_leases(&me), 0);
}

Test(connection, requests_sent_ahead_are_answered_in_their_order) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    static const char requests[] = GET("/healthz") ALLOC GET("/list") GET("/nothing") ALLOC;
    static const int statuses[] = {200, 200, 200, 404, 200};
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
    cr_assert(http_send(stream.fd, requests, strlen(requests)));
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = {0};
        http_receive(&stream, false, &reply);
        assert_status(reply, statuses[i]);
        if (i == 2)
            cr_assert_eq(cJSON_GetArraySize(reply.json), 1);
    }
    cr_assert_eq(caller_count_leases(&me), 2);
}

Test(connection, a_request_may_come_a_byte_at_a_time) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
        static const char request[] = ALLOC;
        for (size_t i = 0; i < sizeof(request) - 1; i++) {
            cr_assert(http_send(stream.fd, &request[i], 1));
            /* Somebody else is served in between. */
            if (i % 16 == 0)
                caller_count_leases(&me);
        }
        receive_grant(&stream);
    }
}

Test(connection, an_endless_body_is_cut_off_and_others_are_served_meanwhile) {
    static const char head[] = "POST /alloc HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n";
    static char chunk[0x1000 + 8] = "1000\r\n";
    static const size_t n_enough = 64 * 1024 * 1024 / sizeof(chunk);
    memset(chunk + 6, ' ', 0x1000);
    memcpy(chunk + 6 + 0x1000, "\r\n", 2);
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
    cr_assert(http_send(stream.fd, head, strlen(head)));
    size_t n_sent = 0;
    while (n_sent < n_enough && http_send(stream.fd, chunk, sizeof(chunk))) {
        if (n_sent++ % 256 == 0)
            caller_count_leases(&me);
    }
    cr_assert_lt(n_sent, n_enough, "64 MiB of a body were taken");
    cr_assert_eq(caller_count_leases(&me), 0);
}

Test(connection, a_client_that_asks_first_is_told_to_go_on_or_refused_at_once) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    static const char small[] =
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Expect: 100-continue\r\nContent-Length: 20\r\n\r\n";
    static const char large[] =
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n";
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
    CLEANUP(http_reply_deinit) struct http_reply go_on = {0};
    cr_assert(http_send(stream.fd, small, strlen(small)));
    http_receive(&stream, false, &go_on);
    assert_status(go_on, 100);
    cr_assert(http_send(stream.fd, "{\"service_name\":\"x\"}", 20));
    receive_grant(&stream);

    CLEANUP(http_reply_deinit) struct http_reply refusal = caller_send(&me, large, strlen(large));
    assert_problem(refusal, 413, "body-too-large");
    cr_assert_eq(caller_count_leases(&me), 1);
}

#define N_UNREAD 50

/* Over the Unix socket, whose buffers hold little of an answer of a megabyte. */
Test(connection, who_reads_none_of_his_long_answers_gets_no_more_until_he_does) {
    static const char list[] = GET("/list");
    char name[129] = {0};
    sandbox_enter();
    CLEANUP(daemon_stop_at)
    struct daemon daemon = daemon_start(&(struct daemon_setup){.arguments = {"--range", "10000-19999"}});
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    memset(name, 'n', sizeof(name) - 1);
    for (int i = 0; i < 40; i++) {
        CLEANUP(http_reply_deinit)
        struct http_reply granted = caller_post(&me, "/alloc", "{\"service_name\":\"%s\",\"count\":64}", name);
        assert_status(granted, 200);
    }
    struct http_stream unread[N_UNREAD] = {0};
    for (int i = 0; i < N_UNREAD; i++) {
        unread[i].fd = caller_connect(&me);
        cr_assert(http_send(unread[i].fd, list, strlen(list)));
    }
    const struct wait wait = wait_at_most(30, "the refusal of one more");
    for (int status = 0; status != 429;) {
        CLEANUP(http_reply_deinit) struct http_reply refused = caller_get(&me, "/list");
        status = refused.status;
        if (status == 429)
            assert_problem(refused, 429, "too-many-unread");
        else
            wait_more(&wait);
    }
    CLEANUP(http_reply_deinit) struct http_reply brief = caller_get(&me, "/healthz");
    assert_status(brief, 200);

    unsigned n_whole = 0;
    for (int i = 0; i < N_UNREAD; i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = {0};
        http_receive(&unread[i], false, &reply);
        n_whole += reply.status == 200;
    }
    cr_assert_gt(n_whole, 10, "what was promised is told");
    /* On a connection that stays, what has been read no longer counts. */
    for (int i = 0; i < N_UNREAD; i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = {0};
        cr_assert(http_send(unread[0].fd, list, strlen(list)));
        http_receive(&unread[0], false, &reply);
        assert_status(reply, 200);
    }
    for (int i = 0; i < N_UNREAD; i++)
        http_stream_deinit(&unread[i]);
}
