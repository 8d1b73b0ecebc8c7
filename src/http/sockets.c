/* The sockets that portd listens on. */
#include "src/http/sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe/fd.h"
#include "src/base/directory.h"

#define BACKLOG 512

int socket_listen_tcp(int family, uint16_t port, int *ret_fd) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr *address = family == AF_INET ? (const void *)&v4 : (const void *)&v6;
    socklen_t length = family == AF_INET ? sizeof v4 : sizeof v6;
    CLEANUP(fd_close_at) int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        return -errno;
    /* SO_REUSEADDR: a restart must not wait for the TIME_WAIT of the daemon before. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0)
        return -errno;
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
        return -errno;
    if (bind(fd, address, length) < 0 || listen(fd, BACKLOG) < 0)
        return errno == EADDRINUSE ? SOCKET_E_IN_USE : -errno;
    *ret_fd = fd_take(&fd);
    return 0;
}

/* Is anyone listening at this path? Returns 0 if not, SOCKET_E_IN_USE with his pid, or -errno. */
static int find_listener(const struct sockaddr_un *address, pid_t *ret_pid) {
    CLEANUP(fd_close_at) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct ucred peer = {0};
    socklen_t length = sizeof peer;

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
        if (errno == ECONNREFUSED || errno == ENOENT)
            return 0;
        if (errno != EAGAIN) /* EAGAIN: his backlog is full, so he is there */
            return -errno;
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        return -errno;
    }
    *ret_pid = peer.pid;
    return SOCKET_E_IN_USE;
}

/* Removes a socket that a daemon left behind when it was killed, and nothing else. */
static int clear_path(const struct sockaddr_un *address, pid_t *ret_pid) {
    struct stat there;
    int r;

    if (lstat(address->sun_path, &there) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(there.st_mode))
        return -ENOTSOCK;
    r = find_listener(address, ret_pid);
    if (r == 0 && unlink(address->sun_path) < 0 && errno != ENOENT)
        r = -errno;
    return r;
}

int socket_listen_unix(const char *path, int *ret_fd, pid_t *ret_pid) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP(fd_close_at) int fd = -1;
    mode_t before;
    int r;

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    r = directory_make_parents(path);
    if (r == 0)
        r = clear_path(&address, ret_pid);
    if (r != 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* The mode must be right from the first moment, so it cannot wait for a chmod(). */
    before = umask(0177);
    r = bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
    umask(before);
    if (r == 0 && listen(fd, BACKLOG) < 0)
        r = -errno;
    if (r < 0)
        return r == -EADDRINUSE ? SOCKET_E_IN_USE : r;
    *ret_fd = fd_take(&fd);
    return 0;
}
