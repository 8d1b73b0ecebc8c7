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

static void explain_exec(const struct run_program *program, int error, struct problem *problem) {
    const char *name = program->argv[0];

    if (error == ENOENT && strchr(name, '/') == NULL) {
        problem_fill(problem, EXIT_RUN_NOT_FOUND, "program-not-found", "there is no program '%s' in PATH", name);
    } else if (error == ENOENT && access(name, F_OK) == 0) {
        problem_fill(problem, EXIT_RUN_NOT_FOUND, "program-not-found", "the interpreter of '%s' does not exist", name);
        problem_set_hint(problem, "look at its first line: head -n 1 '%s'", name);
    } else if (error == ENOENT) {
        problem_fill(problem, EXIT_RUN_NOT_FOUND, "program-not-found", "there is no program '%s'", name);
    } else {
        problem_fill(problem, EXIT_RUN_CANNOT_EXECUTE, "program-not-executable", "'%s' cannot be executed: %s", name,
                     strerror(error));
    }
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

/* Returns the exit code once the program has ended, or was not to be had. */
static int run_with_lease(const struct invocation *invocation, struct run_child *child,
                          const struct run_program *program, struct keeper *keeper, struct problem *problem) {
    int r = run_child_start(child, keeper->port, keeper->id);

    if (r < 0) {
        run_child_abandon(child);
        keeper_release(keeper);
        problem_fill(problem, EXIT_RUN_FAILED, "internal", "the program cannot be started: %s", strerror(-r));
        return problem_report(problem, &invocation->output);
    }
    client_set_interrupt(keeper->client, child->signal_fd);
    run_child_watch(child, keeper);
    keeper_release(keeper);
    if (child->exec_error != 0) {
        explain_exec(program, child->exec_error, problem);
        problem_report(problem, &invocation->output);
    }
    return run_child_exit_code(child);
}

/* Without a lease nothing runs. What asked us to stop meanwhile is why, if anything did. */
static int give_up(const struct invocation *invocation, struct run_child *child, const struct problem *problem, int r) {
    if (run_child_abandon(child))
        return run_child_exit_code(child);
    if (r == PROBLEM_E_SET)
        problem_report(problem, &invocation->output);
    return EXIT_RUN_FAILED;
}

static int run_program(const struct invocation *invocation, struct client *client, const struct run_program *program,
                       struct problem *problem) {
    CLEANUP(grant_deinit) struct grant grant = {0};
    CLEANUP(run_child_deinit) struct run_child child;
    struct keeper keeper;
    bool held = false;
    int r = run_child_fork(&child, program);

    if (r < 0) {
        problem_fill(problem, EXIT_RUN_FAILED, "internal", "no process can be made: %s", strerror(-r));
        return problem_report(problem, &invocation->output);
    }
    client_set_interrupt(client, child.stop_fd);
    r = grant_ask(client, program->service_name, &invocation->options, child.pid, &grant, &held, problem);
    if (r != 0)
        return give_up(invocation, &child, problem, r);
    keeper_init(&keeper, client, &invocation->output, &grant.lease);
    tell_granted(invocation, &grant, &keeper, held);
    return run_with_lease(invocation, &child, program, &keeper, problem);
}

int cmd_run(const struct invocation *invocation) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(client_close_at) struct client *client = NULL;
    const struct options *options = &invocation->options;
    const struct run_program program = {
        .argv = invocation->operands.items + 1,
        .variable = options->env_name != NULL ? options->env_name : "PORT",
        .host = options->host,
        .service_name = invocation->operands.items[0],
    };

    if (options_check_name(program.service_name, &problem) != 0 ||
        client_open(&invocation->options, &client, &problem) != 0)
        return problem_report(&problem, &invocation->output);
    return run_program(invocation, client, &program, &problem);
}
