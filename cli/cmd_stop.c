/*
 * stop: signals the process that listens on a port. What is signalled is what was shown: pid, start time and socket are
 * compared again behind a pidfd right before the signal, and it is sent with the caller's own rights. Only where portd lives
 * in another pid namespace, whose pids mean nobody here, portd is asked to do it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/patience.h"
#include "cli/stop_target.h"
#include "probe/process_stop.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define FREE_WITHIN_MS 1000
#define LOOK_EVERY_MS  20

struct stopping {
    const struct invocation *invocation;
    struct stop_target target;
    int signal;
};

struct outcome {
    bool signalled; /* false: it had ended by itself */
    bool freed;
    bool ended;
};

/* ---- Asking */

static int confirm(const struct stopping *stopping, struct problem *problem) {
    const struct output *output = &stopping->invocation->output;
    char text[STOP_TARGET_TEXT_MAX];

    if (stopping->invocation->options.yes) {
        if (stopping->target.n_others > 0 && !output->quiet && !output->json)
            output_say(output, "%zu more %s port %u open; only %s is signalled", stopping->target.n_others,
                       stopping->target.n_others == 1 ? "process has" : "processes have", stopping->target.port,
                       stop_target_format(&stopping->target, text));
        return 0;
    }
    if (!confirm_can_ask(output)) {
        problem_fill_usage(problem, "%s listens on port %u; without a terminal stop cannot ask whether you are sure",
                           stop_target_format(&stopping->target, text), stopping->target.port);
        return problem_set_hint(problem, "portctl stop %u --pid %d --yes", stopping->target.port,
                                (int)stopping->target.owner.pid);
    }
    stop_target_show(&stopping->target, output);
    fprintf(stderr, "Send %s to it? [y/N] ", process_signal_name(stopping->signal));
    if (confirm_says_yes())
        return 0;
    return problem_fill(problem, EXIT_NO, "not-confirmed", "nothing was signalled");
}

/* ---- Signalling */

/* An interrupted dump proves nothing. */
static bool port_is_free(struct sock_diag *diag, uint16_t port) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};

    return sock_diag_dump(diag, SOCK_DIAG_LISTEN, port, &list) == 0 && list.n_items == 0;
}

static struct outcome wait_for_port(struct sock_diag *diag, uint16_t port, int pidfd) {
    uint64_t deadline_ms = patience_now_ms() + FREE_WITHIN_MS;
    struct outcome outcome = {.signalled = true};

    for (;;) {
        /* An ended process is always readable: then the pause is the timeout's alone. */
        struct pollfd fd = {.fd = outcome.ended ? -1 : pidfd, .events = POLLIN};
        bool late = patience_now_ms() >= deadline_ms;

        outcome.freed = port_is_free(diag, port);
        if (poll(&fd, 1, outcome.freed || late ? 0 : LOOK_EVERY_MS) > 0)
            outcome.ended = true;
        if (outcome.freed || late)
            return outcome;
    }
}

static int refuse_right(const struct stopping *stopping, const char *reason, struct problem *problem) {
    char text[STOP_TARGET_TEXT_MAX];

    problem_fill(problem, EXIT_NOT_ALLOWED, "may-not-signal", "%s is not signalled: %s",
                 stop_target_format(&stopping->target, text), reason);
    return problem_set_hint(problem, "sudo portctl stop %u --pid %d", stopping->target.port,
                            (int)stopping->target.owner.pid);
}

/* What was shown is not what is there: somebody else may have the port by now. */
static int refuse_stale(const struct stopping *stopping, const char *reason, struct problem *problem) {
    char text[STOP_TARGET_TEXT_MAX];

    problem_fill(problem, EXIT_NO, "stale-process", "%s %s; nothing was signalled",
                 stop_target_format(&stopping->target, text), reason);
    return problem_set_hint(problem, "portctl who %u", stopping->target.port);
}

static int explain(const struct stopping *stopping, int r, struct problem *problem) {
    char text[STOP_TARGET_TEXT_MAX];

    switch (r) {
    case STOP_E_PROTECTED:
        return problem_fill(problem, EXIT_NOT_ALLOWED, "protected-process", "%s is never signalled: it is protected",
                            stop_target_format(&stopping->target, text));
    case STOP_E_GONE:
        return refuse_stale(stopping, "has ended already", problem);
    case STOP_E_NOT_LISTENING:
    case STOP_E_NOT_OWNER:
        return refuse_stale(stopping, "does not listen there any more", problem);
    case STOP_E_UNREADABLE:
        return refuse_right(stopping, "its sockets may not be looked at", problem);
    case STOP_E_NOT_ALLOWED:
        return refuse_right(stopping, "it is another user's", problem);
    case STOP_E_NO_RIGHT:
        return refuse_right(stopping, "the kernel does not allow it", problem);
    default:
        return problem_fill(problem, EXIT_NO, "internal", "%s cannot be signalled: %s",
                            stop_target_format(&stopping->target, text), strerror(-r));
    }
}

static int signal_here(const struct stopping *stopping, struct outcome *ret_outcome, struct problem *problem) {
    const struct stop_target *target = &stopping->target;
    const struct process_stop stop = {.port = target->port,
                                      .pid = target->owner.pid,
                                      .start_time = target->owner.start_time,
                                      .inode = target->listener.inode,
                                      .signal = stopping->signal,
                                      .caller = geteuid()};
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    CLEANUP(fd_close_at) int pidfd = -1;
    int r = sock_diag_new(&diag);

    if (r == 0)
        r = process_stop(diag, &stop, &pidfd);
    /* It has ended by itself, and the port is free: that is what was wanted. */
    if ((r == STOP_E_GONE || r == STOP_E_NOT_LISTENING) && port_is_free(diag, target->port)) {
        *ret_outcome = (struct outcome){.freed = true, .ended = r == STOP_E_GONE};
        return 0;
    }
    if (r != 0)
        return explain(stopping, r, problem);
    *ret_outcome = wait_for_port(diag, target->port, pidfd);
    return 0;
}

static int signal_by_portd(const struct stopping *stopping, struct outcome *ret_outcome, struct problem *problem) {
    const struct stop_target *target = &stopping->target;
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();
    CLEANUP(json_free_at) cJSON *reply = NULL;
    struct outcome outcome = {.signalled = true};
    int r;

    if (cJSON_AddNumberToObject(body, "port", target->port) == NULL ||
        cJSON_AddNumberToObject(body, "pid", target->owner.pid) == NULL ||
        cJSON_AddNumberToObject(body, "start_time", (double)target->owner.start_time) == NULL ||
        cJSON_AddNumberToObject(body, "inode", target->listener.inode) == NULL ||
        cJSON_AddStringToObject(body, "signal", process_signal_name(stopping->signal)) == NULL)
        return problem_fill_memory(problem);
    r = client_call(stopping->invocation->client, "/stop", body, CLIENT_PATIENCE_MS, &reply, problem);
    if (r != 0)
        return r;
    json_get_bool(reply, "freed", &outcome.freed);
    json_get_bool(reply, "ended", &outcome.ended);
    *ret_outcome = outcome;
    return 0;
}

/* ---- Telling */

static int print_document(const struct stopping *stopping, struct outcome outcome, struct problem *problem) {
    cJSON *members = cJSON_CreateObject();

    cJSON_AddNumberToObject(members, "port", stopping->target.port);
    cJSON_AddNumberToObject(members, "pid", stopping->target.owner.pid);
    if (stopping->target.owner.process != NULL)
        cJSON_AddStringToObject(members, "process", stopping->target.owner.process);
    else
        cJSON_AddNullToObject(members, "process");
    cJSON_AddStringToObject(members, "signal", process_signal_name(stopping->signal));
    cJSON_AddBoolToObject(members, "freed", outcome.freed);
    cJSON_AddBoolToObject(members, "ended", outcome.ended);
    return output_json(members) < 0 ? problem_fill_memory(problem) : 0;
}

/* Who names one of several processes means that one, and not the port. */
static bool is_done(const struct stopping *stopping, struct outcome outcome) {
    return outcome.freed || (stopping->invocation->options.pid != 0 && outcome.ended);
}

static int tell(const struct stopping *stopping, struct outcome outcome, struct problem *problem) {
    const struct output *output = &stopping->invocation->output;
    uint16_t port = stopping->target.port;
    char text[STOP_TARGET_TEXT_MAX];

    stop_target_format(&stopping->target, text);
    if (output->json)
        return print_document(stopping, outcome, problem);
    if (is_done(stopping, outcome) && output->quiet) {
        printf("%u\n", port);
    } else if (outcome.freed && !outcome.signalled) {
        printf("Not signalled: %s has ended by itself; port %u is free\n", text, port);
    } else if (outcome.freed) {
        printf("Stopped: %s; port %u is free\n", text, port);
    } else if (is_done(stopping, outcome)) {
        printf("Stopped: %s; port %u has others that listen\n", text, port);
    } else {
        problem_fill(problem, EXIT_NO, "not-freed", "%s got %s %s, and port %u is not free", text,
                     process_signal_name(stopping->signal),
                     outcome.ended ? "and has ended" : "a second ago and has not ended", port);
        if (outcome.ended)
            return problem_set_hint(problem, "portctl who %u shows who has it now", port);
        return problem_set_hint(problem, "portctl stop %u --signal KILL", port);
    }
    return 0;
}

static int ask_who(const struct invocation *invocation, uint16_t port, cJSON **ret_answer, struct problem *problem) {
    char target[32];

    snprintf(target, sizeof target, "/who?port=%u", port);
    return client_call(invocation->client, target, NULL, CLIENT_PATIENCE_MS, ret_answer, problem);
}

/* Whoever means to stop portd knows how; whoever does not would lose the authority over every port. */
static int spare_portd(const cJSON *answer, uint16_t port, struct problem *problem) {
    const char *state = "";

    if (!json_get_string(answer, "state", &state) || strcmp(state, "portd") != 0)
        return 0;
    problem_fill(problem, EXIT_NOT_ALLOWED, "protected-process", "port %u is portd's own, which stop never signals",
                 port);
    return problem_set_hint(problem, "portctl status shows its pid");
}

static int cmd_stop(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    struct stopping stopping = {
        .invocation = invocation,
        .signal = invocation->options.signal != 0 ? invocation->options.signal : SIGTERM,
    };
    CLEANUP(json_free_at) cJSON *answer = NULL;
    struct outcome outcome = {0};
    uint16_t port = 0;
    int r = options_check_port(invocation->operands.items[0], &port, problem);

    if (r == 0)
        r = ask_who(invocation, port, &answer, problem);
    if (r == 0)
        r = spare_portd(answer, port, problem);
    if (r == 0)
        r = stop_target_choose(answer, port, invocation->options.pid, &stopping.target, problem);
    if (r == 0)
        r = confirm(&stopping, problem);
    if (r == 0)
        r = client_shares_pids(invocation->client) ? signal_here(&stopping, &outcome, problem)
                                                   : signal_by_portd(&stopping, &outcome, problem);
    if (r != 0)
        return r;
    *ret_exit_code = is_done(&stopping, outcome) ? EXIT_YES : EXIT_NO;
    return tell(&stopping, outcome, problem);
}

static const enum option_id stop_options[] = {OPTION_YES, OPTION_SIGNAL, OPTION_PID, OPTION_END};

const struct command command_stop = {
    .name = "stop",
    .summary = "signal the process that listens on a port",
    .usage = "PORT [options]",
    .details = "Shows the process and asks first. Signals with your own rights, and only the process that was\n"
               "shown: never a client of the port, never one that got the same pid since. Exit code 0 if the port\n"
               "came free within a second, else 1.\n",
    .options = stop_options,
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_PORT,
    .examples = {{"portctl stop 3000", "asks, then sends TERM"},
                 {"portctl stop 3000 --yes", "in a script"},
                 {"portctl stop 3000 --signal KILL", "for one that does not listen to TERM"},
                 {"portctl stop 8001 --pid 4711", "one of several"}},
    .function = cmd_stop,
};
