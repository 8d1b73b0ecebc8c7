/*
 * The kernel's TCP socket table over netlink sock_diag (sock_diag(7), linux/inet_diag.h), by way of libmnl.
 *
 * One handle is one netlink socket in the network namespace of the process that made it; it needs no privilege. All
 * calls block until the kernel has answered, which it does at once (16 us for a LISTEN dump of one family on a quiet
 * machine). Ports are host order in every call; only the messages themselves are in network order. Not thread-safe: one
 * thread, one handle.
 */
#ifndef PROBE_SOCK_DIAG_H
#define PROBE_SOCK_DIAG_H

#include <sys/socket.h>

#include "probe/listener.h"

struct sock_diag;

/* Which sockets a dump asks for; add them up. */
enum sock_diag_what {
    SOCK_DIAG_LISTEN = 1 << 0,      /* sockets in LISTEN: cheap */
    SOCK_DIAG_BOUND = 1 << 1,       /* bound and not listening: walks the whole bind table, 0.2 to 0.4 ms */
    SOCK_DIAG_CONNECTIONS = 1 << 2, /* everything else that holds a local port: connections, orphans, TIME_WAIT */
};

/* Opens the netlink socket and asks once whether this kernel reports bound sockets.
 * Returns 0, or -errno (-EPROTONOSUPPORT: a kernel without INET_DIAG). */
int sock_diag_new(struct sock_diag **ret_diag);

/* Closes and frees; NULL is allowed. Returns NULL. */
struct sock_diag *sock_diag_free(struct sock_diag *diag);

/* For CLEANUP(sock_diag_free_at). */
static inline void sock_diag_free_at(struct sock_diag **diag) {
    *diag = sock_diag_free(*diag);
}

/* True if SOCK_DIAG_BOUND finds anything on this kernel (Linux 6.8 and newer). Elsewhere that bit is asked in vain. */
bool sock_diag_sees_bound(const struct sock_diag *diag);

/*
 * Appends to `list` every socket of `what` (a sum of enum sock_diag_what), of both families, IPv4 first; `port` 0 means
 * all ports.
 *
 * A dump that the kernel marks as interrupted (NLM_F_DUMP_INTR), or that overran the receive buffer (ENOBUFS), is asked
 * again a few times. Returns
 *   0                          complete,
 *   SOCK_DIAG_E_INTERRUPTED    still interrupted after the retries: the list may lack sockets, so it proves presence
 *                              and never absence,
 *   -errno                     the list is as it was.
 *
 * Even a complete dump is no picture of one instant: the kernel walks its table of listeners, then that of bound
 * sockets, then the connections, each a bucket at a time, and a socket that changes its state meanwhile can be missed.
 */
#define SOCK_DIAG_E_INTERRUPTED 1
int sock_diag_dump(struct sock_diag *diag, unsigned what, uint16_t port, struct listener_list *list);

/* One end of a TCP connection over IP. IPv4: address as ::ffff:a.b.c.d. */
struct sock_diag_endpoint {
    struct in6_addr address;
    uint16_t port;
};

/* Reads an endpoint from what accept4(), getsockname() or getpeername() gave. Returns 0, or -EAFNOSUPPORT for an address
 * that is neither AF_INET nor AF_INET6. */
int sock_diag_endpoint_init(struct sock_diag_endpoint *ret_endpoint, const struct sockaddr_storage *address);

/*
 * Finds the one socket whose own end is `local` and whose other end is `remote`, and tells its uid and inode: for a
 * loopback connection, who the peer is. For an accepted connection that means local = getpeername(), remote =
 * getsockname().
 *
 * The kernel's look-up falls back to a listener when there is no such connection, and still finds a socket whose
 * process has closed it, with uid 0 and inode 0. So the answer counts only if all four address parts match and the
 * inode is not 0. A uid that this process's user namespace does not map comes as the overflow uid (65534).
 * Returns 0; SOCK_DIAG_E_UNKNOWN if there is no such socket, or nobody has it open; -errno.
 */
#define SOCK_DIAG_E_UNKNOWN 2
int sock_diag_find_peer(struct sock_diag *diag, const struct sock_diag_endpoint *local,
                        const struct sock_diag_endpoint *remote, uid_t *ret_uid, uint32_t *ret_inode);

#endif
