/* Calls of portd as somebody. */
#include "tests/support/caller.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/tcp.h"

const char *channel_name(enum channel channel) {
    static const char *const names[N_CHANNELS] = {
        [CHANNEL_IPV4] = "IPv4",
        [CHANNEL_IPV6] = "IPv6",
        [CHANNEL_UNIX] = "the Unix socket",
    };
    return names[channel];
}

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        fail_test("Connecting to %s failed: %s.", path, strerror(errno));
    return fd;
}

static int connect_channel(const struct caller *caller) {
    if (caller->channel == CHANNEL_UNIX)
        return connect_unix(caller->daemon->socket);
    return tcp_connect(caller->channel == CHANNEL_IPV4 ? "127.0.0.1" : "::1", caller->daemon->port);
}

/* A TCP socket has the uid of its maker, a Unix connection that of who connects: so it is enough to be the caller for that
 * long. */
int caller_connect(const struct caller *caller) {
    if (caller->uid != 0 && seteuid(caller->uid) < 0)
        fail_test("The test cannot become uid %u: %s.", caller->uid, strerror(errno));
    const int fd = connect_channel(caller);
    if (caller->uid != 0 && seteuid(0) < 0)
        fail_test("The test cannot become root again: %s.", strerror(errno));
    return fd;
}

struct http_reply caller_send(const struct caller *caller, const char *bytes, size_t length) {
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(caller)};
    struct http_reply reply;
    http_send(stream.fd, bytes, length);
    http_receive(&stream, false, &reply);
    return reply;
}

__attribute__((format(printf, 2, 3))) static struct http_reply send_text(const struct caller *caller,
                                                                         const char *format, ...) {
    CLEANUP(file_free_text_at) char *text = NULL;
    va_list args;
    va_start(args, format);
    const int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        fail_test("out of memory");
    return caller_send(caller, text, (size_t)length);
}

struct http_reply caller_get(const struct caller *caller, const char *target) {
    return send_text(caller, "GET %s HTTP/1.1\r\nHost: localhost:%u\r\n\r\n", target, caller->daemon->port);
}

static struct http_reply post(const struct caller *caller, const char *target, const char *body) {
    return send_text(caller,
                     "POST %s HTTP/1.1\r\nHost: localhost:%u\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     target, caller->daemon->port, strlen(body), body);
}

__attribute__((format(printf, 1, 0))) static char *format_body(const char *format, va_list args) {
    char *body = NULL;
    if (vasprintf(&body, format, args) < 0)
        fail_test("out of memory");
    return body;
}

struct http_reply caller_post(const struct caller *caller, const char *target, const char *body_format, ...) {
    va_list args;
    va_start(args, body_format);
    CLEANUP(file_free_text_at) char *body = format_body(body_format, args);
    va_end(args);
    return post(caller, target, body);
}

static void want(const struct http_reply *reply, int status, const char *what) {
    if (reply->status != status)
        fail_test("%s was answered with\n%s", what, reply_text(reply));
}

struct http_reply caller_alloc(const struct caller *caller, const char *body_format, ...) {
    va_list args;
    va_start(args, body_format);
    CLEANUP(file_free_text_at) char *body = format_body(body_format, args);
    va_end(args);
    struct http_reply reply = post(caller, "/alloc", body);
    want(&reply, 200, body);
    return reply;
}

uint16_t caller_grant(const struct caller *caller, const char *body_format, ...) {
    va_list args;
    va_start(args, body_format);
    CLEANUP(file_free_text_at) char *body = format_body(body_format, args);
    va_end(args);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_alloc(caller, "%s", body);
    return (uint16_t)json_number_at(reply.json, "port");
}

void caller_release(const struct caller *caller, uint16_t port) {
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(caller, "/release", "{\"port\":%u}", port);
    want(&reply, 200, "A release");
}

struct http_reply caller_list(const struct caller *caller) {
    struct http_reply reply = caller_get(caller, "/list");
    want(&reply, 200, "GET /list");
    if (!cJSON_IsArray(reply.json))
        fail_test("GET /list is no array: %s", reply.body);
    return reply;
}

unsigned caller_count_leases(const struct caller *caller) {
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
    return (unsigned)cJSON_GetArraySize(list.json);
}

const cJSON *caller_find_lease(const struct http_reply *list, uint16_t port) {
    const cJSON *lease;
    cJSON_ArrayForEach(lease, list->json) {
        if (json_number_at(lease, "port") == port)
            return lease;
    }
    return NULL;
}

bool caller_sees_lease(const struct caller *caller, uint16_t port) {
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
    return caller_find_lease(&list, port) != NULL;
}

char *caller_digest(const struct caller *caller) {
    static const char *const moving[] = {"expires_at", "expires_in_seconds", "state", "kept_by"};
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
    cJSON *lease;
    cJSON_ArrayForEach(lease, list.json) {
        for (size_t i = 0; i < sizeof(moving) / sizeof(moving[0]); i++)
            cJSON_DeleteItemFromObjectCaseSensitive(lease, moving[i]);
    }
    char *digest = cJSON_PrintUnformatted(list.json);
    if (!digest)
        fail_test("out of memory");
    return digest;
}

const char *reply_text(const struct http_reply *reply) {
    if (reply->status == 0)
        return "the connection was closed";
    return reply->body_length > 0 ? reply->body : reply->head;
}

static bool is_sentence(const cJSON *json, const char *key) {
    const cJSON *text = json_at(json, key);
    return cJSON_IsString(text) && text->valuestring[0] != '\0';
}

bool reply_is_problem(const struct http_reply *reply, int status, const char *name) {
    char type[96];
    char content_type[64];
    snprintf(type, sizeof(type), "urn:portmanager:problem:%s", name);
    const cJSON *said = json_at(reply->json, "type");
    return reply->status == status && http_header(reply, "Content-Type", content_type, sizeof(content_type)) == 1 &&
           strcmp(content_type, "application/problem+json") == 0 && cJSON_IsString(said) &&
           strcmp(said->valuestring, type) == 0 && json_number_at(reply->json, "status") == (uint64_t)status &&
           is_sentence(reply->json, "title") && is_sentence(reply->json, "detail");
}
