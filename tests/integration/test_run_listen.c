/*
 * portctl run --listen: the port handed over as an open socket, by systemd's protocol (sd_listen_fds(3)): to the protocol's own library, and to servers
 * in Python and Node.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/cli.h"
#include "tests/support/file.h"
#include "tests/support/http.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/run_scene.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(run_listen, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 60);

#define PUPPET(script) .environment = {"PUPPET=" script}

Test(run_listen, the_protocols_own_library_finds_the_socket) {
    const struct cli cli = cli_start(&(struct cli_setup){
        .words = {"run", "web", "--listen", "--", puppet_install("server")}, PUPPET("inherit pause")});
    cli_wait_for_output(&cli, "\n");
    char expected[64];
    snprintf(expected, sizeof(expected), "1 PORT:%u\n", run_scene_port());
    CLEANUP(file_free_text_at) char *output = cli_output(&cli);
    cr_assert_str_eq(output, expected);
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM);
}

Test(run_listen, an_address_of_ones_own_is_listened_on) {
    const struct cli cli = cli_start(&(struct cli_setup){
        .words = {"run", "web", "--listen=::", "--", puppet_install("server")}, PUPPET("inherit pause")});
    cli_wait_for_output(&cli, "ipv6\n");
    const uint16_t port = run_scene_port();
    /* Of both families: that is what :: is given for. */
    CLEANUP(fd_close_at) int ipv4 = tcp_connect("127.0.0.1", port);
    CLEANUP(fd_close_at) int ipv6 = tcp_connect("::1", port);
    cr_assert(ipv4 >= 0 && ipv6 >= 0);
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM);
}

/* One that is started by something in between finds nothing: that is the protocol's rule (LISTEN_PID). */
Test(run_listen, a_program_that_is_not_meant_finds_nothing) {
    const char *server = puppet_install("server");
    char script[256];
    snprintf(script, sizeof(script), "%s; true", server);
    const struct cli cli = cli_start(
        &(struct cli_setup){.words = {"run", "web", "--listen", "--", "sh", "-c", script}, PUPPET("inherit")});
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_str_eq(result.output, "0\n");
}

Test(run_listen, several_ports_are_several_sockets_with_names) {
    const struct cli cli =
        cli_start(&(struct cli_setup){.words = {"run", "web", "--listen", "--env-name", "HTTP_PORT", "--env-name",
                                                "ADMIN_PORT", "--", puppet_install("server")},
                                      PUPPET("inherit pause")});
    cli_wait_for_output(&cli, "\n");
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(run_scene_me());
    char expected[64];
    snprintf(expected, sizeof(expected), "2 HTTP_PORT:%u ADMIN_PORT:%u\n",
             (unsigned)json_number_at(list.json, "[0].port"), (unsigned)json_number_at(list.json, "[1].port"));
    CLEANUP(file_free_text_at) char *output = cli_output(&cli);
    cr_assert_str_eq(output, expected);
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(caller_count_leases(run_scene_me()), 0);
}

Test(run_listen, the_socket_is_the_programs_alone_and_its_lease_is_bound_before_it_does_anything) {
    const struct cli cli = cli_start(&(struct cli_setup){
        .words = {"run", "web", "--listen", "--", puppet_install("server")}, PUPPET("inherit pause")});
    cli_wait_for_output(&cli, "\n");
    const uint16_t port = run_scene_port();
    sees_lease(run_scene_me(), port, "state", "bound");
    if (sandbox_shows_processes()) {
        sees_evidence(run_scene_me(), port, "confirmed", "holder");
        CLEANUP(http_reply_deinit) struct http_reply who = sees_who(run_scene_me(), port);
        cr_assert_eq(json_size_at(who.json, "listeners[0].owners"), 1, "%s", who.body);
    }
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    sees_in_kernel(port, false);
}

/* A client that is earlier than the server is served: there is no moment at which the port is nobody's. */
static void assert_serves(const char *const *program) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    struct cli_setup setup = {.words = {"run", "web", "--listen", "--"}};
    for (size_t i = 0; program[i]; i++)
        setup.words[4 + i] = program[i];
    const struct cli cli = cli_start(&setup);
    cli_wait_for_output(&cli, "up\n");
    CLEANUP(fd_close_at) int fd = tcp_connect("127.0.0.1", run_scene_port());
    char answer[256] = "";
    cr_assert(http_send(fd, request, strlen(request)));
    for (size_t used = 0; used < sizeof(answer) - 1;) {
        const ssize_t n_bytes = recv(fd, answer + used, sizeof(answer) - 1 - used, 0);
        if (n_bytes <= 0)
            break;
        used += (size_t)n_bytes;
    }
    cr_assert(strstr(answer, "hello from 3"), "%s", answer);
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(caller_count_leases(run_scene_me()), 0);
}

Test(run_listen, a_python_server_takes_it) {
    static const char script[] =
        "import os, socket, sys, time\n"
        "assert os.environ['LISTEN_PID'] == str(os.getpid()) and os.environ['LISTEN_FDS'] == '1'\n"
        "assert os.environ['LISTEN_FDNAMES'] == 'PORT'\n"
        "server = socket.socket(fileno=3)\n"
        "assert server.getsockname() == ('127.0.0.1', int(os.environ['PORT'])), server\n"
        "assert os.get_inheritable(3) and os.get_blocking(3)\n"
        "print('up', flush=True)\n"
        "time.sleep(0.3)\n"
        "client, _ = server.accept()\n"
        "client.recv(1000)\n"
        "client.sendall(b'hello from 3')\n"
        "client.close()\n"
        "time.sleep(60)\n";
    assert_serves((const char *const[]){"python3", "-c", script, NULL});
}

Test(run_listen, a_node_server_takes_it) {
    static const char script[] =
        "const server = require('http').createServer((request, answer) => answer.end('hello from 3'));"
        "if (process.env.LISTEN_PID != process.pid) throw new Error('not for me');"
        "server.listen({fd: 3}, () => console.log('up'));";
    assert_serves((const char *const[]){"node", "-e", script, NULL});
}

/* 3 and 4 were the shell's; the protocol wants them for itself. The others stay. */
Test(run_listen, descriptors_that_were_open_make_room) {
    const char *server = puppet_install("server");
    char script[256];
    snprintf(script, sizeof(script),
             "exec 3</dev/null 4</dev/null; exec " SANDBOX_BIN "/portctl run web --listen -- %s", server);
    const struct cli cli =
        cli_start(&(struct cli_setup){.words = {"run", "outer", "--", "sh", "-c", script}, PUPPET("inherit pause")});
    cli_wait_for_output(&cli, "1 PORT:");
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
}

/* Then the sockets arrive where they are to go, in another order. */
Test(run_listen, closed_standard_streams_are_in_nobodys_way) {
    char script[256];
    snprintf(script, sizeof(script),
             "exec " SANDBOX_BIN "/portctl run web --listen --env-name A --env-name B -- %s <&- >&- 2>&-",
             puppet_install("server"));
    const struct cli cli =
        cli_start(&(struct cli_setup){.words = {"run", "outer", "--", "sh", "-c", script}, PUPPET("inherit pause")});
    const struct wait wait = wait_for("three leases");
    while (caller_count_leases(run_scene_me()) != 3)
        wait_more(&wait);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(run_scene_me());
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof(path), "[%d].service_name", i);
        if (strcmp(json_text_at(list.json, path), "web") != 0)
            continue;
        snprintf(path, sizeof(path), "[%d].port", i);
        sees_lease(run_scene_me(), (uint16_t)json_number_at(list.json, path), "state", "bound");
    }
    usleep(500000); /* once the program has begun, nobody else has them open */
    CLEANUP(http_reply_deinit) struct http_reply later = caller_list(run_scene_me());
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof(path), "[%d].service_name", i);
        const bool is_web = strcmp(json_text_at(later.json, path), "web") == 0;
        snprintf(path, sizeof(path), "[%d].state", i);
        cr_assert(!is_web || strcmp(json_text_at(later.json, path), "bound") == 0, "%s", later.body);
    }
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
}

/* The same, for the descriptor by which the child tells that. */
Test(run_listen, a_program_that_cannot_be_started_is_told_in_spite_of_them) {
    static const char script[] = SANDBOX_BIN "/portctl run web --listen -- /no/such/program <&- >&- 2>&-; echo $?";
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(struct cli_setup){.words = {"run", "outer", "--", "sh", "-c", script}});
    cr_assert_str_eq(result.output, "127\n");
}

Test(run_listen, an_address_that_is_not_ours_is_told_and_nothing_runs) {
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        cli_run(&(struct cli_setup){.words = {"run", "web", "--listen=192.0.2.1", "--", "echo", "it ran"}});
    cr_assert_eq(result.exit_code, 125);
    cr_assert_str_eq(result.output, "");
    cr_assert(strstr(result.errors, "portctl: nobody can listen on 192.0.2.1, port 80"), "%s", result.errors);
    cr_assert_eq(caller_count_leases(run_scene_me()), 0);
}
