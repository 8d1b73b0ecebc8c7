/*
 * env and up against a portd that says what a test wants: what is asked, what is printed, in a pipe and on a terminal, and that it is all or nothing.
 */
#include <criterion/criterion.h>
#include <stdio.h>
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

#define SOCKET SANDBOX_DIR "/p.sock"
#define SHOP   SANDBOX_DIR "/shop"

#define LEASE(port, id, name, project, holder)                                                                         \
    "{\"port\":" port ",\"service_name\":\"" name "\",\"id\":" id ",\"uid\":0,\"user\":\"root\",\"holder\":" holder    \
    ",\"project\":" project "}"
#define WEB LEASE("8001", "1", "web", "null", "null")
#define DB  LEASE("8002", "2", "db", "null", "null")
#define HMR LEASE("8003", "3", "web", "null", "null")

#define GRANT(n_reused, leases) "{\"leases\":[" leases "],\"n_reused\":" n_reused ",\"notes\":[]}"
#define BOTH                    "{\"grants\":[" GRANT("0", WEB) "," GRANT("1", DB) "]}"

static struct fake_portd portd;

static void enter(void) {
    sandbox_enter();
    cr_assert_eq(mkdir(SHOP, 0755), 0);
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_env, .init = enter, .fini = leave);

static void start(const struct fake_answer *answers, size_t n_answers) {
    struct fake_portd_setup setup = {.socket = SOCKET};

    memcpy(setup.answers, answers, n_answers * sizeof *answers);
    portd = fake_portd_start(&setup);
}

#define START(...)                                                                                                     \
    start((const struct fake_answer[]){__VA_ARGS__},                                                                   \
          sizeof((const struct fake_answer[]){__VA_ARGS__}) / sizeof(struct fake_answer))

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(                                                                                                        \
        &(const struct cli_setup){.words = {__VA_ARGS__}, .environment = {"PM_SOCKET=" SOCKET}, .directory = SHOP},    \
        exit_code, output, errors)

/* What was asked, without the asker's pid, which is this test's. */
static void assert_requests(const char *expected) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    char asker[64];
    char *at;

    snprintf(asker, sizeof asker, ",\"asker_pid\":%d", getpid());
    while ((at = strstr(requests, asker)) != NULL)
        memmove(at, at + strlen(asker), strlen(at + strlen(asker)) + 1);
    cr_assert_str_eq(requests, expected);
}

static void write_project(const char *text) {
    file_write_text(SHOP "/portmanager.json", text);
}

Test(cli_env, a_line_for_each_and_one_question) {
    START({"POST /alloc-all", 200, BOTH, 0, NULL});
    ASSERT_RUN(EXIT_YES, "WEB_PORT=8001\nPGPORT=8002\n", "", "env", "web", "db:PGPORT", "--ttl", "2h");
    assert_requests(
        "POST /alloc-all {\"services\":["
        "{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_seconds\":7200},"
        "{\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_seconds\":7200}]}\n");
}

Test(cli_env, every_format) {
    START({"POST /alloc-all", 200, BOTH, 0, NULL});
    ASSERT_RUN(EXIT_YES, "export WEB_PORT=8001\nexport DB_PORT=8002\n", "", "env", "web", "db", "--export");
    ASSERT_RUN(EXIT_YES, "WEB_PORT=8001\nDB_PORT=8002\n", "", "env", "web", "db", "--format", "dotenv");
    ASSERT_RUN(EXIT_YES, "{\"WEB_PORT\":8001,\"DB_PORT\":8002}\n", "", "env", "web", "db", "--format=json");
    ASSERT_RUN(EXIT_YES, "set -g WEB_PORT 8001\nset -g DB_PORT 8002\n", "", "env", "web", "db", "--format", "fish");
    ASSERT_RUN(EXIT_YES, "set -gx WEB_PORT 8001\nset -gx DB_PORT 8002\n", "", "env", "web", "db", "--format", "fish",
               "--export");
    ASSERT_RUN(EXIT_YES, "8001\n8002\n", "", "env", "web", "db", "-q");
    ASSERT_RUN(EXIT_YES,
               "{\"version\":1,\"services\":["
               "{\"service_name\":\"web\",\"variables\":{\"WEB_PORT\":8001},\"new\":true,\"leases\":[" WEB "]},"
               "{\"service_name\":\"db\",\"variables\":{\"DB_PORT\":8002},\"new\":false,\"leases\":[" DB
               "]}],\"notes\":[]}\n",
               "", "env", "web", "db", "--json");
}

Test(cli_env, what_runs_is_told_in_the_same_answer) {
    START({"POST /alloc-all", 200,
           "{\"grants\":[" GRANT("1", LEASE("8001", "1", "web", "null", "{\"pid\":1}")) "," GRANT("0", DB) "]}", 0,
           NULL});
    ASSERT_RUN(EXIT_YES, "WEB_PORT=8001\nDB_PORT=8002\n", "", "env", "web", "db");
    assert_requests("POST /alloc-all {\"services\":["
                    "{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true},"
                    "{\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true}]}\n");
}

/* The leases stand by slot: neither their age nor their number says which variable each is for, nor which is new. */
Test(cli_env, each_variable_has_the_port_of_its_slot) {
    write_project("{\"services\":{\"web\":{\"variables\":[\"A\",\"B\"]},\"db\":{}}}");
    START({"POST /alloc-all", 200,
           "{\"grants\":[{\"leases\":[" HMR "," WEB "],\"n_reused\":1,\"new_ids\":[3],\"notes\":[]},"
           "{\"leases\":[" DB "],\"n_reused\":1,\"new_ids\":[],\"notes\":[]}]}",
           0, NULL});
    ASSERT_RUN(EXIT_YES, "A=8003\nB=8001\nDB_PORT=8002\n", "", "env", "--global");
    ASSERT_RUN(EXIT_YES, "8003\n8001\n8002\n", "", "env", "--global", "-q");
    ASSERT_RUN(EXIT_YES, "8003\tweb\tA\tnew\n8001\tweb\tB\tnew\n8002\tdb\tDB_PORT\tkept\n", "", "up", "--global");
}

Test(cli_env, a_refusal_says_which_service_it_is_about) {
    START({"POST /alloc-all", 503,
           "{\"type\":\"urn:portmanager:problem:range-full\",\"detail\":\"Nothing is free.\",\"service_name\":\"db\","
           "\"index\":1}",
           0, NULL});
    ASSERT_RUN(EXIT_TAKEN, "(exit 4)\n", "portctl: nothing is free\n  hint: that is about db; nothing was leased\n",
               "env", "web", "db");
}

#define OLD                                                                                                            \
    { "POST /alloc-all", 404, "{\"type\":\"urn:portmanager:problem:not-found\",\"detail\":\"No.\"}", 0, NULL }

Test(cli_env, an_older_portd_is_asked_one_by_one) {
    write_project("{\"services\":{\"web\":{\"prefer\":3000},\"db\":{}}}");
    START(OLD, {"POST /alloc ", 200, "{\"leases\":[" WEB "],\"reused\":false,\"notes\":[]}", 1, NULL},
          {"POST /alloc ", 200, "{\"leases\":[" DB "],\"reused\":true,\"notes\":[]}", 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\tweb\tWEB_PORT\tnew\n8002\tdb\tDB_PORT\tkept\n", "", "up", "--global");
    assert_requests(
        "POST /alloc-all {\"services\":["
        "{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_seconds\":86400,\"prefer\":["
        "3000],\"sticky_first\":"
        "true},"
        "{\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_seconds\":86400}]}\n"
        "POST /alloc {\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"ttl_seconds\":86400,\"prefer\":3000}\n"
        "POST /alloc {\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"ttl_seconds\":86400}\n");
}

#define UNKNOWN "{\"type\":\"urn:portmanager:problem:unknown-key\",\"detail\":\"No.\",\"key\":\"reuse_held\"}"

/* It knows /alloc-all, and not that it may tell of what runs: that it refuses. */
Test(cli_env, a_portd_that_is_a_little_older_is_asked_one_by_one) {
    START({"POST /alloc-all", 422, UNKNOWN, 0, NULL},
          {"POST /alloc ", 200, "{\"leases\":[" WEB "],\"reused\":true,\"n_reused\":1,\"notes\":[]}", 0, "web"},
          {"POST /alloc ", 409, "{\"type\":\"urn:portmanager:problem:lease-held\",\"detail\":\"It runs.\"}", 0, NULL});
    ASSERT_RUN(EXIT_YES, "WEB_PORT=8001\n", "", "env", "web");
    assert_requests("POST /alloc-all {\"services\":["
                    "{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true}]}\n"
                    "POST /alloc {\"service_name\":\"web\",\"count\":1,\"reuse\":true}\n");
    ASSERT_RUN(EXIT_TAKEN, "(exit 4)\n", "portctl: it runs\n", "env", "web", "db");
}

Test(cli_env, and_gets_back_what_was_new_if_one_fails) {
    START(OLD, {"POST /alloc ", 200, "{\"leases\":[" WEB "],\"reused\":false,\"notes\":[]}", 1, NULL},
          {"POST /alloc ", 200, "{\"leases\":[" DB "],\"reused\":true,\"notes\":[]}", 1, NULL},
          {"POST /alloc ", 503, "{\"type\":\"urn:portmanager:problem:range-full\",\"detail\":\"Nothing is free.\"}", 0,
           NULL},
          {"POST /release", 200, "{\"port\":8001,\"id\":1,\"listeners\":[]}", 0, NULL});
    ASSERT_RUN(EXIT_TAKEN, "(exit 4)\n", "portctl: nothing is free\n", "env", "web", "db", "api");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_not_null(strstr(requests, "POST /release {\"port\":8001,\"id\":1}\n"), "%s", requests);
    cr_assert_null(strstr(requests, "\"port\":8002"), "%s", requests);
}

Test(cli_env, answers_that_are_none_are_no_ports) {
    START({"POST /alloc-all", 200, "{\"grants\":[]}", 0, NULL});
    ASSERT_RUN(EXIT_UNREACHABLE, "(exit 3)\n", "portctl: portd granted 0 ports for web, and not 1\n", "env", "web");
}

Test(cli_env, a_service_of_the_project_has_its_settings) {
    write_project(
        "{\"services\":{\"web\":{\"variables\":[\"A\",\"B\"],\"prefer\":[null,80],\"tags\":[\"x\"],\"ttl\":\"5m\"}}}");
    START({"POST /alloc-all", 200, "{\"grants\":[" GRANT("0", WEB "," HMR) "]}", 0, NULL});
    ASSERT_RUN(EXIT_YES, "A=8001\nB=8003\n", "", "env", "--global");
    ASSERT_RUN(EXIT_YES, "P=8001\nB=8003\n", "", "env", "web:P", "--ttl", "9", "--global");
    assert_requests(
        "POST /alloc-all {\"services\":[{\"service_name\":\"web\",\"count\":2,\"reuse\":true,\"reuse_held\":true,"
        "\"ttl_seconds\":300,\"prefer\":[null,80],\"sticky_first\":true,\"tags\":[\"x\"]}]}\n"
        "POST /alloc-all {\"services\":[{\"service_name\":\"web\",\"count\":2,\"reuse\":true,\"reuse_held\":true,"
        "\"ttl_seconds\":9,\"prefer\":[null,80],\"sticky_first\":true,\"tags\":[\"x\"]}]}\n");
}

Test(cli_env, a_name_that_was_mistyped_is_refused_as_up_refuses_it) {
    write_project("{\"services\":{\"web\":{}}}");
    START({"POST /alloc-all", 200, "{\"grants\":[" GRANT("0", WEB) "]}", 0, NULL});
    ASSERT_RUN(EXIT_NO, "(exit 1)\n", "portctl: portmanager.json has no service 'wbe'\n  hint: did you mean web?\n",
               "env", "wbe");
    ASSERT_RUN(EXIT_NO, "", "portctl: portmanager.json has no service 'wbe'\n  hint: did you mean web?\n", "env", "web",
               "wbe:P", "-q");
    assert_requests("");
    ASSERT_RUN(EXIT_YES, "OTHER_PORT=8001\n", "", "env", "other");
}

/* What is evaluated instead of the variables fails. Where nobody evaluates it there is nothing. */
Test(cli_env, a_failure_is_a_line_that_fails) {
    START({"POST /alloc-all", 503, "{\"type\":\"urn:portmanager:problem:range-full\",\"detail\":\"Nothing is free.\"}",
           0, NULL});
#define NOTHING "portctl: nothing is free\n"
    ASSERT_RUN(EXIT_TAKEN, "(exit 4)\n", NOTHING, "env", "web");
    ASSERT_RUN(EXIT_TAKEN, "(exit 4)\n", NOTHING, "env", "web", "--export");
    ASSERT_RUN(EXIT_TAKEN, "false\n", NOTHING, "env", "web", "--format", "fish");
    ASSERT_RUN(EXIT_TAKEN, "false\n", NOTHING, "env", "web", "--format", "fish", "--export");
    ASSERT_RUN(EXIT_TAKEN, "", NOTHING, "env", "web", "--format", "dotenv");
    ASSERT_RUN(EXIT_TAKEN, "", NOTHING, "env", "web", "--format", "json");
    ASSERT_RUN(EXIT_TAKEN, "", NOTHING, "env", "web", "-q");
    ASSERT_RUN(EXIT_TAKEN, "", "{\"type\":\"urn:portmanager:problem:range-full\",\"detail\":\"Nothing is free.\"}\n",
               "env", "web", "--json");
}

Test(cli_env, a_variable_that_would_tell_nothing_is_asked_for) {
    START({"POST /alloc-all", 200, "{\"grants\":[" GRANT("0", WEB) "]}", 0, NULL});
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n",
               "portctl: \xe6\x97\xa5 has no ASCII letter or digit to make a variable of\n  hint: \xe6\x97\xa5:NAME "
               "gives it one\n",
               "env", "\xe6\x97\xa5");
    assert_requests("");
    ASSERT_RUN(EXIT_YES, "JA=8001\n", "", "env", "\xe6\x97\xa5:JA");
    ASSERT_RUN(EXIT_YES, "__1_PORT=8001\n", "", "env",
               "\xe6\x97\xa5\xe6\x9c\xac"
               "1");
}

/* Only what stands behind the last colon may be a variable, and nothing of a service that is called so. */
Test(cli_env, a_name_may_have_colons) {
    write_project("{\"services\":{\"a:b\":{},\"webs\":{}}}");
    START({"POST /alloc-all", 200, "{\"grants\":[" GRANT("0", WEB) "]}", 0, NULL});
    ASSERT_RUN(EXIT_YES, "A_B_PORT=8001\n", "", "env", "a:b", "--global");
    ASSERT_RUN(EXIT_YES, "8001\ta:b\tA_B_PORT\tnew\n", "", "up", "a:b", "--global");
    assert_requests(
        "POST /alloc-all {\"services\":[{\"service_name\":\"a:b\",\"count\":1,\"reuse\":true,\"reuse_held\":true,"
        "\"ttl_seconds\":86400}]}\n"
        "POST /alloc-all {\"services\":[{\"service_name\":\"a:b\",\"count\":1,\"reuse\":true,\"reuse_held\":true,"
        "\"ttl_seconds\":86400}]}\n");
    ASSERT_RUN(EXIT_YES, "P=8001\n", "", "env", "web:x:P"); /* "web" alone would be near "webs" */
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n",
               "portctl: x:P and c:d:P have one variable, P\n  hint: c:d:NAME gives it another\n", "env", "x:P",
               "c:d:P");
}

Test(cli_env, a_variable_of_another_port_of_the_service_is_refused) {
    write_project("{\"services\":{\"web\":{\"variables\":[\"A\",\"B\"]}}}");
    START({"POST /alloc-all", 200, "{\"grants\":[" GRANT("0", WEB "," HMR) "]}", 0, NULL});
    ASSERT_RUN(EXIT_YES, "A=8001\nB=8003\n", "", "env", "web:A");
    ASSERT_RUN(
        EXIT_USAGE, "(exit 2)\n",
        "portctl: web:B: B tells another port of the service\n  hint: without :B each of its variables is told\n",
        "env", "web:B");
}

Test(cli_env, in_a_project_names_are_its_own) {
    write_project("{\"services\":{\"web\":{}}}");
    START({"POST /alloc-all", 200, "{\"grants\":[" GRANT("0", WEB) "]}", 0, NULL});
    ASSERT_RUN(EXIT_YES, "8001\n", "", "env", "-q");
    assert_requests(
        "POST /alloc-all {\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,"
        "\"project\":\"" SHOP "\",\"ttl_seconds\":86400}]}\n");
}

Test(cli_env, wrong_words_are_told_and_nobody_is_asked) {
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n",
               "portctl: env wants a name, for there is no portmanager.json here\n  hint: portctl env web "
               "db:DATABASE_PORT\n",
               "env");
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n",
               "portctl: web:1A: '1A' is no variable's name: letters, digits and _, no digit first\n  hint: "
               "NAME:VARIABLE, as in web:PORT\n",
               "env", "web:1A");
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n",
               "portctl: web:PATH: 'PATH' is a variable that programs need for something else\n  hint: "
               "NAME:VARIABLE, as in web:PORT\n",
               "env", "web:PATH");
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n", "portctl: web is there twice\n", "env", "web", "web");
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n",
               "portctl: a-b and a.b have one variable, A_B_PORT\n  hint: a.b:NAME gives it another\n", "env", "a-b",
               "a.b");
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n",
               "portctl: web and db:WEB_PORT have one variable, WEB_PORT\n  hint: db:NAME gives it another\n", "env",
               "web", "db:WEB_PORT");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: --export is for --format shell and fish\n", "env", "web", "--export",
               "--format", "json");
    ASSERT_RUN(EXIT_USAGE, "",
               "{\"type\":\"urn:portmanager:problem:usage\",\"detail\":\"--json and --format exclude each other\"}\n",
               "env", "web", "--json", "--format", "dotenv");
    ASSERT_RUN(EXIT_USAGE, "(exit 2)\n",
               "portctl: --ttl 5x is no time\n  hint: 90, 90s, 5m, 2h or 1d; at least one second\n", "env", "web",
               "--ttl", "5x");
}

Test(cli_env, without_portd_it_is_3_with_how_to_start_it) {
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        cli_run(&(const struct cli_setup){.words = {"env", "web"}, .environment = {"PM_SOCKET=" SOCKET}});

    cr_assert_eq(result.exit_code, EXIT_UNREACHABLE);
    cr_assert_str_eq(result.output, "(exit 3)\n");
    cr_assert_not_null(strstr(result.errors, "  hint: "), "%s", result.errors);
}

/* ---- up */

Test(cli_env, up_wants_a_project_and_its_services) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: there is no portmanager.json here or in a folder above\n  hint: portctl help up shows one\n",
               "up");
    write_project("{\"services\":{\"web\":{},\"db\":{}}}");
    ASSERT_RUN(EXIT_NO, "", "portctl: portmanager.json has no service 'wbe'\n  hint: did you mean web?\n", "up", "wbe");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: web is there twice\n", "up", "web", "web");
}

Test(cli_env, up_says_that_the_file_which_is_here_does_not_count) {
    START({"POST /alloc-all", 200, BOTH, 0, NULL});
    cr_assert_eq(symlink("/nowhere", SHOP "/portmanager.json"), 0);
    ASSERT_RUN(
        EXIT_NO, "",
        "portctl: there is no portmanager.json here or in a folder above\n  hint: what is called so in the project's "
        "folder is no file, or somebody else's\n",
        "up");
    cr_assert_eq(mkdir(SHOP "/empty", 0755), 0);
    ASSERT_RUN(EXIT_NO, "",
               "portctl: there is no portmanager.json here or in a folder above\n  hint: portctl help up shows one\n",
               "up", "--project", "empty");
}

static void start_shop(void) {
    write_project(
        "{\"env_file\":\".env\",\"services\":{\"web\":{\"variables\":[\"WEB_PORT\",\"HMR_PORT\"]},\"db\":{}}}");
    START({"POST /alloc-all", 200, "{\"grants\":[" GRANT("1", WEB "," HMR) "," GRANT("1", DB) "]}", 0, NULL});
}

Test(cli_env, up_writes_the_file_and_says_what_is_new) {
    start_shop();
    ASSERT_RUN(EXIT_YES, "8001\tweb\tWEB_PORT\tnew\n8003\tweb\tHMR_PORT\tnew\n8002\tdb\tDB_PORT\tkept\n", "", "up",
               "--global");
    CLEANUP(file_free_text_at) char *text = file_read(SHOP "/.env", NULL);
    cr_assert_str_eq(text, "WEB_PORT=8001\nHMR_PORT=8003\nDB_PORT=8002\n");
    ASSERT_RUN(EXIT_YES, "8001\n8003\n8002\n", "", "up", "--global", "-q");
}

Test(cli_env, up_tells_a_program_everything) {
    CLEANUP(cli_result_deinit) struct cli_result result = {0};

    start_shop();
    result = cli_run(&(const struct cli_setup){
        .words = {"up", "--global", "--json"}, .environment = {"PM_SOCKET=" SOCKET}, .directory = SHOP});
    cr_assert_eq(result.exit_code, EXIT_YES);
    cr_assert_not_null(strstr(result.output, "\"variables\":{\"WEB_PORT\":8001,\"HMR_PORT\":8003}"));
    cr_assert_not_null(
        strstr(result.output, "\"env_file\":\"" SHOP "/.env\",\"env_file_changed\":true,\"orphans\":[]}\n"));
}

#define OLD_LEASE(port, id, name, holder) LEASE(port, id, name, "\"" SHOP "\"", holder)
#define HELD                              "{\"pid\":77}"

/* `leases`: what the project has that its file does not name. */
static void assert_up_says(const char *leases, const char *errors) {
    write_project("{\"services\":{\"db\":{}}}");
    fake_portd_stop_at(&portd);
    START({"POST /alloc-all", 200, "{\"grants\":[" GRANT("1", DB) "]}", 0, NULL}, {"GET /list", 200, leases, 0, NULL});
    ASSERT_RUN(EXIT_YES, "8002\tdb\tDB_PORT\tkept\n", errors, "up");
}

#define NOT_IN_FILE(name) "portctl: note: " name " is not in portmanager.json, but this project has it leased: "

/* What it says can be pasted, and ends what it says. */
Test(cli_env, up_names_by_port_what_the_name_would_not_mean) {
    assert_up_says("[" OLD_LEASE("8001", "1", "old", "null") "," OLD_LEASE("8003", "3", "old", "null") "]",
                   NOT_IN_FILE("old") "portctl release old --all ends that\n");
    assert_up_says("[" OLD_LEASE("8001", "1", "old", "null") "," OLD_LEASE("8003", "3", "old", HELD) "]",
                   NOT_IN_FILE("old") "portctl release 8001 ends what no program holds\n");
    assert_up_says("[" OLD_LEASE("8001", "1", "old", "null") "," OLD_LEASE("8003", "3", "old", "null") "," OLD_LEASE(
                       "8004", "4", "old", HELD) "]",
                   NOT_IN_FILE("old") "portctl release 8001 8003 ends what no program holds\n");
    assert_up_says("[" OLD_LEASE("8001", "1", "-x", "null") "]", NOT_IN_FILE("-x") "portctl release 8001 ends that\n");
    /* NOLINTBEGIN(misc-misleading-bidirectional): it is what is tested */
    assert_up_says("[" OLD_LEASE("8001", "1", "x\u202ey", "null") "]",
                   NOT_IN_FILE("x?y") "portctl release 8001 ends that\n");
    /* NOLINTEND(misc-misleading-bidirectional) */
    assert_up_says("[" LEASE("8001", "1", "old", "\"/usr\"", "null") "]", "");
}

Test(cli_env, up_counts_the_ports_that_its_command_leaves) {
    char leases[8192] = "[" OLD_LEASE("8001", "1", "-x", "null");
    char ports[512] = "8001";

    for (int i = 1; i < 60; i++) {
        size_t used = strlen(leases);

        snprintf(leases + used, sizeof leases - used, "," OLD_LEASE("%d", "%d", "-x", "null"), 8001 + i, 1 + i);
        used = strlen(ports);
        if (i < 50)
            snprintf(ports + used, sizeof ports - used, " %d", 8001 + i);
    }
    strncat(leases, "]", sizeof leases - strlen(leases) - 1);
    char errors[1024];
    snprintf(errors, sizeof errors,
             NOT_IN_FILE("-x") "portctl release %s ends 50 of 60 leases, and portctl up tells the others\n", ports);
    assert_up_says(leases, errors);
}

static void assert_screen(const char *const *words, unsigned columns, const char *expected) {
    struct terminal_setup setup = {.socket = SOCKET, .columns = columns, .directory = SHOP};

    for (size_t i = 0; words[i] != NULL; i++)
        setup.words[i] = words[i];
    CLEANUP(terminal_result_deinit) struct terminal_result result = terminal_run(&setup);
    cr_assert_eq(result.exit_code, EXIT_YES, "%s", result.text);
    cr_assert_str_eq(result.text, expected);
    cr_assert_leq(terminal_widest_line(result.text), columns);
}

Test(cli_env, the_screen_of_up) {
    start_shop();
    assert_screen((const char *const[]){"up", "--global", NULL}, 80,
                  "PORT  NAME  VARIABLE  LEASE\n8001  web   WEB_PORT  new\n8003  web   HMR_PORT  new\n"
                  "8002  db    DB_PORT   kept\nWrote .env\n");
    assert_screen((const char *const[]){"up", "--global", NULL}, 20,
                  "PORT  NAME  VARIABLE\n8001  web   WEB_PORT\n8003  web   HMR_PORT\n8002  db    DB_PORT\n"
                  "Nothing new in .env\n");
}

Test(cli_env, the_screen_of_env_is_what_a_pipe_gets) {
    START({"POST /alloc-all", 200, BOTH, 0, NULL});
    assert_screen((const char *const[]){"env", "web", "db", NULL}, 80, "WEB_PORT=8001\nDB_PORT=8002\n");
}
