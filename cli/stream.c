/*
 * Live events, by http-parser. See stream.h.
 */
#include "cli/stream.h"

#include <errno.h>
#include <http_parser.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/content_type.h"

/* A refusal is an ordinary answer, and a short one. */
#define REFUSAL_MAX ((size_t)64 << 10)

struct stream {
    struct client *client;
    struct connection connection;
    http_parser parser;
    struct content_type type;
    bool head_complete;
    bool complete;  /* the answer has ended */
    int error;      /* -errno of a callback */
    struct sse sse; /* of a stream of events */
    char *refusal;  /* of any other answer */
    size_t n_refusal;
};

struct stream *stream_close(struct stream *stream) {
    if (stream == NULL)
        return NULL;
    connection_close_at(&stream->connection);
    sse_deinit(&stream->sse);
    free(stream->refusal);
    free(stream);
    return NULL;
}

static bool is_event_stream(const struct stream *stream) {
    return stream->parser.status_code == 200 && content_type_is(&stream->type, "text/event-stream");
}

static int on_header_field(http_parser *parser, const char *at, size_t length) {
    struct stream *stream = parser->data;

    content_type_add_name(&stream->type, at, length);
    return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t length) {
    struct stream *stream = parser->data;

    content_type_add_value(&stream->type, at, length);
    return 0;
}

/* An interim answer or another protocol was not asked for. */
static int on_headers_complete(http_parser *parser) {
    struct stream *stream = parser->data;

    content_type_end(&stream->type);
    stream->head_complete = true;
    return parser->status_code < 200 ? -1 : 0;
}

static int append_refusal(struct stream *stream, const char *at, size_t length) {
    char *grown;

    if (length > REFUSAL_MAX - stream->n_refusal)
        return -EMSGSIZE;
    grown = realloc(stream->refusal, stream->n_refusal + length + 1);
    if (grown == NULL)
        return -ENOMEM;
    memcpy(grown + stream->n_refusal, at, length);
    stream->refusal = grown;
    stream->n_refusal += length;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t length) {
    struct stream *stream = parser->data;

    stream->error = is_event_stream(stream) ? sse_feed(&stream->sse, at, length) : append_refusal(stream, at, length);
    return stream->error < 0 ? -1 : 0;
}

static int on_message_complete(http_parser *parser) {
    struct stream *stream = parser->data;

    stream->complete = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* Waits for some bytes and gives them to the parser. Returns 0, REPLY_E_... or -errno. */
static int read_some(struct stream *stream, const struct patience *patience) {
    char buffer[16384];
    ssize_t n_bytes;
    int r = patience_wait(stream->connection.fd, POLLIN, patience);

    if (r < 0)
        return r;
    n_bytes = recv(stream->connection.fd, buffer, sizeof buffer, 0);
    if (n_bytes < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n_bytes < 0 && errno != ECONNRESET)
        return -errno;
    if (n_bytes < 0)
        return REPLY_E_CUT_SHORT;
    http_parser_execute(&stream->parser, &settings, buffer, (size_t)n_bytes);
    if (stream->complete)
        return 0;
    if (stream->error == -ENOMEM)
        return -ENOMEM;
    if (n_bytes == 0)
        return REPLY_E_CUT_SHORT;
    return HTTP_PARSER_ERRNO(&stream->parser) == HPE_OK ? 0 : REPLY_E_MALFORMED;
}

static int read_head(struct stream *stream, const struct patience *patience) {
    while (!stream->head_complete || (!is_event_stream(stream) && !stream->complete)) {
        int r = read_some(stream, patience);
        if (r != 0)
            return r;
    }
    return 0;
}

/* The answer is no stream of events: a refusal, or an answer of something else. */
static int refuse(struct stream *stream, struct problem *problem) {
    const struct reply reply = {
        .status = stream->parser.status_code,
        .is_json = content_type_is(&stream->type, "application/json") ||
                   content_type_is(&stream->type, "application/problem+json"),
        .body = stream->refusal,
        .length = stream->n_refusal,
    };
    cJSON *json = NULL;
    int r = client_take_reply(stream->client, &stream->connection, &reply, &json, problem);

    cJSON_Delete(json);
    if (r == 0)
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "what portd at %s answers is no stream of events",
                            stream->connection.endpoint->text);
    return r;
}

static int make_target(const struct stream_position *position, char *ret_target, size_t size, struct problem *problem) {
    snprintf(ret_target, size, "/events%s", position->ports != NULL ? "?ports=" : "");
    if (position->ports != NULL && client_escape_query(position->ports, ret_target, size) < 0)
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's name of its run is too long");
    return 0;
}

int stream_open(struct client *client, const struct stream_position *position, struct stream **ret_stream,
                struct problem *problem) {
    char target[256];
    const struct connection_request request = {
        .target = target,
        .accept = "text/event-stream",
        .resumes = position->known,
        .last_event_id = position->last_id,
    };
    const struct patience patience = client_patience(client, CLIENT_PATIENCE_MS);
    CLEANUP(stream_close_at) struct stream *stream = calloc(1, sizeof *stream);
    int r;

    if (stream == NULL)
        return problem_fill_memory(problem);
    r = make_target(position, target, sizeof target, problem);
    if (r != 0)
        return r;
    stream->client = client;
    stream->connection.fd = -1;
    http_parser_init(&stream->parser, HTTP_RESPONSE);
    stream->parser.data = stream;
    r = client_connect(client, CLIENT_PATIENCE_MS, &stream->connection, problem);
    if (r != 0)
        return r;
    r = connection_send(&stream->connection, &request, &patience);
    if (r == 0)
        r = read_head(stream, &patience);
    if (r != 0)
        return client_tell_broken(&stream->connection, r, CLIENT_PATIENCE_MS, problem);
    if (!is_event_stream(stream))
        return refuse(stream, problem);
    client_keep_server(client, &stream->connection);
    *ret_stream = stream;
    stream = NULL;
    return 0;
}

int stream_next(struct stream *stream, struct sse_event *ret_event) {
    for (;;) {
        const struct patience patience = client_patience(stream->client, STREAM_SILENCE_MS);
        int r = sse_next(&stream->sse, ret_event);

        if (r == 1)
            return 0;
        if (r == -ENOMEM)
            return r;
        if (r < 0)
            return STREAM_E_MALFORMED;
        if (stream->complete)
            return STREAM_E_ENDED;
        r = read_some(stream, &patience);
        if (r == -EINTR)
            return CLIENT_E_INTERRUPTED;
        if (r == -ENOMEM)
            return r;
        if (r == REPLY_E_MALFORMED)
            return STREAM_E_MALFORMED;
        if (r != 0)
            return STREAM_E_ENDED;
    }
}
