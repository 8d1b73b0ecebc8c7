/* Suspending and resuming. */
#include "src/http/waiting.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "src/api/api.h"
#include "src/base/log.h"

/* So much of a stream is sent at once. */
#define BLOCK_SIZE 16384

static void enter(struct waiter *waiter, struct waiting *waiting, struct MHD_Connection *connection) {
    waiter->connection = connection;
    waiter->waiting = waiting;
    waiter->previous = NULL;
    waiter->next = waiting->first;
    if (waiting->first != NULL)
        waiting->first->previous = waiter;
    waiting->first = waiter;
}

static void leave(struct waiter *waiter) {
    if (waiter->waiting == NULL)
        return;
    if (waiter->previous != NULL)
        waiter->previous->next = waiter->next;
    else
        waiter->waiting->first = waiter->next;
    if (waiter->next != NULL)
        waiter->next->previous = waiter->previous;
    waiter->waiting = NULL;
}

static void suspend(struct waiter *waiter) {
    MHD_suspend_connection(waiter->connection);
    waiter->is_suspended = true;
}

static void resume(struct waiter *waiter) {
    if (!waiter->is_suspended)
        return;
    waiter->is_suspended = false;
    MHD_resume_connection(waiter->connection);
}

void waiter_put_off(struct waiter *waiter, struct waiting *waiting, struct MHD_Connection *connection,
                    struct api_later *later) {
    waiter->later = later;
    enter(waiter, waiting, connection);
    suspend(waiter);
}

/* MHD_ContentReaderCallback. Called only while the socket takes bytes, so a reader who does not read costs nothing. */
static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t size) {
    struct waiter *waiter = context;
    ssize_t n_bytes;

    (void)position;
    if (waiter->is_gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    n_bytes = waiter->stream->read(waiter->waiting->api, waiter->stream, buffer, size);
    if (n_bytes < 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n_bytes == 0)
        suspend(waiter);
    return n_bytes;
}

/* Closes the connection in both directions, so that libmicrohttpd sees its end also where it waits for a reader who does not read. */
static int on_gone(sd_event_source *source, int fd, uint32_t events, void *context) {
    struct waiter *waiter = context;

    (void)events;
    waiter->is_gone = true;
    shutdown(fd, SHUT_RDWR);
    resume(waiter);
    sd_event_source_set_enabled(waiter->waiting->wake, SD_EVENT_ONESHOT);
    return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

/* Without it, a reader who goes is noticed when the stream is written to. */
static void watch_reader(struct waiter *waiter) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(waiter->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int r = info != NULL
                ? sd_event_add_io(waiter->waiting->event, &waiter->gone, info->connect_fd, EPOLLRDHUP, on_gone, waiter)
                : -1;

    if (r < 0)
        log_debug("a stream's reader cannot be watched");
}

struct MHD_Response *waiter_stream(struct waiter *waiter, struct waiting *waiting, struct MHD_Connection *connection,
                                   struct api_stream *stream) {
    waiter->stream = stream;
    enter(waiter, waiting, connection);
    watch_reader(waiter);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_stream, waiter, NULL);
}

void waiter_deinit(struct waiter *waiter) {
    waiter->gone = sd_event_source_disable_unref(waiter->gone);
    leave(waiter);
    if (waiter->later != NULL)
        waiter->later->free(waiter->later);
    waiter->later = NULL;
    if (waiter->stream != NULL)
        waiter->stream->free(waiter->stream);
    waiter->stream = NULL;
    api_response_deinit(&waiter->response);
}

/* Returns true if the exchange has something to send. */
static bool has_news(struct waiter *waiter) {
    struct api *api = waiter->waiting->api;

    if (waiter->stream != NULL)
        return waiter->is_gone || waiter->stream->has_news(api, waiter->stream);
    if (waiter->later == NULL || !waiter->later->try(api, waiter->later, &waiter->response))
        return false;
    waiter->is_answered = true;
    waiter->later->free(waiter->later);
    waiter->later = NULL;
    return true;
}

void waiting_wake(struct waiting *waiting) {
    for (struct waiter *waiter = waiting->first; waiter != NULL; waiter = waiter->next)
        if (waiter->is_suspended && has_news(waiter))
            resume(waiter);
}

uint64_t waiting_due_ms(const struct waiting *waiting) {
    uint64_t due_ms = UINT64_MAX;

    for (const struct waiter *waiter = waiting->first; waiter != NULL; waiter = waiter->next) {
        uint64_t own_ms = UINT64_MAX;

        if (waiter->is_suspended && waiter->later != NULL)
            own_ms = waiter->later->until_ms;
        else if (waiter->is_suspended && waiter->stream != NULL)
            own_ms = waiter->stream->due_ms;
        if (own_ms < due_ms)
            due_ms = own_ms;
    }
    return due_ms;
}

void waiting_resume_all(struct waiting *waiting) {
    for (struct waiter *waiter = waiting->first; waiter != NULL; waiter = waiter->next)
        resume(waiter);
}
