/*
 * Fifty runs at once, of fifty names and of one, while a stranger takes ports of the range at random and lets them go again: each program has a port of its
 * own and answers there with its own name, and all is given back.
 *
 * Between portd's grant and the program's bind() anybody may take the port; no port manager can prevent that from the outside. With --listen portctl binds
 * the port itself and gets another one until that has worked, so those runs must do at the first try. Without it a program to which the stranger was quicker
 * fails with EADDRINUSE, as it would without portctl; it must then end like that, and do on another try.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/run_scene.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(run_many, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 300);

#define N_RUNS 50

/* portd's managed range, of which the stranger has so many ports at a time. */
#define RANGE_MIN 8000
#define RANGE_MAX 9000
#define N_HELD    60

/* ---- the server: this very program, executed with SERVE=1, before main() like a puppet ---- */

#define EXIT_TAKEN 98

static int open_server(uint16_t port) {
    if (getenv("LISTEN_FDS"))
        return STDERR_FILENO + 1;
    const union tcp_address address = tcp_make_address("127.0.0.1", port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, &address.generic, sizeof(address)) == 0 && listen(fd, 16) == 0)
        return fd;
    _exit(errno == EADDRINUSE ? EXIT_TAKEN : EXIT_FAILURE);
}

__attribute__((constructor(151))) static void be_server(void) {
    const char *port = getenv("PORT");
    const char *name = getenv("PORTMANAGER_SERVICE");
    if (!getenv("SERVE"))
        return;
    alarm(120);
    const int server = open_server((uint16_t)atoi(port));
    if (write(STDOUT_FILENO, "up", 2) != 2)
        _exit(EXIT_FAILURE);
    for (;;) {
        char request[1024];
        char answer[512];
        const int fd = accept(server, NULL, NULL);
        if (fd < 0)
            continue;
        if (recv(fd, request, sizeof(request), 0) > 0) {
            const int length = snprintf(answer, sizeof(answer), "HTTP/1.0 200 OK\r\n\r\n%s on %s", name, port);
            send(fd, answer, (size_t)length, MSG_NOSIGNAL);
        }
        close(fd);
    }
}

/* ---- the stranger ---- */

struct stranger {
    _Atomic unsigned n_bound;
};

static _Noreturn void be_stranger(struct stranger *stranger) {
    int held[N_HELD];
    memset(held, 0xff, sizeof(held));
    srand(4711);
    for (size_t i = 0;; i = (i + 1) % N_HELD) {
        const uint16_t port = (uint16_t)(RANGE_MIN + rand() % (RANGE_MAX - RANGE_MIN + 1));
        const union tcp_address address = tcp_make_address("127.0.0.1", port);
        fd_close_at(&held[i]);
        held[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(held[i], &address.generic, sizeof(address)) == 0 && listen(held[i], 16) == 0)
            stranger->n_bound++;
        usleep(300);
    }
}

static int start_stranger(void *context) {
    be_stranger(context);
}

/* ---- the runs ---- */

struct run {
    struct cli cli;
    char name[32];
    bool hands_over; /* --listen */
    unsigned n_tries;
};

static void start(struct run *run) {
    const char *const words[] = {run->name, "--listen", "--", puppet_install("server"), NULL};
    const char *const plain[] = {run->name, "--", puppet_install("server"), NULL};
    run->n_tries++;
    run->cli = run_scene_start(run->hands_over ? words : plain, "SERVE=1");
}

/* Has it ended? Only one to which the stranger was quicker may have. */
static bool must_be_tried_again(struct run *run) {
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)run->cli.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
        return false;
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&run->cli);
    cr_assert(!run->hands_over, "%s: %d: %s", run->name, result.exit_code, result.errors);
    cr_assert_eq(result.exit_code, EXIT_TAKEN, "%s: %d: %s", run->name, result.exit_code, result.errors);
    return true;
}

/* By the server's own word: a stranger on the port of one that is not there yet may be taken for it, for he is of the same user. */
static bool is_up(const struct run *run) {
    CLEANUP(file_free_text_at) char *output = cli_output(&run->cli);
    return strcmp(output, "up") == 0;
}

static void wait_for_servers(struct run *runs) {
    const struct wait wait = wait_for("fifty servers");
    for (size_t n_up = 0; n_up < N_RUNS;) {
        n_up = 0;
        for (size_t i = 0; i < N_RUNS; i++) {
            if (must_be_tried_again(&runs[i]))
                start(&runs[i]);
            n_up += is_up(&runs[i]);
        }
        wait_more(&wait);
    }
}

/* Each lease's server says the lease's name, and no port is there twice. */
static void assert_answers(void) {
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(run_scene_me());
    bool seen[UINT16_MAX + 1] = {0};
    const cJSON *lease;
    cr_assert_eq(json_size_at(list.json, ""), N_RUNS);
    cJSON_ArrayForEach(lease, list.json) {
        const uint16_t port = (uint16_t)json_number_at(lease, "port");
        char expected[128];
        snprintf(expected, sizeof(expected), "HTTP/1.0 200 OK\r\n\r\n%s on %u", json_text_at(lease, "service_name"),
                 port);
        CLEANUP(file_free_text_at) char *answer = run_scene_get(port);
        cr_assert_str_eq(answer, expected);
        cr_assert(!seen[port], "%u is there twice", port);
        seen[port] = true;
    }
}

/* Each of a name of its own, or all of one. */
static void run_fifty(bool own_names) {
    static struct run runs[N_RUNS];
    struct stranger *stranger = child_share(sizeof(*stranger));
    const pid_t pid = child_start(0, start_stranger, stranger);
    const struct wait wait = wait_for("the stranger");
    while (stranger->n_bound < N_HELD)
        wait_more(&wait);
    for (unsigned i = 0; i < N_RUNS; i++) {
        runs[i] = (struct run){.hands_over = i % 2 == 0};
        snprintf(runs[i].name, sizeof(runs[i].name), "web-%u", own_names ? i : 0);
        start(&runs[i]);
    }
    wait_for_servers(runs);
    assert_answers();
    for (size_t i = 0; i < N_RUNS; i++)
        kill(runs[i].cli.pid, SIGTERM);
    for (size_t i = 0; i < N_RUNS; i++) {
        CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&runs[i].cli);
        cr_expect_eq(result.exit_code, 128 + SIGTERM, "%s: %d: %s", runs[i].name, result.exit_code, result.errors);
    }
    child_kill(pid);
    run_scene_assert_nothing_left();
}

Test(run_many, fifty_names) {
    run_fifty(true);
}

Test(run_many, one_name) {
    run_fifty(false);
}
