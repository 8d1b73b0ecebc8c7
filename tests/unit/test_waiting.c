/*
 * Answers that wait and streams, below the API: a loop with a libmicrohttpd of the test's own, a handler that puts every answer off or streams, and
 * clients at the other end of socket pairs.
 */
#include "src/http/waiting.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "probe/fd.h"
#include "src/api/api.h"
#include "tests/support/wait.h"

#define N_CLIENTS 3

/* One answer that waits, or one stream. */
struct promise {
    struct api_later later;
    struct api_stream stream;
    unsigned n_tries;
    unsigned n_reads;
    unsigned n_freed;
    bool is_ready; /* the answer may come; the stream has a word to say */
    bool is_over;  /* the stream ends */
};

static struct {
    sd_event *event;
    struct waiting waiting;
    struct api api;
    struct MHD_Daemon *mhd;
    struct promise promises[N_CLIENTS];
    unsigned n_promises;
    bool streams;
} it;

static bool try_later(struct api *api, struct api_later *later, struct api_response *response) {
    struct promise *promise = (struct promise *)(void *)later;
    cr_assert_eq(api, &it.api);
    promise->n_tries++;
    if (!promise->is_ready)
        return false;
    *response = (struct api_response){.status = 200, .body = strdup("ready"), .body_length = 5};
    return true;
}

static void free_later(struct api_later *later) {
    ((struct promise *)(void *)later)->n_freed++;
}

static struct promise *promise_of(const struct api_stream *stream) {
    return (struct promise *)(void *)((char *)(size_t)stream - offsetof(struct promise, stream));
}

static ssize_t read_stream(struct api *api, struct api_stream *stream, char *buffer, size_t size) {
    struct promise *promise = promise_of(stream);
    (void)api;
    cr_assert_geq(size, 5);
    promise->n_reads++;
    if (promise->is_over)
        return -1;
    if (!promise->is_ready)
        return 0;
    promise->is_ready = false;
    memcpy(buffer, "word ", 5);
    return 5;
}

static bool has_news(struct api *api, struct api_stream *stream) {
    (void)api;
    return promise_of(stream)->is_ready || promise_of(stream)->is_over;
}

static void free_stream(struct api_stream *stream) {
    promise_of(stream)->n_freed++;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **exchange) {
    struct waiter *waiter = *exchange;
    struct MHD_Response *response;
    (void)context, (void)url, (void)method, (void)version, (void)upload;
    *upload_size = 0;
    if (!waiter) {
        *exchange = calloc(1, sizeof(struct waiter));
        return MHD_YES;
    }
    if (waiter->is_answered) {
        response =
            MHD_create_response_from_buffer(waiter->response.body_length, waiter->response.body, MHD_RESPMEM_MUST_COPY);
    } else if (it.streams) {
        response = waiter_stream(waiter, &it.waiting, connection, &it.promises[it.n_promises++].stream);
    } else {
        waiter_put_off(waiter, &it.waiting, connection, &it.promises[it.n_promises++].later);
        return MHD_YES;
    }
    const enum MHD_Result queued = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return queued;
}

static void end(void *context, struct MHD_Connection *connection, void **exchange,
                enum MHD_RequestTerminationCode code) {
    (void)context, (void)connection, (void)code;
    waiter_deinit(*exchange);
    free(*exchange);
}

static int on_wake(sd_event_source *source, void *context) {
    (void)source, (void)context;
    waiting_wake(&it.waiting);
    MHD_run(it.mhd);
    return 0;
}

static void set_up(void) {
    memset(&it, 0, sizeof(it));
    for (unsigned i = 0; i < N_CLIENTS; i++) {
        it.promises[i].later = (struct api_later){.try = try_later, .free = free_later, .until_ms = 1000U + i};
        it.promises[i].stream =
            (struct api_stream){.read = read_stream, .has_news = has_news, .free = free_stream, .due_ms = 2000U + i};
    }
    cr_assert_geq(sd_event_new(&it.event), 0);
    it.waiting = (struct waiting){.api = &it.api, .event = it.event};
    cr_assert_geq(sd_event_add_defer(it.event, &it.waiting.wake, on_wake, NULL), 0);
    cr_assert_geq(sd_event_source_set_enabled(it.waiting.wake, SD_EVENT_OFF), 0);
    it.mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
#if MHD_VERSION >= 0x01000000
                                  MHD_USE_NO_THREAD_SAFETY,
#else
                                  MHD_NO_FLAG,
#endif
                              0, NULL, NULL, handle, NULL, MHD_OPTION_NOTIFY_COMPLETED, end, NULL, MHD_OPTION_END);
    cr_assert_not_null(it.mhd);
}

static void stop(void) {
    waiting_resume_all(&it.waiting);
    if (it.mhd)
        MHD_stop_daemon(it.mhd);
    it.mhd = NULL;
}

static void tear_down(void) {
    stop();
    cr_expect_null(it.waiting.first, "nobody waits any more");
    sd_event_source_disable_unref(it.waiting.wake);
    sd_event_unref(it.event);
}

TestSuite(waiting, .init = set_up, .fini = tear_down, .timeout = 60);

static void turn(void) {
    MHD_run(it.mhd);
    while (sd_event_run(it.event, 0) > 0)
        continue;
    MHD_run(it.mhd);
}

static int ask(void) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    cr_assert_eq(MHD_add_connection(it.mhd, ends[1], (const struct sockaddr *)&address, sizeof(address.sun_family)),
                 MHD_YES);
    cr_assert_eq(write(ends[0], request, strlen(request)), (ssize_t)strlen(request));
    for (int i = 0; i < 5; i++)
        turn();
    return ends[0];
}

static void wake(void) {
    sd_event_source_set_enabled(it.waiting.wake, SD_EVENT_ONESHOT);
    for (int i = 0; i < 5; i++)
        turn();
}

/* What has come until now. */
static const char *received(int fd) {
    static char text[4096];
    const ssize_t n_bytes = read(fd, text, sizeof(text) - 1);
    text[n_bytes > 0 ? n_bytes : 0] = '\0';
    return text;
}

Test(waiting, an_answer_comes_when_it_is_ready_and_not_before) {
    CLEANUP(fd_close_at) int fd = ask();
    cr_expect_str_eq(received(fd), "");
    cr_expect_eq(it.promises[0].n_tries, 0);
    wake();
    cr_expect_eq(it.promises[0].n_tries, 1);
    cr_expect_str_eq(received(fd), "");
    it.promises[0].is_ready = true;
    wake();
    const char *text = received(fd);
    cr_expect(strstr(text, "200 OK") && strstr(text, "\r\n\r\nready"), "%s", text);
    cr_expect_eq(it.promises[0].n_freed, 1);
    wake();
    cr_expect_eq(it.promises[0].n_tries, 2, "not asked any more");
    cr_expect_eq(waiting_due_ms(&it.waiting), UINT64_MAX);
}

Test(waiting, answers_become_ready_each_at_its_time) {
    int fds[N_CLIENTS];
    for (int i = 0; i < N_CLIENTS; i++)
        fds[i] = ask();
    cr_expect_eq(waiting_due_ms(&it.waiting), 1000);
    static const int order[] = {1, 0, 2};
    static const uint64_t due[] = {1000, 1002, UINT64_MAX};
    for (int i = 0; i < N_CLIENTS; i++) {
        it.promises[order[i]].is_ready = true;
        wake();
        cr_expect(strstr(received(fds[order[i]]), "ready"), "%d", order[i]);
        cr_expect_eq(waiting_due_ms(&it.waiting), due[i]);
        close(fds[order[i]]);
    }
}

Test(waiting, who_waits_at_the_end_is_let_go_and_what_was_promised_is_freed) {
    CLEANUP(fd_close_at) int later = ask();
    it.streams = true;
    CLEANUP(fd_close_at) int stream = ask();
    stop();
    cr_expect_eq(it.promises[0].n_freed, 1);
    cr_expect_eq(it.promises[1].n_freed, 1);
}

Test(waiting, a_caller_who_has_gone_is_no_harm_to_the_answer) {
    CLEANUP(fd_close_at) int fd = ask();
    fd_close_at(&fd);
    wake();
    it.promises[0].is_ready = true;
    wake();
    cr_expect_eq(it.promises[0].n_freed, 1);
    cr_expect_null(it.waiting.first);
}

Test(waiting, a_stream_is_read_when_it_has_news_and_only_then) {
    it.streams = true;
    CLEANUP(fd_close_at) int fd = ask();
    cr_expect(strstr(received(fd), "Transfer-Encoding: chunked"));
    const unsigned n_reads = it.promises[0].n_reads;
    cr_expect_eq(n_reads, 1);
    cr_expect_eq(waiting_due_ms(&it.waiting), 2000);
    wake();
    cr_expect_eq(it.promises[0].n_reads, n_reads);
    for (int i = 0; i < 3; i++) {
        it.promises[0].is_ready = true;
        wake();
        cr_expect_str_eq(received(fd), "5\r\nword \r\n");
    }
    it.promises[0].is_over = true;
    wake();
    cr_expect_str_eq(received(fd), "0\r\n\r\n");
    cr_expect_eq(it.promises[0].n_freed, 1);
    cr_expect_null(it.waiting.first);
}

Test(waiting, a_reader_who_goes_is_noticed_without_a_word_being_sent) {
    it.streams = true;
    int fds[N_CLIENTS];
    for (int i = 0; i < N_CLIENTS; i++)
        fds[i] = ask();
    close(fds[1]);
    shutdown(fds[2], SHUT_WR);
    for (int i = 0; i < 5; i++)
        turn();
    cr_expect_eq(it.promises[0].n_freed, 0);
    cr_expect_eq(it.promises[1].n_freed, 1);
    cr_expect_eq(it.promises[2].n_freed, 1);
    it.promises[0].is_ready = true;
    wake();
    cr_expect(strstr(received(fds[0]), "5\r\nword \r\n"));
    close(fds[0]);
    close(fds[2]);
}
