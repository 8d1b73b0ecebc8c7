/*
 * A kernel's socket table that a test fills: the prober that the allocator asks, and the source of listeners that the
 * registry reads. Nothing is opened, so every port of 1..65535 can be had in every state.
 */
#ifndef TESTS_SUPPORT_FAKE_KERNEL_H
#define TESTS_SUPPORT_FAKE_KERNEL_H

#include "src/lease/allocator.h"
#include "src/lease/registry.h"

struct fake_kernel {
    struct listener_list listeners; /* who listens; see fake_kernel_listen() */
    struct snapshot snapshot;       /* of that, at the last reading */
    bool asleep; /* there is no background probe: the snapshot is only as new as the last reading that was asked for */
    uint32_t last_inode;
    struct port_set busy;          /* taken, and nobody knows by whom */
    struct port_set remains;       /* TIME_WAIT: taken for a quick check, free for a thorough one */
    struct port_set not_permitted; /* this process may not bind it */
    int check_error;               /* not 0: every check answers this */
    int read_answer;               /* what every reading of the listeners answers: 0, SOCK_DIAG_E_INTERRUPTED, -errno */

    bool unresolved; /* nobody looks for the owners of what is new */

    struct port_set asked; /* the ports that were checked */
    unsigned n_checks;
    unsigned n_thorough; /* of them */
    unsigned n_reads;    /* readings of the listeners */

    struct fake_ownership *ownerships;
    size_t n_ownerships;
};

/* An empty table. */
void fake_kernel_init(struct fake_kernel *kernel);
void fake_kernel_deinit(struct fake_kernel *kernel);

/* A listener on 127.0.0.1, whose owner is hidden. A port can have several. */
void fake_kernel_listen(struct fake_kernel *kernel, uint16_t port, uid_t uid);

/* The socket that the last call of fake_kernel_listen() made is the process's, from the next reading on. The reference stays the
 * caller's. */
void fake_kernel_own(struct fake_kernel *kernel, struct process_info *owner);

/* All listeners of the port close. */
void fake_kernel_close(struct fake_kernel *kernel, uint16_t port);

/* Forgets what was asked. */
void fake_kernel_forget(struct fake_kernel *kernel);

struct port_prober fake_kernel_prober(struct fake_kernel *kernel);
struct snapshot_source fake_kernel_source(struct fake_kernel *kernel);

#endif
