/*
 * A line for /bin/sh, run by a test in its sandbox as a person would type it: portctl is in its PATH, and git knows who commits. What cannot be started ends
 * the test.
 */
#ifndef TESTS_SUPPORT_SHELL_H
#define TESTS_SUPPORT_SHELL_H

struct shell_result {
    int exit_code; /* minus the signal that ended it */
    char *output;  /* of both streams together */
};

/* `folder` NULL: where the test is. */
struct shell_result shell_run(const char *folder, const char *line);

void shell_result_deinit(struct shell_result *result);

/* Runs it and wants exit code 0; says what it said otherwise. */
void shell_do(const char *folder, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, and its output without the last line end; the caller's to free. */
char *shell_ask(const char *folder, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
