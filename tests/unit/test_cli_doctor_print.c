/*
 * doctor as a person and a program meet it: the real portctl against a portd that says what a test wants, true or not. In a pid
 * namespace of its own, so that what else runs on the machine is not among the findings.
 */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/problem.h"
#include "cli/table.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/fail.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/pid_namespace.h"
#include "tests/support/sandbox.h"
#include "tests/support/terminal.h"

TestSuite(cli_doctor_print, .timeout = 120);

#define FOLDER      SANDBOX_HOME "/.portmanager"
#define SOCKET      FOLDER "/portd.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define STATUS(version, range)                                                                                         \
    "{\"version\":\"" version "\",\"pid\":1,\"uid\":0,\"range\":" range ",\"excluded\":\"\",\"addresses\":"            \
    "[],\"socket\":null,\"database\":null,\"n_leases\":1,\"n_leased_in_range\":1,"                                     \
    "\"sees_bound_sockets\":true,\"warnings\":[]}"
#define RANGE "{\"min\":8000,\"max\":9000}"
#define OWNER "\"pid\":77,\"process\":\"no\\u001bde\",\"owners\":[]"
#define CONFLICT                                                                                                       \
    "{\"port\":8001,\"kind\":\"taken\",\"verdict\":\"Port 8001 is squatted: it is leased to web, but no\\u001bde "     \
    "(pid 77) listens on it.\",\"listeners\":[{\"port\":8001,\"address\":\"127.0.0.1\"," OWNER "}]}"
#define SNAPSHOT(conflicts)                                                                                            \
    "{\"portd\":{\"command\":\"portd\"},\"leases\":[],\"listeners\":[],\"squatters\":[],\"conflicts\":[" conflicts "]" \
    "}"

static struct fake_portd_setup ordinary = {.answers = {{"GET /status ", 200, STATUS(PM_VERSION, RANGE), 0, NULL},
                                                       {"GET /snapshot ", 200, SNAPSHOT(CONFLICT), 0, NULL}},
                                           .socket = SOCKET};

static void run_inside(int (*test)(void)) {
    sandbox_enter();
    setenv("SHELL", "/bin/sh", 1);
    cr_assert_eq(mkdir(FOLDER, 0700), 0);
    const int r = pid_namespace_run(test);
    if (r == PID_NAMESPACE_NOT_ALLOWED)
        cr_skip_test("there is no pid namespace to be had");
    cr_assert_eq(r, 0, "%d: what is wrong is told above", r);
}

#define INSIDE(name)                                                                                                   \
    static int be_##name(void);                                                                                        \
    Test(cli_doctor_print, name) {                                                                                     \
        run_inside(be_##name);                                                                                         \
    }                                                                                                                  \
    static int be_##name(void)

static void expect_prefix(const char *text, const char *expected) {
    if (strncmp(text, expected, strlen(expected)) != 0)
        fail_test("This was expected first:\n%s\nand this it is:\n%s", expected, text);
}

static struct cli_result run(const char *word) {
    return cli_run(&(const struct cli_setup){.words = {"doctor", word}, ENVIRONMENT});
}

/* ---- in a pipe ---- */

/* What comes behind these is of the machine: clock, kernel. */
INSIDE(in_a_pipe_it_is_a_line_a_finding_and_nothing_is_cut) {
    fake_portd_start(&ordinary);
    CLEANUP(cli_result_deinit) struct cli_result result = run(NULL);
    if (result.exit_code != EXIT_NO || result.errors[0] != '\0')
        fail_test("%d: %s", result.exit_code, result.errors);
    expect_prefix(result.output,
                  "portd\tok\tportd " PM_VERSION " answers at " SOCKET "\t-\n"
                  "socket\tok\tonly its owner can replace the socket " SOCKET "\t-\n"
                  "version\tok\tportd and portctl are both of version " PM_VERSION "\t-\n"
                  "tcp\tok\tportd has no TCP address, and is not to have one (--port 0)\t-\n"
                  "conflicts\terror\tPort 8001 is squatted: it is leased to web, but no?de (pid 77) listens on it\t"
                  "portctl stop 8001 --pid 77 --yes\n"
                  "owners\tok\tportd sees the process of every listener\t-\n"
                  "range\tok\tthe range 8000-9000 is apart from the ports of outgoing connections, 32768-60999\t-\n"
                  "reserved\tok\tnone of the range 8000-9000 is reserved for somebody else\t-\n"
                  "room\tok\t1 of the 1001 ports that portd grants are leased\t-\n"
                  "disk\tok\twhere its database is portd tells its own user and root\t-\n"
                  "original\tok\tno original PortManager runs, and none has left leases to import\t-\n");
    return 0;
}

INSIDE(quiet_is_an_exit_code) {
    struct fake_portd portd = fake_portd_start(&ordinary);
    CLEANUP(cli_result_deinit) struct cli_result result = run("-q");
    if (result.exit_code != EXIT_NO || result.output[0] != '\0' || result.errors[0] != '\0')
        fail_test("%d: %s%s", result.exit_code, result.output, result.errors);
    fake_portd_stop(&portd);
    ordinary.answers[1].body = SNAPSHOT("");
    fake_portd_start(&ordinary);
    CLEANUP(cli_result_deinit) struct cli_result well = run("-q");
    if (well.exit_code != EXIT_YES || well.output[0] != '\0' || well.errors[0] != '\0')
        fail_test("%d: %s%s", well.exit_code, well.output, well.errors);
    return 0;
}

INSIDE(json_is_one_document) {
    fake_portd_start(&ordinary);
    CLEANUP(cli_result_deinit) struct cli_result result = run("--json");
    cJSON *document = cJSON_Parse(result.output);
    const cJSON *findings = cJSON_GetObjectItem(document, "findings");
    if (result.exit_code != EXIT_NO || cJSON_GetNumberValue(cJSON_GetObjectItem(document, "version")) != 1 ||
        cJSON_GetArraySize(document) != 2 || cJSON_GetArraySize(findings) < 12 ||
        strchr(result.output, '\n') != result.output + strlen(result.output) - 1)
        fail_test("%d: %s%s", result.exit_code, result.output, result.errors);
    const cJSON *finding;
    cJSON_ArrayForEach(finding, findings) {
        const char *state = cJSON_GetStringValue(cJSON_GetObjectItem(finding, "state"));
        const cJSON *remedy = cJSON_GetObjectItem(finding, "remedy");
        const bool well = strcmp(state, "ok") == 0;
        if (cJSON_GetArraySize(finding) != 4 || !cJSON_IsString(cJSON_GetObjectItem(finding, "check")) ||
            !cJSON_IsString(cJSON_GetObjectItem(finding, "text")) || well != cJSON_IsNull(remedy) ||
            well == cJSON_IsString(remedy))
            fail_test("%s", result.output);
    }
    if (strstr(result.output,
               "{\"check\":\"conflicts\",\"state\":\"error\",\"text\":\"Port 8001 is squatted: it is leased "
               "to web, but no?de (pid 77) listens on it\",\"remedy\":\"portctl stop 8001 --pid 77 "
               "--yes\"}") == NULL)
        fail_test("%s", result.output);
    cJSON_Delete(document);
    return 0;
}

/* ---- on a terminal ---- */

static char *look(unsigned columns, const char *locale, const char *word) {
    const struct terminal_setup setup = {
        .words = {"doctor", word}, .socket = SOCKET, .columns = columns, .locale = locale};
    const struct terminal_result result = terminal_run(&setup);
    if (result.exit_code != EXIT_NO)
        fail_test("%d: %s", result.exit_code, result.text);
    return result.text;
}

INSIDE(a_terminal_shows_a_sign_a_sentence_and_the_remedy_below) {
    fake_portd_start(&ordinary);
    CLEANUP(file_free_text_at) char *screen = look(60, NULL, NULL);
    expect_prefix(screen, "✓ portd " PM_VERSION " answers at\n"
                          "  " SOCKET "\n"
                          "✓ only its owner can replace the socket\n"
                          "  " SOCKET "\n"
                          "✓ portd and portctl are both of version " PM_VERSION "\n"
                          "✓ portd has no TCP address, and is not to have one (--port\n"
                          "  0)\n"
                          "✗ Port 8001 is squatted: it is leased to web, but no?de (pid\n"
                          "  77) listens on it\n"
                          "    portctl stop 8001 --pid 77 --yes\n"
                          "✓ portd sees the process of every listener\n"
                          "✓ the range 8000-9000 is apart from the ports of outgoing\n"
                          "  connections, 32768-60999\n"
                          "✓ none of the range 8000-9000 is reserved for somebody else\n"
                          "✓ 1 of the 1001 ports that portd grants are leased\n"
                          "✓ where its database is portd tells its own user and root\n"
                          "✓ no original PortManager runs, and none has left leases to\n"
                          "  import\n");
    if (terminal_widest_line(screen) > 60)
        fail_test("%s", screen);
    return 0;
}

INSIDE(without_utf8_the_signs_are_ascii) {
    fake_portd_start(&ordinary);
    CLEANUP(file_free_text_at) char *screen = look(80, "C", NULL);
    if (strstr(screen, "\nok portd and portctl are both of version " PM_VERSION "\n") == NULL ||
        strstr(screen, "\nx  Port 8001 is squatted: it is leased to web, but no?de (pid 77) listens on it\n"
                       "    portctl stop 8001 --pid 77 --yes\n") == NULL)
        fail_test("%s", screen);
    for (const char *at = screen; *at != '\0'; at++)
        if ((unsigned char)*at > 126)
            fail_test("%s", screen);
    return 0;
}

INSIDE(colour_is_a_signs_and_only_if_it_is_asked_for) {
    fake_portd_start(&ordinary);
    CLEANUP(file_free_text_at) char *plain = look(80, NULL, NULL);
    if (strchr(plain, '\033') != NULL)
        fail_test("%s", plain);
    CLEANUP(file_free_text_at) char *coloured = look(80, NULL, "--color=always");
    if (strstr(coloured, "\033[32m✓\033[0m portd and") == NULL || strstr(coloured, "\033[1;31m✗\033[0m Port") == NULL ||
        strstr(coloured, "    \033[1mportctl stop 8001 --pid 77 --yes\033[0m\n") == NULL)
        fail_test("%s", coloured);
    return 0;
}

static int run_remedy(void *context) {
    (void)context;
    execl("/bin/sh", "sh", "-c", "portctl() { echo \"$#:$*\" > " SANDBOX_DIR "/said; }; . " SANDBOX_DIR "/remedy",
          NULL);
    return 1;
}

/* A shell is asked what it makes of the lines below the finding. */
INSIDE(on_twenty_columns_it_is_legible_and_a_remedy_still_a_command) {
    fake_portd_start(&ordinary);
    CLEANUP(file_free_text_at) char *screen = look(20, NULL, NULL);
    if (strstr(screen, "✗ Port 8001 is\n"
                       "  squatted: it is\n"
                       "  leased to web, but\n"
                       "  no?de (pid 77)\n"
                       "  listens on it\n"
                       "    portctl stop \\\n"
                       "    8001 --pid 77 \\\n"
                       "    --yes\n") == NULL ||
        terminal_widest_line(screen) > 20)
        fail_test("%s", screen);
    char *remedy = strstr(screen, "    portctl stop");
    char *end = strstr(remedy, "--yes\n") + strlen("--yes\n");
    *end = '\0';
    file_write_text(SANDBOX_DIR "/remedy", remedy);
    if (child_wait(child_start(0, run_remedy, NULL)) != 0)
        fail_test("It is no command: %s", remedy);
    CLEANUP(file_free_text_at) char *said = file_read(SANDBOX_DIR "/said", NULL);
    if (strcmp(said, "5:stop 8001 --pid 77 --yes\n") != 0)
        fail_test("%s", said);
    return 0;
}

/* A line's backslash needs room, too. */
INSIDE(a_remedy_is_broken_before_its_backslash_has_no_room) {
    fake_portd_start(&ordinary);
    CLEANUP(file_free_text_at) char *screen = look(28, NULL, NULL);
    if (strstr(screen, "    portctl stop 8001 \\\n    --pid 77 --yes\n") == NULL || terminal_widest_line(screen) > 28)
        fail_test("%s", screen);
    return 0;
}

INSIDE(one_column_is_no_reason_to_fail) {
    fake_portd_start(&ordinary);
    CLEANUP(file_free_text_at) char *screen = look(1, NULL, NULL);
    if (strstr(screen, "--yes\n") == NULL)
        fail_test("%s", screen);
    return 0;
}

/* ---- what is no portd, or none that speaks the truth ---- */

static void assert_liar(const char *status, unsigned code, const char *snapshot, const char *words) {
    struct fake_portd_setup setup = {
        .answers = {{"GET /status ", code, status, 0, NULL}, {"GET /snapshot ", 200, snapshot, 0, NULL}},
        .socket = SOCKET};
    struct fake_portd portd = fake_portd_start(&setup);
    CLEANUP(cli_result_deinit) struct cli_result result = run(NULL);
    fake_portd_stop(&portd);
    if (result.exit_code != EXIT_NO || strstr(result.output, words) == NULL || result.errors[0] != '\0')
        fail_test("\"%s\" is not found in: %d: %s%s", words, result.exit_code, result.output, result.errors);
    if (strchr(result.output, '\033') != NULL)
        fail_test("%s", result.output);
}

INSIDE(a_portd_that_lies_is_told_as_none) {
    static const char no_portd[] = "portd\terror\twhat answers at " SOCKET " is no portd";
    assert_liar("{}", 200, "{}", no_portd);
    assert_liar("[]", 200, "{}", no_portd);
    assert_liar(STATUS("1", "null"), 200, "{}", no_portd);
    assert_liar(STATUS("1", "{\"min\":9000,\"max\":8000}"), 200, "{}", no_portd);
    assert_liar(STATUS("1", "{\"min\":0,\"max\":70000}"), 200, "{}", no_portd);
    assert_liar("<html>", 200, "{}", no_portd);
    assert_liar("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", 0, "{}", no_portd);
    assert_liar("SSH-2.0-x\r\n", 0, "{}", no_portd);
    assert_liar(NULL, 200, "{}", "portd\terror\tthe answer of portd at " SOCKET " broke off");
    assert_liar("{\"detail\":\"I do not feel well.\"}", 500, "{}", "portd\terror\tI do not feel well");
    assert_liar("{\"detail\":\"\\u001b[31m\"}", 403, "{}", "portd\terror\t?[31m");
    return 0;
}

INSIDE(a_portd_that_tells_nothing_of_its_ports_is_a_warning) {
    static const char words[] = "portd\twarning\tportd tells of itself, but not of its ports: ";
    assert_liar(STATUS(PM_VERSION, RANGE), 200, NULL, words);
    assert_liar(STATUS(PM_VERSION, RANGE), 200, "{", words);
    return 0;
}

/* What is in the snapshot and has another form than it should is passed over. */
INSIDE(nonsense_in_the_snapshot_is_passed_over) {
    assert_liar(
        STATUS("0.0.1", RANGE), 200,
        "{\"leases\":{},\"listeners\":[1,null,{},{\"port\":\"x\"}],\"conflicts\":[[],{\"port\":0}],\"portd\":7}",
        "conflicts\tok\t");
    assert_liar(STATUS("0.0.1", RANGE), 200, "[]", "version\twarning\tportd is of version 0.0.1, older");
    return 0;
}

/* A remedy that ends a process is for the process that the kernel knows as this socket's: here the test, pid 1 of its namespace. */
INSIDE(a_pid_is_not_believed) {
    char lie[256];
    snprintf(lie, sizeof(lie), "{\"version\":\"0.0.1\",\"pid\":4711,\"uid\":%u,\"range\":" RANGE ",\"addresses\":[]}",
             geteuid());
    assert_liar(lie, 200, SNAPSHOT(""), "older than portctl's " PM_VERSION "\t" SANDBOX_BIN "/portd");
    assert_liar(STATUS("0.0.1", RANGE), 200, SNAPSHOT(""), "kill 1; timeout 10 tail --pid=1 -f /dev/null; ");
    return 0;
}

INSIDE(an_escape_sequence_goes_to_no_terminal) {
    assert_liar(STATUS("0.0.\\u001b[31m", RANGE), 200, SNAPSHOT(CONFLICT), "portd 0.0.?[31m answers at");
    return 0;
}

INSIDE(a_variable_that_says_it_wrongly_is_a_finding) {
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        cli_run(&(const struct cli_setup){.words = {"doctor"}, .environment = {"PM_URL=https://x"}});
    if (result.exit_code != EXIT_NO)
        fail_test("%d: %s", result.exit_code, result.errors);
    expect_prefix(result.output, "portd\terror\tPM_URL: https://x is no address of portd\tunset PM_URL\n");
    return 0;
}

/* ---- arguments ---- */

static void assert_usage(const char *first, const char *second, const char *errors) {
    cli_assert(&(const struct cli_setup){.words = {"doctor", first, second}, ENVIRONMENT}, EXIT_USAGE, "", errors);
}

Test(cli_doctor_print, what_the_command_line_says_wrongly_is_no_finding) {
    sandbox_enter();
    assert_usage("--url", "https://x",
                 "portctl: --url: https://x is no address of portd\n"
                 "  hint: portd answers on this machine only: http://localhost:3030, with the port that it has\n");
    assert_usage("now", NULL,
                 "portctl: doctor does not know what to do with 'now'\n  hint: portctl doctor [options]\n");
}
