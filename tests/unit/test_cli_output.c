/*
 * What decides about colour and glyphs, and the small formats.
 */
#include "cli/output.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/options.h"

/* Makes standard output a terminal, of so many columns, and standard error none. */
static void enter_terminal(unsigned short columns) {
    const struct winsize size = {.ws_row = 24, .ws_col = columns};
    int master;
    int terminal;

    cr_assert_eq(openpty(&master, &terminal, NULL, NULL, &size), 0);
    cr_assert_geq(dup2(terminal, STDOUT_FILENO), 0);
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
}

static struct output look(enum colour_choice colour) {
    const struct options options = {.colour = colour};
    struct output output;

    output_init(&output, &options);
    return output;
}

Test(cli_output, colour_is_for_terminals) {
    enter_terminal(80);
    cr_assert(look(COLOUR_AUTO).colour);
    cr_assert(look(COLOUR_AUTO).terminal);
    cr_assert_not(look(COLOUR_NEVER).colour);
}

Test(cli_output, each_stream_decides_by_itself, .init = cr_redirect_stderr) {
    enter_terminal(80);
    cr_assert(look(COLOUR_AUTO).colour);
    cr_assert_not(look(COLOUR_AUTO).error_colour);
    cr_assert_not(look(COLOUR_AUTO).error_terminal);
    cr_assert(look(COLOUR_ALWAYS).error_colour);
}

Test(cli_output, no_color_and_a_dumb_terminal_switch_it_off) {
    enter_terminal(80);
    setenv("NO_COLOR", "1", 1);
    cr_assert_not(look(COLOUR_AUTO).colour);
    cr_assert(look(COLOUR_ALWAYS).colour);
    setenv("NO_COLOR", "", 1);
    cr_assert(look(COLOUR_AUTO).colour);
    setenv("TERM", "dumb", 1);
    cr_assert_not(look(COLOUR_AUTO).colour);
    unsetenv("TERM");
    cr_assert_not(look(COLOUR_AUTO).colour);
}

Test(cli_output, the_width_is_the_terminals_then_columns_then_80) {
    enter_terminal(40);
    setenv("COLUMNS", "132", 1);
    cr_assert_eq(look(COLOUR_AUTO).width, 40);
    enter_terminal(0);
    cr_assert_eq(look(COLOUR_AUTO).width, 132);
    setenv("COLUMNS", "-5", 1);
    cr_assert_eq(look(COLOUR_AUTO).width, 80);
}

Test(cli_output, glyphs_are_for_locales_that_have_them) {
    static const struct {
        const char *lc_all;
        const char *lang;
        bool utf8;
    } cases[] = {{"C.UTF-8", "C", true}, {"C", "de_DE.UTF-8", false}, {"", "en_US.utf8", true}, {"", "", false}};

    unsetenv("LC_CTYPE");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv("LC_ALL", cases[i].lc_all, 1);
        setenv("LANG", cases[i].lang, 1);
        cr_assert_eq(look(COLOUR_AUTO).utf8, cases[i].utf8, "%zu", i);
    }
}

Test(cli_output, an_age_has_one_unit) {
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{-50, "just now"}, {0, "just now"},  {1, "1s ago"},      {59, "59s ago"},   {60, "1m ago"},
                 {3599, "59m ago"}, {3600, "1h ago"}, {86399, "23h ago"}, {86400, "1d ago"}, {8640000, "100d ago"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[OUTPUT_AGE_MAX];
        output_format_age(1000000, 1000000 + cases[i].seconds * 1000, text);
        cr_assert_str_eq(text, cases[i].text);
    }
}

Test(cli_output, a_document_begins_with_its_version, .init = cr_redirect_stdout) {
    cr_assert_eq(output_json(cJSON_Parse("{\"port\":8001,\"notes\":[\"a\"],\"id\":4294967296}")), 0);
    fflush(stdout);
    cr_assert_stdout_eq_str("{\"version\":1,\"port\":8001,\"notes\":[\"a\"],\"id\":4294967296}\n");
}

Test(cli_output, no_document_is_an_error) {
    cr_assert_neq(output_json(NULL), 0);
}

Test(cli_output, notes_are_told_and_made_safe, .init = cr_redirect_stderr) {
    const struct output output = {0};
    const struct output json = {.json = true};
    cJSON *notes = cJSON_Parse("[\"ttl was clamped\", 5, \"a\\u001bb\"]");

    output_notes(&output, notes);
    output_notes(&json, notes);
    output_notes(&output, NULL);
    cJSON_Delete(notes);
    cr_assert_stderr_eq_str("portctl: note: ttl was clamped\nportctl: note: a?b\n");
}
