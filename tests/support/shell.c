/* Lines for /bin/sh. See shell.h. */
#include "tests/support/shell.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"

#define OUTPUT SANDBOX_DIR "/shell.out"

struct line {
    const char *folder;
    const char *text;
};

/* Nothing of the machine's own configuration of git is looked at. */
static void set_environment(void) {
    char path[4096];

    snprintf(path, sizeof path, "%s:%s", SANDBOX_BIN, getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    setenv("PATH", path, 1);
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    setenv("GIT_AUTHOR_NAME", "ann", 1);
    setenv("GIT_AUTHOR_EMAIL", "ann@test", 1);
    setenv("GIT_COMMITTER_NAME", "ann", 1);
    setenv("GIT_COMMITTER_EMAIL", "ann@test", 1);
    unsetenv("PM_SOCKET");
    unsetenv("PM_URL");
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("GIT_DIR");
    unsetenv("GIT_WORK_TREE");
}

static int run(void *context) {
    const struct line *line = context;
    int fd = open(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    set_environment();
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 ||
        (line->folder && chdir(line->folder) < 0))
        fail_test("The line '%s' cannot be run in %s.", line->text, line->folder);
    execl("/bin/sh", "sh", "-c", line->text, (char *)NULL);
    return 127;
}

struct shell_result shell_run(const char *folder, const char *line) {
    struct line context = {folder, line};
    struct shell_result result = {.exit_code = child_wait(child_start(0, run, &context))};

    result.output = file_read(OUTPUT, NULL);
    return result;
}

void shell_result_deinit(struct shell_result *result) {
    free(result->output);
}

__attribute__((format(printf, 2, 0))) static char *run_well(const char *folder, const char *format, va_list args) {
    char line[8192];
    struct shell_result result;

    vsnprintf(line, sizeof line, format, args);
    result = shell_run(folder, line);
    if (result.exit_code != 0)
        fail_test("'%s' in %s ended with %d: %s", line, folder ? folder : ".", result.exit_code, result.output);
    return result.output;
}

void shell_do(const char *folder, const char *format, ...) {
    va_list args;

    va_start(args, format);
    free(run_well(folder, format, args));
    va_end(args);
}

char *shell_ask(const char *folder, const char *format, ...) {
    va_list args;
    char *output;
    size_t length;

    va_start(args, format);
    output = run_well(folder, format, args);
    va_end(args);
    length = strlen(output);
    if (length > 0 && output[length - 1] == '\n')
        output[length - 1] = '\0';
    return output;
}
