/*
 * Who is the server? Whoever listens first on a path or a port could pose as portd and hand out ports that it watches, so
 * portctl asks the kernel whose the server is before it sends a word, and believes its own user, root, and the user
 * "portmanager" of a system-wide portd.
 */
#ifndef CLI_PEER_H
#define CLI_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/patience.h"

#define PEER_SYSTEM_USER "portmanager"

struct peer {
    uid_t uid;
    pid_t pid; /* 0: not known, or not visible from this pid namespace */
};

/*
 * Asks who the server at the other end of `fd` is: SO_PEERCRED on a Unix socket, sock_diag on TCP, where the server is
 * known as soon as it has accepted the connection.
 * Returns 0; PEER_E_UNKNOWN if the kernel knows nobody there (the server has gone); what patience_wait() returns; another
 * -errno.
 */
#define PEER_E_UNKNOWN 1
int peer_identify(int fd, const struct patience *patience, struct peer *ret_peer);

/* True if the process is known to live in another network namespace than we: its ports are not ours. A process that may not be looked into, or
 * has no pid here (0), is not known to. */
bool peer_is_elsewhere(pid_t pid);

/* True for this process's own uid, root and PEER_SYSTEM_USER. */
bool peer_is_trusted(uid_t uid);

#endif
