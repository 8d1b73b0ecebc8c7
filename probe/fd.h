/*
 * File descriptors that close themselves, and the attribute behind every owned local in this project:
 *
 *     CLEANUP(fd_close_at) int fd = open(...);
 *
 * The lowest header of all: it includes nothing of ours.
 */
#ifndef PROBE_FD_H
#define PROBE_FD_H

#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function), unused))

/* Closes the descriptor that `fd` points to, if there is one (>= 0), and marks it closed. */
static inline void fd_close_at(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Takes the descriptor out of an owned local: the caller owns it from here. */
static inline int fd_take(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}

#endif
