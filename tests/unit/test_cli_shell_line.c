/*
 * A shell's command line taken apart: words, quotes, redirections, and what may not be written behind what is there.
 */
#include "cli/shell_line.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/file.h"

TestSuite(cli_shell_line);

/* The words, each in <>, then the quote that is open, and R, E, B: redirects, expands, bare. */
static void assert_read(enum shell shell, const char *text, const char *expected) {
    CLEANUP(shell_line_deinit) struct shell_line line = {0};
    char told[512] = "";
    size_t used = 0;

    cr_assert_eq(shell_line_read(shell, text, strlen(text), &line), 0);
    for (size_t i = 0; i < line.n_words; i++)
        used += (size_t)snprintf(told + used, sizeof told - used, "<%s>", line.words[i].text);
    snprintf(told + used, sizeof told - used, "%.1s%s%s%s", line.quote != 0 ? &line.quote : "",
             line.redirects ? "R" : "", line.expands ? "E" : "", line.bare ? "B" : "");
    cr_assert_str_eq(told, expected, "[%s] reads as %s, not %s", text, told, expected);
}

Test(cli_shell_line, words_are_parted_by_blanks_and_the_last_may_be_empty) {
    assert_read(SHELL_BASH, "", "<>");
    assert_read(SHELL_BASH, "portctl", "<portctl>");
    assert_read(SHELL_BASH, "  portctl\tlookup ", "<portctl><lookup><>");
    assert_read(SHELL_BASH, "portctl --color=al", "<portctl><--color=al>");
    assert_read(SHELL_BASH, "a:b web@x", "<a:b><web@x>");
}

Test(cli_shell_line, quotes_are_taken_off_by_each_shells_rules) {
    for (enum shell shell = SHELL_BASH; shell < N_SHELLS; shell++) {
        assert_read(shell, "p 'a b' ", "<p><a b><>");
        assert_read(shell, "p a\\ b", "<p><a b>");
        assert_read(shell, "p \"a \\$b\" c'd'\"e\"", "<p><a $b><cde>");
        assert_read(shell, "p 'a b", "<p><a b>'");
        assert_read(shell, "p \"a b", "<p><a b>\"");
    }
    assert_read(SHELL_BASH, "p 'a\\' b", "<p><a\\><b>");
    assert_read(SHELL_FISH, "p 'a\\' b", "<p><a' b>'");
    assert_read(SHELL_ZSH, "p $'a\\'b' c", "<p><a'b><c>");
    assert_read(SHELL_BASH, "p \"a\\b\" ", "<p><a\\b><>");
}

Test(cli_shell_line, what_ends_in_a_backslash_or_a_lone_quote_ends_there) {
    assert_read(SHELL_BASH, "p a\\", "<p><a>");
    assert_read(SHELL_BASH, "p \"", "<p><>\"");
    assert_read(SHELL_BASH, "p $'", "<p><>'");
}

Test(cli_shell_line, redirections_are_no_words) {
    assert_read(SHELL_BASH, "p >out lookup a", "<p><lookup><a>");
    assert_read(SHELL_BASH, "p 2> out lookup a", "<p><lookup><a>");
    assert_read(SHELL_BASH, "p 2>&1 lookup a", "<p><lookup><a>");
    assert_read(SHELL_BASH, "p >ou", "<p><>ou>RB");
    assert_read(SHELL_BASH, "p > ou", "<p><ou>R");
    assert_read(SHELL_BASH, "p '>' a", "<p><>><a>");
}

Test(cli_shell_line, what_a_shell_would_replace_is_known_in_the_last_word_alone) {
    assert_read(SHELL_BASH, "p $(x", "<p><$(x>EB");
    assert_read(SHELL_BASH, "p \"$(x", "<p><$(x>\"EB");
    assert_read(SHELL_BASH, "p `x", "<p><`x>EB");
    assert_read(SHELL_FISH, "p (x", "<p><(x>EB");
    assert_read(SHELL_BASH, "p '$(x", "<p><$(x>'");
    assert_read(SHELL_BASH, "p \\$\\(x", "<p><$(x>");
    assert_read(SHELL_BASH, "p $(x a", "<p><$(x><a>");
    assert_read(SHELL_BASH, "p {a", "<p><{a>B");
}

static void assert_quoted(const char *text, char quote, enum quoting quoting, const char *expected) {
    CLEANUP(file_free_text_at) char *written = NULL;
    size_t length;
    FILE *out = open_memstream(&written, &length);

    bash_quote(text, quote, quoting, out);
    fclose(out);
    cr_assert_str_eq(written, expected);
}

Test(cli_shell_line, each_way_of_quoting_is_what_bash_reads_back) {
    static const char *const texts[] = {"my-db",       "a b",         "it's", "say \"hi\"", "$(touch BAD)", "`id`",
                                        "x:y",         "web@fix",     "a!d",  "{a,b}",      "~root",        "*",
                                        "q;r|s&t<u>v", "back\\slash", "#x",   "pr\xc3\xbc", "a'$\"`\\!"};
    static const char quotes[] = {0, '\'', '"'};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (size_t j = 0; j < sizeof quotes; j++)
            for (enum quoting quoting = QUOTING_SHORT; quoting <= QUOTING_LONG; quoting++) {
                CLEANUP(file_free_text_at) char *command = NULL;
                char read[128] = "";
                size_t length;
                FILE *stream = open_memstream(&command, &length);

                fprintf(stream, "bash -c \"$(cat <<'END'\nprintf %%s %.1s", quotes[j] != 0 ? &quotes[j] : "");
                bash_quote(texts[i], quotes[j], quoting, stream);
                fprintf(stream, "%.1s\nEND\n)\"", quotes[j] != 0 ? &quotes[j] : "");
                fclose(stream);
                stream = popen(command, "r"); /* NOLINT(cert-env33-c): a shell is what is asked */
                cr_assert_not_null(stream);
                read[fread(read, 1, sizeof read - 1, stream)] = '\0';
                cr_assert_eq(pclose(stream), 0);
                cr_assert_str_eq(read, texts[i], "[%s] in [%.1s] came back as [%s]: %s", texts[i], &quotes[j], read,
                                 command);
            }
}

Test(cli_shell_line, plain_words_are_not_quoted) {
    assert_quoted("my-db_1.x/y:z@b%c+d,e=f", 0, QUOTING_SHORT, "my-db_1.x/y:z@b%c+d,e=f");
    assert_quoted("a b", 0, QUOTING_SHORT, "a\\ b");
    assert_quoted("a b", 0, QUOTING_LONG, "a' 'b");
    assert_quoted("a b", '"', QUOTING_SHORT, "a b");
}
