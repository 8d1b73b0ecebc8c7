/*
 * A connection to one server. See connection.h.
 */
#include "cli/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/json.h"

static int finish_connect(int fd, const struct patience *patience) {
    int error = 0;
    socklen_t length = sizeof error;
    int r = patience_wait(fd, POLLOUT, patience);

    if (r < 0)
        return r;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -errno;
    return -error;
}

/* EAGAIN: the queue of a Unix socket is full, and nothing tells when it no longer is. */
int connection_open(const struct endpoint *endpoint, const struct patience *patience,
                    struct connection *ret_connection) {
    CLEANUP(fd_close_at)
    int fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r;

    if (fd < 0)
        return -errno;
    while (connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->length) < 0) {
        if (errno == EINPROGRESS) {
            r = finish_connect(fd, patience);
            if (r < 0)
                return r;
            break;
        }
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        r = patience_pause(5, patience);
        if (r < 0)
            return r;
    }
    *ret_connection = (struct connection){.fd = fd_take(&fd), .endpoint = endpoint};
    return 0;
}

/* The Host that portd demands on TCP is its own address; on the Unix socket any will do. */
static char *make_request(const struct endpoint *endpoint, const struct connection_request *request,
                          size_t *ret_length) {
    CLEANUP(json_free_text_at) char *body = request->body != NULL ? cJSON_PrintUnformatted(request->body) : NULL;
    const char *host = endpoint->address.ss_family == AF_UNIX ? "localhost" : endpoint->text;
    char extra[96] = "";
    char *text = NULL;
    int length;

    if (request->body != NULL && body == NULL)
        return NULL;
    if (body != NULL)
        snprintf(extra, sizeof extra, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    else if (request->resumes)
        snprintf(extra, sizeof extra, "Last-Event-ID: %llu\r\n", (unsigned long long)request->last_event_id);
    length = asprintf(&text,
                      "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: portctl/" PM_VERSION "\r\n"
                      "Accept: %s\r\nConnection: close\r\n%s\r\n%s",
                      body != NULL ? "POST" : "GET", request->target, host,
                      request->accept != NULL ? request->accept : "application/json", extra, body != NULL ? body : "");
    if (length < 0)
        return NULL;
    *ret_length = (size_t)length;
    return text;
}

/* A server that refuses a request early answers and closes, so a broken pipe is not the end: the answer is read. */
static int send_all(int fd, const char *data, size_t length, const struct patience *patience) {
    while (length > 0) {
        ssize_t n_sent = send(fd, data, length, MSG_NOSIGNAL);

        if (n_sent >= 0) {
            data += n_sent;
            length -= (size_t)n_sent;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return 0;
        } else if (errno == EAGAIN) {
            int r = patience_wait(fd, POLLOUT, patience);
            if (r < 0)
                return r;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static void free_text_at(char **text) {
    free(*text);
}

int connection_send(const struct connection *connection, const struct connection_request *request,
                    const struct patience *patience) {
    CLEANUP(free_text_at) char *text = NULL;
    size_t length = 0;

    text = make_request(connection->endpoint, request, &length);
    if (text == NULL)
        return -ENOMEM;
    return send_all(connection->fd, text, length, patience);
}
