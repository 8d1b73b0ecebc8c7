/* One request and its response. */
#include "src/http/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/api/api.h"
#include "src/api/problem.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/http/client.h"
#include "src/http/waiting.h"

#define HEADERS_MAX 64

/* So much of a body that is too large anyway is read before the connection is cut. */
#define DISCARD_MAX ((size_t)1024 * 1024)

struct exchange {
    char *target; /* as sent */
    bool begun;   /* the header has been seen */
    bool is_head;
    char *body;
    size_t body_length;
    size_t body_capacity;
    size_t n_received;
    struct client *client; /* whose connection it is; NULL until the answer is there */
    struct waiter waiter;
};

static struct exchange *exchange_free(struct exchange *exchange) {
    if (exchange == NULL)
        return NULL;
    waiter_deinit(&exchange->waiter);
    free(exchange->target);
    free(exchange->body);
    free(exchange);
    return NULL;
}

void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection) {
    struct exchange *exchange = calloc(1, sizeof *exchange);

    (void)context;
    (void)connection;
    if (exchange == NULL)
        return NULL;
    exchange->target = strdup(target != NULL ? target : "");
    return exchange->target != NULL ? exchange : exchange_free(exchange);
}

void exchange_end(void *context, struct MHD_Connection *connection, void **exchange_context,
                  enum MHD_RequestTerminationCode code) {
    struct exchange *exchange = *exchange_context;

    (void)context;
    (void)connection;
    (void)code;
    if (exchange != NULL && exchange->client != NULL)
        client_discharge(exchange->client);
    *exchange_context = exchange_free(exchange);
}

/* The header of a request, gathered from libmicrohttpd. */
struct header {
    struct api_header items[HEADERS_MAX];
    size_t n_items;
    size_t n_bytes; /* of names and values */
    bool too_many;
    bool has_nul;
};

static enum MHD_Result gather(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length,
                              const char *value, size_t value_length) {
    struct header *header = context;

    (void)kind;
    if (header->n_items == HEADERS_MAX) {
        header->too_many = true;
        return MHD_NO;
    }
    header->items[header->n_items++] = (struct api_header){.name = name, .value = value != NULL ? value : ""};
    header->n_bytes += name_length + value_length;
    if (strlen(name) != name_length || (value != NULL && strlen(value) != value_length))
        header->has_nul = true;
    return MHD_YES;
}

/*
 * libmicrohttpd 0.9 cuts a value at a NUL and joins folded lines, and shows neither. But it tells how many bytes the header
 * had, and "Name: value\r\n" accounts for each of them: what is left over was in no header that the guard can see.
 */
static bool has_hidden_bytes(struct MHD_Connection *connection, const struct header *header, size_t n_line) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t accounted = n_line + header->n_bytes + header->n_items * strlen(": \r\n") + strlen("\r\n");

    return header->has_nul || header->too_many || info == NULL || info->header_size > accounted;
}

/* Queues the response, whose body is in `answer`. */
static enum MHD_Result queue(struct MHD_Connection *connection, const struct api_response *response,
                             struct MHD_Response *answer) {
    static const char *const headers[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
         "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Referrer-Policy", "no-referrer"},
    };
    const char *const own[][2] = {
        {"Cache-Control", response->cache_control != NULL ? response->cache_control : "no-store"},
        {"Content-Type", response->content_type},
        {"Content-Encoding", response->content_encoding},
        {"ETag", response->etag},
        {"Vary", response->vary},
        {"Service-Worker-Allowed", response->worker_scope},
        {"Allow", response->allow},
    };
    enum MHD_Result queued;
    char seconds[16];

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        MHD_add_response_header(answer, headers[i][0], headers[i][1]);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (own[i][1] != NULL)
            MHD_add_response_header(answer, own[i][0], own[i][1]);
    if (response->retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%u", response->retry_after_s);
        MHD_add_response_header(answer, "Retry-After", seconds);
    }
    queued = MHD_queue_response(connection, (unsigned)response->status, answer);
    MHD_destroy_response(answer);
    return queued;
}

/* The answer is thrown away: its place in memory is what is wanting. */
static void refuse_unread(struct api_response *response) {
    api_response_deinit(response);
    *response = (struct api_response){0};
    problem_set(response, PROBLEM_TOO_MANY_UNREAD,
                "read the answers that wait on your other connections, or close these",
                "More than %zu MiB of answers to your requests wait to be read.", CLIENT_UNREAD_MAX / 1024 / 1024);
    response->retry_after_s = 1;
}

/* What has come of the request: an answer, a stream, or a wait for one of them. */
static enum MHD_Result respond(struct waiting *waiting, struct MHD_Connection *connection, struct exchange *exchange,
                               struct api_response *response) {
    struct MHD_Response *answer;

    if (response->later != NULL) {
        waiter_put_off(&exchange->waiter, waiting, connection, response->later);
        response->later = NULL;
        return MHD_YES;
    }
    if (response->stream != NULL) {
        answer = waiter_stream(&exchange->waiter, waiting, connection, response->stream);
        response->stream = NULL;
        /* libmicrohttpd 0.9 would end the chunks that a HEAD does not have; the client would take that for the next answer. */
        if (answer != NULL && exchange->is_head)
            MHD_set_response_options(answer, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    } else if (response->constant != NULL) {
        /* It takes no memory, however long it waits to be read. libmicrohttpd wants no const, and changes nothing. */
        answer =
            MHD_create_response_from_buffer(response->body_length, (char *)response->constant, MHD_RESPMEM_PERSISTENT);
    } else {
        if (!client_charge(exchange->client, response->body_length))
            refuse_unread(response);
        answer = MHD_create_response_from_buffer(response->body_length, response->body, MHD_RESPMEM_MUST_FREE);
        if (answer != NULL)
            response->body = NULL;
    }
    return answer != NULL ? queue(connection, response, answer) : MHD_NO;
}

static enum MHD_Result answer(struct waiting *waiting, struct MHD_Connection *connection, const char *method,
                              const char *version, struct exchange *exchange, bool body_too_large) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct client *client = info != NULL ? info->socket_context : NULL;
    struct header header = {0};
    struct api_response response;
    struct api_request request;
    enum MHD_Result result;

    if (client == NULL)
        return MHD_NO;
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, gather, &header);
    request = (struct api_request){
        .transport = client->transport,
        .caller = client->caller,
        .method = method,
        .target = exchange->target,
        .version = version,
        .headers = header.items,
        .n_headers = header.n_items,
        .header_suspect = has_hidden_bytes(
            connection, &header, strlen(method) + strlen(exchange->target) + strlen(version) + strlen("  \r\n")),
        .body = exchange->body,
        .body_length = body_too_large ? 0 : exchange->body_length,
        .body_too_large = body_too_large,
    };
    exchange->client = client;
    api_handle(waiting->api, &request, &response);
    log_debug("%s %s: %d", method, exchange->target, response.status);
    result = respond(waiting, connection, exchange, &response);
    api_response_deinit(&response);
    return result;
}

/* Returns false if memory is short. What goes beyond API_BODY_MAX is counted and thrown away. */
static bool receive(struct exchange *exchange, const char *upload, size_t size) {
    exchange->n_received += size;
    if (exchange->n_received > API_BODY_MAX)
        return true;
    if (exchange->body_length + size > exchange->body_capacity) {
        size_t capacity =
            exchange->body_capacity * 2 > exchange->n_received ? exchange->body_capacity * 2 : exchange->n_received;
        char *body = realloc(exchange->body, capacity);

        if (body == NULL)
            return false;
        exchange->body = body;
        exchange->body_capacity = capacity;
    }
    memcpy(exchange->body + exchange->body_length, upload, size);
    exchange->body_length += size;
    return true;
}

/*
 * Must the answer come before the body? A body that is a little too large is read and thrown away first, because a client that
 * is still sending when the connection closes often never reads its answer. A huge one, and one whose end cannot be
 * known, would be waited for in vain.
 */
static bool must_answer_early(struct MHD_Connection *connection) {
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    const char *encoding = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding");
    bool asks_first = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Expect") != NULL;
    uint64_t n_bytes;

    if (encoding != NULL && strcasecmp(encoding, "chunked") != 0)
        return true;
    return length != NULL && text_parse_number(length, 0, asks_first ? API_BODY_MAX : DISCARD_MAX, &n_bytes) == -ERANGE;
}

enum MHD_Result exchange_handle(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_size, void **exchange_context) {
    struct exchange *exchange = *exchange_context;

    (void)url; /* decoded, and cut at a NUL: the target of exchange_begin() counts */
    if (exchange == NULL)
        return MHD_NO;
    if (exchange->waiter.is_answered)
        return respond(context, connection, exchange, &exchange->waiter.response);
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->is_head = strcmp(method, "HEAD") == 0;
        return must_answer_early(connection) ? answer(context, connection, method, version, exchange, true) : MHD_YES;
    }
    if (*upload_size == 0)
        return answer(context, connection, method, version, exchange, exchange->n_received > API_BODY_MAX);
    if (!receive(exchange, upload, *upload_size) || exchange->n_received > DISCARD_MAX)
        return MHD_NO;
    *upload_size = 0;
    return MHD_YES;
}
