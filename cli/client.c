/*
 * The client of portd's REST API. See client.h.
 */
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/peer.h"
#include "cli/reply.h"
#include "src/base/json.h"
#include "src/base/text.h"

struct client {
    struct endpoints endpoints;
    const struct endpoint *found; /* the one that answered */
    int interrupt_fd;
    bool shares_pids;
    pid_t server_pid; /* of the one last met; 0: not known */
    const struct output
        *output; /* where a server of another network namespace is told of; NULL: nowhere, or it has been */
};

int client_open(const struct options *options, struct client **ret_client, struct problem *problem) {
    struct client *client = calloc(1, sizeof *client);
    int r;

    if (client == NULL)
        return problem_fill_memory(problem);
    r = endpoints_find(options, &client->endpoints, problem);
    if (r != 0) {
        client_close(client);
        return r;
    }
    client->interrupt_fd = -1;
    client->shares_pids = true;
    *ret_client = client;
    return 0;
}

struct client *client_close(struct client *client) {
    free(client);
    return NULL;
}

int client_set_interrupt(struct client *client, int fd) {
    int before = client->interrupt_fd;

    client->interrupt_fd = fd;
    return before;
}

void client_tell_elsewhere(struct client *client, const struct output *output) {
    client->output = output;
}

static void look_elsewhere(struct client *client) {
    if (client->output == NULL || !peer_is_elsewhere(client->server_pid))
        return;
    output_say(client->output, "portd is in another network namespace: what it says of ports is so there, not here");
    output_hint(client->output, "portctl doctor says how to have one here");
    client->output = NULL;
}

bool client_shares_pids(const struct client *client) {
    return client->shares_pids;
}

pid_t client_server_pid(const struct client *client) {
    return client->server_pid;
}

const char *client_server(const struct client *client) {
    return client->found != NULL ? client->found->text : "";
}

/* How a portd would be started that listens there. */
static int hint_at_start(const struct client *client, const struct endpoint *endpoint, struct problem *problem) {
    if (!client->endpoints.explicit_ones)
        return problem_set_hint(problem, "start it with: portd");
    if (endpoint->address.ss_family == AF_UNIX)
        return problem_set_hint(problem, "start it with: portd --socket %s", endpoint->text);
    return problem_set_hint(problem, "start it with: portd --port %s", strrchr(endpoint->text, ':') + 1);
}

/* Then its usual place was not looked at. */
static bool lacks_home(void) {
    const char *home = getenv("HOME");

    return home == NULL || home[0] != '/';
}

static int tell_unreachable(const struct client *client, const struct endpoint *endpoint, int error,
                            struct problem *problem) {
    bool forbidden = error == EACCES || error == EPERM;

    if (client->endpoints.explicit_ones || forbidden)
        problem_fill(problem, EXIT_UNREACHABLE, "portd-not-reachable", "portd %s: %s: %s",
                     forbidden ? "cannot be reached" : "is not running", endpoint->text, strerror(error));
    else
        problem_fill(problem, EXIT_UNREACHABLE, "portd-not-reachable", "portd is not running%s",
                     lacks_home() ? ", or it is in a home folder: HOME is not set" : "");
    if (!client->endpoints.explicit_ones && !forbidden && lacks_home())
        return problem_set_hint(problem, "say where it is: portctl --socket PATH");
    return forbidden ? PROBLEM_E_SET : hint_at_start(client, endpoint, problem);
}

static bool nobody_there(int r) {
    return r == -ENOENT || r == -ENOTDIR || r == -ECONNREFUSED || r == -EACCES || r == -EPERM || r == -EAFNOSUPPORT ||
           r == -EADDRNOTAVAIL || r == -ENETUNREACH || r == -ENOTSOCK || r == -EPROTOTYPE;
}

static int tell_failure(const struct endpoint *endpoint, int r, uint64_t patience_ms, struct problem *problem) {
    if (r == -ETIMEDOUT)
        return problem_fill(problem, EXIT_UNREACHABLE, "portd-not-reachable",
                            "portd at %s has not answered for %llu seconds", endpoint->text,
                            (unsigned long long)(patience_ms + 999) / 1000);
    return problem_fill(problem, EXIT_UNREACHABLE, "portd-not-reachable", "portd at %s cannot be asked: %s",
                        endpoint->text, strerror(-r));
}

/* Nobody at one place: the next is tried. A server that is there and does not answer is not passed over: another portd
 * would know nothing of the leases that were meant. */
static int connect_any(const struct client *client, const struct patience *patience, uint64_t patience_ms,
                       struct connection *ret_connection, struct problem *problem) {
    const struct endpoint *first = client->found != NULL ? client->found : client->endpoints.items;
    size_t n = client->found != NULL ? 1 : client->endpoints.n_items;
    const struct endpoint *told = first;
    int error = ENOENT;

    for (size_t i = 0; i < n; i++) {
        int r = connection_open(&first[i], patience, ret_connection);

        if (r == 0)
            return 0;
        if (r == -EINTR)
            return CLIENT_E_INTERRUPTED;
        if (!nobody_there(r))
            return tell_failure(&first[i], r, patience_ms, problem);
        if (i == 0 || r == -EACCES || r == -EPERM) {
            told = &first[i];
            error = -r;
        }
    }
    return tell_unreachable(client, told, error, problem);
}

static int refuse_server(const struct endpoint *endpoint, uid_t uid, struct problem *problem) {
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];

    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        problem_fill(problem, EXIT_UNREACHABLE, "untrusted-server",
                     "the server at %s is run by %s (uid %u), who is neither you nor root nor %s: it may not be portd",
                     endpoint->text, found->pw_name, (unsigned)uid, PEER_SYSTEM_USER);
    else
        problem_fill(problem, EXIT_UNREACHABLE, "untrusted-server",
                     "the server at %s is run by uid %u, who is neither you nor root nor %s: it may not be portd",
                     endpoint->text, (unsigned)uid, PEER_SYSTEM_USER);
    return problem_set_hint(problem, "start a portd of your own, on a Unix socket alone: portd --port 0");
}

static int check_server(struct client *client, const struct connection *connection, const struct patience *patience,
                        uint64_t patience_ms, struct problem *problem) {
    struct peer peer;
    int r = peer_identify(connection->fd, patience, &peer);

    if (r == -EINTR)
        return CLIENT_E_INTERRUPTED;
    if (r == PEER_E_UNKNOWN)
        return problem_fill(problem, EXIT_UNREACHABLE, "untrusted-server",
                            "the server at %s closed the connection before it could be told who it is",
                            connection->endpoint->text);
    if (r < 0)
        return tell_failure(connection->endpoint, r, patience_ms, problem);
    if (!peer_is_trusted(peer.uid))
        return refuse_server(connection->endpoint, peer.uid, problem);
    client->shares_pids = connection->endpoint->address.ss_family != AF_UNIX || peer.pid != 0;
    client->server_pid = peer.pid;
    look_elsewhere(client);
    return 0;
}

static int exchange(const struct connection *connection, const char *target, const cJSON *body,
                    const struct patience *patience, struct reply *ret_reply) {
    const struct connection_request request = {.target = target, .body = body};
    int r = connection_send(connection, &request, patience);

    if (r < 0)
        return r;
    return reply_read(connection->fd, patience, ret_reply);
}

static int refuse_reply(const struct endpoint *endpoint, const char *reason, struct problem *problem) {
    return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "what answers at %s is no portd: %s", endpoint->text,
                        reason);
}

int client_tell_broken(const struct connection *connection, int r, uint64_t patience_ms, struct problem *problem) {
    if (r == -EINTR)
        return CLIENT_E_INTERRUPTED;
    if (r == REPLY_E_MALFORMED)
        return refuse_reply(connection->endpoint, "its answer is not HTTP, or without end", problem);
    if (r == REPLY_E_CUT_SHORT)
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "the answer of portd at %s broke off",
                            connection->endpoint->text);
    return tell_failure(connection->endpoint, r, patience_ms, problem);
}

void client_keep_server(struct client *client, const struct connection *connection) {
    client->found = connection->endpoint;
}

/* portd's every answer is a JSON document. A status of 3xx or an HTML page comes from something else. */
int client_take_reply(struct client *client, const struct connection *connection, const struct reply *reply,
                      cJSON **ret_reply, struct problem *problem) {
    const struct endpoint *endpoint = connection->endpoint;
    struct json_error error;
    cJSON *json = NULL;
    int r;

    client_keep_server(client, connection);
    if (!reply->is_json)
        return refuse_reply(endpoint, "its answer is not JSON", problem);
    r = json_parse(reply->body != NULL ? reply->body : "", reply->length, &json, &error);
    if (r == JSON_E_MALFORMED)
        return refuse_reply(endpoint, error.reason, problem);
    if (r < 0)
        return problem_fill_memory(problem);
    if (reply->status >= 400)
        return problem_fill_reply(problem, reply->status, json);
    if (reply->status >= 300) {
        cJSON_Delete(json);
        return refuse_reply(endpoint, "it sends us somewhere else", problem);
    }
    *ret_reply = json;
    return 0;
}

struct patience client_patience(const struct client *client, uint64_t patience_ms) {
    return (struct patience){.deadline_ms = patience_now_ms() + patience_ms, .interrupt_fd = client->interrupt_fd};
}

int client_connect(struct client *client, uint64_t patience_ms, struct connection *ret_connection,
                   struct problem *problem) {
    const struct patience patience = client_patience(client, patience_ms);
    CLEANUP(connection_close_at) struct connection connection = {.fd = -1};
    int r = connect_any(client, &patience, patience_ms, &connection, problem);

    if (r == 0)
        r = check_server(client, &connection, &patience, patience_ms, problem);
    if (r != 0)
        return r;
    *ret_connection = connection;
    connection.fd = -1;
    return 0;
}

int client_meet(struct client *client, uint64_t patience_ms, struct problem *problem) {
    CLEANUP(connection_close_at) struct connection connection = {.fd = -1};

    return client_connect(client, patience_ms, &connection, problem);
}

int client_call(struct client *client, const char *target, const cJSON *body, uint64_t patience_ms, cJSON **ret_reply,
                struct problem *problem) {
    const struct patience patience = client_patience(client, patience_ms);
    CLEANUP(connection_close_at) struct connection connection = {.fd = -1};
    CLEANUP(reply_deinit) struct reply reply = {0};
    int r = client_connect(client, patience_ms, &connection, problem);

    if (r != 0)
        return r;
    r = exchange(&connection, target, body, &patience, &reply);
    if (r != 0)
        return client_tell_broken(&connection, r, patience_ms, problem);
    return client_take_reply(client, &connection, &reply, ret_reply, problem);
}

int client_escape_query(const char *text, char *target, size_t size) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t used = strlen(target);

    for (; *text != '\0'; text++) {
        bool plain = strchr(unreserved, *text) != NULL;

        if (size - used < 4)
            return -E2BIG;
        if (plain)
            target[used++] = *text;
        else
            used += (size_t)snprintf(target + used, size - used, "%%%02X", (unsigned char)*text);
        target[used] = '\0';
    }
    return 0;
}
