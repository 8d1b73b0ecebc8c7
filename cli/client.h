/*
 * The client of portd's REST API: finds the server, makes sure that it is one to be trusted, asks one thing, and hands back
 * JSON or a problem.
 *
 * A connection serves one request: a command asks once or twice, and a heartbeat a minute is nothing to keep one open for.
 * The first server that answered is asked again and no other: a lease is not known anywhere else.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/connection.h"
#include "cli/output.h"
#include "cli/problem.h"
#include "cli/reply.h"
#include "probe/fd.h"

struct client;

/* Returns 0, or PROBLEM_E_SET: where to look for portd is said wrongly, or memory is short. Connects to nobody yet. */
int client_open(const struct options *options, struct client **ret_client, struct problem *problem);

/* NULL is allowed; returns NULL. */
struct client *client_close(struct client *client);

static inline void client_close_at(struct client **client) {
    *client = client_close(*client);
}

/* From here on, a call is given up when `fd` is readable; -1: never. The descriptor stays the caller's. Returns the one before. */
int client_set_interrupt(struct client *client, int fd);

/* From here on, a server that is known to live in another network namespace is told of on `output`, once: what it says of ports is not so here. NULL:
 * it is not told of. */
void client_tell_elsewhere(struct client *client, const struct output *output);

#define CLIENT_PATIENCE_MS 10000

#define CLIENT_E_INTERRUPTED 2

/* Connects, makes sure of the server, and hangs up: for those who must know client_shares_pids() before they ask. Returns
 * 0, CLIENT_E_INTERRUPTED or PROBLEM_E_SET. */
int client_meet(struct client *client, uint64_t patience_ms, struct problem *problem);

/* False if the server last met is known to live in another pid namespace: to it our pids mean nobody, or somebody else. */
bool client_shares_pids(const struct client *client);

/* The server last met, as the kernel knows it; 0: not known, as on TCP. */
pid_t client_server_pid(const struct client *client);

/* The address of the server that answered last, for a person; "" if none has. Valid as long as the client. */
const char *client_server(const struct client *client);

/*
 * Sends one request and waits for the answer, `patience_ms` in all. `body` NULL: a GET; else a POST of it.
 *
 * Returns 0 and *ret_reply, the caller's to free; CLIENT_E_INTERRUPTED (see client_set_interrupt(); the request may or may
 * not have been carried out); PROBLEM_E_SET: nobody answers, the wrong one answers, or portd says no (then
 * problem->status is not 0).
 */
int client_call(struct client *client, const char *target, const cJSON *body, uint64_t patience_ms, cJSON **ret_reply,
                struct problem *problem);

/*
 * The parts of a call, for those who read more than one answer from a connection (stream.h).
 *
 * client_connect() connects, and makes sure of the server. Returns 0 with a connection that the caller closes,
 * CLIENT_E_INTERRUPTED or PROBLEM_E_SET.
 */
int client_connect(struct client *client, uint64_t patience_ms, struct connection *ret_connection,
                   struct problem *problem);

/* A deadline so far from now, with the client's interrupt. */
struct patience client_patience(const struct client *client, uint64_t patience_ms);

/* Puts what reply_read() or connection_send() returned (not 0) into words. Returns CLIENT_E_INTERRUPTED or PROBLEM_E_SET. */
int client_tell_broken(const struct connection *connection, int r, uint64_t patience_ms, struct problem *problem);

/* From here on no other server than this one is asked. */
void client_keep_server(struct client *client, const struct connection *connection);

/* Judges an answer: JSON or none, a yes or a no, and keeps its server. Returns 0 or PROBLEM_E_SET. */
int client_take_reply(struct client *client, const struct connection *connection, const struct reply *reply,
                      cJSON **ret_reply, struct problem *problem);

/* Appends `text` to `target` (of `size` bytes), each byte escaped that a query does not take as it is (RFC 3986).
 * Returns 0 or -E2BIG. */
int client_escape_query(const char *text, char *target, size_t size);

#endif
