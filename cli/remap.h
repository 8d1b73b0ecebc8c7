/*
 * run --remap: for programs that hard-code their port. A bind() of that port by the program, or by anything that descends from
 * it, lands on the leased port instead: the kernel holds the call (seccomp user notification, seccomp_unotify(2)), portctl takes
 * a duplicate of the very socket (pidfd_getfd(2)) and binds that, and the call returns what portctl got. Nothing is changed in
 * the program, no privilege is needed, and a statically linked program is no different.
 *
 * What passes by, and is documented to: connect(), getsockname() (it tells the real port, so a program that compares the two
 * gives up: the workers of node's cluster do), binds through io_uring, UDP, sockets of another network namespace, programs that
 * nobody may look into (ptrace(2): not dumpable; said once for each).
 *
 * This is a convenience and no barrier: a program that wants the port that it names can have it.
 */
#ifndef CLI_REMAP_H
#define CLI_REMAP_H

#include <stdint.h>

#include "cli/output.h"

/* It cannot be done here: an older kernel than Linux 5.6, one without CONFIG_SECCOMP_FILTER, or a sandbox around us that forbids
 * a part of it (a container without CAP_SYS_PTRACE may forbid pidfd_getfd). */
#define REMAP_E_UNSUPPORTED 1
/* Somebody supervises our calls already: another `run --remap`, or a container's manager. */
#define REMAP_E_NESTED 2

/*
 * In the child, before it becomes the program: lets bind() of this thread and of all that descends from it wait for whoever has
 * *ret_fd, which is the caller's (CLOEXEC). Sets no_new_privs, which cannot be taken back: setuid programs have no effect any
 * more. Nothing else changes; where it is unsupported, nothing at all.
 * Returns 0, REMAP_E_UNSUPPORTED, REMAP_E_NESTED or -errno.
 */
int remap_filter_install(int *ret_fd);

struct remap;

struct remap_setup {
    int fd;                   /* from remap_filter_install(); taken over, also on failure */
    uint16_t fixed;           /* the port that the program hard-codes; 0: whichever it binds (--remap auto) */
    uint16_t leased;          /* where its binds land; with auto: those of the first port that it binds */
    const char *service_name; /* borrowed, safe to show */
    const struct output *output;
    /* With auto: leases one more port, for a further fixed one. Returns 0 and *ret_leased, or another number when it has said on
     * standard error why not: then this port is not asked for again, and its binds go on as they are. It must leave the remap alone. */
    int (*lease)(void *context, uint16_t fixed, uint16_t *ret_leased);
    void *context;
};

/* Sockets of the network namespace that the caller is in now are those that are remapped. Returns 0 and *ret_remap, or -errno. */
int remap_new(const struct remap_setup *setup, struct remap **ret_remap);

/* Closes the descriptor: binds that wait, and later ones, fail with ENOSYS. NULL is allowed; returns NULL. */
struct remap *remap_free(struct remap *remap);

static inline void remap_free_at(struct remap **remap) {
    *remap = remap_free(*remap);
}

/* Readable when a bind waits; -1 once nobody is left who could bind. poll() tells that end by POLLHUP: remap_turn() then. */
int remap_fd(const struct remap *remap);

/* Answers those that wait, some dozens at most: remap_fd() stays readable if there are more. To be called for any event that
 * poll() reports. Never blocks for longer than `lease` does. */
void remap_turn(struct remap *remap);

#endif
