/* Who is at the other end of a connection. */
#include "src/http/caller.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "probe/sock_diag.h"

static int find_unix(int fd, struct api_caller *ret_caller) {
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -errno;
    *ret_caller = (struct api_caller){.known = true, .uid = peer.uid};
    return 0;
}

/* IPv4 becomes ::ffff:a.b.c.d, as the probe has it. */
static int to_endpoint(const struct sockaddr_storage *address, struct sock_diag_endpoint *ret_endpoint) {
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;

        *ret_endpoint = (struct sock_diag_endpoint){.port = ntohs(v4->sin_port)};
        ret_endpoint->address.s6_addr[10] = 0xFF;
        ret_endpoint->address.s6_addr[11] = 0xFF;
        memcpy(&ret_endpoint->address.s6_addr[12], &v4->sin_addr, sizeof v4->sin_addr);
        return 0;
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;

        *ret_endpoint = (struct sock_diag_endpoint){.address = v6->sin6_addr, .port = ntohs(v6->sin6_port)};
        return 0;
    }
    return -EAFNOSUPPORT;
}

static int find_tcp(struct sock_diag *diag, int fd, struct api_caller *ret_caller) {
    struct sockaddr_storage own = {0};
    struct sockaddr_storage other = {0};
    socklen_t own_length = sizeof own;
    socklen_t other_length = sizeof other;
    struct sock_diag_endpoint local;
    struct sock_diag_endpoint remote;
    struct api_caller caller = {0};
    uint32_t inode;
    int r;

    if (getsockname(fd, (struct sockaddr *)&own, &own_length) < 0)
        return -errno;
    if (getpeername(fd, (struct sockaddr *)&other, &other_length) < 0) {
        if (errno != ENOTCONN)
            return -errno;
        *ret_caller = caller; /* it was reset already */
        return 0;
    }
    r = to_endpoint(&other, &local);
    if (r == 0)
        r = to_endpoint(&own, &remote);
    if (r == 0)
        r = sock_diag_find_peer(diag, &local, &remote, &caller.uid, &inode);
    if (r < 0)
        return r;
    caller.known = r == 0;
    *ret_caller = caller;
    return 0;
}

int caller_find(struct sock_diag *diag, int fd, enum api_transport transport, struct api_caller *ret_caller) {
    return transport == API_UNIX ? find_unix(fd, ret_caller) : find_tcp(diag, fd, ret_caller);
}
