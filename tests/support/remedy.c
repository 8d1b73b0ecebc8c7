/* doctor's remedies, run as they are printed. See remedy.h. */
#include "tests/support/remedy.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/pid_namespace.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

#define OUTPUT SANDBOX_DIR "/doctor.out"
#define SCRIPT SANDBOX_DIR "/script"

#define LINE_MAX_BYTES 16384

/* ---- scripts ---- */

/* setns() into a network that a process holds. */
static void join_network(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        fail_test("The network of %d cannot be joined: %s.", pid, strerror(errno));
}

static void set_variables(void) {
    static const char *const removed[] = {"PM_SOCKET",       "PM_URL",        "PM_DB",
                                          "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_STATE_HOME"};
    for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++)
        unsetenv(removed[i]);
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("SHELL", "/bin/sh", 1);
    setenv("PATH", SANDBOX_BIN ":/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

static int execute_script(void *context) {
    (void)context;
    set_variables();
    const int log = open(OUTPUT ".log", O_WRONLY | O_APPEND);
    const int null = open("/dev/null", O_RDONLY);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        fail_test("No streams for a script: %s.", strerror(errno));
    closefrom(STDERR_FILENO + 1);
    execlp("sh", "sh", SCRIPT, NULL);
    fail_test("sh cannot be executed.");
}

/* One more process, for a network is joined with root's rights, before its user is another. */
static int run_in_network(void *context) {
    const struct person *person = context;
    join_network(person->in_network_of);
    return child_wait(child_start(person->uid, execute_script, context));
}

/* Whatever ends meanwhile is reaped, as its shell or init would do: a portd that a remedy ends is not gone before. */
static int wait_for_script(pid_t script) {
    const struct wait wait = wait_for("a script to end");
    for (;;) {
        int status;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == script)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        if (pid <= 0)
            wait_more(&wait);
    }
}

int remedy_run_script(const struct person *person, const char *lines) {
    char text[5 * LINE_MAX_BYTES];
    snprintf(text, sizeof(text), "options='%s'\n%s\n%s\n", person->options != NULL ? person->options : "",
             person->settings != NULL ? person->settings : ":", lines);
    file_write_text(SCRIPT, text);
    file_write_text(OUTPUT ".log", "");
    if (chmod(OUTPUT ".log", 0666) < 0)
        fail_test("chmod: %s.", strerror(errno));
    if (person->in_network_of != 0)
        return wait_for_script(child_start(0, run_in_network, (void *)person));
    return wait_for_script(child_start(person->uid, execute_script, (void *)person));
}

/* ---- findings ---- */

struct found {
    char state[16];
    char text[LINE_MAX_BYTES];
    char remedy[LINE_MAX_BYTES];
};

static void clear_output(void) {
    file_write_text(OUTPUT, "");
    if (chmod(OUTPUT, 0666) < 0)
        fail_test("chmod: %s.", strerror(errno));
}

/* The first finding of the check whose text has the words, that is not well. */
static bool find(const char *output, const char *check, const char *words, struct found *ret_found) {
    for (const char *line = output; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char copy[2 * LINE_MAX_BYTES];
        snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(line, "\n"), line);
        char *rest = copy;
        const char *its_check = strsep(&rest, "\t");
        const char *state = strsep(&rest, "\t");
        const char *text = strsep(&rest, "\t");
        if (text == NULL || rest == NULL)
            fail_test("This is no finding: %.*s", (int)strcspn(line, "\n"), line);
        if (strcmp(its_check, check) != 0 || strcmp(state, "ok") == 0 || strstr(text, words) == NULL)
            continue;
        snprintf(ret_found->state, sizeof(ret_found->state), "%s", state);
        snprintf(ret_found->text, sizeof(ret_found->text), "%s", text);
        snprintf(ret_found->remedy, sizeof(ret_found->remedy), "%s", rest);
        return true;
    }
    return false;
}

/* portd sees some things a moment after they have happened. */
static struct found wait_for_finding(const struct person *person, const char *check, const char *words) {
    const struct wait wait = wait_at_most(30, words);
    for (;;) {
        struct found found;
        clear_output();
        const int exit_code = remedy_run_script(person, "portctl doctor $options > " OUTPUT);
        CLEANUP(file_free_text_at) char *output = file_read(OUTPUT, NULL);
        if (find(output, check, words, &found)) {
            if (exit_code != 1)
                fail_test("doctor has found something, and its exit code is %d.", exit_code);
            return found;
        }
        wait_more(&wait);
    }
}

/* A remedy that starts a portd goes on before that listens. A `sudo` is what root does himself here. */
#define SUDO "sudo() { if [ \"$1\" = -u ]; then shift 2; fi; \"$@\"; }\n"
#define WAIT                                                                                                           \
    "\nn=0\nuntil portctl status -q $options; do n=$((n+1)); [ $n -lt 600 ] || exit " NEVER "; sleep 0.05; done"
#define NEVER "99"

static void expect_start(const char *remedy, int exit_code) {
    if (exit_code != atoi(NEVER))
        return;
    CLEANUP(file_free_text_at) char *log = file_read(OUTPUT ".log", NULL);
    fail_test("\"%s\" starts no portd: %s", remedy, log);
}

static void run_remedy(const struct person *person, const char *remedy) {
    const size_t length = strlen(remedy);
    const bool starts = length > 0 && remedy[length - 1] == '&';
    const bool needs_root = strstr(remedy, "sudo ") != NULL;
    const struct person root = {
        .settings = person->settings, .options = person->options, .in_network_of = person->in_network_of};
    char lines[2 * LINE_MAX_BYTES];

    snprintf(lines, sizeof(lines), SUDO "%s%s\n%s", remedy, starts ? WAIT : "",
             needs_root && person->uid != 0 ? "" : "portctl doctor $options > " OUTPUT);
    clear_output();
    expect_start(remedy, remedy_run_script(needs_root ? &root : person, lines));
    if (needs_root && person->uid != 0)
        remedy_run_script(person, "portctl doctor $options > " OUTPUT);
}

char *remedy_run_doctor(const struct person *person, int *ret_exit_code) {
    clear_output();
    *ret_exit_code = remedy_run_script(person, "portctl doctor $options > " OUTPUT);
    return file_read(OUTPUT, NULL);
}

void remedy_assert_mends(const struct person *person, const char *check, const char *state, const char *words) {
    const struct found found = wait_for_finding(person, check, words);
    struct found again;

    if (strcmp(found.state, state) != 0)
        fail_test("It is no %s, but a %s: %s", state, found.state, found.text);
    if (found.remedy[0] == '\0' || strcmp(found.remedy, "-") == 0)
        fail_test("There is no remedy for: %s", found.text);
    run_remedy(person, found.remedy);
    CLEANUP(file_free_text_at) char *output = file_read(OUTPUT, NULL);
    CLEANUP(file_free_text_at) char *log = file_read(OUTPUT ".log", NULL);
    if (output[0] == '\0')
        fail_test("After \"%s\" doctor said nothing: %s", found.remedy, log);
    if (find(output, check, words, &again))
        fail_test("\"%s\" has not mended it: %s\n%s%s", found.remedy, again.text, output, log);
}

/* ---- all of them ---- */

/* The remedies of what is not well, a line each, in doctor's order; the caller's to free. */
static char *list_remedies(const char *output, unsigned *ret_n_starts) {
    char *lines = calloc(2, strlen(output) + 4096);
    size_t used = 0;
    *ret_n_starts = 0;
    for (const char *line = output; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char copy[2 * LINE_MAX_BYTES];
        snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(line, "\n"), line);
        char *rest = copy;
        strsep(&rest, "\t");
        const char *state = strsep(&rest, "\t");
        strsep(&rest, "\t");
        if (strcmp(state, "ok") == 0 || strcmp(rest, "-") == 0)
            continue;
        const bool starts = rest[strlen(rest) - 1] == '&';
        *ret_n_starts += starts ? 1 : 0;
        used += (size_t)sprintf(lines + used, "%s\n%s\n", rest, starts ? WAIT : "");
    }
    return lines;
}

void remedy_assert_list_mends(const struct person *person) {
    int exit_code;
    unsigned n_starts;
    CLEANUP(file_free_text_at) char *before = remedy_run_doctor(person, &exit_code);
    CLEANUP(file_free_text_at) char *remedies = list_remedies(before, &n_starts);
    char lines[4 * LINE_MAX_BYTES];
    if (exit_code == 0 || n_starts != 1)
        fail_test("%d, %u starts:\n%s", exit_code, n_starts, before);
    clear_output();
    snprintf(lines, sizeof(lines), SUDO "%s\nportctl doctor $options > " OUTPUT, remedies);
    exit_code = remedy_run_script(person, lines);
    CLEANUP(file_free_text_at) char *after = file_read(OUTPUT, NULL);
    CLEANUP(file_free_text_at) char *log = file_read(OUTPUT ".log", NULL);
    if (exit_code != 0)
        fail_test("%d: this has not mended it:\n%s\n%s%s\nIt was:\n%s", exit_code, remedies, after, log, before);
}

/* ---- in the namespaces ---- */

void remedy_run_inside(int (*situation)(void)) {
    const int r = pid_namespace_run(situation);
    if (r == PID_NAMESPACE_NOT_ALLOWED)
        cr_skip_test("there is no pid namespace to be had");
    cr_assert_eq(r, 0, "%d: what is wrong is told above", r);
}

/* ---- a stranger ---- */

_Noreturn void remedy_turn_away(int server) {
    static const char nothing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    for (;;) {
        CLEANUP(fd_close_at) int fd = accept(server, NULL, NULL);
        char bytes[4096];
        if (recv(fd, bytes, sizeof(bytes), 0) > 0 && send(fd, nothing, strlen(nothing), MSG_NOSIGNAL) > 0)
            while (recv(fd, bytes, sizeof(bytes), 0) > 0)
                continue;
    }
}
