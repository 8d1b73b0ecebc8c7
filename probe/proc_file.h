/*
 * Reading /proc, for those in probe/ who do.
 *
 * A process is read through one descriptor of its folder: the descriptor dies with the process, and never shows another one that
 * got its pid. What is read from a process that has ended fails with -ENOENT or -ESRCH.
 */
#ifndef PROBE_PROC_FILE_H
#define PROBE_PROC_FILE_H

#include <dirent.h>

#include "probe/process.h"

/* Opens the process's folder. Returns the descriptor, the caller's to close, or -errno: -ENOENT if there is no such process, or
 * /proc hides it. */
int proc_open_process(pid_t pid);

/* Opens a folder for reading. Returns 0 and *ret_dir, the caller's to close, or -errno. */
int proc_open_dir(int folder_fd, const char *name, DIR **ret_dir);

/* For CLEANUP(proc_close_dir_at). */
void proc_close_dir_at(DIR **dir);

/* Reads the beginning of a file into `ret_text`, NUL-terminated. An absolute name needs no folder (AT_FDCWD). Returns 0 or -errno. */
int proc_read_text(int folder_fd, const char *name, char *ret_text, size_t size);

/* Reads a file, but at most `max` bytes of it. Returns 0 and *ret_bytes, the caller's to free, with a NUL behind them; -errno. */
int proc_read_all(int folder_fd, const char *name, size_t max, char **ret_bytes, size_t *ret_length);

/* What a link reads. Returns 0 and *ret_path, the caller's to free; -errno. */
int proc_read_link(int folder_fd, const char *name, char **ret_path);

/* True for the name of a folder of /proc that is a process's, and for one in fd/ and task/. */
bool proc_is_number(const char *name);

/* A decimal number after white space. Returns 0, or -EBADMSG: /proc does not read as it should. */
int proc_parse_number(const char *text, uint64_t *ret_number);

/* True if a descriptor or memory was wanting. All other failures are the process's: it has ended, or hides something. */
bool proc_is_scarcity(int r);

/* free() for CLEANUP(proc_free_at). */
void proc_free_at(char **text);

/* What /proc/PID/stat says. */
struct proc_stat {
    char
        name[PROCESS_NAME_MAX]; /* control characters (C0 and DEL) are '?'; other bytes as they are, not always UTF-8 */
    bool is_ending;             /* the thread that began it is ending or has ended; others of it may still run */
    pid_t parent;               /* 0: none, or in another pid namespace; so are the next two */
    pid_t group;
    pid_t session;
    uint64_t start_time;
};

int proc_read_stat(int process_fd, struct proc_stat *ret_stat);

/* A line of /proc/self/mountinfo; the texts are inside of what is read. */
struct proc_mount {
    const char *point;
    const char *type;
    const char *options; /* the file system's own */
};

/* Reads the line at *cursor, writing into it, and moves the cursor behind it. Returns false at the end of the text. */
bool proc_next_mount(char **cursor, struct proc_mount *ret_mount);

/* All of mountinfo, for proc_next_mount(). Returns 0 and *ret_text, the caller's to free; -errno. */
int proc_read_mounts(char **ret_text);

#endif
