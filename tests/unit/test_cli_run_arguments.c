/*
 * {PORT} in arguments: what is replaced, and what looks like it and is somebody else's.
 */
#include "cli/run_arguments.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const pairs[] = {"PORT=8001", "HMR_PORT=8002", "P=1"};

static void assert_word(const char *word, const char *expected) {
    char program[] = "program";
    char *copy = strdup(word);
    char *argv[] = {program, copy, NULL};
    char **replaced = NULL;

    cr_assert_eq(run_arguments_replace(argv, pairs, 3, &replaced), 0);
    cr_assert_str_eq(replaced[1], expected);
    cr_assert_null(replaced[2]);
    free(replaced);
    free(copy);
}

Test(cli_run_arguments, the_names_asked_for_are_replaced) {
    assert_word("{PORT}", "8001");
    assert_word("{PORT}:5432", "8001:5432");
    assert_word("--listen=0.0.0.0:{PORT}", "--listen=0.0.0.0:8001");
    assert_word("{PORT}{HMR_PORT}{P}", "800180021");
    assert_word("a{PORT}b{PORT}c", "a8001b8001c");
    assert_word("\xc3\xa4{PORT}", "\xc3\xa4"
                                  "8001");
}

Test(cli_run_arguments, all_other_braces_stay) {
    static const char *const words[] = {
        "{HOST}", "{port}", "{PORT",   "PORT}",    "{ PORT}", "{PORT }",   "{}",
        "{",      "}",      "{PORTS}", "{HMR_PO}", "",        "{\"a\":1}", "{PORT,HMR_PORT}"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_word(words[i], words[i]);
}

Test(cli_run_arguments, behind_a_dollar_a_percent_or_a_brace_it_is_somebody_elses) {
    assert_word("${PORT}", "${PORT}");
    assert_word("%{PORT}", "%{PORT}");
    assert_word("{{PORT}}", "{{PORT}}");
    assert_word("{PORT}}", "8001}");
    assert_word("${PORT}{PORT}", "${PORT}8001");
    assert_word("{PORT}${PORT}{PORT}", "8001${PORT}8001");
    assert_word("$ {PORT}", "$ 8001");
    assert_word("{$}{PORT}", "{$}8001");
}

Test(cli_run_arguments, the_program_itself_stays) {
    char program[] = "./{PORT}";
    char one[] = "a";
    char two[] = "{PORT}";
    char *argv[] = {program, one, two, NULL};
    char **replaced = NULL;

    cr_assert_eq(run_arguments_replace(argv, pairs, 3, &replaced), 0);
    cr_assert_eq(replaced[0], program);
    cr_assert_eq(replaced[1], one);
    cr_assert_str_eq(replaced[2], "8001");
    cr_assert_str_eq(two, "{PORT}");
    free(replaced);
}

Test(cli_run_arguments, a_long_line_of_many_words) {
    char *argv[1002] = {"program"};
    char **replaced = NULL;

    for (size_t i = 1; i <= 1000; i++)
        argv[i] = "x{PORT}";
    cr_assert_eq(run_arguments_replace(argv, pairs, 1, &replaced), 0);
    for (size_t i = 1; i <= 1000; i++)
        cr_assert_str_eq(replaced[i], "x8001");
    cr_assert_null(replaced[1001]);
    free(replaced);
}
