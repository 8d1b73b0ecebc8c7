/*
 * Which leases a word means, and several words at once; everything that is one's own.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/terminal.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define LEASE(port, id, name, uid, project)                                                                            \
    "{\"port\":" port ",\"service_name\":\"" name "\",\"id\":" id ",\"uid\":" uid                                      \
    ",\"user\":\"u\",\"state\":\"bound\",\"kept_by\":\"listener\",\"project\":" project "}"

#define WEB_HERE   LEASE("8001", "1", "web", "0", "\"/usr\"")
#define WEB_THERE  LEASE("8002", "2", "web", "0", "\"/var\"")
#define WEB_GLOBAL LEASE("8003", "3", "web", "0", "null")
#define DB_GLOBAL  LEASE("8004", "4", "db", "0", "null")
#define API_THERE  LEASE("8005", "5", "api", "0", "\"/var\"")
#define CACHE      LEASE("8006", "6", "cache", "0", "\"/usr\"")
#define CACHE2     LEASE("8007", "7", "cache", "0", "\"/usr\"")
#define BRANCH     LEASE("8008", "8", "web@fix", "0", "\"/usr\"")
#define ANNS       LEASE("8009", "9", "mail", "12345", "null")
#define OTHERS     LEASE("8011", "11", "web", "1234", "\"/usr\"") /* SANDBOX_OTHER_UID */
#define MAIL       LEASE("8010", "10", "mail", "0", "null")
#define LEASES                                                                                                         \
    "[" WEB_HERE "," WEB_THERE "," WEB_GLOBAL "," DB_GLOBAL "," API_THERE "," CACHE "," CACHE2 "," BRANCH "," ANNS     \
    "," MAIL "]"

#define THREE "[" WEB_HERE "," CACHE "," CACHE2 "]"

#define RELEASED(port, id) "{\"port\":" port ",\"id\":" id ",\"released\":true,\"listeners\":[]}"

static const struct fake_portd_setup setup = {
    .answers =
        {
            {"GET /list", 200, LEASES, 0, NULL},
            {"POST /release", 200, RELEASED("8001", "1"), 0, NULL},
            {"POST /heartbeat", 200, "{\"port\":8001,\"id\":1,\"lease\":" WEB_HERE "}", 0, NULL},
            {"POST /alloc", 200, "{\"lease\":" WEB_HERE "}", 0, NULL},
            {"GET /history", 200, "{\"events\":[]}", 0, NULL},
        },
    .socket = SOCKET,
};

static struct fake_portd portd;

static void enter(void) {
    sandbox_enter();
    portd = fake_portd_start(&setup);
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_names, .init = enter, .fini = leave);

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

/* With another list. */
static void restart(const char *leases) {
    struct fake_portd_setup small = setup;

    small.answers[0].body = leases;
    fake_portd_stop(&portd);
    portd = fake_portd_start(&small);
}

static void assert_requests(const char *expected) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, expected);
}

static void assert_asked_nothing_but_the_list(void) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_null(strstr(requests, "POST"), "%s", requests);
}

/* ---- One word */

Test(cli_names, outside_of_a_project_a_name_is_the_global_one_or_else_any_projects) {
    ASSERT_RUN(EXIT_YES, "8003\n", "", "lookup", "web", "--all");
    ASSERT_RUN(EXIT_YES, "8003\n", "", "list", "web", "-q", "--global");
    ASSERT_RUN(EXIT_YES, "8003\n", "", "release", "web", "-q");
    ASSERT_RUN(EXIT_YES, "8006\n8007\n", "portctl: note: you have no global cache; this is the one of project /usr\n",
               "lookup", "cache", "--all");
}

Test(cli_names, outside_of_a_project_only_the_global_ones_are_changed) {
    ASSERT_RUN(EXIT_YES, "8001\n", "", "renew", "web", "-q");
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no global lease has the name cache\n"
               "  hint: another project has one: portctl renew cache --project /usr\n"
               "portctl: nothing was renewed\n",
               "renew", "web", "cache", "-q");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "renew", "web@fix", "-q");
    assert_requests("GET /list\nPOST /heartbeat {\"port\":8003,\"id\":3}\nGET /list\n"
                    "GET /list\nPOST /heartbeat {\"port\":8008,\"id\":8}\n");
}

/* Of somebody else's lease portd does not say whether it is a project's. */
Test(cli_names, ones_own_of_a_project_comes_before_somebody_elses_of_none) {
    static const struct cli_setup as_another = {
        .words = {"lookup", "web", "--all"}, ENVIRONMENT, .uid = SANDBOX_OTHER_UID};

    sandbox_enter_as_root();
    restart("[" WEB_GLOBAL "," OTHERS "]");
    cli_assert(&as_another, EXIT_YES, "8011\n",
               "portctl: note: you have no global web; this is the one of project /usr\n");
    restart("[" WEB_GLOBAL "," WEB_GLOBAL "]");
    cli_assert(&as_another, EXIT_YES, "8003\n8003\n", "");
}

Test(cli_names, ones_own_comes_before_an_older_one_of_somebody_else) {
    ASSERT_RUN(EXIT_YES, "8010\n8009\n", "", "lookup", "mail", "--all");
}

Test(cli_names, a_lease_is_asked_for_in_the_project) {
    ASSERT_RUN(EXIT_YES, "8001\n", "", "alloc", "web", "--project", "/usr");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_not_null(strstr(requests, "\"service_name\":\"web\",\"asker_pid\":"), "%s", requests);
    cr_assert_not_null(strstr(requests, ",\"project\":\"/usr\"}"), "%s", requests);
}

Test(cli_names, global_and_project_exclude_each_other) {
    ASSERT_RUN(EXIT_USAGE, "", "portctl: --global and --project exclude each other\n", "lookup", "web", "--global",
               "--project", "/usr");
    assert_requests("");
}

Test(cli_names, history_asks_by_name_or_port) {
    ASSERT_RUN(EXIT_YES, "", "", "history", "web");
    ASSERT_RUN(EXIT_YES, "", "", "history", "8001");
    ASSERT_RUN(EXIT_YES, "", "", "history", "--limit", "3");
    assert_requests("GET /history?service=web\nGET /history?port=8001\nGET /history?limit=3\n");
}

/* ---- Several words */

Test(cli_names, several_words_are_released_each_lease_once) {
    ASSERT_RUN(EXIT_YES, "8004\n8005\n", "", "release", "api", "db", "8004", "api", "-q", "--project", "/var");
    assert_requests("GET /list\nPOST /release {\"port\":8004,\"id\":4}\nPOST /release {\"port\":8005,\"id\":5}\n");
}

Test(cli_names, with_a_miss_nothing_is_released_and_every_miss_is_told) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name bd\n  hint: did you mean db?\n"
               "portctl: port 9 is not leased\n  hint: portctl list shows all leases\n"
               "portctl: nothing was released\n",
               "release", "bd", "db", "9");
    ASSERT_RUN(
        EXIT_NO, "",
        "{\"type\":\"urn:portmanager:problem:no-such-lease\",\"detail\":\"no lease has the name bd (did you mean "
        "db?); port 9 is not leased (portctl list shows all leases); nothing was released\"}\n",
        "release", "bd", "db", "9", "--json");
    ASSERT_RUN(EXIT_NO, "", "portctl: port 9 is not leased\n  hint: portctl list shows all leases\n", "release", "9");
    assert_asked_nothing_but_the_list();
}

Test(cli_names, many_misses_with_json_are_one_document) {
    static const char name[] = "a-name-of-sixty-four-bytes-that-nobody-has-ever-given-to-a-lease";
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(const struct cli_setup){
        .words = {"release", name, name, name, name, name, name, name, name, name, name, name, name, "--json"},
        ENVIRONMENT});
    static const char end[] = "; nothing was released\"}\n";

    cr_assert_eq(result.exit_code, EXIT_NO);
    cr_assert_str_eq(result.errors + strlen(result.errors) - strlen(end), end);
}

Test(cli_names, a_name_of_several_leases_among_others_releases_nothing) {
    ASSERT_RUN(EXIT_NO, "",
               "8006\tcache\tbound\tu\tlistener\t-\t-\t6\t-\t/usr\n8007\tcache\tbound\tu\tlistener\t-\t-\t7\t-\t/usr\n"
               "portctl: cache has 2 leases; nothing was released\n"
               "  hint: portctl release cache --all, or portctl release 8006 for one of them\n",
               "release", "db", "cache", "--project", "/usr");
    assert_asked_nothing_but_the_list();
    ASSERT_RUN(EXIT_YES, "8004\n8006\n8007\n", "", "release", "db", "cache", "--all", "-q", "--project", "/usr");
}

Test(cli_names, several_words_are_renewed_or_none) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name bd\n  hint: did you mean db?\nportctl: nothing was renewed\n", "renew",
               "bd", "db");
    assert_asked_nothing_but_the_list();
    ASSERT_RUN(EXIT_YES,
               "{\"version\":1,\"renewed\":[{\"port\":8001,\"id\":1,\"lease\":" WEB_HERE
               "},{\"port\":8001,\"id\":1,\"lease\":" WEB_HERE "}]}\n",
               "", "renew", "db", "8005", "--json");
}

/* ---- --all without a word */

Test(cli_names, all_are_the_callers_own) {
    ASSERT_RUN(EXIT_YES, "8001\n8002\n8003\n8004\n8005\n8006\n8007\n8008\n8010\n", "", "release", "--all", "-q");
}

Test(cli_names, all_of_none_is_a_no) {
    restart("[" ANNS "]");
    ASSERT_RUN(EXIT_NO, "", "portctl: you have no lease\n", "release", "--all");
}

Test(cli_names, nothing_at_all_is_a_mistake) {
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: release wants a port or a name\n"
               "  hint: portctl release --all gives back all that are yours\n",
               "release");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: renew wants a port or a name\n  hint: portctl renew PORT|NAME... [options]\n",
               "renew");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: 70000 is no port: they go from 1 to 65535\n", "release", "db", "70000");
    assert_requests("");
}

static void assert_screen(const struct terminal_setup *on, int exit_code, const char *expected) {
    CLEANUP(terminal_result_deinit) struct terminal_result result = terminal_run(on);
    cr_assert_str_eq(result.text, expected);
    cr_assert_eq(result.exit_code, exit_code);
}

#define QUESTION "Release these 3 leases? [y/N] "

#define TABLE                                                                                                          \
    "PORT  NAME   STATE     EXPIRES    USER  PROJECT\n"                                                                \
    "8001  web    ● in use  after use  u     /usr\n"                                                                 \
    "8006  cache  ● in use  after use  u     /usr\n"                                                                 \
    "8007  cache  ● in use  after use  u     /usr\n"

Test(cli_names, on_a_terminal_all_is_asked_for) {
    struct terminal_setup on = {.words = {"release", "--all"}, .socket = SOCKET, .columns = 80, .prompt = "[y/N] "};

    restart(THREE);
    on.typed = "n\n";
    assert_screen(&on, EXIT_NO, TABLE QUESTION "n\nportctl: nothing was released\n");
    assert_asked_nothing_but_the_list();
    on.typed = "y\n";
    assert_screen(&on, EXIT_YES,
                  TABLE QUESTION
                  "y\nReleased port: 8001 (web)\nReleased port: 8006 (cache)\nReleased port: 8007 (cache)\n");
}

Test(cli_names, on_a_narrow_terminal_all_is_asked_for_as_well) {
    const struct terminal_setup on = {
        .words = {"release", "--all"}, .socket = SOCKET, .columns = 20, .prompt = "[y/N] ", .typed = "\n"};

    restart(THREE);
    assert_screen(&on, EXIT_NO,
                  "PORT  NAME\n8001  web    ●\n8006  cache  ●\n8007  cache  ●\n" QUESTION
                  "\nportctl: nothing was\n  released\n");
}

Test(cli_names, yes_does_not_ask) {
    const struct terminal_setup on = {.words = {"release", "--all", "--yes", "-q"}, .socket = SOCKET, .columns = 80};

    restart(THREE);
    assert_screen(&on, EXIT_YES, "8001\n8006\n8007\n");
}
