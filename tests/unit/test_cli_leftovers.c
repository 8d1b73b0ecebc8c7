/*
 * Leftovers are stopped: real trees of processes of every shape, and what came of them.
 */
#include "cli/leftovers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/descendants.h"
#include "cli/patience.h"
#include "probe/fd.h"
#include "tests/support/brood.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define AT_ONCE_MS 1

static void enter(void) {
    sandbox_enter();
    brood_enter();
}

static void enter_as_root(void) {
    sandbox_enter_as_root();
    brood_enter();
}

TestSuite(cli_leftovers, .init = enter, .fini = brood_leave, .timeout = 110);
TestSuite(cli_leftovers_root, .init = enter_as_root, .fini = brood_leave, .timeout = 110);

static void be_stopped(void) {
    /* Its alarm would not end it either. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    brood_be_ready();
    raise(SIGSTOP);
    brood_live();
}

static void be_server(void) {
    const int fd = tcp_listen("127.0.0.1", 0);
    brood_be_ready();
    (void)fd;
    brood_live();
}

static void leave_nobody(void) {
    struct leftovers *leftovers = brood_begin(&(const struct leftovers_setup){.patience_ms = BROOD_NEVER_MS});
    if (!leftovers_are_done(leftovers) || leftovers_due_ms(leftovers) != UINT64_MAX)
        fail_test("Nobody is left, and somebody is waited for.");
    brood_finish(leftovers);
}

Test(cli_leftovers, without_anybody_it_is_done_at_once) {
    brood_play(leave_nobody);
    brood_assert_outcome(0, 0, 0, 0);
    cr_assert_str_empty(brood->outcome.first_name);
}

static void leave_zombie(void) {
    siginfo_t info;
    const pid_t pid = brood_grow(brood_be_ready);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    leave_nobody();
}

Test(cli_leftovers, who_has_ended_already_is_only_reaped) {
    brood_play(leave_zombie);
    brood_assert_outcome(0, 0, 0, 0);
}

static void leave_sleeper(void) {
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    brood_stop(BROOD_NEVER_MS);
}

Test(cli_leftovers, one_is_stopped_and_told_by_its_name) {
    brood_play(leave_sleeper);
    brood_assert_outcome(1, 0, 0, 0);
    cr_assert_str_eq(brood->outcome.first_name, "sleeper");
    brood_assert_nobody_lives();
}

/* Once it has been asked, no turn comes but at SIGCHLD. */
static void leave_sleeper_and_wait_for_signals(void) {
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    struct leftovers *leftovers = brood_begin(&(const struct leftovers_setup){.patience_ms = BROOD_NEVER_MS});
    const uint64_t asked_ms = patience_now_ms() + LEFTOVERS_GRACE_MS;
    while (!leftovers_are_done(leftovers)) {
        brood_wait_for_signal(patience_now_ms() <= asked_ms ? leftovers_due_ms(leftovers) : UINT64_MAX);
        leftovers_turn(leftovers);
    }
    brood_finish(leftovers);
}

Test(cli_leftovers, the_end_is_noticed_when_it_comes_and_not_at_the_next_look) {
    brood_play(leave_sleeper_and_wait_for_signals);
    brood_assert_outcome(1, 0, 0, 0);
}

static void leave_stubborn(void) {
    brood_grow(brood_be_stubborn);
    brood_wait(1);
    brood_stop(300);
}

Test(cli_leftovers, who_does_not_end_of_SIGTERM_is_killed_after_it) {
    brood_play(leave_stubborn);
    brood_assert_outcome(0, 1, 0, 0);
    cr_assert(brood->heard_term);
    cr_assert_str_eq(brood->outcome.first_name, "stubborn");
    brood_assert_nobody_lives();
}

static void leave_stopped(void) {
    for (int i = 0; i < 3; i++)
        waitpid(brood_grow(be_stopped), NULL, WUNTRACED);
    brood_stop(BROOD_NEVER_MS);
}

Test(cli_leftovers, stopped_ones_go_on_to_hear_of_their_end) {
    brood_play(leave_stopped);
    brood_assert_outcome(3, 0, 0, 0);
    brood_assert_nobody_lives();
}

static void leave_servers(void) {
    for (int i = 0; i < 100; i++)
        brood_grow(be_server);
    brood_wait(100);
    brood_stop(BROOD_NEVER_MS);
}

Test(cli_leftovers, a_hundred_servers_are_stopped) {
    brood_play(leave_servers);
    brood_assert_outcome(100, 0, 0, 0);
    brood_assert_nobody_lives();
}

static void fork_daemon(void) {
    setsid();
    brood_grow(brood_be_sleeper);
}

static void leave_daemon(void) {
    child_wait(brood_grow(fork_daemon));
    brood_wait(1);
    brood_stop(BROOD_NEVER_MS);
}

Test(cli_leftovers, a_daemon_in_a_session_of_its_own_is_stopped) {
    brood_play(leave_daemon);
    brood_assert_outcome(1, 0, 0, 0);
    brood_assert_nobody_lives();
}

static int depth_left;

static void be_link(void) {
    if (--depth_left > 0)
        brood_grow(be_link);
    brood_be_ready();
    brood_live();
}

static void leave_chain(void) {
    depth_left = 50;
    brood_grow(be_link);
    brood_wait(50);
    brood_stop(BROOD_NEVER_MS);
}

Test(cli_leftovers, a_deep_chain_is_stopped_to_its_end) {
    brood_play(leave_chain);
    brood_assert_outcome(50, 0, 0, 0);
    brood_assert_nobody_lives();
}

static void be_hydra(void) {
    brood_take_term(brood_be_ready);
    brood->n_forked++;
    for (int i = 0; i < 3; i++)
        brood_grow(brood_be_sleeper);
}

static void leave_hydra(void) {
    brood_grow(be_hydra);
    brood_wait(1);
    brood_stop(BROOD_NEVER_MS);
    if (waitpid(-1, NULL, WNOHANG) != -1)
        fail_test("Somebody is left.");
}

Test(cli_leftovers, who_forks_when_it_is_stopped_leaves_nobody_either) {
    brood_play(leave_hydra);
    brood_assert_outcome(4, 0, 0, 0);
    cr_assert_eq(brood->n_forked, 1);
    brood_assert_nobody_lives();
}

#define BOMB_MOST 200

static void be_bomb(void) {
    signal(SIGTERM, SIG_IGN);
    brood_be_ready();
    while (atomic_fetch_add(&brood->n_forked, 1) < BOMB_MOST) {
        brood_grow(be_bomb);
        wait_a_moment();
    }
    brood_live();
}

static void leave_bomb(void) {
    brood_grow(be_bomb);
    brood_wait(20);
    brood_stop(AT_ONCE_MS);
    if (waitpid(-1, NULL, WNOHANG) != -1)
        fail_test("Somebody is left.");
}

Test(cli_leftovers, a_fork_bomb_is_outrun) {
    brood_play(leave_bomb);
    cr_assert_eq(brood->outcome.n_left, 0);
    cr_assert_gt(brood->outcome.n_killed, 1);
    brood_assert_nobody_lives();
}

/* Leaves its place to a child, again and again: no look is quick enough to be sure of it. */
static void be_runner(void) {
    signal(SIGTERM, SIG_IGN);
    brood_be_ready();
    for (;;) {
        wait_a_moment();
        if (fork() != 0)
            _exit(0);
    }
}

static void leave_runner(void) {
    brood_grow(be_runner);
    brood_wait(1);
    brood_stop(AT_ONCE_MS);
    if (waitpid(-1, NULL, WNOHANG) != -1)
        fail_test("It still runs.");
}

Test(cli_leftovers, who_forks_and_ends_again_and_again_is_caught) {
    brood_play(leave_runner);
    cr_assert_eq(brood->outcome.n_left, 0);
}

static void leave_stubborn_and_hurry(void) {
    for (int i = 0; i < 3; i++)
        brood_grow(brood_be_stubborn);
    brood_wait(3);
    struct leftovers *leftovers = brood_begin(&(const struct leftovers_setup){.patience_ms = BROOD_NEVER_MS});
    leftovers_hurry(leftovers);
    brood_finish(leftovers);
}

Test(cli_leftovers, in_a_hurry_they_are_killed_at_once) {
    brood_play(leave_stubborn_and_hurry);
    brood_assert_outcome(0, 3, 0, 0);
    brood_assert_nobody_lives();
}

/* So many more than standard input, output, error and the signals. */
static void leave_many_with_few_descriptors(void) {
    for (int i = 0; i < 40; i++)
        brood_grow(i % 2 == 0 ? brood_be_sleeper : brood_be_stubborn);
    brood_wait(40);
    brood_limit_descriptors(4);
    brood_stop(100);
}

Test(cli_leftovers, four_descriptors_are_enough) {
    brood_play(leave_many_with_few_descriptors);
    brood_assert_outcome(20, 20, 0, 0);
    brood_assert_nobody_lives();
}

static void leave_some_without_descriptors(void) {
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    brood_limit_descriptors(0);
    struct leftovers *leftovers = brood_begin(&(const struct leftovers_setup){.patience_ms = BROOD_NEVER_MS});
    for (int i = 0; i < 5; i++) {
        brood_wait_for_signal(leftovers_due_ms(leftovers));
        leftovers_turn(leftovers);
    }
    if (leftovers_are_done(leftovers))
        fail_test("It has given up.");
    close_range(0, ~0U, 0);
    while (!leftovers_are_done(leftovers)) {
        wait_a_moment();
        leftovers_turn(leftovers);
    }
    leftovers_get_outcome(leftovers, &brood->outcome);
    leftovers_free(leftovers);
}

Test(cli_leftovers, a_shortage_of_descriptors_is_waited_out) {
    brood_play(leave_some_without_descriptors);
    brood_assert_outcome(1, 0, 0, 0);
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
    roots = brood_grow(brood_be_sleeper);
    become_ordinary();
    brood_grow(brood_be_sleeper);
    brood_wait(2);
    brood_stop(BROOD_NEVER_MS);
    if (brood->outcome.left_pid != roots)
        fail_test("Not this one is left: %d.", brood->outcome.left_pid);
    if (waitpid(roots, NULL, WNOHANG) != 0)
        fail_test("It is not there any more.");
}

Test(cli_leftovers_root, another_users_is_counted_and_not_waited_for) {
    brood_play(leave_roots_as_ordinary);
    brood_assert_outcome(1, 0, 0, 1);
    brood_kill_all();
}

static void hide_processes(void) {
    if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
        fail_test("/proc cannot be mounted: %s.", strerror(errno));
    leave_roots_as_ordinary();
}

Test(cli_leftovers_root, another_users_that_proc_hides_is_counted_too) {
    brood_play(hide_processes);
    brood_assert_outcome(1, 0, 0, 1);
    brood_kill_all();
}

static void unshare_pids(void) {
    if (unshare(CLONE_NEWPID) < 0)
        fail_test("No pid namespace: %s.", strerror(errno));
}

static void be_container(void) {
    unshare_pids();
    brood_grow(brood_be_sleeper);
    brood_live();
}

static void leave_container(void) {
    brood_grow(be_container);
    brood_wait(1);
    brood_stop(100);
}

/* The first process of a namespace does not hear SIGTERM if it has no handler for it. */
Test(cli_leftovers_root, those_in_another_pid_namespace_are_stopped_too) {
    brood_play(leave_container);
    brood_assert_outcome(1, 1, 0, 0);
}

static void leave_sleeper_in_namespace(void) {
    brood_become_subreaper();
    leave_sleeper();
}

/* Its numbers in /proc are others than it knows: 2 is somebody else there. */
static void be_without_proc(void) {
    unshare_pids();
    child_wait(brood_grow(leave_sleeper_in_namespace));
}

Test(cli_leftovers_root, with_anothers_proc_nobody_is_signalled) {
    brood_play(be_without_proc);
    brood_assert_outcome(0, 0, 0, 1);
    cr_assert_eq(brood->outcome.left_pid, 0);
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
    brood_grow(be_link);
    child_wait(brood_grow(fork_daemon));
    brood_wait(6);
    if (descendants_look(&down) != 0 || descendants_look_everywhere(&everywhere) != 0)
        fail_test("One cannot look.");
    if (down.n_items != 6 || everywhere.n_items != 6)
        fail_test("6 are there, %zu and %zu were seen.", down.n_items, everywhere.n_items);
    for (unsigned i = 0; i < 6; i++)
        if (!has_pid(&down, brood->pids[i]) || !has_pid(&everywhere, brood->pids[i]))
            fail_test("%d is missing.", brood->pids[i]);
    brood_stop(BROOD_NEVER_MS);
}

Test(cli_leftovers, both_ways_to_look_see_the_same) {
    brood_play(look_both_ways);
    brood_assert_outcome(6, 0, 0, 0);
}

static void pin_a_stranger(void) {
    int pidfd = -1;
    struct process_id id;
    brood_grow(brood_be_sleeper);
    brood_wait(1);
    if (descendants_pin(brood->pids[0], &pidfd, &id) != 0)
        fail_test("A descendant is none.");
    close(pidfd);
    if (descendants_pin(brood->bystander, &pidfd, &id) != DESCENDANTS_E_GONE ||
        descendants_pin(getpid(), &pidfd, &id) != DESCENDANTS_E_GONE ||
        descendants_pin(getppid(), &pidfd, &id) != DESCENDANTS_E_GONE ||
        descendants_pin(1, &pidfd, &id) != DESCENDANTS_E_GONE)
        fail_test("A stranger is a descendant.");
    brood_stop(BROOD_NEVER_MS);
}

Test(cli_leftovers, nobody_but_descendants_can_be_pinned) {
    brood_play(pin_a_stranger);
}
