/*
 * hold: holds a lease in the foreground until it is told to stop. The holder is this process, so even SIGKILL ends the lease.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/grant.h"
#include "cli/keeper.h"
#include "cli/patience.h"
#include "cli/run_signals.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* The signals that end it are events from before the lease is asked for, so that none can come between the grant and the
 * release. */
static int open_end_signals(int *ret_fd) {
    sigset_t set;
    int fd;

    run_signals_find_ending(&set);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    sigprocmask(SIG_BLOCK, &set, NULL);
    *ret_fd = fd;
    return 0;
}

/* With --json a line an event. Flushed at once: the reader waits for it. */
static int tell(const struct output *output, const char *event, cJSON *members) {
    CLEANUP(json_free_at) cJSON *owned = members;
    cJSON *made;

    if (!output->json)
        return 0;
    if (owned == NULL || cJSON_AddStringToObject(owned, "event", event) == NULL)
        return -ENOMEM;
    made = owned;
    owned = NULL;
    if (output_json(made) < 0)
        return -ENOMEM;
    return output_finish();
}

static cJSON *describe(const struct keeper *keeper) {
    cJSON *members = cJSON_CreateObject();

    cJSON_AddNumberToObject(members, "port", keeper->leases[0].port);
    cJSON_AddNumberToObject(members, "id", (double)keeper->leases[0].id);
    cJSON_AddStringToObject(members, "service_name", keeper->service_name);
    return members;
}

static int tell_granted(const struct output *output, struct grant *grant, const struct keeper *keeper) {
    output_notes(output, json_get(grant->reply, "notes"));
    if (output->json) {
        cJSON *reply = grant->reply;
        grant->reply = NULL;
        return tell(output, "granted", reply);
    }
    printf("%u\n", keeper->leases[0].port);
    if (output->error_terminal && !output->quiet)
        fprintf(stderr, "Holding port: %u (%s), until Ctrl-C\n", keeper->leases[0].port, keeper->service_name);
    return output_finish();
}

static void hold(struct keeper *keeper, int signal_fd) {
    while (!keeper_has_lost_all(keeper)) {
        struct pollfd fd = {.fd = signal_fd, .events = POLLIN};

        if (poll(&fd, 1, patience_timeout_ms(keeper->due_ms)) > 0)
            return;
        keeper_beat(keeper);
    }
}

static int ask(const struct invocation *invocation, int signal_fd, struct grant *ret_grant, struct problem *problem) {
    const struct grant_for whom = {.holder = getpid(), .asker = getpid()};
    int r;

    client_set_interrupt(invocation->client, signal_fd);
    r = grant_ask(invocation, &whom, ret_grant, NULL, problem);
    if (r == CLIENT_E_INTERRUPTED)
        return problem_fill(problem, EXIT_NO, "interrupted", "stopped before a port was granted");
    return r;
}

static int cmd_hold(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(grant_deinit) struct grant grant = {0};
    CLEANUP(fd_close_at) int signal_fd = -1;
    struct keeper keeper;
    bool is_kept;
    int r = open_end_signals(&signal_fd);

    if (r < 0)
        return problem_fill(problem, EXIT_NO, "internal", "signalfd: %s", strerror(-r));
    r = ask(invocation, signal_fd, &grant, problem);
    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    keeper_init(&keeper, invocation->client, &invocation->output);
    keeper_add(&keeper, &grant.leases[0], true);
    r = tell_granted(&invocation->output, &grant, &keeper);
    if (r == 0)
        hold(&keeper, signal_fd);
    if (keeper_has_lost_all(&keeper))
        return problem_fill(problem, EXIT_NO, "no-such-lease", "there is nothing left to hold");
    keeper_release(&keeper);
    is_kept = keeper.leases[0].is_kept;
    if (invocation->output.error_terminal && !invocation->output.quiet && !invocation->output.json)
        output_tell(&invocation->output, "\n%s port: %u (%s)", is_kept ? "Still leased" : "Released",
                    keeper.leases[0].port, keeper.service_name);
    if (r == 0)
        r = tell(&invocation->output, is_kept ? "kept" : "released", describe(&keeper));
    return r < 0 ? problem_fill(problem, EXIT_NO, "internal", "standard output: %s", strerror(-r)) : 0;
}

static const enum option_id hold_options[] = {OPTION_GLOBAL, OPTION_TTL,     OPTION_PORT, OPTION_PREFER, OPTION_REUSE,
                                              OPTION_TAG,    OPTION_PROJECT, OPTION_WAIT, OPTION_END};

const struct command command_hold = {
    .name = "hold",
    .alias = "loop",
    .summary = "hold a port until it is stopped",
    .usage = "NAME [options]",
    .details = "Prints the port and keeps the lease in the foreground until Ctrl-C or SIGTERM, then gives it back.\n"
               "However it ends, the lease ends with it.\n",
    .options = hold_options,
    .n_least = 1,
    .n_most = 1,
    .examples = {{"portctl hold my-db &", "hold a port in the background"}},
    .function = cmd_hold,
};
