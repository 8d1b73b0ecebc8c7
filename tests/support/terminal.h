/*
 * The real portctl on a terminal of a test's own: what a person sees at a given width. For tests that have entered their
 * sandbox; a UTF-8 locale, no colour unless --color asks for it.
 */
#ifndef TESTS_SUPPORT_TERMINAL_H
#define TESTS_SUPPORT_TERMINAL_H

#include "tests/support/cli.h"

struct terminal_setup {
    const char *words[CLI_WORDS_MAX]; /* behind the program's name; NULL behind the last */
    const char *directory;            /* where it works; NULL: where the test does */
    const char *socket;               /* PM_SOCKET */
    const char *locale;               /* LC_ALL; NULL: C.UTF-8 */
    unsigned columns;
    const char *prompt; /* what is waited for before `typed` is typed; NULL: nothing is typed */
    const char *typed;
};

struct terminal_result {
    int exit_code;
    char *text; /* both streams, with LF for CR LF */
};

/* Runs it to its end. */
struct terminal_result terminal_run(const struct terminal_setup *setup);

/* For CLEANUP(terminal_result_deinit). */
void terminal_result_deinit(struct terminal_result *result);

/* The widest line, in columns of a terminal; escape sequences must not be among it. */
unsigned terminal_widest_line(const char *text);

#endif
