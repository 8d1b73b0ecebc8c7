/* The scene of a test of `portctl run`. */
#include "tests/support/run_scene.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/netns.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define FAMILY_MAX 4096

static struct daemon portd;
static struct caller me;

/* ---- processes ---- */

static char state_of(pid_t pid) {
    char path[64];
    char line[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 'X';
    const bool there = fgets(line, sizeof(line), file) != NULL && strrchr(line, ')') != NULL;
    fclose(file);
    return there ? strrchr(line, ')')[2] : 'X';
}

/* All that descend from the test, portd not among them, whoever started them. */
struct family {
    pid_t pids[FAMILY_MAX];
    size_t n_pids;
};

static void add_children_of_thread(pid_t pid, const char *thread, struct family *family) {
    char path[300];
    snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    for (pid_t child; fscanf(file, "%d", &child) == 1;) {
        if (child == portd.pid)
            continue;
        if (family->n_pids == FAMILY_MAX)
            fail_test("The test has more than %d processes.", FAMILY_MAX);
        family->pids[family->n_pids++] = child;
    }
    fclose(file);
}

static void add_children(pid_t pid, struct family *family) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            add_children_of_thread(pid, entry->d_name, family);
    closedir(folder);
}

/* Those that have ended and are not reaped yet are no processes any more. */
static void visit_all(void (*visit)(pid_t pid, void *context), void *context) {
    static struct family family;
    family.n_pids = 0;
    add_children(getpid(), &family);
    for (size_t i = 0; i < family.n_pids; i++) {
        const char state = state_of(family.pids[i]);
        if (state != 'Z' && state != 'X')
            visit(family.pids[i], context);
        add_children(family.pids[i], &family);
    }
}

static void count_it(pid_t pid, void *context) {
    (void)pid;
    ++*(unsigned *)context;
}

unsigned run_scene_count_processes(void) {
    unsigned n = 0;
    visit_all(count_it, &n);
    return n;
}

static void print_it(pid_t pid, void *context) {
    (void)context;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    CLEANUP(file_free_text_at) char *name = file_exists(path) ? file_read(path, NULL) : NULL;
    fprintf(stderr, "Left: pid %d, %s", pid, name ? name : "gone meanwhile\n");
}

static void kill_it(pid_t pid, void *context) {
    (void)context;
    kill(pid, SIGKILL);
}

/* ---- the scene ---- */

static void begin(void) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        fail_test("The test cannot be the subreaper of what it starts.");
    portd = daemon_start(&(struct daemon_setup){0});
    me = (struct caller){.daemon = &portd, .channel = CHANNEL_UNIX};
}

void run_scene_enter(void) {
    sandbox_enter();
    begin();
}

void run_scene_enter_as_root(void) {
    sandbox_enter_as_root();
    begin();
}

void run_scene_leave(void) {
    /* Twice: the first may fork while it is killed. */
    for (int i = 0; i < 2; i++)
        visit_all(kill_it, NULL);
    if (portd.pid > 0)
        kill(portd.pid, SIGCONT);
    daemon_stop_at(&portd);
}

struct daemon *run_scene_portd(void) {
    return &portd;
}

const struct caller *run_scene_me(void) {
    return &me;
}

static bool is_installed(const char *program) {
    const char *path = getenv("PATH");
    while (path && *path != '\0') {
        const size_t length = strcspn(path, ":");
        char file[1024];
        snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, program);
        if (access(file, X_OK) == 0)
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

void run_scene_need(const char *program) {
    if (!is_installed(program))
        cr_skip_test("%s is not installed", program);
}

/* ---- one run ---- */

struct cli run_scene_start(const char *const *words, const char *variable) {
    struct cli_setup setup = {.words = {"run"}, .environment = {variable}};
    for (size_t i = 0; words[i]; i++) {
        if (i + 1 == CLI_WORDS_MAX)
            fail_test("Too many words for one command line.");
        setup.words[i + 1] = words[i];
    }
    return cli_start(&setup);
}

static uint64_t number_of_the_lease(const char *path, bool served) {
    const struct wait wait = wait_for(served ? "the program to listen on its port" : "the program's lease");
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
        if (json_size_at(list.json, "") == 1 && (!served || strcmp(json_text_at(list.json, "[0].state"), "bound") == 0))
            return json_number_at(list.json, path);
        wait_more(&wait);
    }
}

uint16_t run_scene_port(void) {
    return (uint16_t)number_of_the_lease("[0].port", false);
}

uint16_t run_scene_served_port(void) {
    return (uint16_t)number_of_the_lease("[0].port", true);
}

pid_t run_scene_holder(void) {
    return (pid_t)number_of_the_lease("[0].holder.pid", false);
}

char *run_scene_get(uint16_t port) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    enum { ANSWER_MAX = 8192 };
    CLEANUP(fd_close_at) int fd = tcp_connect("127.0.0.1", port);
    char *answer = calloc(1, ANSWER_MAX);
    cr_assert(answer != NULL && http_send(fd, request, strlen(request)));
    for (size_t length = 0; length < ANSWER_MAX - 1;) {
        const ssize_t n_bytes = recv(fd, answer + length, ANSWER_MAX - 1 - length, 0);
        if (n_bytes <= 0)
            break;
        length += (size_t)n_bytes;
    }
    return answer;
}

/* ---- what is left of it ---- */

/* The first line of this file is a heading, and each other has its state in the fourth column; 0A is LISTEN. */
static unsigned count_listeners(const char *path) {
    char line[512];
    unsigned n = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        fail_test("%s cannot be read.", path);
    while (fgets(line, sizeof(line), file)) {
        char state[8];
        n += sscanf(line, "%*s %*s %*s %7s", state) == 1 && strcmp(state, "0A") == 0;
    }
    fclose(file);
    return n;
}

/* portd's own, one of each family, are not counted. */
static unsigned count_servers(void) {
    return count_listeners("/proc/self/net/tcp") + count_listeners("/proc/self/net/tcp6") - 2;
}

void run_scene_assert_nothing_left(void) {
    const unsigned n_leases = caller_count_leases(&me);
    const unsigned n_processes = run_scene_count_processes();
    if (n_processes != 0)
        visit_all(print_it, NULL);
    cr_assert_eq(n_processes, 0, "%u processes are left", n_processes);
    cr_assert_eq(n_leases, 0, "%u leases are left", n_leases);
    cr_assert_eq(count_servers(), 0, "a listener is left");
}

void run_scene_wait_until_nothing_left(void) {
    const struct wait wait = wait_for("the last process, lease and listener to go");
    while (run_scene_count_processes() != 0 || caller_count_leases(&me) != 0 || count_servers() != 0)
        wait_more(&wait);
}

void run_scene_assert_end(const struct cli *cli, int exit_code) {
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(cli);
    cr_assert_eq(result.exit_code, exit_code, "not %d, but %d: %s", exit_code, result.exit_code, result.errors);
    run_scene_assert_nothing_left();
}
