/*
 * Whose sockets are these? The kernel's table knows inodes and no processes, so the only way is to read which descriptors the
 * processes have (/proc/PID/fd). One walk looks for many sockets at once.
 *
 * Slow: about a microsecond a descriptor. It is for a worker thread, and for the one look at a start.
 */
#ifndef PROBE_OWNER_WALK_H
#define PROBE_OWNER_WALK_H

#include "probe/process_info.h"

struct owner_wanted {
    uint32_t inode;
    uid_t uid;          /* the socket's */
    uint64_t cgroup_id; /* the socket's; 0: not known */
    uint16_t port;      /* the socket's, by which its forwarder may be known; 0: not known */
};

/* Why a socket has no owner here, or may have more than are named. */
enum owner_hidden {
    OWNER_SEEN,          /* nothing is hidden */
    OWNER_OF_OTHER_USER, /* processes of other users could not be read: needs root, or CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH */
    OWNER_NOT_DUMPABLE, /* processes of our own user could not be read: they are not dumpable (prctl(2), set-uid programs) */
    OWNER_BY_HIDEPID, /* /proc is mounted with hidepid=: other users' processes are not there at all */
    OWNER_ELSEWHERE,  /* every process was read, and none has it: it is in another pid namespace, or the kernel's own */
    OWNER_TOO_MANY,   /* the walk's bound was reached before all processes were read */
};

/* So many owners of a socket are named. Somebody can have a thousand processes that share a thousand sockets, and each pair would be kept,
 * shown and compared. Which of a server's workers are named makes no difference: all have the same parents. */
#define OWNERS_MAX 64

/* What was found about one wanted socket. */
struct owner_answer {
    uint32_t inode;
    struct process_info **owners; /* references, lowest pid first; owned; at most OWNERS_MAX */
    size_t n_owners;
    enum owner_hidden hidden; /* OWNER_SEEN if there is an owner */
    struct process_info *
        forwarder; /* no owner, and the socket is root's: the docker-proxy that says it has this port; a reference; NULL: none */
    char *cgroup; /* the path of cgroup_id, looked up only where there is no owner; NULL: not known */
};

struct owner_result {
    struct owner_answer *answers; /* one for each wanted socket, in their order */
    size_t n_answers;
    uint64_t cpu_ns; /* what the walk has cost its thread */
};

/* Frees all, and gives the references back. */
void owner_result_deinit(struct owner_result *result);

/*
 * Looks for the owners of all `wanted`. First every process of the sockets' own uids is read, and the children of the owners
 * found (a server's workers may run as another user); only if a socket has no owner then, all others. Processes that vanish
 * meanwhile are passed over. Reads at most `max_fds` descriptors. `variable`: see process_info_read().
 * Returns 0 and fills *ret_result, or -errno (-EMFILE, -ENOMEM: nothing is filled).
 */
int owner_walk(const struct owner_wanted *wanted, size_t n_wanted, const char *variable, size_t max_fds,
               struct owner_result *ret_result);

/* True if the process has the socket of `inode` open now, among its first `max_fds` descriptors. False also if they cannot be read, or are
 * more: *ret_readable tells (may be NULL). */
bool owner_has_socket(pid_t pid, uint32_t inode, size_t max_fds, bool *ret_readable);

/* The word of the API for a reason ("other-user"), and for a person: why the owner is hidden ("portd may not look into processes of
 * other users") and what would show it ("run portd as root, ..."); "" where there is nothing to say. Static. */
const char *owner_hidden_name(enum owner_hidden hidden);
const char *owner_hidden_reason(enum owner_hidden hidden);
const char *owner_hidden_remedy(enum owner_hidden hidden);

#endif
