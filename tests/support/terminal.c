/* The real portctl on a terminal. */
#include "tests/support/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/table.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

#define TEXT_MAX 65536

struct start {
    const struct terminal_setup *setup;
    const char *name;
};

static int become_portctl(void *context) {
    const struct start *start = context;
    char *words[CLI_WORDS_MAX + 2] = {"portctl"};
    const int fd = open(start->name, O_RDWR);

    setsid();
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
        fail_test("%s cannot be the terminal.", start->name);
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        dup2(fd, i);
    closefrom(STDERR_FILENO + 1);
    if (start->setup->directory != NULL && chdir(start->setup->directory) < 0)
        fail_test("portctl cannot work in %s.", start->setup->directory);
    setenv("PM_SOCKET", start->setup->socket, 1);
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("LC_ALL", start->setup->locale != NULL ? start->setup->locale : "C.UTF-8", 1);
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < CLI_WORDS_MAX && start->setup->words[i] != NULL; i++)
        words[i + 1] = (char *)start->setup->words[i];
    execv(SANDBOX_BIN "/portctl", words);
    fail_test(SANDBOX_BIN "/portctl cannot be executed.");
}

static void remove_carriage_returns(char *text) {
    char *to = text;

    for (const char *from = text; *from != '\0'; from++)
        if (*from != '\r')
            *to++ = *from;
    *to = '\0';
}

/* Until nobody has the terminal open any more: then read() fails. */
static void read_all(int master, const struct terminal_setup *setup, char *text) {
    const struct wait wait = wait_for("portctl on a terminal to end");
    const char *prompt = setup->prompt;
    size_t length = 0;

    for (;;) {
        struct pollfd fd = {.fd = master, .events = POLLIN};
        if (poll(&fd, 1, 10) > 0) {
            const ssize_t n_bytes = read(master, text + length, TEXT_MAX - 1 - length);
            if (n_bytes <= 0)
                return;
            length += (size_t)n_bytes;
            text[length] = '\0';
        }
        if (prompt != NULL && strstr(text, prompt) != NULL) {
            if (write(master, setup->typed, strlen(setup->typed)) < 0)
                fail_test("Nothing can be typed.");
            prompt = NULL;
        }
        wait_more(&wait);
    }
}

struct terminal_result terminal_run(const struct terminal_setup *setup) {
    const struct winsize size = {.ws_row = 50, .ws_col = (unsigned short)setup->columns};
    struct terminal_result result = {.text = calloc(1, TEXT_MAX)};
    char name[128];
    int master;
    int slave;

    if (result.text == NULL || openpty(&master, &slave, name, NULL, &size) < 0)
        fail_test("There is no terminal to be had.");
    const struct start start = {.setup = setup, .name = name};
    const pid_t pid = child_start(0, become_portctl, (void *)&start);
    /* The child has opened it by the time that it says something, and until then our own end keeps it alive. */
    struct pollfd fd = {.fd = master, .events = POLLIN};
    if (poll(&fd, 1, 60000) <= 0)
        fail_test("portctl says nothing on a terminal.");
    close(slave);
    read_all(master, setup, result.text);
    close(master);
    result.exit_code = child_wait(pid);
    remove_carriage_returns(result.text);
    return result;
}

void terminal_result_deinit(struct terminal_result *result) {
    free(result->text);
    *result = (struct terminal_result){0};
}

unsigned terminal_widest_line(const char *text) {
    unsigned widest = 0;

    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        const size_t width = table_text_width(line);
        free(line);
        if (width > widest)
            widest = (unsigned)width;
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    return widest;
}
