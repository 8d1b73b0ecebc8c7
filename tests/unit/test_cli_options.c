/*
 * Options: where they may stand, what each takes, and that each mistake is told by its name. And the tables themselves: what
 * they promise must be parsable.
 */
#include "cli/options.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "probe/fd.h"

#define WORDS_MAX 48

/* A command line, parsed as that of `command` (NULL: what stands before a command). */
struct parsed {
    char *words[WORDS_MAX];
    struct options options;
    struct operands operands;
    struct problem problem;
    int r;
};

static void parsed_deinit(struct parsed *parsed) {
    problem_deinit(&parsed->problem);
}

static void parse(struct parsed *parsed, const char *command_name, const char *const *words) {
    const struct command *command = command_name != NULL ? command_find(command_name) : NULL;
    const struct options_grammar grammar = {
        .command = command_name,
        .accepted = command != NULL ? command->options : NULL,
        .n_leading = command == NULL         ? 0
                     : command->runs_program ? 1
                                             : OPTIONS_ANYWHERE,
    };
    int n_words = 0;

    *parsed = (struct parsed){.words = {"portctl"}};
    for (n_words = 1; words[n_words - 1] != NULL; n_words++)
        parsed->words[n_words] = (char *)words[n_words - 1];
    parsed->r = options_parse(&grammar, n_words, parsed->words, &parsed->options, &parsed->operands, &parsed->problem);
}

#define PARSE(command, ...)                                                                                            \
    CLEANUP(parsed_deinit) struct parsed parsed;                                                                       \
    parse(&parsed, command, (const char *const[]){__VA_ARGS__, NULL})

static void assert_operands(const struct parsed *parsed, const char *const *expected) {
    size_t n = 0;

    cr_assert_eq(parsed->r, 0, "%s", parsed->problem.detail);
    for (; expected[n] != NULL; n++) {
        cr_assert_lt(n, parsed->operands.n_items, "there is no %s", expected[n]);
        cr_assert_str_eq(parsed->operands.items[n], expected[n]);
    }
    cr_assert_eq(parsed->operands.n_items, n);
    cr_assert_null(parsed->operands.items[n]);
}

#define ASSERT_OPERANDS(...) assert_operands(&parsed, (const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(const char *command, const char *const *words, const char *detail, const char *hint) {
    CLEANUP(parsed_deinit) struct parsed parsed;

    parse(&parsed, command, words);
    cr_assert_eq(parsed.r, PROBLEM_E_SET, "%s %s was taken", words[0], words[1] != NULL ? words[1] : "");
    cr_assert_eq(parsed.problem.exit_code, EXIT_USAGE);
    cr_assert_str_eq(parsed.problem.detail, detail);
    cr_assert_not_null(strstr(parsed.problem.hint, hint), "the hint is: %s", parsed.problem.hint);
}

#define ASSERT_REFUSED(command, detail, hint, ...)                                                                     \
    assert_refused(command, (const char *const[]){__VA_ARGS__, NULL}, detail, hint)

Test(cli_options, they_may_stand_before_and_behind_the_name) {
    {
        PARSE("alloc", "--ttl", "5m", "web", "--tag", "a", "--json");
        ASSERT_OPERANDS("web");
        cr_assert_eq(parsed.options.ttl_seconds, 300);
        cr_assert_eq(parsed.options.n_tags, 1);
        cr_assert(parsed.options.json);
    }
    {
        PARSE("alloc", "web", "-p8080", "--count=1", "-qv");
        ASSERT_OPERANDS("web");
        cr_assert_eq(parsed.options.port, 8080);
        cr_assert_eq(parsed.options.count, 1);
        cr_assert(parsed.options.quiet && parsed.options.verbose);
    }
}

Test(cli_options, two_dashes_end_them) {
    PARSE("alloc", "--json", "--", "--ttl", "-x");
    ASSERT_OPERANDS("--ttl", "-x");
    cr_assert_eq(parsed.options.ttl_seconds, 0);
}

Test(cli_options, a_single_dash_is_an_operand) {
    PARSE("alloc", "-");
    ASSERT_OPERANDS("-");
}

Test(cli_options, those_behind_the_program_of_run_are_the_programs) {
    {
        PARSE("run", "--ttl", "90", "web", "--env-name", "P", "npm", "start", "--watch", "--ttl", "5x", "-p");
        ASSERT_OPERANDS("web", "npm", "start", "--watch", "--ttl", "5x", "-p");
        cr_assert_eq(parsed.options.ttl_seconds, 90);
        cr_assert_str_eq(parsed.options.env_names[0], "P");
    }
    {
        PARSE("run", "web", "--reuse", "--", "npm", "--", "--json");
        ASSERT_OPERANDS("web", "npm", "--", "--json");
        cr_assert(parsed.options.reuse);
        cr_assert_not(parsed.options.json);
    }
    {
        PARSE("run", "--", "web", "--reuse");
        ASSERT_OPERANDS("web", "--reuse");
        cr_assert_not(parsed.options.reuse);
    }
}

Test(cli_options, those_before_the_command_end_at_the_command) {
    PARSE(NULL, "--json", "list", "--color", "never");
    ASSERT_OPERANDS("list", "--color", "never");
    cr_assert(parsed.options.json);
    cr_assert_eq(parsed.options.colour, COLOUR_AUTO);
}

Test(cli_options, one_that_is_unknown_is_named_with_the_nearest) {
    ASSERT_REFUSED("alloc", "alloc has no option --tll", "did you mean --ttl?", "web", "--tll", "5m");
    ASSERT_REFUSED("alloc", "alloc has no option --prefr", "did you mean --prefer?", "web", "--prefr=5");
    ASSERT_REFUSED("alloc", "alloc has no option -x", "portctl alloc --help", "web", "-x");
    ASSERT_REFUSED("list", "list has no option --ttl", "portctl list --help", "--ttl", "5");
    ASSERT_REFUSED("run", "run has no option --watch", "portctl run NAME -- PROGRAM --watch", "web", "--watch", "npm");
    ASSERT_REFUSED(NULL, "portctl has no option --ttl", "portctl alloc --ttl", "--ttl", "5m", "alloc", "web");
}

Test(cli_options, the_beginning_of_a_name_is_not_the_name) {
    ASSERT_REFUSED("alloc", "alloc has no option --pref", "did you mean --prefer?", "web", "--pref", "5");
    ASSERT_REFUSED("list", "list has no option --quie", "did you mean --quiet?", "--quie");
}

Test(cli_options, a_value_too_few_or_too_many_is_told) {
    ASSERT_REFUSED("alloc", "--ttl wants a value: TIME", "", "web", "--ttl");
    ASSERT_REFUSED("alloc", "--port wants a value: PORT", "", "web", "-p");
    ASSERT_REFUSED("alloc", "--reuse takes no value", "", "web", "--reuse=yes");
}

Test(cli_options, wrong_values_are_refused_with_the_rule) {
    ASSERT_REFUSED("alloc", "--ttl 5x is no time", "90s, 5m, 2h or 1d", "web", "--ttl", "5x");
    ASSERT_REFUSED("alloc", "--ttl 0 is no time", "at least one second", "web", "--ttl", "0");
    ASSERT_REFUSED("alloc", "--ttl -1 is no time", "", "web", "--ttl", "-1");
    ASSERT_REFUSED("alloc", "--ttl '' is no time", "", "web", "--ttl", "");
    ASSERT_REFUSED("alloc", "--port 70000 is no port", "from 1 to 65535", "web", "--port", "70000");
    ASSERT_REFUSED("alloc", "--port 0 is no port", "", "web", "--port", "0");
    ASSERT_REFUSED("alloc", "--port 8080x is no port", "", "web", "--port", "8080x");
    ASSERT_REFUSED("alloc", "--port +80 is no port", "", "web", "--port", "+80");
    ASSERT_REFUSED("alloc", "--prefer 1e3 is no port", "", "web", "--prefer", "1e3");
    ASSERT_REFUSED("alloc", "--count 65 is no count", "from 1 to 64", "web", "--count", "65");
    ASSERT_REFUSED("alloc", "--tag '' is no tag", "1 to 64 bytes", "web", "--tag", "");
    ASSERT_REFUSED("alloc", "--tag a?b is no tag", "", "web", "--tag", "a\nb");
    ASSERT_REFUSED("alloc", "--tag ? is no tag", "UTF-8", "web", "--tag", "\xff");
    ASSERT_REFUSED("run", "--env-name A B is no variable's name: letters, digits and _, no digit first", "",
                   "--env-name", "A B", "web", "true");
    ASSERT_REFUSED("run", "--env-name 1A is no variable's name: letters, digits and _, no digit first", "",
                   "--env-name", "1A", "web", "true");
    ASSERT_REFUSED("run", "--env-name '' is no variable's name: letters, digits and _, no digit first", "",
                   "--env-name", "", "web", "true");
    ASSERT_REFUSED("run", "--env-name A B is no variable's name: letters, digits and _, no digit first", "",
                   "--env-name", "A B", "web", "true");
    ASSERT_REFUSED("run", "--env-name PORTMANAGER_URL is a name that portctl uses itself", "", "--env-name",
                   "PORTMANAGER_URL", "web", "true");
    ASSERT_REFUSED("run", "--env-name LISTEN_FDS is a name that portctl uses itself", "", "--env-name", "LISTEN_FDS",
                   "web", "true");
    ASSERT_REFUSED("run", "--env-name PATH is a variable that programs need for something else", "", "--env-name",
                   "PATH", "web", "true");
    ASSERT_REFUSED("run", "--env-name LD_PRELOAD is a variable that programs need for something else", "", "--env-name",
                   "LD_PRELOAD", "web", "true");
    ASSERT_REFUSED("run", "--listen and --remap exclude each other: the port is open already", "", "--listen",
                   "--remap", "3000", "web", "true");
    ASSERT_REFUSED("run", "--env-name P is there twice: each variable tells one port", "", "--env-name", "P",
                   "--env-name", "Q", "--env-name", "P", "web", "true");
    ASSERT_REFUSED("run", "--remap 0 is no port", "a whole number from 1 to 65535, or auto", "--remap", "0", "web",
                   "true");
    ASSERT_REFUSED("run", "--remap none is no port", "a whole number from 1 to 65535, or auto", "--remap", "none",
                   "web", "true");
    ASSERT_REFUSED("run", "--listen localhost is no address",
                   "--listen=127.0.0.1, --listen=0.0.0.0 or --listen=::", "--listen=localhost", "web", "true");
    ASSERT_REFUSED("run", "--ttl 5x is no time", "90, 90s, 5m, 2h or 1d; at least one second", "--ttl", "5x", "web",
                   "true");
    ASSERT_REFUSED("run", "--wait 0 is no time", "90, 90s, 5m, 2h or 1d; at least one second", "--wait", "0", "web",
                   "true");
    ASSERT_REFUSED("run", "--host a/b is no address", "an IP address or a host name", "--host", "a/b", "web", "true");
    ASSERT_REFUSED("list", "--color blue is no choice", "auto, always or never", "--color", "blue");
    ASSERT_REFUSED("list", "--color alway is no choice", "did you mean --color always?", "--color", "alway");
    ASSERT_REFUSED("stop", "--signal TRM is no signal that stop sends", "did you mean --signal TERM?", "--signal",
                   "TRM");
    ASSERT_REFUSED("stop", "--signal sigint is no signal that stop sends", "did you mean --signal INT?", "--signal",
                   "sigint");
    ASSERT_REFUSED("run", "--remap auto1 is no port", "did you mean --remap auto?", "--remap", "auto1", "web", "true");
    ASSERT_REFUSED("list", "--socket is empty", "", "--socket", "");
    ASSERT_REFUSED("alloc", "--project /no/such: No such file or directory", "", "web", "--project", "/no/such");
    ASSERT_REFUSED("alloc", "--project /dev/null is no directory", "", "web", "--project", "/dev/null");
}

Test(cli_options, right_values_arrive) {
    PARSE("run", "--ttl", "2h", "--prefer", "65535", "--host", "::1", "--tag", "a", "--tag=b", "--env-name", "_P1",
          "--color", "always", "--socket", "/s", "web", "true");
    ASSERT_OPERANDS("web", "true");
    cr_assert_eq(parsed.options.ttl_seconds, 7200);
    cr_assert_eq(parsed.options.prefer, 65535);
    cr_assert_str_eq(parsed.options.host, "::1");
    cr_assert_eq(parsed.options.n_tags, 2);
    cr_assert_str_eq(parsed.options.tags[0], "a");
    cr_assert_str_eq(parsed.options.tags[1], "b");
    cr_assert_str_eq(parsed.options.env_names[0], "_P1");
    cr_assert_eq(parsed.options.colour, COLOUR_ALWAYS);
    cr_assert_str_eq(parsed.options.socket, "/s");
}

Test(cli_options, variables_are_kept_in_order) {
    PARSE("run", "--env-name", "PORT", "--env-name=HMR_PORT", "web", "true");
    cr_assert_eq(parsed.options.n_env_names, 2);
    cr_assert_str_eq(parsed.options.env_names[0], "PORT");
    cr_assert_str_eq(parsed.options.env_names[1], "HMR_PORT");
}

Test(cli_options, a_port_is_remapped_or_any) {
    PARSE("run", "--remap", "3000", "web", "true");
    cr_assert_eq(parsed.options.remap, 3000);
    cr_assert_not(parsed.options.remap_auto);
    parse(&parsed, "run", (const char *const[]){"--remap", "3000", "--remap=auto", "web", "true", NULL});
    cr_assert_eq(parsed.options.remap, 0);
    cr_assert(parsed.options.remap_auto);
}

/* Its value may be left out, so it must stand behind `=`: what comes next is the name. */
Test(cli_options, listen_takes_an_address_or_none) {
    PARSE("run", "--listen", "web", "true");
    ASSERT_OPERANDS("web", "true");
    cr_assert_str_eq(parsed.options.listen_address, "127.0.0.1");
    parse(&parsed, "run", (const char *const[]){"--listen=::1", "web", "true", NULL});
    cr_assert_str_eq(parsed.options.listen_address, "::1");
    parse(&parsed, "run", (const char *const[]){"web", "true", "--listen", NULL});
    cr_assert_null(parsed.options.listen_address);
}

Test(cli_options, of_one_given_twice_the_last_counts) {
    PARSE("alloc", "web", "--ttl", "5", "--ttl", "6");
    cr_assert_eq(parsed.options.ttl_seconds, 6);
}

Test(cli_options, a_project_is_made_absolute) {
    cr_assert_eq(chdir("/usr/share"), 0);
    PARSE("alloc", "web", "--project", "../lib");
    cr_assert_eq(parsed.r, 0, "%s", parsed.problem.detail);
    char *expected = realpath("/usr/lib", NULL);
    cr_assert_str_eq(parsed.options.project, expected);
    free(expected);
}

Test(cli_options, a_lease_has_at_most_32_tags) {
    const char *words[2 * OPTIONS_TAGS_MAX + 4] = {"web"};
    for (size_t i = 0; i < OPTIONS_TAGS_MAX; i++) {
        words[2 * i + 1] = "--tag";
        words[2 * i + 2] = "t";
    }
    char *all[2 * OPTIONS_TAGS_MAX + 8] = {"portctl"};
    int n_all = 1;
    for (; words[n_all - 1] != NULL; n_all++)
        all[n_all] = (char *)words[n_all - 1];
    const struct options_grammar grammar = {
        .command = "alloc", .accepted = command_find("alloc")->options, .n_leading = OPTIONS_ANYWHERE};
    struct options options = {0};
    struct operands operands;
    struct problem problem = {0};
    cr_assert_eq(options_parse(&grammar, n_all, all, &options, &operands, &problem), 0);
    cr_assert_eq(options.n_tags, 32);

    char *one_more[] = {"portctl", "web", "--tag", "t", NULL};
    cr_assert_eq(options_parse(&grammar, 4, one_more, &options, &operands, &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, "a lease has at most 32 tags");
}

Test(cli_options, those_that_exclude_each_other_are_refused_together) {
    ASSERT_REFUSED("list", "--json and --quiet exclude each other", "", "--json", "-q");
    ASSERT_REFUSED("list", "--socket and --url exclude each other", "", "--socket", "/s", "--url",
                   "http://localhost:1");
    ASSERT_REFUSED("alloc", "--port and --prefer exclude each other", "", "x", "--port", "1", "--prefer", "2");
    ASSERT_REFUSED("alloc", "--port is one port, --count 2 are several", "", "x", "--port", "1", "--count", "2");
    ASSERT_REFUSED("run", "--port is one port, and there are 2 variables", "--prefer 80, and the others come beside it",
                   "--port", "80", "--env-name", "A", "--env-name", "B", "x", "true");
    ASSERT_REFUSED("run", "--host and --env-name HOST exclude each other", "", "--host", "::", "--env-name", "HOST",
                   "x", "true");
}

Test(cli_options, a_name_keeps_the_rule_of_names) {
    static const char *const wrong[] = {"", "a\nb", "\x7f", "\xff", "a\xc2\x85"};
    char longest[OPTIONS_NAME_MAX + 2] = {0};
    struct problem problem = {0};

    memset(longest, 'n', OPTIONS_NAME_MAX);
    cr_assert_eq(options_check_name("my db, the second (\xc3\xa4)", &problem), 0);
    cr_assert_eq(options_check_name(longest, &problem), 0);
    longest[OPTIONS_NAME_MAX] = 'n';
    cr_assert_eq(options_check_name(longest, &problem), PROBLEM_E_SET);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_eq(options_check_name(wrong[i], &problem), PROBLEM_E_SET, "%zu", i);
        cr_assert_eq(problem.exit_code, EXIT_USAGE);
    }
}

Test(cli_options, every_option_has_a_name_a_sentence_and_a_letter_of_its_own) {
    for (enum option_id id = OPTION_END + 1; id < N_OPTIONS; id++) {
        const struct option_spec *spec = option_get(id);
        cr_assert_not_null(spec->name, "option %d has no name", (int)id);
        cr_assert_not_null(spec->help, "--%s has no help", spec->name);
        cr_assert_neq(spec->help[strlen(spec->help) - 1], '.', "--%s", spec->name);
        for (enum option_id other = OPTION_END + 1; other < id; other++) {
            cr_assert_str_neq(spec->name, option_get(other)->name);
            cr_assert(spec->letter == 0 || spec->letter != option_get(other)->letter, "-%c", spec->letter);
        }
    }
}

Test(cli_options, every_option_belongs_to_a_command_or_to_all) {
    size_t n_commands;
    const struct command *const *all = commands(&n_commands);

    for (enum option_id id = OPTION_END + 1; id < N_OPTIONS; id++) {
        bool found = false;
        for (const enum option_id *common = options_common(); *common != OPTION_END; common++)
            found = found || *common == id;
        for (size_t i = 0; i < n_commands; i++)
            for (const enum option_id *own = all[i]->options; own != NULL && *own != OPTION_END; own++)
                found = found || *own == id;
        cr_assert(found, "--%s is nobody's", option_get(id)->name);
    }
}

/* The words of a shell's line, as far as the examples need it: spaces, single quotes, and "PORT=$(" around it. */
static int split_line(char *line, char **ret_words) {
    int n_words = 0;
    char *at = line;

    while (*at != '\0' && n_words < WORDS_MAX - 1) {
        const char end = *at == '\'' ? '\'' : ' ';
        if (end == '\'')
            at++;
        ret_words[n_words++] = at;
        at += strcspn(at, end == ' ' ? " )" : "'");
        if (*at == '\0' || *at == ')')
            break;
        *at++ = '\0';
        while (*at == ' ')
            at++;
    }
    *at = '\0';
    ret_words[n_words] = NULL;
    return n_words;
}

Test(cli_options, every_example_of_the_help_parses) {
    size_t n_commands;
    const struct command *const *all = commands(&n_commands);

    for (size_t i = 0; i < n_commands; i++) {
        for (size_t j = 0; j < EXAMPLES_MAX && all[i]->examples[j].line != NULL; j++) {
            char line[256];
            char *words[WORDS_MAX];
            struct options options = {0};
            struct operands operands;
            struct problem problem = {0};
            const struct options_grammar grammar = {.command = all[i]->name,
                                                    .accepted = all[i]->options,
                                                    .n_leading = all[i]->runs_program ? 1 : OPTIONS_ANYWHERE};

            snprintf(line, sizeof(line), "%s", all[i]->examples[j].line);
            char *begin = strstr(line, "portctl ");
            cr_assert_not_null(begin, "%s", line);
            begin[strcspn(begin, "&|")] = '\0';
            const int n_words = split_line(begin, words);
            cr_assert_eq(command_find(words[1]), all[i], "%s", all[i]->examples[j].line);
            cr_assert_eq(options_parse(&grammar, n_words - 1, words + 1, &options, &operands, &problem), 0, "%s: %s",
                         all[i]->examples[j].line, problem.detail);
            cr_assert(operands.n_items >= all[i]->n_least && operands.n_items <= all[i]->n_most, "%s",
                      all[i]->examples[j].line);
        }
    }
}
