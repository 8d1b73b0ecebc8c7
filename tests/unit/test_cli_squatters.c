/*
 * squatters, conflicts, claim and disown: the real portctl against a portd that says what a test wants.
 */
#include <criterion/criterion.h>
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

#define LEASE                                                                                                          \
    "{\"port\":8001,\"service_name\":\"my-api\",\"id\":7,\"uid\":1000,\"user\":\"ann\",\"state\":\"bound\","           \
    "\"kept_by\":\"listener\"}"
#define LISTENER(port, address, pid, name)                                                                             \
    "{\"address\":\"" address "\",\"port\":" port ",\"uid\":1001,\"user\":\"bob\",\"pid\":" pid ",\"process\":\"" name \
    "\",\"owners\":[]}"
#define TAKEN                                                                                                          \
    "{\"kind\":\"taken\",\"port\":8001,\"since\":\"2026-01-02T03:04:05.678Z\",\"verdict\":\"Taken.\",\"lease\":" LEASE \
    ",\"listeners\":[" LISTENER("8001", "127.0.0.1", "5", "no\\u001bde") "]}"
#define SPLIT                                                                                                          \
    "{\"kind\":\"split\",\"port\":8002,\"since\":\"2026-01-02T03:04:05.678Z\",\"verdict\":\"Split.\",\"lease\":" LEASE \
    ",\"listeners\":[" LISTENER("8002", "::1", "null", "x") "," LISTENER("8002", "127.0.0.1", "6", "nginx") "]}"
#define UNLEASED "{\"kind\":\"unleased\",\"port\":8003,\"since\":null,\"verdict\":null,\"lease\":null,\"listeners\":[]}"
#define IGNORED(port)                                                                                                  \
    "{\"kind\":\"unleased\",\"port\":" port ",\"ignored\":true,\"since\":null,\"verdict\":null,\"lease\":null,"        \
    "\"listeners\":[" LISTENER(port, "127.0.0.1", "9", "pyt\\u001bhon") "]}"
#define NEWER "{\"kind\":\"cursed\",\"port\":8004}"

static const struct fake_portd_setup ordinary = {
    .answers = {{"GET /squatters ", 200, "{\"squatters\":[" TAKEN "," SPLIT "," UNLEASED "," NEWER "]}", 0, NULL},
                {"GET /conflicts ", 200, "{\"conflicts\":[" TAKEN "," SPLIT "]}", 0, NULL},
                {"POST /claim ", 200, "{\"port\":8001,\"lease\":" LEASE ",\"created\":true,\"listeners\":[]}", 0,
                 "service_name"},
                {"POST /claim ", 200, "{\"port\":8001,\"lease\":" LEASE ",\"created\":false,\"listeners\":[]}", 0,
                 NULL},
                {"POST /disown ", 200,
                 "{\"port\":8001,\"lease\":" LEASE ",\"listeners\":[" LISTENER(
                     "8001", "::", "5", "node") ",{\"address\":\"0.0.0.0\",\"port\":8001,\"pid\":4,\"process\":\"own\","
                                                "\"evidence\":{\"level\":\"confirmed\"}}]}",
                 0, NULL}},
    .socket = SOCKET};

static struct fake_portd portd;

static void enter(void) {
    sandbox_enter();
    portd = fake_portd_start(&ordinary);
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_squatters, .init = enter, .fini = leave);

static void restart(const struct fake_portd_setup *setup) {
    fake_portd_stop(&portd);
    portd = fake_portd_start(setup);
}

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

#define TAKEN_LINE "8001\ttaken\t127.0.0.1\tno?de\t5\tbob\tmy-api\tann\t2026-01-02T03:04:05.678Z\tTaken.\n"
#define SPLIT_LINES                                                                                                    \
    "8002\tsplit\t::1\t-\t-\tbob\tmy-api\tann\t2026-01-02T03:04:05.678Z\tSplit.\n"                                     \
    "8002\tsplit\t127.0.0.1\tnginx\t6\tbob\tmy-api\tann\t2026-01-02T03:04:05.678Z\tSplit.\n"

Test(cli_squatters, in_a_pipe_it_is_a_line_a_socket_and_always_a_yes) {
    ASSERT_RUN(EXIT_YES,
               TAKEN_LINE SPLIT_LINES "8003\tunleased\t-\t-\t-\t-\t-\t-\t-\t-\n8004\tcursed\t-\t-\t-\t-\t-\t-\t-\t-\n",
               "", "squatters");
    ASSERT_RUN(EXIT_YES, "8001\n8002\n8003\n8004\n", "", "squatters", "-q");
}

Test(cli_squatters, conflicts_are_a_no_for_a_script) {
    static const struct fake_portd_setup none = {.answers = {{"GET /conflicts ", 200, "{\"conflicts\":[]}", 0, NULL}},
                                                 .socket = SOCKET};

    ASSERT_RUN(EXIT_NO, TAKEN_LINE SPLIT_LINES, "", "conflicts");
    ASSERT_RUN(EXIT_NO, "8001\n8002\n", "", "conflicts", "-q");
    ASSERT_RUN(EXIT_NO, "{\"version\":1,\"conflicts\":[" TAKEN "," SPLIT "]}\n", "", "conflicts", "--json");
    restart(&none);
    ASSERT_RUN(EXIT_YES, "", "", "conflicts");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"conflicts\":[]}\n", "", "conflicts", "--json");
}

Test(cli_squatters, an_answer_without_a_list_is_no_answer) {
    static const struct fake_portd_setup wrong = {.answers = {{"GET /", 200, "{}", 0, NULL}}, .socket = SOCKET};

    restart(&wrong);
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's list of squatters is none\n", "squatters");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's list of conflicts is none\n", "conflicts");
}

/* ---- ignoring ---- */

static const struct fake_portd_setup ignoring = {
    .answers = {{"GET /squatters ", 200, "{\"squatters\":[" TAKEN "," IGNORED("8005") "," IGNORED("8006") "]}", 0,
                 NULL},
                {"GET /conflicts ", 200, "{\"conflicts\":[" IGNORED("8005") "]}", 0, NULL},
                {"POST /ignore ", 404,
                 "{\"type\":\"urn:portmanager:problem:not-squatted\",\"detail\":\"There is none.\"}", 0, "9999"},
                {"POST /ignore ", 507, "{\"type\":\"urn:portmanager:problem:not-stored\",\"detail\":\"It could not.\"}",
                 0, "9998"},
                {"POST /ignore ", 200, "{\"port\":8007,\"ignored\":true,\"findings\":[]}", 0, "8007"},
                {"POST /ignore ", 200, "{\"port\":8008}", 0, "8008"},
                {"POST /ignore ", 200, "{\"port\":8005,\"ignored\":true,\"findings\":[" IGNORED("8005") "]}", 0, NULL}},
    .socket = SOCKET};

#define IGNORED_LINE(port) port "\tunleased\t127.0.0.1\tpyt?hon\t9\tbob\t-\t-\t-\t-\n"

Test(cli_squatters, who_is_ignored_is_left_out_and_counted) {
    restart(&ignoring);
    ASSERT_RUN(EXIT_YES, TAKEN_LINE, "2 ignored: portctl squatters --all\n", "squatters");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "squatters", "-q");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"squatters\":[" TAKEN "]}\n", "", "squatters", "--json");
    ASSERT_RUN(EXIT_YES, "", "1 ignored: portctl conflicts --all\n", "conflicts");
    ASSERT_RUN(EXIT_YES, "", "", "conflicts", "-q");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"conflicts\":[]}\n", "", "conflicts", "--json");
}

Test(cli_squatters, with_all_they_are_there_and_count) {
    restart(&ignoring);
    ASSERT_RUN(EXIT_YES, TAKEN_LINE IGNORED_LINE("8005") IGNORED_LINE("8006"), "", "squatters", "--all");
    ASSERT_RUN(EXIT_YES, "8001\n8005\n8006\n", "", "squatters", "-qa");
    ASSERT_RUN(EXIT_NO, IGNORED_LINE("8005"), "", "conflicts", "--all");
    ASSERT_RUN(EXIT_NO, "{\"version\":1,\"conflicts\":[" IGNORED("8005") "]}\n", "", "conflicts", "--all", "--json");
}

Test(cli_squatters, ignore_says_whom) {
    restart(&ignoring);
    ASSERT_RUN(EXIT_YES, "Ignored port: 8005 (pyt?hon)\n", "", "ignore", "8005");
    ASSERT_RUN(EXIT_YES, "No longer ignored port: 8005 (pyt?hon)\n", "", "ignore", "8005", "--undo");
    ASSERT_RUN(EXIT_YES, "8005\n", "", "ignore", "-q", "8005");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"port\":8005,\"ignored\":true,\"findings\":[" IGNORED("8005") "]}\n", "",
               "ignore", "8005", "--json");
    ASSERT_RUN(EXIT_YES, "Ignored port: 8007 (hidden)\n", "", "ignore", "8007");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "POST /ignore {\"port\":8005,\"ignored\":true}\n"
                               "POST /ignore {\"port\":8005,\"ignored\":false}\n"
                               "POST /ignore {\"port\":8005,\"ignored\":true}\n"
                               "POST /ignore {\"port\":8005,\"ignored\":true}\n"
                               "POST /ignore {\"port\":8007,\"ignored\":true}\n");
}

Test(cli_squatters, ignore_without_a_squatter_or_without_room_is_a_no) {
    restart(&ignoring);
    ASSERT_RUN(EXIT_NO, "", "portctl: there is none\n", "ignore", "9999");
    ASSERT_RUN(EXIT_NO, "", "portctl: it could not\n", "ignore", "9998");
    ASSERT_RUN(EXIT_UNREACHABLE, "", "portctl: portd's answer holds no findings\n", "ignore", "8008");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: ignore wants a port\n  hint: portctl ignore PORT [options]\n", "ignore");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: web is no port: they go from 1 to 65535\n  hint: portctl lookup tells the port of a name\n",
               "ignore", "web");
}

Test(cli_squatters, on_a_terminal_it_is_words_and_glyphs_of_any_width) {
    struct terminal_setup setup = {.words = {"squatters"}, .socket = SOCKET, .columns = 100};
    CLEANUP(terminal_result_deinit) struct terminal_result wide = terminal_run(&setup);
    cr_assert_not_null(strstr(wide.text, "PORT  KIND        LEASE   PROCESS   PID  USER  ADDRESS"), "%s", wide.text);
    cr_assert_not_null(strstr(wide.text, "8001  ✕ squatted  my-api  no?de       5  bob   127.0.0.1"), "%s", wide.text);
    cr_assert_not_null(strstr(wide.text, "8002  ⇄ split     my-api  ? hidden    -  bob   ::1"), "%s", wide.text);
    cr_assert_not_null(strstr(wide.text, "8003  ! unleased"), "%s", wide.text);
    cr_assert_not_null(strstr(wide.text, "8004  cursed"), "%s", wide.text);

    setup.columns = 40;
    CLEANUP(terminal_result_deinit) struct terminal_result narrow = terminal_run(&setup);
    cr_assert_leq(terminal_widest_line(narrow.text), 40, "%s", narrow.text);
}

Test(cli_squatters, claim_makes_a_lease_or_confirms_one) {
    ASSERT_RUN(EXIT_YES, "Claimed port: 8001 (my-api, kept while its port listens)\n", "", "claim", "8001", "my-api");
    ASSERT_RUN(EXIT_YES, "Confirmed port: 8001 (my-api, kept while its port listens)\n", "", "claim", "8001");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "claim", "8001", "-q");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "POST /claim {\"port\":8001,\"service_name\":\"my-api\"}\n"
                               "POST /claim {\"port\":8001}\nPOST /claim {\"port\":8001}\n");
}

Test(cli_squatters, claim_without_a_name_where_one_is_needed_says_so) {
    static const struct fake_portd_setup wants = {
        .answers = {{"POST /claim ", 422, "{\"type\":\"urn:portmanager:problem:missing-key\",\"detail\":\"x\"}", 1,
                     NULL},
                    {"POST /claim ", 403,
                     "{\"type\":\"urn:portmanager:problem:not-your-listener\",\"detail\":\"Bob's.\"}", 1, NULL},
                    {"POST /claim ", 404, "{\"type\":\"urn:portmanager:problem:not-listening\",\"detail\":\"Nobody.\"}",
                     1, NULL},
                    {"POST /claim ", 409, "{\"type\":\"urn:portmanager:problem:port-leased\",\"detail\":\"Leased.\"}",
                     1, NULL},
                    {"POST /disown ", 409, "{\"type\":\"urn:portmanager:problem:lease-holder\",\"detail\":\"Itself.\"}",
                     1, NULL}},
        .socket = SOCKET};

    restart(&wants);
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: port 3000 has no lease yet: the new one wants a name\n  hint: portctl claim 3000 NAME\n",
               "claim", "3000");
    ASSERT_RUN(EXIT_NOT_ALLOWED, "", "portctl: bob's\n", "claim", "3000", "x");
    ASSERT_RUN(EXIT_NO, "", "portctl: nobody\n", "claim", "3000", "x");
    ASSERT_RUN(EXIT_TAKEN, "", "portctl: leased\n", "claim", "3000", "x");
    ASSERT_RUN(EXIT_NO, "", "portctl: itself\n", "disown", "3000");
}

Test(cli_squatters, disown_says_which_squatters_still_listen) {
    ASSERT_RUN(EXIT_YES, "Disowned port: 8001 (my-api, kept while its port listens)\n",
               "portctl: node (pid 5, user bob) still listens on [::]:8001\n", "disown", "8001");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "disown", "8001", "-q");
}

Test(cli_squatters, wrong_operands_ask_nobody) {
    ASSERT_RUN(EXIT_USAGE, "", "portctl: claim wants a port\n  hint: portctl claim PORT [NAME] [options]\n", "claim");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: my-api is no port: they go from 1 to 65535\n  hint: portctl lookup tells the port of a name\n",
               "claim", "my-api", "8001");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: '' is no service name\n  hint: a name is 1 to 128 bytes of UTF-8 without control characters\n",
               "claim", "8001", "");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: disown wants a port\n  hint: portctl disown PORT [options]\n", "disown");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: squatters does not know what to do with '8001'\n  hint: portctl squatters [options]\n",
               "squatters", "8001");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: there is no command 'squaters'\n  hint: did you mean portctl squatters?\n",
               "squaters");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "");
}
