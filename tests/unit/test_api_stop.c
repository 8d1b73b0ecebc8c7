/* POST /stop: with real processes and the kernel's own listeners, and a clock that stands still while an answer waits. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "probe/fd.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/holder.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

static struct fake_daemon it;
static struct fake_reply reply;
static struct sock_diag *diag;
static struct holder server;

/* What a caller has seen, as it goes into the body. */
static struct {
    unsigned port;
    int pid;
    uint64_t start_time;
    uint32_t inode;
} seen;

static void look_at(pid_t pid, uint16_t port) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    struct process_id id = {0};
    cr_assert_eq(process_pin(pid, NULL, &id, NULL), 0);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, port, &list), 0);
    cr_assert_geq(list.n_items, 1);
    seen.port = port;
    seen.pid = pid;
    seen.start_time = id.start_time;
    seen.inode = list.items[0].inode;
}

static void set_up(void) {
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "127.0.0.1"};
    netns_enter();
    cr_assert_eq(sock_diag_new(&diag), 0);
    cr_assert_eq(holder_open(&spec, &server), 0);
    fake_daemon_start(&it);
    it.api.diag = diag;
    it.probe.diag = diag;
    look_at(server.pid, server.port);
}

static void tear_down(void) {
    fake_reply_deinit(&reply);
    fake_daemon_stop(&it);
    holder_close(&server);
    diag = sock_diag_free(diag);
}

TestSuite(api_stop, .init = set_up, .fini = tear_down);

static void call(uid_t uid, const char *body) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, "/stop", body);
}

/* `more` is appended to the members: ",\"signal\":\"KILL\"". */
static void stop(uid_t uid, const char *more) {
    char body[256];
    snprintf(body, sizeof(body), "{\"port\":%u,\"pid\":%d,\"start_time\":%ju,\"inode\":%u%s}", seen.port, seen.pid,
             (uintmax_t)seen.start_time, seen.inode, more);
    call(uid, body);
}

static bool has_ended(pid_t child) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

static void expect_refused(int status, const char *type) {
    cr_expect_eq(reply.status, status, "%s", reply.text);
    cr_expect_str_eq(reply.type, type, "%s", reply.text);
    cr_expect_eq(it.n_waits, 0);
    wait_a_moment();
    cr_expect_not(has_ended(server.pid), "the server was stopped all the same");
}

static void wait_for_the_end(struct fake_daemon *daemon) {
    (void)daemon;
    struct wait wait = wait_for("the server's end");
    while (!has_ended(server.pid))
        wait_more(&wait);
}

static bool is_true(const char *path) {
    return cJSON_IsTrue(fake_reply_get(&reply, path));
}

/* ---- right ---- */

Test(api_stop, the_listener_is_stopped_and_the_port_is_free) {
    it.while_waiting = wait_for_the_end;
    stop(server.uid, "");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    wait_for_the_end(&it);
    cr_expect_leq(it.n_waits, 1, "answered as soon as it is free");
    cr_expect_eq(fake_reply_number(&reply, "port"), seen.port);
    cr_expect_eq(fake_reply_number(&reply, "pid"), seen.pid);
    cr_expect_str_eq(fake_reply_text(&reply, "signal"), "TERM");
    cr_expect(is_true("freed"));
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "listeners")), 0);
    cr_expect(cJSON_IsNull(fake_reply_get(&reply, "process")), "nobody has looked for the owner");
    siginfo_t info = {0};
    cr_assert_eq(waitid(P_PID, (id_t)server.pid, &info, WEXITED | WNOWAIT), 0);
    cr_expect_eq(info.si_status, SIGTERM);
}

Test(api_stop, the_process_is_named_as_it_was_seen) {
    it.probe.diag = NULL;
    fake_probe_listen(&it.probe, (uint16_t)seen.port, server.uid, seen.inode);
    fake_probe_own(&it.probe.snapshot.items[0], seen.pid, "holder");
    stop(server.uid, "");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(fake_reply_text(&reply, "process"), "holder");
}

/* A server that goes on is told after a second. */
Test(api_stop, the_answer_comes_after_a_second_at_the_latest) {
    stop(0, ",\"signal\":\"STOP\"");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(it.n_waits, 10);
    cr_expect_leq(it.probe.n_reads, 3, "each reading may wake all who wait, and they must not read for that");
    cr_expect_str_eq(fake_reply_text(&reply, "signal"), "STOP");
    cr_expect_not(is_true("freed"));
    cr_expect_not(is_true("ended"));
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.inode"), seen.inode);
    siginfo_t info = {0};
    cr_assert_eq(waitid(P_PID, (id_t)server.pid, &info, WSTOPPED | WNOWAIT), 0);
    kill(server.pid, SIGKILL); /* a stopped process would not notice that the test ends */
}

/* Its socket lives on in another process: this one has it open, too. */
Test(api_stop, a_port_that_another_process_keeps_is_not_free) {
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    look_at(child, tcp_port_of(fd));
    server.pid = child;
    it.while_waiting = wait_for_the_end;
    stop(0, ",\"signal\":\"KILL\"");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_not(is_true("freed"));
    cr_expect(is_true("ended"));
    cr_expect_eq(it.n_waits, 10);
}

/* ---- wrong ---- */

Test(api_stop, a_stale_start_time_is_a_stale_process) {
    seen.start_time++;
    stop(server.uid, "");
    expect_refused(409, "stale-process");
}

Test(api_stop, a_pid_of_nobody_is_a_stale_process) {
    seen.pid = 4194304;
    stop(server.uid, "");
    expect_refused(409, "stale-process");
}

Test(api_stop, a_stale_inode_is_a_stale_process) {
    seen.inode++;
    stop(server.uid, "");
    expect_refused(409, "stale-process");
}

Test(api_stop, a_port_that_nobody_listens_on) {
    seen.port++;
    stop(server.uid, "");
    expect_refused(404, "not-listening");
}

Test(api_stop, a_client_of_the_port_is_never_signalled) {
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    const pid_t client = fork();
    cr_assert_geq(client, 0);
    if (client == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        tcp_connect("127.0.0.1", server.port);
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    look_at(client, server.port);
    stop(0, ",\"signal\":\"KILL\"");
    expect_refused(409, "stale-process");
    cr_expect_not(has_ended(client));
    kill(client, SIGKILL);
}

Test(api_stop, another_users_process_is_not_the_callers) {
    stop(BOB, "");
    expect_refused(403, "not-your-process");
    stop(FAKE_DAEMON_UID, "");
    expect_refused(403, "not-your-process");
}

Test(api_stop, the_first_process_and_portd_are_protected) {
    seen.pid = 1;
    stop(0, "");
    expect_refused(403, "protected-process");
    seen.pid = getpid();
    stop(0, "");
    expect_refused(403, "protected-process");
}

Test(api_stop, portds_own_listener_is_protected_whoever_has_it) {
    it.rules.api_port = server.port;
    stop(0, "");
    expect_refused(403, "protected-process");
}

static int call_without_rights(void *context) {
    it.api.uid = BOB;
    stop(ANN, "");
    return reply.status == 403 && strcmp(reply.type, context) == 0 ? 0 : 1;
}

/* portd runs as an ordinary user, and root's or another's process is in question. */
Test(api_stop, portd_may_not_signal_what_it_has_no_right_to) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "127.0.0.1", .uid = ANN};
    struct holder anns = {0};
    cr_assert_eq(holder_open(&spec, &anns), 0);
    look_at(anns.pid, anns.port);
    cr_expect_eq(fake_home_run_as(BOB, call_without_rights, "may-not-signal"), 0);
    cr_expect_not(has_ended(anns.pid));
    holder_close(&anns);
}

Test(api_stop, bad_bodies_are_refused) {
    static const struct {
        const char *body;
        const char *type;
    } rows[] = {
        {"{}", "missing-key"},
        {"{\"pid\":7,\"start_time\":7,\"inode\":7}", "missing-key"},
        {"{\"port\":7,\"start_time\":7,\"inode\":7}", "missing-key"},
        {"{\"port\":7,\"pid\":7,\"inode\":7}", "missing-key"},
        {"{\"port\":7,\"pid\":7,\"start_time\":7}", "missing-key"},
        {"{\"port\":0,\"pid\":7,\"start_time\":7,\"inode\":7}", "invalid-value"},
        {"{\"port\":7,\"pid\":0,\"start_time\":7,\"inode\":7}", "invalid-value"},
        {"{\"port\":7,\"pid\":-1,\"start_time\":7,\"inode\":7}", "invalid-value"},
        {"{\"port\":7,\"pid\":4194305,\"start_time\":7,\"inode\":7}", "invalid-value"},
        {"{\"port\":7,\"pid\":4294967297,\"start_time\":7,\"inode\":7}", "invalid-value"},
        {"{\"port\":7,\"pid\":7,\"start_time\":-1,\"inode\":7}", "invalid-value"},
        {"{\"port\":7,\"pid\":7,\"start_time\":9007199254740992,\"inode\":7}", "invalid-value"},
        {"{\"port\":7,\"pid\":7,\"start_time\":7,\"inode\":0}", "invalid-value"},
        {"{\"port\":7,\"pid\":7,\"start_time\":7,\"inode\":4294967296}", "invalid-value"},
        {"{\"port\":7,\"pid\":7,\"start_time\":7,\"inode\":7,\"signal\":\"SEGV\"}", "invalid-value"},
        {"{\"port\":7,\"pid\":7,\"start_time\":7,\"inode\":7,\"signal\":\"\"}", "invalid-value"},
        {"{\"port\":7,\"pid\":7,\"start_time\":7,\"inode\":7,\"signal\":15}", "invalid-value"},
        {"{\"port\":7,\"pid\":7,\"start_time\":7,\"inode\":7,\"force\":true}", "unknown-key"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        call(0, rows[i].body);
        cr_expect_eq(reply.status, 422, "%s: %s", rows[i].body, reply.text);
        cr_expect_str_eq(reply.type, rows[i].type, "%s: %s", rows[i].body, reply.text);
    }
    cr_expect_eq(it.probe.n_reads, 0);
}
