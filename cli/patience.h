/*
 * Waiting with an end: every wait of the command line's client has a deadline, and can be given up for something that is
 * more urgent (a signal that waits to be forwarded).
 */
#ifndef CLI_PATIENCE_H
#define CLI_PATIENCE_H

#include <stdint.h>

struct patience {
    uint64_t deadline_ms; /* on CLOCK_MONOTONIC */
    int interrupt_fd;     /* readable: give up; -1: there is none */
};

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t patience_now_ms(void);

static inline uint64_t patience_earlier(uint64_t a_ms, uint64_t b_ms) {
    return a_ms < b_ms ? a_ms : b_ms;
}

/* Milliseconds from now until then, for poll(): 0 if it is over. */
int patience_timeout_ms(uint64_t due_ms);

/* Waits until `fd` is ready for `events` (POLLIN, POLLOUT), or broken.
 * Returns 0; -ETIMEDOUT; -EINTR if it was interrupted; another -errno. */
int patience_wait(int fd, short events, const struct patience *patience);

/* Waits so many milliseconds, but not past the deadline. Returns as patience_wait() does. */
int patience_pause(uint64_t milliseconds, const struct patience *patience);

#endif
