/*
 * Holders: processes that occupy a port, in every way there is. One table of them, so that the port check alone and the
 * whole daemon are shown the same truths (tests/unit/test_port_check.c and the integration tests).
 */
#ifndef TESTS_SUPPORT_HOLDER_H
#define TESTS_SUPPORT_HOLDER_H

#include "probe/listener.h"

enum holder_kind {
    HOLDER_LISTENS,   /* a server */
    HOLDER_BINDS,     /* a server that has not called listen() yet */
    HOLDER_CONNECTS,  /* a client: the port is its own end's; its server is the same process, on another port */
    HOLDER_SERVES,    /* a server that has closed its listener and goes on with the connection it has */
    HOLDER_TIME_WAIT, /* a server that is gone, and was the first to close */
    HOLDER_ORPHANS,   /* a server that is gone, and whose clients have not closed: FIN_WAIT1 and FIN_WAIT2 */
};

struct holder_spec {
    const char *name; /* "a listener on 127.0.0.1" */
    enum holder_kind kind;
    const char *address;
    uint16_t port;      /* 0: one of the kernel's choice */
    unsigned n_sockets; /* of HOLDER_LISTENS and HOLDER_BINDS, all on the same port; 0 means 1 */
    bool v6only;
    bool reuse_address;
    bool reuse_port;
    uid_t uid; /* whom it becomes before it opens a socket; 0: nobody else. Only root can make such a holder. */

    /* What is true of its port. */
    bool free_for_exact;       /* a server may have it all the same, by a thorough check on a kernel that sees bound */
    bool outlives_its_process; /* holder_close() does not free the port at once */
    enum listener_state state; /* the state of the first piece of evidence */
};

/* The uid of the holder that is "another user's". */
#define HOLDER_OTHER_UID 1234

extern const struct holder_spec holder_specs[];
extern const size_t n_holder_specs;

/* A holder that is there. Its process is called "holder". */
struct holder {
    pid_t pid;
    uid_t uid;
    uint16_t port;
    int line; /* a socket to the process, which ends when the other end is closed */
};

/* Starts a process that holds a port as `spec` says, in this network namespace, and waits until it does. The process
 * ends with the one that made it. Returns 0, or the -errno that the holder met (-EPERM, -EINVAL: it may not become
 * spec->uid). */
int holder_open(const struct holder_spec *spec, struct holder *ret_holder);

/* Ends the process and waits for that: its sockets are closed then. Closing an all-zero holder does nothing. */
void holder_close(struct holder *holder);

#endif
