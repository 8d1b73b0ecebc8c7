/*
 * The few TCP sockets that a test opens in its own process, by address texts. What cannot be had aborts the test with a
 * sentence. Ports are host order; descriptors are CLOEXEC and the caller's to close.
 */
#ifndef TESTS_SUPPORT_TCP_H
#define TESTS_SUPPORT_TCP_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

/* An address of either family, for bind() and connect() with sizeof(union tcp_address). */
union tcp_address {
    struct sockaddr generic;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_storage storage;
};

/* "127.0.0.1" or "::1", and the port. */
union tcp_address tcp_make_address(const char *text, uint16_t port);

/* A listening socket without any option; port 0: one of the kernel's choice. */
int tcp_listen(const char *text, uint16_t port);

/* A connected socket of the family that `text` has. */
int tcp_connect(const char *text, uint16_t port);

/* Accepts the connection that waits. */
int tcp_accept(int server);

/* The socket's own port; its inode, by which sock_diag knows it. */
uint16_t tcp_port_of(int fd);
uint32_t tcp_inode_of(int fd);

#endif
