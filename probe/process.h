/*
 * A process, pinned. A pid alone names nothing for long; a pidfd names one process for ever (pidfd_open(2)), and its
 * readability is the event of that process's death.
 *
 * Across a restart of this program the pidfd is gone. What is kept instead is an identity: boot id, pid, start time and
 * the pidfd's inode number (unique for the boot from Linux 6.9). Two identities are the same process only if all of them
 * are equal; pid and start time alone are not enough, because under fast reuse both can repeat.
 */
#ifndef PROBE_PROCESS_H
#define PROBE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_BOOT_ID_MAX 37 /* /proc/sys/kernel/random/boot_id: 36 characters and NUL */

struct process_id {
    pid_t pid;            /* 0: no process */
    uint64_t start_time;  /* clock ticks since boot, field 22 of /proc/PID/stat (proc(5)) */
    uint64_t pidfd_inode; /* 0: this kernel's pidfds have no inode of their own */
};

/* Reads this boot's id into `ret_boot_id` (PROCESS_BOOT_ID_MAX bytes). Returns 0 or -errno. */
int process_read_boot_id(char *ret_boot_id);

/*
 * Pins `pid` and reads who it is: opens the pidfd first, so that the pid cannot pass to another process between the
 * reads, and checks it alive once more at the end.
 *
 * The uid is the process's real one. A socket's uid is its maker's effective one, and in nearly every process the two are
 * the same; where they differ, the real uid is whom kill(2) lets signal it. The effective uid would hand a root daemon
 * that has put on a user's uid for a moment (sshd, a file server) to that user; the real uid hands a user no more than
 * the set-uid program that he started himself. A uid that this process's user namespace does not map is the overflow uid
 * (65534).
 *
 * Returns 0, *ret_pidfd is the caller's to close (CLOEXEC); PROCESS_E_GONE if there is no such process, or only a
 * zombie is left of it, or `pid` names a thread; -EACCES if it lives but /proc hides it (hidepid=); -errno. Any of the
 * ret_ pointers may be NULL.
 */
#define PROCESS_E_GONE 1
int process_pin(pid_t pid, int *ret_pidfd, struct process_id *ret_id, uid_t *ret_uid);

/* Pins the process that `id` was read from, in this boot. Returns 0, *ret_pidfd (may be NULL) is the caller's to close;
 * PROCESS_E_GONE if it has ended (also if its pid is another process's now); -errno. */
int process_pin_again(const struct process_id *id, int *ret_pidfd);

/* Has the whole process ended? Its pidfd is readable from then on, also while a zombie is left. Returns 1, 0 or -errno. */
int process_has_ended(int pidfd);

/* Reads the name and the parent (0: none here) of a process: two short files of the kernel's own, never the process's memory, which its owner can make
 * slow to read. Nothing is pinned. Returns 0, or -errno (-ENOENT, -ESRCH: there is no such process, or it is hidden). */
#define PROCESS_NAME_MAX 16 /* a name as /proc/PID/comm gives it, its NUL included (TASK_COMM_LEN) */
int process_read_parent(pid_t pid, char *ret_name, pid_t *ret_parent);

/* True if all parts are equal and pid is not 0. */
bool process_id_equal(const struct process_id *a, const struct process_id *b);

#endif
