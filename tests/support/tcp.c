/*
 * Sockets for tests. Everything here either works or ends the test.
 */
#include "tests/support/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static _Noreturn void give_up(const char *what, const char *text) {
    fprintf(stderr, "This test needs a socket, and %s %s failed: %s.\n", what, text, strerror(errno));
    abort();
}

union tcp_address tcp_make_address(const char *text, uint16_t port) {
    union tcp_address address = {0};
    int is_good;
    if (strchr(text, ':')) {
        address.ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        is_good = inet_pton(AF_INET6, text, &address.ipv6.sin6_addr);
    } else {
        address.ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        is_good = inet_pton(AF_INET, text, &address.ipv4.sin_addr);
    }
    if (!is_good)
        give_up("reading the address", text);
    return address;
}

static int open_socket(const union tcp_address *address) {
    const int fd = socket(address->generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        give_up("opening one", "");
    return fd;
}

int tcp_listen(const char *text, uint16_t port) {
    const union tcp_address address = tcp_make_address(text, port);
    const int fd = open_socket(&address);
    if (bind(fd, &address.generic, sizeof(address)) < 0)
        give_up("binding", text);
    if (listen(fd, 16) < 0)
        give_up("listening on", text);
    return fd;
}

int tcp_connect(const char *text, uint16_t port) {
    const union tcp_address address = tcp_make_address(text, port);
    const int fd = open_socket(&address);
    if (connect(fd, &address.generic, sizeof(address)) < 0)
        give_up("connecting to", text);
    return fd;
}

int tcp_accept(int server) {
    const int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        give_up("accepting", "");
    return fd;
}

uint16_t tcp_port_of(int fd) {
    union tcp_address address = {0};
    socklen_t length = sizeof(address);
    if (getsockname(fd, &address.generic, &length) < 0)
        give_up("asking for its port", "");
    return ntohs(address.generic.sa_family == AF_INET ? address.ipv4.sin_port : address.ipv6.sin6_port);
}

uint32_t tcp_inode_of(int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        give_up("asking for its inode", "");
    return (uint32_t)status.st_ino;
}
