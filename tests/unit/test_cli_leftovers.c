/*
 * Leftovers: real trees of processes below a subreaper that does with them what `portctl run` does. Each test's subreaper is a child of its own, so
 * that nothing of the test runner descends from it; next to it there is a bystander, whom nothing may reach.
 *
 * Times are told by what can come only later: where nothing is to be waited for, SIGKILL is ten minutes away.
 */
#include "cli/leftovers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/descendants.h"
#include "cli/patience.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define PIDS_MAX      4096
#define NEVER_MS      600000
#define AT_ONCE_MS    1
#define LIVES_SECONDS 40

/* What the test, its subreaper and all below have in common. */
static struct world {
    _Atomic unsigned n_pids;
    _Atomic pid_t pids[PIDS_MAX]; /* of those that are ready */
    _Atomic bool heard_term;
    _Atomic bool could_connect;
    _Atomic unsigned n_forked;
    struct leftovers_outcome outcome;
} * world;

static pid_t bystander;

static void enter(void) {
    sandbox_enter();
    world = child_share(sizeof *world);
    bystander = child_start_idle(0);
}

static void leave(void) {
    if (bystander > 0) {
        cr_expect_eq(waitpid(bystander, NULL, WNOHANG), 0, "the bystander was signalled");
        child_kill(bystander);
    }
}

TestSuite(cli_leftovers, .init = enter, .fini = leave, .timeout = 110);

/* ---- those who are left behind ---- */

static void be_ready(void) {
    const unsigned i = atomic_fetch_add(&world->n_pids, 1);
    if (i < PIDS_MAX)
        world->pids[i] = getpid();
}

static void wait_until_ready(unsigned n) {
    const struct wait wait = wait_for("the leftovers to be ready");
    while (world->n_pids < n)
        wait_more(&wait);
}

static _Noreturn void live(void) {
    for (;;)
        pause();
}

/* With no signal blocked and SIGTERM as it is, also where a handler forks; and not for ever. */
static pid_t grow(void (*be)(void)) {
    const pid_t pid = fork();
    sigset_t none;
    if (pid < 0)
        fail_test("No child can be made: %s.", strerror(errno));
    if (pid > 0)
        return pid;
    sigemptyset(&none);
    signal(SIGTERM, SIG_DFL);
    alarm(LIVES_SECONDS);
    sigprocmask(SIG_SETMASK, &none, NULL);
    be();
    _exit(0);
}

static void be_sleeper(void) {
    prctl(PR_SET_NAME, "sleeper");
    be_ready();
    live();
}

static void hear_term(int number) {
    (void)number;
    world->heard_term = true;
}

static void be_stubborn(void) {
    prctl(PR_SET_NAME, "stubborn");
    signal(SIGTERM, hear_term);
    be_ready();
    live();
}

static void be_stopped(void) {
    be_ready();
    raise(SIGSTOP);
    live();
}

static void be_server(void) {
    const int fd = tcp_listen("127.0.0.1", 0);
    be_ready();
    (void)fd;
    live();
}

/* ---- the subreaper ---- */

static int signal_fd = -1;

static void become_subreaper(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        fail_test("This is no subreaper: %s.", strerror(errno));
}

static void wait_for_signal(uint64_t until_ms) {
    struct pollfd poll_fd = {.fd = signal_fd, .events = POLLIN};
    struct signalfd_siginfo info;
    const uint64_t now_ms = patience_now_ms();
    int timeout_ms = -1;
    if (until_ms != UINT64_MAX)
        timeout_ms = until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
    poll(&poll_fd, 1, timeout_ms);
    while (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        continue;
}

static struct leftovers *begin(const struct leftovers_setup *setup) {
    struct leftovers *leftovers;
    if (leftovers_new(setup, &leftovers) != 0)
        fail_test("no leftovers");
    return leftovers;
}

static void finish(struct leftovers *leftovers) {
    while (!leftovers_are_done(leftovers)) {
        wait_for_signal(leftovers_due_ms(leftovers));
        leftovers_turn(leftovers);
    }
    leftovers_get_outcome(leftovers, &world->outcome);
    leftovers_free(leftovers);
}

static void stop(uint64_t patience_ms) {
    finish(begin(&(const struct leftovers_setup){.patience_ms = patience_ms}));
}

static const uint16_t ports[] = {8001, 8002};

static void keep(size_t n_ports, uint64_t patience_ms) {
    finish(begin(
        &(const struct leftovers_setup){.keep = true, .ports = ports, .n_ports = n_ports, .patience_ms = patience_ms}));
}

/* Calls the scenario in a subreaper. */
static int be_subreaper(void *context) {
    void (*const *scenario)(void) = context;
    become_subreaper();
    (*scenario)();
    return 0;
}

static void play(void (*scenario)(void)) {
    cr_assert_eq(child_wait(child_start(0, be_subreaper, &scenario)), 0);
}

static void assert_outcome(size_t n_stopped, size_t n_killed, size_t n_kept, size_t n_left) {
    const struct leftovers_outcome *outcome = &world->outcome;
    cr_assert(outcome->n_stopped == n_stopped && outcome->n_killed == n_killed && outcome->n_kept == n_kept &&
                  outcome->n_left == n_left,
              "stopped %zu, killed %zu, kept %zu, left %zu", outcome->n_stopped, outcome->n_killed, outcome->n_kept,
              outcome->n_left);
}

static void assert_nobody_lives(void) {
    for (unsigned i = 0; i < world->n_pids && i < PIDS_MAX; i++)
        cr_assert(kill(world->pids[i], 0) < 0 && errno == ESRCH, "%d lives", world->pids[i]);
}

/* ---- stopping ---- */

static void leave_nobody(void) {
    struct leftovers *leftovers = begin(&(const struct leftovers_setup){.patience_ms = NEVER_MS});
    if (!leftovers_are_done(leftovers) || leftovers_due_ms(leftovers) != UINT64_MAX)
        fail_test("Nobody is left, and somebody is waited for.");
    finish(leftovers);
}

Test(cli_leftovers, without_anybody_it_is_done_at_once) {
    play(leave_nobody);
    assert_outcome(0, 0, 0, 0);
    cr_assert_str_empty(world->outcome.first_name);
}

static void leave_zombie(void) {
    siginfo_t info;
    const pid_t pid = grow(be_ready);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    leave_nobody();
}

Test(cli_leftovers, who_has_ended_already_is_only_reaped) {
    play(leave_zombie);
    assert_outcome(0, 0, 0, 0);
}

static void leave_sleeper(void) {
    grow(be_sleeper);
    wait_until_ready(1);
    stop(NEVER_MS);
}

Test(cli_leftovers, one_is_stopped_and_told_by_its_name) {
    play(leave_sleeper);
    assert_outcome(1, 0, 0, 0);
    cr_assert_str_eq(world->outcome.first_name, "sleeper");
    assert_nobody_lives();
}

/* No turn comes but at SIGCHLD. */
static void leave_sleeper_and_wait_for_signals(void) {
    grow(be_sleeper);
    wait_until_ready(1);
    struct leftovers *leftovers = begin(&(const struct leftovers_setup){.patience_ms = NEVER_MS});
    while (!leftovers_are_done(leftovers)) {
        wait_for_signal(UINT64_MAX);
        leftovers_turn(leftovers);
    }
    finish(leftovers);
}

Test(cli_leftovers, the_end_is_noticed_when_it_comes_and_not_at_the_next_look) {
    play(leave_sleeper_and_wait_for_signals);
    assert_outcome(1, 0, 0, 0);
}

static void leave_stubborn(void) {
    grow(be_stubborn);
    wait_until_ready(1);
    stop(300);
}

Test(cli_leftovers, who_does_not_end_of_SIGTERM_is_killed_after_it) {
    play(leave_stubborn);
    assert_outcome(0, 1, 0, 0);
    cr_assert(world->heard_term);
    cr_assert_str_eq(world->outcome.first_name, "stubborn");
    assert_nobody_lives();
}

static void leave_stopped(void) {
    for (int i = 0; i < 3; i++)
        waitpid(grow(be_stopped), NULL, WUNTRACED);
    stop(NEVER_MS);
}

Test(cli_leftovers, stopped_ones_go_on_to_hear_of_their_end) {
    play(leave_stopped);
    assert_outcome(3, 0, 0, 0);
    assert_nobody_lives();
}

static void leave_servers(void) {
    for (int i = 0; i < 100; i++)
        grow(be_server);
    wait_until_ready(100);
    stop(NEVER_MS);
}

Test(cli_leftovers, a_hundred_servers_are_stopped) {
    play(leave_servers);
    assert_outcome(100, 0, 0, 0);
    assert_nobody_lives();
}

static void fork_daemon(void) {
    setsid();
    grow(be_sleeper);
}

static void leave_daemon(void) {
    child_wait(grow(fork_daemon));
    wait_until_ready(1);
    stop(NEVER_MS);
}

Test(cli_leftovers, a_daemon_in_a_session_of_its_own_is_stopped) {
    play(leave_daemon);
    assert_outcome(1, 0, 0, 0);
    assert_nobody_lives();
}

static int depth_left;

static void be_link(void) {
    if (--depth_left > 0)
        grow(be_link);
    be_ready();
    live();
}

static void leave_chain(void) {
    depth_left = 50;
    grow(be_link);
    wait_until_ready(50);
    stop(NEVER_MS);
}

Test(cli_leftovers, a_deep_chain_is_stopped_to_its_end) {
    play(leave_chain);
    assert_outcome(50, 0, 0, 0);
    assert_nobody_lives();
}

static void fork_at_term(int number) {
    (void)number;
    world->n_forked++;
    for (int i = 0; i < 3; i++)
        grow(be_sleeper);
    _exit(0);
}

static void be_hydra(void) {
    signal(SIGTERM, fork_at_term);
    be_ready();
    live();
}

static void leave_hydra(void) {
    grow(be_hydra);
    wait_until_ready(1);
    stop(NEVER_MS);
    if (waitpid(-1, NULL, WNOHANG) != -1)
        fail_test("Somebody is left.");
}

Test(cli_leftovers, who_forks_when_it_is_stopped_leaves_nobody_either) {
    play(leave_hydra);
    assert_outcome(4, 0, 0, 0);
    cr_assert_eq(world->n_forked, 1);
    assert_nobody_lives();
}

#define BOMB_MOST 200

static void be_bomb(void) {
    signal(SIGTERM, SIG_IGN);
    be_ready();
    while (atomic_fetch_add(&world->n_forked, 1) < BOMB_MOST) {
        grow(be_bomb);
        wait_a_moment();
    }
    live();
}

static void leave_bomb(void) {
    grow(be_bomb);
    wait_until_ready(20);
    stop(AT_ONCE_MS);
    if (waitpid(-1, NULL, WNOHANG) != -1)
        fail_test("Somebody is left.");
}

Test(cli_leftovers, a_fork_bomb_is_outrun) {
    play(leave_bomb);
    cr_assert_eq(world->outcome.n_left, 0);
    cr_assert_gt(world->outcome.n_killed, 1);
    assert_nobody_lives();
}

/* Leaves its place to a child, again and again: no look is quick enough to be sure of it. */
static void be_runner(void) {
    signal(SIGTERM, SIG_IGN);
    be_ready();
    for (;;) {
        wait_a_moment();
        if (fork() != 0)
            _exit(0);
    }
}

static void leave_runner(void) {
    grow(be_runner);
    wait_until_ready(1);
    stop(AT_ONCE_MS);
    if (waitpid(-1, NULL, WNOHANG) != -1)
        fail_test("It still runs.");
}

Test(cli_leftovers, who_forks_and_ends_again_and_again_is_caught) {
    play(leave_runner);
    cr_assert_eq(world->outcome.n_left, 0);
}

static void leave_stubborn_and_hurry(void) {
    for (int i = 0; i < 3; i++)
        grow(be_stubborn);
    wait_until_ready(3);
    struct leftovers *leftovers = begin(&(const struct leftovers_setup){.patience_ms = NEVER_MS});
    leftovers_hurry(leftovers);
    finish(leftovers);
}

Test(cli_leftovers, in_a_hurry_they_are_killed_at_once) {
    play(leave_stubborn_and_hurry);
    assert_outcome(0, 3, 0, 0);
    assert_nobody_lives();
}

/* So many more than standard input, output, error and the signals. */
static void leave_room_for_descriptors(rlim_t n_more) {
    const rlim_t n_open = STDERR_FILENO + 2;
    const struct rlimit limit = {.rlim_cur = n_open + n_more, .rlim_max = n_open + n_more};
    signal_fd = dup2(signal_fd, STDERR_FILENO + 1);
    close_range((unsigned)n_open, ~0U, 0);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail_test("The limit cannot be set: %s.", strerror(errno));
}

static void leave_many_with_few_descriptors(void) {
    for (int i = 0; i < 40; i++)
        grow(i % 2 == 0 ? be_sleeper : be_stubborn);
    wait_until_ready(40);
    leave_room_for_descriptors(4);
    stop(100);
}

Test(cli_leftovers, four_descriptors_are_enough) {
    play(leave_many_with_few_descriptors);
    assert_outcome(20, 20, 0, 0);
    assert_nobody_lives();
}

static void leave_some_without_descriptors(void) {
    grow(be_sleeper);
    wait_until_ready(1);
    leave_room_for_descriptors(0);
    struct leftovers *leftovers = begin(&(const struct leftovers_setup){.patience_ms = NEVER_MS});
    for (int i = 0; i < 5; i++) {
        wait_for_signal(leftovers_due_ms(leftovers));
        leftovers_turn(leftovers);
    }
    if (leftovers_are_done(leftovers))
        fail_test("It has given up.");
    close_range(0, ~0U, 0);
    while (!leftovers_are_done(leftovers)) {
        wait_a_moment();
        leftovers_turn(leftovers);
    }
    leftovers_get_outcome(leftovers, &world->outcome);
    leftovers_free(leftovers);
}

Test(cli_leftovers, a_shortage_of_descriptors_is_waited_out) {
    play(leave_some_without_descriptors);
    assert_outcome(1, 0, 0, 0);
}

/* ---- whom it cannot signal, and where /proc is another one ---- */

static void become_ordinary(void) {
    if (setresuid(SANDBOX_OTHER_UID, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID) < 0)
        fail_test("No ordinary user: %s.", strerror(errno));
    /* As it is after an exec: his own processes can be read. */
    prctl(PR_SET_DUMPABLE, 1);
}

static pid_t roots;

static void leave_roots_as_ordinary(void) {
    roots = grow(be_sleeper);
    become_ordinary();
    grow(be_sleeper);
    wait_until_ready(2);
    stop(NEVER_MS);
    if (world->outcome.left_pid != roots)
        fail_test("Not this one is left: %d.", world->outcome.left_pid);
    if (waitpid(roots, NULL, WNOHANG) != 0)
        fail_test("It is not there any more.");
}

static void enter_as_root(void) {
    sandbox_enter_as_root();
    world = child_share(sizeof *world);
    bystander = child_start_idle(0);
}

TestSuite(cli_leftovers_root, .init = enter_as_root, .fini = leave, .timeout = 110);

static void kill_all(void) {
    for (unsigned i = 0; i < world->n_pids && i < PIDS_MAX; i++)
        kill(world->pids[i], SIGKILL);
}

Test(cli_leftovers_root, another_users_is_counted_and_not_waited_for) {
    play(leave_roots_as_ordinary);
    assert_outcome(1, 0, 0, 1);
    kill_all();
}

static void hide_processes(void) {
    if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
        fail_test("/proc cannot be mounted: %s.", strerror(errno));
    leave_roots_as_ordinary();
}

Test(cli_leftovers_root, another_users_that_proc_hides_is_counted_too) {
    play(hide_processes);
    assert_outcome(1, 0, 0, 1);
    kill_all();
}

static void unshare_pids(void) {
    if (unshare(CLONE_NEWPID) < 0)
        fail_test("No pid namespace: %s.", strerror(errno));
}

static void be_container(void) {
    unshare_pids();
    grow(be_sleeper);
    live();
}

static void leave_container(void) {
    grow(be_container);
    wait_until_ready(1);
    stop(100);
}

/* The first process of a namespace does not hear SIGTERM if it has no handler for it. */
Test(cli_leftovers_root, those_in_another_pid_namespace_are_stopped_too) {
    play(leave_container);
    assert_outcome(1, 1, 0, 0);
}

static void leave_sleeper_in_namespace(void) {
    become_subreaper();
    leave_sleeper();
}

/* Its numbers in /proc are others than it knows: 2 is somebody else there. */
static void be_without_proc(void) {
    unshare_pids();
    child_wait(grow(leave_sleeper_in_namespace));
}

Test(cli_leftovers_root, with_anothers_proc_nobody_is_signalled) {
    play(be_without_proc);
    assert_outcome(0, 0, 0, 1);
    cr_assert_eq(world->outcome.left_pid, 0);
}

/* ---- keeping ---- */

/* The puppet is the program of run: it has ended when this returns. */
static void run_program(const char *script) {
    child_wait(puppet_start(&(const struct puppet_setup){.name = "server"}, "%s", script));
}

static void kill_kept(void) {
    cr_assert_neq(world->outcome.kept_pid, 0);
    cr_assert_eq(kill(world->outcome.kept_pid, SIGKILL), 0);
}

static void leave_server_and_sleeper(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    grow(be_sleeper);
    wait_until_ready(1);
    keep(1, NEVER_MS);
}

Test(cli_leftovers, who_serves_is_kept_and_who_does_not_is_stopped) {
    play(leave_server_and_sleeper);
    assert_outcome(1, 0, 1, 0);
    cr_assert_str_eq(world->outcome.first_name, "sleeper");
    sees_in_kernel(8001, true);
    kill_kept();
}

static void leave_server_and_stop_all(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    stop(NEVER_MS);
}

Test(cli_leftovers, without_keep_who_serves_is_stopped) {
    play(leave_server_and_stop_all);
    assert_outcome(1, 0, 0, 0);
    sees_in_kernel(8001, false);
}

static void connect_at_term(int number) {
    (void)number;
    const union tcp_address address = tcp_make_address("127.0.0.1", 8001);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    world->could_connect = connect(fd, &address.generic, sizeof address) == 0;
    _exit(0);
}

/* Tells whether there was a server when it was stopped. */
static void be_client(void) {
    signal(SIGTERM, connect_at_term);
    be_ready();
    live();
}

static void leave_late_server(void) {
    grow(be_client);
    wait_until_ready(1);
    run_program("fork setsid fork nap 700 listen 127.0.0.1 8001 pause");
    keep(1, NEVER_MS);
}

Test(cli_leftovers, who_is_about_to_listen_is_waited_for) {
    play(leave_late_server);
    assert_outcome(1, 0, 1, 0);
    cr_assert(world->could_connect, "the others were stopped too early");
    kill_kept();
}

/* Two are kept, and only one of them is told: the subreaper knows both. */
static void end_two_servers(void) {
    CLEANUP(descendants_deinit) struct descendants list = {.items = NULL};
    sees_in_kernel(8001, true);
    sees_in_kernel(8002, true);
    if (descendants_look(&list) != 0 || list.n_items != 2)
        fail_test("Two servers should be there, and not %zu.", list.n_items);
    for (size_t i = 0; i < list.n_items; i++)
        kill(list.items[i].pid, SIGKILL);
}

static void leave_two_servers(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    run_program("fork setsid nap 500 listen ::1 8002 pause");
    grow(be_sleeper);
    wait_until_ready(1);
    keep(2, NEVER_MS);
    end_two_servers();
}

Test(cli_leftovers, servers_of_all_leased_ports_are_kept) {
    play(leave_two_servers);
    assert_outcome(1, 0, 2, 0);
}

static void leave_two_servers_of_one_lease(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    run_program("listen 127.0.0.1 8002 fork setsid pause");
    keep(1, NEVER_MS);
}

Test(cli_leftovers, a_server_on_another_port_is_stopped) {
    play(leave_two_servers_of_one_lease);
    assert_outcome(1, 0, 1, 0);
    sees_in_kernel(8001, true);
    sees_in_kernel(8002, false);
    kill_kept();
}

/* Forked by the server, and does not have its socket. */
static void be_helper(void) {
    close_range(STDERR_FILENO + 1, ~0U, 0);
    be_sleeper();
}

static void be_serving_master(void) {
    const int fd = tcp_listen("127.0.0.1", 8001);
    (void)fd;
    grow(be_helper);
    grow(be_sleeper);
    be_ready();
    live();
}

/* Started the server and waits for it, and has something else below it as well. */
static void be_supervisor(void) {
    grow(be_serving_master);
    grow(be_helper);
    be_ready();
    live();
}

static void leave_supervisor(void) {
    grow(be_supervisor);
    wait_until_ready(5);
    keep(1, NEVER_MS);
}

Test(cli_leftovers, a_servers_parents_and_children_are_kept_and_its_siblings_are_not) {
    play(leave_supervisor);
    assert_outcome(1, 0, 4, 0);
    kill_all();
}

/* Only the first turn is taken: with a listener there, whose ever it is, nobody is waited for. */
static void leave_sleeper_and_take_one_turn(void) {
    const pid_t pid = grow(be_sleeper);
    siginfo_t info;
    wait_until_ready(1);
    struct leftovers *leftovers =
        begin(&(const struct leftovers_setup){.keep = true, .ports = ports, .n_ports = 1, .patience_ms = NEVER_MS});
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    finish(leftovers);
}

Test(cli_leftovers, a_listener_that_is_none_of_them_ends_the_wait_and_keeps_nobody) {
    /* A process of its own: the subreaper must not inherit the socket. */
    const pid_t proxy = puppet_start(&(const struct puppet_setup){.name = "proxy"}, "listen 127.0.0.1 8001 pause");
    sees_in_kernel(8001, true);
    play(leave_sleeper_and_take_one_turn);
    assert_outcome(1, 0, 0, 0);
    sees_in_kernel(8001, true);
    child_kill(proxy);
}

static void leave_nothing_that_listens(void) {
    grow(be_sleeper);
    wait_until_ready(1);
    keep(1, NEVER_MS);
}

Test(cli_leftovers, who_never_listens_is_stopped_in_the_end) {
    play(leave_nothing_that_listens);
    assert_outcome(1, 0, 0, 0);
}

static void leave_server_and_hurry(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    run_program("fork setsid nap 60000 listen 127.0.0.1 8002 pause");
    grow(be_stubborn);
    wait_until_ready(1);
    struct leftovers *leftovers =
        begin(&(const struct leftovers_setup){.keep = true, .ports = ports, .n_ports = 2, .patience_ms = NEVER_MS});
    leftovers_hurry(leftovers);
    finish(leftovers);
}

Test(cli_leftovers, in_a_hurry_who_serves_is_kept_and_who_will_is_not) {
    play(leave_server_and_hurry);
    assert_outcome(0, 2, 1, 0);
    cr_assert_not(world->heard_term);
    sees_in_kernel(8001, true);
    kill_kept();
}

static void leave_roots_server(void) {
    roots = puppet_start(&(const struct puppet_setup){.name = "server"}, "listen 127.0.0.1 8001 pause");
    sees_in_kernel(8001, true);
    become_ordinary();
    grow(be_sleeper);
    wait_until_ready(1);
    keep(1, NEVER_MS);
    if (world->outcome.kept_pid != roots)
        fail_test("Not this one is kept: %d.", world->outcome.kept_pid);
}

Test(cli_leftovers_root, another_users_that_may_be_the_server_is_kept) {
    play(leave_roots_server);
    assert_outcome(1, 0, 1, 0);
    kill_kept();
}

/* ---- the two ways to look ---- */

static bool has_pid(const struct descendants *list, pid_t pid) {
    for (size_t i = 0; i < list->n_items; i++)
        if (list->items[i].pid == pid)
            return true;
    return false;
}

static void look_both_ways(void) {
    CLEANUP(descendants_deinit) struct descendants down = {.items = NULL};
    CLEANUP(descendants_deinit) struct descendants everywhere = {.items = NULL};
    depth_left = 5;
    grow(be_link);
    child_wait(grow(fork_daemon));
    wait_until_ready(6);
    if (descendants_look(&down) != 0 || descendants_look_everywhere(&everywhere) != 0)
        fail_test("One cannot look.");
    if (down.n_items != 6 || everywhere.n_items != 6)
        fail_test("6 are there, %zu and %zu were seen.", down.n_items, everywhere.n_items);
    for (unsigned i = 0; i < 6; i++)
        if (!has_pid(&down, world->pids[i]) || !has_pid(&everywhere, world->pids[i]))
            fail_test("%d is missing.", world->pids[i]);
    stop(NEVER_MS);
}

Test(cli_leftovers, both_ways_to_look_see_the_same) {
    play(look_both_ways);
    assert_outcome(6, 0, 0, 0);
}

static void pin_a_stranger(void) {
    int pidfd = -1;
    struct process_id id;
    grow(be_sleeper);
    wait_until_ready(1);
    if (descendants_pin(world->pids[0], &pidfd, &id) != 0)
        fail_test("A descendant is none.");
    close(pidfd);
    if (descendants_pin(bystander, &pidfd, &id) != DESCENDANTS_E_GONE ||
        descendants_pin(getpid(), &pidfd, &id) != DESCENDANTS_E_GONE ||
        descendants_pin(getppid(), &pidfd, &id) != DESCENDANTS_E_GONE ||
        descendants_pin(1, &pidfd, &id) != DESCENDANTS_E_GONE)
        fail_test("A stranger is a descendant.");
    stop(NEVER_MS);
}

Test(cli_leftovers, nobody_but_descendants_can_be_pinned) {
    play(pin_a_stranger);
}
