/* A terminal with a small shell in it. */
#include "tests/support/job_terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/wait.h"

/* What the small shell and the test both see. */
struct job_shell {
    volatile pid_t job;
    volatile unsigned n_stops;
    volatile bool go_on;
};

struct start {
    const char *name;
    const char *const *words;
    const char *variable;
    struct job_shell *shared;
};

/* ---- in the terminal ---- */

static _Noreturn void become_job(const struct start *start) {
    setpgid(0, 0);
    tcsetpgrp(STDIN_FILENO, getpid());
    signal(SIGTTOU, SIG_DFL);
    if (start->variable)
        putenv((char *)(uintptr_t)start->variable);
    setenv("TERM", "xterm", 1);
    execv(start->words[0], (char **)(uintptr_t)start->words);
    _exit(99);
}

static int be_shell(void *context) {
    const struct start *start = context;
    const int fd = open(start->name, O_RDWR | O_NOCTTY);
    int status = 0;
    setsid();
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
        return 98;
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        dup2(fd, i);
    closefrom(STDERR_FILENO + 1);
    signal(SIGTTOU, SIG_IGN);
    const pid_t job = fork();
    if (job == 0)
        become_job(start);
    setpgid(job, job);
    tcsetpgrp(STDIN_FILENO, job);
    start->shared->job = job;
    while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
        tcsetpgrp(STDIN_FILENO, getpgrp());
        start->shared->n_stops++;
        while (!start->shared->go_on)
            usleep(5000);
        start->shared->go_on = false;
        tcsetpgrp(STDIN_FILENO, job);
        kill(-job, SIGCONT);
    }
    return WIFSIGNALED(status) ? JOB_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- in the test ---- */

void job_terminal_start(struct job_terminal *terminal, const char *const *words, const char *variable) {
    char name[128];
    int slave;
    *terminal = (struct job_terminal){.shared = child_share(sizeof(struct job_shell))};
    if (openpty(&terminal->master, &slave, name, NULL, &(struct winsize){.ws_row = 24, .ws_col = 80}) < 0)
        fail_test("There is no terminal to be had.");
    struct start start = {.name = name, .words = words, .variable = variable, .shared = terminal->shared};
    terminal->shell = child_start(0, be_shell, &start);
    const struct wait wait = wait_for("the job to begin");
    while (terminal->shared->job == 0)
        wait_more(&wait);
    close(slave);
}

/* What has come, if anything has. */
static void read_more(struct job_terminal *terminal, int timeout_ms) {
    struct pollfd fd = {.fd = terminal->master, .events = POLLIN};
    const size_t room = sizeof(terminal->text) - 1 - terminal->length;
    if (poll(&fd, 1, timeout_ms) <= 0 || room == 0)
        return;
    const ssize_t n_bytes = read(terminal->master, terminal->text + terminal->length, room);
    if (n_bytes > 0)
        terminal->length += (size_t)n_bytes;
    terminal->text[terminal->length] = '\0';
}

void job_terminal_wait_for(struct job_terminal *terminal, const char *text) {
    const struct wait wait = wait_for(text);
    while (strstr(terminal->text, text) == NULL) {
        read_more(terminal, 10);
        wait_more(&wait);
    }
}

void job_terminal_wait_for_next(struct job_terminal *terminal, const char *text) {
    job_terminal_wait_for(terminal, text);
    terminal->length = 0;
    terminal->text[0] = '\0';
}

void job_terminal_type(const struct job_terminal *terminal, const char *keys) {
    if (write(terminal->master, keys, strlen(keys)) != (ssize_t)strlen(keys))
        fail_test("Nothing can be typed.");
}

void job_terminal_resize(const struct job_terminal *terminal, unsigned short rows, unsigned short columns) {
    if (ioctl(terminal->master, TIOCSWINSZ, &(struct winsize){.ws_row = rows, .ws_col = columns}) < 0)
        fail_test("The terminal cannot be resized.");
}

pid_t job_terminal_job(const struct job_terminal *terminal) {
    return terminal->shared->job;
}

unsigned job_terminal_count_stops(const struct job_terminal *terminal) {
    return terminal->shared->n_stops;
}

void job_terminal_wait_for_stops(struct job_terminal *terminal, unsigned n_stops) {
    const struct wait wait = wait_for("the job to stop");
    while (terminal->shared->n_stops < n_stops) {
        read_more(terminal, 0);
        wait_more(&wait);
    }
}

void job_terminal_go_on(struct job_terminal *terminal) {
    terminal->shared->go_on = true;
}

int job_terminal_end(struct job_terminal *terminal) {
    /* It reads on: who restores a terminal waits until what it has written is through. */
    const struct wait wait = wait_for("the job to end");
    siginfo_t info = {0};
    while (waitid(P_PID, (id_t)terminal->shell, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0) {
        read_more(terminal, 10);
        wait_more(&wait);
    }
    read_more(terminal, 0);
    const int code = child_wait(terminal->shell);
    close(terminal->master);
    return code;
}
