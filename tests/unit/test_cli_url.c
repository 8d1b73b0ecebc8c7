/*
 * url and open: which address a service is reached by, and which program is started with it. The browser is a program of the test's own,
 * which writes its arguments down.
 */
#include "cli/service_url.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/terminal.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define FOLDER      SANDBOX_DIR "/programs"
#define BROWSER     FOLDER "/browser"
#define WRITTEN     SANDBOX_DIR "/written"
#define PORTD       "PM_SOCKET=" SOCKET
#define ENVIRONMENT .environment = {PORTD}

#define LEASE(port, id, name, state, more)                                                                             \
    "{\"port\":" port ",\"service_name\":\"" name "\",\"id\":" id ",\"uid\":0,\"user\":\"u\",\"state\":\"" state       \
    "\"" more "}"
#define SHOP SANDBOX_DIR "/shop"
#define SHOPS                                                                                                          \
    LEASE("8009", "9", "shop", "bound", ",\"slot\":1,\"project\":\"" SHOP "\"")                                        \
    "," LEASE("8007", "7", "shop", "bound", ",\"slot\":0,\"project\":\"" SHOP "\"")
#define LEASES                                                                                                          \
    "[" LEASE("8001", "1", "web", "bound", "") "," LEASE("8002", "2", "new", "pending", "") "," LEASE(                  \
        "8003", "3", "astray", "elsewhere",                                                                             \
        ",\"elsewhere_port\":5173") "," LEASE("8004", "4", "lost", "conflict",                                          \
                                              ",\"conflict\":\"taken\"") "," LEASE("8005", "5", "half", "conflict",     \
                                                                                   ",\"conflict\":"                     \
                                                                                   "\"split\"") "," LEASE("8006", "6",  \
                                                                                                          "web",        \
                                                                                                          "bound",      \
                                                                                                          "") "," SHOPS \
                                                                                                              "]"

#define LISTENER(address, level)                                                                                       \
    "{\"address\":\"" address "\",\"state\":\"listen\",\"evidence\":{\"level\":\"" level "\"}}"

#define WHO(port, listeners)                                                                                           \
    "GET /who?port=" port " ", 200, "{\"verdict\":\"It is so.\",\"listeners\":[" listeners "]}", 0, NULL

static const char shop[] = SHOP;

static const struct fake_portd_setup setup = {
    .answers =
        {
            {"GET /list", 200, LEASES, 0, NULL},
            {WHO("8001", LISTENER("127.0.0.1", "confirmed"))},
            {WHO("8002", "")},
            {WHO("8007", "")},
            {WHO("8009", "")},
            {WHO("5173", "{\"address\":\"::1\",\"state\":\"listen\",\"evidence\":null}")},
            {WHO("8004", LISTENER("127.0.0.1", "foreign"))},
            {WHO("8005", LISTENER("::1", "foreign") "," LISTENER("127.0.0.1", "confirmed"))},
            {"GET /status", 200, "{\"addresses\":[\"127.0.0.1:3030\",\"[::1]:3030\"]}", 0, NULL},
        },
    .socket = SOCKET,
};

static struct fake_portd portd;

static void write_program(const char *path, const char *text) {
    file_write_text(path, text);
    cr_assert_eq(chmod(path, 0755), 0);
}

static void enter(void) {
    sandbox_enter();
    cr_assert_eq(mkdir(FOLDER, 0755), 0);
    write_program(BROWSER, "#!/bin/sh\nfor word; do echo \"$word\"; done >>" WRITTEN "\n");
    write_program(FOLDER "/xdg-open", "#!/bin/sh\necho \"xdg $*\" >>" WRITTEN "\n");
    write_program(FOLDER "/fails", "#!/bin/sh\nexit 7\n");
    file_write_text(WRITTEN, "");
    unsetenv("BROWSER");
    unsetenv("DISPLAY");
    unsetenv("WAYLAND_DISPLAY");
    unsetenv("SSH_CONNECTION");
    portd = fake_portd_start(&setup);
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_url, .init = enter, .fini = leave);

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

/* ---- url */

static void assert_url(const char *address, bool exact, const char *expected) {
    char url[SERVICE_URL_MAX];

    service_url_format(address, 8001, exact, url);
    cr_assert_str_eq(url, expected);
}

Test(cli_url, localhost_is_for_all_to_which_it_leads) {
    assert_url("127.0.0.1", false, "http://localhost:8001");
    assert_url("0.0.0.0", false, "http://localhost:8001");
    assert_url("::", false, "http://localhost:8001");
    assert_url("::ffff:127.0.0.1", false, "http://localhost:8001");
    assert_url("::1", false, "http://[::1]:8001");
    assert_url("127.0.0.2", false, "http://127.0.0.2:8001");
    assert_url("192.0.2.7", false, "http://192.0.2.7:8001");
    assert_url("::ffff:192.0.2.7", false, "http://192.0.2.7:8001");
    assert_url("2001:db8::7", false, "http://[2001:db8::7]:8001");
    assert_url("x/@evil.example", false, "http://localhost:8001");
    assert_url("", false, "http://localhost:8001");
}

Test(cli_url, an_exact_one_names_the_address) {
    assert_url("127.0.0.1", true, "http://127.0.0.1:8001");
    assert_url("0.0.0.0", true, "http://127.0.0.1:8001");
    assert_url("::", true, "http://[::1]:8001");
    assert_url("::1", true, "http://[::1]:8001");
}

Test(cli_url, it_is_bare_for_a_script) {
    ASSERT_RUN(EXIT_YES, "http://localhost:8001\n", "", "url", "web");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "url", "web", "-q");
    ASSERT_RUN(
        EXIT_YES,
        "{\"version\":1,\"url\":\"http://localhost:8001\",\"service_name\":\"web\",\"port\":8001,\"listens\":true}"
        "\n",
        "", "url", "web", "--json");
    ASSERT_RUN(EXIT_YES, "http://localhost:8002\n", "", "url", "new");
}

Test(cli_url, another_port_of_the_service_is_named_by_its_variable) {
    cr_assert_eq(mkdir(SHOP, 0755), 0);
    file_write_text(SHOP "/portmanager.json", "{\"services\":{\"shop\":{\"variables\":[\"A\",\"B\",\"C\"]}}}");
    ASSERT_RUN(EXIT_YES, "8007\n", "", "url", "shop", "-q", "--project", shop);
    ASSERT_RUN(EXIT_YES, "8009\n", "", "url", "shop:B", "-q", "--project", shop);
    cli_assert(&(const struct cli_setup){.words = {"open", "shop:B", "-q", "--project", shop},
                                         .environment = {PORTD, "BROWSER=" BROWSER}},
               EXIT_YES, "8009\n", "");
    ASSERT_RUN(EXIT_YES, "8009\n", "", "lookup", "shop:B", "--all", "--project", shop);
    ASSERT_RUN(EXIT_NO, "",
               "portctl: shop has no lease for its variable C\n  hint: portctl up leases what is missing\n", "url",
               "shop:C", "--project", shop);
    ASSERT_RUN(EXIT_NO, "",
               "portctl: the service shop has no variable PORT in portmanager.json\n  hint: shop:A is its first one\n",
               "url", "shop:PORT", "--project", shop);
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name shop:B\n  hint: did you mean shop?\n", "url", "shop:B");
}

Test(cli_url, a_service_that_is_elsewhere_is_found_there) {
    ASSERT_RUN(EXIT_YES, "http://[::1]:5173\n", "portctl: note: astray listens on 5173 instead of 8003\n", "url",
               "astray");
}

Test(cli_url, a_stranger_on_the_port_has_no_url) {
    ASSERT_RUN(EXIT_NO, "", "portctl: it is so\n  hint: portctl who 8004\n", "url", "lost");
    ASSERT_RUN(EXIT_NO, "", "portctl: it is so\n  hint: portctl who 8004\n", "open", "lost");
}

/* Where localhost could lead to him the address is named. */
Test(cli_url, beside_a_stranger_the_services_own_address_is_named) {
    ASSERT_RUN(EXIT_YES, "http://127.0.0.1:8005\n", "", "url", "half");
}

Test(cli_url, of_several_addresses_the_best_is_taken) {
    struct fake_portd_setup several = setup;

    several.answers[1] = (struct fake_answer){
        WHO("8001", LISTENER("::1", "plausible") "," LISTENER("192.0.2.7", "confirmed") "," LISTENER(
                        "127.0.0.1", "foreign") ",{\"address\":\"0.0.0.0\",\"state\":\"bound\"}")};
    fake_portd_stop(&portd);
    portd = fake_portd_start(&several);
    ASSERT_RUN(EXIT_YES, "http://[::1]:8001\n", "", "url", "web");
}

Test(cli_url, a_name_that_nobody_has_is_a_no) {
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name wep\n  hint: did you mean web?\n", "url", "wep");
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name wep\n  hint: did you mean web?\n", "open", "wep");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: url wants a name\n  hint: portctl url NAME[:VARIABLE] [options]\n", "url");
}

/* ---- open */

static void assert_opens(const char *variable, const char *variable2, const char *word, const char *written) {
    const struct cli_setup open = {.words = {"open", word},
                                   .environment = {PORTD, "PATH=" FOLDER ":/usr/bin:/bin", variable, variable2}};

    cli_assert(&open, EXIT_YES, word == NULL ? "http://localhost:3030\n" : "http://localhost:8001\n", "");
    CLEANUP(file_free_text_at) char *text = file_read(WRITTEN, NULL);
    cr_assert_str_eq(text, written);
}

Test(cli_url, the_browser_gets_the_url_as_an_argument) {
    assert_opens("BROWSER=" BROWSER, "X=", "web", "http://localhost:8001\n");
}

Test(cli_url, without_a_name_the_dashboard_is_opened) {
    assert_opens("BROWSER=" BROWSER, "X=", NULL, "http://localhost:3030\n");
}

Test(cli_url, the_place_of_the_url_can_be_told) {
    assert_opens("BROWSER=" BROWSER "  --new %s $(touch /x) ; --at=%s/ ", "X=", "web",
                 "--new\nhttp://localhost:8001\n$(touch\n/x)\n;\n--at=http://localhost:8001/\n");
}

Test(cli_url, the_first_of_several_that_works_is_taken) {
    assert_opens("BROWSER=:/no/such:fails:" BROWSER " -x:xdg-open", "X=", "web", "-x\nhttp://localhost:8001\n");
}

Test(cli_url, where_there_is_a_screen_it_is_xdg_open) {
    assert_opens("DISPLAY=:0", "X=", "web", "xdg http://localhost:8001\n");
    assert_opens("WAYLAND_DISPLAY=wayland-0", "BROWSER=", NULL,
                 "xdg http://localhost:8001\nxdg http://localhost:3030\n");
}

/* Whoever has set BROWSER there has a way to his screen. */
Test(cli_url, over_ssh_browser_counts_as_well) {
    assert_opens("BROWSER=browser", "SSH_CONNECTION=1 2 3 4", "web", "http://localhost:8001\n");
}

static void assert_no_browser(const char *variable, const char *variable2, const char *errors) {
    const struct cli_setup open = {.words = {"open", "web"},
                                   .environment = {PORTD, "PATH=" FOLDER ":/usr/bin:/bin", variable, variable2}};

    cli_assert(&open, EXIT_NO, "http://localhost:8001\n", errors);
    CLEANUP(file_free_text_at) char *text = file_read(WRITTEN, NULL);
    cr_assert_str_eq(text, "");
}

Test(cli_url, where_there_is_no_browser_the_url_is_said) {
    static const char hint[] = "\n  hint: BROWSER=PROGRAM says which program shall open it\n";
    char expected[256];

    snprintf(expected, sizeof(expected), "portctl: there is no screen to open a browser on%s", hint);
    assert_no_browser("X=", "X=", expected);
    snprintf(expected, sizeof(expected), "portctl: this is a session over ssh, which has no browser to open it in%s",
             hint);
    assert_no_browser("DISPLAY=:10", "SSH_CONNECTION=1 2 3 4", expected);
    assert_no_browser("BROWSER=fails", "X=", "portctl: fails failed with exit code 7\n");
    assert_no_browser("BROWSER=/no/such", "X=", "portctl: such cannot be started: No such file or directory\n");
    assert_no_browser("BROWSER=: ::", "X=", "portctl: BROWSER names no program\n");
}

/* Too long to be run whole is not run at all. */
Test(cli_url, a_command_that_has_no_room_is_not_cut) {
    static char variable[8192] = "BROWSER=" BROWSER " ";

    memset(variable + strlen(variable), 'x', 6000);
    assert_no_browser(variable, "X=", "portctl: BROWSER names no program\n");
}

Test(cli_url, a_browser_that_stays_is_left_alone) {
    write_program(FOLDER "/stays", "#!/bin/sh\necho \"$$\" >" WRITTEN "\nexec sleep 60\n");
    const struct cli_setup open = {.words = {"open", "web", "--json"},
                                   .environment = {PORTD, "BROWSER=" FOLDER "/stays"}};

    cli_assert(&open, EXIT_YES, "{\"version\":1,\"url\":\"http://localhost:8001\",\"browser\":\"stays\"}\n", "");
    CLEANUP(file_free_text_at) char *text = file_read(WRITTEN, NULL);
    const pid_t pid = (pid_t)strtol(text, NULL, 10);
    cr_assert_gt(pid, 1);
    cr_assert_eq(getsid(pid), pid, "it is of no session of its own");
    cr_assert_eq(kill(pid, SIGKILL), 0);
}

Test(cli_url, what_nobody_serves_yet_is_not_opened) {
    const struct cli_setup open = {.words = {"open", "new"}, .environment = {PORTD, "BROWSER=" BROWSER}};

    cli_assert(
        &open, EXIT_NO, "",
        "portctl: nothing listens on 8002 yet, the port of new\n  hint: portctl wait 8002 && portctl open new\n");
}

Test(cli_url, a_portd_without_an_address_has_no_dashboard) {
    static const struct fake_portd_setup alone = {
        .answers = {{"GET /status", 200, "{\"addresses\":[]}", 1, NULL},
                    {"GET /status", 200, "{\"addresses\":[\"nonsense\"]}", 0, NULL}},
        .socket = SOCKET};

    fake_portd_stop(&portd);
    portd = fake_portd_start(&alone);
    ASSERT_RUN(EXIT_NO, "",
               "portctl: this portd listens on a Unix socket alone, which no browser can open\n"
               "  hint: portd --port 3030 has a dashboard\n",
               "open");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's first address is none\n", "open");
}

/* ---- On a terminal */

static void assert_screen(const struct terminal_setup *on, int exit_code, const char *expected) {
    CLEANUP(terminal_result_deinit) struct terminal_result result = terminal_run(on);
    cr_assert_str_eq(result.text, expected);
    cr_assert_eq(result.exit_code, exit_code);
}

Test(cli_url, a_person_sees_the_same_and_a_word_more) {
    static const unsigned widths[] = {80, 20};

    setenv("BROWSER", BROWSER, 1);
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        const struct terminal_setup url = {.words = {"url", "new"}, .socket = SOCKET, .columns = widths[i]};
        const struct terminal_setup open = {.words = {"open", "web"}, .socket = SOCKET, .columns = widths[i]};
        const struct terminal_setup quiet = {.words = {"open", "web", "-q"}, .socket = SOCKET, .columns = widths[i]};

        assert_screen(&url, EXIT_YES,
                      widths[i] == 80 ? "http://localhost:8002\nportctl: nothing listens on 8002 yet\n"
                                      : "http://localhost:8002\nportctl: nothing\n  listens on 8002\n  yet\n");
        assert_screen(&open, EXIT_YES, "http://localhost:8001\n");
        assert_screen(&quiet, EXIT_YES, "8001\n");
    }
}
