/*
 * run --listen: a listening socket on the leased port, which the program gets open.
 */
#ifndef CLI_LISTEN_SOCKET_H
#define CLI_LISTEN_SOCKET_H

#include <stdint.h>

/*
 * Listens on `address` (IPv4 or IPv6, as text) and the port: SO_REUSEADDR, blocking, the longest queue; `::` takes IPv4, too. These are a systemd
 * socket unit's defaults (systemd.socket(5)).
 * Returns the descriptor, the caller's (CLOEXEC), or -errno: -EADDRINUSE, -EADDRNOTAVAIL, -EAFNOSUPPORT.
 */
int listen_socket_open(const char *address, uint16_t port);

#endif
