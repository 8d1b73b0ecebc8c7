/*
 * run: a program with a port of its own. portctl forks first; the child, still waiting, becomes the lease's holder; then it
 * becomes the program. So the lease follows the program, whatever happens to portctl.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/grant.h"
#include "cli/run_child.h"
#include "src/base/json.h"
#include "src/base/text.h"

static int explain_exec(const struct run_program *program, int error, struct problem *problem) {
    const char *name = program->argv[0];

    if (error != ENOENT)
        return problem_fill(problem, EXIT_RUN_CANNOT_EXECUTE, "program-not-executable", "'%s' cannot be executed: %s",
                            name, strerror(error));
    if (strchr(name, '/') == NULL)
        return problem_fill(problem, EXIT_RUN_NOT_FOUND, "program-not-found", "there is no program '%s' in PATH", name);
    if (access(name, F_OK) < 0)
        return problem_fill(problem, EXIT_RUN_NOT_FOUND, "program-not-found", "there is no program '%s'", name);
    problem_fill(problem, EXIT_RUN_NOT_FOUND, "program-not-found", "the interpreter of '%s' does not exist", name);
    return problem_set_hint(problem, "look at its first line: head -n 1 '%s'", name);
}

static void tell_granted(const struct invocation *invocation, const struct grant *grant, const struct keeper *keeper,
                         bool held) {
    const struct output *output = &invocation->output;

    output_notes(output, json_get(grant->reply, "notes"));
    if (output->error_terminal && !output->quiet && !output->json)
        fprintf(stderr, "%s on port %u\n", keeper->service_name, keeper->port);
    if (!held && output->verbose)
        output_say(output, "portd does not see the program's process: the lease lives by heartbeats");
}

/* Returns 0 once the program has ended. */
static int run_with_lease(struct run_child *child, const struct run_program *program, struct keeper *keeper, bool held,
                          int *ret_exit_code, struct problem *problem) {
    int r = run_child_start(child, keeper->port, keeper->id);

    if (r < 0) {
        run_child_abandon(child);
        keeper_release(keeper);
        return problem_fill(problem, EXIT_RUN_FAILED, "internal", "the program cannot be started: %s", strerror(-r));
    }
    client_set_interrupt(keeper->client, child->signal_fd);
    run_child_watch(child, keeper);
    /* What it left behind, such as a server that has made itself a daemon, may serve on. */
    if (held && child->exec_error == 0) {
        run_child_settle(child);
        keeper_release_if_idle(keeper);
    } else {
        keeper_release(keeper);
    }
    if (child->exec_error != 0)
        return explain_exec(program, child->exec_error, problem);
    *ret_exit_code = run_child_exit_code(child);
    return 0;
}

/* Without a lease nothing runs. What asked us to stop meanwhile is why, if anything did. */
static int give_up(struct run_child *child, int r, int *ret_exit_code, struct problem *problem) {
    if (run_child_abandon(child)) {
        *ret_exit_code = run_child_exit_code(child);
        return 0;
    }
    if (r == CLIENT_E_INTERRUPTED)
        return problem_fill(problem, EXIT_RUN_FAILED, "interrupted", "stopped before a port was granted");
    problem->exit_code = EXIT_RUN_FAILED; /* its own number might be the program's */
    return PROBLEM_E_SET;
}

int cmd_run(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    const struct options *options = &invocation->options;
    const struct run_program program = {
        .argv = invocation->operands.items + 1,
        .variable = options->env_name != NULL ? options->env_name : "PORT",
        .host = options->host,
        .service_name = invocation->operands.items[0],
    };
    CLEANUP(grant_deinit) struct grant grant = {0};
    CLEANUP(run_child_deinit) struct run_child child;
    struct keeper keeper;
    bool held = false;
    int r = run_child_fork(&child, &program);

    if (r < 0)
        return problem_fill(problem, EXIT_RUN_FAILED, "internal", "no process can be made: %s", strerror(-r));
    client_set_interrupt(invocation->client, child.stop_fd);
    r = grant_ask(invocation, &(const struct grant_for){.holder = child.pid, .asker = getpid()}, &grant, &held,
                  problem);
    if (r != 0)
        return give_up(&child, r, ret_exit_code, problem);
    keeper_init(&keeper, invocation->client, &invocation->output, &grant.lease);
    tell_granted(invocation, &grant, &keeper, held);
    return run_with_lease(&child, &program, &keeper, held, ret_exit_code, problem);
}
