/*
 * POST /stop: signals the process that listens on a port, and answers when the port is free. What may be signalled is decided by
 * probe/process_stop.h, on what the kernel shows at that moment; nothing of the snapshot is trusted for it.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "probe/process_stop.h"
#include "src/api/answer.h"
#include "src/api/body.h"
#include "src/api/listener_json.h"
#include "src/api/problem.h"
#include "src/api/routes.h"
#include "src/base/log.h"

/* From 2^53 on a JSON number is not exact. */
#define START_TIME_MAX ((UINT64_C(1) << 53) - 1)

#define WAIT_MS 1000

/* A signal that was sent, until its answer. */
struct stopping {
    struct api_later later; /* first: the one is the other */
    struct process_stop stop;
    struct api_caller caller;
    char process[PROCESS_NAME_MAX]; /* "": not known */
    int pidfd;
    bool is_waiting; /* the first try was in vain */
};

static void stopping_free(struct api_later *later) {
    struct stopping *stopping = (struct stopping *)later;

    fd_close_at(&stopping->pidfd);
    free(stopping);
}

static bool has_ended(int pidfd) {
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 1;
}

static bool somebody_listens(const struct snapshot *snapshot, uint16_t port) {
    size_t first = 0;
    size_t n_found = snapshot_find_port(snapshot, port, &first);

    for (size_t i = 0; i < n_found; i++)
        if (snapshot->items[first + i].listener.state == LISTENER_LISTEN)
            return true;
    return false;
}

static bool stopping_try(struct api *api, struct api_later *later, struct api_response *response) {
    struct stopping *stopping = (struct stopping *)later;
    bool is_over = clock_read(&api->clock).monotonic_ms >= later->until_ms;
    /* In between the background probe's readings will do: it hears of the process's end at once. */
    const struct snapshot *snapshot = stopping->is_waiting && !is_over ? api_last_reading(api) : api_read(api);
    uint16_t port = stopping->stop.port;
    /* An incomplete reading proves no absence. */
    bool freed = snapshot->complete && !somebody_listens(snapshot, port);
    cJSON *json;

    stopping->is_waiting = true;
    if (!freed && !is_over)
        return false;
    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "port", port);
    cJSON_AddNumberToObject(json, "pid", stopping->stop.pid);
    json_add_text_or_null(json, "process", stopping->process[0] != '\0' ? stopping->process : NULL);
    cJSON_AddStringToObject(json, "signal", process_signal_name(stopping->stop.signal));
    cJSON_AddBoolToObject(json, "freed", freed);
    cJSON_AddBoolToObject(json, "ended", has_ended(stopping->pidfd));
    cJSON_AddItemToObject(json, "listeners", port_to_json(api, &stopping->caller, snapshot, port));
    answer_ok(response, json);
    return true;
}

/* The name under which it was last seen; for showing only. */
static void find_name(const struct snapshot *snapshot, const struct process_stop *stop, char *ret_name) {
    const struct sighting *sighting = snapshot_find_inode(snapshot, stop->port, stop->inode);

    for (size_t i = 0; sighting != NULL && i < sighting->n_owners; i++)
        if (sighting->owners[i]->id.pid == stop->pid)
            memcpy(ret_name, sighting->owners[i]->name, PROCESS_NAME_MAX);
}

static void refuse_unheard(struct api *api, const struct process_stop *stop, struct api_response *response) {
    if (somebody_listens(api_read(api), stop->port))
        problem_set(response, PROBLEM_STALE_PROCESS, "look again: portctl who",
                    "The socket %" PRIu32 " does not listen on port %u any more; another one does.", stop->inode,
                    stop->port);
    else
        problem_set(response, PROBLEM_NOT_LISTENING, NULL, "Nobody listens on port %u.", stop->port);
}

static void refuse(struct api *api, const struct process_stop *stop, int code, struct api_response *response) {
    static const char use_portctl[] = "portctl stop signals with your own rights";
    int pid = (int)stop->pid;

    switch (code) {
    case STOP_E_PROTECTED:
        problem_set(response, PROBLEM_PROTECTED_PROCESS, NULL,
                    "Process %d is never signalled: it is the first process, portd itself, or a kernel thread.", pid);
        return;
    case STOP_E_GONE:
        problem_set(response, PROBLEM_STALE_PROCESS, "look again: portctl who",
                    "The process %d that was seen on port %u has ended.", pid, stop->port);
        return;
    case STOP_E_NOT_LISTENING:
        refuse_unheard(api, stop, response);
        return;
    case STOP_E_NOT_OWNER:
        problem_set(response, PROBLEM_STALE_PROCESS, "look again: portctl who",
                    "Process %d is not one that listens on port %u with the socket %" PRIu32 ".", pid, stop->port,
                    stop->inode);
        return;
    case STOP_E_NOT_ALLOWED:
        problem_set(response, PROBLEM_NOT_YOUR_PROCESS, NULL, "Process %d is another user's.", pid);
        return;
    case STOP_E_UNREADABLE:
        problem_set(response, PROBLEM_MAY_NOT_SIGNAL, use_portctl,
                    "portd runs as uid %u and may not see whether process %d has the socket open.", (unsigned)api->uid,
                    pid);
        return;
    case STOP_E_NO_RIGHT:
        problem_set(response, PROBLEM_MAY_NOT_SIGNAL, use_portctl,
                    "portd runs as uid %u and may not signal process %d.", (unsigned)api->uid, pid);
        return;
    default:
        problem_set(response, PROBLEM_INTERNAL, NULL, "portd could not ask the kernel: %s.", strerror(-code));
        return;
    }
}

static const char *check_signal(const char *name) {
    return process_signal_parse(name) != 0 ? NULL : "must be TERM, INT, HUP, QUIT, KILL, USR1, USR2, STOP or CONT";
}

/* Fills *ret_stop from the body; body_ok() tells whether it may be used. */
static void read_stop(struct body *body, const struct api_caller *caller, struct process_stop *ret_stop) {
    uint64_t port = 0;
    uint64_t pid = 0;
    uint64_t inode = 0;
    const char *signal = "TERM";

    *ret_stop = (struct process_stop){.caller = caller->uid};
    body_need_number(body, "port", 1, 65535, &port);
    body_need_number(body, "pid", 1, BODY_PID_MAX, &pid);
    body_need_number(body, "start_time", 0, START_TIME_MAX, &ret_stop->start_time);
    body_need_number(body, "inode", 1, UINT32_MAX, &inode);
    body_text(body, "signal", check_signal, &signal);
    ret_stop->port = (uint16_t)port;
    ret_stop->pid = (pid_t)pid;
    ret_stop->inode = (uint32_t)inode;
    ret_stop->signal = process_signal_parse(signal);
}

static struct stopping *stopping_new(struct api *api, const struct api_request *request,
                                     const struct process_stop *stop) {
    struct stopping *stopping = calloc(1, sizeof *stopping);

    if (stopping == NULL)
        return NULL;
    stopping->later = (struct api_later){
        .try = stopping_try,
        .free = stopping_free,
        .until_ms = clock_read(&api->clock).monotonic_ms + WAIT_MS,
    };
    stopping->stop = *stop;
    stopping->caller = request->caller;
    stopping->pidfd = -1;
    find_name(api_read(api), stop, stopping->process);
    return stopping;
}

void route_stop(struct api *api, const struct api_request *request, const struct query *query,
                struct api_response *response) {
    static const char *const keys[] = {"port", "pid", "start_time", "inode", "signal"};
    CLEANUP(body_deinit) struct body body;
    struct process_stop stop;
    struct stopping *stopping;
    int r;

    (void)query;
    body_init(&body, request, keys, sizeof keys / sizeof keys[0], response);
    read_stop(&body, &request->caller, &stop);
    if (!body_ok(&body))
        return;
    if (stop.port == api->rules->api_port) {
        problem_set(response, PROBLEM_PROTECTED_PROCESS, NULL, "Port %u is portd's own.", stop.port);
        return;
    }
    /* Made before the signal: one that was sent must be answered for. */
    stopping = stopping_new(api, request, &stop);
    if (stopping == NULL) {
        answer_ok(response, NULL);
        return;
    }
    r = process_stop(api->diag, &stop, &stopping->pidfd);
    if (r != 0)
        refuse(api, &stop, r, response);
    else
        log_info("uid %u sends SIG%s to %s (pid %d) on port %u", (unsigned)request->caller.uid,
                 process_signal_name(stop.signal), stopping->process, (int)stop.pid, stop.port);
    if (r != 0 || stopping_try(api, &stopping->later, response))
        stopping_free(&stopping->later);
    else
        response->later = &stopping->later;
}
