/*
 * The holders' kin: what descends from a lease's holder, pinned as soon as it is seen. So a server that puts itself into the background, and is
 * somebody else's child from then on, is still known; and a lease whose holder has just ended can wait for it to listen.
 */
#ifndef SRC_LEASE_KIN_H
#define SRC_LEASE_KIN_H

#include "probe/budget.h"
#include "probe/family.h"
#include "src/lease/lease.h"

struct registry;

/* What looking for new processes may cost: a thousandth of a core, and half a second of it at once. */
#define KIN_SHARE_PPM UINT64_C(1000)
#define KIN_BURST_NS  UINT64_C(500000000)

/* A pinned process and a lease that it belongs to. */
struct kin_member {
    pid_t pid;
    uint64_t start_time; /* as in struct process_id */
    struct lease *lease;
    bool is_holder; /* else its kin */
};

/* All of them, by pid. */
struct kin_index {
    struct family family;
    struct budget budget;
    struct kin_member *members;
    size_t n_members;
    bool stale;      /* a lease, a holder or kin has come or gone: to be made anew */
    bool whole_look; /* a process that was there before has become a holder: its children must be found */
};

void kin_deinit(struct kin_index *index);

/* Looks for new descendants and pins them. `now`, or if a lease has lost its last process: whatever the budget says. */
void kin_follow(struct registry *registry, bool now);

/* The members of this pid: the index of the first, and how many. Makes the index anew if it is stale. Pointers are valid until a lease, a
 * holder or kin comes or goes. */
size_t kin_find(struct registry *registry, pid_t pid, const struct kin_member **ret_first);

/* Adds a process to the lease's kin, unless it is already. Best effort: what cannot be pinned is not kin. */
void kin_add(struct registry *registry, struct lease *lease, const struct process_id *id);

#endif
