/*
 * Processes pinned: alive, ended, never mistaken for another one that has their pid.
 */
#include "probe/process.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "probe/fd.h"
#include "tests/support/holder.h"
#include "tests/support/netns.h"
#include "tests/support/pid_namespace.h"

#define UNTOUCHED 77

/* A child that waits for its end; it dies with the test. */
static pid_t start_child(void) {
    const pid_t parent = getpid();
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* The test may have ended before that. */
        while (getppid() == parent)
            pause();
        _exit(0);
    }
    return child;
}

/* Kills it and leaves a zombie: ended, and not waited for. */
static void kill_child(pid_t child) {
    siginfo_t info;
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
}

static void bury_child(pid_t child) {
    cr_assert_eq(waitpid(child, NULL, 0), child);
}

static bool is_readable(int pidfd) {
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static void assert_gone(pid_t pid) {
    int pidfd = UNTOUCHED;
    struct process_id id = {.pid = UNTOUCHED};
    uid_t uid = UNTOUCHED;
    cr_assert_eq(process_pin(pid, &pidfd, &id, &uid), PROCESS_E_GONE, "pid %d", pid);
    cr_assert_eq(pidfd, UNTOUCHED, "outputs are untouched");
    cr_assert_eq(id.pid, UNTOUCHED);
    cr_assert_eq(uid, UNTOUCHED);
}

static bool kernel_has_pidfs(void) {
    struct utsname system;
    unsigned major = 0;
    unsigned minor = 0;
    cr_assert_eq(uname(&system), 0);
    cr_assert_eq(sscanf(system.release, "%u.%u", &major, &minor), 2);
    return major * 1000 + minor >= 6009;
}

/* ---- pinning ---- */

Test(process, the_boot_id_is_36_characters_and_stays) {
    char first[PROCESS_BOOT_ID_MAX];
    char second[PROCESS_BOOT_ID_MAX];
    cr_assert_eq(process_read_boot_id(first), 0);
    cr_assert_eq(process_read_boot_id(second), 0);
    cr_assert_eq(strlen(first), 36);
    cr_assert_eq(strspn(first, "0123456789abcdef-"), 36);
    cr_assert_str_eq(first, second);
}

Test(process, this_one_can_be_pinned) {
    CLEANUP(fd_close_at) int pidfd = -1;
    struct process_id id = {0};
    uid_t uid = UNTOUCHED;
    cr_assert_eq(process_pin(getpid(), &pidfd, &id, &uid), 0);
    cr_assert_geq(pidfd, 0);
    cr_assert(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(id.pid, getpid());
    cr_assert_gt(id.start_time, 0);
    cr_assert_eq(id.pidfd_inode != 0, kernel_has_pidfs());
    cr_assert_eq(uid, getuid());
    cr_assert_eq(process_pin(getpid(), NULL, NULL, NULL), 0, "nothing need be asked for");
}

Test(process, a_child_is_pinned_and_its_pidfd_becomes_readable_when_it_ends) {
    const pid_t child = start_child();
    CLEANUP(fd_close_at) int pidfd = -1;
    struct process_id id = {0};
    cr_assert_eq(process_pin(child, &pidfd, &id, NULL), 0);
    cr_assert_eq(id.pid, child);
    cr_assert_not(is_readable(pidfd));
    kill_child(child);
    cr_assert(is_readable(pidfd));
}

Test(process, two_processes_are_not_equal_and_one_is_equal_to_itself) {
    struct process_id id = {0};
    struct process_id same = {0};
    struct process_id other = {0};
    cr_assert_eq(process_pin(getpid(), NULL, &id, NULL), 0);
    cr_assert_eq(process_pin(getpid(), NULL, &same, NULL), 0);
    cr_assert_eq(process_pin(start_child(), NULL, &other, NULL), 0);
    cr_assert(process_id_equal(&id, &same));
    cr_assert_not(process_id_equal(&id, &other));

    struct process_id changed = id;
    changed.start_time++;
    cr_assert_not(process_id_equal(&id, &changed));
    changed = id;
    changed.pidfd_inode++;
    cr_assert_not(process_id_equal(&id, &changed));
    const struct process_id nobody = {0};
    cr_assert_not(process_id_equal(&nobody, &nobody), "no process is not even itself");
}

static uint64_t now_in_ticks(void) {
    struct timespec now;
    cr_assert_eq(clock_gettime(CLOCK_BOOTTIME, &now), 0);
    const uint64_t ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    return (uint64_t)now.tv_sec * ticks_per_second + (uint64_t)now.tv_nsec * ticks_per_second / 1000000000;
}

Test(process, the_start_time_is_when_it_was_forked) {
    struct process_id id = {0};
    const uint64_t before = now_in_ticks();
    const pid_t child = start_child();
    const uint64_t after = now_in_ticks();
    cr_assert_eq(process_pin(child, NULL, &id, NULL), 0);
    cr_assert_geq(id.start_time, before);
    cr_assert_leq(id.start_time, after);
}

/* Field 22 is counted from the last parenthesis: a name may have parentheses, spaces and numbers of its own. */
Test(process, a_start_time_is_read_past_a_hostile_name) {
    struct process_id id = {0};
    cr_assert_eq(process_pin(getpid(), NULL, &id, NULL), 0);
    const char *names[] = {"x) S 1 1 1 1 1", ") ) ) )", "((((", "a\nUid:\t7\t7", ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct process_id again = {0};
        uid_t uid = UNTOUCHED;
        cr_assert_eq(prctl(PR_SET_NAME, names[i]), 0);
        cr_assert_eq(process_pin(getpid(), NULL, &again, &uid), 0, "%s", names[i]);
        cr_assert(process_id_equal(&id, &again), "%s", names[i]);
        cr_assert_eq(uid, getuid(), "%s", names[i]);
    }
}

Test(process, the_first_one_can_be_pinned_by_anybody) {
    CLEANUP(fd_close_at) int pidfd = -1;
    struct process_id id = {0};
    if (geteuid() == 0)
        cr_assert_eq(setresuid(HOLDER_OTHER_UID, HOLDER_OTHER_UID, HOLDER_OTHER_UID), 0);
    cr_assert_eq(process_pin(1, &pidfd, &id, NULL), 0);
    cr_assert_eq(id.pid, 1);
}

Test(process, the_uid_is_the_real_one) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    uid_t uid = UNTOUCHED;
    /* A root daemon that has put on a user's uid for a moment stays root's. */
    cr_assert_eq(setresuid(0, 4242, 0), 0);
    cr_assert_eq(process_pin(getpid(), NULL, NULL, &uid), 0);
    cr_assert_eq(uid, 0);
    /* A set-uid program stays the user's who started it. */
    cr_assert_eq(setresuid((uid_t)-1, 0, (uid_t)-1), 0);
    cr_assert_eq(setresuid(4242, 0, 0), 0);
    cr_assert_eq(process_pin(getpid(), NULL, NULL, &uid), 0);
    cr_assert_eq(uid, 4242);
}

Test(process, another_users_process_is_pinned_with_its_uid) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "127.0.0.1", .uid = HOLDER_OTHER_UID};
    struct holder holder = {0};
    netns_enter();
    cr_assert_eq(holder_open(&spec, &holder), 0);
    uid_t uid = UNTOUCHED;
    cr_assert_eq(process_pin(holder.pid, NULL, NULL, &uid), 0);
    cr_assert_eq(uid, HOLDER_OTHER_UID);
}

Test(process, a_zombie_is_gone_and_so_is_what_was_buried) {
    const pid_t child = start_child();
    kill_child(child);
    assert_gone(child);
    bury_child(child);
    assert_gone(child);
}

Test(process, numbers_that_no_process_has_are_gone) {
    assert_gone(0);
    assert_gone(-1);
    assert_gone(-getpid());
    assert_gone(0x7fffffff);
}

struct thread {
    pthread_barrier_t barrier;
    pid_t id;
};

static void *run_thread(void *data) {
    struct thread *thread = data;
    thread->id = (pid_t)syscall(SYS_gettid);
    pthread_barrier_wait(&thread->barrier);
    pthread_barrier_wait(&thread->barrier);
    return NULL;
}

Test(process, a_thread_is_no_process) {
    struct thread thread;
    pthread_t pthread;
    cr_assert_eq(pthread_barrier_init(&thread.barrier, NULL, 2), 0);
    cr_assert_eq(pthread_create(&pthread, NULL, run_thread, &thread), 0);
    pthread_barrier_wait(&thread.barrier);
    cr_assert_neq(thread.id, getpid());
    assert_gone(thread.id);
    pthread_barrier_wait(&thread.barrier);
    pthread_join(pthread, NULL);
}

/* ---- pinning again ---- */

Test(process, the_same_process_can_be_pinned_again_until_it_ends) {
    const pid_t child = start_child();
    struct process_id id = {0};
    cr_assert_eq(process_pin(child, NULL, &id, NULL), 0);
    CLEANUP(fd_close_at) int pidfd = -1;
    cr_assert_eq(process_pin_again(&id, &pidfd), 0);
    cr_assert_geq(pidfd, 0);
    cr_assert(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(process_pin_again(&id, NULL), 0);
    kill_child(child);
    cr_assert(is_readable(pidfd));

    int untouched = UNTOUCHED;
    cr_assert_eq(process_pin_again(&id, &untouched), PROCESS_E_GONE);
    bury_child(child);
    cr_assert_eq(process_pin_again(&id, &untouched), PROCESS_E_GONE);
    cr_assert_eq(untouched, UNTOUCHED);
}

Test(process, another_identity_under_the_same_pid_is_gone) {
    struct process_id id = {0};
    cr_assert_eq(process_pin(getpid(), NULL, &id, NULL), 0);
    struct process_id earlier = id;
    earlier.start_time--;
    cr_assert_eq(process_pin_again(&earlier, NULL), PROCESS_E_GONE);
    struct process_id sooner = id;
    sooner.pidfd_inode++;
    cr_assert_eq(process_pin_again(&sooner, NULL), PROCESS_E_GONE);
    const struct process_id nobody = {0};
    cr_assert_eq(process_pin_again(&nobody, NULL), PROCESS_E_GONE);
}

/* Everything in a pid namespace of its own, where the next pid can be chosen: the test's process has it at once after
 * its predecessor, so that pid and start time are mostly equal and only the pidfd's inode tells the two apart. */
#define N_REUSES 200

static bool choose_next_pid(pid_t pid) {
    char text[16];
    CLEANUP(fd_close_at) int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    const int length = snprintf(text, sizeof(text), "%d", pid - 1);
    return fd >= 0 && write(fd, text, (size_t)length) == length;
}

static pid_t start_child_as(pid_t wanted) {
    if (wanted > 0 && !choose_next_pid(wanted))
        return -1;
    return start_child();
}

static void end_child(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* Runs as pid 1. Returns the number of the step that failed, or 0. */
static int reuse_pids(unsigned *ret_n_same_tick) {
    for (int i = 0; i < N_REUSES; i++) {
        const pid_t first = start_child_as(0);
        struct process_id id = {0};
        if (process_pin(first, NULL, &id, NULL) != 0)
            return 1;
        end_child(first);
        const pid_t second = start_child_as(first);
        if (second != first)
            return 2;
        struct process_id other = {0};
        if (process_pin(second, NULL, &other, NULL) != 0)
            return 3;
        if (other.start_time == id.start_time)
            ++*ret_n_same_tick;
        if (process_pin_again(&id, NULL) != PROCESS_E_GONE)
            return 4;
        if (process_pin_again(&other, NULL) != 0)
            return 5;
        end_child(second);
    }
    return 0;
}

static int run_as_first_process(void) {
    unsigned n_same_tick = 0;
    const int failed_step = reuse_pids(&n_same_tick);
    if (failed_step == 0 && n_same_tick == 0)
        return 6;
    return failed_step;
}

Test(process, a_reused_pid_is_never_taken_for_the_process_that_had_it) {
    if (!kernel_has_pidfs())
        cr_skip_test("before Linux 6.9 two processes with one pid and one start time cannot be told apart");
    const int failed_step = pid_namespace_run(run_as_first_process);
    if (failed_step == PID_NAMESPACE_NOT_ALLOWED)
        cr_skip_test("who may not make a pid namespace cannot choose the next pid");
    cr_assert_eq(failed_step, 0, "step %d of reuse_pids() failed", failed_step);
}
