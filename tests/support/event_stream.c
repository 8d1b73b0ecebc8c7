/* Reading streams. */
#include "tests/support/event_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "probe/fd.h"
#include "tests/support/fail.h"

#define PATIENCE_MS 120000

void event_stream_close(struct event_stream *stream) {
    fd_close_at(&stream->fd);
    free(stream->raw);
    free(stream->text);
    stream->raw = NULL;
    stream->text = NULL;
}

void stream_event_deinit(struct stream_event *event) {
    cJSON_Delete(event->data);
    event->data = NULL;
}

static void append(char **text, size_t *length, const char *bytes, size_t n_bytes) {
    *text = realloc(*text, *length + n_bytes + 1);
    if (!*text)
        fail_test("out of memory");
    memcpy(*text + *length, bytes, n_bytes);
    *length += n_bytes;
    (*text)[*length] = '\0';
}

static void drop(char *text, size_t *length, size_t n_bytes) {
    memmove(text, text + n_bytes, *length - n_bytes + 1);
    *length -= n_bytes;
}

/* False at the connection's end. */
static bool receive(struct event_stream *stream) {
    struct pollfd poll_fd = {.fd = stream->fd, .events = POLLIN};
    char bytes[16384];
    int n_ready;
    do
        n_ready = poll(&poll_fd, 1, PATIENCE_MS);
    while (n_ready < 0 && errno == EINTR);
    if (n_ready <= 0)
        fail_test("The stream was silent for two minutes. It had: %s", stream->n_text > 0 ? stream->text : "");
    const ssize_t n_bytes = recv(stream->fd, bytes, sizeof(bytes), 0);
    if (n_bytes <= 0)
        return false;
    append(&stream->raw, &stream->n_raw, bytes, (size_t)n_bytes);
    return true;
}

/* Takes one whole chunk out of `raw` (RFC 9112, 7.1). False: it is not all there. */
static bool take_chunk(struct event_stream *stream) {
    char *end = NULL;
    const char *line = stream->n_raw > 0 ? memmem(stream->raw, stream->n_raw, "\r\n", 2) : NULL;
    if (!line)
        return false;
    const unsigned long size = strtoul(stream->raw, &end, 16);
    if (end == stream->raw || end != line)
        fail_test("No chunk: %.40s", stream->raw);
    const size_t begin = (size_t)(line - stream->raw) + 2;
    if (stream->n_raw < begin + size + 2)
        return false;
    if (size == 0)
        stream->ended = true;
    append(&stream->text, &stream->n_text, stream->raw + begin, size);
    drop(stream->raw, &stream->n_raw, begin + size + 2);
    return true;
}

struct event_stream event_stream_open(const struct caller *caller, const char *target, const char *last_event_id) {
    struct event_stream stream = {.fd = caller_connect(caller)};
    char request[512];
    const int length = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost:%u\r\n%s%s%s\r\n", target,
                                caller->daemon->port, last_event_id ? "Last-Event-ID: " : "",
                                last_event_id ? last_event_id : "", last_event_id ? "\r\n" : "");
    const char *end = NULL;
    http_send(stream.fd, request, (size_t)length);
    while (!end) {
        if (!receive(&stream))
            fail_test("No answer to %s: the connection was closed.", target);
        end = strstr(stream.raw, "\r\n\r\n");
    }
    if (strncmp(stream.raw, "HTTP/1.1 200 ", 13) != 0 ||
        !strstr(stream.raw, "\r\nContent-Type: text/event-stream\r\n") ||
        !strstr(stream.raw, "\r\nCache-Control: no-store\r\n"))
        fail_test("No stream: %s", stream.raw);
    drop(stream.raw, &stream.n_raw, (size_t)(end - stream.raw) + 4);
    return stream;
}

static void read_line(const char *line, struct stream_event *event) {
    if (strncmp(line, "data: ", 6) == 0)
        event->data = cJSON_Parse(line + 6);
    else if (sscanf(line, "id: %lu", &event->id) != 1 && sscanf(line, "event: %31s", event->kind) != 1 &&
             sscanf(line, ": %31[^\n]", event->comment) != 1)
        fail_test("A line that belongs to no event: %s", line);
}

bool event_stream_next(struct event_stream *stream, struct stream_event *ret_event) {
    char *end;
    while (!(end = stream->n_text > 0 ? strstr(stream->text, "\n\n") : NULL)) {
        if (stream->ended || (!take_chunk(stream) && !receive(stream)))
            return false;
    }
    *ret_event = (struct stream_event){0};
    *end = '\0';
    char *next = stream->text;
    for (char *line = strsep(&next, "\n"); line; line = strsep(&next, "\n"))
        read_line(line, ret_event);
    drop(stream->text, &stream->n_text, (size_t)(end - stream->text) + 2);
    return true;
}

uint64_t event_stream_expect(struct event_stream *stream, const char *kind) {
    CLEANUP(stream_event_deinit) struct stream_event event = {0};
    if (!event_stream_next(stream, &event))
        fail_test("The stream has ended, and no %s had come.", kind);
    if (strcmp(event.kind, kind) != 0)
        fail_test("Not %s, but %s%s.", kind, event.kind, event.comment);
    return event.id;
}
