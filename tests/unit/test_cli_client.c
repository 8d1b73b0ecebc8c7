/*
 * The client: whom it finds, whom it believes, and what it makes of the answers.
 */
#include "cli/client.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/options.h"
#include "cli/patience.h"
#include "src/base/json.h"
#include "tests/support/child.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"

#define FOLDER SANDBOX_DIR "/open" /* where everybody may make a socket */
#define SOCKET FOLDER "/p.sock"

#define PATIENCE_MS 60000

static void enter(void) {
    sandbox_enter();
    cr_assert_eq(mkdir(FOLDER, 0777), 0);
    cr_assert_eq(chmod(FOLDER, 0777), 0);
    unsetenv("PM_SOCKET");
    unsetenv("PM_URL");
    unsetenv("XDG_RUNTIME_DIR");
    setenv("HOME", SANDBOX_HOME, 1);
}

static void enter_as_root(void) {
    if (geteuid() != 0)
        cr_skip_test("only root can start a server of another user");
    enter();
}

static struct client *open_client(const struct options *options) {
    struct client *client = NULL;
    struct problem problem = {0};

    cr_assert_eq(client_open(options, &client, &problem), 0, "%s", problem.detail);
    return client;
}

static const struct options by_socket = {.socket = SOCKET};

static const struct fake_portd_setup lists_nothing = {.answers = {{"GET /list", 200, "[]", 0, NULL}}, .socket = SOCKET};

Test(cli_client, an_answer_comes_back_as_json, .init = enter) {
    fake_portd_start(&lists_nothing);
    CLEANUP(client_close_at) struct client *client = open_client(&by_socket);
    CLEANUP(json_free_at) cJSON *reply = NULL;
    struct problem problem = {0};

    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), 0, "%s", problem.detail);
    cr_assert(cJSON_IsArray(reply));
    cr_assert(client_shares_pids(client));
}

Test(cli_client, a_request_is_what_portds_guard_demands, .init = enter) {
    const struct fake_portd_setup setup = {
        .answers = {{.request = "POST /alloc HTTP/1.1\r\nHost: 127.0.0.1:",
                     .status = 200,
                     .body = "{}",
                     .holding = "\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"}}};
    CLEANUP(fake_portd_stop_at) struct fake_portd portd = fake_portd_start(&setup);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", portd.port);
    const struct options options = {.url = url};
    CLEANUP(client_close_at) struct client *client = open_client(&options);
    CLEANUP(json_free_at) cJSON *body = cJSON_Parse("{\"a\":1}");
    CLEANUP(json_free_at) cJSON *reply = NULL;
    struct problem problem = {0};

    cr_assert_eq(client_call(client, "/alloc", body, PATIENCE_MS, &reply, &problem), 0, "%s", problem.detail);
}

static void assert_problem(const struct options *options, uint64_t patience_ms, const char *type, const char *detail) {
    CLEANUP(client_close_at) struct client *client = open_client(options);
    CLEANUP(problem_deinit) struct problem problem = {0};
    cJSON *reply = NULL;

    cr_assert_eq(client_call(client, "/list", NULL, patience_ms, &reply, &problem), PROBLEM_E_SET);
    cr_assert_null(reply);
    cr_assert_eq(problem.exit_code, EXIT_UNREACHABLE, "%s", problem.detail);
    cr_assert_str_eq(problem.type, type);
    cr_assert_not_null(strstr(problem.detail, detail), "%s", problem.detail);
}

Test(cli_client, another_users_server_is_not_believed, .init = enter_as_root) {
    struct fake_portd_setup setup = lists_nothing;
    setup.uid = SANDBOX_OTHER_UID;
    fake_portd_start(&setup);

    assert_problem(&by_socket, PATIENCE_MS, "untrusted-server", "who is neither you nor root nor portmanager");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "", "it was told: %s", requests);
}

Test(cli_client, another_users_server_is_not_believed_over_tcp, .init = enter_as_root) {
    const struct fake_portd_setup setup = {.answers = {{"GET /list", 200, "[]", 0, NULL}}, .uid = SANDBOX_OTHER_UID};
    CLEANUP(fake_portd_stop_at) struct fake_portd portd = fake_portd_start(&setup);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", portd.port);
    const struct options options = {.url = url};

    assert_problem(&options, PATIENCE_MS, "untrusted-server", "who is neither you nor root nor portmanager");
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "", "it was told: %s", requests);
}

static int call_as_other(void *context) {
    CLEANUP(client_close_at) struct client *client = open_client(context);
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(json_free_at) cJSON *reply = NULL;

    return client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem) == 0 ? 0 : (int)problem.exit_code;
}

Test(cli_client, an_ordinary_user_believes_root_and_himself, .init = enter_as_root) {
    CLEANUP(fake_portd_stop_at) struct fake_portd roots = fake_portd_start(&lists_nothing);
    cr_assert_eq(child_wait(child_start(SANDBOX_OTHER_UID, call_as_other, (void *)&by_socket)), 0);
    fake_portd_stop(&roots);
    unlink(SOCKET);

    struct fake_portd_setup setup = lists_nothing;
    setup.uid = SANDBOX_OTHER_UID;
    fake_portd_start(&setup);
    cr_assert_eq(child_wait(child_start(SANDBOX_OTHER_UID, call_as_other, (void *)&by_socket)), 0);
    cr_assert_eq(child_wait(child_start(SANDBOX_OTHER_UID + 1, call_as_other, (void *)&by_socket)), EXIT_UNREACHABLE);
}

Test(cli_client, nobody_there_is_told_with_how_to_start_it, .init = enter) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(client_close_at) struct client *client = open_client(&by_socket);
    cJSON *reply = NULL;

    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), PROBLEM_E_SET);
    cr_assert_eq(problem.exit_code, EXIT_UNREACHABLE);
    cr_assert_str_eq(problem.detail, "portd is not running: " SOCKET ": No such file or directory");
    cr_assert_str_eq(problem.hint, "start it with: portd --socket " SOCKET);
}

Test(cli_client, nobody_at_any_well_known_place_is_told_shortly, .init = enter) {
    const struct options none = {0};
    assert_problem(&none, PATIENCE_MS, "portd-not-reachable", "portd is not running");
}

Test(cli_client, without_a_home_it_is_said_that_none_was_looked_at, .init = enter) {
    const struct options none = {0};

    unsetenv("HOME");
    assert_problem(&none, PATIENCE_MS, "portd-not-reachable",
                   "portd is not running, or it is in a home folder: HOME is not set");
}

Test(cli_client, a_socket_left_behind_is_passed_over, .init = enter) {
    static const char left[] = SANDBOX_DIR "/portmanager.sock";
    static const char alive[] = SANDBOX_HOME "/.portmanager/portd.sock";
    const struct options none = {0};

    setenv("XDG_RUNTIME_DIR", SANDBOX_DIR, 1);
    cr_assert_eq(mkdir(SANDBOX_HOME "/.portmanager", 0755), 0);
    struct fake_portd_setup setup = lists_nothing;
    setup.socket = left;
    CLEANUP(fake_portd_stop_at) struct fake_portd dead = fake_portd_start(&setup);
    fake_portd_stop(&dead);
    setup.socket = alive;
    fake_portd_start(&setup);

    CLEANUP(client_close_at) struct client *client = open_client(&none);
    CLEANUP(json_free_at) cJSON *reply = NULL;
    CLEANUP(problem_deinit) struct problem problem = {0};
    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), 0, "%s", problem.detail);
}

Test(cli_client, whoever_answered_once_is_the_only_one_asked_again, .init = enter) {
    static const char first[] = SANDBOX_DIR "/portmanager.sock";
    static const char second[] = SANDBOX_HOME "/.portmanager/portd.sock";
    const struct options none = {0};

    setenv("XDG_RUNTIME_DIR", SANDBOX_DIR, 1);
    cr_assert_eq(mkdir(SANDBOX_HOME "/.portmanager", 0755), 0);
    struct fake_portd_setup setup = lists_nothing;
    setup.socket = second;
    CLEANUP(fake_portd_stop_at) struct fake_portd portd = fake_portd_start(&setup);

    CLEANUP(client_close_at) struct client *client = open_client(&none);
    CLEANUP(problem_deinit) struct problem problem = {0};
    cJSON *reply = NULL;
    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), 0, "%s", problem.detail);
    json_free_at(&reply);
    setup.socket = first;
    fake_portd_start(&setup);
    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), 0, "%s", problem.detail);
    json_free_at(&reply);
    fake_portd_stop(&portd);
    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.type, "portd-not-reachable");
}

Test(cli_client, answers_that_are_not_portds_are_refused, .init = enter) {
    static const struct {
        const char *answer;
        const char *detail;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", "its answer is not JSON"},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n<html>", "not JSON"},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n", "is no portd"},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n[] x", "is no portd"},
        {"HTTP/1.1 302 Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "somewhere else"},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}", "broke off"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"},
        {"", "broke off"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct fake_portd_setup setup = {.answers = {{"GET /list", 0, cases[i].answer, 0, NULL}},
                                               .socket = SOCKET};
        fake_portd_start(&setup);
        assert_problem(&by_socket, PATIENCE_MS, "bad-reply", cases[i].detail);
    }
}

Test(cli_client, a_server_that_says_nothing_is_left_after_a_while, .init = enter) {
    CLEANUP(fake_portd_stop_at) struct fake_portd portd = fake_portd_start(&lists_nothing);
    const uint64_t before = patience_now_ms();

    kill(portd.pid, SIGSTOP);
    assert_problem(&by_socket, 100, "portd-not-reachable", "has not answered for 1 seconds");
    cr_assert_geq(patience_now_ms() - before, 100);
}

Test(cli_client, a_server_that_never_accepts_over_tcp_is_left_after_a_while, .init = enter) {
    const struct fake_portd_setup setup = {.answers = {{"GET /list", 200, "[]", 0, NULL}}};
    CLEANUP(fake_portd_stop_at) struct fake_portd portd = fake_portd_start(&setup);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", portd.port);
    const struct options options = {.url = url};

    kill(portd.pid, SIGSTOP);
    assert_problem(&options, 200, "portd-not-reachable", "has not answered for 1 seconds");
}

Test(cli_client, a_call_is_given_up_for_something_more_urgent, .init = enter) {
    CLEANUP(fake_portd_stop_at) struct fake_portd portd = fake_portd_start(&lists_nothing);
    CLEANUP(client_close_at) struct client *client = open_client(&by_socket);
    CLEANUP(problem_deinit) struct problem problem = {0};
    cJSON *reply = NULL;
    int urgent[2];

    kill(portd.pid, SIGSTOP);
    cr_assert_eq(pipe(urgent), 0);
    cr_assert_eq(write(urgent[1], "!", 1), 1);
    client_set_interrupt(client, urgent[0]);
    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), CLIENT_E_INTERRUPTED);
    kill(portd.pid, SIGCONT);
    client_set_interrupt(client, -1);
    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), 0);
    json_free_at(&reply);
}

Test(cli_client, a_refusal_is_a_problem_with_a_status, .init = enter) {
    const struct fake_portd_setup setup = {
        .answers = {{"GET /list", 403, "{\"type\":\"urn:portmanager:problem:unknown-caller\",\"detail\":\"Who?\"}", 0,
                     NULL}},
        .socket = SOCKET};
    fake_portd_start(&setup);
    CLEANUP(client_close_at) struct client *client = open_client(&by_socket);
    CLEANUP(problem_deinit) struct problem problem = {0};
    cJSON *reply = NULL;

    cr_assert_eq(client_call(client, "/list", NULL, PATIENCE_MS, &reply, &problem), PROBLEM_E_SET);
    cr_assert_eq(problem.status, 403);
    cr_assert_eq(problem.exit_code, EXIT_NOT_ALLOWED);
    cr_assert_str_eq(problem.type, "unknown-caller");
}

static int meet_from_afar(void *context) {
    CLEANUP(client_close_at) struct client *client = open_client(context);
    struct problem problem = {0};

    if (client_meet(client, PATIENCE_MS, &problem) != 0)
        return 2;
    return client_shares_pids(client) ? 1 : 0;
}

/* fork() by hand: a child in another pid namespace has no parent that it could name. */
static int meet_in_a_pid_namespace(void *context) {
    if (unshare(CLONE_NEWPID) < 0)
        return 3;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(meet_from_afar(context));
    return child_wait(pid);
}

Test(cli_client, a_server_outside_our_pid_namespace_is_known_for_that, .init = enter) {
    fake_portd_start(&lists_nothing);

    cr_assert_eq(child_wait(child_start(0, meet_from_afar, (void *)&by_socket)), 1);
    cr_assert_eq(child_wait(child_start(0, meet_in_a_pid_namespace, (void *)&by_socket)), 0);
}

Test(cli_client, meeting_asks_nothing, .init = enter) {
    fake_portd_start(&lists_nothing);
    CLEANUP(client_close_at) struct client *client = open_client(&by_socket);
    struct problem problem = {0};

    cr_assert_eq(client_meet(client, PATIENCE_MS, &problem), 0);
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, "");
}

Test(cli_client, a_query_is_escaped) {
    char target[64] = "/lookup?service=";

    cr_assert_eq(client_escape_query("a b&c=d/\xc3\xa4%~", target, sizeof(target)), 0);
    cr_assert_str_eq(target, "/lookup?service=a%20b%26c%3Dd%2F%C3%A4%25~");
    cr_assert_lt(client_escape_query("something that does not fit in any more", target, sizeof(target)), 0);
}
