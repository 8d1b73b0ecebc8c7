/*
 * The sockets that one process has open, as the links in its /proc/PID/fd tell.
 */
#ifndef PROBE_PROCESS_SOCKETS_H
#define PROBE_PROCESS_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*process_sockets_function)(void *context, uint32_t inode);

/*
 * Calls `found` for each socket of the process whose folder in /proc is `process_fd`. Reads at most *n_fds_left descriptors, and takes
 * those that it has read from them. `is_own`: the process is of our own user. A process that has ended has none.
 * Returns 0; PROCESS_SOCKETS_E_HIDDEN if they may not be read; PROCESS_SOCKETS_E_CUT if there were more; -errno (-EMFILE, -ENFILE,
 * -ENOMEM).
 */
#define PROCESS_SOCKETS_E_HIDDEN 1
#define PROCESS_SOCKETS_E_CUT    2
int process_sockets_read(int process_fd, bool is_own, size_t *n_fds_left, process_sockets_function found,
                         void *context);

#endif
