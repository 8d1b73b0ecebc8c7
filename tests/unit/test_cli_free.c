/*
 * free: what is left of a range when all that portd tells, and the kernel reserves, is taken away.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "probe/sock_diag.h"
#include "tests/support/cli.h"
#include "tests/support/fail.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/terminal.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define LEASE(port)    "{\"port\":" port ",\"service_name\":\"x\",\"id\":1,\"uid\":0}"
#define LISTENER(port) "{\"address\":\"::\",\"port\":" port ",\"state\":\"bound\"}"
#define SNAPSHOT(leases, listeners)                                                                                    \
    "{\"run\":\"9f3c\",\"version\":5,\"range\":{\"min\":8000,\"max\":8011},\"excluded\":\"8004-8005\",\"leases\":"     \
    "[" leases "],\"listeners\":[" listeners "]}"

static struct fake_portd portd;

static void start(const char *snapshot) {
    struct fake_portd_setup setup = {.answers = {{"GET /snapshot", 200, snapshot, 0, NULL}}, .socket = SOCKET};

    fake_portd_stop_at(&portd);
    portd = fake_portd_start(&setup);
}

static void enter(void) {
    sandbox_enter();
    start(SNAPSHOT(LEASE("8000") "," LEASE("9001"), LISTENER("8000") "," LISTENER("8007") "," LISTENER("9003")));
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_free, .init = enter, .fini = leave);

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

Test(cli_free, of_the_managed_range_what_nobody_has) {
    ASSERT_RUN(EXIT_YES, "8001\n8002\n8003\n8006\n8008\n8009\n8010\n8011\n", "", "free");
    ASSERT_RUN(EXIT_YES, "8001\n8002\n8003\n8006\n", "", "free", "--count", "4", "-q");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"range\":{\"min\":8000,\"max\":8011},\"ports\":[8001,8002]}\n", "", "free",
               "--json", "-n", "2");
}

Test(cli_free, of_another_range) {
    ASSERT_RUN(EXIT_YES, "9000\n9002\n9004\n", "", "free", "9000-9004");
    ASSERT_RUN(EXIT_YES, "1\n2\n", "", "free", "1-2");
    ASSERT_RUN(EXIT_YES, "65535\n", "", "free", "65535");
    ASSERT_RUN(EXIT_YES, "65534\n65535\n", "", "free", "65534-65535", "--count", "5");
}

Test(cli_free, none_is_4) {
    ASSERT_RUN(EXIT_TAKEN, "", "portctl: port 9001 is not free\n  hint: portctl who 9001\n", "free", "9001");
    ASSERT_RUN(EXIT_TAKEN, "", "portctl: no port from 8004 to 8005 is free\n", "free", "8004-8005");
    ASSERT_RUN(EXIT_TAKEN, "",
               "{\"type\":\"urn:portmanager:problem:none-free\",\"detail\":\"no port from 8004 to 8005 is free\"}\n",
               "free", "8004-8005", "--json");
}

/* ---- what portd does not tell at once ---- */

static int bind_to(uint16_t port) {
    const union tcp_address address = tcp_make_address("127.0.0.1", port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, &address.generic, sizeof(address)) < 0)
        fail_test("Port %u cannot be bound.", port);
    return fd;
}

Test(cli_free, what_has_just_come_is_not_free) {
    CLEANUP(fd_close_at) int server = tcp_listen("127.0.0.1", 8001);
    const union tcp_address address = tcp_make_address("127.0.0.1", 8001);
    CLEANUP(fd_close_at) int client = bind_to(8003);
    if (connect(client, &address.generic, sizeof(address)) < 0)
        fail_test("No connection.");
    CLEANUP(fd_close_at) int accepted = tcp_accept(server);
    ASSERT_RUN(EXIT_YES, "8002\n8006\n8008\n8009\n8010\n8011\n", "", "free");
    ASSERT_RUN(EXIT_TAKEN, "", "portctl: port 8003 is not free\n  hint: portctl who 8003\n", "free", "8003");
    /* The end that closes first is remembered by the kernel, and by nobody else. */
    fd_close_at(&client);
    client = -1;
    ASSERT_RUN(EXIT_YES, "8002\n8003\n8006\n8008\n8009\n8010\n8011\n", "", "free");
}

Test(cli_free, what_is_only_bound_is_not_free) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    if (sock_diag_new(&diag) < 0 || !sock_diag_sees_bound(diag))
        cr_skip_test("this kernel does not tell who has bound a port");
    CLEANUP(fd_close_at) int bound = bind_to(8002);
    ASSERT_RUN(EXIT_YES, "8001\n8003\n8006\n8008\n8009\n8010\n8011\n", "", "free");
    ASSERT_RUN(EXIT_TAKEN, "", "portctl: port 8002 is not free\n  hint: portctl who 8002\n", "free", "8002");
}

Test(cli_free, a_bad_range_asks_nobody) {
    static const char *const words[] = {"abc",   "8000-",     "0-10",    "8000-70000",           "8000-9000-9001", "+1",
                                        "1 - 2", "000008000", "8000-0x", "99999999999999999999", "80000000-8001"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char expected[128];
        snprintf(expected, sizeof(expected),
                 "portctl: %s is no range of ports\n  hint: 8000-9000, or one port: from 1 to 65535\n", words[i]);
        ASSERT_RUN(EXIT_USAGE, "", expected, "free", words[i]);
    }
    ASSERT_RUN(EXIT_USAGE, "", "portctl: '' is no range of ports\n  hint: 8000-9000, or one port: from 1 to 65535\n",
               "free", "");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: 9000-8000 is no range of ports: it ends before it begins\n  hint: portctl free 8000-9000\n",
               "free", "9000-8000");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "");
}

Test(cli_free, half_an_answer_is_no_free_port) {
    start("{\"range\":{\"min\":8000,\"max\":8001},\"leases\":[]}");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's answer has no leases or no listeners\n", "free");
    start("{\"range\":{\"min\":8000,\"max\":8001},\"leases\":[{}],\"listeners\":[]}");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's answer holds something that has no port\n", "free");
    start("{\"range\":{\"min\":8001,\"max\":8000},\"leases\":[],\"listeners\":[]}");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's answer has no range of ports\n", "free");
}

/* The setting is the network's own, so it is the sandbox's. */
static void reserve(const char *ports) {
    FILE *stream = fopen("/proc/sys/net/ipv4/ip_local_reserved_ports", "w");
    if (stream == NULL || fputs(ports, stream) < 0 || fclose(stream) != 0)
        fail_test("No ports can be reserved.");
}

Test(cli_free, reserved_ports_are_not_free_unless_they_are_the_whole_range) {
    if (!sandbox_shows_processes())
        cr_skip_test("only root may reserve ports");
    reserve("8001-8003,9000\n");
    ASSERT_RUN(EXIT_YES, "8006\n8008\n8009\n8010\n8011\n", "", "free");
    ASSERT_RUN(EXIT_YES, "9002\n", "", "free", "9000-9003");
    reserve("8000-8011\n");
    ASSERT_RUN(EXIT_YES, "8001\n8002\n8003\n8006\n8008\n8009\n8010\n8011\n", "", "free");
}

static void assert_screen(const struct terminal_setup *setup, int exit_code, const char *expected) {
    CLEANUP(terminal_result_deinit) struct terminal_result result = terminal_run(setup);
    cr_assert_str_eq(result.text, expected);
    cr_assert_eq(result.exit_code, exit_code);
}

#define HINT        "A hint, not a promise: portctl alloc NAME takes one.\n"
#define NARROW_HINT "A hint, not a\n  promise: portctl\n  alloc NAME takes\n  one.\n"

Test(cli_free, a_person_sees_ranges) {
    static const unsigned widths[] = {80, 20};

    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        const struct terminal_setup all = {.words = {"free"}, .socket = SOCKET, .columns = widths[i]};
        const struct terminal_setup some = {.words = {"free", "9000-9100"}, .socket = SOCKET, .columns = widths[i]};
        const struct terminal_setup quiet = {
            .words = {"free", "-q", "--count", "2"}, .socket = SOCKET, .columns = widths[i]};

        assert_screen(&all, EXIT_YES,
                      widths[i] == 80 ? "8001-8003\n8006\n8008-8011\n" HINT
                                      : "8001-8003\n8006\n8008-8011\n" NARROW_HINT);
        assert_screen(&some, EXIT_YES,
                      widths[i] == 80 ? "9000\n9002\n9004-9100\n" HINT : "9000\n9002\n9004-9100\n" NARROW_HINT);
        assert_screen(&quiet, EXIT_YES, "8001\n8002\n");
    }
}
