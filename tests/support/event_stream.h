/* A reader of GET /events of the real portd: server-sent events in HTTP chunks, by hand. What cannot be read ends the test. */
#ifndef TESTS_SUPPORT_EVENT_STREAM_H
#define TESTS_SUPPORT_EVENT_STREAM_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/caller.h"

struct event_stream {
    int fd;
    char *raw; /* received, and still in chunks */
    size_t n_raw;
    char *text; /* out of its chunks, and not taken yet */
    size_t n_text;
    bool ended;
};

/* One block of the stream. */
struct stream_event {
    uint64_t id;   /* 0: it has none */
    char kind[32]; /* "" for a comment */
    char comment[32];
    cJSON *data;
};

/* For CLEANUP(event_stream_close) and CLEANUP(stream_event_deinit). */
void event_stream_close(struct event_stream *stream);
void stream_event_deinit(struct stream_event *event);

/* Opens a stream and takes the head of its answer, which must be a 200. `last_event_id` may be NULL. */
struct event_stream event_stream_open(const struct caller *caller, const char *target, const char *last_event_id);

/* Waits for the next block. Returns false if the stream has ended instead. */
bool event_stream_next(struct event_stream *stream, struct stream_event *ret_event);

/* Waits for the next block, which must be an event of this kind, and returns its number. */
uint64_t event_stream_expect(struct event_stream *stream, const char *kind);

#endif
