/*
 * Network namespaces for tests. Everything here either works or ends the test.
 */
#include "tests/support/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "probe/fd.h"

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "This test needs a network namespace of its own, and %s failed: %s.\n", what, strerror(errno));
    abort();
}

static bool try_to_write_file(const char *path, const char *text) {
    CLEANUP(fd_close_at) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) >= 0;
}

static void write_file(const char *path, const char *text) {
    if (!try_to_write_file(path, text))
        give_up(path);
}

/*
 * An ordinary user may make a network namespace only inside a user namespace, and that only while he has one thread.
 * Criterion has several by the time a test runs, hence before main(). Each id is mapped to itself, so that files and
 * sockets of the test belong to the same uid inside and outside. Whatever fails here is told by enter_empty().
 */
__attribute__((constructor)) static void enter_user_namespace(void) {
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    if (uid == 0 || unshare(CLONE_NEWUSER) < 0)
        return;
    char uid_map[64];
    char gid_map[64];
    snprintf(uid_map, sizeof(uid_map), "%u %u 1", uid, uid);
    snprintf(gid_map, sizeof(gid_map), "%u %u 1", gid, gid);
    if (try_to_write_file("/proc/self/setgroups", "deny") && try_to_write_file("/proc/self/uid_map", uid_map))
        try_to_write_file("/proc/self/gid_map", gid_map);
}

static void enter_empty(void) {
    if (unshare(CLONE_NEWNET) < 0)
        give_up("unshare(CLONE_NEWNET), as root or in a user namespace,");
}

static void raise_loopback(void) {
    CLEANUP(fd_close_at) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo"};
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        give_up("reading the loopback's flags");
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        give_up("raising the loopback");
}

/* The loopback has no duplicate address detection to wait for, but the address is there only once the kernel says so. */
static void wait_for_ipv6(void) {
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    for (int i = 0; i < 200; i++) {
        CLEANUP(fd_close_at) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof(loopback)) == 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    give_up("binding ::1 for two seconds");
}

void netns_enter(void) {
    enter_empty();
    raise_loopback();
    wait_for_ipv6();
}

void netns_enter_without_ipv6(void) {
    enter_empty();
    /* These files are about the namespace of the process that writes them. */
    write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    write_file("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1");
    raise_loopback();
}

void netns_enter_with_loopback_down(void) {
    enter_empty();
}

void netns_refuse_ipv6_sockets(void) {
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {
        .len = sizeof(instructions) / sizeof(instructions[0]),
        .filter = instructions,
    };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        give_up("prctl(PR_SET_NO_NEW_PRIVS)");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        give_up("seccomp()");
}
