/*
 * portctl run with real servers in front of the real portd: each answers on its leased port, and however it is ended the port is
 * free again.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/cli.h"
#include "tests/support/http.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

static const char python[] = "exec python3 -m http.server --bind 127.0.0.1 \"$PORT\"";
static const char node[] =
    "exec node -e 'require(\"http\").createServer((q, r) => r.end(\"hi\")).listen(process.env.PORT, \"127.0.0.1\")'";

static uint16_t wait_until_bound(const struct caller *me) {
    const struct wait wait = wait_for("the server to listen on its port");
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(me);
        if (json_size_at(list.json, "") == 1 && strcmp(json_text_at(list.json, "[0].state"), "bound") == 0) {
            cr_expect_str_eq(json_text_at(list.json, "[0].kept_by"), "holder");
            return (uint16_t)json_number_at(list.json, "[0].port");
        }
        wait_more(&wait);
    }
}

/* These servers frame their replies in ways of their own, so only the status line is read. */
static void assert_answers(uint16_t port) {
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    CLEANUP(fd_close_at) int fd = tcp_connect("127.0.0.1", port);
    char status[] = "HTTP/1.x 200";
    const size_t length = strlen(status);
    cr_assert(http_send(fd, request, strlen(request)));
    cr_assert_eq(recv(fd, status, length, MSG_WAITALL), (ssize_t)length);
    cr_expect_str_eq(status + strlen("HTTP/1.x"), " 200", "%s", status);
}

static void wait_until_free(const struct caller *me) {
    const struct wait wait = wait_for("the lease to end");
    while (caller_count_leases(me) != 0)
        wait_more(&wait);
}

static void assert_serves_until(const char *script, int number, int expected) {
    signal(SIGINT, SIG_DFL); /* a shell's background job ignores it, and so would the server */
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    const struct cli cli = cli_start(&(struct cli_setup){.words = {"run", "web", "--", "sh", "-c", script}});
    const uint16_t port = wait_until_bound(&me);
    assert_answers(port);
    kill(cli.pid, number);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_expect_eq(result.exit_code, expected, "%d: %s", result.exit_code, result.errors);
    cr_expect_eq(caller_count_leases(&me), 0, "free as soon as portctl has ended");
}

Test(run, a_python_server_ended_by_int) {
    assert_serves_until(python, SIGINT, 0);
}

Test(run, a_python_server_ended_by_term) {
    assert_serves_until(python, SIGTERM, 128 + SIGTERM);
}

Test(run, a_node_server_ended_by_int) {
    assert_serves_until(node, SIGINT, 128 + SIGINT);
}

Test(run, a_node_server_ended_by_term) {
    assert_serves_until(node, SIGTERM, 128 + SIGTERM);
}

/* portctl cannot release then. The lease stays with the program, and ends with it, by portd's own eyes. */
Test(run, a_portctl_that_is_killed_leaves_the_lease_with_the_program) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    const struct cli cli = cli_start(&(struct cli_setup){.words = {"run", "web", "--", "sh", "-c", python}});
    const uint16_t port = wait_until_bound(&me);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
    const pid_t program = (pid_t)json_number_at(list.json, "[0].holder.pid");
    kill(cli.pid, SIGKILL);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_expect_eq(result.exit_code, -SIGKILL);
    assert_answers(port);
    cr_expect_eq(caller_count_leases(&me), 1);
    kill(program, SIGKILL);
    wait_until_free(&me);
}
