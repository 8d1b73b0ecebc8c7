/*
 * Whole commands: the real portctl against a portd that says what a test wants. What goes to which stream, and how each ends.
 */
#include "cli/command.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/shell.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define LEASE_OF(port, id, name, uid, user)                                                                            \
    "{\"port\":" port ",\"service_name\":\"" name                                                                      \
    "\",\"allocated_at\":\"2026-01-02T03:04:05.678Z\",\"ttl_seconds\":300,"                                            \
    "\"tags\":[],\"id\":" id ",\"uid\":" uid ",\"user\":\"" user "\",\"state\":\"pending\",\"kept_by\":\"ttl\","       \
    "\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":300,\"holder\":null,\"project\":null}"

#define WEB    LEASE_OF("8001", "7", "web", "0", "root")
#define WEB2   LEASE_OF("8002", "8", "web", "0", "root")
#define DB     LEASE_OF("8003", "9", "db", "0", "root")
#define ANN    LEASE_OF("8004", "10", "anns", "12345", "ann")
#define BOTH   LEASE_OF("8005", "11", "both", "0", "root") "," LEASE_OF("8006", "12", "both", "12345", "ann")
#define LEASES "[" WEB "," WEB2 "," DB "," ANN "," BOTH "]"

#define GRANTED(notes)                                                                                                 \
    "{\"port\":8001,\"lease\":" WEB ",\"ports\":[8001],\"leases\":[" WEB "],\"reused\":false,\"notes\":" notes "}"

static const struct fake_portd_setup ordinary = {
    .answers =
        {
            {"POST /alloc", 200, GRANTED("[]"), 0, NULL},
            {"GET /list", 200, LEASES, 0, NULL},
            {"POST /release", 200, "{\"port\":8001,\"id\":7,\"service_name\":\"web\",\"listeners\":[]}", 0, NULL},
            {"POST /heartbeat", 200, "{\"port\":8001,\"id\":7,\"lease\":" WEB "}", 0, NULL},
            {"GET /status", 200,
             "{\"version\":\"0.1.0\",\"pid\":4711,\"uid\":0,\"uptime_seconds\":3725,\"range\":{\"min\":8000,\"max\":"
             "9000},"
             "\"excluded\":[8080],\"addresses\":[\"127.0.0.1:3030\"],\"socket\":\"/"
             "s\",\"database\":null,\"n_leases\":3,"
             "\"n_leased_in_range\":2,\"sees_bound_sockets\":true,\"warnings\":[\"a word\"]}",
             0, NULL},
        },
    .socket = SOCKET,
};

static struct fake_portd portd;

static void enter(void) {
    sandbox_enter();
    portd = fake_portd_start(&ordinary);
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_command, .init = enter, .fini = leave);

/* Replaces the ordinary portd. */
static void restart(const struct fake_answer *answers, size_t n_answers) {
    struct fake_portd_setup setup = {.socket = SOCKET};

    fake_portd_stop(&portd);
    memcpy(setup.answers, answers, n_answers * sizeof(*answers));
    portd = fake_portd_start(&setup);
}

#define RESTART(...)                                                                                                   \
    restart((const struct fake_answer[]){__VA_ARGS__},                                                                 \
            sizeof((const struct fake_answer[]){__VA_ARGS__}) / sizeof(struct fake_answer))

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

static void assert_requests(const char *expected) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, expected);
}

/* The asker is who has started portctl: this test. */
static void assert_alloc(const char *format) {
    const char *pid = strstr(format, "%d");
    char expected[512];

    snprintf(expected, sizeof(expected), "%.*s%d%s", (int)(pid - format), format, getpid(), pid + 2);
    assert_requests(expected);
}

Test(cli_command, alloc_prints_the_bare_port_and_nothing_else) {
    ASSERT_RUN(EXIT_YES, "8001\n", "", "alloc", "web");
    assert_alloc("POST /alloc {\"service_name\":\"web\",\"asker_pid\":%d}\n");
}

Test(cli_command, alloc_asks_for_what_was_given_and_for_nothing_else) {
    ASSERT_RUN(EXIT_YES, "8001\n", "", "alloc", "--ttl", "2h", "web", "--prefer", "8005", "--tag", "a", "--tag", "b",
               "--reuse", "--count", "1", "--project", "/usr");
    assert_alloc(
        "POST /alloc "
        "{\"service_name\":\"web\",\"ttl_seconds\":7200,\"prefer\":8005,\"count\":1,\"reuse\":true,\"asker_pid\":%d,"
        "\"project\":\"/usr\",\"tags\":[\"a\",\"b\"]}\n");
}

Test(cli_command, alloc_of_several_prints_a_line_each) {
    RESTART({"POST /alloc", 200,
             "{\"port\":8001,\"lease\":" WEB ",\"ports\":[8001,8002],\"leases\":[" WEB "," WEB2 "],\"notes\":[]}", 0,
             NULL});
    ASSERT_RUN(EXIT_YES, "8001\n8002\n", "", "alloc", "web", "--count", "2");
}

Test(cli_command, alloc_tells_portds_notes_always) {
    RESTART({"POST /alloc", 200, GRANTED("[\"ttl_seconds was clamped\"]"), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "portctl: note: ttl_seconds was clamped\n", "alloc", "web", "-q");
}

Test(cli_command, alloc_with_json_gives_portds_answer_with_a_version) {
    ASSERT_RUN(EXIT_YES,
               "{\"version\":1,\"port\":8001,\"lease\":" WEB ",\"ports\":[8001],\"leases\":[" WEB "],\"reused\":false,"
               "\"notes\":[]}\n",
               "", "--json", "alloc", "web");
}

Test(cli_command, a_refusal_is_told_with_its_hint_and_its_exit_code) {
    RESTART({"POST /alloc", 409,
             "{\"type\":\"urn:portmanager:problem:port-leased\",\"detail\":\"Port 8001 is leased to my-api (ann).\","
             "\"hint\":\"portctl alloc web --prefer 8002\"}",
             0, NULL});
    ASSERT_RUN(EXIT_TAKEN, "",
               "portctl: port 8001 is leased to my-api (ann)\n  hint: portctl alloc web --prefer 8002\n", "alloc",
               "web", "--port", "8001");
    ASSERT_RUN(EXIT_TAKEN, "",
               "{\"type\":\"urn:portmanager:problem:port-leased\",\"detail\":\"Port 8001 is leased to my-api (ann).\","
               "\"hint\":\"portctl alloc web --prefer 8002\"}\n",
               "alloc", "web", "--port", "8001", "--json");
}

Test(cli_command, a_hint_that_speaks_of_keys_is_told_in_options) {
    RESTART(
        {"POST /alloc", 409,
         "{\"type\":\"urn:portmanager:problem:port-taken\",\"detail\":\"Taken.\",\"hint\":\"ask with \\\"prefer\\\"\"}",
         2, NULL},
        {"POST /alloc", 409,
         "{\"type\":\"urn:portmanager:problem:lease-held\",\"detail\":\"Held.\",\"hint\":\"ask without "
         "\\\"reuse\\\"\"}",
         0, NULL});
    ASSERT_RUN(EXIT_TAKEN, "", "portctl: taken\n  hint: portctl alloc 'it'\\''s it' --prefer 65534\n", "alloc",
               "it's it", "--port", "65535");
    ASSERT_RUN(EXIT_TAKEN, "", "portctl: taken\n  hint: portctl hold web --prefer 81\n", "hold", "web", "--port", "80");
    ASSERT_RUN(EXIT_TAKEN, "", "portctl: held\n  hint: without --reuse it gets a second port\n", "alloc", "web",
               "--reuse");
}

Test(cli_command, half_an_answer_is_no_port) {
    RESTART({"POST /alloc", 200, "{\"lease\":" WEB ",\"leases\":[" WEB ",{}]}", 1, NULL},
            {"POST /alloc", 200, "{\"port\":8001}", 1, NULL}, {"POST /alloc", 200, "[]", 1, NULL});
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's answer holds something that is no lease\n", "alloc", "web");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's answer holds no lease\n", "alloc", "web");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's answer holds no lease\n", "alloc", "web");
}

Test(cli_command, wrong_arguments_ask_nobody) {
    ASSERT_RUN(EXIT_USAGE, "", "portctl: alloc wants a name\n  hint: portctl alloc NAME [options]\n", "alloc");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: alloc does not know what to do with 'b'\n  hint: portctl alloc NAME [options]\n", "alloc", "a",
               "b");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: '' is no service name\n  hint: a name is 1 to 128 bytes of UTF-8 without control characters\n",
               "alloc", "");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: --ttl 5x is no time\n  hint: 90, 90s, 5m, 2h or 1d; at least one second\n",
               "alloc", "web", "--ttl", "5x");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: there is no command 'aloc'\n  hint: did you mean portctl alloc?\n", "aloc",
               "web");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: 99999 is no port: they go from 1 to 65535\n", "release", "99999");
    ASSERT_RUN(
        EXIT_USAGE, "",
        "{\"type\":\"urn:portmanager:problem:usage\",\"detail\":\"alloc has no option --bogus\",\"hint\":\"portctl "
        "alloc --help lists the options\"}\n",
        "alloc", "web", "--bogus", "--json");
    assert_requests("");
}

Test(cli_command, list_is_tab_separated_in_a_pipe) {
    ASSERT_RUN(EXIT_YES, "8003\tdb\tpending\troot\tttl\t2026-01-02T03:09:05.678Z\t2026-01-02T03:04:05.678Z\t9\t-\t-\n",
               "", "list", "db");
    ASSERT_RUN(EXIT_YES, "8001\n8002\n8003\n8004\n8005\n8006\n", "", "ls", "-q");
}

Test(cli_command, list_with_json_holds_the_leases) {
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"leases\":[" DB "]}\n", "", "list", "db", "--json");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"leases\":" LEASES "}\n", "", "list", "--json");
    ASSERT_RUN(EXIT_NO, "{\"version\":1,\"leases\":[]}\n", "", "list", "nobody", "--json");
}

Test(cli_command, list_of_a_name_that_nobody_has_is_a_no) {
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name wep\n  hint: did you mean web?\n", "list", "wep");
}

Test(cli_command, list_of_nothing_is_nothing) {
    RESTART({"GET /list", 200, "[]", 0, NULL});
    ASSERT_RUN(EXIT_YES, "", "", "list");
}

Test(cli_command, lookup_prints_one_port_for_a_script_and_each_when_asked) {
    ASSERT_RUN(EXIT_YES, "8001\n", "", "lookup", "web");
    ASSERT_RUN(EXIT_YES, "8001\n8002\n", "", "lookup", "web", "--all");
    ASSERT_RUN(EXIT_YES,
               "{\"version\":1,\"service_name\":\"web\",\"port\":8001,\"all_ports\":[8001,8002],\"lease\":" WEB
               ",\"leases\":[" WEB "," WEB2 "]}\n",
               "", "lookup", "web", "--json");
}

Test(cli_command, lookup_of_a_name_that_nobody_has_is_a_no) {
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name wep\n  hint: did you mean web?\n", "lookup", "wep");
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name something else\n  hint: portctl list shows all leases\n",
               "lookup", "something else");
    ASSERT_RUN(EXIT_NO,
               "{\"version\":1,\"service_name\":\"x\",\"port\":null,\"all_ports\":[],\"lease\":null,\"leases\":[]}\n",
               "", "lookup", "x", "--json");
}

Test(cli_command, release_goes_by_port_and_id) {
    ASSERT_RUN(EXIT_YES, "Released port: 8003 (db)\n", "", "release", "8003");
    ASSERT_RUN(EXIT_YES, "8003\n", "", "release", "db", "-q");
    assert_requests("GET /list\nPOST /release {\"port\":8003,\"id\":9}\n"
                    "GET /list\nPOST /release {\"port\":8003,\"id\":9}\n");
}

Test(cli_command, release_of_a_name_with_several_leases_wants_to_be_told_all) {
    ASSERT_RUN(EXIT_NO, "",
               "8001\tweb\tpending\troot\tttl\t2026-01-02T03:09:05.678Z\t2026-01-02T03:04:05.678Z\t7\t-\t-\n"
               "8002\tweb\tpending\troot\tttl\t2026-01-02T03:09:05.678Z\t2026-01-02T03:04:05.678Z\t8\t-\t-\n"
               "portctl: web has 2 leases; nothing was released\n"
               "  hint: portctl release web --all, or portctl release 8001 for one of them\n",
               "release", "web");
    assert_requests("GET /list\n");
    ASSERT_RUN(EXIT_YES, "Released port: 8001 (web)\nReleased port: 8002 (web)\n", "", "release", "web", "--all");
}

Test(cli_command, release_says_who_still_listens) {
    RESTART({"GET /list", 200, LEASES, 0, NULL},
            {"POST /release", 200,
             "{\"port\":8003,\"id\":9,\"service_name\":\"db\",\"listeners\":["
             "{\"address\":\"::1\",\"port\":8003,\"uid\":0,\"user\":\"ann\",\"pid\":4711,\"process\":\"no\\u001bde\"},"
             "{\"address\":\"127.0.0.1\",\"port\":8003,\"uid\":5,\"user\":null,\"pid\":null,\"process\":null}]}",
             0, NULL});
    ASSERT_RUN(EXIT_YES, "Released port: 8003 (db)\n",
               "portctl: no?de (pid 4711, user ann) still listens on [::1]:8003\n"
               "portctl: a process of an unknown user still listens on 127.0.0.1:8003\n",
               "release", "db");
}

Test(cli_command, release_of_what_is_not_leased_is_a_no) {
    ASSERT_RUN(EXIT_NO, "", "portctl: port 9 is not leased\n  hint: portctl list shows all leases\n", "release", "9");
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name dbb\n  hint: did you mean db?\n", "release", "dbb");
}

Test(cli_command, release_of_all_goes_on_behind_one_that_is_refused) {
    RESTART(
        {"GET /list", 200, LEASES, 0, NULL},
        {"POST /release", 403, "{\"type\":\"urn:portmanager:problem:not-yours\",\"detail\":\"Not yours.\"}", 1, NULL},
        {"POST /release", 200, "{\"port\":8002,\"id\":8,\"listeners\":[]}", 0, NULL});
    ASSERT_RUN(EXIT_NOT_ALLOWED, "Released port: 8002 (web)\n", "portctl: not yours\n", "release", "web", "--all");
}

Test(cli_command, release_with_json_says_what_was_released) {
    ASSERT_RUN(EXIT_YES,
               "{\"version\":1,\"released\":[{\"port\":8001,\"id\":7,\"service_name\":\"web\",\"listeners\":[]}]}\n",
               "", "release", "db", "--json");
}

/* Root may change everybody's, and his own names are everybody's; so this is asked by somebody else. */
Test(cli_command, only_the_callers_own_leases_of_a_name_count) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    const struct cli_setup both = {.words = {"release", "both"}, ENVIRONMENT, .uid = 12345};
    cli_assert(&both, EXIT_YES, "Released port: 8006 (both)\n", "");
    const struct cli_setup roots = {.words = {"release", "web", "--all"}, ENVIRONMENT, .uid = 12345};
    cli_assert(&roots, EXIT_NO, "", "portctl: you have no lease with the name web; it is root's, on port 8001\n");
}

Test(cli_command, renew_is_for_all_leases_of_a_name) {
    ASSERT_RUN(EXIT_YES, "Renewed port: 8001 (web, expires in 5m00s)\nRenewed port: 8001 (web, expires in 5m00s)\n", "",
               "renew", "web");
    assert_requests("GET /list\nPOST /heartbeat {\"port\":8001,\"id\":7}\nPOST /heartbeat {\"port\":8002,\"id\":8}\n");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "heartbeat", "8003", "-q");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"renewed\":[{\"port\":8001,\"id\":7,\"lease\":" WEB "}]}\n", "", "renew",
               "db", "--json");
}

Test(cli_command, status_is_facts_and_warnings) {
    ASSERT_RUN(EXIT_YES,
               "version\t0.1.0\npid\t4711\nuid\t0\nuptime_seconds\t3725\naddresses\t127.0.0.1:3030\nsocket\t/s\n"
               "range\t8000-9000\nexcluded\t8080\nn_leases\t3\nn_leased_in_range\t2\nsees_bound_sockets\ttrue\n",
               "portctl: note: a word\n", "status");
    ASSERT_RUN(EXIT_YES, "", "portctl: note: a word\n", "status", "-q");
}

Test(cli_command, status_with_json_keeps_portds_version_apart) {
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(const struct cli_setup){.words = {"status", "--json"}, ENVIRONMENT});

    cr_assert_eq(strncmp(result.output, "{\"version\":1,\"portd\":{\"version\":\"0.1.0\",\"pid\":4711,", 50), 0, "%s",
                 result.output);
    cr_assert_str_eq(result.errors, "");
}

Test(cli_command, without_a_portd_each_command_ends_with_3) {
    static const char *const commands[][3] = {
        {"alloc", "x"}, {"list"},       {"lookup", "x"}, {"release", "x"}, {"release", "1"}, {"renew", "x"},
        {"hold", "x"},  {"loop", "x"},  {"status"},      {"who"},          {"who", "1"},     {"squatters"},
        {"conflicts"},  {"claim", "1"}, {"disown", "1"}, {"stop", "1"},    {"wait", "x"},    {"url", "x"},
        {"open"},       {"open", "x"},  {"free"},        {"watch"},        {"history"},      {"ignore", "1"}};

    fake_portd_stop(&portd);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct cli_setup setup = {.words = {commands[i][0], commands[i][1]}, ENVIRONMENT};
        cli_assert(&setup, EXIT_UNREACHABLE, "",
                   "portctl: portd is not running: " SOCKET ": Connection refused\n"
                   "  hint: start it with: portd --socket " SOCKET "\n");
    }
}

#define ELSEWHERE                                                                                                      \
    "portctl: portd is in another network namespace: what it says of ports is so there, not here\n"                    \
    "  hint: portctl doctor says how to have one here\n"

static void assert_from_elsewhere(const char *words, const char *expected) {
    char line[256];
    struct shell_result result;

    snprintf(line, sizeof line, "unshare -n \"$PM_BUILD_BIN/portctl\" %s --socket " SOCKET, words);
    result = shell_run(NULL, line);
    cr_assert_str_eq(result.output, expected, "%s", result.output);
    cr_assert_eq(result.exit_code, EXIT_YES);
    shell_result_deinit(&result);
}

Test(cli_command, a_portd_of_another_network_namespace_is_told_of_once) {
    ASSERT_RUN(EXIT_YES, "8001\n", "", "alloc", "web");
    assert_from_elsewhere("alloc web", ELSEWHERE "8001\n");
    assert_from_elsewhere("alloc web -q", "8001\n");
    assert_from_elsewhere("lookup web", ELSEWHERE "8001\n");
    assert_from_elsewhere("list -q", "8001\n8002\n8003\n8004\n8005\n8006\n");
}

#define ASSERT_FULL(...)                                                                                               \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT, .output = "/dev/full"}, EXIT_NO, "",     \
               "portctl: standard output: No space left on device\n")

Test(cli_command, output_that_is_lost_is_a_failure) {
    const struct cli_setup full = {.words = {"alloc", "web"}, ENVIRONMENT, .output = "/dev/full"};
    cli_assert(&full, EXIT_NO, "", "portctl: standard output: No space left on device\n");
}

static void assert_given_back(const char *expected) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    const char *release = strstr(requests, "POST /release");

    cr_assert_str_eq(release != NULL ? release : "", expected, "%s", requests);
}

Test(cli_command, a_new_lease_whose_port_nobody_was_told_is_given_back) {
    ASSERT_FULL("alloc", "web");
    assert_given_back("POST /release {\"port\":8001,\"id\":7}\n");
}

Test(cli_command, a_lease_that_was_there_before_stays_though_nobody_was_told) {
    fake_portd_stop(&portd);
    portd = fake_portd_start(&(const struct fake_portd_setup){
        .answers = {{"POST /alloc", 200,
                     "{\"port\":8001,\"lease\":" WEB ",\"ports\":[8001],\"leases\":[" WEB
                     "],\"reused\":true,\"n_reused\":1,\"new_ids\":[],\"notes\":[]}",
                     0, NULL}},
        .socket = SOCKET});
    ASSERT_FULL("alloc", "web", "--reuse");
    assert_given_back("");
}

Test(cli_command, a_hold_that_cannot_be_told_ends_and_says_so_once) {
    ASSERT_FULL("hold", "web");
    assert_given_back("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n");
}

Test(cli_command, a_claim_that_nobody_was_told_of_is_given_back) {
    fake_portd_stop(&portd);
    portd = fake_portd_start(&(const struct fake_portd_setup){
        .answers = {{"POST /claim", 200, "{\"port\":8001,\"created\":true,\"lease\":" WEB "}", 0, NULL},
                    {"POST /release", 200, "{\"port\":8001,\"id\":7,\"listeners\":[]}", 0, NULL}},
        .socket = SOCKET});
    ASSERT_FULL("claim", "8001", "web");
    assert_given_back("POST /release {\"port\":8001,\"id\":7}\n");
}

Test(cli_command, help_on_help_is_the_help) {
    CLEANUP(cli_result_deinit) struct cli_result help = cli_run(&(const struct cli_setup){.words = {"help"}});

    ASSERT_RUN(EXIT_YES, help.output, "", "help", "--help");
    ASSERT_RUN(EXIT_YES, help.output, "", "help", "-h");
}

Test(cli_command, version_as_a_word_is_told_its_option) {
    ASSERT_RUN(EXIT_USAGE, "", "portctl: there is no command 'version'\n  hint: did you mean portctl --version?\n",
               "version");
}

Test(cli_command, another_shell_is_no_slip) {
    ASSERT_RUN(EXIT_USAGE, "", "portctl: completion knows no 'csh'\n  hint: bash, zsh or fish\n", "completion", "csh");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: completion knows no 'ksh'\n  hint: bash, zsh or fish\n", "completion", "ksh");
}

Test(cli_command, portctl_alone_shows_five_examples_and_ends_with_2) {
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&(const struct cli_setup){.words = {NULL}});
    size_t n_examples = 0;

    cr_assert_eq(result.exit_code, EXIT_USAGE);
    cr_assert_str_eq(result.output, "");
    for (const char *at = result.errors; (at = strstr(at, "\n  ")) != NULL; at++)
        n_examples++;
    cr_assert_eq(n_examples, 5, "%s", result.errors);
}

Test(cli_command, the_help_of_each_command_names_all_it_takes) {
    size_t n_commands;
    const struct command *const *all = commands(&n_commands);

    for (size_t i = 0; i < n_commands; i++) {
        CLEANUP(cli_result_deinit)
        struct cli_result result = cli_run(&(const struct cli_setup){.words = {all[i]->name, "--help"}});
        CLEANUP(cli_result_deinit)
        struct cli_result same = cli_run(&(const struct cli_setup){.words = {"help", all[i]->name}});

        cr_assert_eq(result.exit_code, EXIT_YES);
        cr_assert_str_eq(result.errors, "");
        cr_assert_str_eq(result.output, same.output);
        cr_assert_not_null(strstr(result.output, all[i]->usage), "%s", all[i]->name);
        cr_assert_not_null(strstr(result.output, all[i]->examples[0].line), "%s", all[i]->name);
        cr_assert_not_null(strstr(result.output, "Exit codes"), "%s", all[i]->name);
        for (const enum option_id *id = all[i]->options; id != NULL && *id != OPTION_END; id++) {
            char option[64];
            snprintf(option, sizeof(option), "--%s", option_get(*id)->name);
            cr_assert_not_null(strstr(result.output, option), "%s does not explain %s", all[i]->name, option);
        }
        for (char *line = strtok(result.output, "\n"); line != NULL; line = strtok(NULL, "\n"))
            cr_assert_leq(strlen(line), 80, "%s", line);
    }
}

Test(cli_command, the_overview_lists_every_command) {
    size_t n_commands;
    const struct command *const *all = commands(&n_commands);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&(const struct cli_setup){.words = {"help"}});

    cr_assert_eq(result.exit_code, EXIT_YES);
    for (size_t i = 0; i < n_commands; i++)
        cr_assert_not_null(strstr(result.output, all[i]->summary), "%s", all[i]->name);
}

Test(cli_command, help_has_topics_and_knows_what_was_meant) {
    CLEANUP(cli_result_deinit)
    struct cli_result codes = cli_run(&(const struct cli_setup){.words = {"help", "exit-codes"}});
    CLEANUP(cli_result_deinit)
    struct cli_result environment = cli_run(&(const struct cli_setup){.words = {"help", "environment"}});

    cr_assert_not_null(strstr(codes.output, "128+n"));
    cr_assert_not_null(strstr(environment.output, "PM_SOCKET"));
    cr_assert_not_null(strstr(environment.output, "PORTMANAGER_LEASE"));
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: there is no help on 'exit-code'\n  hint: did you mean portctl help exit-codes?\n", "help",
               "exit-code");
}

Test(cli_command, the_version_is_told) {
    ASSERT_RUN(EXIT_YES, "portctl " PM_VERSION "\n", "", "--version");
}

static struct cli start_hold(const char *option) {
    const struct cli_setup setup = {.words = {"hold", "web", option}, ENVIRONMENT};
    return cli_start(&setup);
}

Test(cli_command, the_old_name_of_hold_still_holds) {
    const struct cli cli = cli_start(&(const struct cli_setup){.words = {"loop", "web"}, ENVIRONMENT});
    cli_wait_for_output(&cli, "8001\n");
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, EXIT_YES, "%s", result.errors);
}

/* ---- --wait */

#define TAKEN                                                                                                          \
    "{\"type\":\"urn:portmanager:problem:port-taken\",\"detail\":\"Port 8001 is taken: nc (pid 4) listens on it.\"}"

Test(cli_command, wait_asks_again_until_the_port_is_free) {
    RESTART({"POST /alloc", 409, TAKEN, 2, NULL},
            {"POST /alloc", 503, "{\"type\":\"urn:portmanager:problem:range-full\",\"detail\":\"None.\"}", 1, NULL},
            {"POST /alloc", 200, GRANTED("[]"), 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "portctl: waiting: port 8001 is taken: nc (pid 4) listens on it\n", "alloc", "web",
               "--port", "8001", "--wait", "1m", "-v");
}

Test(cli_command, wait_that_runs_out_is_124_and_says_what_was_in_the_way) {
    RESTART({"POST /alloc", 409, TAKEN, 0, NULL});
    ASSERT_RUN(EXIT_WAITED, "", "portctl: no port after 1s: port 8001 is taken: nc (pid 4) listens on it\n", "alloc",
               "web", "--port", "8001", "--wait", "1");
}

/* A mistake does not get better by waiting. */
Test(cli_command, wait_is_for_ports_that_may_come_free_and_for_nothing_else) {
    RESTART({"POST /alloc", 403, "{\"type\":\"urn:portmanager:problem:port-privileged\",\"detail\":\"No.\"}", 0, NULL});
    ASSERT_RUN(EXIT_NOT_ALLOWED, "", "portctl: no\n", "alloc", "web", "--port", "80", "--wait", "1h");
}

Test(cli_command, wait_ends_at_a_signal) {
    RESTART({"POST /alloc", 409, TAKEN, 0, NULL});
    const struct cli cli = cli_start(
        &(const struct cli_setup){.words = {"hold", "web", "--port", "8001", "--wait", "1h", "-v"}, ENVIRONMENT});
    cli_wait_for_errors(&cli, "waiting");
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, EXIT_NO);
    cr_assert_not_null(strstr(result.errors, "stopped before a port was granted"));
}

Test(cli_command, hold_holds_a_port_until_it_is_told_to_stop) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        const struct cli cli = start_hold(NULL);
        cli_wait_for_output(&cli, "8001\n");
        kill(cli.pid, signals[i]);
        CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
        cr_assert_eq(result.exit_code, EXIT_YES, "%s", result.errors);
        cr_assert_str_eq(result.output, "8001\n");
        cr_assert_str_eq(result.errors, "");

        char expected[256];
        snprintf(expected, sizeof(expected),
                 "POST /alloc {\"service_name\":\"web\",\"pid\":%d,\"asker_pid\":%d}\n"
                 "POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n",
                 cli.pid, cli.pid);
        CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
        cr_assert_not_null(strstr(requests, expected), "%s", requests);
    }
}

Test(cli_command, hold_with_json_tells_events) {
    const struct cli cli = start_hold("--json");
    cli_wait_for_output(&cli, "\"event\":\"granted\"}\n");
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);

    cr_assert_not_null(strstr(
        result.output, "{\"version\":1,\"port\":8001,\"id\":7,\"service_name\":\"web\",\"event\":\"released\"}\n"));
}

Test(cli_command, hold_ends_when_its_lease_is_gone) {
    RESTART({"POST /alloc", 200,
             "{\"lease\":{\"port\":8001,\"service_name\":\"web\",\"id\":7,\"uid\":0,\"ttl_seconds\":1}}", 0, NULL},
            {"POST /heartbeat", 404, "{\"type\":\"urn:portmanager:problem:no-such-lease\"}", 0, NULL});
    ASSERT_RUN(EXIT_NO, "8001\n",
               "portctl: the lease on port 8001 (web) is gone: portd may grant the port to others\n"
               "portctl: there is nothing left to hold\n",
               "hold", "web");
}
