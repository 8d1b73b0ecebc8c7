/*
 * The sockets that portd listens on: loopback TCP of both families, and a Unix socket.
 */
#ifndef SRC_HTTP_SOCKETS_H
#define SRC_HTTP_SOCKETS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

/* The longest path of a Unix socket, its NUL included (unix(7)). */
#define SOCKET_PATH_MAX 108

/*
 * Listens on 127.0.0.1 (AF_INET) or ::1 (AF_INET6, IPv6 only). Non-blocking and CLOEXEC; the caller's to close.
 * Returns 0, SOCKET_E_IN_USE, or -errno.
 */
#define SOCKET_E_IN_USE 1
int socket_listen_tcp(int family, uint16_t port, int *ret_fd);

/*
 * Listens on a Unix socket of mode 0600 at `path`, whose directory is made with mode 0700 if it is missing. A socket that is
 * there and that nobody listens on any more is removed first; anything else that is there is left alone.
 * Returns 0; SOCKET_E_IN_USE with the pid of the daemon that listens there in *ret_pid; -ENOTSOCK if something else is in the
 * place; -ENAMETOOLONG; -errno.
 */
int socket_listen_unix(const char *path, int *ret_fd, pid_t *ret_pid);

#endif
