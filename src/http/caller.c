/* Who is at the other end of a connection. */
#include "src/http/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>

#include "probe/fd.h"
#include "probe/sock_diag.h"

/*
 * In a user namespace every uid that is not mapped reads as the overflow uid: strangers, and all of them equal. In the
 * initial one that uid is a user's like any other ("nobody"). user_namespaces(7).
 */
static bool is_unmapped(uid_t uid) {
    static const uid_t overflow_uid = 65534; /* the default of /proc/sys/kernel/overflowuid, which nobody changes */
    CLEANUP(fd_close_at) int fd = -1;
    char map[128];
    ssize_t n_read;
    unsigned long first;
    char *at;

    if (uid != overflow_uid)
        return false;
    fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    n_read = fd >= 0 ? read(fd, map, sizeof map - 1) : -1;
    if (n_read <= 0)
        return true;
    map[n_read] = '\0';
    /* The whole range onto itself: "0 0 4294967295". */
    first = strtoul(map, &at, 10);
    return first != 0 || strtoul(at, &at, 10) != 0 || strtoul(at, &at, 10) != UINT32_MAX;
}

static int find_unix(int fd, struct api_caller *ret_caller) {
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -errno;
    *ret_caller = (struct api_caller){.known = true, .uid = peer.uid};
    return 0;
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
    r = sock_diag_endpoint_init(&local, &other);
    if (r == 0)
        r = sock_diag_endpoint_init(&remote, &own);
    if (r == 0)
        r = sock_diag_find_peer(diag, &local, &remote, &caller.uid, &inode);
    if (r < 0)
        return r;
    caller.known = r == 0;
    *ret_caller = caller;
    return 0;
}

int caller_find(struct sock_diag *diag, int fd, enum api_transport transport, struct api_caller *ret_caller) {
    struct api_caller caller = {0};
    int r = transport == API_UNIX ? find_unix(fd, &caller) : find_tcp(diag, fd, &caller);

    if (r < 0)
        return r;
    if (caller.known && is_unmapped(caller.uid))
        caller.known = false;
    *ret_caller = caller;
    return 0;
}
