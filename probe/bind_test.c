/*
 * The bind test, one socket at a time. It is closed before bind_test() returns, so that no later dump of the kernel's
 * table takes our own socket for somebody's.
 */
#include "probe/bind_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "probe/fd.h"

/* The any-address is all zeros in both families, so only the port has to be filled in. */
union any_address {
    struct sockaddr generic;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static socklen_t fill_any_address(int family, uint16_t port, union any_address *ret_address) {
    *ret_address = (union any_address){0};
    if (family == AF_INET) {
        ret_address->ipv4.sin_family = AF_INET;
        ret_address->ipv4.sin_port = htons(port);
        return sizeof(ret_address->ipv4);
    }
    ret_address->ipv6.sin6_family = AF_INET6;
    ret_address->ipv6.sin6_port = htons(port);
    return sizeof(ret_address->ipv6);
}

/* What bind() and listen() say about the port becomes a named answer; the rest is about this process, not the port. */
static int answer_from_errno(void) {
    switch (errno) {
    case EADDRINUSE:
        return BIND_TEST_E_IN_USE;
    case EACCES:
    case EPERM:
        return BIND_TEST_E_NOT_PERMITTED;
    default:
        return -errno;
    }
}

static int set_option(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int test_family(int family, uint16_t port, enum bind_test_kind kind) {
    CLEANUP(fd_close_at) int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -errno;

    int r = 0;
    if (family == AF_INET6)
        r = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (r == 0 && kind == BIND_TEST_LENIENT)
        r = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r < 0)
        return r;

    union any_address address;
    const socklen_t length = fill_any_address(family, port, &address);
    if (bind(fd, &address.generic, length) < 0)
        return answer_from_errno();
    if (kind == BIND_TEST_LENIENT && listen(fd, 0) < 0)
        return answer_from_errno();
    return 0;
}

int bind_test(uint16_t port, enum bind_test_kind kind) {
    /* Port 0 would pass always and prove nothing. */
    if (port == 0)
        return -EINVAL;

    int r = test_family(AF_INET6, port, kind);
    if (r == -EAFNOSUPPORT)
        r = test_family(AF_INET, port, kind);
    return r;
}
