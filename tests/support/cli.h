/*
 * The real portctl, started by a test that has entered its sandbox, with its streams in files. PM_BUILD_BIN names the folder
 * it is in. Its environment is the test's, without PM_* and XDG_*, and with its home at SANDBOX_HOME.
 */
#ifndef TESTS_SUPPORT_CLI_H
#define TESTS_SUPPORT_CLI_H

#include <sys/types.h>

#define CLI_WORDS_MAX 24

struct cli_setup {
    const char *words[CLI_WORDS_MAX];       /* behind the program's name; NULL behind the last */
    const char *environment[CLI_WORDS_MAX]; /* "PM_SOCKET=/x" */
    const char *output;                     /* a file for standard output; NULL: one of its own */
    const char *directory;                  /* where it works; NULL: where the test does */
    const char *input;                      /* a file for standard input; NULL: /dev/null */
    uid_t uid;                              /* whom it runs as; 0: nobody else */
};

/* One that runs. */
struct cli {
    pid_t pid;
    char output[128]; /* the files */
    char errors[128];
};

struct cli cli_start(const struct cli_setup *setup);

/* What it has written so far; the caller's to free. */
char *cli_output(const struct cli *cli);
char *cli_errors(const struct cli *cli);

/* Waits until standard output, or standard error, holds the text. */
void cli_wait_for_output(const struct cli *cli, const char *text);
void cli_wait_for_errors(const struct cli *cli, const char *text);

/* One that has ended. */
struct cli_result {
    int exit_code; /* minus the signal that ended it */
    char *output;
    char *errors;
};

/* Waits for its end. */
struct cli_result cli_finish(const struct cli *cli);

/* Both in one. */
struct cli_result cli_run(const struct cli_setup *setup);

/* Runs it, and fails the test unless it ends like that, with exactly this on its two streams. */
void cli_assert(const struct cli_setup *setup, int exit_code, const char *output, const char *errors);

/* For CLEANUP(cli_result_deinit). */
void cli_result_deinit(struct cli_result *result);

#endif
