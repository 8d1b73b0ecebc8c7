/*
 * Who is at the other end of a connection, by the kernel's word.
 */
#ifndef SRC_HTTP_CALLER_H
#define SRC_HTTP_CALLER_H

#include <sys/socket.h>

#include "src/api/request.h"

struct sock_diag;

/*
 * Tells whose the other end of `fd` is: by SO_PEERCRED (unix(7)) on a Unix socket, and on loopback TCP by the exact sock_diag
 * look-up of the client's end. To be called right after accept(): a client that has closed by then cannot be named any more,
 * and is then unknown, never root. Returns 0 with *ret_caller filled (known or not), or -errno.
 */
int caller_find(struct sock_diag *diag, int fd, enum api_transport transport, struct api_caller *ret_caller);

#endif
