/*
 * Dispatch: from the arguments to the command that does them.
 */
#include "cli/command.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/complete.h"
#include "cli/help.h"
#include "probe/fd.h"
#include "src/base/text.h"

static const char *operand_word(enum operand_kind kind) {
    switch (kind) {
    case OPERAND_PORT:
        return "port";
    case OPERAND_PORT_OR_NAME:
        return "port or a name";
    case OPERAND_WORD:
        return "word";
    case OPERAND_NAME:
    case OPERAND_SERVICE:
    case OPERAND_NAME_VARIABLE:
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

/* Whoever writes one of these has meant it: "csh" is not a slip for "zsh". */
static bool is_other_shell(const char *word) {
    static const char *const others[] = {"csh", "tcsh", "sh", "ash", "dash", "ksh", "mksh", "powershell", "pwsh", "nu"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(word, others[i]) == 0)
            return true;
    return false;
}

static int check_word(const struct command *command, const char *word, struct problem *problem) {
    const char *near;
    char words[128];
    size_t n_words = 0;

    for (; command->words[n_words] != NULL; n_words++)
        if (strcmp(word, command->words[n_words]) == 0)
            return 0;
    near = is_other_shell(word) ? NULL : text_nearest(word, command->words, n_words);
    problem_fill_usage(problem, "%s knows no '%s'", command->name, word);
    if (near != NULL)
        return problem_set_hint(problem, "did you mean portctl %s %s?", command->name, near);
    return problem_set_hint(problem, "%s", options_join_words(command->words, words, sizeof words));
}

static int check_operand(const struct command *command, enum operand_kind kind, const char *word,
                         struct problem *problem) {
    if (kind == OPERAND_ANY || kind == OPERAND_NAME_VARIABLE)
        return 0;
    if (kind == OPERAND_WORD)
        return check_word(command, word, problem);
    if (kind == OPERAND_PORT || (kind == OPERAND_PORT_OR_NAME && options_is_port(word)))
        return options_check_port(word, NULL, problem);
    return options_check_name(word, problem);
}

static int check_operands(const struct command *command, const struct operands *operands, struct problem *problem) {
    if (operands->n_items < command->n_least || operands->n_items > command->n_most)
        return refuse_operands(command, operands, problem);
    for (size_t i = 0; i < operands->n_items; i++) {
        int r = check_operand(command, i == 0 ? command->first : command->others, operands->items[i], problem);
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
    int r = 0;

    if (!invocation->command->without_portd)
        r = client_open(&invocation->options, &client, problem);
    if (r != 0)
        return r;
    if (client != NULL && !invocation->output.json && !invocation->output.quiet)
        client_tell_elsewhere(client, &invocation->output);
    if (command_takes(invocation->command, OPTION_GLOBAL))
        scope_find(&invocation->options, &invocation->scope);
    invocation->client = client;
    r = invocation->command->function(invocation, ret_exit_code, problem);
    invocation->client = NULL;
    return r;
}

static int refuse_command(const char *name, struct problem *problem) {
    static const char *const others[] = {"help", NULL};
    const char *near = command_nearest(name, others);

    problem_fill_usage(problem, "there is no command '%s'", name);
    if (strcmp(name, "version") == 0)
        return problem_set_hint(problem, "did you mean portctl --version?");
    if (near != NULL)
        return problem_set_hint(problem, "did you mean portctl %s?", near);
    return problem_set_hint(problem, "portctl help lists the commands");
}

/* Whoever asks for help on help wants the help. NULL: none, the overview. */
static const char *find_topic(const struct operands *words) {
    const char *topic = words->n_items > 1 ? words->items[1] : NULL;

    return topic == NULL || strcmp(topic, "--help") == 0 || strcmp(topic, "-h") == 0 ? NULL : topic;
}

/* What stands before the command, then the command. Returns PROBLEM_E_SET, or 0 and in *ret_exit_code how it ended. */
static int dispatch(struct invocation *invocation, int argc, char **argv, int *ret_exit_code, struct problem *problem) {
    const struct options_grammar grammar = {.n_leading = 0};
    struct operands words;
    int r;

    if (argc > 1 && strcmp(argv[1], COMPLETE_WORD) == 0) {
        complete_main(argc - 2, argv + 2);
        *ret_exit_code = EXIT_YES;
        return 0;
    }
    r = options_parse(&grammar, argc, argv, &invocation->options, &words, problem);
    if (r != 0)
        return r;
    if (words.n_items > 0 && strcmp(words.items[0], "help") == 0) {
        output_init(&invocation->output, &invocation->options);
        return help_topic(find_topic(&words), &invocation->output, ret_exit_code, problem);
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
    bool is_told;
    int r;

    if (argc < 1)
        return EXIT_USAGE;
    fill_standard_streams();
    is_told = dispatch(&invocation, argc, argv, &exit_code, &problem) != 0;
    if (is_told) {
        invocation.options.json = invocation.options.json || asks_for_json(argc, argv);
        output_init(&invocation.output, &invocation.options);
        exit_code = problem_report(&problem, &invocation.output);
        if (invocation.command != NULL && invocation.command->print_failure != NULL)
            invocation.command->print_failure(&invocation, exit_code);
    }
    problem_deinit(&problem);
    r = output_finish();
    if (r < 0) {
        if (!is_told) /* whoever has failed has said why */
            output_say(&invocation.output, "standard output: %s", strerror(-r));
        return exit_code == EXIT_YES ? EXIT_NO : exit_code;
    }
    return exit_code;
}
