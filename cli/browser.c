/*
 * The user's browser. See browser.h.
 */
#include "cli/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "src/base/text.h"

#define WORDS_MAX 32
#define TEXT_MAX  4096

/* A command of $BROWSER as words. Points into itself. */
struct command_line {
    char text[TEXT_MAX];
    size_t n_text;
    char *words[WORDS_MAX + 2]; /* NULL behind the last */
    size_t n_words;
    bool is_cut; /* there was no room for all of it: it must not be run */
};

static void add_text(struct command_line *line, const char *text, size_t length) {
    if (length > TEXT_MAX - line->n_text) {
        line->is_cut = true;
        return;
    }
    memcpy(line->text + line->n_text, text, length);
    line->n_text += length;
}

static void begin_word(struct command_line *line) {
    if (line->n_words <= WORDS_MAX)
        line->words[line->n_words++] = line->text + line->n_text;
    else
        line->is_cut = true;
}

/* Returns true if the word held the place for the URL. */
static bool add_word(struct command_line *line, const char *word, size_t length, const char *url) {
    bool has_place = false;

    begin_word(line);
    for (size_t i = 0; i < length; i++) {
        if (i + 1 < length && word[i] == '%' && word[i + 1] == 's') {
            add_text(line, url, strlen(url));
            has_place = true;
            i++;
        } else {
            add_text(line, &word[i], 1);
        }
    }
    add_text(line, "", 1);
    return has_place;
}

/* Splits `command`, of `length` bytes, at its spaces. Returns false if it has no word, or too many. */
static bool split(const char *command, size_t length, const char *url, struct command_line *ret_line) {
    bool has_place = false;
    size_t at = 0;

    *ret_line = (struct command_line){0};
    while (at < length) {
        size_t n_word = strcspn(command + at, " :");

        if (n_word > length - at)
            n_word = length - at;
        if (n_word > 0)
            has_place = add_word(ret_line, command + at, n_word, url) || has_place;
        at += n_word + 1;
    }
    if (ret_line->n_words > 0 && !has_place)
        add_word(ret_line, url, strlen(url), url);
    return ret_line->n_words > 0 && !ret_line->is_cut;
}

/* In a session of its own, so that Ctrl-C here does not close it, and silent: browsers chatter. Returns 0 or -errno. */
static int start(char *const *words, pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int r;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    r = posix_spawnp(ret_pid, words[0], &actions, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* What it is called in a sentence. */
static void take_name(const char *word, char *ret_name) {
    const char *slash = strrchr(word, '/');

    text_make_safe(slash != NULL ? slash + 1 : word, ret_name, BROWSER_NAME_MAX);
}

static int tell_end(const char *name, int status, struct problem *problem) {
    if (WIFSIGNALED(status))
        return problem_fill(problem, EXIT_NO, "no-browser", "%s was ended by signal %d", name, WTERMSIG(status));
    return problem_fill(problem, EXIT_NO, "no-browser", "%s failed with exit code %d", name, WEXITSTATUS(status));
}

static int run(const struct command_line *line, char *ret_name, struct problem *problem) {
    CLEANUP(fd_close_at) int pidfd = -1;
    struct pollfd fd = {.events = POLLIN};
    int status = 0;
    pid_t pid = 0;
    int r = start(line->words, &pid);

    take_name(line->words[0], ret_name);
    if (r < 0)
        return problem_fill(problem, EXIT_NO, "no-browser", "%s cannot be started: %s", ret_name, strerror(-r));
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    fd.fd = pidfd;
    if (pidfd < 0 || poll(&fd, 1, BROWSER_WAIT_MS) <= 0)
        return 0;
    if (waitpid(pid, &status, 0) != pid || status == 0)
        return 0;
    return tell_end(ret_name, status, problem);
}

static bool is_set(const char *variable) {
    const char *value = getenv(variable);
    return value != NULL && value[0] != '\0';
}

/* Who has set BROWSER knows why, also far from any screen. */
static const char *choose(struct problem *problem) {
    if (is_set("BROWSER"))
        return getenv("BROWSER");
    if (is_set("SSH_CONNECTION"))
        problem_fill(problem, EXIT_NO, "no-browser", "this is a session over ssh, which has no browser to open it in");
    else if (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY"))
        problem_fill(problem, EXIT_NO, "no-browser", "there is no screen to open a browser on");
    else
        return "xdg-open";
    problem_set_hint(problem, "BROWSER=PROGRAM says which program shall open it");
    return NULL;
}

int browser_open(const char *url, char *ret_name, struct problem *problem) {
    const char *commands = choose(problem);

    if (commands == NULL)
        return PROBLEM_E_SET;
    problem_fill(problem, EXIT_NO, "no-browser", "BROWSER names no program");
    while (*commands != '\0') {
        size_t length = strcspn(commands, ":");
        struct command_line line;

        if (split(commands, length, url, &line) && run(&line, ret_name, problem) == 0) {
            problem_deinit(problem);
            return 0;
        }
        commands += length + (commands[length] == ':' ? 1 : 0);
    }
    return PROBLEM_E_SET;
}
