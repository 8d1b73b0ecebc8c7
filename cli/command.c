/*
 * The table of commands, and dispatch.
 */
#include "cli/command.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/help.h"
#include "probe/fd.h"
#include "src/base/text.h"

static const enum option_id alloc_options[] = {OPTION_TTL, OPTION_PORT,    OPTION_PREFER, OPTION_COUNT, OPTION_REUSE,
                                               OPTION_TAG, OPTION_PROJECT, OPTION_WAIT,   OPTION_END};
static const enum option_id hold_options[] = {OPTION_TTL, OPTION_PORT,    OPTION_PREFER, OPTION_REUSE,
                                              OPTION_TAG, OPTION_PROJECT, OPTION_WAIT,   OPTION_END};
static const enum option_id run_options[] = {OPTION_ENV_NAME,   OPTION_PORT, OPTION_PREFER,  OPTION_WAIT, OPTION_REUSE,
                                             OPTION_TTL,        OPTION_TAG,  OPTION_PROJECT, OPTION_HOST, OPTION_LISTEN,
                                             OPTION_KILL_AFTER, OPTION_KEEP, OPTION_REMAP,   OPTION_END};
static const enum option_id lookup_options[] = {OPTION_ALL, OPTION_END};
static const enum option_id release_options[] = {OPTION_ALL, OPTION_END};
static const enum option_id squatters_options[] = {OPTION_ALL, OPTION_END};
static const enum option_id ignore_options[] = {OPTION_UNDO, OPTION_END};
static const enum option_id claim_options[] = {OPTION_PID, OPTION_END};
static const enum option_id stop_options[] = {OPTION_YES, OPTION_SIGNAL, OPTION_PID, OPTION_END};
static const enum option_id history_options[] = {OPTION_SINCE, OPTION_LIMIT, OPTION_END};
static const enum option_id no_options[] = {OPTION_END};

static const char *const run_more[] = {
    "With --remap PORT, where the program or anything it starts binds that TCP port, it gets the leased one: nothing "
    "is "
    "changed in the program, and no privilege is needed, not even for a port below 1024. getsockname() tells it the "
    "real "
    "port, which workers of node's cluster take for a failure. connect() to the old port is not remapped, nor are "
    "binds "
    "through io_uring. sudo, ping and other setuid programs do not work below it (no_new_privs). One run --remap "
    "inside "
    "another is refused. When portctl has ended, by SIGKILL or after --keep, what still runs can bind nothing any "
    "more. With "
    "--remap auto the first port that is bound goes to the lease, and each further one gets a lease of its own.",
    "With --listen the program gets the port open and listening, in the way of systemd: descriptors from 3 on, "
    "LISTEN_FDS, "
    "LISTEN_PID and LISTEN_FDNAMES (the variables' names). LISTEN_PID is the program itself, and not what a script or "
    "npm "
    "starts.",
    "What the program leaves behind has a second to end by itself (ten, if it reads from a pipe), then gets SIGTERM, "
    "and SIGKILL after ten seconds, "
    "or "
    "what --kill-after says. With --keep what listens on the port stays, and with it the lease; ten seconds long it "
    "may "
    "begin to. What a run --keep inside this one has kept stays, too.",
    "A signal that a process sends to portctl is forwarded. One that is sent to the whole process group (timeout does "
    "so) "
    "reaches the program twice.",
    NULL,
};

static const struct command table[] = {
    {
        .name = "alloc",
        .summary = "get a free port for a service",
        .usage = "NAME [options]",
        .details = "Asks portd for a port that is free in the kernel, and prints its number and nothing else on\n"
                   "standard output. The lease lives while something listens on the port, or for its TTL.\n",
        .options = alloc_options,
        .n_least = 1,
        .n_most = 1,
        .examples = {{"PORT=$(portctl alloc my-db)", "a port in a variable"},
                     {"portctl alloc my-api --ttl 2h --tag dev", "for two hours, with a tag"},
                     {"portctl alloc cluster --count 3", "three ports, one a line"},
                     {"portctl alloc login --port 8080", "this port, or exit code 4"}},
        .function = cmd_alloc,
    },
    {
        .name = "run",
        .summary = "run a program with a port of its own in PORT",
        .usage = "NAME [options] [--] PROGRAM [ARGUMENT...]",
        .details =
            "The lease lives as long as the program. Input, output, signals, the terminal and the exit code pass\n"
            "through untouched. The program finds its port in PORT, and {PORT} in its arguments is replaced by it\n"
            "(not behind $, % or another brace). What it leaves behind is stopped when it ends. portctl help\n"
            "environment lists what it finds besides.\n",
        .more = run_more,
        .options = run_options,
        .n_least = 2,
        .n_most = SIZE_MAX,
        .others = OPERAND_ANY,
        .runs_program = true,
        .examples = {{"portctl run web npm start", "a server that reads PORT"},
                     {"portctl run web -- vite --port {PORT}", "a program that wants a flag"},
                     {"portctl run web --env-name PORT --env-name HMR_PORT -- npm start", "two ports, or none"},
                     {"portctl run web --remap 3000 -- node server.js", "a program that insists on 3000"}},
        .function = cmd_run,
    },
    {
        .name = "list",
        .alias = "ls",
        .summary = "show the leases",
        .usage = "[NAME] [options]",
        .details = "All leases of this machine, or those of one name. In a pipe: a line a lease, tab-separated: port,\n"
                   "name, state, user, kept by, expires at, allocated at, id, tags; \"-\" where there is nothing.\n",
        .options = no_options,
        .n_most = 1,
        .examples = {{"portctl list", "what a person wants to see"},
                     {"portctl list -q my-api", "the ports of my-api, one a line"},
                     {"portctl list --json", "everything, for a program"}},
        .function = cmd_list,
    },
    {
        .name = "lookup",
        .summary = "print the port of a service",
        .usage = "NAME [options]",
        .details = "Prints the port of your own oldest lease of that name, or else of anybody's; with\n"
                   "--all every port that the name has, one a line. Exit code 1 if it has none.\n",
        .options = lookup_options,
        .n_least = 1,
        .n_most = 1,
        .examples = {{"curl http://localhost:$(portctl lookup my-api)/", "talk to a service by its name"},
                     {"portctl lookup cluster --all", "every port of the name"}},
        .function = cmd_lookup,
    },
    {
        .name = "who",
        .summary = "explain who has a port, why it runs, and what to do",
        .usage = "[PORT...] [options]",
        .details = "Without a port: everything that listens. Exit code 1 if nobody is on any of the ports. In a\n"
                   "pipe: a line for each process that has a socket open, tab-separated: port, address, state of the\n"
                   "socket, name of the lease, evidence, process, pid, user, uid, unit, container, since, inode,\n"
                   "start time, command; \"-\" where there is nothing, as for the process of a hidden owner.\n",
        .options = no_options,
        .n_most = SIZE_MAX,
        .first = OPERAND_PORT,
        .others = OPERAND_PORT,
        .examples = {{"portctl who 3000", "the verdict, and the whole story"},
                     {"portctl who", "everything that listens"},
                     {"portctl who -q 8001 && echo busy", "for a script: the exit code"}},
        .function = cmd_who,
    },
    {
        .name = "squatters",
        .summary = "show who listens where he has no lease",
        .usage = "[options]",
        .details = "Everything that is on a leased port, or in the managed range, and does not belong there. In a\n"
                   "pipe: a line a socket, tab-separated: port, kind, address, process, pid, user, name of the lease,\n"
                   "user of the lease, since, verdict. The kinds are unleased, taken, split, shared and inactive.\n"
                   "Those that you ignore are left out.\n",
        .options = squatters_options,
        .examples = {{"portctl squatters", "with what each one hurts"},
                     {"portctl squatters -q", "their ports, one a line"},
                     {"portctl squatters --all", "those that you ignore, too"}},
        .function = cmd_squatters,
    },
    {
        .name = "conflicts",
        .summary = "show the leased ports that two parties have",
        .usage = "[options]",
        .details =
            "Those of the squatters that are on a leased port: taken, split or shared. Exit code 1 if there are\n"
            "any but those that you ignore. In a pipe: the same lines as those of squatters.\n",
        .options = squatters_options,
        .examples = {{"portctl conflicts", "who sits on whose port"},
                     {"portctl conflicts -q && echo all is well", "for a script"}},
        .function = cmd_conflicts,
    },
    {
        .name = "claim",
        .summary = "make a lease for what listens on a port already",
        .usage = "PORT [NAME] [options]",
        .details = "The listener must be yours. On a leased port it says that the listener is the lease's; then the\n"
                   "name may be left out. --pid means one of two parties that share the port.\n",
        .options = claim_options,
        .n_least = 1,
        .n_most = 2,
        .first = OPERAND_PORT,
        .examples = {{"portctl claim 3000 my-site", "a lease for the server on 3000"},
                     {"portctl claim 8001", "what listens there is the lease's"}},
        .function = cmd_claim,
    },
    {
        .name = "disown",
        .summary = "say that what listens on your port is not yours",
        .usage = "PORT [options]",
        .details = "The listener on your leased port is a squatter from now on. It is told and not touched.\n",
        .options = claim_options,
        .n_least = 1,
        .n_most = 1,
        .first = OPERAND_PORT,
        .examples = {{"portctl disown 8001", "then: portctl who 8001"},
                     {"portctl disown 8001 --pid 4711", "one of two parties on the port"}},
        .function = cmd_disown,
    },
    {
        .name = "ignore",
        .summary = "put up with a squatter",
        .usage = "PORT [options]",
        .details =
            "squatters and conflicts leave it out for you from now on, also after it was started anew: it is known\n"
            "by its port, its user and the name of its process. Others are still told of it, and nothing is done\n"
            "to it. The oldest of more than 256 is told again.\n",
        .options = ignore_options,
        .n_least = 1,
        .n_most = 1,
        .first = OPERAND_PORT,
        .examples = {{"portctl ignore 8005", "I know, and it may stay"},
                     {"portctl ignore 8005 --undo", "tell me of it again"}},
        .function = cmd_ignore,
    },
    {
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
    },
    {
        .name = "watch",
        .summary = "follow what happens to leases and ports",
        .usage = "[options]",
        .details =
            "A line an event, until Ctrl-C; goes on when portd is started again. In a pipe tab-separated: time,\n"
            "kind, port, name of the lease, process, pid, user, address, finding, id, reason. With --json every\n"
            "event as portd tells it, one a line.\n",
        .options = no_options,
        .examples = {{"portctl watch", "live, for a person"}, {"portctl watch --json", "live, for a program"}},
        .function = cmd_watch,
    },
    {
        .name = "history",
        .summary = "show what happened to leases and ports",
        .usage = "[PORT|NAME] [options]",
        .details = "The same lines as those of watch, out of the last seven days, oldest first.\n",
        .options = history_options,
        .n_most = 1,
        .first = OPERAND_PORT_OR_NAME,
        .examples = {{"portctl history 8001", "of one port"},
                     {"portctl history my-api --since 1h", "of one name, in the last hour"},
                     {"portctl history --limit 20 --json", "for a program"}},
        .function = cmd_history,
    },
    {
        .name = "renew",
        .alias = "heartbeat",
        .summary = "let a lease live for another TTL",
        .usage = "PORT|NAME [options]",
        .details = "Needed only where nothing listens on the port: listening renews a lease by itself.\n",
        .options = no_options,
        .n_least = 1,
        .n_most = 1,
        .first = OPERAND_PORT_OR_NAME,
        .examples = {{"portctl renew my-db", "all your leases of this name"}, {"portctl renew 8001", "one lease"}},
        .function = cmd_renew,
    },
    {
        .name = "release",
        .summary = "give a port back",
        .usage = "PORT|NAME [options]",
        .details = "Ends the lease; what listens on the port is told and not touched. A name with several leases is\n"
                   "released with --all only.\n",
        .options = release_options,
        .n_least = 1,
        .n_most = 1,
        .first = OPERAND_PORT_OR_NAME,
        .examples = {{"portctl release 8001", "by port"},
                     {"portctl release my-api --all", "all your leases of a name"}},
        .function = cmd_release,
    },
    {
        .name = "hold",
        .alias = "loop",
        .summary = "hold a port until it is stopped",
        .usage = "NAME [options]",
        .details =
            "Prints the port and keeps the lease in the foreground until Ctrl-C or SIGTERM, then gives it back.\n"
            "However it ends, the lease ends with it.\n",
        .options = hold_options,
        .n_least = 1,
        .n_most = 1,
        .examples = {{"portctl hold my-db &", "hold a port in the background"}},
        .function = cmd_hold,
    },
    {
        .name = "status",
        .summary = "show whether portd runs, and how",
        .usage = "[options]",
        .details = "In a pipe: a line a fact, tab-separated. Exit code 3 if portd does not run.\n",
        .options = no_options,
        .examples = {{"portctl status", "its address, range and database"},
                     {"portctl status -q && echo up", "the exit code alone"}},
        .function = cmd_status,
    },
};

#define N_COMMANDS (sizeof table / sizeof table[0])

const struct command *commands(size_t *ret_n) {
    *ret_n = N_COMMANDS;
    return table;
}

const struct command *command_find(const char *name) {
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, table[i].name) == 0 || (table[i].alias != NULL && strcmp(name, table[i].alias) == 0))
            return &table[i];
    return NULL;
}

static const char *operand_word(enum operand_kind kind) {
    switch (kind) {
    case OPERAND_PORT:
        return "port";
    case OPERAND_PORT_OR_NAME:
        return "port or a name";
    case OPERAND_NAME:
    case OPERAND_ANY:
        break;
    }
    return "name";
}

static int refuse_operands(const struct command *command, const struct operands *operands, struct problem *problem) {
    if (operands->n_items > command->n_most)
        problem_fill_usage(problem, "%s does not know what to do with '%s'", command->name,
                           operands->items[command->n_most]);
    else if (command->runs_program && operands->n_items == 1)
        problem_fill_usage(problem, "%s wants a program behind the name '%s'", command->name, operands->items[0]);
    else
        problem_fill_usage(problem, "%s wants a %s", command->name, operand_word(command->first));
    return problem_set_hint(problem, "portctl %s %s", command->name, command->usage);
}

static int check_operand(enum operand_kind kind, const char *word, struct problem *problem) {
    if (kind == OPERAND_ANY)
        return 0;
    if (kind == OPERAND_PORT || (kind == OPERAND_PORT_OR_NAME && options_is_port(word)))
        return options_check_port(word, NULL, problem);
    return options_check_name(word, problem);
}

static int check_operands(const struct command *command, const struct operands *operands, struct problem *problem) {
    if (operands->n_items < command->n_least || operands->n_items > command->n_most)
        return refuse_operands(command, operands, problem);
    for (size_t i = 0; i < operands->n_items; i++) {
        int r = check_operand(i == 0 ? command->first : command->others, operands->items[i], problem);
        if (r != 0)
            return r;
    }
    return 0;
}

static int parse_command(struct invocation *invocation, int argc, char **argv, struct problem *problem) {
    const struct command *command = invocation->command;
    const struct options_grammar grammar = {
        .command = command->name,
        .accepted = command->options,
        .n_leading = command->runs_program ? 1 : OPTIONS_ANYWHERE,
    };
    int r = options_parse(&grammar, argc, argv, &invocation->options, &invocation->operands, problem);

    if (r != 0 || invocation->options.help || invocation->options.version)
        return r;
    return check_operands(command, &invocation->operands, problem);
}

static int run_command(struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(client_close_at) struct client *client = NULL;
    int r = client_open(&invocation->options, &client, problem);

    if (r != 0)
        return r;
    invocation->client = client;
    r = invocation->command->function(invocation, ret_exit_code, problem);
    invocation->client = NULL;
    return r;
}

static int refuse_command(const char *name, struct problem *problem) {
    const char *words[2 * N_COMMANDS + 1] = {"help"};
    size_t n_words = 1;
    const char *near;

    for (size_t i = 0; i < N_COMMANDS; i++) {
        words[n_words++] = table[i].name;
        if (table[i].alias != NULL)
            words[n_words++] = table[i].alias;
    }
    near = text_nearest(name, words, n_words);
    problem_fill_usage(problem, "there is no command '%s'", name);
    if (near != NULL)
        return problem_set_hint(problem, "did you mean portctl %s?", near);
    return problem_set_hint(problem, "portctl help lists the commands");
}

/* What stands before the command, then the command. Returns PROBLEM_E_SET, or 0 and in *ret_exit_code how it ended. */
static int dispatch(struct invocation *invocation, int argc, char **argv, int *ret_exit_code, struct problem *problem) {
    const struct options_grammar grammar = {.n_leading = 0};
    struct operands words;
    int r = options_parse(&grammar, argc, argv, &invocation->options, &words, problem);

    if (r != 0)
        return r;
    if (words.n_items > 0 && strcmp(words.items[0], "help") == 0) {
        output_init(&invocation->output, &invocation->options);
        return help_topic(words.n_items > 1 ? words.items[1] : NULL, &invocation->output, ret_exit_code, problem);
    }
    if (words.n_items > 0 && !invocation->options.help && !invocation->options.version) {
        invocation->command = command_find(words.items[0]);
        if (invocation->command == NULL)
            return refuse_command(words.items[0], problem);
        r = parse_command(invocation, (int)words.n_items, words.items, problem);
        if (r != 0)
            return r;
    }
    output_init(&invocation->output, &invocation->options);
    if (invocation->options.help)
        *ret_exit_code = help_show(invocation->command, &invocation->output);
    else if (invocation->options.version)
        *ret_exit_code = help_version();
    else if (invocation->command == NULL)
        *ret_exit_code = help_first_steps(&invocation->output);
    else
        return run_command(invocation, ret_exit_code, problem);
    return 0;
}

/* After a mistake the options behind it were not looked at, but who wants JSON wants it for mistakes too. */
static bool asks_for_json(int argc, char **argv) {
    for (int i = 1; i < argc && argv[i] != NULL && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

/*
 * A standard stream that was closed is closed for programs that we start, and no descriptor of ours may take its number: what is said would go there.
 * What stands in for it cannot be written to (standard input: read), so that whoever tries is told as before.
 */
static void fill_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC) < 0)
            return;
}

int command_main(int argc, char **argv) {
    struct invocation invocation = {0};
    struct problem problem = {0};
    int exit_code = EXIT_NO;
    int r;

    if (argc < 1)
        return EXIT_USAGE;
    fill_standard_streams();
    if (dispatch(&invocation, argc, argv, &exit_code, &problem) != 0) {
        invocation.options.json = invocation.options.json || asks_for_json(argc, argv);
        output_init(&invocation.output, &invocation.options);
        exit_code = problem_report(&problem, &invocation.output);
    }
    problem_deinit(&problem);
    r = output_finish();
    if (r < 0) {
        output_say(&invocation.output, "standard output: %s", strerror(-r));
        return exit_code == EXIT_YES ? EXIT_NO : exit_code;
    }
    return exit_code;
}
