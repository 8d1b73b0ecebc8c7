/*
 * run: its ports. Several of them, all or none; open sockets; waiting for one; and what the program is told of other services. The real portctl against a
 * portd that says what a test wants.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define LEASE(port, id) "{\"port\":" #port ",\"service_name\":\"web\",\"id\":" #id ",\"uid\":0,\"ttl_seconds\":1}"
#define ONE(port, id)   "{\"port\":" #port ",\"lease\":" LEASE(port, id) ",\"leases\":[" LEASE(port, id) "],\"notes\":[]}"
#define TWO                                                                                                            \
    "{\"port\":8001,\"lease\":" LEASE(8001, 7) ",\"leases\":[" LEASE(8001, 7) "," LEASE(8002, 8) "],\"notes\":[]}"

#define RENEWED                                                                                                        \
    { "POST /heartbeat", 200, "{}", 0, NULL }
#define RELEASED                                                                                                       \
    { "POST /release", 200, "{\"listeners\":[]}", 0, NULL }

static struct fake_portd portd;

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_run_ports, .init = sandbox_enter, .fini = leave, .timeout = 60);

static void start(const struct fake_answer *answers, size_t n_answers) {
    struct fake_portd_setup setup = {.socket = SOCKET};

    memcpy(setup.answers, answers, n_answers * sizeof(*answers));
    portd = fake_portd_start(&setup);
}

#define START(...)                                                                                                     \
    start((const struct fake_answer[]){__VA_ARGS__},                                                                   \
          sizeof((const struct fake_answer[]){__VA_ARGS__}) / sizeof(struct fake_answer))

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {"run", "web", __VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

static void assert_requested(const char *part, size_t n_expected) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    size_t n = 0;

    for (const char *at = requests; (at = strstr(at, part)) != NULL; at += strlen(part))
        n++;
    cr_assert_eq(n, n_expected, "%zu times %s in %s", n, part, requests);
}

/* ---- Several */

Test(cli_run_ports, several_are_asked_for_at_once_and_given_back_each) {
    START({"POST /alloc", 200, TWO, 0, NULL}, RENEWED, RELEASED);
    ASSERT_RUN(0, "8001 8002 8001 8002 {X}\n", "", "--env-name", "PORT", "--env-name", "HMR_PORT", "--", "sh", "-c",
               "echo $PORT $HMR_PORT $0 $1 $2", "{PORT}", "{HMR_PORT}", "{X}");
    assert_requested("\"count\":2,", 1);
    assert_requested("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}", 1);
    assert_requested("POST /release {\"port\":8002,\"id\":8,\"unless_outlasting\":true}", 1);
}

Test(cli_run_ports, all_of_them_are_renewed) {
    START({"POST /alloc", 200, TWO, 0, NULL}, RENEWED, RELEASED);
    ASSERT_RUN(0, "", "", "--env-name", "A", "--env-name", "B", "sleep", "1.3");
    assert_requested("POST /heartbeat {\"port\":8001,\"id\":7}", 1);
    assert_requested("POST /heartbeat {\"port\":8002,\"id\":8}", 1);
}

Test(cli_run_ports, one_of_them_that_is_gone_is_told_by_its_own) {
    START({"POST /alloc", 200, TWO, 0, NULL},
          {"POST /heartbeat", 404, "{\"type\":\"urn:portmanager:problem:no-such-lease\"}", 0, "8002"}, RENEWED, RENEWED,
          RELEASED);
    ASSERT_RUN(0, "", "portctl: the lease on port 8002 (web) is gone: portd may grant the port to others\n",
               "--env-name", "A", "--env-name", "B", "sleep", "2.3");
}

/* portd is told to be away once, and not once a port. */
Test(cli_run_ports, a_portd_that_is_away_is_told_once_for_all) {
    START({"POST /alloc", 200, TWO, 0, NULL}, {"POST /heartbeat", 500, "{\"detail\":\"Ill.\"}", 1, NULL}, RENEWED,
          RENEWED, RELEASED);
    ASSERT_RUN(0, "",
               "portctl: the ports of web are not renewed for now: ill\n"
               "portctl: portd is back; web keeps its ports\n",
               "--env-name", "A", "--env-name", "B", "sleep", "2.5");
}

Test(cli_run_ports, a_portd_that_grants_fewer_than_were_asked_for_is_refused) {
    START({"POST /alloc", 200, ONE(8001, 7), 0, NULL}, RENEWED, RELEASED);
    ASSERT_RUN(125, "", "portctl: portd granted 1 ports, and 2 were asked for\n", "--env-name", "A", "--env-name", "B",
               "echo", "it ran");
}

/* It is there and says nothing: it is waited for once, however many leases there are. */
Test(cli_run_ports, a_portd_that_hangs_at_the_end_is_waited_for_once) {
    START({"POST /alloc", 200, TWO, 0, NULL}, RENEWED, RELEASED);
    const struct cli cli = cli_start(&(const struct cli_setup){
        .words = {"run", "web", "-v", "--env-name", "A", "--env-name", "B", "--", "sh", "-c", "echo up; sleep 0.3"},
        ENVIRONMENT});
    cli_wait_for_output(&cli, "up");
    kill(portd.pid, SIGSTOP);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    kill(portd.pid, SIGCONT);
    cr_assert_eq(result.exit_code, 0);
    cr_assert(strstr(result.errors, "port 8001 (web) was not released"), "%s", result.errors);
    cr_assert_null(strstr(result.errors, "8002"), "%s", result.errors);
}

/* ---- Waiting */

#define TAKEN "{\"type\":\"urn:portmanager:problem:port-taken\",\"detail\":\"Port 8001 is taken.\"}"

Test(cli_run_ports, wait_runs_the_program_once_there_is_a_port) {
    START({"POST /alloc", 409, TAKEN, 2, NULL}, {"POST /alloc", 200, ONE(8001, 7), 0, NULL}, RENEWED, RELEASED);
    ASSERT_RUN(0, "8001\n", "", "--port", "8001", "--wait", "1m", "sh", "-c", "echo $PORT");
    assert_requested("POST /alloc", 3);
}

Test(cli_run_ports, wait_that_runs_out_is_124_and_nothing_runs) {
    START({"POST /alloc", 409, TAKEN, 0, NULL});
    ASSERT_RUN(124, "", "portctl: no port after 1s: port 8001 is taken\n", "--port", "8001", "--wait", "1s", "echo",
               "it ran");
}

Test(cli_run_ports, a_signal_ends_the_wait_as_it_would_end_the_program) {
    START({"POST /alloc", 409, TAKEN, 0, NULL});
    const struct cli cli = cli_start(&(const struct cli_setup){
        .words = {"run", "web", "--port", "8001", "--wait", "1h", "-v", "echo", "it ran"}, ENVIRONMENT});
    cli_wait_for_errors(&cli, "waiting: port 8001 is taken");
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM);
    cr_assert_str_eq(result.output, "");
}

/* ---- Open sockets */

Test(cli_run_ports, a_port_that_somebody_was_quicker_on_is_given_back_and_another_asked_for) {
    START({"POST /alloc", 200, ONE(8001, 7), 2, NULL}, {"POST /alloc", 200, ONE(8002, 8), 0, NULL}, RENEWED, RELEASED);
    CLEANUP(fd_close_at) int quicker = tcp_listen("127.0.0.1", 8001);
    ASSERT_RUN(0, "8002\n", "", "--listen", "--", "sh", "-c", "echo $PORT");
    assert_requested("POST /alloc", 3);
    assert_requested("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}", 2);
}

/* What is left of connections to an earlier server is in nobody's way. */
Test(cli_run_ports, a_port_in_time_wait_is_listened_on) {
    START({"POST /alloc", 200, ONE(8001, 7), 0, NULL}, RENEWED, RELEASED);
    const int server = tcp_listen("127.0.0.1", 8001);
    const int client = tcp_connect("127.0.0.1", 8001);
    const int accepted = tcp_accept(server);
    const int yes = 1; /* as servers set it */
    cr_assert_eq(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    cr_assert_eq(setsockopt(accepted, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    close(accepted); /* who closes first has the TIME_WAIT */
    close(client);
    close(server);
    ASSERT_RUN(0, "8001\n", "", "--port", "8001", "--listen", "--", "sh", "-c", "echo $PORT");
}

Test(cli_run_ports, the_exact_port_is_not_exchanged_for_another) {
    START({"POST /alloc", 200, ONE(8001, 7), 0, NULL}, RENEWED, RELEASED);
    CLEANUP(fd_close_at) int quicker = tcp_listen("127.0.0.1", 8001);
    ASSERT_RUN(125, "", "portctl: nobody can listen on 127.0.0.1, port 8001: Address already in use\n", "--port",
               "8001", "--listen", "--", "echo", "it ran");
    assert_requested("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}", 1);
}

Test(cli_run_ports, of_two_sockets_none_is_left_if_one_cannot_be_had) {
    START({"POST /alloc", 200, TWO, 0, NULL}, RENEWED, RELEASED);
    CLEANUP(fd_close_at) int quicker = tcp_listen("127.0.0.1", 8002);
    ASSERT_RUN(125, "", "portctl: nobody can listen on 127.0.0.1, port 8002: Address already in use\n", "--listen",
               "--env-name", "A", "--env-name", "B", "echo", "it ran");
    assert_requested("POST /alloc", 8);
    assert_requested("POST /release", 16);
}

/* ---- Other services */

Test(cli_run_ports, other_services_are_told_by_their_names) {
    START({"POST /alloc", 200, ONE(8001, 7), 0, NULL},
          {"GET /list", 200,
           "[{\"port\":8003,\"service_name\":\"my-db\",\"id\":3,\"uid\":0},{\"port\":8004,\"service_name\":\"web\","
           "\"id\":4,"
           "\"uid\":0},{\"port\":8005,\"service_name\":\"theirs\",\"id\":5,\"uid\":77}]",
           0, NULL},
          RENEWED, RELEASED);
    ASSERT_RUN(
        0, "8003 unset unset http://localhost:8001\n", "", "sh", "-c",
        "echo $PORTMANAGER_PORT_MY_DB ${PORTMANAGER_PORT_WEB-unset} ${PORTMANAGER_PORT_THEIRS-unset} $PORTMANAGER_URL");
}

/* It is a convenience, and no condition. */
Test(cli_run_ports, a_list_that_cannot_be_had_keeps_nobody_from_running) {
    START({"POST /alloc", 200, ONE(8001, 7), 0, NULL}, {"GET /list", 500, "{}", 0, NULL}, RENEWED, RELEASED);
    ASSERT_RUN(0, "8001\n", "", "sh", "-c", "echo $PORT");
}
