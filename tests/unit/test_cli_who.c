/*
 * who: the real portctl against a portd that says what a test wants. What a person reads, what a program reads, and that
 * nothing that comes out of a process's name does anything to a terminal.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "src/base/text.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/terminal.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define LEASE                                                                                                          \
    "{\"port\":8001,\"service_name\":\"my-api\",\"allocated_at\":\"2026-01-02T03:04:05.678Z\",\"ttl_seconds\":300,"    \
    "\"tags\":[],\"id\":7,\"uid\":1000,\"user\":\"ann\",\"state\":\"conflict\",\"kept_by\":\"holder\","                \
    "\"expires_at\":null,\"expires_in_seconds\":null,\"holder\":{\"pid\":47001},\"evidence\":null}"
#define OWNER                                                                                                          \
    "{\"pid\":48213,\"start_time\":123456,\"uid\":1000,\"user\":\"ann\",\"process\":\"python3\","                      \
    "\"command\":\"python3 -m http.server 8001\",\"directory\":\"" SANDBOX_HOME "/demo\",\"parents\":["                \
    "{\"pid\":48101,\"process\":\"bash\"},{\"pid\":1,\"process\":\"systemd\"}],\"unit\":null,\"container\":null}"
#define WORKER                                                                                                         \
    "{\"pid\":48214,\"start_time\":123457,\"uid\":1000,\"user\":\"ann\",\"process\":\"worker\","                       \
    "\"command\":\"worker\",\"parents\":[{\"pid\":48213,\"process\":\"python3\"}]}"
#define LISTENER_OF(address, owners)                                                                                   \
    "{\"address\":\"" address "\",\"port\":8001,\"state\":\"listen\",\"inode\":4242,\"uid\":1000,\"user\":\"ann\","    \
    "\"since\":\"@\",\"since_start\":false,\"cgroup\":\"/user.slice\",\"unit\":null,\"container\":null,"               \
    "\"pid\":48213,\"process\":\"python3\",\"owners\":[" owners "],\"hidden\":null,\"service_name\":\"my-api\","       \
    "\"lease_id\":7,\"evidence\":{\"level\":\"foreign\",\"by\":\"x\",\"words\":\"it was there before the lease\"}}"
#define SQUATTED                                                                                                       \
    "{\"port\":8001,\"state\":\"conflict\",\"verdict\":\"Port 8001 is squatted: it is leased to my-api (ann), but "    \
    "python3 (pid 48213) listens on it.\",\"lease\":" LEASE ",\"listeners\":[" LISTENER_OF(                            \
        "127.0.0.1",                                                                                                   \
        OWNER) "],"                                                                                                    \
               "\"findings\":[{\"kind\":\"taken\"}],\"next\":["                                                        \
               "{\"command\":\"portctl alloc my-api --prefer 8002\",\"why\":\"another port for my-api\"},"             \
               "{\"command\":\"portctl stop 8001\",\"why\":\"stops python3\"}]}"
#define HIDDEN                                                                                                         \
    "{\"address\":\"0.0.0.0\",\"port\":80,\"state\":\"listen\",\"inode\":5,\"uid\":0,\"user\":\"root\","               \
    "\"since\":\"@\",\"since_start\":true,\"cgroup\":\"/system.slice/nginx.service\",\"unit\":\"nginx.service\","      \
    "\"container\":null,\"pid\":null,\"process\":null,\"owners\":[],\"hidden\":{\"reason\":\"other-user\","            \
    "\"why\":\"the process is root's\",\"remedy\":\"sudo portctl who 80\"},\"service_name\":null,\"evidence\":null}"
#define HIDDEN_PORT                                                                                                    \
    "{\"port\":80,\"state\":\"unmanaged\",\"verdict\":\"Port 80 is in use: a hidden process of root has it.\","        \
    "\"lease\":null,\"listeners\":[" HIDDEN "],\"findings\":[],\"next\":[]}"
#define FREE                                                                                                           \
    "{\"port\":9,\"state\":\"free\",\"verdict\":\"Port 9 is free: nobody listens on it.\",\"lease\":null,"             \
    "\"listeners\":[],\"findings\":[],\"next\":[]}"

static struct fake_portd portd;

/* "@" in the texts is four minutes ago, which no age on a screen can be off by. */
static const char *with_times(const char *text, char *made) {
    char time_text[TEXT_TIME_MAX];
    size_t used = 0;

    text_format_time(((int64_t)time(NULL) - 250) * 1000, time_text);
    for (; *text != '\0'; text++) {
        if (*text == '@')
            used += (size_t)sprintf(made + used, "%s", time_text);
        else
            made[used++] = *text;
    }
    made[used] = '\0';
    return made;
}

#define FINDING_OF(kind, inode) "{\"kind\":\"" kind "\",\"listeners\":[{\"inode\":" inode "}]}"

static const char *squatters;

static void start(const char *port_8001, const char *ports) {
    static char texts[3][65536];
    const struct fake_portd_setup setup = {
        .answers = {{"GET /who?port=8001 ", 200, with_times(port_8001, texts[0]), 0, NULL},
                    {"GET /who?port=80 ", 200, with_times(HIDDEN_PORT, texts[1]), 0, NULL},
                    {"GET /who?port=9 ", 200, FREE, 0, NULL},
                    {"GET /ports ", 200, with_times(ports, texts[2]), 0, NULL},
                    {"GET /squatters ", squatters != NULL ? 200 : 404, squatters != NULL ? squatters : "{}", 0, NULL}},
        .socket = SOCKET};

    fake_portd_stop_at(&portd);
    portd = fake_portd_start(&setup);
}

static void enter(void) {
    sandbox_enter();
    start(SQUATTED, "{\"generation\":1,\"ports\":[" HIDDEN
                    "," LISTENER_OF("127.0.0.1", OWNER) "," LISTENER_OF("::1", OWNER "," WORKER) "]}");
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_who, .init = enter, .fini = leave);

static void assert_screen(unsigned columns, int exit_code, const char *expected, const char *const *words) {
    struct terminal_setup setup = {.socket = SOCKET, .columns = columns};
    memcpy(setup.words, words, sizeof(setup.words));
    CLEANUP(terminal_result_deinit) struct terminal_result result = terminal_run(&setup);

    cr_assert_eq(result.exit_code, exit_code, "%d", result.exit_code);
    cr_assert_str_eq(result.text, expected, "%s", result.text);
}

#define ASSERT_SCREEN(columns, exit_code, expected, ...)                                                               \
    assert_screen(columns, exit_code, expected, (const char *[CLI_WORDS_MAX]){__VA_ARGS__})

static char *screen(unsigned columns, const char *word) {
    const struct terminal_setup setup = {.words = {"who", word}, .socket = SOCKET, .columns = columns};
    return terminal_run(&setup).text;
}

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

/* The lease's age is of the wall clock's time of the test: its line is left out. */
Test(cli_who, the_verdict_comes_first_and_then_the_whole_story) {
    CLEANUP(file_free_text_at) char *text = screen(120, "8001");
    char *lease = strstr(text, "  lease   my-api, ann, granted ");

    cr_assert_not_null(lease, "%s", text);
    cr_assert_not_null(strstr(lease, "; its holder (pid 47001) lives but does not listen\n"), "%s", text);
    memmove(lease, strchr(lease, '\n') + 1, strlen(strchr(lease, '\n') + 1) + 1);
    cr_assert_str_eq(text, "8001  ✕ SQUATTED: leased to my-api (ann), but python3 (pid 48213) listens on it\n"
                           "  bound   python3 -m http.server 8001, ann, in ~/demo, on 127.0.0.1:8001 since 4m ago\n"
                           "  whose   not the lease's: it was there before the lease\n"
                           "  why     systemd(1) > bash(48101) > python3(48213)\n"
                           "  next    portctl alloc my-api --prefer 8002    another port for my-api\n"
                           "          portctl stop 8001                     stops python3\n");
}

Test(cli_who, a_hidden_owner_is_told_as_hidden_with_what_would_show_it) {
    ASSERT_SCREEN(80, EXIT_YES,
                  "80  ● IN USE, WITHOUT A LEASE: a hidden process of root has it\n"
                  "  bound   a hidden process of root (uid 0), on 0.0.0.0:80 since before portd\n"
                  "          started, 4m ago\n"
                  "  hidden  the process is root's\n"
                  "          sudo portctl who 80\n"
                  "  unit    nginx.service\n",
                  "who", "80");
}

Test(cli_who, nobody_there_is_said_and_is_a_no) {
    ASSERT_SCREEN(80, EXIT_NO, "9  ○ FREE: nobody listens on it\n", "who", "9");
    ASSERT_RUN(EXIT_NO, "", "portctl: nobody listens on port 9\n", "who", "9");
    ASSERT_RUN(EXIT_NO, "", "", "who", "9", "-q");
    ASSERT_RUN(EXIT_NO, "{\"version\":1,\"who\":[" FREE "]}\n", "", "who", "9", "--json");
}

Test(cli_who, several_ports_are_a_block_each_and_one_listener_is_enough_for_a_yes) {
    ASSERT_SCREEN(80, EXIT_YES,
                  "9  ○ FREE: nobody listens on it\n"
                  "\n"
                  "80  ● IN USE, WITHOUT A LEASE: a hidden process of root has it\n"
                  "  bound   a hidden process of root (uid 0), on 0.0.0.0:80 since before portd\n"
                  "          started, 4m ago\n"
                  "  hidden  the process is root's\n"
                  "          sudo portctl who 80\n"
                  "  unit    nginx.service\n",
                  "who", "9", "80");
    ASSERT_RUN(EXIT_YES, "80\n", "", "who", "9", "80", "-q");
}

Test(cli_who, what_is_no_port_is_told_and_asks_nobody) {
    ASSERT_RUN(EXIT_USAGE, "", "portctl: 99999 is no port: they go from 1 to 65535\n", "who", "99999");
    ASSERT_RUN(EXIT_USAGE, "",
               "portctl: abc is no port: they go from 1 to 65535\n  hint: portctl lookup tells the port of a name\n",
               "who", "abc");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: 0 is no port: they go from 1 to 65535\n", "who", "8001", "0");
    ASSERT_RUN(EXIT_USAGE, "", "portctl: '' is no port: they go from 1 to 65535\n", "who", "");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "");
}

static void assert_begins(const char *line, const char *beginning) {
    cr_assert_not_null(line);
    cr_assert_eq(strncmp(line, beginning, strlen(beginning)), 0, "%s", line);
}

Test(cli_who, in_a_pipe_it_is_a_line_for_each_process_that_has_a_socket_open) {
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(const struct cli_setup){.words = {"who"}, ENVIRONMENT});
    char *line = strtok(result.output, "\n");

    assert_begins(line, "80\t0.0.0.0\tlisten\t-\t-\t-\t-\troot\t0\tnginx.service\t-\t2");
    line = strtok(NULL, "\n");
    assert_begins(line, "8001\t127.0.0.1\tlisten\tmy-api\tforeign\tpython3\t48213\tann\t1000\t-\t-\t2");
    cr_assert_not_null(strstr(line, "\t4242\t123456\tpython3 -m http.server 8001"), "%s", line);
    line = strtok(NULL, "\n");
    assert_begins(line, "8001\t::1\tlisten\tmy-api\tforeign\tpython3\t48213\t");
    line = strtok(NULL, "\n");
    assert_begins(line, "8001\t::1\tlisten\tmy-api\tforeign\tworker\t48214\t");
    cr_assert_null(strtok(NULL, "\n"));
}

Test(cli_who, without_a_port_it_is_a_table_of_all_that_listens) {
    ASSERT_SCREEN(100, EXIT_YES,
                  "PORT  ADDRESS    STATE            PROCESS       PID  USER  UNIT           SINCE\n"
                  "  80  0.0.0.0    listens          ? hidden        -  root  nginx.service  4m ago\n"
                  "8001  127.0.0.1  ✕ squats my-api  python3     48213  ann   -              4m ago\n"
                  "8001  ::1        ✕ squats my-api  python3 +1  48213  ann   -              4m ago\n",
                  "who");
    ASSERT_RUN(EXIT_YES, "80\n8001\n", "", "who", "-q");
}

Test(cli_who, in_the_table_what_is_wrong_stands_out) {
    squatters = "{\"squatters\":[" FINDING_OF("unleased", "5") "," FINDING_OF("split", "4242") "]}";
    start("{}", "{\"ports\":[" HIDDEN "," LISTENER_OF("127.0.0.1", OWNER) "]}");
    ASSERT_SCREEN(100, EXIT_YES,
                  "PORT  ADDRESS    STATE           PROCESS     PID  USER  UNIT           SINCE\n"
                  "  80  0.0.0.0    ! unleased      ? hidden      -  root  nginx.service  4m ago\n"
                  "8001  127.0.0.1  ⇄ split my-api  python3   48213  ann   -              4m ago\n",
                  "who");
}

Test(cli_who, two_sockets_of_one_process_are_one_party_and_its_workers_are_named) {
    start("{\"port\":8001,\"state\":\"unleased\",\"lease\":null,\"listeners\":[" LISTENER_OF(
              "127.0.0.1", OWNER "," WORKER) "," LISTENER_OF("::1", OWNER) "]}",
          "{}");
    ASSERT_SCREEN(
        120, EXIT_YES,
        "8001  ! UNLEASED: somebody has it\n"
        "  bound   python3 -m http.server 8001, ann, in ~/demo, on 127.0.0.1:8001 and [::1]:8001 since 4m ago\n"
        "  whose   not the lease's: it was there before the lease\n"
        "  why     systemd(1) > bash(48101) > python3(48213)\n"
        "  also    worker(48214) has the same socket open\n",
        "who", "8001");
}

Test(cli_who, the_word_before_the_verdict_is_not_in_it_again) {
    start(
        "{\"port\":8001,\"state\":\"bound\",\"verdict\":\"Port 8001 is in use by my-api (ann): node (pid 5) listens.\","
        "\"next\":[{\"command\":\"portctl claim 8001 a-name-of-length\",\"why\":\"leases the port to what "
        "listens on it\"}]}",
        "{}");
    ASSERT_SCREEN(48, EXIT_NO,
                  "8001  ● IN USE: by my-api (ann): node (pid 5)\n"
                  "          listens\n"
                  "  next    portctl claim 8001 a-name-of-length\n"
                  "            leases the port to what listens on\n"
                  "            it\n",
                  "who", "8001");
}

Test(cli_who, who_has_only_bound_a_port_is_called_inactive_and_the_root_cgroup_is_no_place) {
    start("{\"port\":8001,\"state\":\"unleased\",\"verdict\":\"It is bound.\",\"findings\":[{\"kind\":\"inactive\"}],"
          "\"listeners\":[{\"address\":\"::\",\"port\":8001,\"state\":\"bound\",\"cgroup\":\"/\"}]}",
          "{}");
    ASSERT_SCREEN(80, EXIT_YES,
                  "8001  ! INACTIVE: It is bound\n"
                  "  bound   a hidden process of an unknown user, on [::]:8001 (bound, not\n"
                  "          listening)\n",
                  "who", "8001");
}

Test(cli_who, words_of_a_newer_portd_are_shown_as_they_are_and_what_it_leaves_out_is_left_out) {
    start("{\"port\":8001,\"state\":\"haunted\",\"verdict\":\"Boo.\",\"listeners\":[{\"address\":\"::\",\"port\":8001,"
          "\"evidence\":{\"level\":\"spooky\",\"by\":\"a feeling\"}},5,{}],\"findings\":[{\"kind\":\"new\"}],"
          "\"next\":[{\"command\":\"run\"},{},7]}",
          "{}");
    ASSERT_SCREEN(80, EXIT_YES,
                  "8001  HAUNTED: Boo\n"
                  "  bound   a hidden process of an unknown user, on [::]:8001\n"
                  "  whose   the lease's, spooky: a feeling\n"
                  "  next    run\n",
                  "who", "8001");
    start("{}", "{}");
    ASSERT_SCREEN(80, EXIT_NO, "8001  nobody listens on it\n", "who", "8001");
    ASSERT_RUN(EXIT_NO, "", "", "who");
}

/* 4 KiB, with escape sequences, a bell, C1 controls and characters that turn the direction of text. */
static char *make_hostile_answer(void) {
    static const char evil[] = "\\u001b]0;pwned\\u0007\\u001b[2J\\u009b31m\\u202eevil\\u2066\\n\\t";
    char *name = calloc(1, 8192);
    char *answer = calloc(1, 65536);

    while (strlen(name) < 4096)
        strcat(name, evil);
    sprintf(answer,
            "{\"port\":8001,\"state\":\"%.800s\",\"verdict\":\"%s\",\"lease\":{\"port\":8001,\"service_name\":\"%s\","
            "\"id\":1,\"uid\":1,\"user\":\"%s\",\"state\":\"x\"},\"listeners\":[{\"address\":\"%s\",\"port\":8001,"
            "\"user\":\"%s\",\"uid\":1,\"unit\":\"%s\",\"container\":{\"runtime\":\"%s\"},\"owners\":[{\"pid\":5,"
            "\"process\":\"%s\",\"command\":\"%s\",\"directory\":\"%s\",\"parents\":[{\"pid\":1,\"process\":\"%s\"}]}],"
            "\"evidence\":{\"level\":\"%s\",\"words\":\"%s\"}}],\"next\":[{\"command\":\"%.200s\",\"why\":\"%s\"}]}",
            evil, name, evil, evil, evil, evil, name, evil, name, name, name, name, evil, name, evil, evil);
    free(name);
    return answer;
}

static void assert_harmless(const char *text) {
    /* U+202E, U+2066 and a C1 control, byte by byte: clang-tidy believes nobody who has them in a string. */
    static const char turning[][4] = {
        {'\xe2', '\x80', '\xae', '\0'}, {'\xe2', '\x81', '\xa6', '\0'}, {'\xc2', '\x9b', '\0', '\0'}};

    for (const char *at = text; *at != '\0'; at++)
        cr_assert((unsigned char)*at >= ' ' || *at == '\n' || *at == '\t', "byte %d in %s", *at, text);
    for (size_t i = 0; i < sizeof(turning) / sizeof(turning[0]); i++)
        cr_assert_null(strstr(text, turning[i]), "%s", text);
}

Test(cli_who, a_hostile_name_is_shown_harmless_and_does_not_fill_the_screen) {
    char *answer = make_hostile_answer();
    start(answer, "{}");
    CLEANUP(file_free_text_at) char *text = screen(80, "8001");

    assert_harmless(text);
    cr_assert_not_null(strstr(text, "evil"));
    cr_assert_leq(terminal_widest_line(text), 80, "%s", text);
    cr_assert_lt(strlen(text), 16384);
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(const struct cli_setup){.words = {"who", "8001"}, ENVIRONMENT});
    assert_harmless(result.output);
    free(answer);
}

Test(cli_who, no_line_is_wider_than_the_terminal) {
    static const unsigned widths[] = {3, 10, 20, 39, 40, 80};

    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        CLEANUP(file_free_text_at) char *text = screen(widths[i], "8001");
        CLEANUP(file_free_text_at) char *table = screen(widths[i], NULL);
        cr_assert_leq(terminal_widest_line(text), widths[i], "%u: %s", widths[i], text);
        if (widths[i] >= 10)
            cr_assert_leq(terminal_widest_line(table), widths[i], "%u: %s", widths[i], table);
    }
}
