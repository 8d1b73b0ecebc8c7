/*
 * The short commands that scripts are made of, against the real portd: wait, url, open, free, and release and renew of several.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/daemon.h"
#include "tests/support/file.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/terminal.h"

static struct daemon portd;
static struct caller me;

static void enter(void) {
    sandbox_enter();
    portd = daemon_start(&(struct daemon_setup){0});
    me = (struct caller){.daemon = &portd, .channel = CHANNEL_UNIX};
}

static void leave(void) {
    daemon_stop_at(&portd);
}

TestSuite(verbs, .init = enter, .fini = leave, .timeout = 120);

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}}, exit_code, output, errors)

/* What it prints is one port. */
static uint16_t run_for_port(const struct cli_setup *setup) {
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(setup);
    cr_assert_eq(result.exit_code, 0, "%s", result.errors);
    return (uint16_t)strtoul(result.output, NULL, 10);
}

#define RUN_FOR_PORT(...) run_for_port(&(const struct cli_setup){.words = {__VA_ARGS__}})

/* A program of `portctl run` that listens after a while. */
static struct cli start_slow_server(void) {
    const char *server = puppet_install("server");
    setenv("PUPPET", "nap 300 listen 127.0.0.1 $PORT pause", 1);
    return cli_start(&(const struct cli_setup){.words = {"run", "web", "--", server}});
}

/* ---- wait ---- */

Test(verbs, wait_beside_run_ends_when_the_server_listens_and_again_when_it_has_gone) {
    const struct cli early = cli_start(&(const struct cli_setup){.words = {"wait", "web"}});
    cli_wait_for_errors(&early, "waiting: no lease has the name web yet");
    const struct cli run = start_slow_server();
    const struct cli late = cli_start(&(const struct cli_setup){.words = {"wait", "web", "-q"}});
    CLEANUP(cli_result_deinit) struct cli_result first = cli_finish(&early);
    CLEANUP(cli_result_deinit) struct cli_result second = cli_finish(&late);
    cr_assert_eq(first.exit_code, 0, "%s", first.errors);
    cr_assert_eq(second.exit_code, 0, "%s", second.errors);
    const uint16_t port = (uint16_t)strtoul(first.output, NULL, 10);
    char text[8];
    snprintf(text, sizeof(text), "%u", port);
    cr_assert_str_eq(second.output, first.output);

    /* Whoever is told that it listens can connect to it. */
    CLEANUP(fd_close_at) int fd = tcp_connect("127.0.0.1", port);
    cr_assert_geq(fd, 0);

    const struct cli gone = cli_start(&(const struct cli_setup){.words = {"wait", text, "--gone", "-v"}});
    cli_wait_for_errors(&gone, "waiting: ");
    kill(run.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result end = cli_finish(&gone);
    cr_assert_eq(end.exit_code, 0, "%s", end.errors);
    cr_assert_str_eq(end.output, "");
    CLEANUP(cli_result_deinit) struct cli_result ended = cli_finish(&run);
    cr_assert_eq(caller_count_leases(&me), 0);
}

Test(verbs, wait_outlives_portd) {
    const uint16_t port = RUN_FOR_PORT("alloc", "web");
    const struct cli wait = cli_start(&(const struct cli_setup){.words = {"wait", "web", "-v"}});
    cli_wait_for_errors(&wait, "waiting: leased, but nothing listens");
    daemon_kill(&portd);
    cli_wait_for_errors(&wait, "the connection to portd is lost");
    usleep(700000); /* it has tried once by then, and found nobody */
    portd = daemon_start(&(struct daemon_setup){0});
    const pid_t server = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 %u pause", port);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&wait);
    cr_assert_eq(result.exit_code, 0, "%s", result.errors);
    cr_assert_eq(strtoul(result.output, NULL, 10), port);
    child_kill(server);
}

Test(verbs, a_portd_that_hangs_does_not_keep_wait_for_longer_than_its_time) {
    daemon_freeze(&portd);
    ASSERT_RUN(124, "", "portctl: web is not in use after 1s: portd has not answered\n", "wait", "web", "--timeout",
               "1");
    daemon_thaw(&portd);
}

Test(verbs, a_squatter_is_not_waited_for_and_has_no_url) {
    if (!sandbox_shows_processes())
        cr_skip_test("only root can become another user");
    /* Not by portctl: the asker would be this test, whose children may use the port. */
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const pid_t squatter = puppet_start(&(struct puppet_setup){.name = "squatter", .uid = SANDBOX_OTHER_UID},
                                        "listen 127.0.0.1 %u pause", port);
    CLEANUP(cli_result_deinit)
    struct cli_result wait = cli_run(&(const struct cli_setup){.words = {"wait", "web", "--timeout", "2", "-q"}});
    char expected[128];
    snprintf(expected, sizeof(expected),
             "web is not in use after 2s: port %u is squatted: it is leased to web (root), ", port);
    cr_assert_eq(wait.exit_code, 124);
    cr_assert_not_null(strstr(wait.errors, expected), "%s", wait.errors);
    cr_assert_not_null(strstr(wait.errors, "squatter (pid "), "%s", wait.errors);
    CLEANUP(cli_result_deinit) struct cli_result url = cli_run(&(const struct cli_setup){.words = {"url", "web"}});
    cr_assert_eq(url.exit_code, 1);
    cr_assert_str_eq(url.output, "");
    cr_assert_not_null(strstr(url.errors, " is squatted: "), "%s", url.errors);
    child_kill(squatter);
}

/* ---- url and open ---- */

Test(verbs, the_url_is_where_the_service_listens) {
    static const char *const addresses[] = {"127.0.0.1", "0.0.0.0", "::1", "127.0.0.2"};
    static const char *const hosts[] = {"localhost", "localhost", "[::1]", "127.0.0.2"};

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        const uint16_t port = RUN_FOR_PORT("alloc", "web");
        const pid_t server = puppet_start(&(struct puppet_setup){0}, "listen %s %u pause", addresses[i], port);
        char expected[64];

        cr_assert_eq(RUN_FOR_PORT("wait", "web"), port);
        snprintf(expected, sizeof(expected), "http://%s:%u\n", hosts[i], port);
        ASSERT_RUN(0, expected, "", "url", "web");
        child_kill(server);
        caller_release(&me, port);
    }
}

Test(verbs, open_without_a_name_opens_the_dashboard) {
    static const char browser[] = SANDBOX_DIR "/browser";

    file_write_text(browser, "#!/bin/sh\necho \"$@\" >" SANDBOX_DIR "/opened\n");
    cr_assert_eq(chmod(browser, 0755), 0);
    cli_assert(&(const struct cli_setup){.words = {"open"}, .environment = {"BROWSER=" SANDBOX_DIR "/browser"}}, 0,
               "http://localhost:3030\n", "");
    CLEANUP(file_free_text_at) char *opened = file_read(SANDBOX_DIR "/opened", NULL);
    cr_assert_str_eq(opened, "http://localhost:3030\n");
}

/* ---- free ---- */

Test(verbs, free_is_what_nobody_has_leased_or_listens_on) {
    RUN_FOR_PORT("alloc", "web", "--port", "8000");
    CLEANUP(fd_close_at) int listening = tcp_listen("127.0.0.1", 8001);
    CLEANUP(fd_close_at) int outside = tcp_listen("::1", 9101);

    ASSERT_RUN(0, "8002\n8003\n", "", "free", "8000-8003");
    ASSERT_RUN(0, "9100\n9102\n", "", "free", "9100-9102");
    ASSERT_RUN(0, "8002\n", "", "free", "--count", "1");
    ASSERT_RUN(4, "", "portctl: port 3030 is not free\n  hint: portctl who 3030\n", "free", "3030");
    cr_assert_eq(RUN_FOR_PORT("alloc", "next", "--port", "8002"), 8002);
}

/* ---- several ---- */

Test(verbs, several_are_released_and_renewed_or_none) {
    static const char *const names[] = {"a", "b", "c"};
    uint16_t ports[3];
    char text[8];

    for (size_t i = 0; i < 3; i++)
        ports[i] = RUN_FOR_PORT("alloc", names[i]);
    snprintf(text, sizeof(text), "%u", ports[1]);
    CLEANUP(cli_result_deinit)
    struct cli_result miss = cli_run(&(const struct cli_setup){.words = {"release", "a", text, "nobody"}});
    cr_assert_eq(miss.exit_code, 1);
    cr_assert_eq(caller_count_leases(&me), 3);
    CLEANUP(cli_result_deinit)
    struct cli_result renewed = cli_run(&(const struct cli_setup){.words = {"renew", "a", text, "c"}});
    cr_assert_eq(renewed.exit_code, 0, "%s", renewed.errors);
    CLEANUP(cli_result_deinit)
    struct cli_result two = cli_run(&(const struct cli_setup){.words = {"release", "a", text}});
    cr_assert_eq(two.exit_code, 0, "%s", two.errors);
    cr_assert_eq(caller_count_leases(&me), 1);
    cr_assert(caller_sees_lease(&me, ports[2]));
}

Test(verbs, all_are_released_and_those_of_others_stay) {
    const struct caller other = {.daemon = &portd, .channel = CHANNEL_IPV4, .uid = SANDBOX_OTHER_UID};
    const bool has_other = sandbox_shows_processes();

    RUN_FOR_PORT("alloc", "a");
    RUN_FOR_PORT("alloc", "b");
    if (has_other)
        caller_grant(&other, "{\"service_name\":\"theirs\"}");
    const struct terminal_setup on = {
        .words = {"release", "--all", "--yes", "-q"}, .socket = portd.socket, .columns = 80};
    CLEANUP(terminal_result_deinit) struct terminal_result result = terminal_run(&on);
    cr_assert_eq(result.exit_code, 0);
    cr_assert_eq(caller_count_leases(&me), has_other ? 1 : 0);
}
