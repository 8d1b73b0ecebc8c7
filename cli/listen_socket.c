/*
 * A listening socket. See listen_socket.h.
 */
#include "cli/listen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "probe/fd.h"

static int parse(const char *text, uint16_t port, struct sockaddr_storage *ret_address, socklen_t *ret_length) {
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    *ret_address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
        *(struct sockaddr_in *)ret_address = ipv4;
        *ret_length = sizeof ipv4;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) != 1)
        return -EINVAL;
    *(struct sockaddr_in6 *)ret_address = ipv6;
    *ret_length = sizeof ipv6;
    return 0;
}

int listen_socket_open(const char *address, uint16_t port) {
    static const int yes = 1;
    static const int no = 0;
    struct sockaddr_storage storage;
    socklen_t length;
    CLEANUP(fd_close_at) int fd = -1;
    int r = parse(address, port, &storage, &length);

    if (r < 0)
        return r;
    fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0)
        return -errno;
    if (storage.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&storage, length) < 0 || listen(fd, INT_MAX) < 0)
        return -errno;
    return fd_take(&fd);
}
