/*
 * wait: the real portctl against a portd whose leases, and whose stream of changes, are as a test wants them.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/terminal.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define LEASE(port, id, name, uid, state, more)                                                                        \
    "{\"port\":" port ",\"service_name\":\"" name "\",\"id\":" id ",\"uid\":" uid ",\"user\":\"u\",\"state\":\"" state \
    "\"" more "}"

#define PENDING    LEASE("8001", "1", "web", "0", "pending", "")
#define BOUND      LEASE("8001", "1", "web", "0", "bound", "")
#define SILENT     LEASE("8001", "1", "web", "0", "silent", "")
#define SQUATTED   LEASE("8001", "1", "web", "0", "conflict", ",\"conflict\":\"taken\"")
#define ELSEWHERE  LEASE("8001", "1", "web", "0", "elsewhere", ",\"elsewhere_port\":5173")
#define PENDING2   LEASE("8002", "2", "web", "0", "pending", "")
#define BOUND2     LEASE("8002", "2", "web", "0", "bound", "")
#define HMR(state) LEASE("8002", "2", "web", "0", state, ",\"slot\":1")
#define PENDING0   LEASE("8009", "9", "web", "0", "pending", ",\"slot\":0")
#define BOUND0     LEASE("8009", "9", "web", "0", "bound", ",\"slot\":0")
#define ANNS       LEASE("8003", "3", "web", "12345", "bound", "")
#define OTHER      LEASE("8004", "4", "webb", "0", "bound", "")

#define SNAPSHOT(leases) "{\"run\":\"9f3c\",\"version\":5,\"leases\":[" leases "],\"listeners\":[]}"
#define LIST(leases)     "[" leases "]"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define RECORD(port, lease)                                                                                            \
    "event: port\ndata: {\"version\":6,\"port\":" port ",\"lease\":" lease ",\"listeners\":[]}\n\n"
#define EVENT "id: 7\nevent: lease.granted\ndata: {\"id\":7,\"kind\":\"lease.granted\",\"port\":8001}\n\n"
#define RESET "event: reset\ndata: {\"first_id\":1,\"last_id\":2}\n\n"

#define LOST "portctl: the connection to portd is lost; trying again until it is back\n"

#define REFUSAL(type) "{\"type\":\"urn:portmanager:problem:" type "\",\"detail\":\"No.\"}"

static struct fake_portd portd;

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_wait, .init = sandbox_enter, .fini = leave);

static void start(const struct fake_answer *answers, size_t n_answers) {
    struct fake_portd_setup setup = {.socket = SOCKET};

    fake_portd_stop_at(&portd);
    memcpy(setup.answers, answers, n_answers * sizeof(*answers));
    portd = fake_portd_start(&setup);
}

#define START(...)                                                                                                     \
    start((const struct fake_answer[]){__VA_ARGS__},                                                                   \
          sizeof((const struct fake_answer[]){__VA_ARGS__}) / sizeof(struct fake_answer))

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

static void assert_requests(const char *expected) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, expected);
}

/* One that stays as it is, until the time is over. */
#define START_WITH(leases, verdict)                                                                                    \
    START({"GET /snapshot", 200, SNAPSHOT(leases), 0, NULL}, {"GET /events", 0, HEAD, 0, NULL},                        \
          {"GET /who", 200, "{\"verdict\":\"" verdict "\"}", 0, NULL})

/* ---- The end of the wait */

Test(cli_wait, what_is_in_use_is_not_waited_for) {
    START({"GET /snapshot", 200, SNAPSHOT(BOUND), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "8001", "-q");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"state\":\"bound\",\"leases\":[" BOUND "]}\n", "", "wait", "web", "--json");
    assert_requests("GET /snapshot\nGET /snapshot\nGET /snapshot\n");
}

Test(cli_wait, it_listens_from_what_it_has_seen_and_asks_again_when_that_changes) {
    START({"GET /snapshot", 200, SNAPSHOT(PENDING), 0, NULL},
          {"GET /events?ports=9f3c.5 ", 0, HEAD EVENT RECORD("9000", "null") RECORD("8001", BOUND), 0, NULL},
          {"GET /list", 200, LIST(BOUND), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web");
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /list\n");
}

Test(cli_wait, a_change_that_is_not_enough_is_waited_through) {
    START({"GET /snapshot", 200, SNAPSHOT(PENDING), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8001", SQUATTED) RECORD("8001", SILENT) RECORD("8001", BOUND), 0, NULL},
          {"GET /list", 200, LIST(SQUATTED), 1, NULL}, {"GET /list", 200, LIST(SILENT), 1, NULL},
          {"GET /list", 200, LIST(BOUND), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web");
}

Test(cli_wait, a_portd_that_begins_anew_is_asked_anew_without_a_word) {
    START({"GET /snapshot", 200, SNAPSHOT(PENDING), 1, NULL}, {"GET /events", 0, HEAD RESET, 1, NULL},
          {"GET /snapshot", 200, SNAPSHOT(BOUND), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web");
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /snapshot\n");
}

Test(cli_wait, a_portd_that_goes_away_is_waited_for) {
    START({"GET /snapshot", 200, SNAPSHOT(PENDING), 1, NULL},
          {"GET /events", 0, HEAD RECORD("9000", "null") RECORD("8004", OTHER), 0, NULL},
          {"GET /snapshot", 503, REFUSAL("internal"), 1, NULL}, {"GET /snapshot", 200, SNAPSHOT(BOUND), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", LOST, "wait", "web");
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /snapshot\nGET /snapshot\n");
}

Test(cli_wait, too_many_streams_pass_and_other_refusals_do_not) {
    START({"GET /snapshot", 200, SNAPSHOT(PENDING), 1, NULL},
          {"GET /events", 429, REFUSAL("too-many-streams"), 1, NULL}, {"GET /snapshot", 200, SNAPSHOT(BOUND), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web", "-q");
    START({"GET /snapshot", 200, SNAPSHOT(PENDING), 0, NULL}, {"GET /events", 403, REFUSAL("unknown-caller"), 0, NULL});
    ASSERT_RUN(EXIT_NOT_ALLOWED, "", "portctl: no\n", "wait", "web");
}

Test(cli_wait, half_an_answer_is_no_answer) {
    START({"GET /snapshot", 200, "{\"leases\":[]}", 1, NULL}, {"GET /snapshot", 200, SNAPSHOT("{}"), 1, NULL},
          {"GET /snapshot", 200, SNAPSHOT(PENDING), 0, NULL},
          {"GET /events", 0, HEAD "event: port\ndata: {\n\n", 0, NULL});
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's snapshot does not say what it is of\n", "wait", "web");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's list holds something that is no lease\n", "wait", "web");
}

/* ---- Whose leases */

/* As url and lookup have it: the lower slot, then the older one. A second port that nobody ever listens on is not waited for. */
Test(cli_wait, of_several_the_one_that_url_opens_is_waited_for) {
    START({"GET /snapshot", 200, SNAPSHOT(HMR("pending") "," PENDING0 "," ANNS), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8002", HMR("bound")) RECORD("8009", BOUND0), 0, NULL},
          {"GET /list", 200, LIST(HMR("bound") "," PENDING0 "," ANNS), 1, NULL},
          {"GET /list", 200, LIST(HMR("pending") "," BOUND0 "," ANNS), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8009\n", "", "wait", "web");
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /list\nGET /list\n");
    START({"GET /snapshot", 200, SNAPSHOT(BOUND "," PENDING2), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"state\":\"bound\",\"leases\":[" BOUND "]}\n", "", "wait", "web", "--json");
}

Test(cli_wait, with_all_all_of_ones_own_must_be_there) {
    START({"GET /snapshot", 200, SNAPSHOT(BOUND "," PENDING2 "," ANNS), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8002", BOUND2), 0, NULL},
          {"GET /list", 200, LIST(BOUND "," BOUND2 "," ANNS), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n8002\n", "", "wait", "web", "--all");
}

#define SHOP          SANDBOX_DIR "/shop"
#define IN_SHOP       ",\"project\":\"" SHOP "\",\"slot\":"
#define SHOPS(state)  LEASE("8001", "1", "web", "0", state, IN_SHOP "0")
#define SHOPS2(state) LEASE("8002", "2", "web", "0", state, IN_SHOP "1")

static const char shop[] = SHOP;

static void make_shop(void) {
    cr_assert_eq(mkdir(SHOP, 0755), 0);
    file_write_text(SHOP "/portmanager.json", "{\"services\":{\"web\":{\"variables\":[\"WEB_PORT\",\"HMR_PORT\"]}}}");
}

Test(cli_wait, a_variable_of_the_project_file_says_which_port) {
    make_shop();
    START({"GET /snapshot", 200, SNAPSHOT(SHOPS("bound") "," SHOPS2("pending")), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8002", SHOPS2("bound")), 0, NULL},
          {"GET /list", 200, LIST(SHOPS("bound") "," SHOPS2("bound")), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8002\n", "", "wait", "web:HMR_PORT", "--project", shop);
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web:WEB_PORT", "--project", shop);
}

Test(cli_wait, a_variable_without_a_lease_yet_is_waited_for_and_an_unknown_one_is_not) {
    make_shop();
    START({"GET /snapshot", 200, SNAPSHOT(SHOPS("bound")), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8002", SHOPS2("bound")), 0, NULL},
          {"GET /list", 200, LIST(SHOPS("bound") "," SHOPS2("bound")), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8002\n", "portctl: waiting: web has no lease for its variable HMR_PORT yet\n", "wait",
               "web:HMR_PORT", "--project", shop);
    ASSERT_RUN(EXIT_NO, "",
               "portctl: the service web has no variable HRM_PORT in portmanager.json\n"
               "  hint: did you mean web:HMR_PORT?\n",
               "wait", "web:HRM_PORT", "--project", shop);
}

Test(cli_wait, a_service_that_has_a_colon_in_its_name_is_no_variable) {
    make_shop();
    file_write_text(SHOP "/portmanager.json", "{\"services\":{\"web\":{\"variables\":[\"A\",\"B\"]},\"web:B\":{}}}");
    START({"GET /snapshot", 200,
           SNAPSHOT(SHOPS("bound") "," SHOPS2("bound") "," LEASE("8003", "3", "web:B", "0", "bound", IN_SHOP "0")), 0,
           NULL});
    ASSERT_RUN(EXIT_YES, "8003\n", "", "wait", "web:B", "--project", shop);
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web:A", "--project", shop);
}

Test(cli_wait, gone_is_for_every_port_of_a_service_or_for_the_one_that_is_named) {
    make_shop();
    START({"GET /snapshot", 200, SNAPSHOT(SHOPS("bound") "," SHOPS2("pending")), 1, NULL},
          {"GET /events", 0, HEAD RECORD("8001", "null") RECORD("8002", "null"), 0, NULL},
          {"GET /list", 200, LIST(SHOPS2("pending")), 1, NULL}, {"GET /list", 200, LIST(OTHER), 0, NULL},
          {"GET /snapshot", 200, SNAPSHOT(SHOPS("bound")), 0, NULL});
    ASSERT_RUN(EXIT_YES, "", "", "wait", "web", "--gone", "--project", shop);
    ASSERT_RUN(EXIT_YES, "", "", "wait", "web:HMR_PORT", "--gone", "--project", shop);
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /list\nGET /list\nGET /snapshot\n");
}

Test(cli_wait, without_one_of_ones_own_anybodys_will_do) {
    START({"GET /snapshot", 200, SNAPSHOT(ANNS "," OTHER), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8003\n", "", "wait", "web");
}

Test(cli_wait, a_name_that_nobody_has_is_told_at_once_and_waited_for) {
    START({"GET /snapshot", 200, SNAPSHOT(OTHER), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8004", OTHER) RECORD("8001", BOUND), 0, NULL},
          {"GET /list", 200, LIST(OTHER "," BOUND), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "portctl: waiting: no lease has the name web yet\n  hint: did you mean webb?\n",
               "wait", "web");
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /list\n");
}

/* NOLINTBEGIN(misc-misleading-bidirectional): it is what is tested */
Test(cli_wait, a_word_that_turns_the_text_is_told_without) {
    START({"GET /snapshot", 200, SNAPSHOT(OTHER), 0, NULL}, {"GET /events", 0, HEAD RECORD("8004", OTHER), 0, NULL});
    const struct cli cli =
        cli_start(&(const struct cli_setup){.words = {"wait", "x\u202ey", "--timeout", "1"}, ENVIRONMENT});
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, EXIT_WAITED);
    cr_assert_not_null(strstr(result.errors, "portctl: waiting: no lease has the name x?y yet\n"), "%s", result.errors);
    cr_assert_null(strstr(result.errors, "\u202e"), "%s", result.errors);
}
/* NOLINTEND(misc-misleading-bidirectional) */

Test(cli_wait, the_hint_keeps_the_variable) {
    make_shop();
    START_WITH(LEASE("8006", "6", "web", "0", "bound", ",\"project\":\"/var\""), "");
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: web:HMR_PORT is not in use after 1s: no lease has the name web in this project\n"
               "  hint: another project has one: portctl wait web:HMR_PORT --project /var\n",
               "wait", "web:HMR_PORT", "--project", shop, "--timeout", "1", "-q");
}

Test(cli_wait, a_port_that_nobody_has_leased_is_waited_for) {
    START({"GET /snapshot", 200, SNAPSHOT(OTHER), 0, NULL}, {"GET /events", 0, HEAD RECORD("8001", BOUND), 0, NULL},
          {"GET /list", 200, LIST(OTHER "," BOUND), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "portctl: waiting: port 8001 is not leased yet\n", "wait", "8001");
}

#define HERE   LEASE("8005", "5", "web", "0", "bound", ",\"project\":\"/usr\"")
#define THERE  LEASE("8006", "6", "web", "0", "bound", ",\"project\":\"/var\"")
#define FIX    LEASE("8007", "7", "web@fix", "0", "bound", ",\"project\":\"/var\"")
#define GLOBAL "  hint: there is a global one: portctl wait web --global\n"

/* `portctl run web & portctl wait web`: run's lease may come a moment later, and the server that is there already is another one. */
Test(cli_wait, in_a_project_a_global_one_does_not_count) {
    START({"GET /snapshot", 200, SNAPSHOT(BOUND "," THERE), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8001", BOUND) RECORD("8005", HERE), 0, NULL},
          {"GET /list", 200, LIST(BOUND "," THERE "," HERE), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8005\n", "portctl: waiting: no lease has the name web in this project yet\n" GLOBAL, "wait",
               "web", "--project", "/usr");
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /list\n");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web", "--global");
}

Test(cli_wait, that_there_is_a_global_one_is_told_at_the_end) {
    START_WITH(BOUND, "");
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: web is not in use after 1s: no lease has the name web in this project\n" GLOBAL, "wait", "web",
               "--project", "/usr", "--timeout", "1", "-q");
}

Test(cli_wait, outside_of_a_project_a_global_one_comes_before_any_projects) {
    START({"GET /snapshot", 200, SNAPSHOT(PENDING "," THERE), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8001", BOUND), 0, NULL}, {"GET /list", 200, LIST(BOUND "," THERE), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "", "wait", "web");
}

/* `portctl run web & portctl wait web` again: what some project has is no global one. */
Test(cli_wait, outside_of_a_project_a_projects_lease_does_not_count) {
    START({"GET /snapshot", 200, SNAPSHOT(THERE), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8006", THERE) RECORD("8001", BOUND), 0, NULL},
          {"GET /list", 200, LIST(BOUND "," THERE), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n",
               "portctl: waiting: no global lease has the name web yet\n"
               "  hint: another project has one: portctl wait web --project /var\n",
               "wait", "web");
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /list\n");
    START({"GET /snapshot", 200, SNAPSHOT(THERE), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8006\n", "", "wait", "web", "--project", "/var");
}

Test(cli_wait, a_full_name_is_waited_for_from_anywhere) {
    START({"GET /snapshot", 200, SNAPSHOT(FIX), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8007\n", "", "wait", "web@fix");
}

/* ---- --gone */

Test(cli_wait, in_a_project_without_one_of_its_own_a_global_one_shall_be_gone) {
    START({"GET /snapshot", 200, SNAPSHOT(BOUND), 0, NULL}, {"GET /events", 0, HEAD RECORD("8001", "null"), 0, NULL},
          {"GET /list", 200, LIST(THERE), 0, NULL});
    ASSERT_RUN(EXIT_YES, "", "", "wait", "web", "--gone", "--project", "/usr");
}

Test(cli_wait, what_nobody_has_is_gone) {
    START({"GET /snapshot", 200, SNAPSHOT(OTHER), 0, NULL});
    ASSERT_RUN(EXIT_YES, "", "", "wait", "web", "--gone");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"state\":\"gone\",\"leases\":[]}\n", "", "wait", "8001", "--gone", "--json");
}

/* None of one's own is there, so it is a yes; but url would open another project's, and it may have been meant. */
Test(cli_wait, outside_of_a_project_it_is_said_that_a_projects_lease_is_not_gone) {
    static const char note[] = "portctl: note: no global lease has the name web\n"
                               "  hint: another project has one: portctl wait --gone web --project /var\n";

    START({"GET /snapshot", 200, SNAPSHOT(THERE), 0, NULL});
    ASSERT_RUN(EXIT_YES, "", note, "wait", "web", "--gone");
    ASSERT_RUN(EXIT_YES, "", note, "wait", "web", "--gone", "--global");
    ASSERT_RUN(EXIT_YES, "", "", "wait", "web", "--gone", "-q");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"state\":\"gone\",\"leases\":[]}\n", "", "wait", "web", "--gone", "--json");
}

/* The end of one's own is no reason to wait for somebody else's. */
Test(cli_wait, what_is_gone_is_what_was_there) {
    START({"GET /snapshot", 200, SNAPSHOT(BOUND "," PENDING2 "," ANNS), 0, NULL},
          {"GET /events", 0, HEAD RECORD("8001", "null") RECORD("8002", "null"), 0, NULL},
          {"GET /list", 200, LIST(PENDING2 "," ANNS), 1, NULL}, {"GET /list", 200, LIST(ANNS), 0, NULL});
    ASSERT_RUN(EXIT_YES, "", "", "wait", "web", "--gone");
    assert_requests("GET /snapshot\nGET /events?ports=9f3c.5\nGET /list\nGET /list\n");
}

/* ---- When the time is over */

Test(cli_wait, the_end_of_the_time_is_124_and_says_how_far_it_got) {
    START_WITH(PENDING, "Port 8001 is leased to web (u), and nothing listens on it yet.");
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: web is not in use after 1s: port 8001 is leased to web (u), and nothing listens on it yet\n"
               "  hint: portctl who 8001\n",
               "wait", "web", "--timeout", "1", "-q");
    ASSERT_RUN(EXIT_WAITED, "",
               "{\"type\":\"urn:portmanager:problem:waited\",\"detail\":\"web is not in use after 1s: port 8001 is "
               "leased to web (u), and nothing listens on it yet\",\"hint\":\"portctl who 8001\"}\n",
               "wait", "web", "--timeout", "1", "--json");
}

Test(cli_wait, without_a_verdict_it_says_what_it_knows) {
    START({"GET /snapshot", 200, SNAPSHOT(ELSEWHERE), 0, NULL}, {"GET /events", 0, HEAD, 0, NULL});
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: web is not in use after 1s: it listens on 5173 instead of 8001\n  hint: portctl who 8001\n",
               "wait", "web", "--timeout", "1", "-q");
    START({"GET /snapshot", 200, SNAPSHOT(SQUATTED), 0, NULL}, {"GET /events", 0, HEAD, 0, NULL});
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: port 8001 is not in use after 1s: port 8001 is leased to it, and somebody else is on it\n"
               "  hint: portctl who 8001\n",
               "wait", "8001", "--timeout", "1", "-q");
    START({"GET /snapshot", 200, SNAPSHOT(SILENT), 0, NULL}, {"GET /events", 0, HEAD, 0, NULL});
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: web is not in use after 1s: leased, but nothing listens on 8001\n  hint: portctl who 8001\n",
               "wait", "web", "--timeout", "1", "-q");
}

Test(cli_wait, the_nearest_name_is_told_again_at_the_end) {
    START_WITH(OTHER, "Nobody listens on port 8001, and nobody has it leased.");
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: web is not in use after 1s: no lease has the name web\n  hint: did you mean webb?\n", "wait",
               "web", "--timeout", "1", "-q");
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: port 8001 is not in use after 1s: nobody listens on port 8001, and nobody has it leased\n",
               "wait", "8001", "--timeout", "1", "-q");
}

Test(cli_wait, what_does_not_go_is_told) {
    START_WITH(BOUND, "");
    ASSERT_RUN(EXIT_WAITED, "",
               "portctl: web is not gone after 1s: port 8001 is leased to it\n  hint: portctl who 8001\n", "wait",
               "web", "--gone", "--timeout", "1", "-q");
}

Test(cli_wait, wrong_arguments_ask_nobody) {
    START_WITH(BOUND, "");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: --timeout 5x is no time\n  hint: 90, 90s, 5m, 2h or 1d; at least one second\n",
               "wait", "web", "--timeout", "5x");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: wait wants a port or a name\n  hint: portctl wait NAME[:VARIABLE]|PORT [options]\n", "wait");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: 70000 is no port: they go from 1 to 65535\n", "wait", "70000");
    assert_requests("");
}

Test(cli_wait, a_signal_ends_it) {
    static const int signals[] = {SIGINT, SIGTERM};

    START_WITH(OTHER, "");
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        const struct cli cli = cli_start(&(const struct cli_setup){.words = {"wait", "web"}, ENVIRONMENT});
        cli_wait_for_errors(&cli, "waiting: ");
        kill(cli.pid, signals[i]);
        CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
        cr_assert_eq(result.exit_code, -signals[i]);
        cr_assert_str_eq(result.output, "");
    }
}

/* ---- On a terminal */

static void assert_screen(const struct terminal_setup *setup, int exit_code, const char *expected) {
    CLEANUP(terminal_result_deinit) struct terminal_result result = terminal_run(setup);
    cr_assert_str_eq(result.text, expected);
    cr_assert_eq(result.exit_code, exit_code);
}

static void start_that_binds(void) {
    START({"GET /snapshot", 200, SNAPSHOT(PENDING), 0, NULL}, {"GET /events", 0, HEAD RECORD("8001", BOUND), 0, NULL},
          {"GET /list", 200, LIST(BOUND), 0, NULL});
}

Test(cli_wait, a_person_is_told_what_is_waited_for) {
    static const unsigned widths[] = {80, 20};

    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        const struct terminal_setup on = {.words = {"wait", "web"}, .socket = SOCKET, .columns = widths[i]};
        const struct terminal_setup quiet = {.words = {"wait", "web", "-q"}, .socket = SOCKET, .columns = widths[i]};
        const struct terminal_setup gone = {.words = {"wait", "db", "--gone"}, .socket = SOCKET, .columns = widths[i]};

        start_that_binds();
        assert_screen(&on, EXIT_YES,
                      widths[i] == 80 ? "portctl: waiting: leased, but nothing listens on 8001\n8001\n"
                                      : "portctl: waiting:\n  leased, but\n  nothing listens on\n  8001\n8001\n");
        start_that_binds();
        assert_screen(&quiet, EXIT_YES, "8001\n");
        assert_screen(&gone, EXIT_YES,
                      widths[i] == 80 ? "db is not leased any more\n" : "db is not leased any\n  more\n");
    }
}
