/*
 * Server-sent events out of a stream of bytes (the event stream format of the HTML standard): what comes in pieces goes out
 * in whole events. Pure: it reads nothing by itself.
 */
#ifndef CLI_SSE_H
#define CLI_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* portd's events have a few hundred bytes; a line or an event above this is no event of portd's. */
#define SSE_EVENT_MAX ((size_t)64 << 10)

#define SSE_KIND_MAX 64

/* All zero: nothing has come. */
struct sse {
    char *bytes; /* owned: not yet read lines */
    size_t n_bytes;
    size_t n_read; /* of these */
    size_t capacity;
    char *data; /* owned: of the event being read, NUL-terminated */
    size_t n_data;
    bool has_data;
    bool told; /* the event was handed out; the next line begins another */
    char kind[SSE_KIND_MAX];
};

struct sse_event {
    const char *kind; /* "message" if the stream does not say */
    const char *data; /* NUL-terminated */
    size_t length;
};

void sse_deinit(struct sse *sse);

/* Takes bytes in. Returns 0, -EMSGSIZE (a line or an event is too long) or -ENOMEM. */
int sse_feed(struct sse *sse, const char *bytes, size_t n_bytes);

/* The next whole event, if one has come; its texts are valid until the next call of either function. Comments and events
 * without data are passed over. Returns 1 and *ret_event; 0 if more bytes are needed; -EMSGSIZE or -ENOMEM. */
int sse_next(struct sse *sse, struct sse_event *ret_event);

#endif
