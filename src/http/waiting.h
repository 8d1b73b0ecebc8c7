/*
 * Exchanges that wait: answers that are not ready yet (struct api_later), and streams that have nothing to say (struct api_stream). Their
 * connections are suspended, so libmicrohttpd does not ask for them, and are resumed here when there is something to send.
 *
 * libmicrohttpd does not look at a suspended connection, so a stream's reader who goes away is noticed here: at once, and not only by the next
 * line that cannot be sent. Who shuts down its sending side has gone, too.
 */
#ifndef SRC_HTTP_WAITING_H
#define SRC_HTTP_WAITING_H

#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "src/api/request.h"

struct waiter;

/* All that wait. */
struct waiting {
    struct api *api;
    sd_event *event;
    sd_event_source *wake; /* a source that calls waiting_wake() and lets libmicrohttpd run; the server's */
    struct waiter *first;
};

/* One exchange, as far as it waits. An all-zero struct does not. */
struct waiter {
    struct waiting *waiting; /* NULL: it is in no list */
    struct waiter *previous;
    struct waiter *next;
    struct MHD_Connection *connection;
    bool is_suspended;
    struct api_later *later;      /* owned; NULL once the answer is there */
    struct api_stream *stream;    /* owned */
    struct api_response response; /* that `later` has become */
    bool is_answered;             /* `response` is filled */
    bool is_gone;                 /* a stream's reader */
    sd_event_source *gone;
};

/* Suspends the connection until `later` is an answer; then `waiter->is_answered`, and the exchange is handled again. Takes over `later`. To be called
 * by the exchange's handler. */
void waiter_put_off(struct waiter *waiter, struct waiting *waiting, struct MHD_Connection *connection,
                    struct api_later *later);

/* The response whose body is the stream, which is taken over; NULL if memory is short. The caller's to destroy. */
struct MHD_Response *waiter_stream(struct waiter *waiter, struct waiting *waiting, struct MHD_Connection *connection,
                                   struct api_stream *stream);

/* The exchange is over: takes it out of the list and frees what it owns. */
void waiter_deinit(struct waiter *waiter);

/* Resumes the exchanges that have something to send by now; then libmicrohttpd has to run. Not to be called while it does. */
void waiting_wake(struct waiting *waiting);

/* When waiting_wake() is due at the latest (monotonic ms); UINT64_MAX: nothing waits for a time. */
uint64_t waiting_due_ms(const struct waiting *waiting);

/* Resumes all of them, before libmicrohttpd is stopped. */
void waiting_resume_all(struct waiting *waiting);

#endif
