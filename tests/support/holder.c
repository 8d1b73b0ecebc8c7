/*
 * Each holder is a child process that opens its sockets, reports its port over a socket pair, and ends when that is
 * closed at the other end. That works where no signal would: when the test has died, or has become another user. The
 * child cleans nothing up that it does not have to close: its end does.
 */
#include "tests/support/holder.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "probe/fd.h"
#include "tests/support/tcp.h"

const struct holder_spec holder_specs[] = {
    {"a listener on 127.0.0.1", HOLDER_LISTENS, "127.0.0.1", .reuse_address = true, .state = LISTENER_LISTEN},
    {"a listener on 127.0.0.2", HOLDER_LISTENS, "127.0.0.2", .reuse_address = true, .state = LISTENER_LISTEN},
    {"a listener on 0.0.0.0", HOLDER_LISTENS, "0.0.0.0", .reuse_address = true, .state = LISTENER_LISTEN},
    {"a listener on ::1", HOLDER_LISTENS, "::1", .reuse_address = true, .state = LISTENER_LISTEN},
    {"a listener on ::", HOLDER_LISTENS, "::", .reuse_address = true, .state = LISTENER_LISTEN},
    {"a listener on :: for IPv6 only", HOLDER_LISTENS, "::", .v6only = true, .reuse_address = true,
     .state = LISTENER_LISTEN},
    {"a listener on ::ffff:127.0.0.1", HOLDER_LISTENS, "::ffff:127.0.0.1", .reuse_address = true,
     .state = LISTENER_LISTEN},
    {"a listener without SO_REUSEADDR", HOLDER_LISTENS, "127.0.0.1", .state = LISTENER_LISTEN},
    {"another user's listener", HOLDER_LISTENS, "127.0.0.1", .uid = HOLDER_OTHER_UID, .state = LISTENER_LISTEN},
    {"two listeners with SO_REUSEPORT", HOLDER_LISTENS, "127.0.0.1", .n_sockets = 2, .reuse_port = true,
     .state = LISTENER_LISTEN},
    {"a bound socket that does not listen", HOLDER_BINDS, "127.0.0.1", .state = LISTENER_BOUND},
    {"a bound socket with SO_REUSEADDR that does not listen", HOLDER_BINDS, "127.0.0.1", .reuse_address = true,
     .state = LISTENER_BOUND},
    {"a bound socket on :: with SO_REUSEADDR that does not listen", HOLDER_BINDS, "::", .reuse_address = true,
     .state = LISTENER_BOUND},
    {"a connected socket's own port", HOLDER_CONNECTS, "127.0.0.1", .state = LISTENER_CONNECTED},
    {"a connected IPv6 socket's own port", HOLDER_CONNECTS, "::1", .state = LISTENER_CONNECTED},
    {"an open connection whose listener is gone", HOLDER_SERVES, "127.0.0.1", .reuse_address = true,
     .free_for_exact = true, .outlives_its_process = true, .state = LISTENER_CONNECTED},
    {"nothing but TIME_WAIT", HOLDER_TIME_WAIT, "127.0.0.1", .reuse_address = true, .free_for_exact = true,
     .outlives_its_process = true, .state = LISTENER_TIME_WAIT},
    {"nothing but TIME_WAIT over IPv6", HOLDER_TIME_WAIT, "::1", .reuse_address = true, .free_for_exact = true,
     .outlives_its_process = true, .state = LISTENER_TIME_WAIT},
    {"TIME_WAIT of a server without SO_REUSEADDR", HOLDER_TIME_WAIT, "127.0.0.1", .outlives_its_process = true,
     .state = LISTENER_TIME_WAIT},
    {"nothing but orphaned connections", HOLDER_ORPHANS, "127.0.0.1", .reuse_address = true, .free_for_exact = true,
     .outlives_its_process = true, .state = LISTENER_ORPHAN},
    {"orphaned connections of a server without SO_REUSEADDR", HOLDER_ORPHANS, "127.0.0.1", .outlives_its_process = true,
     .state = LISTENER_ORPHAN},
};
const size_t n_holder_specs = sizeof(holder_specs) / sizeof(holder_specs[0]);

/* ---- in the child: sockets; each function returns a descriptor, or 0, or -errno ---- */

static int family_of(const struct holder_spec *spec) {
    return strchr(spec->address, ':') ? AF_INET6 : AF_INET;
}

static int set_options(int fd, const struct holder_spec *spec) {
    const int on = 1;
    const int v6only = spec->v6only;
    if (family_of(spec) == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) < 0)
        return -errno;
    if (spec->reuse_address && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (spec->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return -errno;
    return 0;
}

static int bind_socket(const struct holder_spec *spec, uint16_t port) {
    const int fd = socket(family_of(spec), SOCK_STREAM, 0);
    if (fd < 0)
        return -errno;
    int r = set_options(fd, spec);
    if (r < 0)
        return r;
    const union tcp_address address = tcp_make_address(spec->address, port);
    return bind(fd, &address.generic, sizeof(address)) < 0 ? -errno : fd;
}

static int listen_socket(const struct holder_spec *spec, uint16_t port) {
    const int fd = bind_socket(spec, port);
    if (fd >= 0 && listen(fd, 16) < 0)
        return -errno;
    return fd;
}

/* A pair of connected sockets. client_port 0: an ephemeral one, by connect() alone. */
static int connect_pair(const struct holder_spec *spec, int server, uint16_t client_port, int *ret_client,
                        int *ret_accepted) {
    const struct holder_spec plain = {.address = spec->address};
    const int client = client_port ? bind_socket(&plain, client_port) : socket(family_of(spec), SOCK_STREAM, 0);
    if (client < 0)
        return client_port ? client : -errno;
    const union tcp_address address = tcp_make_address(spec->address, tcp_port_of(server));
    if (connect(client, &address.generic, sizeof(address)) < 0)
        return -errno;
    *ret_accepted = accept(server, NULL, NULL);
    if (*ret_accepted < 0)
        return -errno;
    *ret_client = client;
    return 0;
}

/* ---- in the child: one function a kind; each returns the port that is held, or -errno ---- */

static int hold_sockets(const struct holder_spec *spec) {
    uint16_t port = spec->port;
    const unsigned n_sockets = spec->n_sockets ? spec->n_sockets : 1;
    for (unsigned i = 0; i < n_sockets; i++) {
        const int fd = spec->kind == HOLDER_LISTENS ? listen_socket(spec, port) : bind_socket(spec, port);
        if (fd < 0)
            return fd;
        port = tcp_port_of(fd);
    }
    return port;
}

static int hold_client(const struct holder_spec *spec) {
    const int server = listen_socket(spec, 0);
    if (server < 0)
        return server;
    int client;
    int accepted;
    int r = connect_pair(spec, server, spec->port, &client, &accepted);
    if (r < 0)
        return r;
    /* To be reset when it ends, so that no TIME_WAIT holds the port on. */
    const struct linger reset = {.l_onoff = 1};
    if (setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
        return -errno;
    if (setsockopt(accepted, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
        return -errno;
    return tcp_port_of(client);
}

static int hold_connection(const struct holder_spec *spec) {
    const int server = listen_socket(spec, spec->port);
    if (server < 0)
        return server;
    const uint16_t port = tcp_port_of(server);
    int client;
    int accepted;
    int r = connect_pair(spec, server, 0, &client, &accepted);
    if (r < 0)
        return r;
    close(server);
    return port;
}

static int leave_time_wait(const struct holder_spec *spec) {
    const int server = listen_socket(spec, spec->port);
    if (server < 0)
        return server;
    const uint16_t port = tcp_port_of(server);
    int client;
    int accepted;
    int r = connect_pair(spec, server, 0, &client, &accepted);
    if (r < 0)
        return r;
    close(accepted);
    /* Only a client that has seen the end before it closes leaves TIME_WAIT to the server alone. */
    char byte;
    if (read(client, &byte, 1) != 0)
        return -EPROTO;
    close(client);
    close(server);
    return port;
}

/* Writes until the peer, who does not read, takes no more. */
static void stuff(int fd) {
    static const char block[65536];
    while (send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue;
}

static int leave_orphans(const struct holder_spec *spec) {
    const int server = listen_socket(spec, spec->port);
    if (server < 0)
        return server;
    const uint16_t port = tcp_port_of(server);
    for (int i = 0; i < 2; i++) {
        int client;
        int accepted;
        int r = connect_pair(spec, server, 0, &client, &accepted);
        if (r < 0)
            return r;
        /* The second has data to deliver still, and so stays in FIN_WAIT1; the first goes on to FIN_WAIT2. */
        if (i == 1)
            stuff(accepted);
        close(accepted);
    }
    close(server);
    return port;
}

static int hold(const struct holder_spec *spec) {
    switch (spec->kind) {
    case HOLDER_LISTENS:
    case HOLDER_BINDS:
        return hold_sockets(spec);
    case HOLDER_CONNECTS:
        return hold_client(spec);
    case HOLDER_SERVES:
        return hold_connection(spec);
    case HOLDER_TIME_WAIT:
        return leave_time_wait(spec);
    case HOLDER_ORPHANS:
        return leave_orphans(spec);
    }
    return -EINVAL;
}

/* ---- the child ---- */

static int become(uid_t uid) {
    if (uid == 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    return 0;
}

static _Noreturn void run_child(const struct holder_spec *spec, int line) {
    /* Whatever else the test has open, a pipe to the daemon or another holder's line, must not stay open by this
     * process. */
    dup2(line, STDERR_FILENO + 1);
    line = STDERR_FILENO + 1;
    close_range((unsigned)line + 1, ~0U, 0);
    prctl(PR_SET_NAME, "holder");

    int answer = become(spec->uid);
    if (answer == 0)
        answer = hold(spec);
    if (send(line, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer) || answer < 0)
        _exit(EXIT_FAILURE);
    char byte;
    while (recv(line, &byte, 1, 0) < 0 && errno == EINTR)
        continue;
    _exit(EXIT_SUCCESS);
}

int holder_open(const struct holder_spec *spec, struct holder *ret_holder) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    CLEANUP(fd_close_at) int our_end = ends[0];
    CLEANUP(fd_close_at) int its_end = ends[1];

    const pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child == 0)
        run_child(spec, its_end);
    close(fd_take(&its_end));

    int answer;
    if (recv(our_end, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
        answer = -EPIPE;
    struct holder holder = {.pid = child, .uid = spec->uid ? spec->uid : geteuid(), .line = fd_take(&our_end)};
    if (answer < 0) {
        holder_close(&holder);
        return answer;
    }
    holder.port = (uint16_t)answer;
    *ret_holder = holder;
    return 0;
}

void holder_close(struct holder *holder) {
    if (holder->pid > 0) {
        close(holder->line);
        while (waitpid(holder->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    *holder = (struct holder){0};
}
