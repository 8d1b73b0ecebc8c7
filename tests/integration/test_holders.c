/*
 * Holders, with the real portctl run: what dies with whom, what a server that puts itself into the background keeps, and pids that are used again.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
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
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(holders, .timeout = 120);

/* portctl run with a puppet; `script` begins with "PUPPET=". What it leaves behind is to stay, if it serves. */
static struct cli run_puppet(const char *script) {
    return cli_start(&(struct cli_setup){.words = {"run", "web", "--keep", "--", puppet_install("server")},
                                         .environment = {script}});
}

/* The port of the one lease there is, once its server listens. */
static uint16_t wait_for_server(const struct caller *caller) {
    const struct wait wait = wait_at_most(SEES_SECONDS, "the program's lease");
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
        if (json_size_at(list.json, "") == 1) {
            const uint16_t port = (uint16_t)json_number_at(list.json, "[0].port");
            sees_lease(caller, port, "state", "bound");
            sees_lease(caller, port, "evidence", "confirmed");
            return port;
        }
        wait_more(&wait);
    }
}

static pid_t holder_of(const struct caller *caller, uint16_t port) {
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
    return (pid_t)json_number_at(caller_find_lease(&list, port), "holder.pid");
}

/* The process that listens on the port. */
static pid_t server_of(const struct caller *caller, uint16_t port) {
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(caller, port);
    return (pid_t)json_number_at(who.json, "listeners[0].pid");
}

/* ---- kill -9 ---- */

Test(holders, portctl_and_its_program_killed_together_free_the_port) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct cli cli = run_puppet("PUPPET=listen 127.0.0.1 $PORT pause");
    const uint16_t port = wait_for_server(&me);
    const pid_t program = holder_of(&me, port);
    cr_assert_eq(server_of(&me, port), program);
    kill(cli.pid, SIGKILL);
    kill(program, SIGKILL);
    child_wait(cli.pid);
    sees_no_lease(&me, port);
    sees_listeners(&me, port, 0);
    sees_in_history(&me, "lease.released", port);
}

Test(holders, portctl_killed_alone_leaves_the_lease_with_the_program) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct cli cli = run_puppet("PUPPET=listen 127.0.0.1 $PORT pause");
    const uint16_t port = wait_for_server(&me);
    const pid_t program = holder_of(&me, port);
    child_kill(cli.pid);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
    cr_assert_str_eq(json_text_at(list.json, "[0].state"), "bound");
    cr_assert_str_eq(json_text_at(list.json, "[0].kept_by"), "holder");
    sees_evidence(&me, port, "confirmed", "holder");
    kill(program, SIGKILL);
    sees_no_lease(&me, port);
}

/* ---- servers that are not the program itself ---- */

Test(holders, a_grandchild_of_the_program_is_its_server) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct cli cli = run_puppet("PUPPET=spawn spawn listen 127.0.0.1 $PORT pause");
    const uint16_t port = wait_for_server(&me);
    const pid_t program = holder_of(&me, port);
    const pid_t server = server_of(&me, port);
    cr_assert_neq(server, program);
    sees_evidence(&me, port, "confirmed", "descendant");
    /* Its parents die, and what they did not tell it lives on. */
    kill(program, SIGKILL);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 128 + SIGKILL);
    sees_lease(&me, port, "state", "bound");
    sees_lease(&me, port, "evidence", "confirmed");
    kill(server, SIGKILL);
    sees_no_lease(&me, port);
}

static const char *const daemons[] = {
    "PUPPET=fork setsid fork nap 100 listen 127.0.0.1 $PORT pause",
    "PUPPET=fork setsid fork listen 127.0.0.1 $PORT pause",
    "PUPPET=clearenv fork setsid fork nap 100 listen 127.0.0.1 $PORT pause",
    "PUPPET=clearenv call nginx fork setsid fork listen 127.0.0.1 $PORT pause",
    "PUPPET=listen 127.0.0.1 $PORT fork setsid fork pause",
};

#define N_DAEMONS (sizeof(daemons) / sizeof(daemons[0]))

Test(holders, a_daemon_keeps_its_lease_until_it_is_killed) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < N_DAEMONS; i++) {
        const struct cli cli = run_puppet(daemons[i]);
        CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
        cr_assert_eq(result.exit_code, 0, "%s: %s", daemons[i], result.errors);
        const uint16_t port = wait_for_server(&me);
        const pid_t server = server_of(&me, port);
        cr_assert_neq(server, holder_of(&me, port));
        CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&me, port);
        cr_assert_str_eq(json_text_at(who.json, "listeners[0].evidence.level"), "confirmed");
        cr_assert_eq(json_size_at(who.json, "findings"), 0, "%s: %s", daemons[i], who.body);
        cr_assert_str_eq(json_text_at(who.json, "lease.kept_by"), "listener");
        kill(server, SIGKILL);
        sees_no_lease(&me, port);
    }
}

/* ---- a restart of portd ---- */

/* Waits until two turns are over: what was found out before them is in the database. */
static void wait_for_turns(const struct caller *caller, uint16_t port) {
    for (int i = 0; i < 2; i++) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
        const char *before = json_text_at(caller_find_lease(&list, port), "last_heartbeat");
        const struct wait wait = wait_at_most(SEES_SECONDS, "a turn");
        for (bool is_new = false; !is_new;) {
            CLEANUP(http_reply_deinit) struct http_reply now = caller_list(caller);
            is_new = strcmp(json_text_at(caller_find_lease(&now, port), "last_heartbeat"), before) != 0;
            if (!is_new)
                wait_more(&wait);
        }
    }
}

Test(holders, a_restart_knows_the_holder_and_the_daemon_again) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct cli gone = run_puppet(daemons[2]);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&gone);
    const uint16_t daemonised = wait_for_server(&me);
    const pid_t server = server_of(&me, daemonised);
    const pid_t holder = puppet_start(&(struct puppet_setup){0}, "pause listen 127.0.0.1 8500 pause");
    caller_grant(&me, "{\"service_name\":\"held\",\"port\":8500,\"pid\":%d}", holder);
    puppet_go_on(holder);
    sees_lease(&me, 8500, "evidence", "confirmed");

    wait_for_turns(&me, daemonised);
    for (int i = 0; i < 2; i++) {
        daemon_kill(&daemon);
        daemon = daemon_start(&(struct daemon_setup){0});
        sees_lease(&me, 8500, "state", "bound");
        sees_lease(&me, 8500, "kept_by", "holder");
        sees_evidence(&me, 8500, "confirmed", "holder");
        sees_lease(&me, daemonised, "state", "bound");
        sees_text(&me, daemonised, "listeners[0].evidence.level", "confirmed");
    }
    child_kill(holder);
    sees_no_lease(&me, 8500);
    kill(server, SIGKILL);
    sees_no_lease(&me, daemonised);
}

/* ---- elsewhere ---- */

Test(holders, a_program_that_listens_on_another_port_is_told_where) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct cli cli =
        run_puppet("PUPPET=spawn call vite listen 127.0.0.1 5173 pause listen 127.0.0.1 $PORT pause");
    sees_listeners(&me, 5173, 1);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
    const uint16_t port = (uint16_t)json_number_at(list.json, "[0].port");
    sees_lease(&me, port, "state", "elsewhere");
    CLEANUP(http_reply_deinit) struct http_reply elsewhere = caller_list(&me);
    cr_assert_eq(json_number_at(elsewhere.json, "[0].elsewhere_port"), 5173);
    cr_assert_str_eq(json_text_at(elsewhere.json, "[0].kept_by"), "holder");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&me, port);
    cr_assert(strstr(json_text_at(who.json, "verdict"), "5173"), "%s", who.body);
    /* It listens where it should, too. */
    puppet_go_on(server_of(&me, 5173));
    sees_lease(&me, port, "state", "bound");
    kill(holder_of(&me, port), SIGKILL);
    child_wait(cli.pid);
    kill(server_of(&me, port), SIGKILL);
    sees_no_lease(&me, port);
}

/* ---- pids that are used again ---- */

#define N_REUSES   1000
#define REUSED_PID 5000

/* What the processes of one reuse have in common. */
struct reuse {
    struct daemon daemon;
    struct caller caller;
    _Atomic uint16_t port; /* on which the holder's child listens as soon as it is told */
};

static pid_t try_to_start_as(pid_t pid, uid_t uid, int (*run)(void *context), void *context) {
    char text[16];
    snprintf(text, sizeof(text), "%d", pid - 1);
    CLEANUP(fd_close_at) int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        fail_test("ns_last_pid cannot be written: %s.", strerror(errno));
    return child_start(uid, run, context);
}

/* Starts a child whose pid is this one: the next after the last that was given, unless somebody was quicker, or has not quite gone. */
static pid_t start_as(pid_t pid, uid_t uid, int (*run)(void *context), void *context) {
    const struct wait wait = wait_for("a pid to be had again");
    for (;;) {
        const pid_t got = try_to_start_as(pid, uid, run, context);
        if (got == pid)
            return got;
        child_kill(got);
        wait_more(&wait);
    }
}

static int live(void *context) {
    (void)context;
    while (pause() < 0)
        continue;
    return 0;
}

/* Somebody who has nothing to do with the lease: he listens on its port. */
static int listen_on_port(void *context) {
    struct reuse *reuse = context;
    tcp_listen("127.0.0.1", reuse->port);
    return live(NULL);
}

static int listen_when_told(void *context) {
    struct reuse *reuse = context;
    const struct wait wait = wait_for("the port");
    while (reuse->port == 0)
        wait_more(&wait);
    return listen_on_port(reuse);
}

/* A holder with a child, whose pid is the next. It reaps it, so that the pid is free again. */
static int hold_with_child(void *context) {
    child_wait(child_start(0, listen_when_told, context));
    return live(NULL);
}

static uint16_t grant_to(struct reuse *reuse, pid_t pid) {
    reuse->port = caller_grant(&reuse->caller, "{\"service_name\":\"reused\",\"pid\":%d}", pid);
    return reuse->port;
}

static void assert_nobody_confirms(const struct reuse *reuse, uint16_t port) {
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&reuse->caller, port);
    const cJSON *level = json_at(who.json, "listeners[0].evidence.level");
    if (cJSON_IsString(level) && strcmp(level->valuestring, "foreign") != 0)
        fail_test("A stranger with a holder's pid is %s: %s", level->valuestring, who.body);
}

/* The holder's pid is another process's before portd hears of its end. */
static void reuse_holder(struct reuse *reuse, bool stranger_listens, bool restart) {
    start_as(REUSED_PID, 0, live, NULL);
    const uint16_t port = grant_to(reuse, REUSED_PID);
    if (restart)
        daemon_kill(&reuse->daemon);
    else
        daemon_freeze(&reuse->daemon);
    child_kill(REUSED_PID);
    start_as(REUSED_PID, SANDBOX_OTHER_UID, stranger_listens ? listen_on_port : live, reuse);
    if (stranger_listens)
        sees_in_kernel(port, true);
    if (restart)
        reuse->daemon = daemon_start(&(struct daemon_setup){0});
    else
        daemon_thaw(&reuse->daemon);
    sees_no_lease(&reuse->caller, port);
    child_kill(REUSED_PID);
}

/* The same with the pid of a server that the holder has started, while the holder lives. */
static void reuse_kin(struct reuse *reuse) {
    const pid_t holder = REUSED_PID - 1;
    reuse->port = 0;
    start_as(holder, 0, hold_with_child, reuse);
    const uint16_t port = grant_to(reuse, holder);
    sees_evidence(&reuse->caller, port, "confirmed", "descendant");
    daemon_freeze(&reuse->daemon);
    kill(REUSED_PID, SIGKILL);
    sees_in_kernel(port, false);
    const struct wait wait = wait_for("the holder to reap its child");
    while (kill(REUSED_PID, 0) == 0)
        wait_more(&wait);
    start_as(REUSED_PID, SANDBOX_OTHER_UID, listen_on_port, reuse);
    sees_in_kernel(port, true);
    daemon_thaw(&reuse->daemon);
    sees_text(&reuse->caller, port, "state", "conflict");
    assert_nobody_confirms(reuse, port);
    child_kill(holder);
    sees_no_lease(&reuse->caller, port);
    child_kill(REUSED_PID);
}

static void reuse_pids(void) {
    struct reuse *reuse = child_share(sizeof(*reuse));
    reuse->daemon = daemon_start(&(struct daemon_setup){0});
    reuse->caller = (struct caller){.daemon = &reuse->daemon, .channel = CHANNEL_UNIX};
    for (int i = 0; i < N_REUSES; i++) {
        if (i % 20 == 0)
            reuse_kin(reuse);
        else
            reuse_holder(reuse, i % 2 != 0, i % 50 == 1 || i % 50 == 2);
    }
    daemon_stop_at(&reuse->daemon);
}

/* The first process of a pid namespace of its own, with a /proc that shows that. */
static _Noreturn void be_init(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (mount("proc", "/proc", "proc", 0, NULL) < 0)
        fail_test("/proc cannot be mounted: %s.", strerror(errno));
    reuse_pids();
    _exit(EXIT_SUCCESS);
}

/* In a child, because who has left his pid namespace cannot fork any more once its first process has ended; LeakSanitizer wants to. */
static int leave_pid_namespace(void *context) {
    (void)context;
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        return errno;
    fflush(NULL);
    const pid_t init = fork();
    if (init == 0)
        be_init();
    _exit(init < 0 ? errno : child_wait(init));
}

Test(holders, a_pid_that_is_used_again_inherits_nothing) {
    sandbox_enter_as_root();
    cr_assert_eq(child_wait(child_start(0, leave_pid_namespace, NULL)), 0);
}
