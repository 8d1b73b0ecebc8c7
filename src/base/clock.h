/*
 * The two clocks. What counts is CLOCK_MONOTONIC: it neither jumps nor runs in suspend, so a lease cannot expire because
 * the wall clock was set or the lid was shut. The wall clock is for showing, and for nothing else.
 *
 * A value, so that tests put a clock of their own in its place.
 */
#ifndef SRC_BASE_CLOCK_H
#define SRC_BASE_CLOCK_H

#include <stdint.h>

struct clock_reading {
    uint64_t monotonic_ms; /* milliseconds since boot, suspend left out */
    int64_t unix_ms;       /* milliseconds since 1970, UTC */
};

struct clock {
    struct clock_reading (*read)(void *context);
    void *context;
};

/* The machine's clocks. */
struct clock clock_system(void);

static inline struct clock_reading clock_read(const struct clock *clock) {
    return clock->read(clock->context);
}

#endif
