/*
 * Screens: nothing is left out. Every command, and every option that it takes, has a case in the tables (tests/support/screens_*.c) on a terminal and in a
 * pipe; what all commands have in common does with each what it should. The cases themselves are run by test_cli_screens_NAME.c.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/completions.h"
#include "cli/shell_line.h"
#include "tests/support/file.h"
#include "tests/support/screen.h"

TestSuite(cli_screens, .init = screen_enter);

/* ---- Nothing is left out */

enum stream { TERMINAL, PIPE };

static const char *const stream_names[] = {"on a terminal", "in a pipe"};

struct exception {
    const char *command;
    enum option_id option; /* OPTION_END: the command without any */
    const char *reason;
};

static const struct exception exceptions[] = {
    {"doctor", OPTION_END, "what it finds is the machine's: test_cli_doctor_print.c makes up machines"},
    {"doctor", OPTION_JSON, "the same"},
    {"doctor", OPTION_QUIET, "the same"},
    {"doctor", OPTION_COLOR, "the same"},
    {"mcp", OPTION_END, "it speaks a protocol and no sentence: test_cli_mcp*.c are its clients"},
    {"mcp", OPTION_GLOBAL, "the same: test_cli_mcp_tools.c"},
    {"mcp", OPTION_PROJECT, "the same: test_cli_mcp_tools.c"},
    {"mcp", OPTION_JSON, "its answers are JSON without it"},
    {"mcp", OPTION_QUIET, "it prints no ports"},
    {"completion", OPTION_END, "its screen is the script, below"},
    {"completion", OPTION_JSON, "a script has no other form, below"},
    {"completion", OPTION_QUIET, "a script has no other form, below"},
};

/* Whose screens have colours of their own; those of a problem are anybody's. */
static const char *const coloured[] = {"list",    "who",    "squatters", "conflicts", "up",   "history",
                                       "release", "status", "watch",     "doctor",    "stop", NULL};

/* What does the same with every command needs no case with each: every_command_takes_them() runs them. */
static const enum option_id anywhere[] = {OPTION_VERBOSE, OPTION_COLOR,   OPTION_SOCKET,
                                          OPTION_URL,     OPTION_VERSION, OPTION_END};

static bool is_among(const enum option_id *ids, enum option_id id) {
    for (; *ids != OPTION_END; ids++)
        if (*ids == id)
            return true;
    return false;
}

static bool is_excepted(const struct command *command, enum option_id id) {
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
        if (strcmp(exceptions[i].command, command->name) == 0 && exceptions[i].option == id)
            return true;
    return false;
}

/* "--ttl", "--ttl=5m", "-t" or "-tq" */
static bool is_option(const char *word, enum option_id id) {
    const struct option_spec *spec = option_get(id);
    const size_t length = strlen(spec->name);

    if (strncmp(word, "--", 2) == 0)
        return strncmp(word + 2, spec->name, length) == 0 && (word[2 + length] == '\0' || word[2 + length] == '=');
    return word[0] == '-' && spec->letter != 0 && word[1] == spec->letter;
}

static bool has_option(const struct screen_case *screen, enum option_id id) {
    for (size_t i = 0; screen->words[i] != NULL && strcmp(screen->words[i], "--") != 0; i++)
        if (is_option(screen->words[i], id))
            return true;
    return false;
}

static bool has_any_option(const struct screen_case *screen) {
    for (size_t i = 0; screen->words[i] != NULL && strcmp(screen->words[i], "--") != 0; i++)
        if (screen->words[i][0] == '-')
            return true;
    return false;
}

static bool is_on(const struct screen_case *screen, enum stream stream) {
    return stream == TERMINAL ? screen->screen != NULL : screen->output != NULL;
}

/* `command` NULL: any. OPTION_END: without an option. */
static bool is_of(const struct screen_case *screen, const struct command *command, enum option_id id) {
    if (command != NULL && (screen->words[0] == NULL || strcmp(screen->words[0], command->name) != 0))
        return false;
    return id == OPTION_END ? !has_any_option(screen) : has_option(screen, id);
}

static const struct screen_case *find_case(const struct command *command, enum option_id id, enum stream stream) {
    size_t n_tables;
    const struct screen_table *const *tables = screen_tables(&n_tables);

    for (size_t i = 0; i < n_tables; i++)
        for (size_t j = 0; j < tables[i]->n_cases; j++)
            if (is_on(&tables[i]->cases[j], stream) && is_of(&tables[i]->cases[j], command, id))
                return &tables[i]->cases[j];
    return NULL;
}

static void expect_case(const struct command *command, enum option_id id) {
    for (enum stream stream = TERMINAL; stream <= PIPE; stream++)
        if (!is_excepted(command, id) && find_case(command, id, stream) == NULL)
            cr_expect_fail("portctl %s%s%s has no case %s: tests/support/screens_*.c", command->name,
                           id == OPTION_END ? "" : " --", id == OPTION_END ? "" : option_get(id)->name,
                           stream_names[stream]);
}

Test(cli_screens, every_command_has_a_case_and_every_option_of_its_own) {
    size_t n;
    const struct command *const *all = commands(&n);

    for (size_t i = 0; i < n; i++) {
        expect_case(all[i], OPTION_END);
        for (const enum option_id *id = all[i]->options; id != NULL && *id != OPTION_END; id++)
            expect_case(all[i], *id);
        for (const enum option_id *id = options_common(); *id != OPTION_END; id++)
            if (!is_among(anywhere, *id))
                expect_case(all[i], *id);
    }
}

Test(cli_screens, every_kind_of_output_has_a_case_with_colours) {
    for (size_t i = 0; coloured[i] != NULL; i++) {
        const struct command *command = command_find(coloured[i]);
        cr_assert_not_null(command, "%s", coloured[i]);
        expect_case(command, OPTION_COLOR);
    }
}

/* A name that no command has any more excuses nobody. */
Test(cli_screens, every_exception_is_of_a_command_that_there_is) {
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        const struct exception *exception = &exceptions[i];
        const struct command *command = command_find(exception->command);

        cr_assert_not_null(command, "%s", exception->command);
        cr_assert(exception->option == OPTION_END || is_among(options_common(), exception->option) ||
                  command_takes(command, exception->option));
        cr_assert_neq(exception->reason[0], '\0');
    }
}

/* ---- What every command takes */

static const struct screen_case *plain_case(const struct command *command, enum stream stream) {
    const struct screen_case *screen = find_case(command, OPTION_END, stream);

    if (screen == NULL)
        cr_assert(is_excepted(command, OPTION_END), "%s", command->name);
    return screen;
}

static void remove_colours(char *text) {
    char *to = text;

    while (*text != '\0') {
        if (text[0] == '\033' && text[1] == '[')
            text += strcspn(text, "m") + 1;
        else
            *to++ = *text++;
    }
    *to = '\0';
}

/* The same text as without the words, and the same questions. */
static void expect_same(const struct screen_case *screen, enum stream stream, const char *const *more) {
    CLEANUP(screen_result_deinit)
    struct screen_result result = screen_run(screen, stream == TERMINAL ? SCREEN_COLUMNS : 0, more);
    const char *expected = stream == TERMINAL ? screen->screen : screen->output;

    if (strcmp(more[0], "--color=always") == 0) {
        remove_colours(result.text);
        remove_colours(result.errors);
    }
    cr_expect_str_eq(result.text, expected, "portctl %s with %s, %s:\n%s\ninstead of:\n%s", screen_format_words(screen),
                     more[0], stream_names[stream], result.text, expected);
    cr_expect_eq(result.exit_code, screen->exit_code, "portctl %s with %s: %d", screen_format_words(screen), more[0],
                 result.exit_code);
    if (stream == PIPE)
        cr_expect_str_eq(result.errors, screen->errors != NULL ? screen->errors : "");
    if (screen->requests != NULL)
        cr_expect_str_eq(result.requests, screen->requests);
}

static void every_command_takes(const char *const *more) {
    size_t n;
    const struct command *const *all = commands(&n);

    for (size_t i = 0; i < n; i++)
        for (enum stream stream = TERMINAL; stream <= PIPE; stream++) {
            const struct screen_case *screen = plain_case(all[i], stream);
            if (screen != NULL)
                expect_same(screen, stream, more);
        }
}

#define EVERY_COMMAND_TAKES(...) every_command_takes((const char *const[]){__VA_ARGS__, NULL})

Test(cli_screens, every_command_says_in_colours_what_it_says_without) {
    EVERY_COMMAND_TAKES("--color=always");
}

Test(cli_screens, every_command_asks_the_portd_at_the_socket) {
    EVERY_COMMAND_TAKES("--socket", SCREEN_SOCKET);
}

Test(cli_screens, every_command_asks_the_portd_at_the_url) {
    EVERY_COMMAND_TAKES("--url=<url>");
}

Test(cli_screens, every_command_says_no_less_with_verbose) {
    EVERY_COMMAND_TAKES("--verbose");
}

Test(cli_screens, every_command_tells_the_version) {
    size_t n;
    const struct command *const *all = commands(&n);

    for (size_t i = 0; i < n; i++) {
        const struct screen_case screen = {
            .words = {all[i]->name, "--version"}, BOTH("portctl " PM_VERSION "\n"), .requests = ""};
        screen_assert(&screen);
    }
}

/* ---- completion */

static void assert_script(const char *shell, const char *option) {
    const struct completion *script = &completions[shell_find(shell)];
    CLEANUP(file_free_text_at) char *text = strndup(script->text, (size_t)(script->end - script->text));
    const struct screen_case screen = {.words = {"completion", shell, option}, BOTH(text), .requests = ""};

    cr_assert_gt(strlen(text), 100);
    screen_assert(&screen);
}

Test(cli_screens, completion_prints_the_script_whoever_reads_it) {
    for (size_t i = 0; shell_names[i] != NULL; i++)
        assert_script(shell_names[i], NULL);
    assert_script("bash", "--json");
    assert_script("bash", "--quiet");
}
