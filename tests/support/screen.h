/*
 * Screens: what a command shows on a terminal of 80 columns, and what the same command gives a pipe, as text. The tables (screens_*.c) hold the cases,
 * test_cli_screens.c runs them all and sees to it that no command and no option is without one.
 *
 * What is another one in every run stands as a mark in the words, in what portd says and in what is expected: <then>, four minutes ago; <url>, portd's
 * address by TCP; and with a server <pid>, <start> and <inode>, which are that server's.
 */
#ifndef TESTS_SUPPORT_SCREEN_H
#define TESTS_SUPPORT_SCREEN_H

#include <stddef.h>

#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/sandbox.h"

#define SCREEN_SOCKET  SANDBOX_DIR "/p.sock"
#define SCREEN_PROJECT "/tmp/portmanager-test/shop" /* in SANDBOX_DIR; one literal, for it stands in lists of words */
#define SCREEN_COLUMNS 80

struct screen_case {
    const char *words[CLI_WORDS_MAX]; /* behind the program's name; NULL behind the last */
    const struct fake_answer *portd;  /* ended by a NULL request; NULL: screens_world */
    const char *directory;            /* NULL: one that is in no project */
    const char *until;                /* Ctrl-C, or SIGINT, when it has said that; NULL: it ends by itself */
    const char *until_in_pipe;        /* NULL: the same */
    const char *typed;                /* on the terminal, when it has asked */
    bool with_server;                 /* somebody listens on 127.0.0.1:8001 */
    int exit_code;
    const char *screen;   /* both streams on a terminal; NULL: it is not run on one */
    const char *output;   /* a pipe's standard output; NULL: it is not run on one */
    const char *errors;   /* and its standard error; NULL: nothing */
    const char *requests; /* what portd was asked, on the terminal as in the pipe; NULL: not looked at */
};

struct screen_table {
    const char *name;
    const struct screen_case *cases;
    size_t n_cases;
};

#define SCREEN_TABLE(table_name, table)                                                                                \
    (const struct screen_table) {                                                                                      \
        .name = (table_name), .cases = (table), .n_cases = sizeof(table) / sizeof((table)[0])                          \
    }

/* The same on the terminal and in the pipe. */
#define BOTH(text) .screen = (text), .output = (text)

extern const struct screen_table screens_leases, screens_ports, screens_project, screens_running, screens_help_leases,
    screens_help_ports;

/* What portd says unless a case has its own. */
extern const struct fake_answer screens_world[];

/* All tables. */
const struct screen_table *const *screen_tables(size_t *ret_n);

/* Enters a sandbox, with the project. For TestSuite(.init). */
void screen_enter(void);

/* What it has shown. */
struct screen_result {
    int exit_code;
    char *text; /* on a terminal: both streams */
    char *errors;
    char *requests;
};

/* Runs the case on a terminal of so many columns; 0: in a pipe. `more`: words that are put behind the command's name, NULL behind the last; NULL: none. */
struct screen_result screen_run(const struct screen_case *screen, unsigned columns, const char *const *more);

/* For CLEANUP(screen_result_deinit). */
void screen_result_deinit(struct screen_result *result);

/* Runs the case on each stream that it is for, and compares. */
void screen_assert(const struct screen_case *screen);

/* The words in one line, for messages; static. */
const char *screen_format_words(const struct screen_case *screen);

#endif
