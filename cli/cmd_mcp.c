/*
 * mcp: a Model Context Protocol server on standard input and output, for coding agents. It ends with its input, or by a
 * signal; leases stay, as their services do.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/mcp_lines.h"
#include "cli/mcp_session.h"
#include "probe/fd.h"

/* Whoever started us may have blocked them in the thread that did; nothing is left behind that would need more than to end. */
static void let_signals_end_us(void) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int serve(struct mcp_session *session, struct problem *problem) {
    CLEANUP(mcp_lines_deinit) struct mcp_lines lines = {.fd = STDIN_FILENO};
    const char *line;
    size_t length;

    while (!session->writer.broken) {
        int r = mcp_lines_next(&lines, &line, &length);

        if (r == MCP_LINES_E_END)
            return 0;
        if (r < 0)
            return problem_fill(problem, EXIT_NO, "input", "standard input: %s", strerror(-r));
        if (r == MCP_LINES_E_LONG)
            mcp_session_refuse_long(session);
        else
            mcp_session_take(session, line, length);
    }
    return problem_fill(problem, EXIT_NO, "output", "an answer could not be written");
}

static int cmd_mcp(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    struct mcp_session session = {.invocation = invocation, .writer = {.stream = stdout}, .starter = getppid()};

    let_signals_end_us();
    if (invocation->output.error_terminal && isatty(STDIN_FILENO) != 0)
        output_say(&invocation->output, "this is for programs: they write a message a line; Ctrl-D ends it");
    *ret_exit_code = EXIT_YES;
    return serve(&session, problem);
}

static const enum option_id mcp_options[] = {OPTION_GLOBAL, OPTION_PROJECT, OPTION_END};

const struct command command_mcp = {
    .name = "mcp",
    .summary = "serve coding agents by the Model Context Protocol",
    .usage = "[options]",
    .details = "A server on standard input and output, started by the agent's program: see docs/agents.md. Its\n"
               "tools: alloc, lookup, list, who, release and conflicts; none stops a process. Names belong to the\n"
               "project that it is started in.\n",
    .options = mcp_options,
    .examples = {{"portctl mcp", "what an agent's settings name as the server's command"},
                 {"portctl mcp --global", "names mean the same in every project"}},
    .function = cmd_mcp,
};
