/*
 * run: a program with a port of its own. portctl forks first; the child, still waiting, becomes the lease's holder; then it
 * becomes the program. So the lease follows the program, whatever happens to portctl.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/grant.h"
#include "cli/listen_socket.h"
#include "cli/run_end.h"
#include "cli/run_project.h"
#include "cli/run_watch.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* Somebody else may be quicker between portd's test and our bind; again and again he is not. */
#define LISTEN_TRIES 8

/* The other services are a convenience: a portd that is slow to list them does not delay the start for longer. */
#define LIST_PATIENCE_MS 2000

/* A bind() waits for it. */
#define FURTHER_PATIENCE_MS 3000

/* One run, and what it owns. */
struct run {
    const struct run_project *project;
    const struct invocation *invocation; /* the project's */
    struct output output;                /* nobody who does not read what portctl says may hold up a signal */
    const char *service_name;
    char safe_name[OPTIONS_NAME_MAX + 1];
    char **argv;
    const char *variables[OPTIONS_ENV_NAMES_MAX]; /* asked for, a port each */
    size_t n_variables;
    struct run_child child;
    struct grant grant;
    bool held; /* portd knows the child as the holder */
    struct keeper keeper;
    int sockets[OPTIONS_ENV_NAMES_MAX];
    size_t n_sockets;
    struct run_environment environment;
    int filter_fd;
    struct remap *remap;
    uint16_t ports[OPTIONS_COUNT_MAX]; /* what elsewhere borrows */
    struct elsewhere *elsewhere;
    struct descendants bystanders; /* what `server & exec portctl run ...` in a script has left us as children */
};

static void close_sockets(struct run *run) {
    for (size_t i = 0; i < run->n_sockets; i++)
        close(run->sockets[i]);
    run->n_sockets = 0;
}

static void run_deinit(struct run *run) {
    close_sockets(run);
    fd_close_at(&run->filter_fd);
    descendants_deinit(&run->bystanders);
    elsewhere_free(run->elsewhere);
    remap_free(run->remap);
    run_environment_deinit(&run->environment);
    grant_deinit(&run->grant);
    run_child_deinit(&run->child);
}

static void run_init(struct run *run, const struct run_project *project) {
    const struct invocation *invocation = &project->invocation;
    const struct options *options = &invocation->options;

    *run = (struct run){
        .project = project,
        .invocation = invocation,
        .output = invocation->output,
        .service_name = invocation->operands.items[0],
        .argv = project->argv,
        .filter_fd = -1,
        .child = {.channel = -1, .signals = {.fd = -1, .ending_fd = -1}},
    };
    run->output.impatient = true;
    text_make_safe(run->service_name, run->safe_name, sizeof run->safe_name);
    for (; run->n_variables < options->n_env_names; run->n_variables++)
        run->variables[run->n_variables] = options->env_names[run->n_variables];
    if (run->n_variables == 0)
        run->variables[run->n_variables++] = "PORT";
    keeper_init(&run->keeper, invocation->client, &run->output);
}

static bool remaps(const struct run *run) {
    return run->invocation->options.remap != 0 || run->invocation->options.remap_auto;
}

/* ---- Before there is a lease */

static int explain_filter(int r, struct problem *problem) {
    switch (r) {
    case REMAP_E_UNSUPPORTED:
        problem_fill(problem, EXIT_RUN_FAILED, "remap-unsupported",
                     "--remap: this kernel lets nobody look at another's bind()");
        return problem_set_hint(problem,
                                "it takes Linux 5.6 with seccomp user notification, and a container that allows it");
    case REMAP_E_NESTED:
        return problem_fill(
            problem, EXIT_RUN_FAILED, "remap-nested",
            "--remap: another supervisor looks at our calls already, such as a run --remap around this one");
    default:
        return problem_fill(problem, EXIT_RUN_FAILED, "internal", "--remap: %s", strerror(-r));
    }
}

static int fork_child(struct run *run, struct problem *problem) {
    struct run_program program = {
        .argv = run->argv,
        .folder = run->project->folder,
        .filters = remaps(run),
        .is_adopted = !descendants_has_children(),
    };
    int r;

    /* With bystanders nobody is adopted, for theirs could not be told from the program's. Where these cannot be found (there is no /proc), nor can
     * anybody else: then nobody is signalled. */
    if (!program.is_adopted) {
        descendants_look(&run->bystanders);
        if (run->output.verbose)
            output_say(&run->output,
                       "this process has children already: what the program leaves behind is not looked for");
    }
    r = run_child_fork(&run->child, &program);
    if (r < 0)
        return problem_fill(problem, EXIT_RUN_FAILED, "internal", "no process can be made: %s", strerror(-r));
    if (!remaps(run))
        return 0;
    r = run_child_hear_filter(&run->child, &run->filter_fd);
    return r != 0 ? explain_filter(r, problem) : 0;
}

static uint16_t port_of(const struct run *run, size_t i) {
    return run->grant.leases[i].port;
}

static int ask(struct run *run, struct problem *problem) {
    const struct project_service *service = run->project->service;
    const struct grant_for whom = {
        .holder = run->child.pid,
        .asker = getpid(),
        .count = (unsigned)run->n_variables,
        .prefer = service != NULL ? service->prefer : NULL,
        .n_prefer = service != NULL ? service->n_prefer : 0,
        .is_projects = service != NULL,
    };
    int r = grant_ask(run->invocation, &whom, &run->grant, &run->held, problem);

    if (r != 0)
        return r;
    if (run->grant.n_leases < run->n_variables)
        return problem_fill(problem, EXIT_RUN_FAILED, "bad-reply", "portd granted %zu ports, and %zu were asked for",
                            run->grant.n_leases, run->n_variables);
    for (size_t i = 0; i < run->grant.n_leases; i++)
        keeper_add(&run->keeper, &run->grant.leases[i], run->grant.is_new[i]);
    return 0;
}

/* Returns 0, or -errno of the one that could not be opened, *ret_port: then none is. */
static int open_sockets(struct run *run, uint16_t *ret_port) {
    for (size_t i = 0; i < run->n_variables; i++) {
        int fd = listen_socket_open(run->invocation->options.listen_address, port_of(run, i));

        if (fd < 0) {
            *ret_port = port_of(run, i);
            close_sockets(run);
            return fd;
        }
        run->sockets[run->n_sockets++] = fd;
    }
    return 0;
}

static void give_back(struct run *run) {
    keeper_release(&run->keeper);
    client_set_interrupt(run->invocation->client, run->child.signals.ending_fd);
    keeper_init(&run->keeper, run->invocation->client, &run->output);
    grant_deinit(&run->grant);
}

/* A lease, and with --listen its sockets, too. */
static int get_ports(struct run *run, struct problem *problem) {
    const char *address = run->invocation->options.listen_address;

    for (int i = 1;; i++) {
        uint16_t taken = 0;
        int r = ask(run, problem);

        if (r != 0 || address == NULL)
            return r;
        r = open_sockets(run, &taken);
        if (r == 0)
            return 0;
        if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
            return problem_fill(problem, EXIT_RUN_FAILED, "internal", "no socket for port %u: %s", taken, strerror(-r));
        if (r != -EADDRINUSE || i == LISTEN_TRIES || run->invocation->options.port != 0)
            return problem_fill(problem, EXIT_RUN_FAILED, "cannot-listen", "nobody can listen on %s, port %u: %s",
                                address, taken, strerror(-r));
        give_back(run);
    }
}

/* ---- The start */

static int add_services(struct run *run) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(json_free_at) cJSON *leases = NULL;

    int r = 0;

    if (client_call(run->invocation->client, "/list", NULL, LIST_PATIENCE_MS, &leases, &problem) == 0)
        r = run_environment_add_services(&run->environment, leases, geteuid(), &run->invocation->scope,
                                         run->service_name);
    if (r == 0)
        r = run_project_add_others(run->project, leases, &run->environment);
    return r;
}

/* The ports first, PORT among them whatever they are called: their pairs are for the arguments, too. Returns how many they are, or -ENOMEM. */
static int make_environment(struct run *run) {
    const char *host = run->invocation->options.host;
    struct run_environment *environment = &run->environment;
    bool has_port = false;
    size_t n_ports;
    int r = 0;

    for (size_t i = 0; r == 0 && i < run->n_variables; i++) {
        has_port = has_port || strcmp(run->variables[i], "PORT") == 0;
        r = run_environment_add_number(environment, run->variables[i], port_of(run, i));
    }
    if (r == 0 && !has_port)
        r = run_environment_add_number(environment, "PORT", port_of(run, 0));
    n_ports = environment->n_pairs;
    if (r == 0 && host != NULL)
        r = run_environment_add(environment, "HOST", host);
    if (r == 0)
        r = run_environment_add(environment, "PORTMANAGER_SERVICE", run->service_name);
    if (r == 0)
        r = run_environment_add_number(environment, "PORTMANAGER_LEASE", run->grant.leases[0].id);
    if (r == 0)
        r = run_environment_add_url(environment, host, port_of(run, 0));
    if (r == 0)
        r = add_services(run);
    return r < 0 ? r : (int)n_ports;
}

static int start_child(struct run *run) {
    int n_ports = make_environment(run);
    const struct run_start start = {
        .environment = &run->environment,
        .n_ports = n_ports > 0 ? (size_t)n_ports : 0,
        .sockets = run->sockets,
        .n_sockets = run->n_sockets,
    };
    int r = n_ports < 0 ? n_ports : run_child_start(&run->child, &start);

    close_sockets(run); /* the program has them now, and nobody else shall answer in its place */
    return r;
}

/* For remap.h: one more lease, of the same name and holder. The bind waits for it and is not to be given up for a signal, so it is the signals that
 * wait, and briefly. */
static int lease_further(void *context, uint16_t fixed, uint16_t *ret_leased) {
    struct run *run = context;
    const struct grant_for whom = {
        .holder = run->child.pid, .asker = getpid(), .patience_ms = FURTHER_PATIENCE_MS, .beside = true};
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(grant_deinit) struct grant grant = {0};
    char detail[PROBLEM_DETAIL_MAX];
    int before = client_set_interrupt(run->invocation->client, -1);
    int r = grant_ask(run->invocation, &whom, &grant, NULL, &problem);

    client_set_interrupt(run->invocation->client, before);
    if (r == 0 && keeper_add(&run->keeper, &grant.leases[0], grant.is_new[0])) {
        *ret_leased = grant.leases[0].port;
        return 0;
    }
    if (r == 0)
        problem_fill(&problem, EXIT_RUN_FAILED, "internal", "one run keeps %zu leases at most", KEEPER_LEASES_MAX);
    problem_format(&problem, detail);
    output_say(&run->output, "port %u is not remapped: %s", fixed, detail);
    return r != 0 ? r : -ENOMEM;
}

static int start_remap(struct run *run) {
    const struct remap_setup setup = {
        .fd = fd_take(&run->filter_fd),
        .fixed = run->invocation->options.remap,
        .leased = port_of(run, 0),
        .service_name = run->safe_name,
        .output = &run->output,
        .lease = lease_further,
        .context = run,
    };

    return remaps(run) ? remap_new(&setup, &run->remap) : 0;
}

static bool is_setuid_file(const char *path) {
    struct stat status;

    return stat(path, &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID)) != 0;
}

/* As execvp() finds it: the first in PATH that can be executed. */
static bool is_setuid(const char *program) {
    const char *folders = getenv("PATH");
    char path[PATH_MAX];

    if (strchr(program, '/') != NULL)
        return is_setuid_file(program);
    while (folders != NULL && *folders != '\0') {
        size_t length = strcspn(folders, ":");

        snprintf(path, sizeof path, "%.*s/%s", (int)length, folders, program);
        if (access(path, X_OK) == 0)
            return is_setuid_file(path);
        folders += length + (folders[length] == ':');
    }
    return false;
}

static void tell_remap(const struct run *run) {
    const struct output *output = &run->output;

    if (is_setuid(run->argv[0]))
        output_say(output, "'%s' is setuid: under --remap it gets no privileges", run->argv[0]);
    if (!output->error_terminal || output->quiet || output->json)
        return;
    if (run->invocation->options.remap_auto)
        output_tell(output, "  the first port that it binds is %u; each other one gets a lease of its own",
                    port_of(run, 0));
    else
        output_tell(output, "  which it gets where it binds %u; getsockname() tells the real one",
                    run->invocation->options.remap);
    output_tell(output, "  not remapped: connect(), io_uring; no sudo in it; no bind() without portctl");
}

static void tell_granted(const struct run *run) {
    const struct output *output = &run->output;
    bool to_person = output->error_terminal && !output->quiet && !output->json;

    output_notes(output, json_get(run->grant.reply, "notes"));
    for (size_t i = 0; to_person && i < run->n_variables; i++)
        output_tell(output, "%s on port %u%s%s%s", run->safe_name, port_of(run, i), run->n_variables > 1 ? " (" : "",
                    run->n_variables > 1 ? run->variables[i] : "", run->n_variables > 1 ? ")" : "");
    if (remaps(run))
        tell_remap(run);
    if (!run->held && output->verbose)
        output_say(output, "portd does not see the program's process: the lease lives by heartbeats");
}

/* ---- The end */

static int explain_exec(const char *name, int error, struct problem *problem) {
    if (error < 0)
        return problem_fill(problem, EXIT_RUN_FAILED, "internal",
                            "its variables and sockets cannot be handed to '%s': %s", name, strerror(-error));
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

/* Without a lease nothing runs. What asked us to stop meanwhile is why, if anything did. */
static int give_up(struct run *run, int r, int *ret_exit_code, struct problem *problem) {
    bool was_asked = run_child_abandon(&run->child);

    keeper_release(&run->keeper);
    if (was_asked) {
        *ret_exit_code = run_child_exit_code(&run->child);
        return 0;
    }
    if (r == CLIENT_E_INTERRUPTED)
        return problem_fill(problem, EXIT_RUN_FAILED, "interrupted", "stopped before a port was granted");
    if (r < 0)
        return problem_fill(problem, EXIT_RUN_FAILED, "internal", "the program cannot be started: %s", strerror(-r));
    if (problem->exit_code != EXIT_WAITED)
        problem->exit_code = EXIT_RUN_FAILED; /* its own number might be the program's */
    return PROBLEM_E_SET;
}

static void start_looking(struct run *run) {
    const struct elsewhere_setup setup = {
        .service_name = run->safe_name,
        .ports = run->ports,
        .n_ports = run->grant.n_leases,
        .argv = run->argv,
        .output = &run->output,
        .bystanders = &run->bystanders,
    };

    for (size_t i = 0; i < run->grant.n_leases; i++)
        run->ports[i] = port_of(run, i);
    /* Without it the program runs as well. */
    elsewhere_new(&setup, &run->elsewhere);
}

/* Returns 0 once the program has ended, and nothing that it left behind is waited for any more. */
static int watch_program(struct run *run, int *ret_exit_code, struct problem *problem) {
    struct run_watch watch = {
        .child = &run->child,
        .keeper = &run->keeper,
        .remap = run->remap,
        .elsewhere = run->elsewhere,
        .kill_after_ms = run->invocation->options.kill_after_seconds * 1000,
    };
    const struct run_end end = {
        .invocation = run->invocation,
        .output = &run->output,
        .service_name = run->safe_name,
        .bystanders = &run->bystanders,
        .watch = &watch,
    };
    bool may_serve;
    int r = run_watch_init(&watch);

    if (r < 0)
        output_say(&run->output, "a signal may have to wait for portd: %s", strerror(-r));
    run_watch_program(&watch);
    may_serve = run_end_leftovers(&end);
    run_watch_deinit(&watch);
    if (may_serve && run->held && run->child.exec_error == 0)
        keeper_release_if_idle(&run->keeper);
    else
        keeper_release(&run->keeper);
    if (run->child.exec_error != 0)
        return explain_exec(run->argv[0], run->child.exec_error, problem);
    *ret_exit_code = run_child_exit_code(&run->child);
    return 0;
}

static int cmd_run(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(run_project_deinit) struct run_project project;
    CLEANUP(run_deinit)
    struct run run = {.filter_fd = -1, .child = {.channel = -1, .signals = {.fd = -1, .ending_fd = -1}}};
    int r = run_project_read(invocation, &project, problem);

    if (r != 0 && problem->exit_code != EXIT_USAGE)
        problem->exit_code = EXIT_RUN_FAILED;
    if (r != 0)
        return r;
    run_init(&run, &project);
    r = fork_child(&run, problem);
    if (r != 0)
        return run.child.pid > 0 ? give_up(&run, r, ret_exit_code, problem) : r;
    client_set_interrupt(invocation->client, run.child.signals.ending_fd);
    r = get_ports(&run, problem);
    if (r == 0)
        r = start_remap(&run);
    if (r == 0) {
        tell_granted(&run);
        start_looking(&run);
        r = start_child(&run);
    }
    if (r != 0)
        return give_up(&run, r, ret_exit_code, problem);
    return watch_program(&run, ret_exit_code, problem);
}

static const enum option_id run_options[] = {OPTION_GLOBAL, OPTION_ENV_NAME,   OPTION_PORT, OPTION_PREFER,  OPTION_WAIT,
                                             OPTION_REUSE,  OPTION_TTL,        OPTION_TAG,  OPTION_PROJECT, OPTION_HOST,
                                             OPTION_LISTEN, OPTION_KILL_AFTER, OPTION_KEEP, OPTION_REMAP,   OPTION_END};

static const char *const run_more[] = {
    "With --remap PORT, where the program or anything it starts binds that TCP port, it gets the leased one: nothing "
    "is changed in the program, and no privilege is needed, not even for a port below 1024. getsockname() tells it the "
    "real port, which workers of node's cluster take for a failure. connect() to the old port is not remapped, nor are "
    "binds through io_uring. sudo, ping and other setuid programs do not work below it (no_new_privs). One run --remap "
    "inside another is refused. When portctl has ended, by SIGKILL or after --keep, what still runs can bind nothing "
    "any more. With --remap auto the first port that is bound goes to the lease, and each further one gets a lease of "
    "its own.",
    "With --listen the program gets the port open and listening, in the way of systemd: descriptors from 3 on, "
    "LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (the variables' names). LISTEN_PID is the program itself, and not what "
    "a script or npm starts.",
    "What the program leaves behind has a second to end by itself (ten, if it reads from a pipe), then gets SIGTERM, "
    "and SIGKILL after ten seconds, or what --kill-after says. With --keep what listens on the port stays, and with it "
    "the lease; ten seconds long it may begin to. What a run --keep inside this one has kept stays, too.",
    "In a project whose portmanager.json names the service, its variables, preferred ports, tags and ttl are those "
    "that the file says, and so is the program "
    "where none is given: it starts in the project's folder. The ports are those of portctl up; a lease that was there "
    "before is left when the program ends.",
    "A signal that a process sends to portctl is forwarded. One that is sent to the whole process group (timeout does "
    "so) reaches the program twice.",
    NULL,
};

const struct command command_run = {
    .name = "run",
    .summary = "run a program with a port of its own in PORT",
    .usage = "NAME [options] [[--] PROGRAM [ARGUMENT...]]",
    .details = "The lease lives as long as the program. Input, output, signals, the terminal and the exit code pass\n"
               "through untouched. The program finds its port in PORT, and {PORT} in its arguments is replaced by it\n"
               "(not behind $, % or another brace). What it leaves behind is stopped when it ends. portctl help\n"
               "environment lists what it finds besides.\n",
    .more = run_more,
    .options = run_options,
    .n_least = 1,
    .n_most = SIZE_MAX,
    .others = OPERAND_ANY,
    .runs_program = true,
    .examples = {{"portctl run web npm start", "a server that reads PORT"},
                 {"portctl run web -- vite --port {PORT}", "a program that wants a flag"},
                 {"portctl run web --env-name PORT --env-name HMR_PORT -- npm start", "two ports, or none"},
                 {"portctl run web --remap 3000 -- node server.js", "a program that insists on 3000"}},
    .function = cmd_run,
};
