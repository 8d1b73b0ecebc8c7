/*
 * Who descends from this process? For a subreaper that is for ever: what loses its parent is adopted by an ancestor of its own, and that is
 * this process at last. So who was once seen to descend from it, and is still the same process, still does.
 */
#ifndef CLI_DESCENDANTS_H
#define CLI_DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probe/process.h"

/* A process when it was looked at. A plain value. */
struct descendant {
    pid_t pid;
    pid_t parent;
    uint64_t start_time; /* as in struct process_id; 0: /proc hides it */
    bool is_ending;      /* may be a zombie: the thread that began it is ending or has ended */
    char name[PROCESS_NAME_MAX];
};

/* A list that owns its storage. All zero: empty. */
struct descendants {
    /* Borrowed: neither these nor what is below them are found. NULL: nobody is left out. */
    const struct descendants *bystanders;
    struct descendant *items;
    size_t n_items;
    size_t capacity;
};

void descendants_deinit(struct descendants *list);

/*
 * Makes the list anew: parents before their children, nobody twice, zombies among them. Threads are no processes. Who was forked or
 * adopted in the meantime can be missing; the next look finds him. Returns 0;
 *   DESCENDANTS_E_CUT   there are more, and these are the first DESCENDANTS_MAX;
 *   -ENXIO              /proc is not there, or is another pid namespace's: its numbers mean other processes here;
 *   another -errno. On failure the list has those that were found so far.
 */
#define DESCENDANTS_MAX   4096
#define DESCENDANTS_E_CUT 1
int descendants_look(struct descendants *list);

/* The same by a look at every process there is: what descendants_look() does where the kernel has no lists of children
 * (CONFIG_PROC_CHILDREN). */
int descendants_look_everywhere(struct descendants *list);

/* True if this process has children, living or zombies: cheaper than a look. */
bool descendants_has_children(void);

/*
 * Pins the process, and makes sure behind the pidfd that it descends from this one now. Returns 0, *ret_id and *ret_pidfd, the caller's to
 * close; DESCENDANTS_E_GONE if it has ended or does not descend; -EACCES if /proc hides it; -errno.
 */
#define DESCENDANTS_E_GONE 2
int descendants_pin(pid_t pid, int *ret_pidfd, struct process_id *ret_id);

#endif
