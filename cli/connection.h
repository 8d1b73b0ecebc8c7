/*
 * A connection to one server, and a request sent over it: what a single call and a stream of events have in common. Whether
 * the server is one to be trusted is the client's to find out (client.h).
 */
#ifndef CLI_CONNECTION_H
#define CLI_CONNECTION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/endpoint.h"
#include "cli/patience.h"
#include "probe/fd.h"

struct connection {
    int fd; /* -1: none */
    const struct endpoint *endpoint;
};

/* Hangs up, if there is a connection. */
static inline void connection_close_at(struct connection *connection) {
    fd_close_at(&connection->fd);
}

/* Returns 0, what patience_wait() returns, or another -errno of connect(2). `endpoint` must outlive the connection. */
int connection_open(const struct endpoint *endpoint, const struct patience *patience,
                    struct connection *ret_connection);

struct connection_request {
    const char *target;
    const cJSON *body;  /* NULL: a GET; else a POST of it */
    const char *accept; /* NULL: JSON */
    bool resumes;       /* a stream of events that goes on behind `last_event_id` */
    uint64_t last_event_id;
};

/* Sends one request, the only one of this connection. A server that hangs up meanwhile may have answered, so that is no
 * failure. Returns 0, what patience_wait() returns, or another -errno. */
int connection_send(const struct connection *connection, const struct connection_request *request,
                    const struct patience *patience);

#endif
