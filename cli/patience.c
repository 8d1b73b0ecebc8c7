/*
 * Waiting with an end. See patience.h.
 */
#include "cli/patience.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

uint64_t patience_now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int patience_timeout_ms(uint64_t due_ms) {
    uint64_t now = patience_now_ms();
    uint64_t left = due_ms > now ? due_ms - now : 0;

    return left > INT_MAX ? INT_MAX : (int)left;
}

/* A signal that is handled (none is, but a debugger makes poll() return too) does not shorten the wait. */
static int wait_until(int fd, short events, uint64_t until_ms, int interrupt_fd) {
    for (;;) {
        struct pollfd fds[] = {{.fd = interrupt_fd, .events = POLLIN}, {.fd = fd, .events = events}};
        int left = patience_timeout_ms(until_ms);
        int n_ready = poll(fds, 2, left);

        if (n_ready < 0 && errno != EINTR)
            return -errno;
        if (n_ready > 0 && fds[0].revents != 0)
            return -EINTR;
        if (n_ready > 0 && fds[1].revents != 0)
            return 0;
        if (n_ready == 0 && left == 0)
            return -ETIMEDOUT;
    }
}

int patience_wait(int fd, short events, const struct patience *patience) {
    return wait_until(fd, events, patience->deadline_ms, patience->interrupt_fd);
}

int patience_pause(uint64_t milliseconds, const struct patience *patience) {
    uint64_t until = patience_now_ms() + milliseconds;
    int r;

    if (until >= patience->deadline_ms)
        return wait_until(-1, 0, patience->deadline_ms, patience->interrupt_fd);
    r = wait_until(-1, 0, until, patience->interrupt_fd);
    return r == -ETIMEDOUT ? 0 : r;
}
