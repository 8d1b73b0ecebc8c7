/* The loop that portctl has around a remap, without the rest of portctl. */
#include "tests/support/remapped.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/remap.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

void remapped_expect(const char *file, int line, const char *what, long actual, long expected) {
    if (actual != expected)
        fail_test("%s:%d: %s is %ld and not %ld.", file, line, what, actual, expected);
}

static void must(bool well, const char *what) {
    if (!well)
        fail_test("A remapped program cannot be had: %s: %s.", what, strerror(errno));
}

/* ---- what programs do ---- */

int remapped_open_socket(int family, int type, int protocol) {
    const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        fail_test("There is no socket: %s.", strerror(errno));
    return fd;
}

static socklen_t length_of(const union tcp_address *address) {
    return address->generic.sa_family == AF_INET ? sizeof(address->ipv4) : sizeof(address->ipv6);
}

int remapped_bind(int fd, const char *text, uint16_t port) {
    const union tcp_address address = tcp_make_address(text, port);
    return bind(fd, &address.generic, length_of(&address)) < 0 ? -errno : 0;
}

static int family_of(const char *text) {
    return strchr(text, ':') ? AF_INET6 : AF_INET;
}

void remapped_set_option(int fd, int level, int option) {
    EXPECT_EQ(setsockopt(fd, level, option, &(int){1}, sizeof(int)), 0);
}

uint16_t remapped_land(const char *text, uint16_t port) {
    CLEANUP(fd_close_at) int fd = remapped_open_socket(family_of(text), SOCK_STREAM, 0);
    EXPECT_EQ(remapped_bind(fd, text, port), 0);
    return tcp_port_of(fd);
}

/* ---- in the child ---- */

struct plan {
    const struct remapped_setup *setup;
    int streams[2]; /* standard output and error: files in memory */
    int channel;    /* by which the descriptor goes from the program to portctl */
    pid_t child;
    uint16_t n_leases;
};

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static void send_fd(int channel, int fd) {
    union control control = {0};
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    control.header =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    must(sendmsg(channel, &message, 0) == 1, "sendmsg");
}

static int be_program(void *context) {
    const struct plan *plan = context;
    int fd = -1;
    for (int i = 0; i < 2; i++)
        must(dup2(plan->streams[i], i + 1) >= 0, "dup2");
    if (plan->setup->prepare)
        plan->setup->prepare();
    EXPECT_EQ(remap_filter_install(&fd), 0);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    send_fd(plan->channel, fd);
    close(fd);
    if (plan->setup->run) {
        plan->setup->run();
        return EXIT_SUCCESS;
    }
    execv(plan->setup->program[0], (char *const *)plan->setup->program);
    fail_test("%s cannot be executed: %s.", plan->setup->program[0], strerror(errno));
}

/* ---- portctl's side ---- */

static int lease(void *context, uint16_t fixed, uint16_t *ret_leased) {
    struct plan *plan = context;
    (void)fixed;
    if (plan->setup->no_more_leases) {
        fprintf(stderr, "no more ports\n");
        return 1;
    }
    if (plan->setup->on_lease)
        plan->setup->on_lease(plan->child);
    *ret_leased = (uint16_t)(REMAPPED_LEASED + ++plan->n_leases);
    return 0;
}

static int receive_fd(int channel) {
    union control control = {0};
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    int fd;
    must(recvmsg(channel, &message, MSG_CMSG_CLOEXEC) == 1, "recvmsg");
    must(control.header.cmsg_len == CMSG_LEN(sizeof(fd)), "a descriptor");
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    return fd;
}

/* Each wait has its bound: what does not come is a failure, and no test that hangs. */
static void turn_until_end(struct remap *remap, const struct plan *plan) {
    CLEANUP(fd_close_at) int pidfd = (int)syscall(SYS_pidfd_open, plan->child, 0);
    must(pidfd >= 0, "pidfd_open");
    const struct wait wait = wait_at_most(60, "the end of a remapped program");
    struct pollfd fds[] = {{.fd = remap_fd(remap), .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
    while (fds[1].revents == 0) {
        if (poll(fds, 2, 1000) <= 0)
            wait_more(&wait);
        if (fds[0].revents != 0 && plan->setup->is_freed)
            return;
        if (fds[0].revents != 0)
            remap_turn(remap);
        fds[0].fd = remap_fd(remap);
    }
}

static void turn_until_hang_up(struct remap *remap) {
    const struct wait wait = wait_at_most(10, "the hang-up");
    while (remap_fd(remap) >= 0) {
        struct pollfd pollfd = {.fd = remap_fd(remap), .events = POLLIN};
        if (poll(&pollfd, 1, 100) > 0)
            remap_turn(remap);
        else
            wait_more(&wait);
    }
}

static int supervise(struct plan *plan, int fd) {
    static const struct output quiet = {.quiet = true};
    const struct remap_setup setup = {
        .fd = fd,
        .fixed = plan->setup->is_auto ? 0 : REMAPPED_FIXED,
        .leased = REMAPPED_LEASED,
        .service_name = "web",
        .output = plan->setup->is_loud ? &plan->setup->output : &quiet,
        .lease = lease,
        .context = plan,
    };
    CLEANUP(remap_free_at) struct remap *remap = NULL;
    if (plan->setup->supervise)
        plan->setup->supervise();
    EXPECT_EQ(remap_new(&setup, &remap), 0);
    turn_until_end(remap, plan);
    if (plan->setup->is_freed) {
        remap = remap_free(remap);
        return child_wait(plan->child);
    }
    const int code = child_wait(plan->child);
    turn_until_hang_up(remap);
    return code;
}

static int be_portctl(void *context) {
    struct plan *plan = context;
    int ends[2];
    must(dup2(plan->streams[1], STDERR_FILENO) >= 0, "dup2");
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    plan->channel = ends[1];
    plan->child = child_start(0, be_program, plan);
    close(ends[1]);
    EXPECT_EQ(supervise(plan, receive_fd(ends[0])), 0);
    close(ends[0]);
    return EXIT_SUCCESS;
}

/* ---- the test's ---- */

static int make_stream(void) {
    const int fd = memfd_create("stream", MFD_CLOEXEC);
    must(fd >= 0 && fcntl(fd, F_SETFL, O_APPEND) == 0, "memfd_create");
    return fd;
}

static char *read_stream(int fd) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return file_read(path, NULL);
}

/* A pid that no test can know beforehand. */
static void make_anonymous(char *text, pid_t pid) {
    char words[32];
    snprintf(words, sizeof(words), "(pid %d)", pid);
    char *at = strstr(text, words);
    if (!at)
        return;
    memmove(at + strlen("(pid N)"), at + strlen(words), strlen(at + strlen(words)) + 1);
    memcpy(at, "(pid N)", strlen("(pid N)"));
}

void remapped_run(uid_t uid, const struct remapped_setup *setup, const char *output, const char *errors) {
    struct plan *plan = child_share(sizeof(*plan));
    *plan = (struct plan){.setup = setup, .streams = {make_stream(), make_stream()}};
    const int code = child_wait(child_start(uid, be_portctl, plan));
    CLEANUP(file_free_text_at) char *actual_output = read_stream(plan->streams[0]);
    CLEANUP(file_free_text_at) char *actual_errors = read_stream(plan->streams[1]);
    make_anonymous(actual_errors, plan->child);
    if (code != 0 || strcmp(actual_output, output) != 0 || strcmp(actual_errors, errors) != 0)
        fail_test("A remapped program ended with %d, and wrote:\n%s---- on standard error:\n%s----", code,
                  actual_output, actual_errors);
    close(plan->streams[0]);
    close(plan->streams[1]);
    munmap(plan, sizeof(*plan));
}

static void refuse(int call, unsigned argument, uint16_t comparison, uint32_t value, int error) {
    /* The lower half of an argument: x86 and ARM. */
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * argument)),
        BPF_JUMP((uint16_t)(BPF_JMP | comparison | BPF_K), value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(instructions) / sizeof(instructions[0]), .filter = instructions};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS");
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0, "seccomp");
}

void remapped_refuse(int call, unsigned argument, uint32_t value, int error) {
    refuse(call, argument, BPF_JEQ, value, error);
}

void remapped_refuse_bits(int call, unsigned argument, uint32_t bits, int error) {
    refuse(call, argument, BPF_JSET, bits, error);
}
