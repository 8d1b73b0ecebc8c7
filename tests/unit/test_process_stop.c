/*
 * Stopping the process that listens, and no other: each part of what the caller saw, made wrong one at a time, and pids that
 * were used again.
 */
#include "probe/process_stop.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "probe/fd.h"
#include "tests/support/holder.h"
#include "tests/support/netns.h"
#include "tests/support/pid_namespace.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define UNTOUCHED 77

/* ---- signals ---- */

Test(process_stop, a_signal_is_read_by_its_name_with_or_without_SIG_and_by_its_number) {
    cr_expect_eq(process_signal_parse("TERM"), SIGTERM);
    cr_expect_eq(process_signal_parse("SIGTERM"), SIGTERM);
    cr_expect_eq(process_signal_parse("15"), SIGTERM);
    const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGKILL, SIGUSR1, SIGUSR2, SIGSTOP, SIGCONT};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        cr_expect_eq(process_signal_parse(process_signal_name(all[i])), all[i]);
}

Test(process_stop, other_signals_are_none) {
    static const char *const words[] = {"",    "SIG", "term",  "SEGV",  "0",         "-15",
                                        "015", "15 ", "TERM ", "SIG15", "SIGSIGTERM"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        cr_expect_eq(process_signal_parse(words[i]), 0, "\"%s\"", words[i]);
    cr_expect_null(process_signal_name(0));
    cr_expect_null(process_signal_name(SIGSEGV));
}

/* ---- one server, and what a caller saw of it ---- */

static struct sock_diag *diag;
static struct holder server;
static struct process_stop seen;
static int pidfd = UNTOUCHED;

/* What a caller would have read about the holder from /who. */
static struct process_stop look_at(const struct holder *holder) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    struct process_id id = {0};
    cr_assert_eq(process_pin(holder->pid, NULL, &id, NULL), 0);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, holder->port, &list), 0);
    cr_assert_eq(list.n_items, 1);
    return (struct process_stop){
        .port = holder->port,
        .pid = holder->pid,
        .start_time = id.start_time,
        .inode = list.items[0].inode,
        .signal = SIGTERM,
        .caller = holder->uid,
    };
}

static void start_server(uid_t uid) {
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "127.0.0.1", .uid = uid};
    netns_enter();
    cr_assert_eq(sock_diag_new(&diag), 0);
    cr_assert_eq(holder_open(&spec, &server), 0);
    seen = look_at(&server);
}

static void start_own_server(void) {
    start_server(0);
}

static void stop_server(void) {
    holder_close(&server);
    diag = sock_diag_free(diag);
}

TestSuite(process_stop_server, .init = start_own_server, .fini = stop_server);

static bool is_readable(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* An ended child is a zombie until it is waited for. */
static bool has_ended(pid_t child) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

/* A signal that was sent by mistake would be there by then: it is delivered before the call that sent it returns, and the
 * process must only be seen to run it. */
static void expect_refused(const struct process_stop *stop, int expected) {
    const int r = process_stop(diag, stop, &pidfd);
    cr_expect_eq(r, expected, "%d, not %d", r, expected);
    cr_expect_eq(pidfd, UNTOUCHED);
    wait_a_moment();
    cr_expect_not(has_ended(server.pid), "the server was stopped all the same");
}

Test(process_stop_server, the_process_that_listens_is_signalled) {
    cr_assert_eq(process_stop(diag, &seen, &pidfd), 0);
    cr_assert(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
    struct wait wait = wait_for("the server's end");
    while (!is_readable(pidfd))
        wait_more(&wait);
    siginfo_t info = {0};
    cr_assert_eq(waitid(P_PID, (id_t)server.pid, &info, WEXITED | WNOWAIT), 0);
    cr_assert_eq(info.si_code, CLD_KILLED);
    cr_assert_eq(info.si_status, SIGTERM);
    close(pidfd);
}

Test(process_stop_server, the_signal_is_the_one_that_was_asked_for_and_the_pidfd_need_not_be_taken) {
    siginfo_t info = {0};
    seen.signal = SIGSTOP;
    cr_assert_eq(process_stop(diag, &seen, NULL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)server.pid, &info, WSTOPPED | WNOWAIT), 0);
    cr_assert_eq(info.si_status, SIGSTOP);
    seen.signal = SIGKILL;
    cr_assert_eq(process_stop(diag, &seen, NULL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)server.pid, &info, WEXITED | WNOWAIT), 0);
    cr_assert_eq(info.si_status, SIGKILL);
}

Test(process_stop_server, root_may_stop_everybodys) {
    seen.caller = 0;
    cr_assert_eq(process_stop(diag, &seen, NULL), 0);
}

Test(process_stop_server, a_stale_start_time_is_another_process) {
    struct process_stop stale = seen;
    stale.start_time++;
    expect_refused(&stale, STOP_E_GONE);
    stale.start_time = 0;
    expect_refused(&stale, STOP_E_GONE);
}

Test(process_stop_server, a_stale_inode_is_no_listener) {
    struct process_stop stale = seen;
    stale.inode++;
    expect_refused(&stale, STOP_E_NOT_LISTENING);
    stale.inode = 0;
    expect_refused(&stale, STOP_E_NOT_LISTENING);
}

Test(process_stop_server, another_port_is_no_listener_either) {
    struct process_stop wrong = seen;
    wrong.port++;
    expect_refused(&wrong, STOP_E_NOT_LISTENING);
}

Test(process_stop_server, a_signal_without_a_name_is_not_sent) {
    struct process_stop wrong = seen;
    wrong.signal = 0;
    expect_refused(&wrong, -EINVAL);
    wrong.signal = SIGSEGV;
    expect_refused(&wrong, -EINVAL);
}

Test(process_stop_server, the_first_process_and_this_one_are_protected) {
    struct process_stop stop = seen;
    stop.pid = 1;
    expect_refused(&stop, STOP_E_PROTECTED);
    stop.pid = getpid();
    expect_refused(&stop, STOP_E_PROTECTED);
}

Test(process_stop_server, this_process_is_protected_also_if_it_is_the_one_that_listens) {
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    struct process_id id = {0};
    cr_assert_eq(process_pin(getpid(), NULL, &id, NULL), 0);
    const struct process_stop own = {
        .port = tcp_port_of(fd),
        .pid = getpid(),
        .start_time = id.start_time,
        .inode = tcp_inode_of(fd),
        .signal = SIGKILL,
    };
    expect_refused(&own, STOP_E_PROTECTED);
}

/* Its start time is right, so that nothing but what it is speaks against it. */
Test(process_stop_server, a_kernel_thread_is_protected) {
    struct process_id id = {0};
    char name[16] = "";
    FILE *file = fopen("/proc/2/comm", "re");
    if (!file || !fgets(name, sizeof(name), file) || strcmp(name, "kthreadd\n") != 0)
        cr_skip_test("no kernel thread is seen in this pid namespace");
    fclose(file);
    cr_assert_eq(process_pin(2, NULL, &id, NULL), 0);
    struct process_stop stop = seen;
    stop.pid = 2;
    stop.start_time = id.start_time;
    expect_refused(&stop, STOP_E_PROTECTED);
}

Test(process_stop_server, another_process_does_not_own_the_socket) {
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "127.0.0.1"};
    struct holder other = {0};
    cr_assert_eq(holder_open(&spec, &other), 0);
    struct process_stop wrong = seen;
    const struct process_stop others = look_at(&other);
    wrong.pid = others.pid;
    wrong.start_time = others.start_time;
    expect_refused(&wrong, STOP_E_NOT_OWNER);
    cr_expect_not(has_ended(other.pid));
    holder_close(&other);
}

/* A browser with a tab open on the port: whatever it is named by, it lives. */
Test(process_stop_server, a_client_of_the_port_is_never_signalled) {
    const pid_t parent = getpid();
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const pid_t client = fork();
    cr_assert_geq(client, 0);
    if (client == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int fd = tcp_connect("127.0.0.1", server.port);
        const uint32_t inode = tcp_inode_of(fd);
        if (write(ends[1], &inode, sizeof(inode)) != sizeof(inode))
            _exit(1);
        while (getppid() == parent)
            pause();
        _exit(0);
    }
    uint32_t inode = 0;
    struct process_id id = {0};
    cr_assert_eq(read(ends[0], &inode, sizeof(inode)), sizeof(inode));
    cr_assert_eq(process_pin(client, NULL, &id, NULL), 0);
    struct process_stop wrong = seen;
    wrong.pid = client;
    wrong.start_time = id.start_time;
    expect_refused(&wrong, STOP_E_NOT_OWNER);
    wrong.inode = inode;
    expect_refused(&wrong, STOP_E_NOT_LISTENING);
    CLEANUP(listener_list_deinit) struct listener_list all = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_CONNECTIONS, 0, &all), 0);
    for (size_t i = 0; i < all.n_items; i++) {
        wrong.port = all.items[i].port;
        wrong.inode = all.items[i].inode;
        expect_refused(&wrong, STOP_E_NOT_LISTENING);
    }
    cr_expect_geq(all.n_items, 2);
    cr_expect_not(has_ended(client));
    kill(client, SIGKILL);
}

Test(process_stop_server, who_has_ended_is_gone) {
    siginfo_t info = {0};
    cr_assert_eq(kill(server.pid, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)server.pid, &info, WEXITED | WNOWAIT), 0);
    cr_expect_eq(process_stop(diag, &seen, &pidfd), STOP_E_GONE, "a zombie");
    holder_close(&server);
    server = (struct holder){0};
    cr_expect_eq(process_stop(diag, &seen, &pidfd), STOP_E_GONE);
    cr_expect_eq(pidfd, UNTOUCHED);
}

/* ---- several users ---- */

static void start_others_server(void) {
    if (geteuid() == 0)
        start_server(HOLDER_OTHER_UID);
}

TestSuite(process_stop_users, .init = start_others_server, .fini = stop_server);

Test(process_stop_users, another_uids_process_is_not_the_callers) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    struct process_stop wrong = seen;
    wrong.caller = HOLDER_OTHER_UID + 1;
    expect_refused(&wrong, STOP_E_NOT_ALLOWED);
    cr_expect_eq(process_stop(diag, &seen, NULL), 0, "its own uid may");
}

/* As an ordinary user's portd: it may neither look into root's process nor signal it. */
static int try_without_rights(uid_t caller) {
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct process_stop stop = seen;
        stop.caller = caller;
        if (setresuid(HOLDER_OTHER_UID + 1, HOLDER_OTHER_UID + 1, HOLDER_OTHER_UID + 1) < 0)
            _exit(99);
        _exit(process_stop(diag, &stop, NULL));
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

Test(process_stop_users, who_may_not_look_does_not_signal) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    cr_expect_eq(try_without_rights(HOLDER_OTHER_UID), STOP_E_UNREADABLE);
    cr_expect_eq(try_without_rights(0), STOP_E_UNREADABLE);
    cr_expect_eq(try_without_rights(HOLDER_OTHER_UID + 1), STOP_E_NOT_ALLOWED);
    cr_expect_not(has_ended(server.pid));
}

/* ---- a pid that is used again ---- */

/* Everything in a pid namespace of its own, where the next pid can be chosen. The listener stays: this process has it open, too,
 * so that port and inode are still right when the pid is another process's, and mostly the start time as well. */
#define N_REUSES 1000

static bool choose_next_pid(pid_t pid) {
    char text[16];
    CLEANUP(fd_close_at) int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    const int length = snprintf(text, sizeof(text), "%d", pid - 1);
    return fd >= 0 && write(fd, text, (size_t)length) == length;
}

/* A child that keeps the listener, or has closed it by the time this returns. */
static pid_t start_child_as(pid_t wanted, int listener, bool keeps) {
    int ends[2];
    char byte;
    if ((wanted > 0 && !choose_next_pid(wanted)) || pipe(ends) < 0)
        return -1;
    const pid_t child = fork();
    if (child == 0) {
        if (!keeps)
            close(listener);
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    const bool is_there = child > 0 && read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return is_there ? child : -1;
}

static void end_child(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* One owner, seen and ended, and a stranger under its pid. Returns the number of the step that failed, or 0. */
static int reuse_pid(int listener, unsigned *n_same_tick) {
    struct process_id id = {0};
    const pid_t owner = start_child_as(0, listener, true);
    if (owner < 0 || process_pin(owner, NULL, &id, NULL) != 0)
        return 1;
    const struct process_stop stop = {
        .port = tcp_port_of(listener),
        .pid = owner,
        .start_time = id.start_time,
        .inode = tcp_inode_of(listener),
        .signal = SIGKILL,
    };
    end_child(owner);
    const pid_t stranger = start_child_as(owner, listener, false);
    if (stranger != owner)
        return 2;
    const int r = process_stop(diag, &stop, NULL);
    if (r == STOP_E_NOT_OWNER)
        ++*n_same_tick;
    else if (r != STOP_E_GONE)
        return 3;
    /* The signal that must not come would be SIGKILL: a zombie or nothing would be left. */
    if (process_pin(stranger, NULL, NULL, NULL) != 0)
        return 4;
    end_child(stranger);
    return 0;
}

/* Runs as pid 1. */
static int reuse_pids(void) {
    unsigned n_same_tick = 0;
    if (sock_diag_new(&diag) != 0)
        return 10;
    CLEANUP(fd_close_at) int listener = tcp_listen("127.0.0.1", 0);
    for (int i = 0; i < N_REUSES; i++) {
        const int failed_step = reuse_pid(listener, &n_same_tick);
        if (failed_step != 0)
            return failed_step;
    }
    /* Else nothing has been shown: the start time alone would have done. */
    return n_same_tick > 0 ? 0 : 5;
}

Test(process_stop, a_process_with_a_pid_that_was_used_again_is_never_signalled) {
    netns_enter();
    const int failed_step = pid_namespace_run(reuse_pids);
    if (failed_step == PID_NAMESPACE_NOT_ALLOWED)
        cr_skip_test("who may not make a pid namespace cannot choose the next pid");
    cr_assert_eq(failed_step, 0, "step %d failed", failed_step);
}
