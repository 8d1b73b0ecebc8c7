/*
 * run --remap where something comes between: signals, older kernels than this one, sandboxes around portctl. What they have not
 * got is refused by a filter of the test's.
 */
#include "cli/remap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/remap_repeat.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/remapped.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define PIDFD_THREAD_FLAG   O_EXCL
#define NETNS_COOKIE_OPTION 71
#define SECOND_LEASED       (REMAPPED_LEASED + 1)

TestSuite(cli_remap_between, .init = sandbox_enter);

/* ---- Signals ---- */

static void ignore_it(int number) {
    (void)number;
}

static void catch_signals(int number) {
    struct sigaction action = {.sa_handler = ignore_it, .sa_flags = SA_RESTART};
    EXPECT_EQ(sigaction(number, &action, NULL), 0);
}

/* As Go does it to its threads, but far more often. */
static void bind_in_a_storm(void) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
    const struct itimerspec often = {.it_value = {.tv_nsec = 50000}, .it_interval = {.tv_nsec = 97000}};
    timer_t timer;
    catch_signals(SIGURG);
    EXPECT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    EXPECT_EQ(timer_settime(timer, 0, &often, NULL), 0);
    for (int i = 0; i < 3000; i++)
        EXPECT_EQ(remapped_land("127.0.0.1", REMAPPED_FIXED), REMAPPED_LEASED);
    EXPECT_EQ(timer_delete(timer), 0);
}

static void refuse_wait_killable(void) {
    remapped_refuse_bits(SYS_seccomp, 1, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, EINVAL);
}

Test(cli_remap_between, a_storm_of_signals_is_not_noticed) {
    REMAPPED(bind_in_a_storm);
}

Test(cli_remap_between, a_storm_of_signals_is_not_noticed_before_linux_5_19) {
    REMAPPED(bind_in_a_storm, .prepare = refuse_wait_killable);
}

static atomic_int *n_signals;

static void count_it(int number) {
    (void)number;
    atomic_fetch_add(n_signals, 1);
}

/* While portctl has the bind and leases a port for it, a signal comes. */
static void interrupt(pid_t child) {
    const struct wait wait = wait_at_most(10, "a signal's handler");
    kill(child, SIGURG);
    while (atomic_load(n_signals) == 0)
        wait_more(&wait);
}

static void interrupt_in_vain(pid_t child) {
    kill(child, SIGURG);
    for (int i = 0; i < 20; i++)
        wait_a_moment();
    EXPECT_EQ(atomic_load(n_signals), 0);
}

static void bind_interrupted(void) {
    struct sigaction action = {.sa_handler = count_it, .sa_flags = SA_RESTART};
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(sigaction(SIGURG, &action, NULL), 0);
    EXPECT_EQ(remapped_land("127.0.0.1", 3000), REMAPPED_LEASED);
    EXPECT_EQ(remapped_bind(fd, "127.0.0.1", 3001), 0);
    EXPECT_EQ(tcp_port_of(fd), SECOND_LEASED);
    EXPECT_EQ(atomic_load(n_signals), 1);
    EXPECT_EQ(remapped_bind(fd, "127.0.0.1", 3000), -EINVAL);
}

Test(cli_remap_between, a_bind_that_is_interrupted_when_it_is_done_is_done_all_the_same) {
    n_signals = child_share(sizeof(*n_signals));
    REMAPPED(bind_interrupted, .is_auto = true, .prepare = refuse_wait_killable, .on_lease = interrupt);
}

Test(cli_remap_between, a_bind_that_portctl_has_is_not_interrupted) {
    n_signals = child_share(sizeof(*n_signals));
    REMAPPED(bind_interrupted, .is_auto = true, .on_lease = interrupt_in_vain);
}

static struct seccomp_notif make_call(uint32_t thread, uint64_t argument) {
    return (struct seccomp_notif){.pid = thread, .data = {.nr = 49, .args = {3, argument, 16}}};
}

Test(cli_remap_between, only_the_same_call_of_the_same_thread_for_the_same_socket_is_a_repeated_one) {
    static struct remap_repeat repeat;
    const struct seccomp_notif call = make_call(7, 1);
    const struct seccomp_notif other_call = make_call(7, 2);
    const struct seccomp_notif other_thread = make_call(8, 1);

    cr_assert_not(remap_repeat_take(&repeat, &call, 5));
    remap_repeat_note(&repeat, &call, 5);
    cr_assert_not(remap_repeat_take(&repeat, &other_thread, 5));
    cr_assert(remap_repeat_take(&repeat, &call, 5));
    cr_assert_not(remap_repeat_take(&repeat, &call, 5));
    remap_repeat_note(&repeat, &call, 5);
    cr_assert_not(remap_repeat_take(&repeat, &call, 6));
    remap_repeat_note(&repeat, &call, 5);
    cr_assert_not(remap_repeat_take(&repeat, &other_call, 5));
    cr_assert_not(remap_repeat_take(&repeat, &call, 5));
    for (uint32_t thread = 1; thread <= REMAP_REPEAT_MAX + 1; thread++) {
        const struct seccomp_notif one_of_many = make_call(thread, 1);
        remap_repeat_note(&repeat, &one_of_many, 5);
    }
    cr_assert(remap_repeat_take(&repeat, &other_thread, 5));
    cr_assert_not(remap_repeat_take(&repeat, &(const struct seccomp_notif){.pid = 1, .data = call.data}, 5));
}

/* ---- Older kernels, and sandboxes around portctl ---- */

static void bind_both_families(void) {
    EXPECT_EQ(remapped_land("0.0.0.0", REMAPPED_FIXED), REMAPPED_LEASED);
    EXPECT_EQ(remapped_land("::", REMAPPED_FIXED), REMAPPED_LEASED);
}

static void *bind_in_thread(void *context) {
    (void)context;
    bind_both_families();
    return NULL;
}

static void bind_in_a_thread(void) {
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, bind_in_thread, NULL), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static void bind_where_there_is_nothing(void) {
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(syscall(SYS_bind, fd, 8, sizeof(struct sockaddr_in)), -1);
    EXPECT_EQ(errno, EFAULT);
    bind_both_families();
}

/* In the thread this number is a socket; in the rest of the process it becomes another one. */
struct same_number {
    int fd;
    atomic_int step;
    int port; /* where the thread's socket is then */
};

static void *bind_own_table(void *context) {
    struct same_number *number = context;
    EXPECT_EQ(unshare(CLONE_FILES), 0);
    number->step = 1;
    while (number->step != 2)
        sched_yield();
    EXPECT_EQ(remapped_bind(number->fd, "127.0.0.1", REMAPPED_FIXED), 0);
    number->port = tcp_port_of(number->fd);
    return NULL;
}

static int bind_by_own_table(void) {
    struct same_number number = {.fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0)};
    CLEANUP(fd_close_at) int other = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, bind_own_table, &number), 0);
    while (number.step != 1)
        sched_yield();
    EXPECT_EQ(dup2(other, number.fd), number.fd);
    number.step = 2;
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT_EQ(tcp_port_of(other), 0);
    close(number.fd);
    return number.port;
}

static void bind_own_table_lands(void) {
    EXPECT_EQ(bind_by_own_table(), REMAPPED_LEASED);
}

/* Without PIDFD_THREAD the thread's own table is out of reach: then its bind passes, and nobody else's socket is bound. */
static void bind_own_table_passes(void) {
    EXPECT_EQ(bind_by_own_table(), REMAPPED_FIXED);
}

static bool has_pidfd_thread(void) {
    CLEANUP(fd_close_at) int fd = (int)syscall(SYS_pidfd_open, getpid(), PIDFD_THREAD_FLAG);
    return fd >= 0;
}

Test(cli_remap_between, a_thread_with_files_of_its_own_binds_its_own) {
    if (has_pidfd_thread())
        REMAPPED(bind_own_table_lands);
    else
        REMAPPED(bind_own_table_passes);
}

static void refuse_pidfd_thread(void) {
    remapped_refuse_bits(SYS_pidfd_open, 1, PIDFD_THREAD_FLAG, EINVAL);
}

Test(cli_remap_between, before_linux_6_9_the_process_is_asked_for_a_threads_file) {
    REMAPPED(bind_in_a_thread, .supervise = refuse_pidfd_thread);
    REMAPPED(bind_both_families, .supervise = refuse_pidfd_thread);
    REMAPPED(bind_own_table_passes, .supervise = refuse_pidfd_thread);
}

static void refuse_process_vm_readv(void) {
    remapped_refuse(SYS_process_vm_readv, 5, 0, ENOSYS);
}

Test(cli_remap_between, without_process_vm_readv_memory_is_read_from_proc) {
    REMAPPED(bind_where_there_is_nothing, .supervise = refuse_process_vm_readv);
}

static void refuse_netns_cookie(void) {
    remapped_refuse(SYS_getsockopt, 2, NETNS_COOKIE_OPTION, ENOPROTOOPT);
}

Test(cli_remap_between, before_linux_5_14_all_networks_are_taken_for_ours) {
    REMAPPED(bind_both_families, .supervise = refuse_netns_cookie);
}

/* In a process of its own: what is refused cannot be allowed again. */
static int install_refused(int call, unsigned argument, uint32_t value, int error) {
    const pid_t child = fork();
    int status;
    if (child == 0) {
        int fd = -1;
        if (call >= 0)
            remapped_refuse(call, argument, value, error);
        _exit(remap_filter_install(&fd));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

Test(cli_remap_between, what_the_kernel_cannot_do_is_said_before_anything_is_done) {
    cr_assert_eq(install_refused(-1, 0, 0, 0), 0);
    cr_assert_eq(install_refused(SYS_pidfd_getfd, 0, (uint32_t)-1, ENOSYS), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_pidfd_getfd, 0, (uint32_t)-1, EPERM), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_seccomp, 0, SECCOMP_GET_ACTION_AVAIL, EOPNOTSUPP), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, EINVAL), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, ENOSYS), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, EBUSY), REMAP_E_NESTED);
}
