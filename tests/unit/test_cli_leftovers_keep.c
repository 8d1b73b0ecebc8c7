/*
 * Leftovers that serve a leased port are kept, with those above and below them, and the others are stopped.
 */
#include "cli/serving.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/descendants.h"
#include "cli/patience.h"
#include "probe/fd.h"
#include "tests/support/brood.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

static void enter(void) {
    sandbox_enter();
    brood_enter();
}

static void enter_as_root(void) {
    sandbox_enter_as_root();
    brood_enter();
}

TestSuite(cli_keeping, .init = enter, .fini = brood_leave, .timeout = 110);
TestSuite(cli_keeping_root, .init = enter_as_root, .fini = brood_leave, .timeout = 110);

static void become_ordinary(void) {
    if (setresuid(SANDBOX_OTHER_UID, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID) < 0)
        fail_test("No ordinary user: %s.", strerror(errno));
    /* As it is after an exec: his own processes can be read. */
    prctl(PR_SET_DUMPABLE, 1);
}

static pid_t roots;

/* The puppet is the program of run: it has ended when this returns. */
static void run_program(const char *script) {
    child_wait(puppet_start(&(const struct puppet_setup){.name = "server"}, "%s", script));
}

static void leave_server_and_sleeper(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    brood_keep(1);
}

Test(cli_keeping, who_serves_is_kept_and_who_does_not_is_stopped) {
    brood_play(leave_server_and_sleeper);
    brood_assert_outcome(1, 0, 1, 0);
    cr_assert_str_eq(brood->outcome.first_name, "sleeper");
    sees_in_kernel(8001, true);
    brood_kill_kept();
}

static void leave_server_and_stop_all(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    brood_stop(BROOD_NEVER_MS);
}

Test(cli_keeping, without_keep_who_serves_is_stopped) {
    brood_play(leave_server_and_stop_all);
    brood_assert_outcome(1, 0, 0, 0);
    sees_in_kernel(8001, false);
}

/* Tells whether there was a server when it was stopped. */
static void be_client(void) {
    const union tcp_address address = tcp_make_address("127.0.0.1", 8001);
    brood_take_term(brood_be_ready);
    CLEANUP(fd_close_at) int fd = socket(AF_INET, SOCK_STREAM, 0);
    brood->could_connect = connect(fd, &address.generic, sizeof(address)) == 0;
}

static void leave_late_server(void) {
    brood_grow(be_client);
    brood_wait(1);
    run_program("fork setsid fork nap 700 listen 127.0.0.1 8001 pause");
    brood_keep(1);
}

Test(cli_keeping, who_is_about_to_listen_is_waited_for) {
    brood_play(leave_late_server);
    brood_assert_outcome(1, 0, 1, 0);
    cr_assert(brood->could_connect, "the others were stopped too early");
    brood_kill_kept();
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
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    brood_keep(2);
    end_two_servers();
}

Test(cli_keeping, servers_of_all_leased_ports_are_kept) {
    brood_play(leave_two_servers);
    brood_assert_outcome(1, 0, 2, 0);
}

static void leave_two_servers_of_one_lease(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    run_program("listen 127.0.0.1 8002 fork setsid pause");
    brood_keep(1);
}

Test(cli_keeping, a_server_on_another_port_is_stopped) {
    brood_play(leave_two_servers_of_one_lease);
    brood_assert_outcome(1, 0, 1, 0);
    sees_in_kernel(8001, true);
    sees_in_kernel(8002, false);
    brood_kill_kept();
}

/* Forked by the server, and does not have its socket. */
static void be_helper(void) {
    close_range(STDERR_FILENO + 1, ~0U, 0);
    brood_be_sleeper();
}

static void be_serving_master(void) {
    const int fd = tcp_listen("127.0.0.1", 8001);
    (void)fd;
    brood_grow(be_helper);
    brood_grow(brood_be_sleeper);
    brood_be_ready();
    brood_live();
}

/* Started the server and waits for it, and has something else below it as well. */
static void be_supervisor(void) {
    brood_grow(be_serving_master);
    brood_grow(be_helper);
    brood_be_ready();
    brood_live();
}

static void leave_supervisor(void) {
    brood_grow(be_supervisor);
    brood_wait(5);
    brood_keep(1);
}

Test(cli_keeping, a_servers_parents_and_children_are_kept_and_its_siblings_are_not) {
    brood_play(leave_supervisor);
    brood_assert_outcome(1, 0, 4, 0);
    brood_kill_all();
}

/* With a listener there, whose ever it is, nobody is waited for: the ten seconds are not over yet. */
static void leave_sleeper_and_wait_for_less(void) {
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    struct leftovers *leftovers = brood_begin_keeping(1);
    const uint64_t until_ms = patience_now_ms() + LEFTOVERS_LISTEN_MS - 1000;
    while (!leftovers_are_done(leftovers) && patience_now_ms() < until_ms) {
        brood_wait_for_signal(leftovers_due_ms(leftovers));
        leftovers_turn(leftovers);
    }
    if (leftovers_are_done(leftovers))
        brood_finish(leftovers);
}

Test(cli_keeping, a_listener_that_is_none_of_them_ends_the_wait_and_keeps_nobody) {
    /* A process of its own: the subreaper must not inherit the socket. */
    const pid_t proxy = puppet_start(&(const struct puppet_setup){.name = "proxy"}, "listen 127.0.0.1 8001 pause");
    sees_in_kernel(8001, true);
    brood_play(leave_sleeper_and_wait_for_less);
    brood_assert_outcome(1, 0, 0, 0);
    sees_in_kernel(8001, true);
    child_kill(proxy);
}

static void leave_nothing_that_listens(void) {
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    brood_keep(1);
}

Test(cli_keeping, who_never_listens_is_stopped_in_the_end) {
    brood_play(leave_nothing_that_listens);
    brood_assert_outcome(1, 0, 0, 0);
}

static void leave_server_and_hurry(void) {
    run_program("listen 127.0.0.1 8001 fork setsid pause");
    run_program("fork setsid nap 60000 listen 127.0.0.1 8002 pause");
    brood_grow(brood_be_stubborn);
    brood_wait(1);
    struct leftovers *leftovers = brood_begin_keeping(2);
    leftovers_hurry(leftovers);
    brood_finish(leftovers);
}

Test(cli_keeping, in_a_hurry_who_serves_is_kept_and_who_will_is_not) {
    brood_play(leave_server_and_hurry);
    brood_assert_outcome(0, 2, 1, 0);
    cr_assert_not(brood->heard_term);
    sees_in_kernel(8001, true);
    brood_kill_kept();
}

static void leave_roots_server(void) {
    roots = puppet_start(&(const struct puppet_setup){.name = "server"}, "listen 127.0.0.1 8001 pause");
    sees_in_kernel(8001, true);
    become_ordinary();
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    brood_keep(1);
    if (brood->outcome.kept_pid != roots)
        fail_test("Not this one is kept: %d.", brood->outcome.kept_pid);
}

Test(cli_keeping_root, another_users_that_may_be_the_server_is_kept) {
    brood_play(leave_roots_server);
    brood_assert_outcome(1, 0, 1, 0);
    brood_kill_kept();
}
