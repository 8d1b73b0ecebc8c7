/*
 * Who has a port: evidence of real processes in real terminals, what an ordinary user's portd can tell, all of it beside ss(8), and the end of the
 * right process.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/wait.h"

TestSuite(who, .timeout = 120);

/* ---- terminals ---- */

/* A login of the other user: a pseudo-terminal, and a shell that leads its session. */
struct terminal {
    pid_t shell;
    int fd;
};

static _Noreturn void be_shell(const char *script) {
    if (setgroups(0, NULL) < 0 || setresgid(SANDBOX_OTHER_UID, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID) < 0 ||
        setresuid(SANDBOX_OTHER_UID, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID) < 0)
        fail_test("A shell cannot become another user: %s.", strerror(errno));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("PATH", SANDBOX_BIN ":" SANDBOX_DIR ":/usr/bin:/bin", 1);
    setenv("PM_URL", "http://localhost:3030", 1);
    execl("/bin/sh", "sh", "-c", script, NULL);
    fail_test("sh cannot be executed: %s.", strerror(errno));
}

static struct terminal terminal_open(const char *script) {
    struct terminal terminal = {0};
    puppet_install("server");
    fflush(NULL);
    terminal.shell = forkpty(&terminal.fd, NULL, NULL, NULL);
    if (terminal.shell < 0)
        fail_test("No terminal can be made: %s.", strerror(errno));
    if (terminal.shell == 0)
        be_shell(script);
    return terminal;
}

/* Hangs up, which ends all that runs in it. */
static void terminal_close_at(struct terminal *terminal) {
    kill(-terminal->shell, SIGKILL);
    child_wait(terminal->shell);
    close(terminal->fd);
}

/* The port of the other user's lease of this name. */
static uint16_t wait_for_lease(const struct caller *caller, const char *name) {
    const struct wait wait = wait_at_most(SEES_SECONDS, name);
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
        const cJSON *lease;
        cJSON_ArrayForEach(lease, list.json) {
            if (strcmp(json_text_at(lease, "service_name"), name) == 0)
                return (uint16_t)json_number_at(lease, "port");
        }
        wait_more(&wait);
    }
}

#define SERVE "PUPPET='listen 127.0.0.1 $PORT pause' server; true"

Test(who, a_server_of_the_shell_that_asked_is_confirmed_and_one_of_another_terminal_is_plausible) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    CLEANUP(terminal_close_at) struct terminal first = terminal_open("export PORT=$(portctl alloc web); " SERVE);
    const uint16_t port = wait_for_lease(&other, "web");
    sees_text(&other, port, "listeners[0].evidence.level", "confirmed");

    CLEANUP(terminal_close_at) struct terminal asks = terminal_open("portctl alloc api; sleep 60; true");
    const uint16_t api = wait_for_lease(&other, "api");
    char script[128];
    snprintf(script, sizeof(script), "export PORT=%u; " SERVE, api);
    CLEANUP(terminal_close_at) struct terminal serves = terminal_open(script);
    sees_evidence(&other, api, "plausible", "uid");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&other, api);
    cr_assert_str_eq(json_text_at(who.json, "state"), "bound");
    cr_assert_eq(json_number_at(who.json, "listeners[0].owners[0].session"), (uint64_t)serves.shell);
    cr_assert_eq(json_size_at(who.json, "findings"), 0);
}

Test(who, a_program_of_portctl_run_on_the_port_of_another_lease_is_foreign) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const uint16_t port = caller_grant(&other, "{\"service_name\":\"web\"}");
    char script[128];
    snprintf(script, sizeof(script),
             "PUPPET='listen 127.0.0.1 %u pause' portctl run api -- " SANDBOX_DIR "/server; true", port);
    CLEANUP(terminal_close_at) struct terminal terminal = terminal_open(script);
    sees_evidence(&other, port, "foreign", "other-lease");
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&other, port, "taken");
    sees_lease(&other, wait_for_lease(&other, "api"), "state", "elsewhere");
}

Test(who, a_program_beside_a_holder_that_does_not_listen_is_plausible) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    CLEANUP(terminal_close_at)
    struct terminal runs = terminal_open("PUPPET=pause portctl run web -- " SANDBOX_DIR "/server; true");
    const uint16_t port = wait_for_lease(&other, "web");
    char script[128];
    snprintf(script, sizeof(script), "export PORT=%u; " SERVE, port);
    CLEANUP(terminal_close_at) struct terminal serves = terminal_open(script);
    sees_evidence(&other, port, "plausible", "uid");
}

Test(who, a_server_that_became_another_user_below_its_holder_is_confirmed) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct cli cli = cli_start(&(struct cli_setup){
        .words = {"run", "web", "--", puppet_install("sudo")},
        .environment = {"PUPPET=spawn become 1234 listen 127.0.0.1 $PORT pause"},
    });
    const uint16_t port = wait_for_lease(&me, "web");
    sees_evidence(&me, port, "confirmed", "descendant");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&me, port);
    cr_assert_eq(json_number_at(who.json, "listeners[0].uid"), SANDBOX_OTHER_UID);
    cr_assert_eq(json_number_at(who.json, "lease.uid"), 0);
    cr_assert_str_eq(json_text_at(who.json, "state"), "bound");
    kill((pid_t)json_number_at(who.json, "listeners[0].pid"), SIGKILL);
    child_wait(cli.pid);
    sees_no_lease(&me, port);
}

Test(who, a_script_that_asks_for_two_names_has_both) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    CLEANUP(terminal_close_at)
    struct terminal terminal = terminal_open("export PORT=$(portctl alloc web); API=$(portctl alloc api);"
                                             "PUPPET='listen 127.0.0.1 $PORT pause' server & PORT=$API; " SERVE);
    sees_text(&other, wait_for_lease(&other, "web"), "listeners[0].evidence.level", "confirmed");
    sees_text(&other, wait_for_lease(&other, "api"), "listeners[0].evidence.level", "confirmed");
}

/* ---- what is hidden, and what is not ---- */

Test(who, an_ordinary_users_portd_tells_all_but_the_process_of_root) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID});
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const pid_t pid = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 8100 pause");
    sees_text(&other, 8100, "listeners[0].hidden.reason", "other-user");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&other, 8100);
    const cJSON *listener = json_at(who.json, "listeners[0]");
    cr_assert_eq(json_number_at(listener, "uid"), 0);
    cr_assert_str_eq(json_text_at(listener, "user"), "root");
    cr_assert_eq(json_text_at(listener, "cgroup")[0], '/');
    cr_assert(json_is_null_at(listener, "pid"));
    cr_assert(json_is_null_at(listener, "process"));
    cr_assert_eq(json_size_at(listener, "owners"), 0);
    cr_assert_gt(strlen(json_text_at(listener, "hidden.why")), 10);
    cr_assert_gt(strlen(json_text_at(listener, "hidden.remedy")), 10);
    cr_assert(strstr(json_text_at(who.json, "verdict"), "root"), "%s", who.body);
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(struct cli_setup){.words = {"who", "8100"}, .uid = SANDBOX_OTHER_UID});
    cr_assert_eq(result.exit_code, 0, "%s", result.errors);
    cr_assert(strstr(result.output, "root") && !strstr(result.output, "puppet"), "%s", result.output);
    child_kill(pid);
}

Test(who, roots_portd_tells_everything_and_a_stranger_no_more_than_proc_would) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const pid_t pid = puppet_start(&(struct puppet_setup){.name = "server", .arguments = {"--token=secret", "x"}},
                                   "listen 127.0.0.1 8100 pause");
    sees_number(&me, 8100, "listeners[0].pid", (uint64_t)pid);
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&me, 8100);
    const cJSON *owner = json_at(who.json, "listeners[0].owners[0]");
    cr_assert_str_eq(json_text_at(owner, "process"), "server");
    cr_assert_str_eq(json_text_at(owner, "command"), "server --token=*** x");
    cr_assert_str_eq(json_text_at(owner, "executable"), SANDBOX_DIR "/server");
    CLEANUP(file_free_text_at) char *directory = getcwd(NULL, 0);
    cr_assert_str_eq(json_text_at(owner, "directory"), directory);
    cr_assert_eq(json_number_at(owner, "session"), (uint64_t)getsid(pid));
    cr_assert_eq(json_number_at(owner, "parents[0].pid"), (uint64_t)getpid());
    char last[32];
    snprintf(last, sizeof(last), "parents[%d].pid", json_size_at(owner, "parents") - 1);
    cr_assert_eq(json_number_at(owner, last), 1, "up to init");
    cr_assert(json_is_null_at(who.json, "listeners[0].hidden"));

    CLEANUP(http_reply_deinit) struct http_reply theirs = sees_who(&other, 8100);
    owner = json_at(theirs.json, "listeners[0].owners[0]");
    cr_assert_eq(json_number_at(owner, "pid"), (uint64_t)pid);
    cr_assert(json_is_null_at(owner, "executable"));
    cr_assert(json_is_null_at(owner, "directory"));
    child_kill(pid);
}

/* ---- beside ss(8) ---- */

#define LINES_MAX 64
#define PIDS_MAX  16

/* One listener, as both can tell it. */
struct line {
    char address[64]; /* "127.0.0.1:8001", "[::1]:8001", "*:8001" */
    int pids[PIDS_MAX];
    int n_pids;
    char text[512]; /* of the two, to be compared */
};

static int compare_numbers(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(((const struct line *)a)->text, ((const struct line *)b)->text);
}

static void write_texts(struct line *lines, int n_lines) {
    for (int i = 0; i < n_lines; i++) {
        qsort(lines[i].pids, (size_t)lines[i].n_pids, sizeof(int), compare_numbers);
        int length = snprintf(lines[i].text, sizeof(lines[i].text), "%s", lines[i].address);
        for (int j = 0; j < lines[i].n_pids; j++)
            if (j == 0 || lines[i].pids[j] != lines[i].pids[j - 1])
                length +=
                    snprintf(lines[i].text + length, sizeof(lines[i].text) - (size_t)length, " %d", lines[i].pids[j]);
    }
    qsort(lines, (size_t)n_lines, sizeof(*lines), compare_lines);
}

/* LISTEN 0 5 127.0.0.1:8001 0.0.0.0:* users:(("python3",pid=4711,fd=3),("python3",pid=4712,fd=3)) */
static int ask_ss(struct line *ret_lines) {
    FILE *pipe = popen("ss -Hltnp", "r"); /* NOLINT(cert-env33-c): a fixed command, in a world of the test's own */
    char text[4096];
    int n_lines = 0;
    cr_assert_not_null(pipe);
    while (fgets(text, sizeof(text), pipe) && n_lines < LINES_MAX) {
        struct line *line = &ret_lines[n_lines++];
        *line = (struct line){0};
        cr_assert_eq(sscanf(text, "LISTEN %*d %*d %63s", line->address), 1, "%s", text);
        for (const char *at = strstr(text, "pid="); at && line->n_pids < PIDS_MAX; at = strstr(at + 1, "pid="))
            line->pids[line->n_pids++] = atoi(at + 4);
    }
    cr_assert_eq(pclose(pipe), 0);
    write_texts(ret_lines, n_lines);
    return n_lines;
}

static void format_address(const cJSON *listener, char *ret_text, size_t size) {
    const char *address = json_text_at(listener, "address");
    const uint64_t port = json_number_at(listener, "port");
    const bool is_ipv6 = strcmp(json_text_at(listener, "family"), "ipv6") == 0;
    if (is_ipv6 && strcmp(address, "::") == 0 && !json_bool_at(listener, "v6only"))
        snprintf(ret_text, size, "*:%lu", port);
    else
        snprintf(ret_text, size, is_ipv6 ? "[%s]:%lu" : "%s:%lu", address, port);
}

static int ask_portd(const struct caller *caller, struct line *ret_lines) {
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(caller, "/ports?state=listen");
    assert_status(reply, 200);
    const cJSON *listener;
    int n_lines = 0;
    cJSON_ArrayForEach(listener, json_at(reply.json, "ports")) {
        cr_assert_lt(n_lines, LINES_MAX);
        struct line *line = &ret_lines[n_lines++];
        *line = (struct line){0};
        format_address(listener, line->address, sizeof(line->address));
        const cJSON *owner;
        cJSON_ArrayForEach(owner, json_at(listener, "owners")) {
            if (line->n_pids < PIDS_MAX)
                line->pids[line->n_pids++] = (int)json_number_at(owner, "pid");
        }
    }
    write_texts(ret_lines, n_lines);
    return n_lines;
}

static bool is_same(const struct line *a, int n_a, const struct line *b, int n_b) {
    if (n_a != n_b)
        return false;
    for (int i = 0; i < n_a; i++)
        if (strcmp(a[i].text, b[i].text) != 0)
            return false;
    return true;
}

static const struct {
    uid_t uid;
    uint16_t port;
    const char *script;
} servers[] = {
    {0, 8101, "listen 127.0.0.1 8101 pause"},
    {0, 8102, "listen 0.0.0.0 8102 pause"},
    {0, 8103, "listen ::1 8103 pause"},
    {0, 8104, "listen :: 8104 pause"},
    {0, 8105, "v6only listen :: 8105 pause"},
    {0, 8106, "v6only listen :: 8106 listen 0.0.0.0 8106 pause"},
    {SANDBOX_OTHER_UID, 8107, "listen 127.0.0.1 8107 pause"},
    {SANDBOX_OTHER_UID, 8108, "listen 127.0.0.2 8108 twin pause"},
    {0, 8109, "listen 127.0.0.1 8109 twin twin pause"},
    {0, 8110, "spawn spawn listen 127.0.0.1 8110 pause"},
    {0, 8111, "reuseport listen 127.0.0.1 8111 twin listen 127.0.0.1 8111 pause"},
    {0, 8112, "listen 127.0.0.1 8112 spawn become 1234 pause"},
    {0, 8113, "listen 127.0.0.1 8113 connect 127.0.0.1 8113 pause"},
    {0, 443, "listen 127.0.0.1 443 pause"},
};

#define N_SERVERS ((int)(sizeof(servers) / sizeof(servers[0])))

Test(who, it_agrees_with_ss_listener_by_listener) {
    static struct line by_ss[LINES_MAX];
    static struct line by_portd[LINES_MAX];
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    pid_t pids[N_SERVERS];
    for (int i = 0; i < N_SERVERS; i++) {
        pids[i] = puppet_start(&(struct puppet_setup){.uid = servers[i].uid}, "setpgid %s", servers[i].script);
        sees_in_kernel(servers[i].port, true);
    }
    const struct wait wait = wait_at_most(SEES_SECONDS, "no difference from ss");
    for (;;) {
        const int n_by_ss = ask_ss(by_ss);
        const int n_by_portd = ask_portd(&me, by_portd);
        cr_assert_gt(n_by_ss, N_SERVERS);
        if (is_same(by_ss, n_by_ss, by_portd, n_by_portd))
            break;
        for (int i = 0; wait_now_ms() + 100 > wait.end_ms && (i < n_by_ss || i < n_by_portd); i++)
            fprintf(stderr, "%-40s | %s\n", i < n_by_ss ? by_ss[i].text : "", i < n_by_portd ? by_portd[i].text : "");
        wait_more(&wait);
    }
    for (int i = 0; i < N_SERVERS; i++) {
        kill(-pids[i], SIGKILL);
        child_wait(pids[i]);
    }
}

/* ---- stop ---- */

struct target {
    uint16_t port;
    pid_t pid;
    uint64_t start_time;
    uint64_t inode;
};

static struct target target_of(const struct caller *caller, uint16_t port, pid_t pid) {
    sees_number(caller, port, "listeners[0].pid", (uint64_t)pid);
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(caller, port);
    return (struct target){
        .port = port,
        .pid = pid,
        .start_time = json_number_at(who.json, "listeners[0].owners[0].start_time"),
        .inode = json_number_at(who.json, "listeners[0].inode"),
    };
}

static struct http_reply stop(const struct caller *caller, const struct target *target) {
    return caller_post(caller, "/stop", "{\"port\":%u,\"pid\":%d,\"start_time\":%lu,\"inode\":%lu}", target->port,
                       target->pid, target->start_time, target->inode);
}

static bool lives(pid_t pid) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

static uint64_t start_time_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    CLEANUP(file_free_text_at) char *text = file_read(path, NULL);
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

/* A client of the server on 8100. It listens, too, to tell that it is connected. */
static pid_t start_client(const struct caller *me) {
    const pid_t client = puppet_start(&(struct puppet_setup){0}, "connect 127.0.0.1 8100 listen 127.0.0.1 8102 pause");

    sees_number(me, 8102, "listeners[0].pid", (uint64_t)client);
    return client;
}

Test(who, stop_ends_the_right_process_and_no_other) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const pid_t server = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 8100 pause");
    const pid_t bystander = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 8101 pause");
    const struct target target = target_of(&me, 8100, server);
    const pid_t client = start_client(&me);

    struct target wrong = target;
    wrong.start_time++;
    CLEANUP(http_reply_deinit) struct http_reply stale = stop(&me, &wrong);
    assert_problem(stale, 409, "stale-process");
    wrong = target;
    wrong.inode++;
    CLEANUP(http_reply_deinit) struct http_reply other_socket = stop(&me, &wrong);
    cr_assert(other_socket.status == 409 || other_socket.status == 404, "%s", reply_text(&other_socket));
    wrong = target;
    wrong.pid = 1;
    wrong.start_time = start_time_of(1);
    CLEANUP(http_reply_deinit) struct http_reply init = stop(&me, &wrong);
    assert_problem(init, 403, "protected-process");
    wrong.pid = client;
    wrong.start_time = start_time_of(client);
    CLEANUP(http_reply_deinit) struct http_reply clients = stop(&me, &wrong);
    assert_problem(clients, 409, "stale-process");
    wrong.pid = bystander;
    wrong.start_time = start_time_of(bystander);
    CLEANUP(http_reply_deinit) struct http_reply others = stop(&me, &wrong);
    assert_problem(others, 409, "stale-process");
    CLEANUP(http_reply_deinit) struct http_reply not_theirs = stop(&other, &target);
    assert_problem(not_theirs, 403, "not-your-process");
    const struct target portds = target_of(&me, DAEMON_PORT, daemon.pid);
    CLEANUP(http_reply_deinit) struct http_reply itself = stop(&me, &portds);
    assert_problem(itself, 403, "protected-process");
    cr_assert(lives(server) && lives(client) && lives(bystander) && lives(daemon.pid), "nobody has ended");

    CLEANUP(http_reply_deinit) struct http_reply stopped = stop(&me, &target);
    assert_status(stopped, 200);
    cr_assert(json_bool_at(stopped.json, "freed"));
    cr_assert(json_bool_at(stopped.json, "ended"));
    cr_assert_eq(json_size_at(stopped.json, "listeners"), 0);
    cr_assert_eq(child_wait(server), -SIGTERM);
    cr_assert(lives(client) && lives(bystander));
    CLEANUP(http_reply_deinit) struct http_reply gone = stop(&me, &target);
    assert_problem(gone, 409, "stale-process");
    child_kill(client);
    child_kill(bystander);
}

Test(who, portctl_stop_ends_the_server_and_not_its_client) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const pid_t server = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 8100 pause");
    sees_number(&me, 8100, "listeners[0].pid", (uint64_t)server);
    const pid_t client = start_client(&me);
    CLEANUP(cli_result_deinit) struct cli_result unsure = cli_run(&(struct cli_setup){.words = {"stop", "8100"}});
    cr_assert_eq(unsure.exit_code, 2, "without a terminal it cannot ask: %s", unsure.errors);
    cr_assert(lives(server));
    CLEANUP(cli_result_deinit)
    struct cli_result theirs = cli_run(&(struct cli_setup){
        .words = {"stop", "8100", "--yes", "--url", "http://localhost:3030"}, .uid = SANDBOX_OTHER_UID});
    cr_assert_neq(theirs.exit_code, 0);
    cr_assert(lives(server));
    CLEANUP(cli_result_deinit)
    struct cli_result sure = cli_run(&(struct cli_setup){.words = {"stop", "8100", "--yes"}});
    cr_assert_eq(sure.exit_code, 0, "%s", sure.errors);
    cr_assert_eq(child_wait(server), -SIGTERM);
    sees_listeners(&me, 8100, 0);
    cr_assert(lives(client));
    CLEANUP(cli_result_deinit)
    struct cli_result nobody = cli_run(&(struct cli_setup){.words = {"stop", "8100", "--yes"}});
    cr_assert_eq(nobody.exit_code, 1);
    child_kill(client);
}

/* ---- bad input ---- */

Test(who, what_is_no_port_and_a_port_of_nobody_get_their_own_answers) {
    static const struct {
        const char *port;
        int exit_code;
        const char *words;
    } cases[] = {
        {"99999", 2, "99999"}, {"abc", 2, "abc"}, {"0", 2, "0"},
        {"-1", 2, "-1"},       {"", 2, "port"},   {"8123", 1, "nobody listens on port 8123"},
    };
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(cli_result_deinit)
        struct cli_result result = cli_run(&(struct cli_setup){.words = {"who", cases[i].port}});
        cr_assert_eq(result.exit_code, cases[i].exit_code, "who %s: %d, %s", cases[i].port, result.exit_code,
                     result.errors);
        cr_assert_str_eq(result.output, "");
        cr_assert(strstr(result.errors, cases[i].words), "who %s: %s", cases[i].port, result.errors);
    }
    static const char *const targets[] = {"/who?port=99999", "/who?port=abc",       "/who?port=0",      "/who?port=-1",
                                          "/who?port=",      "/ports?state=asleep", "/ports?range=9-1", "/ports?uid=x"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(&me, targets[i]);
        assert_problem(reply, 400, "bad-request");
    }
    CLEANUP(http_reply_deinit) struct http_reply missing = caller_get(&me, "/who");
    assert_problem(missing, 400, "missing-parameter");
    CLEANUP(http_reply_deinit) struct http_reply nobody = sees_who(&me, 8123);
    cr_assert_str_eq(json_text_at(nobody.json, "state"), "free");
}
