/*
 * HTTP by hand: bytes out, replies in. It sends whatever it is given, so that a test can say what no HTTP library would let it
 * say. Replies are framed by Content-Length, as portd's are.
 */
#ifndef TESTS_SUPPORT_HTTP_H
#define TESTS_SUPPORT_HTTP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* The reading end of a connection. All zero but for `fd`, which it owns, is a fresh one. */
struct http_stream {
    int fd;
    char *received; /* and not yet taken by a reply */
    size_t n_received;
    size_t capacity;
};

/* For CLEANUP(http_stream_deinit). */
void http_stream_deinit(struct http_stream *stream);

struct http_reply {
    int status; /* 0: the connection ended and no reply had come */
    char *head; /* status line and header fields, as received; "" for status 0 */
    char *body; /* NUL-terminated */
    size_t body_length;
    cJSON *json; /* the body, if it is JSON; else NULL */
};

/* For CLEANUP(http_reply_deinit). */
void http_reply_deinit(struct http_reply *reply);

/* Sends all of it. A peer that closes meanwhile is no failure: its reply, if there is one, says why. Returns false then. */
bool http_send(int fd, const char *bytes, size_t length);

/* Waits for the next reply. `to_head`: it answers a HEAD, and has no body whatever its length says. */
void http_receive(struct http_stream *stream, bool to_head, struct http_reply *ret_reply);

/* Waits until the peer has closed; true if it did so without another byte. */
bool http_is_closed(struct http_stream *stream);

/* The value of a header field, into `ret_value`; returns how often the field is there (and then the last value counts). */
unsigned http_header(const struct http_reply *reply, const char *name, char *ret_value, size_t size);

#endif
