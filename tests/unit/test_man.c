/*
 * The man pages, help and the tables say the same words, and no page names a command or an option that is in no table. The pages are
 * those of the build, shown as a person sees them.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/problem.h"
#include "cli/project_keys.h"
#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/terminal.h"

static const char *const pages[] = {"portctl.1", "portd.8", "portmanager.json.5"};
#define N_PAGES (sizeof pages / sizeof pages[0])

TestSuite(man, .init = sandbox_enter);

/* What a shell's command prints, both streams. */
static char *run(const char *program, const char *page, const char *rest) {
    char command[4096];
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    int c;

    snprintf(command, sizeof command, "export LC_ALL=C.UTF-8 MANWIDTH=80; %s '%s/%s' %s", program,
             getenv("PM_TEST_MAN"), page, rest);
    FILE *in = popen(command, "r"); /* NOLINT(cert-env33-c): man and mandoc are for a shell */
    cr_assert_not_null(in);
    while ((c = fgetc(in)) != EOF)
        fputc(c, out);
    cr_assert_eq(pclose(in), 0, "%s", command);
    fclose(out);
    return text;
}

/* Without blanks: lines are broken where there is room, behind a hyphen, too. */
static void squeeze(char *text) {
    char *to = text;

    for (const char *at = text; *at != '\0'; at++)
        if (!isspace((unsigned char)*at))
            *to++ = *at;
    *to = '\0';
}

static char *read_page(const char *page) {
    char *text = run("man -l", page, "2>&1");

    squeeze(text);
    return text;
}

static char *read_help(const char *topic) {
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&(const struct cli_setup){.words = {"help", topic}});
    char *text = strdup(result.output);

    cr_assert_eq(result.exit_code, EXIT_YES);
    squeeze(text);
    return text;
}

static void assert_says(const char *text, const char *words, const char *where) {
    char wanted[4096];

    snprintf(wanted, sizeof wanted, "%s", words);
    squeeze(wanted);
    cr_assert_not_null(strstr(text, wanted), "%s does not say: %s", where, words);
}

/* An option as both show it, with what it does. */
static void assert_option(const char *text, enum option_id id, const char *where) {
    const struct option_spec *spec = option_get(id);
    char help[OPTION_HELP_MAX];
    char words[OPTION_HELP_MAX + 128];
    char letter[8] = "";

    if (spec->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", spec->letter);
    snprintf(words, sizeof words, "%s--%s%s%s %s", letter, spec->name,
             spec->argument == NULL || spec->argument[0] == '[' ? "" : " ",
             spec->argument != NULL ? spec->argument : "", option_format_help(id, help));
    assert_says(text, words, where);
}

static void assert_command(const struct command *command, const char *text, const char *where) {
    char words[512];

    snprintf(words, sizeof words, "%s: %s", command->name, command->summary);
    assert_says(text, words, where);
    snprintf(words, sizeof words, "portctl %s %s", command->name, command->usage);
    assert_says(text, words, where);
    if (command->alias != NULL) {
        snprintf(words, sizeof words, "portctl %s %s", command->alias, command->usage);
        assert_says(text, words, where);
    }
    assert_says(text, command->details, where);
    for (const char *const *more = command->more; more != NULL && *more != NULL; more++)
        assert_says(text, *more, where);
    for (const enum option_id *id = command->options; id != NULL && *id != OPTION_END; id++)
        assert_option(text, *id, where);
    for (const enum option_id *id = options_common(); *id != OPTION_END; id++)
        assert_option(text, *id, where);
    for (size_t i = 0; i < EXAMPLES_MAX && command->examples[i].line != NULL; i++) {
        snprintf(words, sizeof words, "%s %s", command->examples[i].line, command->examples[i].what);
        assert_says(text, words, where);
    }
}

Test(man, a_command_is_told_alike_by_its_help_and_by_the_page) {
    CLEANUP(file_free_text_at) char *page = read_page("portctl.1");
    size_t n;
    const struct command *const *all = commands(&n);

    for (size_t i = 0; i < n; i++) {
        CLEANUP(file_free_text_at) char *help = read_help(all[i]->name);
        assert_command(all[i], help, "help");
        assert_command(all[i], page, "the page");
    }
}

Test(man, exit_codes_and_variables_are_told_alike) {
    CLEANUP(file_free_text_at) char *page = read_page("portctl.1");
    CLEANUP(file_free_text_at) char *codes = read_help("exit-codes");
    CLEANUP(file_free_text_at) char *environment = read_help("environment");
    size_t n;
    const struct exit_meaning *meanings = exit_meanings(&n);
    const struct example *variables;

    for (size_t i = 0; i < n; i++) {
        assert_says(codes, meanings[i].meaning, "help");
        assert_says(page, meanings[i].meaning, "the page");
    }
    variables = help_variables_read(&n);
    for (size_t i = 0; i < n; i++) {
        assert_says(environment, variables[i].what, "help");
        assert_says(page, variables[i].what, "the page");
    }
    variables = help_variables_set(&n);
    for (size_t i = 0; i < n; i++) {
        assert_says(environment, variables[i].what, "help");
        assert_says(page, variables[i].what, "the page");
    }
    assert_says(page, help_search, "the page");
}

static bool is_option(const char *name, size_t length) {
    for (enum option_id id = OPTION_END + 1; id < N_OPTIONS; id++)
        if (strlen(option_get(id)->name) == length && strncmp(option_get(id)->name, name, length) == 0)
            return true;
    return false;
}

/* In its examples are options of other programs: they stand behind one of these. */
Test(man, the_page_names_no_option_that_there_is_not) {
    CLEANUP(file_free_text_at) char *page = run("man -l", "portctl.1", "2>&1");

    for (const char *at = strstr(page, " --"); at != NULL; at = strstr(at + 1, " --")) {
        const size_t length = strspn(at + 3, "abcdefghijklmnopqrstuvwxyz-");
        cr_assert(length == 0 || is_option(at + 3, length) || strncmp(at - 4, "vite", 4) == 0, "%.40s", at);
    }
}

/* A command's heading is indented by three, and has a colon. */
Test(man, the_page_has_a_heading_for_each_command_and_no_other) {
    CLEANUP(file_free_text_at) char *page = run("man -l", "portctl.1", "2>&1");
    size_t n_commands;
    size_t n_headings = 0;

    commands(&n_commands);
    for (const char *at = strstr(page, "\n   "); at != NULL; at = strstr(at + 1, "\n   ")) {
        char name[32];
        const size_t length = strspn(at + 4, "abcdefghijklmnopqrstuvwxyz-");
        if (length == 0 || at[4 + length] != ':')
            continue;
        snprintf(name, sizeof name, "%.*s", (int)length, at + 4);
        cr_assert(command_find(name) != NULL || strcmp(name, "help") == 0, "%s", name);
        n_headings++;
    }
    cr_assert_eq(n_headings, n_commands + 1);
}

/* `portd --help` and portd(8): each of its words, but for how they are laid out. */
Test(man, portds_options_are_told_alike) {
    CLEANUP(file_free_text_at) char *page = read_page("portd.8");
    CLEANUP(file_free_text_at) char *help = run(SANDBOX_BIN "/portd --help #", "", "");
    static const char *const words[] = {"--port PORT TCP port on 127.0.0.1 and ::1; 0: no TCP (3030)",
                                        "--range MIN-MAX the ports that portd grants by itself (8000-9000)",
                                        "--log-level LEVEL error, warning, info or debug (info)"};

    for (const char *at = strstr(help, "--"); at != NULL; at = strstr(at + 2, "--")) {
        char option[32];
        snprintf(option, sizeof option, "%.*s", (int)strspn(at, "-abcdefghijklmnopqrstuvwxyz"), at);
        assert_says(page, option, "the page");
    }
    squeeze(help);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_says(help, words[i], "help");
        assert_says(page, words[i], "the page");
    }
}

static void assert_keys(const char *page, const struct project_key *keys, size_t n_keys) {
    for (size_t i = 0; i < n_keys; i++) {
        assert_says(page, keys[i].name, "the page");
        assert_says(page, keys[i].form, "the page");
        assert_says(page, keys[i].meaning, "the page");
    }
}

Test(man, the_project_files_keys_are_told_as_they_are_read) {
    CLEANUP(file_free_text_at) char *page = read_page("portmanager.json.5");
    size_t n;

    const struct project_key *keys = project_keys(&n);
    assert_keys(page, keys, n);
    keys = project_service_keys(&n);
    assert_keys(page, keys, n);
}

Test(man, the_pages_are_sound_and_80_columns_wide) {
    for (size_t i = 0; i < N_PAGES; i++) {
        CLEANUP(file_free_text_at) char *warnings = run("man --warnings -l", pages[i], "2>&1 >/dev/null");
        CLEANUP(file_free_text_at) char *lint = run("mandoc -Tlint -W warning", pages[i], "2>&1");
        CLEANUP(file_free_text_at) char *page = run("man -l", pages[i], "2>&1");
        cr_assert_str_eq(warnings, "");
        cr_assert_str_eq(lint, "");
        cr_assert_leq(terminal_widest_line(page), 80u);
    }
}

static void assert_installed(const char *path) {
    char whole[256];

    snprintf(whole, sizeof whole, SANDBOX_DIR "/staged/usr/%s", path);
    cr_assert(file_exists(whole), "%s is not installed", path);
}

Test(man, what_follows_a_list_stands_apart_from_it) {
    CLEANUP(file_free_text_at) char *text = run("man -l", "portctl.1", "2>&1");
    unsigned n_found = 0;

    for (const char *at = strstr(text, " Examples:\n"); at != NULL; at = strstr(at + 1, " Examples:\n")) {
        const char *before = at;
        while (*before != '\n')
            before--;
        cr_assert_eq(before[-1], '\n', "%.200s", before - 100);
        n_found++;
    }
    cr_assert_gt(n_found, 20);
    cr_assert_not_null(strstr(text, "\n\n       That of portctl run:\n"));
}

Test(man, an_install_puts_everything_where_it_belongs) {
    CLEANUP(file_free_text_at)
    char *said = run("DESTDIR=" SANDBOX_DIR "/staged cmake --install", "..", "--prefix /usr 2>&1");

    assert_installed("bin/portd");
    assert_installed("bin/portctl");
    assert_installed("share/man/man1/portctl.1");
    assert_installed("share/man/man8/portd.8");
    assert_installed("share/man/man5/portmanager.json.5");
    assert_installed("share/bash-completion/completions/portctl");
    assert_installed("share/zsh/site-functions/_portctl");
    assert_installed("share/fish/vendor_completions.d/portctl.fish");
}
