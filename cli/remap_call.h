/*
 * A bind() that the kernel holds for us, read out of the process that made it: which socket, and which address. Internal to
 * remap.c.
 *
 * A held call names its thread by a number, which may be another thread's by the time we look. So everything is opened and
 * copied first, and the kernel is asked last whether the call still waits: while it does, the thread is there.
 */
#ifndef CLI_REMAP_CALL_H
#define CLI_REMAP_CALL_H

#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "probe/fd.h"

struct remap_call {
    int socket;      /* a duplicate of the caller's (the same open file), ours to close; -1: there is none */
    uint64_t cookie; /* of the socket: no other one of this boot has it */
    union {
        struct sockaddr generic;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_storage storage;
    } address;
    socklen_t length; /* of the address, as the caller has it */
    uint16_t port;    /* of the address */
    uint16_t bound;   /* the port that the socket has already; 0: none */
};

/* Sets *ret_cookie to the network namespace that this process is in, or to 0: this kernel (before 5.14) does not tell.
 * Returns 0 or -errno. */
int remap_call_read_netns(uint64_t *ret_cookie);

/*
 * Reads the call of `notification`, which came from the listener `fd`. `netns_cookie` is from remap_call_read_netns().
 * Returns
 *   0                   a call that may be remapped: a TCP socket (MPTCP among them) over IPv4 or IPv6, of this network namespace,
 *                       and an address that has a port; *ret_call is the caller's to remap_call_deinit(),
 *   REMAP_CALL_E_OTHER  anything else, also what the kernel will refuse (a bad descriptor, a bad pointer),
 *   REMAP_CALL_E_GONE   nobody waits for an answer: the caller was killed, or a signal interrupted the call,
 *   -errno              the caller cannot be looked into (-EPERM, -EACCES), or something was wanting here.
 */
#define REMAP_CALL_E_OTHER 1
#define REMAP_CALL_E_GONE  2
int remap_call_init(struct remap_call *ret_call, int fd, const struct seccomp_notif *notification,
                    uint64_t netns_cookie);

/* Closes the duplicate. */
static inline void remap_call_deinit(struct remap_call *call) {
    fd_close_at(&call->socket);
}

/* Binds the duplicate to the call's address, but with `port`: in the name of portctl, and for the caller. Returns 0 or -errno. */
int remap_call_bind(const struct remap_call *call, uint16_t port);

/* The process of a thread. Returns 0 and *ret_process, or -errno. */
int remap_call_find_process(pid_t thread, pid_t *ret_process);

#endif
