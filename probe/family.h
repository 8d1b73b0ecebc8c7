/*
 * Which processes are new, and whose children are they? The kernel tells nobody of a fork without privilege, so /proc is looked at again and
 * again; but only when a pid has been given out since the last look (/proc/loadavg tells the last one), and only what is new is read.
 */
#ifndef PROBE_FAMILY_H
#define PROBE_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct family_process {
    pid_t pid;
    pid_t parent; /* when it was last read */
    bool untold;  /* only while a look goes on */
};

/* The processes there are, by pid. All zero: nobody has looked yet. */
struct family {
    struct family_process *items;
    size_t n_items;
    size_t capacity;
    pid_t last_pid; /* of all that were given out; 0: not known */
};

/* Frees all, and leaves an empty one. */
void family_deinit(struct family *family);

/* True if the process was there at the last look. */
bool family_has(const struct family *family, pid_t pid);

/*
 * Looks again. Calls `born` for each process that is new, and for each whose parent has ended and that has a new one: parents before their children, else
 * lowest pid first.
 * Reads at most FAMILY_READS_MAX processes; what is left over comes with the next look. What has the pid of another one that ended since the last
 * look is not noticed. Returns 0 or -errno (then it is as it was).
 */
#define FAMILY_READS_MAX 4096
int family_look(struct family *family, void (*born)(void *context, pid_t pid, pid_t parent), void *context);

#endif
