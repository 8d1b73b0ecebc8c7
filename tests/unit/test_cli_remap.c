/*
 * run --remap: which binds land on the leased port, which pass by, and that the program notices nothing of it. The programs here
 * are functions of this file; test_cli_remap_between.c has what comes between, and test_cli_remap_programs.c real programs.
 */
#include "cli/remap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/file.h"
#include "tests/support/remapped.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"

#define SECOND_LEASED (REMAPPED_LEASED + 1)

TestSuite(cli_remap, .init = sandbox_enter);

/* ---- What lands ---- */

static void bind_each_address(void) {
    static const char *const addresses[] = {"127.0.0.1", "0.0.0.0", "127.9.9.9", "::1", "::", "::ffff:127.0.0.1"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        EXPECT_EQ(remapped_land(addresses[i], REMAPPED_FIXED), REMAPPED_LEASED);
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
    CLEANUP(fd_close_at) int ipv4 = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int ipv6 = remapped_open_socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
    remapped_set_option(ipv6, IPPROTO_IPV6, IPV6_V6ONLY);
    EXPECT_EQ(remapped_bind(ipv4, "0.0.0.0", REMAPPED_FIXED), 0);
    EXPECT_EQ(remapped_bind(ipv6, "::", REMAPPED_FIXED), 0);
    EXPECT_EQ(tcp_port_of(ipv4), REMAPPED_LEASED);
    EXPECT_EQ(tcp_port_of(ipv6), REMAPPED_LEASED);
    EXPECT_EQ(listen(ipv4, 1) + listen(ipv6, 1), 0);
}

Test(cli_remap, a_pair_of_ipv4_and_ipv6_shares_the_leased_port) {
    REMAPPED(bind_pair);
}

static void bind_mptcp(void) {
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET6, SOCK_STREAM, IPPROTO_MPTCP);
    EXPECT_EQ(remapped_bind(fd, "::", REMAPPED_FIXED), 0);
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
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = {.sin_family = AF_UNSPEC, .sin_port = htons(REMAPPED_FIXED)};
    EXPECT_EQ(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    EXPECT_EQ(tcp_port_of(fd), REMAPPED_LEASED);
}

static void bind_without_scope(void) {
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET6, SOCK_STREAM, 0);
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(REMAPPED_FIXED)};
    EXPECT_EQ(bind(fd, (const struct sockaddr *)&address, offsetof(struct sockaddr_in6, sin6_scope_id)), 0);
    EXPECT_EQ(tcp_port_of(fd), REMAPPED_LEASED);
}

Test(cli_remap, old_forms_of_an_address_are_understood_as_the_kernel_does) {
    REMAPPED(bind_without_family);
    REMAPPED(bind_without_scope);
}

static void expect_port_80_lands(void) {
    EXPECT_EQ(remapped_land("0.0.0.0", 80), REMAPPED_LEASED);
    EXPECT_EQ(remapped_land("::", 80), REMAPPED_LEASED);
}

static void expect_port_80_is_forbidden(void) {
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(remapped_bind(fd, "0.0.0.0", 80), -EACCES);
}

Test(cli_remap, a_privileged_port_needs_no_privilege, .init = sandbox_enter_as_root) {
    const struct remapped_setup setup = {
        .is_auto = true, .prepare = expect_port_80_is_forbidden, .run = expect_port_80_lands};
    remapped_run(SANDBOX_OTHER_UID, &setup, "", "");
}

/* ---- What passes by ---- */

static void bind_others(void) {
    CLEANUP(fd_close_at) int udp = remapped_open_socket(AF_INET, SOCK_DGRAM, 0);
    CLEANUP(fd_close_at) int local = remapped_open_socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SANDBOX_DIR "/s"};

    EXPECT_EQ(remapped_land("127.0.0.1", REMAPPED_FIXED + 1), REMAPPED_FIXED + 1);
    EXPECT_EQ(remapped_land("::", REMAPPED_LEASED), REMAPPED_LEASED);
    EXPECT_EQ(remapped_land("127.0.0.1", 0) == REMAPPED_LEASED, 0);
    EXPECT_EQ(remapped_bind(udp, "127.0.0.1", REMAPPED_FIXED), 0);
    EXPECT_EQ(tcp_port_of(udp), REMAPPED_FIXED);
    EXPECT_EQ(bind(local, (const struct sockaddr *)&address, sizeof(address)), 0);
    EXPECT_EQ(access(address.sun_path, F_OK), 0);
}

Test(cli_remap, what_is_not_the_fixed_tcp_port_is_untouched) {
    REMAPPED(bind_others);
}

static void bind_in_another_network(void) {
    CLEANUP(fd_close_at) int before = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(unshare(CLONE_NEWNET), 0);
    EXPECT_EQ(remapped_land("0.0.0.0", REMAPPED_FIXED), REMAPPED_FIXED);
    EXPECT_EQ(remapped_bind(before, "0.0.0.0", REMAPPED_FIXED), 0);
    EXPECT_EQ(tcp_port_of(before), REMAPPED_LEASED);
}

Test(cli_remap, another_network_namespace_is_untouched) {
    REMAPPED(bind_in_another_network);
}

static void be_closed(void) {
    EXPECT_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
    EXPECT_EQ(prctl(PR_SET_NAME, "clo\nsed"), 0);
    EXPECT_EQ(remapped_land("127.0.0.1", REMAPPED_FIXED), REMAPPED_FIXED);
    EXPECT_EQ(remapped_land("127.0.0.1", REMAPPED_FIXED), REMAPPED_FIXED);
}

Test(cli_remap, a_program_that_cannot_be_looked_into_goes_on_and_is_named_once, .init = sandbox_enter_as_root) {
    remapped_run(SANDBOX_OTHER_UID, &(const struct remapped_setup){.run = be_closed}, "",
                 "portctl: 'clo?sed' (pid N) cannot be looked into: its binds are not remapped\n");
}

/* ---- What the kernel says, it says with remap, too ---- */

#define N_REFUSALS 12

/* Each a bind that fails, on sockets of their own; the errors into `ret_errors`. */
static void be_refused(int *ret_errors) {
    CLEANUP(fd_close_at) int ipv4 = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int ipv6 = remapped_open_socket(AF_INET6, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int bound = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd_close_at) int path = open("/dev/null", O_PATH | O_CLOEXEC);
    union tcp_address address4 = tcp_make_address("0.0.0.0", REMAPPED_FIXED);
    union tcp_address address6 = tcp_make_address("::", REMAPPED_FIXED);
    union tcp_address strange = tcp_make_address("192.0.2.1", REMAPPED_FIXED);
    union tcp_address unspecified = tcp_make_address("127.0.0.1", REMAPPED_FIXED);
    unspecified.generic.sa_family = AF_UNSPEC;
    EXPECT_EQ(remapped_bind(bound, "127.0.0.1", 5000), 0);
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
    EXPECT_EQ(remapped_bind(bound, "127.0.0.1", REMAPPED_FIXED), -EINVAL);
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
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(remapped_bind(fd, "0.0.0.0", REMAPPED_FIXED), -EADDRINUSE);
    EXPECT_EQ(remapped_bind(fd, "0.0.0.0", REMAPPED_FIXED + 1), 0);
}

Test(cli_remap, a_leased_port_that_is_taken_is_in_use) {
    const struct remapped_setup setup = {.run = bind_what_is_taken, .is_loud = true};
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", REMAPPED_LEASED);
    remapped_run(0, &setup, "", "portctl: web's port 3000 is 8001 here, and cannot be bound: Address already in use\n");
}

/* The first call has long returned when the socket is bound again, so it is no call that was interrupted. */
static void bind_again(void) {
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(remapped_bind(fd, "127.0.0.1", REMAPPED_FIXED), 0);
    EXPECT_EQ(remapped_land("127.0.0.1", 0) != 0, 1);
    EXPECT_EQ(remapped_bind(fd, "127.0.0.1", REMAPPED_FIXED), -EINVAL);
    EXPECT_EQ(tcp_port_of(fd), REMAPPED_LEASED);
}

Test(cli_remap, a_socket_that_is_bound_cannot_be_bound_again) {
    REMAPPED(bind_again);
}

/* ---- Who binds ---- */

static void *bind_in_thread(void *context) {
    (void)context;
    EXPECT_EQ(remapped_land("127.0.0.1", REMAPPED_FIXED), REMAPPED_LEASED);
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
            _exit(remapped_land("::", REMAPPED_FIXED) == REMAPPED_LEASED ? 0 : 1);
        _exit(waitpid(grandchild, &status, 0) == grandchild ? WEXITSTATUS(status) : 2);
    }
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

Test(cli_remap, threads_and_grandchildren_are_the_program) {
    REMAPPED(bind_in_a_thread);
    REMAPPED(bind_in_a_grandchild);
}

#define N_THREADS 200

static void *bind_shared(void *context) {
    pthread_barrier_t *barrier = context;
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    remapped_set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    pthread_barrier_wait(barrier);
    EXPECT_EQ(remapped_bind(fd, "127.0.0.1", REMAPPED_FIXED), 0);
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
    CLEANUP(fd_close_at) int one = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    CLEANUP(fd_close_at) int other = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    remapped_set_option(one, SOL_SOCKET, SO_REUSEPORT);
    remapped_set_option(other, SOL_SOCKET, SO_REUSEPORT);
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
    EXPECT_EQ(remapped_land("0.0.0.0", REMAPPED_LEASED), REMAPPED_LEASED);
    EXPECT_EQ(remapped_land("0.0.0.0", 3000), REMAPPED_LEASED);
    EXPECT_EQ(remapped_land("::", 3000), REMAPPED_LEASED);
    EXPECT_EQ(remapped_land("::", 3001), SECOND_LEASED);
    EXPECT_EQ(remapped_land("127.0.0.1", 3001), SECOND_LEASED);
    EXPECT_EQ(remapped_land("127.0.0.1", SECOND_LEASED), SECOND_LEASED);
    EXPECT_EQ(remapped_land("127.0.0.1", 3002), SECOND_LEASED + 1);
    EXPECT_EQ(remapped_land("::1", 3000), REMAPPED_LEASED);
}

/* What the kernel will refuse takes no lease. */
static void bind_in_vain_first(void) {
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(3005)};
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind(fd, (const struct sockaddr *)&address, sizeof(address) - 1), -1);
    EXPECT_EQ(remapped_land("127.0.0.1", 3000), REMAPPED_LEASED);
    EXPECT_EQ(remapped_land("127.0.0.1", 3005), SECOND_LEASED);
}

Test(cli_remap, auto_counts_no_address_that_is_cut_short) {
    REMAPPED(bind_in_vain_first, .is_auto = true);
}

Test(cli_remap, auto_gives_each_port_one_of_its_own_and_says_so_once) {
    const struct remapped_setup setup = {.is_auto = true, .is_loud = true, .run = bind_several};
    remapped_run(0, &setup, "",
                 "portctl: web's port 3000 is 8001 here\n"
                 "portctl: web's port 3001 is 8002 here\n"
                 "portctl: web's port 3002 is 8003 here\n");
    REMAPPED(bind_several, .is_auto = true);
}

static void bind_one(void) {
    EXPECT_EQ(remapped_land("0.0.0.0", REMAPPED_FIXED), REMAPPED_LEASED);
}

Test(cli_remap, the_port_is_told_to_a_person_and_to_who_asks_for_all) {
    static const struct {
        struct output output;
        bool is_told;
    } cases[] = {
        {{.error_terminal = true}, true},
        {{.error_terminal = false}, true},
        {{.verbose = true}, true},
        {{.verbose = true, .json = true}, true},
        {{.error_terminal = true, .quiet = true}, false},
        {{.error_terminal = true, .json = true}, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        remapped_run(0, &(const struct remapped_setup){.run = bind_one, .is_loud = true, .output = cases[i].output}, "",
                     cases[i].is_told ? "portctl: web's port 3000 is 8001 here\n" : "");
}

static void bind_more_than_there_are(void) {
    EXPECT_EQ(remapped_land("0.0.0.0", 3000), REMAPPED_LEASED);
    EXPECT_EQ(remapped_land("0.0.0.0", 3001), 3001);
    EXPECT_EQ(remapped_land("::", 3001), 3001);
}

Test(cli_remap, auto_goes_on_unremapped_where_no_port_can_be_leased) {
    const struct remapped_setup setup = {.is_auto = true, .no_more_leases = true, .run = bind_more_than_there_are};
    remapped_run(0, &setup, "", "no more ports\n");
}

static void bind_too_many(void) {
    for (uint16_t i = 0; i < 64; i++)
        EXPECT_EQ(remapped_land("127.0.0.1", (uint16_t)(3000 + i)), REMAPPED_LEASED + i);
    EXPECT_EQ(remapped_land("127.0.0.1", 3064), 3064);
    EXPECT_EQ(remapped_land("127.0.0.1", 3065), 3065);
    EXPECT_EQ(remapped_land("127.0.0.1", 3063), REMAPPED_LEASED + 63);
}

Test(cli_remap, auto_ends_at_64_ports) {
    const struct remapped_setup setup = {.is_auto = true, .run = bind_too_many};
    remapped_run(0, &setup, "", "portctl: web binds more than 64 ports: the others are not remapped\n");
}

/* ---- What else there is ---- */

static void install_once_more(void) {
    int fd = -1;
    EXPECT_EQ(remap_filter_install(&fd), REMAP_E_NESTED);
    EXPECT_EQ(fd, -1);
    EXPECT_EQ(remapped_land("127.0.0.1", REMAPPED_FIXED), REMAPPED_LEASED);
}

Test(cli_remap, one_in_another_is_refused) {
    REMAPPED(install_once_more);
}

static void bind_unanswered(void) {
    CLEANUP(fd_close_at) int fd = remapped_open_socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(remapped_bind(fd, "127.0.0.1", REMAPPED_FIXED), -ENOSYS);
    EXPECT_EQ(remapped_bind(fd, "127.0.0.1", REMAPPED_FIXED), -ENOSYS);
}

Test(cli_remap, when_portctl_is_gone_bind_is_no_call) {
    REMAPPED(bind_unanswered, .is_freed = true);
}

/* Of /proc/self/status: memory, the clock and the signals of other processes of the user change by themselves. */
static bool is_steady(const char *line) {
    static const char *const restless[] = {"Vm", "Rss", "SigQ", "voluntary_", "nonvoluntary_"};
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
