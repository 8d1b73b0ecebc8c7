/* The real portctl as a child of a test. */
#include "tests/support/cli.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

struct start {
    const struct cli_setup *setup;
    const struct cli *cli;
};

static void open_as(int fd, const char *path, int flags) {
    const int opened = open(path, flags, 0644);
    if (opened < 0 || dup2(opened, fd) < 0)
        fail_test("%s cannot be opened: %s.", path, strerror(errno));
    close(opened);
}

/* unsetenv() moves the variables up, so the walk begins anew behind each. */
static void clean_environment(void) {
    for (char **variable = environ; *variable != NULL;) {
        char name[64];
        if (strncmp(*variable, "PM_", 3) != 0 && strncmp(*variable, "XDG_", 4) != 0) {
            variable++;
            continue;
        }
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(*variable, "="), *variable);
        unsetenv(name);
        variable = environ;
    }
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("LANG", "C", 1);
    unsetenv("LC_ALL");
    unsetenv("LC_CTYPE");
}

static int become_portctl(void *context) {
    const struct start *start = context;
    const struct cli_setup *setup = start->setup;
    char *words[CLI_WORDS_MAX + 2] = {"portctl"};

    if (setup->directory != NULL && chdir(setup->directory) < 0)
        fail_test("portctl cannot work in %s: %s.", setup->directory, strerror(errno));
    clean_environment();
    for (size_t i = 0; i < CLI_WORDS_MAX && setup->environment[i] != NULL; i++)
        putenv((char *)setup->environment[i]);
    for (size_t i = 0; i < CLI_WORDS_MAX && setup->words[i] != NULL; i++)
        words[i + 1] = (char *)setup->words[i];
    open_as(STDIN_FILENO, setup->input != NULL ? setup->input : "/dev/null", O_RDONLY);
    open_as(STDOUT_FILENO, start->cli->output, O_WRONLY | O_CREAT | O_APPEND);
    open_as(STDERR_FILENO, start->cli->errors, O_WRONLY | O_CREAT | O_APPEND);
    closefrom(STDERR_FILENO + 1); /* the test runner's */
    execv(SANDBOX_BIN "/portctl", words);
    fail_test(SANDBOX_BIN "/portctl cannot be executed: %s.", strerror(errno));
}

struct cli cli_start(const struct cli_setup *setup) {
    static unsigned n_started;
    struct cli cli;
    struct start start = {.setup = setup, .cli = &cli};

    n_started++;
    snprintf(cli.errors, sizeof(cli.errors), SANDBOX_DIR "/cli-%u.errors", n_started);
    if (setup->output != NULL)
        snprintf(cli.output, sizeof(cli.output), "%s", setup->output);
    else
        snprintf(cli.output, sizeof(cli.output), SANDBOX_DIR "/cli-%u.output", n_started);
    /* Made here: another user may not make files in the sandbox. */
    file_write_text(cli.errors, "");
    if (setup->output == NULL)
        file_write_text(cli.output, "");
    if (setup->uid != 0 &&
        (chown(cli.errors, setup->uid, (gid_t)setup->uid) < 0 || chown(cli.output, setup->uid, (gid_t)setup->uid) < 0))
        fail_test("chown: %s.", strerror(errno));
    cli.pid = child_start(setup->uid, become_portctl, &start);
    return cli;
}

char *cli_output(const struct cli *cli) {
    return file_read(cli->output, NULL);
}

char *cli_errors(const struct cli *cli) {
    return file_read(cli->errors, NULL);
}

static void wait_for_text(const char *path, const char *text) {
    const struct wait wait = wait_for(text);
    for (;;) {
        char *written = file_read(path, NULL);
        const bool there = strstr(written, text) != NULL;
        free(written);
        if (there)
            return;
        wait_more(&wait);
    }
}

void cli_wait_for_output(const struct cli *cli, const char *text) {
    wait_for_text(cli->output, text);
}

void cli_wait_for_errors(const struct cli *cli, const char *text) {
    wait_for_text(cli->errors, text);
}

struct cli_result cli_finish(const struct cli *cli) {
    struct cli_result result = {.exit_code = child_wait(cli->pid)};
    const bool is_device = strncmp(cli->output, "/dev/", 5) == 0;

    result.output = is_device ? strdup("") : cli_output(cli);
    result.errors = cli_errors(cli);
    return result;
}

struct cli_result cli_run(const struct cli_setup *setup) {
    const struct cli cli = cli_start(setup);
    return cli_finish(&cli);
}

void cli_result_deinit(struct cli_result *result) {
    free(result->output);
    free(result->errors);
    *result = (struct cli_result){0};
}

void cli_assert(const struct cli_setup *setup, int exit_code, const char *output, const char *errors) {
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(setup);
    cr_assert_eq(result.exit_code, exit_code, "%d: %s", result.exit_code, result.errors);
    cr_assert_str_eq(result.output, output);
    cr_assert_str_eq(result.errors, errors);
}
