/*
 * portctl's side of run --remap: decides for each bind() that waits. See remap.h.
 */
#include "cli/remap.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/remap_call.h"
#include "cli/remap_ports.h"
#include "cli/remap_repeat.h"
#include "probe/process.h"
#include "src/base/text.h"

/* Answers in one turn, so that signals and heartbeats have theirs. */
#define TURN_MAX 64

/* Programs that cannot be looked into and are named; a person who has read of that many knows. */
#define WARNED_MAX 4

struct remap {
    struct remap_setup setup;
    uint64_t netns_cookie;
    struct seccomp_notif *notification; /* the kernel's may be longer than the one we know */
    size_t notification_size;
    struct seccomp_notif_resp *response;
    size_t response_size;
    struct remap_ports ports;
    struct remap_repeat repeat;
    pid_t warned[WARNED_MAX];
    size_t n_warned;
    bool is_full_told;
};

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static int prepare(struct remap *remap) {
    struct seccomp_notif_sizes sizes;

    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
        return -errno;
    remap->notification_size = larger(sizes.seccomp_notif, sizeof *remap->notification);
    remap->response_size = larger(sizes.seccomp_notif_resp, sizeof *remap->response);
    remap->notification = calloc(1, remap->notification_size);
    remap->response = calloc(1, remap->response_size);
    if (remap->notification == NULL || remap->response == NULL)
        return -ENOMEM;
    if (remap->setup.fixed != 0)
        remap_ports_add(&remap->ports, remap->setup.fixed, remap->setup.leased);
    return remap_call_read_netns(&remap->netns_cookie);
}

int remap_new(const struct remap_setup *setup, struct remap **ret_remap) {
    CLEANUP(remap_free_at) struct remap *remap = NULL;
    CLEANUP(fd_close_at) int fd = setup->fd;
    int r;

    remap = calloc(1, sizeof *remap);
    if (remap == NULL)
        return -ENOMEM;
    remap->setup = *setup;
    fd_take(&fd);
    r = prepare(remap);
    if (r < 0)
        return r;
    *ret_remap = remap;
    remap = NULL;
    return 0;
}

struct remap *remap_free(struct remap *remap) {
    if (remap == NULL)
        return NULL;
    fd_close_at(&remap->setup.fd);
    free(remap->notification);
    free(remap->response);
    free(remap);
    return NULL;
}

int remap_fd(const struct remap *remap) {
    return remap->setup.fd;
}

/* ---- Words ---- */

static void tell_port(const struct remap *remap, struct remap_port *port, int r) {
    const struct output *output = remap->setup.output;
    const bool is_wanted = output->verbose || (!output->quiet && !output->json);

    if (port->is_told)
        return;
    port->is_told = true;
    if (!is_wanted || port->fixed == port->leased)
        return;
    if (r == 0)
        output_say(output, "%s's port %u is %u here", remap->setup.service_name, port->fixed, port->leased);
    else
        output_say(output, "%s's port %u is %u here, and cannot be bound: %s", remap->setup.service_name, port->fixed,
                   port->leased, strerror(-r));
}

static void tell_full(struct remap *remap) {
    if (!remap->is_full_told)
        output_say(remap->setup.output, "%s binds more than %d ports: the others are not remapped",
                   remap->setup.service_name, REMAP_PORTS_MAX);
    remap->is_full_told = true;
}

/* Once for each process. */
static bool is_warned(struct remap *remap, pid_t process) {
    for (size_t i = 0; i < remap->n_warned; i++)
        if (remap->warned[i] == process)
            return true;
    if (remap->n_warned == WARNED_MAX)
        return true;
    remap->warned[remap->n_warned++] = process;
    return false;
}

static void warn(struct remap *remap) {
    char name[PROCESS_NAME_MAX] = "?";
    char safe[PROCESS_NAME_MAX + 4];
    pid_t process = (pid_t)remap->notification->pid;
    pid_t parent;

    remap_call_find_process(process, &process);
    if (is_warned(remap, process))
        return;
    process_read_parent(process, name, &parent);
    output_say(remap->setup.output, "'%s' (pid %d) cannot be looked into: its binds are not remapped",
               text_make_safe(name, safe, sizeof safe), process);
}

/* ---- Which port it is ---- */

/* The first one that the program binds is what the lease is for; each further one asks for a lease of its own. */
static struct remap_port *add_port(struct remap *remap, uint16_t fixed) {
    const struct remap_setup *setup = &remap->setup;
    struct remap_port *port = remap_ports_add(&remap->ports, fixed, 0);
    uint16_t leased = setup->leased;

    if (port == NULL)
        tell_full(remap);
    else if (remap->ports.n_ports == 1 || setup->lease(setup->context, fixed, &leased) == 0)
        port->leased = leased;
    return port;
}

/* NULL: this one goes on as it is. */
static struct remap_port *find_port(struct remap *remap, uint16_t fixed) {
    const struct remap_setup *setup = &remap->setup;
    struct remap_port *port = remap_ports_find(&remap->ports, fixed);

    if (port == NULL && setup->fixed == 0 && fixed != 0 && fixed != setup->leased &&
        !remap_ports_has_leased(&remap->ports, fixed))
        port = add_port(remap, fixed);
    return port != NULL && port->leased != 0 ? port : NULL;
}

/* ---- Answers ---- */

/* It fails with ENOENT if the caller has been killed, or interrupted: then it comes again, if at all (remap_repeat.h). */
static void answer(struct remap *remap, int error, uint32_t flags) {
    memset(remap->response, 0, remap->response_size);
    remap->response->id = remap->notification->id;
    remap->response->error = error;
    remap->response->flags = flags;
    while (ioctl(remap->setup.fd, SECCOMP_IOCTL_NOTIF_SEND, remap->response) < 0 && errno == EINTR)
        continue;
}

/* The kernel carries the call out as if nobody had looked. */
static void pass(struct remap *remap) {
    answer(remap, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

static void decide(struct remap *remap, const struct remap_call *call, bool is_repeated) {
    struct remap_port *port =
        call->bound == 0 ? find_port(remap, call->port) : remap_ports_find(&remap->ports, call->port);
    int r = 0;

    /* A socket that is bound cannot be bound again, unless we were the one. */
    if (port == NULL || (call->bound != 0 && (!is_repeated || call->bound != port->leased))) {
        pass(remap);
        return;
    }
    if (call->bound == 0) {
        r = remap_call_bind(call, port->leased);
        tell_port(remap, port, r);
    }
    if (r == 0)
        remap_repeat_note(&remap->repeat, remap->notification, call->cookie);
    answer(remap, r, 0);
}

static void handle(struct remap *remap) {
    CLEANUP(remap_call_deinit) struct remap_call call = {.socket = -1};
    int r = remap_call_init(&call, remap->setup.fd, remap->notification, remap->netns_cookie);
    bool is_repeated;

    /* What is known of its thread is still wanted: the call may come again. */
    if (r == REMAP_CALL_E_GONE)
        return;
    is_repeated = remap_repeat_take(&remap->repeat, remap->notification, call.cookie);
    if (r < 0)
        warn(remap);
    if (r == 0)
        decide(remap, &call, is_repeated);
    else
        pass(remap);
}

/* Does not wait, because something is there: each call that poll() shows has a count of its own in the kernel, and the count
 * stays when the caller is gone (ENOENT). What fails otherwise cannot be waited for any longer. */
static void receive(struct remap *remap) {
    memset(remap->notification, 0, remap->notification_size);
    if (ioctl(remap->setup.fd, SECCOMP_IOCTL_NOTIF_RECV, remap->notification) == 0)
        handle(remap);
    else if (errno != ENOENT && errno != EINTR)
        fd_close_at(&remap->setup.fd);
}

void remap_turn(struct remap *remap) {
    for (int i = 0; i < TURN_MAX && remap->setup.fd >= 0; i++) {
        struct pollfd pollfd = {.fd = remap->setup.fd, .events = POLLIN};

        if (poll(&pollfd, 1, 0) <= 0)
            return;
        if ((pollfd.revents & POLLIN) != 0)
            receive(remap);
        else
            fd_close_at(&remap->setup.fd); /* it hangs up: nobody is left */
    }
}
