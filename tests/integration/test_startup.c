/*
 * The start and the end of portd: its options, what it says and when, what it refuses to start on, and what it leaves behind.
 * Its database is test_database.c's.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/netns.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"

#define SOCKET SANDBOX_HOME "/.portmanager/portd.sock"

TestSuite(startup, .timeout = 300);

static void assert_exits(const struct daemon_setup *setup, int exit_code, const char *words) {
    CLEANUP(daemon_run_deinit) struct daemon_run run = daemon_run(setup);
    cr_expect_eq(run.exit_code, exit_code, "%d: %s%s", run.exit_code, run.output, run.errors);
    cr_expect(strstr(run.errors, words), "\"%s\" is missing: %s", words, run.errors);
    /* A sentence, and no more than a few lines of it. */
    cr_expect(strncmp(run.errors, "portd: ", 7) == 0, "%s", run.errors);
    cr_expect_null(strstr(run.output, "Listening"), "%s", run.output);
}

/* ---- options ---- */

Test(startup, the_help_names_every_option_with_its_variable) {
    static const char *const words[] = {"--port",      "--socket",   "--db",        "--range",     "--exclude",
                                        "--log-level", "--help",     "--version",   "PM_DB",       "PM_API_PORT",
                                        "PM_SOCKET",   "PM_EXCLUDE", "PM_PORT_MIN", "PM_PORT_MAX", "PM_LOG_LEVEL"};
    sandbox_enter();
    CLEANUP(daemon_run_deinit) struct daemon_run run = daemon_run(&(struct daemon_setup){.arguments = {"--help"}});
    cr_assert_eq(run.exit_code, 0);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        cr_expect(strstr(run.output, words[i]), "%s", words[i]);
    cr_assert_str_empty(run.errors);
    CLEANUP(daemon_run_deinit)
    struct daemon_run version = daemon_run(&(struct daemon_setup){.arguments = {"--version"}});
    cr_assert_eq(version.exit_code, 0);
    cr_assert_eq(strncmp(version.output, "portd ", 6), 0);
    cr_assert_not(file_exists(SANDBOX_HOME "/.portmanager"), "asking for help makes nothing");
}

Test(startup, a_wrong_option_gets_its_own_sentence) {
    static const struct {
        const char *arguments[3];
        const char *words;
    } rows[] = {
        {{"--port", "65536"}, "--port must be"},
        {{"--port", "-1"}, "--port must be"},
        {{"--port", "http"}, "\"http\""},
        {{"--port", "3030x"}, "\"3030x\""},
        {{"--port", ""}, "--port must be"},
        {{"--port"}, "--port needs a value"},
        {{"--prot", "3030"}, "did you mean --port?"},
        {{"--range", "9000-8000"}, "9000-8000 ends before it starts"},
        {{"--range", "0-9000"}, "--range must be"},
        {{"--range", "8000-65536"}, "--range must be"},
        {{"--range", "8000"}, "--range must be"},
        {{"--range", "8000-"}, "--range must be"},
        {{"--range", "-9000"}, "--range must be"},
        {{"--range", "8000-9000-9500"}, "--range must be"},
        {{"--range", "8000 - 9000"}, "--range must be"},
        {{"--exclude", "8080,x"}, "goes wrong at \"x\""},
        {{"--exclude", "0"}, "--exclude must be"},
        {{"--exclude", "65536"}, "--exclude must be"},
        {{"--exclude", "9000-8000"}, "--exclude must be"},
        {{"--log-level", "loud"}, "--log-level must be error, warning, info or debug"},
        {{"--db", ""}, "--db must be a path"},
        {{"--socket", ""}, "--socket must be a path"},
        {{"--nonsense"}, "--nonsense"},
        {{"-x"}, "-x"},
        {{"serve"}, "\"serve\""},
        {{"--", "serve"}, "\"serve\""},
    };
    sandbox_enter();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_exits(&(struct daemon_setup){.arguments = {rows[i].arguments[0], rows[i].arguments[1]}}, 2,
                     rows[i].words);
    cr_assert_not(file_exists(SANDBOX_HOME "/.portmanager"), "a wrong option makes nothing");
}

Test(startup, a_wrong_variable_gets_its_own_sentence) {
    static const struct {
        const char *environment[3];
        const char *words;
    } rows[] = {
        {{"PM_API_PORT=web"}, "PM_API_PORT must be"},
        {{"PM_PORT_MIN=0"}, "PM_PORT_MIN must be a port from 1 to 65535"},
        {{"PM_PORT_MAX=65536"}, "PM_PORT_MAX must be"},
        {{"PM_PORT_MIN=9001"}, "9001-9000 ends before it starts"},
        {{"PM_PORT_MIN=9000", "PM_PORT_MAX=8000"}, "9000-8000 ends before it starts"},
        {{"PM_EXCLUDE=a"}, "PM_EXCLUDE must be"},
        {{"PM_LOG_LEVEL=loud"}, "PM_LOG_LEVEL must be"},
    };
    sandbox_enter();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_exits(&(struct daemon_setup){.environment = {rows[i].environment[0], rows[i].environment[1]}}, 2,
                     rows[i].words);
}

struct settings {
    const char *database;
    const char *socket;
    unsigned port;
    unsigned min;
    unsigned max;
    const char *excluded;
};

/* What it says at the start, and what it answers, are the settings. */
static void assert_settings(const struct daemon_setup *setup, const struct settings *expected) {
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(setup);
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    cr_expect_str_eq(daemon.socket, expected->socket);
    cr_expect_eq(daemon.port, expected->port);
    CLEANUP(http_reply_deinit) struct http_reply status = caller_get(&me, "/status");
    cr_expect_str_eq(json_text_at(status.json, "database"), expected->database);
    cr_expect_str_eq(json_text_at(status.json, "socket"), expected->socket);
    cr_expect_eq(json_number_at(status.json, "range.min"), expected->min);
    cr_expect_eq(json_number_at(status.json, "range.max"), expected->max);
    cr_expect_str_eq(json_text_at(status.json, "excluded"), expected->excluded);
    cr_expect(file_exists(expected->database) && file_exists(expected->socket));

    CLEANUP(file_free_text_at) char *output = daemon_output(&daemon);
    char words[128];
    snprintf(words, sizeof(words), "%s\n", expected->database);
    cr_expect(strstr(output, words), "%s", output);
    snprintf(words, sizeof(words), "%u-%u\n", expected->min, expected->max);
    cr_expect(strstr(output, words), "%s", output);
    snprintf(words, sizeof(words), "Listening  http://[::1]:%u\n", expected->port);
    cr_expect(strstr(output, words), "%s", output);
}

Test(startup, without_options_it_is_at_home) {
    sandbox_enter();
    assert_settings(&(struct daemon_setup){0},
                    &(struct settings){SANDBOX_HOME "/.portmanager/leases.db", SOCKET, 3030, 8000, 9000, ""});
}

Test(startup, each_option_has_a_twin_in_the_environment_and_wins_over_it) {
    sandbox_enter();
    const struct daemon_setup by_environment = {
        .environment = {"PM_API_PORT=4040", "PM_SOCKET=" SANDBOX_DIR "/e/s", "PM_DB=" SANDBOX_DIR "/e/db",
                        "PM_PORT_MIN=20000", "PM_PORT_MAX=20010", "PM_EXCLUDE=20001", "PM_LOG_LEVEL=debug"}};
    const struct settings environment = {SANDBOX_DIR "/e/db", SANDBOX_DIR "/e/s", 4040, 20000, 20010, "20001"};
    assert_settings(&by_environment, &environment);

    struct daemon_setup by_both = by_environment;
    const char *const arguments[] = {"--port",           "4041",        "--socket",
                                     SANDBOX_DIR "/a/s", "--db",        SANDBOX_DIR "/a/db",
                                     "--range",          "21000-21010", "--exclude=21001-21002"};
    memcpy(by_both.arguments, arguments, sizeof(arguments));
    const struct settings option = {SANDBOX_DIR "/a/db", SANDBOX_DIR "/a/s", 4041, 21000, 21010, "21001-21002"};
    assert_settings(&by_both, &option);
}

Test(startup, an_empty_variable_counts_as_unset) {
    sandbox_enter();
    assert_settings(&(struct daemon_setup){.environment = {"PM_API_PORT=", "PM_DB=", "PM_PORT_MIN=", "PM_EXCLUDE="}},
                    &(struct settings){SANDBOX_HOME "/.portmanager/leases.db", SOCKET, 3030, 8000, 9000, ""});
}

Test(startup, the_socket_is_in_the_runtime_directory_where_there_is_one) {
    sandbox_enter();
    cr_assert_eq(mkdir(SANDBOX_DIR "/run", 0700), 0);
    assert_settings(&(struct daemon_setup){.environment = {"XDG_RUNTIME_DIR=" SANDBOX_DIR "/run"}},
                    &(struct settings){SANDBOX_HOME "/.portmanager/leases.db", SANDBOX_DIR "/run/portmanager.sock",
                                       3030, 8000, 9000, ""});
    assert_settings(&(struct daemon_setup){.environment = {"XDG_RUNTIME_DIR=" SANDBOX_DIR "/gone"}},
                    &(struct settings){SANDBOX_HOME "/.portmanager/leases.db", SOCKET, 3030, 8000, 9000, ""});
}

/* ---- listening ---- */

Test(startup, what_it_says_it_listens_on_answers_at_once) {
    sandbox_enter();
    for (int i = 0; i < 10; i++) {
        CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
        for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
            const struct caller me = {.daemon = &daemon, .channel = channel};
            CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(&me, "/healthz");
            assert_status(reply, 200);
            cr_assert_str_eq(json_text_at(reply.json, "status"), "ok");
            cr_assert_eq(json_number_at(reply.json, "pid"), (uint64_t)daemon.pid);
        }
    }
}

Test(startup, port_0_is_no_tcp_at_all) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){.arguments = {"--port", "0"}});
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    CLEANUP(http_reply_deinit) struct http_reply status = caller_get(&me, "/status");
    cr_assert_eq(json_size_at(status.json, "addresses"), 0);
    CLEANUP(file_free_text_at) char *output = daemon_output(&daemon);
    cr_assert_null(strstr(output, "http://"), "%s", output);
    CLEANUP(file_free_text_at) char *listeners = file_read("/proc/self/net/tcp", NULL);
    CLEANUP(file_free_text_at) char *listeners6 = file_read("/proc/self/net/tcp6", NULL);
    cr_assert_null(strstr(listeners, " 0A "), "%s", listeners);
    cr_assert_null(strstr(listeners6, " 0A "), "%s", listeners6);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"a\",\"port\":3030}"), 3030);
}

/* What portd is to call him; `words` has room for 64 bytes. */
static const char *name_of(const struct holder *stranger, char *words) {
    snprintf(words, 64, sandbox_shows_processes() ? "holder (pid %d)" : "a process of uid", stranger->pid);
    return words;
}

Test(startup, a_stranger_on_its_port_is_named) {
    sandbox_enter();
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "0.0.0.0", .port = DAEMON_PORT};
    struct holder stranger;
    char who[64];
    char words[128];
    cr_assert_eq(holder_open(&spec, &stranger), 0);
    snprintf(words, sizeof(words), "127.0.0.1:3030 is taken by %s", name_of(&stranger, who));
    assert_exits(&(struct daemon_setup){0}, 1, words);
    cr_assert_not(file_exists(SOCKET), "the Unix socket is left behind");
    holder_close(&stranger);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
}

Test(startup, a_stranger_on_the_ipv6_port_is_a_warning_and_it_runs) {
    sandbox_enter();
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "::1", .port = DAEMON_PORT};
    struct holder stranger;
    char who[64];
    char words[128];
    cr_assert_eq(holder_open(&spec, &stranger), 0);
    snprintf(words, sizeof(words), "[::1]:3030 is taken by %s", name_of(&stranger, who));
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(file_free_text_at) char *errors = daemon_errors(&daemon);
    cr_assert(strstr(errors, words), "%s", errors);
    CLEANUP(file_free_text_at) char *output = daemon_output(&daemon);
    cr_assert_null(strstr(output, "[::1]"), "%s", output);
    CLEANUP(http_reply_deinit) struct http_reply status = caller_get(&me, "/status");
    cr_assert_eq(json_size_at(status.json, "addresses"), 1);
    cr_assert(strstr(json_text_at(status.json, "warnings[0]"), words), "%s", status.body);
    holder_close(&stranger);
}

Test(startup, no_ipv6_is_a_warning_and_it_runs) {
    netns_enter_without_ipv6();
    sandbox_mount();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    caller_grant(&me, "{\"service_name\":\"a\"}");
    CLEANUP(file_free_text_at) char *errors = daemon_errors(&daemon);
    cr_assert(strstr(errors, "[::1]:3030 cannot be listened on"), "%s", errors);
}

Test(startup, a_range_among_the_ephemeral_ports_is_a_warning_unless_it_is_reserved) {
    sandbox_enter();
    const struct daemon_setup setup = {.arguments = {"--range", "40000-40010"}};
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    CLEANUP(file_free_text_at) char *errors = daemon_errors(&daemon);
    cr_assert(strstr(errors, "ip_local_reserved_ports=40000-40010"), "%s", errors);
    cr_assert_eq(daemon_stop(&daemon), 0);
    file_write_text("/proc/sys/net/ipv4/ip_local_reserved_ports", "40000-40010");
    daemon = daemon_start(&setup);
    CLEANUP(file_free_text_at) char *no_errors = daemon_errors(&daemon);
    cr_assert_null(strstr(no_errors, "ephemeral"), "%s", no_errors);
}

/* ---- its Unix socket ---- */

Test(startup, a_socket_that_a_killed_daemon_left_is_replaced) {
    sandbox_enter();
    struct daemon killed = daemon_start(&(struct daemon_setup){0});
    daemon_kill(&killed);
    cr_assert(file_exists(SOCKET));
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    caller_grant(&me, "{\"service_name\":\"a\"}");
}

Test(startup, what_is_no_socket_is_left_alone) {
    sandbox_enter();
    const struct daemon_setup setup = {.arguments = {"--socket", SANDBOX_DIR "/precious"}};
    file_write_text(SANDBOX_DIR "/precious", "a letter");
    assert_exits(&setup, 1, SANDBOX_DIR "/precious is there already, and is no socket");
    CLEANUP(file_free_text_at) char *letter = file_read(SANDBOX_DIR "/precious", NULL);
    cr_assert_str_eq(letter, "a letter");

    cr_assert_eq(unlink(SANDBOX_DIR "/precious"), 0);
    file_write_text(SANDBOX_DIR "/letter", "another letter");
    cr_assert_eq(symlink(SANDBOX_DIR "/letter", SANDBOX_DIR "/precious"), 0);
    assert_exits(&setup, 1, "is no socket");
    CLEANUP(file_free_text_at) char *other = file_read(SANDBOX_DIR "/letter", NULL);
    cr_assert_str_eq(other, "another letter");
}

Test(startup, a_path_that_is_too_long_for_a_socket_is_said) {
    char path[160];
    sandbox_enter();
    memset(path, 'a', sizeof(path) - 1);
    memcpy(path, SANDBOX_DIR "/", strlen(SANDBOX_DIR "/"));
    path[sizeof(path) - 1] = '\0';
    assert_exits(&(struct daemon_setup){.arguments = {"--socket", path}}, 1, "more than 107 bytes");
}

/* ---- a second one ---- */

Test(startup, a_second_daemon_is_told_by_which_socket_the_first_is_reached) {
    sandbox_enter();
    CLEANUP(daemon_stop_at)
    struct daemon first = daemon_start(&(struct daemon_setup){.arguments = {"--socket", SANDBOX_DIR "/else where"}});

    assert_exits(&(struct daemon_setup){.arguments = {"--port", "4040"}}, 1,
                 "portctl status --socket '" SANDBOX_DIR "/else where' shows it");
}

Test(startup, a_second_daemon_is_refused_with_the_pid_of_the_first) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon first = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &first};
    caller_grant(&me, "{\"service_name\":\"a\"}");
    CLEANUP(file_free_text_at) char *before = caller_digest(&me);
    char words[160];
    snprintf(words, sizeof(words), "the database %s/.portmanager/leases.db is another portd's (pid %d)", SANDBOX_HOME,
             first.pid);
    assert_exits(&(struct daemon_setup){.arguments = {"--port", "4040", "--socket", SANDBOX_DIR "/s"}}, 1, words);
    snprintf(words, sizeof(words), "127.0.0.1:3030 is taken by portd (pid %d)", first.pid);
    assert_exits(&(struct daemon_setup){.arguments = {"--db", SANDBOX_DIR "/db", "--socket", SANDBOX_DIR "/s"}}, 1,
                 words);
    snprintf(words, sizeof(words), "the socket %s is another portd's (pid %d)", SOCKET, first.pid);
    assert_exits(&(struct daemon_setup){.arguments = {"--db", SANDBOX_DIR "/db", "--port", "4040"}}, 1, words);

    /* And the first has not noticed. */
    CLEANUP(file_free_text_at) char *after = caller_digest(&me);
    cr_assert_str_eq(before, after);
    const struct caller over_unix = {.daemon = &first, .channel = CHANNEL_UNIX};
    caller_grant(&over_unix, "{\"service_name\":\"b\"}");
}

Test(startup, two_daemons_with_nothing_in_common_run_beside_each_other) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon first = daemon_start(&(struct daemon_setup){0});
    CLEANUP(daemon_stop_at)
    struct daemon second = daemon_start(&(struct daemon_setup){
        .arguments = {"--db", SANDBOX_DIR "/2/db", "--socket", SANDBOX_DIR "/2/s", "--port", "4040"}});
    const struct caller of_first = {.daemon = &first};
    const struct caller of_second = {.daemon = &second};
    caller_grant(&of_first, "{\"service_name\":\"a\"}");
    cr_assert_eq(caller_count_leases(&of_second), 0);
}

/* ---- the end ---- */

static void assert_stops_cleanly(int signal_number) {
    sandbox_enter();
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    caller_grant(&me, "{\"service_name\":\"a\"}");
    /* A client that is connected, and one that has begun to speak, hold nothing up. */
    CLEANUP(http_stream_deinit) struct http_stream idle = {.fd = caller_connect(&me)};
    CLEANUP(http_stream_deinit) struct http_stream speaking = {.fd = caller_connect(&me)};
    cr_assert(http_send(speaking.fd, "POST /alloc HT", 14));
    cr_assert_eq(kill(daemon.pid, signal_number), 0);
    cr_assert_eq(child_wait(daemon.pid), 0);
    cr_assert_not(file_exists(SOCKET));
    cr_assert(http_is_closed(&idle));
    /* Closed, so that SQLite has put all into the one file. */
    cr_assert_not(file_exists(SANDBOX_HOME "/.portmanager/leases.db-wal"));

    daemon = daemon_start(&(struct daemon_setup){0});
    cr_assert_eq(caller_count_leases(&me), 1);
    cr_assert_eq(daemon_stop(&daemon), 0);
}

Test(startup, sigterm_ends_it_cleanly) {
    assert_stops_cleanly(SIGTERM);
}

Test(startup, sigint_ends_it_cleanly) {
    assert_stops_cleanly(SIGINT);
}
