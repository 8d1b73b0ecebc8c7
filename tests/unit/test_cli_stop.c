/*
 * stop: the real portctl with real servers, and a portd that says about them what a test wants. Whom it would signal, that it
 * asks, that it signals nobody else, and what it says of the port.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "probe/process.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/terminal.h"
#include "tests/support/wait.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

/* Outside of a sandbox's managed range, and nothing else is in its network namespace. */
#define PORT 8001

struct server {
    pid_t pid;
    struct server_shared {
        volatile uint32_t inode;
    } * shared;
    bool ignores_term;
    uint64_t start_time;
};

static struct fake_portd portd;

static void enter(void) {
    sandbox_enter();
    if (!sandbox_shows_processes())
        cr_skip_test("an executed portctl may not look into this test's processes");
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_stop, .init = enter, .fini = leave);

static int serve(void *context) {
    const struct server *server = context;

    signal(SIGTERM, server->ignores_term ? SIG_IGN : SIG_DFL);
    server->shared->inode = tcp_inode_of(tcp_listen("127.0.0.1", PORT));
    while (pause() < 0)
        continue;
    return 0;
}

static struct server start_server(bool ignores_term) {
    struct server server = {.ignores_term = ignores_term, .shared = child_share(sizeof(struct server_shared))};
    const struct wait wait = wait_for("a server to listen");
    struct process_id id;

    server.pid = child_start(0, serve, &server);
    while (server.shared->inode == 0)
        wait_more(&wait);
    cr_assert_eq(process_pin(server.pid, NULL, &id, NULL), 0);
    server.start_time = id.start_time;
    return server;
}

/* An owner as /who tells it. `parent` 0: none. */
static const char *owner(char *text, pid_t pid, uint64_t start_time, pid_t parent) {
    sprintf(
        text,
        "{\"pid\":%d,\"start_time\":%llu,\"uid\":%u,\"user\":\"ann\",\"process\":\"ser\\u001bver\",\"command\":\"ser"
        "\\u001bver --all\",\"parents\":[{\"pid\":%d,\"process\":\"x\"}]}",
        pid, (unsigned long long)start_time, geteuid(), parent);
    return text;
}

static const char *listener(char *text, const char *state, uint32_t inode, const char *owners) {
    sprintf(
        text,
        "{\"address\":\"127.0.0.1\",\"port\":%d,\"state\":\"%s\",\"inode\":%u,\"uid\":0,\"user\":\"ann\",\"owners\":"
        "[%s]}",
        PORT, state, inode, owners);
    return text;
}

static void start_portd(const char *listeners, const struct fake_answer *stop) {
    static char answer[16384];
    struct fake_portd_setup setup = {.answers = {{"GET /who?port=8001 ", 200, answer, 0, NULL}}, .socket = SOCKET};

    if (stop != NULL)
        setup.answers[1] = *stop;
    snprintf(answer, sizeof(answer), "{\"port\":%d,\"listeners\":[%s]}", PORT, listeners);
    fake_portd_stop_at(&portd);
    portd = fake_portd_start(&setup);
}

/* portd tells the truth about the server. */
static void start_truthful(const struct server *server) {
    char owners[1024];
    char listeners[2048];

    start_portd(listener(listeners, "listen", server->shared->inode, owner(owners, server->pid, server->start_time, 1)),
                NULL);
}

#define STOP(...) cli_run(&(const struct cli_setup){.words = {"stop", "8001", __VA_ARGS__}, ENVIRONMENT})

static void assert_lives(pid_t pid) {
    cr_assert_eq(kill(pid, 0), 0);
}

Test(cli_stop, it_stops_the_server_and_says_that_the_port_is_free) {
    const struct server server = start_server(false);
    char expected[256];

    start_truthful(&server);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("--yes");
    snprintf(expected, sizeof(expected), "Stopped: ser?ver (pid %d, ann); port 8001 is free\n", server.pid);
    cr_assert_eq(result.exit_code, EXIT_YES, "%s", result.errors);
    cr_assert_str_eq(result.output, expected);
    cr_assert_str_eq(result.errors, "");
    cr_assert_eq(child_wait(server.pid), -SIGTERM);
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "GET /who?port=8001\n");
}

Test(cli_stop, json_says_what_came_of_it) {
    const struct server server = start_server(false);
    char expected[256];

    start_truthful(&server);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("--yes", "--json", "--signal", "SIGKILL");
    snprintf(
        expected, sizeof(expected),
        "{\"version\":1,\"port\":8001,\"pid\":%d,\"process\":\"ser\\u001bver\",\"signal\":\"KILL\",\"freed\":true,",
        server.pid);
    cr_assert_eq(result.exit_code, EXIT_YES, "%s", result.errors);
    cr_assert_eq(strncmp(result.output, expected, strlen(expected)), 0, "%s", result.output);
    cr_assert_eq(child_wait(server.pid), -SIGKILL);
}

Test(cli_stop, a_server_that_does_not_listen_to_term_keeps_the_port_and_it_is_a_no) {
    const struct server server = start_server(true);
    char expected[256];

    start_truthful(&server);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("--yes");
    snprintf(expected, sizeof(expected),
             "portctl: ser?ver (pid %d, ann) got TERM a second ago and has not ended, and port 8001 is not free\n"
             "  hint: portctl stop 8001 --signal KILL\n",
             server.pid);
    cr_assert_eq(result.exit_code, EXIT_NO);
    cr_assert_str_eq(result.errors, expected);
    assert_lives(server.pid);
}

Test(cli_stop, without_a_terminal_it_wants_yes_and_signals_nobody) {
    const struct server server = start_server(false);
    char expected[512];

    start_truthful(&server);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP(NULL);
    snprintf(expected, sizeof(expected),
             "portctl: ser?ver (pid %d, ann) listens on port 8001; without a terminal stop cannot ask whether you are "
             "sure\n  hint: portctl stop 8001 --pid %d --yes\n",
             server.pid, server.pid);
    cr_assert_eq(result.exit_code, EXIT_USAGE);
    cr_assert_str_eq(result.errors, expected);
    assert_lives(server.pid);
}

static struct terminal_result ask_on_terminal(const char *typed) {
    const struct terminal_setup setup = {.words = {"stop", "8001"},
                                         .socket = SOCKET,
                                         .columns = 80,
                                         .prompt = "Send TERM to it? [y/N] ",
                                         .typed = typed};
    return terminal_run(&setup);
}

Test(cli_stop, on_a_terminal_it_shows_whom_and_asks) {
    const struct server server = start_server(false);
    char expected[512];

    start_truthful(&server);
    CLEANUP(terminal_result_deinit) struct terminal_result no = ask_on_terminal("n\n");
    cr_assert_eq(no.exit_code, EXIT_NO);
    cr_assert_not_null(strstr(no.text, "portctl: nothing was signalled\n"), "%s", no.text);
    assert_lives(server.pid);
    CLEANUP(terminal_result_deinit) struct terminal_result nothing = ask_on_terminal("\n");
    cr_assert_eq(nothing.exit_code, EXIT_NO);
    assert_lives(server.pid);

    CLEANUP(terminal_result_deinit) struct terminal_result yes = ask_on_terminal("y\n");
    snprintf(expected, sizeof(expected),
             "ser?ver (pid %d, ann) listens on 127.0.0.1:8001\n  ser?ver --all\nSend TERM to it? [y/N] y\n"
             "Stopped: ser?ver (pid %d, ann); port 8001 is free\n",
             server.pid, server.pid);
    cr_assert_eq(yes.exit_code, EXIT_YES);
    cr_assert_str_eq(yes.text, expected, "%s", yes.text);
    cr_assert_eq(child_wait(server.pid), -SIGTERM);
}

Test(cli_stop, nobody_there_or_nobody_who_listens_is_a_no) {
    char listeners[1024];
    char owners[512];

    start_portd("", NULL);
    CLEANUP(cli_result_deinit) struct cli_result nobody = STOP("--yes");
    cr_assert_eq(nobody.exit_code, EXIT_NO);
    cr_assert_str_eq(nobody.errors, "portctl: nobody listens on port 8001\n");
    start_portd(listener(listeners, "bound", 5, owner(owners, getpid(), 5, 1)), NULL);
    CLEANUP(cli_result_deinit) struct cli_result bound = STOP("--yes");
    cr_assert_eq(bound.exit_code, EXIT_NO);
    cr_assert_str_eq(bound.errors, "portctl: nobody listens on port 8001; somebody has bound it\n"
                                   "  hint: portctl who 8001\n");
}

Test(cli_stop, a_hidden_owner_is_not_allowed_and_told_why) {
    start_portd(
        "{\"address\":\"::\",\"port\":8001,\"state\":\"listen\",\"inode\":5,\"user\":\"root\",\"unit\":\"x.service\","
        "\"owners\":[],\"hidden\":{\"why\":\"it is root's\",\"remedy\":\"sudo portctl stop 8001\"}}",
        NULL);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("--yes");
    cr_assert_eq(result.exit_code, EXIT_NOT_ALLOWED);
    cr_assert_str_eq(result.errors,
                     "portctl: port 8001 is held by a hidden process of root, unit x.service: it is root's\n"
                     "  hint: sudo portctl stop 8001\n");
}

Test(cli_stop, a_process_that_is_another_by_now_is_left_alone) {
    const struct server server = start_server(false);
    char owners[512];
    char listeners[1024];
    char expected[256];

    start_portd(
        listener(listeners, "listen", server.shared->inode, owner(owners, server.pid, server.start_time + 1, 1)), NULL);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("--yes");
    snprintf(expected, sizeof(expected),
             "portctl: ser?ver (pid %d, ann) has ended already; nothing was signalled\n  hint: portctl who 8001\n",
             server.pid);
    cr_assert_eq(result.exit_code, EXIT_NO);
    cr_assert_str_eq(result.errors, expected);
    assert_lives(server.pid);
}

Test(cli_stop, one_that_has_ended_by_itself_is_what_was_wanted) {
    struct server server = start_server(false);
    char expected[256];

    start_truthful(&server);
    child_kill(server.pid);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("--yes");
    snprintf(expected, sizeof(expected),
             "Not signalled: ser?ver (pid %d, ann) has ended by itself; port 8001 is free\n", server.pid);
    cr_assert_eq(result.exit_code, EXIT_YES, "%s", result.errors);
    cr_assert_str_eq(result.output, expected);
}

Test(cli_stop, of_a_master_and_its_workers_the_master_is_signalled) {
    const struct server master = start_server(false);
    const pid_t worker = child_start_idle(0);
    char owners[1024];
    char one[512];
    char listeners[2048];
    char expected[256];

    snprintf(owners, sizeof(owners), "%s,", owner(one, worker, 5, master.pid));
    strcat(owners, owner(one, master.pid, master.start_time, 1));
    start_portd(listener(listeners, "listen", master.shared->inode, owners), NULL);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("-y");
    snprintf(expected, sizeof(expected),
             "portctl: 1 more process has port 8001 open; only ser?ver (pid %d, ann) is signalled\n", master.pid);
    cr_assert_eq(result.exit_code, EXIT_YES, "%s", result.errors);
    cr_assert_str_eq(result.errors, expected);
    cr_assert_eq(child_wait(master.pid), -SIGTERM);
    assert_lives(worker);
}

Test(cli_stop, two_parties_are_not_chosen_between) {
    const struct server server = start_server(false);
    const pid_t other = child_start_idle(0);
    char one[512];
    char first[1024];
    char both[3072];
    char expected[512];

    snprintf(both, sizeof(both), "%s,", listener(first, "listen", 77, owner(one, other, 5, 1)));
    strcat(both, listener(first, "listen", server.shared->inode, owner(one, server.pid, server.start_time, 1)));
    start_portd(both, NULL);
    CLEANUP(cli_result_deinit) struct cli_result unclear = STOP("--yes");
    snprintf(expected, sizeof(expected), "--pid %d\n", server.pid > other ? server.pid : other);
    cr_assert_eq(unclear.exit_code, EXIT_NO);
    cr_assert_not_null(strstr(unclear.errors, "port 8001 has several owners: "), "%s", unclear.errors);
    cr_assert_not_null(strstr(unclear.errors, expected), "%s", unclear.errors);
    assert_lives(server.pid);

    CLEANUP(cli_result_deinit) struct cli_result neither = STOP("--yes", "--pid", "1");
    cr_assert_eq(neither.exit_code, EXIT_NO);
    cr_assert_str_eq(neither.errors, "portctl: pid 1 does not listen on port 8001\n  hint: portctl who 8001\n");

    char pid[16];
    snprintf(pid, sizeof(pid), "%d", server.pid);
    CLEANUP(cli_result_deinit) struct cli_result chosen = STOP("--yes", "--pid", pid);
    cr_assert_eq(chosen.exit_code, EXIT_YES, "%s", chosen.errors);
    cr_assert_eq(child_wait(server.pid), -SIGTERM);
    assert_lives(other);
}

/* Another one shares the port by SO_REUSEPORT, or has its other family: who named the pid has what he wanted. */
Test(cli_stop, one_that_was_named_and_has_ended_is_a_yes_though_the_port_is_not_free) {
    const struct server server = start_server(false);
    CLEANUP(fd_close_at) int other = tcp_listen("::1", PORT);
    char owners[512];
    char listeners[1024];
    char pid[16];

    start_portd(listener(listeners, "listen", server.shared->inode, owner(owners, server.pid, server.start_time, 1)),
                NULL);
    snprintf(pid, sizeof(pid), "%d", server.pid);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("--yes", "--pid", pid);
    cr_assert_eq(result.exit_code, EXIT_YES, "%s", result.errors);
    cr_assert_not_null(strstr(result.output, "; port 8001 has others that listen\n"), "%s", result.output);
    cr_assert_eq(child_wait(server.pid), -SIGTERM);
}

Test(cli_stop, portd_itself_is_never_signalled) {
    const struct server server = start_server(false);
    char owners[512];
    char listeners[1024];
    static char answer[4096];
    struct fake_portd_setup setup = {.answers = {{"GET /who?port=8001 ", 200, answer, 0, NULL}}, .socket = SOCKET};

    snprintf(answer, sizeof(answer), "{\"port\":8001,\"state\":\"portd\",\"listeners\":[%s]}",
             listener(listeners, "listen", server.shared->inode, owner(owners, server.pid, server.start_time, 1)));
    fake_portd_stop_at(&portd);
    portd = fake_portd_start(&setup);
    CLEANUP(cli_result_deinit) struct cli_result result = STOP("--yes");
    cr_assert_eq(result.exit_code, EXIT_NOT_ALLOWED);
    cr_assert_str_eq(result.errors, "portctl: port 8001 is portd's own, which stop never signals\n"
                                    "  hint: portctl status shows its pid\n");
    assert_lives(server.pid);
}

#define OUTPUT SANDBOX_DIR "/output"

/* fork() by hand: a child in another pid namespace has no parent that it could name. */
static int stop_in_a_pid_namespace(void *context) {
    (void)context;
    if (unshare(CLONE_NEWPID) < 0)
        return 99;
    const pid_t pid = fork();
    if (pid == 0) {
        setenv("PM_SOCKET", SOCKET, 1);
        if (freopen(OUTPUT, "w", stdout) != NULL)
            execl(SANDBOX_BIN "/portctl", "portctl", "stop", "8001", "--yes", "--signal", "INT", "-q", NULL);
        _exit(98);
    }
    return child_wait(pid);
}

/* Across pid namespaces a pid means nobody, or somebody else. */
Test(cli_stop, a_portd_in_another_pid_namespace_is_asked_to_do_it) {
    const struct server server = start_server(false);
    const struct fake_answer stop = {"POST /stop ", 200, "{\"port\":8001,\"pid\":1,\"freed\":true,\"ended\":true}", 0,
                                     NULL};
    char owners[512];
    char listeners[1024];
    char expected[256];

    start_portd(listener(listeners, "listen", server.shared->inode, owner(owners, server.pid, server.start_time, 1)),
                &stop);
    cr_assert_eq(child_wait(child_start(0, stop_in_a_pid_namespace, NULL)), EXIT_YES);
    CLEANUP(file_free_text_at) char *output = file_read(OUTPUT, NULL);
    cr_assert_str_eq(output, "8001\n");
    snprintf(expected, sizeof(expected),
             "GET /who?port=8001\nPOST /stop "
             "{\"port\":8001,\"pid\":%d,\"start_time\":%llu,\"inode\":%u,\"signal\":\"INT\"}\n",
             server.pid, (unsigned long long)server.start_time, server.shared->inode);
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, expected);
    assert_lives(server.pid);
}

Test(cli_stop, another_users_process_is_not_signalled) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    const struct server server = start_server(false);
    const struct cli_setup setup = {.words = {"stop", "8001", "--yes"}, ENVIRONMENT, .uid = SANDBOX_OTHER_UID};

    start_truthful(&server);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&setup);
    cr_assert_eq(result.exit_code, EXIT_NOT_ALLOWED, "%s", result.errors);
    cr_assert_not_null(strstr(result.errors, "is not signalled: "), "%s", result.errors);
    cr_assert_not_null(strstr(result.errors, "hint: sudo portctl stop 8001 --pid "), "%s", result.errors);
    assert_lives(server.pid);
}

Test(cli_stop, wrong_arguments_ask_nobody) {
    CLEANUP(cli_result_deinit) struct cli_result signal_name = STOP("--signal", "SEGV");
    cr_assert_eq(signal_name.exit_code, EXIT_USAGE);
    cr_assert_str_eq(signal_name.errors, "portctl: --signal SEGV is no signal that stop sends\n"
                                         "  hint: TERM, INT, HUP, QUIT, KILL, USR1, USR2, STOP or CONT\n");
    CLEANUP(cli_result_deinit) struct cli_result pid = STOP("--pid", "0");
    cr_assert_eq(pid.exit_code, EXIT_USAGE);
    cr_assert_str_eq(pid.errors,
                     "portctl: --pid 0 is no process id\n  hint: a whole number, as portctl who shows it\n");
}
