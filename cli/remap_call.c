/*
 * Looking into another process, by what ptrace(2) allows. See remap_call.h.
 */
#include "cli/remap_call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "probe/proc_file.h"

/* Linux 6.9, 5.6 and 5.14; not in the headers of every system that this is built on. */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* The number of socketcall(2) on 32-bit x86; that of a bind() of its own is another on each architecture. */
#define I386_SOCKETCALL 102

/* The arguments of bind(), wherever they stood. */
struct arguments {
    int fd;
    uint64_t address; /* in the caller's memory */
    int length;
};

/* For a system without process_vm_readv() (CONFIG_CROSS_MEMORY_ATTACH), or a sandbox around us that forbids it. */
static int read_memory_file(pid_t thread, uint64_t at, void *ret_bytes, size_t size) {
    char path[32];
    CLEANUP(fd_close_at) int fd = -1;

    snprintf(path, sizeof path, "/proc/%d/mem", thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return pread(fd, ret_bytes, size, (off_t)at) == (ssize_t)size ? 0 : -EFAULT;
}

static int read_memory(pid_t thread, uint64_t at, void *ret_bytes, size_t size) {
    const struct iovec here = {.iov_base = ret_bytes, .iov_len = size};
    const struct iovec there = {.iov_base = (void *)(uintptr_t)at, .iov_len = size};
    ssize_t n_read = process_vm_readv(thread, &here, 1, &there, 1, 0);

    if (n_read < 0 && (errno == ENOSYS || errno == EPERM))
        return read_memory_file(thread, at, ret_bytes, size);
    if (n_read < 0)
        return -errno;
    return (size_t)n_read == size ? 0 : -EFAULT;
}

static int read_arguments(const struct seccomp_notif *notification, struct arguments *ret_arguments) {
    const struct seccomp_data *data = &notification->data;
    uint32_t words[3];
    int r;

    if (data->arch != AUDIT_ARCH_I386 || data->nr != I386_SOCKETCALL) {
        *ret_arguments = (struct arguments){(int)data->args[0], data->args[1], (int)data->args[2]};
        return 0;
    }
    r = read_memory((pid_t)notification->pid, data->args[1], words, sizeof words);
    if (r == 0)
        *ret_arguments = (struct arguments){(int)words[0], words[1], (int)words[2]};
    return r;
}

int remap_call_find_process(pid_t thread, pid_t *ret_process) {
    static const char key[] = "\nTgid:";
    char path[32];
    char text[1024];
    const char *at;
    uint64_t process;
    int r;

    snprintf(path, sizeof path, "/proc/%d/status", thread);
    r = proc_read_text(AT_FDCWD, path, text, sizeof text);
    if (r < 0)
        return r;
    at = strstr(text, key); /* a name's line break is written as \n here: nobody can put the key into his own */
    if (at == NULL)
        return -EBADMSG;
    r = proc_parse_number(at + strlen(key), &process);
    if (r == 0)
        *ret_process = (pid_t)process;
    return r;
}

/* The descriptor may be another file in the rest of the process than it is in this thread, if that has unshared its table. */
static int check_same_file(pid_t thread, int fd, int duplicate) {
    char path[48];
    struct stat there;
    struct stat here;

    snprintf(path, sizeof path, "/proc/%d/fd/%d", thread, fd);
    if (stat(path, &there) < 0 || fstat(duplicate, &here) < 0)
        return -errno;
    return there.st_ino == here.st_ino && there.st_dev == here.st_dev ? 0 : -EBADF;
}

static int get_descriptor(pid_t thread, unsigned flags, int fd) {
    CLEANUP(fd_close_at) int pidfd = (int)syscall(SYS_pidfd_open, thread, flags);
    int duplicate;

    if (pidfd < 0)
        return -errno;
    duplicate = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    return duplicate < 0 ? -errno : duplicate;
}

/* By way of the whole process, before Linux 6.9. */
static int duplicate_by_process(pid_t thread, int fd) {
    CLEANUP(fd_close_at) int duplicate = -1;
    pid_t process;
    int r = remap_call_find_process(thread, &process);

    if (r < 0)
        return r;
    duplicate = get_descriptor(process, 0, fd);
    if (duplicate < 0)
        return duplicate;
    r = process == thread ? 0 : check_same_file(thread, fd, duplicate);
    return r < 0 ? r : fd_take(&duplicate);
}

static int duplicate_socket(pid_t thread, int fd) {
    int duplicate = get_descriptor(thread, PIDFD_THREAD, fd);

    return duplicate == -EINVAL ? duplicate_by_process(thread, fd) : duplicate;
}

/* -1: this is no socket, or the kernel does not know the option. */
static int read_option(int socket, int option) {
    int value;
    socklen_t size = sizeof value;

    return getsockopt(socket, SOL_SOCKET, option, &value, &size) < 0 ? -1 : value;
}

static uint64_t read_cookie(int socket, int option) {
    uint64_t value;
    socklen_t size = sizeof value;

    return getsockopt(socket, SOL_SOCKET, option, &value, &size) < 0 ? 0 : value;
}

int remap_call_read_netns(uint64_t *ret_cookie) {
    CLEANUP(fd_close_at) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    *ret_cookie = read_cookie(fd, SO_NETNS_COOKIE);
    return 0;
}

/* Returns the family of a TCP socket over IP, or -1. */
static int tcp_family(int socket) {
    const int family = read_option(socket, SO_DOMAIN);
    const int protocol = read_option(socket, SO_PROTOCOL);

    if (family != AF_INET && family != AF_INET6)
        return -1;
    if (read_option(socket, SO_TYPE) != SOCK_STREAM || (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP))
        return -1;
    return family;
}

/* As the kernel decides it: an AF_UNSPEC for AF_INET is an old mistake that it forgives. */
static bool is_address_of(const struct remap_call *call, int family) {
    if (family == AF_INET)
        return call->address.generic.sa_family == AF_INET || call->address.generic.sa_family == AF_UNSPEC;
    return call->address.generic.sa_family == AF_INET6;
}

/* Also without its scope, which is younger than the rest (RFC 2133), is an IPv6 address one for the kernel. */
static bool is_length_of(int length, int family) {
    const size_t least = family == AF_INET ? sizeof(struct sockaddr_in) : offsetof(struct sockaddr_in6, sin6_scope_id);

    return length >= (int)least && length <= (int)sizeof(struct sockaddr_storage);
}

static uint16_t bound_port(int socket) {
    struct sockaddr_in6 address = {0};
    socklen_t length = sizeof address;

    return getsockname(socket, (struct sockaddr *)&address, &length) < 0 ? 0 : ntohs(address.sin6_port);
}

static int read_call(struct remap_call *call, const struct seccomp_notif *notification, uint64_t netns_cookie) {
    const pid_t thread = (pid_t)notification->pid;
    struct arguments arguments = {.fd = -1};
    int family;
    int r = read_arguments(notification, &arguments);

    if (r < 0)
        return r;
    call->socket = duplicate_socket(thread, arguments.fd);
    if (call->socket < 0)
        return call->socket;
    family = tcp_family(call->socket);
    if (family < 0 || !is_length_of(arguments.length, family))
        return REMAP_CALL_E_OTHER;
    if (netns_cookie != 0 && read_cookie(call->socket, SO_NETNS_COOKIE) != netns_cookie)
        return REMAP_CALL_E_OTHER;
    r = read_memory(thread, arguments.address, &call->address, (size_t)arguments.length);
    if (r < 0)
        return r;
    call->length = (socklen_t)arguments.length;
    call->port = ntohs(call->address.ipv4.sin_port); /* that of IPv6 is at the same place */
    call->cookie = read_cookie(call->socket, SO_COOKIE);
    call->bound = bound_port(call->socket);
    return is_address_of(call, family) ? 0 : REMAP_CALL_E_OTHER;
}

/* What the caller did wrong the kernel tells him best. */
static bool is_callers_fault(int r) {
    return r == -EBADF || r == -EFAULT || r == -ESRCH || r == -ENOENT;
}

int remap_call_init(struct remap_call *ret_call, int fd, const struct seccomp_notif *notification,
                    uint64_t netns_cookie) {
    CLEANUP(remap_call_deinit) struct remap_call call = {.socket = -1};
    int r = read_call(&call, notification, netns_cookie);

    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &notification->id) < 0)
        return errno == ENOENT ? REMAP_CALL_E_GONE : -errno;
    if (r < 0 && is_callers_fault(r))
        r = REMAP_CALL_E_OTHER;
    if (r != 0)
        return r;
    *ret_call = call;
    call.socket = -1;
    return 0;
}

int remap_call_bind(const struct remap_call *call, uint16_t port) {
    struct remap_call other = *call;

    other.address.ipv4.sin_port = htons(port);
    return bind(other.socket, &other.address.generic, other.length) < 0 ? -errno : 0;
}
