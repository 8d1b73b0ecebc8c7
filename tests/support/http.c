/* A reader of HTTP/1.1 replies. It trusts portd to frame them and ends the test where it does not. */
#include "tests/support/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "probe/fd.h"
#include "tests/support/fail.h"

#define PATIENCE_MS 120000

void http_stream_deinit(struct http_stream *stream) {
    fd_close_at(&stream->fd);
    free(stream->received);
    stream->received = NULL;
    stream->n_received = 0;
    stream->capacity = 0;
}

void http_reply_deinit(struct http_reply *reply) {
    free(reply->head);
    free(reply->body);
    cJSON_Delete(reply->json);
    *reply = (struct http_reply){0};
}

bool http_send(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        const ssize_t n_sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (n_sent < 0 && errno == EINTR)
            continue;
        if (n_sent < 0)
            return false;
        bytes += n_sent;
        length -= (size_t)n_sent;
    }
    return true;
}

/* Waits for more bytes; false at the connection's end. */
static bool receive_more(struct http_stream *stream) {
    struct pollfd poll_fd = {.fd = stream->fd, .events = POLLIN};
    if (stream->capacity - stream->n_received < 4096) {
        stream->capacity = stream->capacity * 2 + 16384;
        stream->received = realloc(stream->received, stream->capacity);
        if (!stream->received)
            fail_test("out of memory");
    }
    int n_ready;
    do
        n_ready = poll(&poll_fd, 1, PATIENCE_MS);
    while (n_ready < 0 && errno == EINTR);
    if (n_ready <= 0)
        fail_test("portd did not answer in two minutes.");
    const ssize_t n_received =
        recv(stream->fd, stream->received + stream->n_received, stream->capacity - stream->n_received, 0);
    if (n_received <= 0)
        return false;
    stream->n_received += (size_t)n_received;
    return true;
}

/* Moves the first `length` bytes out of the stream into a text of their own. */
static char *take(struct http_stream *stream, size_t length) {
    char *text = malloc(length + 1);
    if (!text)
        fail_test("out of memory");
    if (length > 0)
        memcpy(text, stream->received, length);
    text[length] = '\0';
    stream->n_received -= length;
    if (stream->n_received > 0)
        memmove(stream->received, stream->received + length, stream->n_received);
    return text;
}

/* The length of the head, its empty line included; 0 at the connection's end. */
static size_t receive_head(struct http_stream *stream) {
    for (;;) {
        const char *end = stream->n_received > 0 ? memmem(stream->received, stream->n_received, "\r\n\r\n", 4) : NULL;
        if (end)
            return (size_t)(end - stream->received) + 4;
        if (!receive_more(stream))
            return 0;
    }
}

static size_t read_length(const struct http_reply *reply) {
    char value[32];
    if (http_header(reply, "Content-Length", value, sizeof(value)) != 1)
        fail_test("A reply without one Content-Length:\n%s", reply->head);
    return strtoul(value, NULL, 10);
}

void http_receive(struct http_stream *stream, bool to_head, struct http_reply *ret_reply) {
    struct http_reply reply = {0};
    const size_t head_length = receive_head(stream);
    reply.head = take(stream, head_length);
    if (head_length > 0 && sscanf(reply.head, "HTTP/1.1 %d ", &reply.status) != 1)
        fail_test("No reply of HTTP/1.1:\n%s", reply.head);
    if (reply.status >= 200 && !to_head)
        reply.body_length = read_length(&reply);
    while (stream->n_received < reply.body_length)
        if (!receive_more(stream))
            fail_test("A reply's body is cut short:\n%s", reply.head);
    reply.body = take(stream, reply.body_length);
    reply.json = cJSON_ParseWithLength(reply.body, reply.body_length);
    *ret_reply = reply;
}

bool http_is_closed(struct http_stream *stream) {
    const size_t n_before = stream->n_received;
    while (receive_more(stream))
        continue;
    return stream->n_received == n_before;
}

unsigned http_header(const struct http_reply *reply, const char *name, char *ret_value, size_t size) {
    unsigned n_found = 0;
    const size_t name_length = strlen(name);
    for (const char *line = strstr(reply->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
            continue;
        const char *value = line + name_length + 1;
        value += strspn(value, " ");
        snprintf(ret_value, size, "%.*s", (int)strcspn(value, "\r"), value);
        n_found++;
    }
    return n_found;
}
