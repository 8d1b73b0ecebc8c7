/*
 * What a person wants to know about a process: what it is, whose it is, and why it runs. Read once, when a listener's owner is
 * found, by way of a pidfd that then pins it.
 *
 * The texts are what the process says of itself: any bytes but NUL. Who shows them makes them safe for a terminal or a page.
 */
#ifndef PROBE_PROCESS_INFO_H
#define PROBE_PROCESS_INFO_H

#include "probe/process.h"

#define PROCESS_PARENTS_MAX  32
#define PROCESS_COMMAND_MAX  4096 /* its NUL included */
#define PROCESS_VARIABLE_MAX 32

struct process_parent {
    pid_t pid;
    uint64_t start_time; /* as in struct process_id */
    char name[PROCESS_NAME_MAX];
};

struct process_info {
    unsigned n_references;
    struct process_id id;
    int pidfd; /* owned; -1: no descriptor was to spare, see process_info_read() */
    uid_t uid; /* the real one, see process_pin() */
    int64_t started_unix_ms;
    char name[PROCESS_NAME_MAX];
    char *command;    /* see command_line.h: secrets are masked; "" for a kernel thread. Never NULL */
    char *executable; /* NULL: /proc does not show it to us */
    char *directory;  /* where it works; NULL: /proc does not show it to us */
    char *cgroup;     /* its path, see cgroup.h; NULL: not known */
    pid_t session;    /* 0: its leader lives in another pid namespace */
    pid_t group;
    struct process_parent parents[PROCESS_PARENTS_MAX]; /* nearest first, up to init */
    size_t n_parents;
    char variable[PROCESS_VARIABLE_MAX]; /* the environment variable asked for; "": none, longer than this, or hidden */
};

/*
 * Pins `pid` and reads all of it. `variable` names the environment variable whose value is wanted; NULL: none. What cannot be
 * read for want of rights is NULL or empty. A parent counts only if it is not younger than its child.
 *
 * The pidfd is kept only while a quarter of this program's descriptors (RLIMIT_NOFILE) is left for everything else: somebody who
 * starts a thousand processes with one socket must not use them up.
 * Returns 0 and one reference in *ret_info; PROCESS_E_GONE; -EACCES if /proc hides the process (hidepid=); -EMFILE if there was no
 * descriptor even to read with; -errno.
 */
int process_info_read(pid_t pid, const char *variable, struct process_info **ret_info);

/* One more reference; returns `info`. Not atomic: references are counted by one thread at a time. */
struct process_info *process_info_ref(struct process_info *info);

/* Gives a reference back; the last one closes the pidfd and frees all. NULL is allowed; returns NULL. */
struct process_info *process_info_unref(struct process_info *info);

/* For CLEANUP(process_info_unref_at). */
static inline void process_info_unref_at(struct process_info **info) {
    *info = process_info_unref(*info);
}

#endif
