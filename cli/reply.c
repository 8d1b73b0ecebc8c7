/*
 * One HTTP answer, by http-parser. See reply.h.
 */
#include "cli/reply.h"

#include <errno.h>
#include <http_parser.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/content_type.h"

#define HEAD_MAX (16 << 10)

/* Interim answers are passed over, but not without end. */
#define INTERIM_MAX 8

struct reading {
    struct reply reply;
    size_t capacity;
    unsigned n_interim;
    bool out_of_memory;
    bool complete;
    struct content_type type;
};

void reply_deinit(struct reply *reply) {
    free(reply->body);
    *reply = (struct reply){0};
}

static int on_header_field(http_parser *parser, const char *at, size_t length) {
    struct reading *reading = parser->data;

    content_type_add_name(&reading->type, at, length);
    return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t length) {
    struct reading *reading = parser->data;

    content_type_add_value(&reading->type, at, length);
    return 0;
}

static int on_headers_complete(http_parser *parser) {
    struct reading *reading = parser->data;

    content_type_end(&reading->type);
    reading->reply.is_json = content_type_is(&reading->type, "application/json") ||
                             content_type_is(&reading->type, "application/problem+json");
    reading->reply.status = parser->status_code;
    if (parser->status_code == 101)
        return -1; /* nobody asked for another protocol */
    return 0;
}

static int reserve_body(struct reading *reading, size_t length) {
    size_t capacity = reading->capacity == 0 ? 4096 : reading->capacity;
    char *body;

    while (capacity < reading->reply.length + length)
        capacity *= 2;
    if (capacity == reading->capacity)
        return 0;
    body = realloc(reading->reply.body, capacity);
    if (body == NULL)
        return -ENOMEM;
    reading->reply.body = body;
    reading->capacity = capacity;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t length) {
    struct reading *reading = parser->data;

    if (length > REPLY_BODY_MAX - reading->reply.length)
        return -1;
    if (reserve_body(reading, length) < 0) {
        reading->out_of_memory = true;
        return -1;
    }
    memcpy(reading->reply.body + reading->reply.length, at, length);
    reading->reply.length += length;
    return 0;
}

static int on_message_complete(http_parser *parser) {
    struct reading *reading = parser->data;

    if (reading->reply.status >= 200) {
        reading->complete = true;
        http_parser_pause(parser, 1); /* whatever follows is nothing we asked for */
        return 0;
    }
    reading->type = (struct content_type){0};
    return ++reading->n_interim > INTERIM_MAX ? -1 : 0;
}

static const http_parser_settings settings = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* Waits for some bytes, or 0 for the end, and gives them to the parser. Returns 0, REPLY_E_... or -errno. */
static int read_some(int fd, const struct patience *patience, http_parser *parser) {
    struct reading *reading = parser->data;
    char buffer[16384];
    ssize_t n_bytes;
    int r = patience_wait(fd, POLLIN, patience);

    if (r < 0)
        return r;
    n_bytes = recv(fd, buffer, sizeof buffer, 0);
    if (n_bytes < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n_bytes < 0 && errno != ECONNRESET)
        return -errno;
    if (n_bytes < 0)
        return REPLY_E_CUT_SHORT;
    http_parser_execute(parser, &settings, buffer, (size_t)n_bytes);
    if (reading->complete)
        return 0;
    if (reading->out_of_memory)
        return -ENOMEM;
    if (n_bytes == 0)
        return REPLY_E_CUT_SHORT; /* with the parser's error or without: it wanted more */
    return HTTP_PARSER_ERRNO(parser) == HPE_OK ? 0 : REPLY_E_MALFORMED;
}

int reply_read(int fd, const struct patience *patience, struct reply *ret_reply) {
    struct reading reading = {0};
    http_parser parser;

    http_parser_init(&parser, HTTP_RESPONSE);
    http_parser_set_max_header_size(HEAD_MAX);
    parser.data = &reading;
    while (!reading.complete) {
        int r = read_some(fd, patience, &parser);
        if (r != 0) {
            reply_deinit(&reading.reply);
            return r;
        }
    }
    *ret_reply = reading.reply;
    return 0;
}
