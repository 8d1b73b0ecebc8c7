/*
 * The linker takes the program's own definition of a function before a shared library's; RTLD_NEXT finds the library's.
 */
#include "tests/support/netlink_faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUND_BIT (1U << 13)
#define AF_NONE   9 /* AF_X25: surely nobody's handler */

struct netlink_faults netlink_faults;

static void *find_real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) {
        fprintf(stderr, "netlink_faults: no %s behind this one\n", name);
        abort();
    }
    return function;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t length) {
    ssize_t (*real)(const struct mnl_socket *, const void *, size_t) = NULL;
    *(void **)&real = find_real("mnl_socket_sendto");

    netlink_faults.n_requests++;
    _Alignas(struct nlmsghdr) char copy[256];
    if (length > sizeof(copy))
        return real(socket, request, length);
    memcpy(copy, request, length);
    struct inet_diag_req_v2 *payload = mnl_nlmsg_get_payload((struct nlmsghdr *)copy);
    if (netlink_faults.before_request)
        netlink_faults.before_request(payload->idiag_states);
    if (netlink_faults.no_bound)
        payload->idiag_states &= ~BOUND_BIT;
    if (netlink_faults.no_ipv6 && payload->sdiag_family == AF_INET6)
        payload->sdiag_family = AF_NONE;
    return real(socket, copy, length);
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size) {
    ssize_t (*real)(const struct mnl_socket *, void *, size_t) = NULL;
    *(void **)&real = find_real("mnl_socket_recvfrom");

    if (netlink_faults.n_good_first > 0) {
        netlink_faults.n_good_first--;
    } else if (netlink_faults.n_failing > 0) {
        netlink_faults.n_failing--;
        errno = netlink_faults.failing_errno;
        return -1;
    }
    const ssize_t n_received = real(socket, buffer, size);
    if (n_received < (ssize_t)sizeof(struct nlmsghdr))
        return n_received;

    struct nlmsghdr *first_one = buffer;
    if (netlink_faults.n_interrupted > 0) {
        netlink_faults.n_interrupted--;
        first_one->nlmsg_flags |= NLM_F_DUMP_INTR;
    }
    if (netlink_faults.spoil)
        netlink_faults.spoil(first_one);
    return n_received;
}
