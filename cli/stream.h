/*
 * portd's live events (GET /events): one long answer, read event by event. The server is found and judged as for any other
 * call (client.h).
 */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/client.h"
#include "cli/sse.h"

struct stream;

/* Where to begin. */
struct stream_position {
    bool known;        /* false: from now on */
    uint64_t last_id;  /* true: behind this event */
    const char *ports; /* "RUN.VERSION": also the state of each port that has changed since then; NULL: not */
};

/* Connects and reads the head of the answer. Returns 0, CLIENT_E_INTERRUPTED, or PROBLEM_E_SET; `client` must outlive the
 * stream. */
int stream_open(struct client *client, const struct stream_position *position, struct stream **ret_stream,
                struct problem *problem);

/* NULL is allowed; returns NULL. */
struct stream *stream_close(struct stream *stream);

static inline void stream_close_at(struct stream **stream) {
    *stream = stream_close(*stream);
}

/* portd sends a comment every 15 s: a stream that says nothing for three of these is dead. */
#define STREAM_SILENCE_MS 45000

/*
 * The next event; it is valid until the next call. Waits for it, STREAM_SILENCE_MS for each byte. Returns 0;
 * STREAM_E_ENDED: portd has gone, closed the stream, or fallen silent; STREAM_E_MALFORMED: what came is no event stream;
 * CLIENT_E_INTERRUPTED; -ENOMEM.
 */
#define STREAM_E_ENDED     1
#define STREAM_E_MALFORMED 3
int stream_next(struct stream *stream, struct sse_event *ret_event);

#endif
