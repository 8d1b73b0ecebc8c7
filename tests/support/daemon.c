/*
 * portd writes into files, so that nothing has to read along while a test does something else; that it listens is told by
 * its own last word.
 */
#include "tests/support/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

#define PROGRAM SANDBOX_BIN "/portd"

/* ---- in the child ---- */

static void redirect(int fd, const char *path, int flags) {
    const int opened = open(path, flags, 0644);
    if (opened < 0 || dup2(opened, fd) < 0)
        fail_test("%s cannot be opened for portd: %s", path, strerror(errno));
}

/* What a person's session, or the machine that runs the tests, has set must not reach it; but for the mark by which
 * run_program finds what a test has left behind. */
static void clean_environment(void) {
    size_t at = 0;
    while (environ[at]) {
        char name[64];
        const size_t length = strcspn(environ[at], "=");
        const bool is_ours = (strncmp(environ[at], "PM_", 3) == 0 && strncmp(environ[at], "PM_TEST_", 8) != 0) ||
                             strncmp(environ[at], "XDG_", 4) == 0;
        if (!is_ours || length >= sizeof(name)) {
            at++;
            continue;
        }
        memcpy(name, environ[at], length);
        name[length] = '\0';
        unsetenv(name);
    }
}

static void set_environment(const struct daemon_setup *setup) {
    clean_environment();
    unsetenv("NOTIFY_SOCKET");
    setenv("HOME", setup->home ? setup->home : SANDBOX_HOME, 1);
    for (size_t i = 0; setup->environment[i]; i++) {
        char *variable = strdup(setup->environment[i]);
        if (!variable || putenv(variable) != 0)
            fail_test("out of memory");
    }
}

/* One start: what, and where its words go. */
struct plan {
    const struct daemon_setup *setup;
    char log[64];
};

static void path_in_log(const char *log, const char *name, char *ret_path, size_t size) {
    snprintf(ret_path, size, "%s/%s", log, name);
}

static int execute(void *context) {
    const struct plan *plan = context;
    const char *arguments[DAEMON_WORDS_MAX + 1] = {"portd"};
    for (size_t i = 0; plan->setup->arguments[i]; i++)
        arguments[i + 1] = plan->setup->arguments[i];

    char path[128];
    redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
    path_in_log(plan->log, "out", path, sizeof(path));
    redirect(STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_APPEND);
    path_in_log(plan->log, "err", path, sizeof(path));
    redirect(STDERR_FILENO, path, O_WRONLY | O_CREAT | O_APPEND);
    close_range(STDERR_FILENO + 1, ~0U, 0);

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    set_environment(plan->setup);
    execv(PROGRAM, (char *const *)arguments);
    fail_test("%s cannot be executed: %s", PROGRAM, strerror(errno));
}

/* ---- in the test ---- */

/* Empty until the child has come so far as to make it. */
static char *read_log(const char *log, const char *name) {
    char path[128];
    path_in_log(log, name, path, sizeof(path));
    if (file_exists(path))
        return file_read(path, NULL);
    char *nothing = strdup("");
    if (!nothing)
        fail_test("out of memory");
    return nothing;
}

static void give(const char *path, uid_t uid) {
    if (uid != 0 && chown(path, uid, (gid_t)uid) < 0)
        fail_test("%s cannot be given to uid %u: %s", path, uid, strerror(errno));
}

/* Fills the plan's log and returns the pid. */
static pid_t launch(struct plan *plan) {
    const struct daemon_setup *setup = plan->setup;
    snprintf(plan->log, sizeof(plan->log), SANDBOX_DIR "/portd-XXXXXX");
    if (!mkdtemp(plan->log))
        fail_test("No folder for portd's log: %s", strerror(errno));
    give(plan->log, setup->uid);
    give(setup->home ? setup->home : SANDBOX_HOME, setup->uid);
    return child_start(setup->uid, execute, plan);
}

/* Reads the addresses out of what it says; true once the last of them, the Unix socket's, is there. */
static bool read_addresses(const char *output, struct daemon *daemon) {
    static const char word[] = "Listening  ";
    for (const char *line = strstr(output, word); line; line = strstr(line, word)) {
        line += sizeof(word) - 1;
        const int length = (int)strcspn(line, "\n");
        unsigned port = 0;
        if (line[length] != '\n')
            return false;
        if (sscanf(line, "http://127.0.0.1:%u", &port) == 1)
            daemon->port = (uint16_t)port;
        if (line[0] == '/') {
            snprintf(daemon->socket, sizeof(daemon->socket), "%.*s", length, line);
            return true;
        }
    }
    return false;
}

static bool has_ended(pid_t pid) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

struct daemon daemon_start(const struct daemon_setup *setup) {
    struct plan plan = {.setup = setup};
    struct daemon daemon = {.pid = launch(&plan)};
    memcpy(daemon.log, plan.log, sizeof(daemon.log));
    const struct wait wait = wait_for("portd to listen");
    for (;;) {
        const bool ended = has_ended(daemon.pid);
        CLEANUP(file_free_text_at) char *output = daemon_output(&daemon);
        if (read_addresses(output, &daemon))
            return daemon;
        if (ended) {
            CLEANUP(file_free_text_at) char *errors = daemon_errors(&daemon);
            fail_test("portd has ended with %d at its start.\n%s%s", child_wait(daemon.pid), output, errors);
        }
        wait_more(&wait);
    }
}

char *daemon_output(const struct daemon *daemon) {
    return read_log(daemon->log, "out");
}

char *daemon_errors(const struct daemon *daemon) {
    return read_log(daemon->log, "err");
}

int daemon_stop(struct daemon *daemon) {
    kill(daemon->pid, SIGTERM);
    const int code = child_wait(daemon->pid);
    daemon->pid = 0;
    return code;
}

void daemon_stop_at(struct daemon *daemon) {
    if (daemon->pid <= 0)
        return;
    const struct daemon before = *daemon;
    const int code = daemon_stop(daemon);
    if (code == 0)
        return;
    CLEANUP(file_free_text_at) char *errors = daemon_errors(&before);
    fail_test("portd has ended with %d when it was told to stop.\n%s", code, errors);
}

void daemon_kill(struct daemon *daemon) {
    child_kill(daemon->pid);
    daemon->pid = 0;
}

void daemon_freeze(const struct daemon *daemon) {
    siginfo_t info = {0};
    if (kill(daemon->pid, SIGSTOP) < 0 || waitid(P_PID, (id_t)daemon->pid, &info, WSTOPPED) < 0)
        fail_test("portd cannot be stopped: %s", strerror(errno));
}

void daemon_thaw(const struct daemon *daemon) {
    if (kill(daemon->pid, SIGCONT) < 0)
        fail_test("portd cannot be continued: %s", strerror(errno));
}

struct daemon_run daemon_run(const struct daemon_setup *setup) {
    struct plan plan = {.setup = setup};
    struct daemon_run run = {.exit_code = child_wait(launch(&plan))};
    run.output = read_log(plan.log, "out");
    run.errors = read_log(plan.log, "err");
    return run;
}

void daemon_run_deinit(struct daemon_run *run) {
    free(run->output);
    free(run->errors);
    *run = (struct daemon_run){0};
}
