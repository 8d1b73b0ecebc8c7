/*
 * run --remap: which binds land on the leased port, which pass by, and that the program notices nothing of it. The programs here
 * are functions of this file; real ones are in test_cli_remap_programs.c.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/remap_repeat.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
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

TestSuite(cli_remap, .init = sandbox_enter);

#define REMAPPED(function, ...) remapped_run(0, &(const struct remapped_setup){.run = (function), __VA_ARGS__}, "", "")

/* ---- What programs do ---- */

static int open_socket(int family, int type, int protocol) {
    const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        fail_test("There is no socket: %s.", strerror(errno));
    return fd;
}

static socklen_t length_of(const union tcp_address *address) {
    return address->generic.sa_family == AF_INET ? sizeof(address->ipv4) : sizeof(address->ipv6);
}

/* Returns 0 or -errno. */
static int bind_to(int fd, const char *text, uint16_t port) {
    const union tcp_address address = tcp_make_address(text, port);
    return bind(fd, &address.generic, length_of(&address)) < 0 ? -errno : 0;
}

static int family_of(const char *text) {
    return strchr(text, ':') ? AF_INET6 : AF_INET;
}

static void set_option(int fd, int level, int option) {
    EXPECT_EQ(setsockopt(fd, level, option, &(int){1}, sizeof(int)), 0);
}

/* The port that a new socket gets that is bound to this one. */
static uint16_t land(const char *text, uint16_t port) {
    CLEANUP(fd_close_at) int fd = open_socket(family_of(text), SOCK_STREAM, 0);
    EXPECT_EQ(bind_to(fd, text, port), 0);
    return tcp_port_of(fd);
}

/* ---- What lands ---- */

static void bind_each_address(void) {
    static const char *const addresses[] = {"127.0.0.1", "0.0.0.0", "127.9.9.9", "::1", "::", "::ffff:127.0.0.1"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        EXPECT_EQ(land(addresses[i], REMAPPED_FIXED), REMAPPED_LEASED);
}

Test(cli_remap, the_fixed_port_is_the_leased_one_on_each_address) {
    REMAPPED(bind_each_address);
}

static void serve(void) {
    CLEANUP(fd_close_at) int server = tcp_listen("127.0.0.1", REMAPPED_FIXED);
    CLEANUP(fd_close_at) int client = tcp_connect("127.0.0.1", REMAPPED_LEASED);
    CLEANUP(fd_close_at) int accepted = tcp_accept(server);
    EXPECT_EQ(tcp_port_of(accepted), REMAPPED_LEASED);
}

Test(cli_remap, a_server_is_there_on_the_leased_port) {
    REMAPPED(serve);
}

static void bind_pair(void) {
    CLEANUP(fd_close_at) int ipv4 = open_socket(AF_INET, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int ipv6 = open_socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
    set_option(ipv6, IPPROTO_IPV6, IPV6_V6ONLY);
    EXPECT_EQ(bind_to(ipv4, "0.0.0.0", REMAPPED_FIXED), 0);
    EXPECT_EQ(bind_to(ipv6, "::", REMAPPED_FIXED), 0);
    EXPECT_EQ(tcp_port_of(ipv4), REMAPPED_LEASED);
    EXPECT_EQ(tcp_port_of(ipv6), REMAPPED_LEASED);
    EXPECT_EQ(listen(ipv4, 1) + listen(ipv6, 1), 0);
}

Test(cli_remap, a_pair_of_ipv4_and_ipv6_shares_the_leased_port) {
    REMAPPED(bind_pair);
}

static void bind_mptcp(void) {
    CLEANUP(fd_close_at) int fd = open_socket(AF_INET6, SOCK_STREAM, IPPROTO_MPTCP);
    EXPECT_EQ(bind_to(fd, "::", REMAPPED_FIXED), 0);
    EXPECT_EQ(tcp_port_of(fd), REMAPPED_LEASED);
    EXPECT_EQ(listen(fd, 1), 0);
}

Test(cli_remap, mptcp_is_tcp) {
    CLEANUP(fd_close_at) int fd = socket(AF_INET6, SOCK_STREAM, IPPROTO_MPTCP);
    if (fd < 0)
        cr_skip_test("this kernel has no MPTCP");
    REMAPPED(bind_mptcp);
}

static void bind_without_family(void) {
    CLEANUP(fd_close_at) int fd = open_socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = {.sin_family = AF_UNSPEC, .sin_port = htons(REMAPPED_FIXED)};
    EXPECT_EQ(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    EXPECT_EQ(tcp_port_of(fd), REMAPPED_LEASED);
}

static void bind_without_scope(void) {
    CLEANUP(fd_close_at) int fd = open_socket(AF_INET6, SOCK_STREAM, 0);
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(REMAPPED_FIXED)};
    EXPECT_EQ(bind(fd, (const struct sockaddr *)&address, offsetof(struct sockaddr_in6, sin6_scope_id)), 0);
    EXPECT_EQ(tcp_port_of(fd), REMAPPED_LEASED);
}

Test(cli_remap, old_forms_of_an_address_are_understood_as_the_kernel_does) {
    REMAPPED(bind_without_family);
    REMAPPED(bind_without_scope);
}

static void expect_port_80_lands(void) {
    EXPECT_EQ(land("0.0.0.0", 80), REMAPPED_LEASED);
    EXPECT_EQ(land("::", 80), REMAPPED_LEASED);
}

static void expect_port_80_is_forbidden(void) {
    CLEANUP(fd_close_at) int fd = open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind_to(fd, "0.0.0.0", 80), -EACCES);
}

Test(cli_remap, a_privileged_port_needs_no_privilege, .init = sandbox_enter_as_root) {
    const struct remapped_setup setup = {
        .is_auto = true, .prepare = expect_port_80_is_forbidden, .run = expect_port_80_lands};
    remapped_run(SANDBOX_OTHER_UID, &setup, "", "");
}

/* ---- What passes by ---- */

static void bind_others(void) {
    CLEANUP(fd_close_at) int udp = open_socket(AF_INET, SOCK_DGRAM, 0);
    CLEANUP(fd_close_at) int local = open_socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SANDBOX_DIR "/s"};

    EXPECT_EQ(land("127.0.0.1", REMAPPED_FIXED + 1), REMAPPED_FIXED + 1);
    EXPECT_EQ(land("::", REMAPPED_LEASED), REMAPPED_LEASED);
    EXPECT_EQ(land("127.0.0.1", 0) == REMAPPED_LEASED, 0);
    EXPECT_EQ(bind_to(udp, "127.0.0.1", REMAPPED_FIXED), 0);
    EXPECT_EQ(tcp_port_of(udp), REMAPPED_FIXED);
    EXPECT_EQ(bind(local, (const struct sockaddr *)&address, sizeof(address)), 0);
    EXPECT_EQ(access(address.sun_path, F_OK), 0);
}

Test(cli_remap, what_is_not_the_fixed_tcp_port_is_untouched) {
    REMAPPED(bind_others);
}

static void bind_in_another_network(void) {
    CLEANUP(fd_close_at) int before = open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(unshare(CLONE_NEWNET), 0);
    EXPECT_EQ(land("0.0.0.0", REMAPPED_FIXED), REMAPPED_FIXED);
    EXPECT_EQ(bind_to(before, "0.0.0.0", REMAPPED_FIXED), 0);
    EXPECT_EQ(tcp_port_of(before), REMAPPED_LEASED);
}

Test(cli_remap, another_network_namespace_is_untouched) {
    REMAPPED(bind_in_another_network);
}

static void be_closed(void) {
    EXPECT_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
    EXPECT_EQ(prctl(PR_SET_NAME, "clo\nsed"), 0);
    EXPECT_EQ(land("127.0.0.1", REMAPPED_FIXED), REMAPPED_FIXED);
    EXPECT_EQ(land("127.0.0.1", REMAPPED_FIXED), REMAPPED_FIXED);
}

Test(cli_remap, a_program_that_cannot_be_looked_into_goes_on_and_is_named_once, .init = sandbox_enter_as_root) {
    remapped_run(SANDBOX_OTHER_UID, &(const struct remapped_setup){.run = be_closed}, "",
                 "portctl: 'clo?sed' (pid N) cannot be looked into: its binds are not remapped\n");
}

/* ---- What the kernel says, it says with remap, too ---- */

#define N_REFUSALS 12

/* Each a bind that fails, on sockets of their own; the errors into `ret_errors`. */
static void be_refused(int *ret_errors) {
    CLEANUP(fd_close_at) int ipv4 = open_socket(AF_INET, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int ipv6 = open_socket(AF_INET6, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int bound = open_socket(AF_INET, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd_close_at) int path = open("/dev/null", O_PATH | O_CLOEXEC);
    union tcp_address address4 = tcp_make_address("0.0.0.0", REMAPPED_FIXED);
    union tcp_address address6 = tcp_make_address("::", REMAPPED_FIXED);
    union tcp_address strange = tcp_make_address("192.0.2.1", REMAPPED_FIXED);
    union tcp_address unspecified = tcp_make_address("127.0.0.1", REMAPPED_FIXED);
    unspecified.generic.sa_family = AF_UNSPEC;
    EXPECT_EQ(bind_to(bound, "127.0.0.1", 5000), 0);
    const struct {
        int fd;
        const void *address;
        socklen_t length;
    } calls[N_REFUSALS] =
        {
            {ipv4, &address4, 15},       {ipv4, &address4, 0},
            {ipv4, &address4, 129},      {ipv4, &address4, (socklen_t)-1},
            {ipv6, &address6, 23},       {ipv6, &address4, 28},
            {ipv4, (const void *)8, 16}, /* NOLINT(performance-no-int-to-ptr) */
            {999, &address4, 16},        {file, &address4, 16},
            {path, &address4, 16},       {ipv4, &strange, 16},
            {ipv4, &unspecified, 16},
        };
    for (size_t i = 0; i < N_REFUSALS; i++) {
        ret_errors[i] = syscall(SYS_bind, calls[i].fd, calls[i].address, calls[i].length) < 0 ? errno : 0;
        EXPECT_EQ(ret_errors[i] != 0, 1);
    }
    EXPECT_EQ(bind_to(bound, "127.0.0.1", REMAPPED_FIXED), -EINVAL);
}

static int refusals[N_REFUSALS];

static void be_refused_before(void) {
    be_refused(refusals);
}

static void be_refused_the_same(void) {
    int again[N_REFUSALS];
    be_refused(again);
    for (size_t i = 0; i < N_REFUSALS; i++)
        EXPECT_EQ(again[i], refusals[i]);
}

Test(cli_remap, errors_are_those_that_the_kernel_has_without_it) {
    REMAPPED(be_refused_the_same, .prepare = be_refused_before);
    REMAPPED(be_refused_the_same, .prepare = be_refused_before, .is_auto = true);
}

static void bind_what_is_taken(void) {
    CLEANUP(fd_close_at) int fd = open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind_to(fd, "0.0.0.0", REMAPPED_FIXED), -EADDRINUSE);
    EXPECT_EQ(bind_to(fd, "0.0.0.0", REMAPPED_FIXED + 1), 0);
}

Test(cli_remap, a_leased_port_that_is_taken_is_in_use) {
    const struct remapped_setup setup = {.run = bind_what_is_taken, .has_terminal = true};
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", REMAPPED_LEASED);
    remapped_run(0, &setup, "", "portctl: web's port 3000 is 8001 here, and cannot be bound: Address already in use\n");
}

/* ---- Who binds ---- */

static void *bind_in_thread(void *context) {
    (void)context;
    EXPECT_EQ(land("127.0.0.1", REMAPPED_FIXED), REMAPPED_LEASED);
    return NULL;
}

static void run_thread(void *(*run)(void *context), void *context) {
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, run, context), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static void bind_in_a_thread(void) {
    run_thread(bind_in_thread, NULL);
}

static void bind_in_a_grandchild(void) {
    const pid_t child = fork();
    int status;
    if (child == 0) {
        const pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(land("::", REMAPPED_FIXED) == REMAPPED_LEASED ? 0 : 1);
        _exit(waitpid(grandchild, &status, 0) == grandchild ? WEXITSTATUS(status) : 2);
    }
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
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
    EXPECT_EQ(bind_to(number->fd, "127.0.0.1", REMAPPED_FIXED), 0);
    number->port = tcp_port_of(number->fd);
    return NULL;
}

static int bind_by_own_table(void) {
    struct same_number number = {.fd = open_socket(AF_INET, SOCK_STREAM, 0)};
    CLEANUP(fd_close_at) int other = open_socket(AF_INET, SOCK_STREAM, 0);
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

Test(cli_remap, threads_and_grandchildren_are_the_program) {
    REMAPPED(bind_in_a_thread);
    REMAPPED(bind_in_a_grandchild);
}

static bool has_pidfd_thread(void) {
    CLEANUP(fd_close_at) int fd = (int)syscall(SYS_pidfd_open, getpid(), PIDFD_THREAD_FLAG);
    return fd >= 0;
}

Test(cli_remap, a_thread_with_files_of_its_own_binds_its_own) {
    if (has_pidfd_thread())
        REMAPPED(bind_own_table_lands);
    else
        REMAPPED(bind_own_table_passes);
}

#define N_THREADS 200

static void *bind_shared(void *context) {
    pthread_barrier_t *barrier = context;
    CLEANUP(fd_close_at) int fd = open_socket(AF_INET, SOCK_STREAM, 0);
    set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    pthread_barrier_wait(barrier);
    EXPECT_EQ(bind_to(fd, "127.0.0.1", REMAPPED_FIXED), 0);
    EXPECT_EQ(tcp_port_of(fd), REMAPPED_LEASED);
    return NULL;
}

static void bind_in_parallel(void) {
    static pthread_t threads[N_THREADS];
    pthread_barrier_t barrier;
    EXPECT_EQ(pthread_barrier_init(&barrier, NULL, N_THREADS), 0);
    for (size_t i = 0; i < N_THREADS; i++)
        EXPECT_EQ(pthread_create(&threads[i], NULL, bind_shared, &barrier), 0);
    for (size_t i = 0; i < N_THREADS; i++)
        EXPECT_EQ(pthread_join(threads[i], NULL), 0);
}

Test(cli_remap, two_hundred_binds_at_once_are_all_answered) {
    REMAPPED(bind_in_parallel);
}

/* A program for the 32-bit x86, as far as the kernel is concerned: its addresses are short, and bind() is in socketcall(2). */
#ifdef __x86_64__
static int call_32(long number, long a, long b, long c) {
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return (int)r;
}

static void bind_as_32_bit(void) {
    struct memory {
        struct sockaddr_in address;
        uint32_t arguments[3];
    } *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    CLEANUP(fd_close_at) int one = open_socket(AF_INET, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int other = open_socket(AF_INET, SOCK_STREAM, 0);
    set_option(one, SOL_SOCKET, SO_REUSEPORT);
    set_option(other, SOL_SOCKET, SO_REUSEPORT);
    EXPECT_EQ(memory == MAP_FAILED, 0);
    memory->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(REMAPPED_FIXED)};
    const long address = (long)(uintptr_t)&memory->address;
    memory->arguments[0] = (uint32_t)one;
    memory->arguments[1] = (uint32_t)address;
    memory->arguments[2] = sizeof(memory->address);
    EXPECT_EQ(call_32(102, 2, (long)(uintptr_t)memory->arguments, 0), 0); /* socketcall(SYS_BIND) */
    EXPECT_EQ(tcp_port_of(one), REMAPPED_LEASED);
    EXPECT_EQ(call_32(361, other, address, sizeof(memory->address)), 0); /* bind */
    EXPECT_EQ(tcp_port_of(other), REMAPPED_LEASED);
    EXPECT_EQ(call_32(102, 2, 8, 0), -EFAULT);
}

static bool has_32_bit(void) {
    const pid_t child = fork();
    int status;
    if (child == 0)
        _exit(call_32(20, 0, 0, 0) == getpid() ? 0 : 1);
    return waitpid(child, &status, 0) == child && status == 0;
}

Test(cli_remap, calls_of_the_32_bit_kind_are_binds_too) {
    if (!has_32_bit())
        cr_skip_test("this kernel runs no 32-bit programs");
    REMAPPED(bind_as_32_bit);
}
#endif

/* ---- --remap auto ---- */

static void bind_several(void) {
    EXPECT_EQ(land("0.0.0.0", REMAPPED_LEASED), REMAPPED_LEASED);
    EXPECT_EQ(land("0.0.0.0", 3000), REMAPPED_LEASED);
    EXPECT_EQ(land("::", 3000), REMAPPED_LEASED);
    EXPECT_EQ(land("::", 3001), SECOND_LEASED);
    EXPECT_EQ(land("127.0.0.1", 3001), SECOND_LEASED);
    EXPECT_EQ(land("127.0.0.1", SECOND_LEASED), SECOND_LEASED);
    EXPECT_EQ(land("127.0.0.1", 3002), SECOND_LEASED + 1);
    EXPECT_EQ(land("::1", 3000), REMAPPED_LEASED);
}

Test(cli_remap, auto_gives_each_port_one_of_its_own_and_says_so_once) {
    const struct remapped_setup setup = {.is_auto = true, .has_terminal = true, .run = bind_several};
    remapped_run(0, &setup, "",
                 "portctl: web's port 3000 is 8001 here\n"
                 "portctl: web's port 3001 is 8002 here\n"
                 "portctl: web's port 3002 is 8003 here\n");
    REMAPPED(bind_several, .is_auto = true);
}

static void bind_more_than_there_are(void) {
    EXPECT_EQ(land("0.0.0.0", 3000), REMAPPED_LEASED);
    EXPECT_EQ(land("0.0.0.0", 3001), 3001);
    EXPECT_EQ(land("::", 3001), 3001);
}

Test(cli_remap, auto_goes_on_unremapped_where_no_port_can_be_leased) {
    const struct remapped_setup setup = {.is_auto = true, .no_more_leases = true, .run = bind_more_than_there_are};
    remapped_run(0, &setup, "", "no more ports\n");
}

static void bind_too_many(void) {
    for (uint16_t i = 0; i < 64; i++)
        EXPECT_EQ(land("127.0.0.1", (uint16_t)(3000 + i)), REMAPPED_LEASED + i);
    EXPECT_EQ(land("127.0.0.1", 3064), 3064);
    EXPECT_EQ(land("127.0.0.1", 3065), 3065);
    EXPECT_EQ(land("127.0.0.1", 3063), REMAPPED_LEASED + 63);
}

Test(cli_remap, auto_ends_at_64_ports) {
    const struct remapped_setup setup = {.is_auto = true, .run = bind_too_many};
    remapped_run(0, &setup, "", "portctl: web binds more than 64 ports: the others are not remapped\n");
}

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
        EXPECT_EQ(land("127.0.0.1", REMAPPED_FIXED), REMAPPED_LEASED);
    EXPECT_EQ(timer_delete(timer), 0);
}

static void refuse_wait_killable(void) {
    remapped_refuse_bits(SYS_seccomp, 1, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, EINVAL);
}

Test(cli_remap, a_storm_of_signals_is_not_noticed) {
    REMAPPED(bind_in_a_storm);
}

Test(cli_remap, a_storm_of_signals_is_not_noticed_before_linux_5_19) {
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
    CLEANUP(fd_close_at) int fd = open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(sigaction(SIGURG, &action, NULL), 0);
    EXPECT_EQ(land("127.0.0.1", 3000), REMAPPED_LEASED);
    EXPECT_EQ(bind_to(fd, "127.0.0.1", 3001), 0);
    EXPECT_EQ(tcp_port_of(fd), SECOND_LEASED);
    EXPECT_EQ(atomic_load(n_signals), 1);
    EXPECT_EQ(bind_to(fd, "127.0.0.1", 3000), -EINVAL);
}

Test(cli_remap, a_bind_that_is_interrupted_when_it_is_done_is_done_all_the_same) {
    n_signals = child_share(sizeof(*n_signals));
    REMAPPED(bind_interrupted, .is_auto = true, .prepare = refuse_wait_killable, .on_lease = interrupt);
}

Test(cli_remap, a_bind_that_portctl_has_is_not_interrupted) {
    n_signals = child_share(sizeof(*n_signals));
    REMAPPED(bind_interrupted, .is_auto = true, .on_lease = interrupt_in_vain);
}

static struct seccomp_notif make_call(uint32_t thread, uint64_t argument) {
    return (struct seccomp_notif){.pid = thread, .data = {.nr = 49, .args = {3, argument, 16}}};
}

Test(cli_remap, only_the_same_call_of_the_same_thread_for_the_same_socket_is_a_repeated_one) {
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

static void refuse_pidfd_thread(void) {
    remapped_refuse_bits(SYS_pidfd_open, 1, PIDFD_THREAD_FLAG, EINVAL);
}

Test(cli_remap, before_linux_6_9_the_process_is_asked_for_a_threads_file) {
    REMAPPED(bind_in_a_thread, .supervise = refuse_pidfd_thread);
    REMAPPED(bind_in_a_grandchild, .supervise = refuse_pidfd_thread);
    REMAPPED(bind_own_table_passes, .supervise = refuse_pidfd_thread);
}

static void refuse_process_vm_readv(void) {
    remapped_refuse(SYS_process_vm_readv, 5, 0, ENOSYS);
}

Test(cli_remap, without_process_vm_readv_memory_is_read_from_proc) {
    REMAPPED(bind_each_address, .supervise = refuse_process_vm_readv);
    REMAPPED(be_refused_the_same, .prepare = be_refused_before, .supervise = refuse_process_vm_readv);
}

static void refuse_netns_cookie(void) {
    remapped_refuse(SYS_getsockopt, 2, NETNS_COOKIE_OPTION, ENOPROTOOPT);
}

Test(cli_remap, before_linux_5_14_all_networks_are_taken_for_ours) {
    REMAPPED(bind_each_address, .supervise = refuse_netns_cookie);
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

Test(cli_remap, what_the_kernel_cannot_do_is_said_before_anything_is_done) {
    cr_assert_eq(install_refused(-1, 0, 0, 0), 0);
    cr_assert_eq(install_refused(SYS_pidfd_getfd, 0, (uint32_t)-1, ENOSYS), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_pidfd_getfd, 0, (uint32_t)-1, EPERM), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_seccomp, 0, SECCOMP_GET_ACTION_AVAIL, EOPNOTSUPP), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, EINVAL), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, ENOSYS), REMAP_E_UNSUPPORTED);
    cr_assert_eq(install_refused(SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, EBUSY), REMAP_E_NESTED);
}

/* ---- What else there is ---- */

static void install_once_more(void) {
    int fd = -1;
    EXPECT_EQ(remap_filter_install(&fd), REMAP_E_NESTED);
    EXPECT_EQ(fd, -1);
    EXPECT_EQ(land("127.0.0.1", REMAPPED_FIXED), REMAPPED_LEASED);
}

Test(cli_remap, one_in_another_is_refused) {
    REMAPPED(install_once_more);
}

static void bind_unanswered(void) {
    CLEANUP(fd_close_at) int fd = open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind_to(fd, "127.0.0.1", REMAPPED_FIXED), -ENOSYS);
    EXPECT_EQ(bind_to(fd, "127.0.0.1", REMAPPED_FIXED), -ENOSYS);
}

Test(cli_remap, when_portctl_is_gone_bind_is_no_call) {
    REMAPPED(bind_unanswered, .is_freed = true);
}

/* Of /proc/self/status: what is about memory and the clock changes by itself. */
static bool is_steady(const char *line) {
    static const char *const restless[] = {"Vm", "Rss", "voluntary_", "nonvoluntary_"};
    for (size_t i = 0; i < sizeof(restless) / sizeof(restless[0]); i++)
        if (strncmp(line, restless[i], strlen(restless[i])) == 0)
            return false;
    return true;
}

static char *status_before;

static void read_status(void) {
    status_before = file_read("/proc/self/status", NULL);
}

/* Writes the steady lines that are others now. */
static void write_what_has_changed(void) {
    CLEANUP(file_free_text_at) char *status = file_read("/proc/self/status", NULL);
    char *cursor = status;
    char *cursor_before = status_before;
    while (cursor) {
        const char *line = strsep(&cursor, "\n");
        const char *line_before = strsep(&cursor_before, "\n");
        if (is_steady(line) && strcmp(line, line_before) != 0)
            puts(line);
    }
    free(status_before);
}

Test(cli_remap, nothing_else_changes_in_the_program) {
    const struct remapped_setup setup = {.prepare = read_status, .run = write_what_has_changed};
    remapped_run(0, &setup, "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n", "");
}

/* In the test's own process, where a sanitizer sees what is not freed. */
Test(cli_remap, all_that_it_has_is_freed_with_it) {
    const struct output output = {0};
    const struct remap_setup setup = {.fd = open("/dev/null", O_RDONLY | O_CLOEXEC), .fixed = 1, .output = &output};
    struct remap *remap;
    cr_assert_eq(remap_new(&setup, &remap), 0);
    cr_assert_eq(remap_fd(remap), setup.fd);
    cr_assert_null(remap_free(remap));
    cr_assert_eq(fcntl(setup.fd, F_GETFD), -1);
    cr_assert_null(remap_free(NULL));
}
