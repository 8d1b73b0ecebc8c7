/*
 * Which of some sockets belong to processes that descend from this one, and to which of them.
 *
 * Read from /proc, and only of those that are below us (descendants.h). What ends meanwhile, or may not be read, has no socket.
 */
#ifndef CLI_OWN_SOCKETS_H
#define CLI_OWN_SOCKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/descendants.h"

struct own_socket {
    uint32_t inode;
    pid_t pid; /* the lowest that has it open; 0: none of ours */
};

/* Fills in the pids. `sockets` are sorted by inode; `bystanders` and what is below them are none of ours (NULL: there are none). A process that was forked or adopted in this very moment can be overlooked: ask
 * again. Returns 0, or -errno (some pids may be filled in). */
int own_sockets_find(struct own_socket *sockets, size_t n_sockets, const struct descendants *bystanders);

#endif
