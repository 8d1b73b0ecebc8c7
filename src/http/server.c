/*
 * Accepting, and the drive of libmicrohttpd's epoll descriptor. What becomes of a request is in exchange.c.
 */
#include "src/http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "probe/fd.h"
#include "src/base/log.h"
#include "src/http/caller.h"
#include "src/http/client.h"
#include "src/http/exchange.h"
#include "src/http/waiting.h"

#define LISTENERS_MAX 4

/* An idle connection is closed after so many seconds. */
#define IDLE_SECONDS 30

/*
 * Since 1.0 libmicrohttpd keeps a connection that is added back for a thread of its own unless it is told that there is none; then
 * its start is told too late for admit(). And it has become able to refuse by itself, if asked to be strict, what no
 * sound client sends; 0.9 cannot tell half of it, so the guard looks too (docs/decisions/0002-header-bytes.md).
 */
#if MHD_VERSION >= 0x01000000
#define MHD_FLAGS      (MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_THREAD_SAFETY)
#define MHD_DISCIPLINE 1
#else
#define MHD_FLAGS      (MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME)
#define MHD_DISCIPLINE 0
#endif

/* One dispatch accepts so many and then lets the others have a turn. */
#define ACCEPT_BURST 64

/* How long to wait with accept() after it ran out of descriptors or memory: it would fail again at once. */
#define ACCEPT_PAUSE_US UINT64_C(100000)

struct server_listener {
    struct server *server;
    int fd;
    enum api_transport transport;
    sd_event_source *source;
};

struct server {
    sd_event *event;
    struct sock_diag *diag;
    struct MHD_Daemon *mhd;
    struct waiting waiting;
    sd_event_source *mhd_ready;
    sd_event_source *mhd_timeout;
    sd_event_source *accept_pause;
    sd_event_source *wake_due; /* the time of somebody who waits has come */
    struct server_listener listeners[LISTENERS_MAX];
    size_t n_listeners;
    struct client_counts counts;
    struct client *accepted; /* on its way through MHD_add_connection() */
};

static int run_mhd(struct server *server) {
    if (MHD_run(server->mhd) != MHD_YES)
        log_error("libmicrohttpd could not run");
    return 0;
}

static int on_mhd_ready(sd_event_source *source, int fd, uint32_t events, void *context) {
    (void)source;
    (void)fd;
    (void)events;
    return run_mhd(context);
}

static int on_mhd_timeout(sd_event_source *source, uint64_t now_us, void *context) {
    (void)source;
    (void)now_us;
    return run_mhd(context);
}

/* Before the loop waits: when does libmicrohttpd want to run again by itself, and who waits for a time? */
static int before_wait(sd_event_source *source, void *context) {
    struct server *server = context;
    uint64_t due_ms = waiting_due_ms(&server->waiting);
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    (void)source;
    if (due_ms != UINT64_MAX)
        sd_event_source_set_time(server->wake_due, due_ms * 1000);
    sd_event_source_set_enabled(server->wake_due, due_ms != UINT64_MAX ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
    if (MHD_get_timeout(server->mhd, &timeout_ms) != MHD_YES)
        return sd_event_source_set_enabled(server->mhd_timeout, SD_EVENT_OFF);
    sd_event_source_set_time_relative(server->mhd_timeout, timeout_ms * 1000);
    return sd_event_source_set_enabled(server->mhd_timeout, SD_EVENT_ONESHOT);
}

static int on_wake(sd_event_source *source, void *context) {
    struct server *server = context;

    (void)source;
    waiting_wake(&server->waiting);
    return run_mhd(server);
}

static int on_wake_due(sd_event_source *source, uint64_t now_us, void *context) {
    (void)now_us;
    return on_wake(source, context);
}

void server_wake(struct server *server) {
    if (server == NULL)
        return;
    port_versions_note(&server->waiting.api->versions);
    if (server->waiting.first != NULL)
        sd_event_source_set_enabled(server->waiting.wake, SD_EVENT_ONESHOT);
}

static void enable_accept(struct server *server, int enabled) {
    for (size_t i = 0; i < server->n_listeners; i++)
        sd_event_source_set_enabled(server->listeners[i].source, enabled);
}

static int on_accept_pause_over(sd_event_source *source, uint64_t now_us, void *context) {
    (void)source;
    (void)now_us;
    enable_accept(context, SD_EVENT_ON);
    return 0;
}

static void pause_accept(struct server *server) {
    log_warning("no connection can be accepted: %s", strerror(errno));
    enable_accept(server, SD_EVENT_OFF);
    sd_event_source_set_time_relative(server->accept_pause, ACCEPT_PAUSE_US);
    sd_event_source_set_enabled(server->accept_pause, SD_EVENT_ONESHOT);
}

/* libmicrohttpd's word that a connection has begun or ended; `context` of a connection is its struct client. */
static void on_connection(void *context, struct MHD_Connection *connection, void **connection_context,
                          enum MHD_ConnectionNotificationCode code) {
    struct server *server = context;

    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *connection_context = server->accepted;
        server->accepted = NULL;
    } else {
        *connection_context = client_free(*connection_context);
    }
}

static void admit(struct server *server, int accepted, enum api_transport transport) {
    CLEANUP(fd_close_at) int fd = accepted;
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    socklen_t length = sizeof address;
    struct api_caller caller;
    int r = caller_find(server->diag, fd, transport, &caller);

    if (r < 0) {
        log_warning("a connection was refused, because the kernel could not be asked whose it is: %s", strerror(-r));
        return;
    }
    if (getpeername(fd, (struct sockaddr *)&address, &length) < 0)
        return; /* gone already */
    server->accepted = client_new(&server->counts, transport, &caller);
    /* A client that comes again and again is often accepted before libmicrohttpd has seen that it closed its last connection:
     * first it looks at what its sockets say, then it lets go of those that are closed. */
    for (int i = 0; i < 2 && server->accepted == NULL; i++) {
        run_mhd(server);
        server->accepted = client_new(&server->counts, transport, &caller);
    }
    if (server->accepted == NULL) {
        log_debug("a connection was refused: uid %u has %d open", (unsigned)caller.uid, SERVER_CONNECTIONS_PER_UID);
        return;
    }
    /* It closes the socket if it fails. */
    if (MHD_add_connection(server->mhd, fd_take(&fd), (const struct sockaddr *)&address, length) != MHD_YES)
        log_warning("a connection was refused: %s", strerror(errno));
    server->accepted = client_free(server->accepted); /* NULL if it has begun */
}

static int on_listener_ready(sd_event_source *source, int listener_fd, uint32_t events, void *context) {
    struct server_listener *listener = context;

    (void)source;
    (void)events;
    for (int i = 0; i < ACCEPT_BURST; i++) {
        int fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            admit(listener->server, fd, listener->transport);
            continue;
        }
        if (errno == EAGAIN)
            break;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accept(listener->server);
            break;
        }
        /* ECONNABORTED and the like are one client's trouble (accept(2)). */
    }
    return 0;
}

static int start_mhd(struct server *server) {
    const union MHD_DaemonInfo *info;
    int r;

    server->mhd = MHD_start_daemon(MHD_FLAGS, 0, NULL, NULL, exchange_handle, &server->waiting,
                                   MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, NULL, MHD_OPTION_NOTIFY_COMPLETED,
                                   exchange_end, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
                                   MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
                                   (unsigned)8192, MHD_OPTION_STRICT_FOR_CLIENT, MHD_DISCIPLINE, MHD_OPTION_END);
    if (server->mhd == NULL)
        return -ENOMEM;
    info = MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL)
        return -ENOTSUP;
    r = sd_event_add_io(server->event, &server->mhd_ready, info->epoll_fd, EPOLLIN, on_mhd_ready, server);
    if (r >= 0)
        r = sd_event_source_set_prepare(server->mhd_ready, before_wait);
    return r;
}

static void server_free_at(struct server **server) {
    *server = server_free(*server);
}

/* The sources that are off until they are needed. */
static int add_timers(struct server *server) {
    sd_event *event = server->event;
    int r = sd_event_add_time_relative(event, &server->mhd_timeout, CLOCK_MONOTONIC, 0, 1000, on_mhd_timeout, server);

    if (r >= 0)
        r = sd_event_source_set_enabled(server->mhd_timeout, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &server->accept_pause, CLOCK_MONOTONIC, 0, 0, on_accept_pause_over,
                                       server);
    if (r >= 0)
        r = sd_event_source_set_enabled(server->accept_pause, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &server->wake_due, CLOCK_MONOTONIC, 0, 1000, on_wake_due, server);
    if (r >= 0)
        r = sd_event_source_set_enabled(server->wake_due, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_defer(event, &server->waiting.wake, on_wake, server);
    if (r >= 0)
        r = sd_event_source_set_enabled(server->waiting.wake, SD_EVENT_OFF);
    return r;
}

int server_new(sd_event *event, struct api *api, struct sock_diag *diag, struct server **ret_server) {
    CLEANUP(server_free_at) struct server *server = calloc(1, sizeof *server);
    int r;

    if (server == NULL)
        return -ENOMEM;
    server->event = sd_event_ref(event);
    server->waiting = (struct waiting){.api = api, .event = event};
    server->diag = diag;
    r = add_timers(server);
    if (r >= 0)
        r = start_mhd(server);
    if (r < 0)
        return r;
    *ret_server = server;
    server = NULL;
    return 0;
}

struct server *server_free(struct server *server) {
    if (server == NULL)
        return NULL;
    for (size_t i = 0; i < server->n_listeners; i++) {
        sd_event_source_disable_unref(server->listeners[i].source);
        fd_close_at(&server->listeners[i].fd);
    }
    sd_event_source_disable_unref(server->mhd_ready);
    sd_event_source_disable_unref(server->mhd_timeout);
    sd_event_source_disable_unref(server->accept_pause);
    sd_event_source_disable_unref(server->waiting.wake);
    sd_event_source_disable_unref(server->wake_due);
    waiting_resume_all(&server->waiting); /* else MHD_stop_daemon() aborts */
    if (server->mhd != NULL)
        MHD_stop_daemon(server->mhd);
    client_counts_deinit(&server->counts);
    sd_event_unref(server->event);
    free(server);
    return NULL;
}

int server_add_listener(struct server *server, int fd, enum api_transport transport) {
    struct server_listener *listener = &server->listeners[server->n_listeners];
    int r = -ENOSPC;

    if (server->n_listeners < LISTENERS_MAX) {
        *listener = (struct server_listener){.server = server, .fd = fd, .transport = transport};
        r = sd_event_add_io(server->event, &listener->source, fd, EPOLLIN, on_listener_ready, listener);
    }
    if (r < 0) {
        fd_close_at(&fd);
        return r;
    }
    server->n_listeners++;
    return 0;
}
