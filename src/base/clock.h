/*
 * The two clocks. What counts is CLOCK_MONOTONIC: it neither jumps nor runs in suspend, so a lease cannot expire because
 * the wall clock was set or the lid was shut. The wall clock is for showing, and for nothing else.
 *
 * A value, so that tests put a clock of their own in its place.
 */
#ifndef SRC_BASE_CLOCK_H
#define SRC_BASE_CLOCK_H

#include <stdbool.h>
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

/* How far the wall clock is ahead of the monotonic one, held still: each is cut to milliseconds for itself, and is read a moment after the other, so that
 * the bare difference flickers. All zero: not known yet. */
struct clock_offset {
    bool known;
    int64_t offset_ms;
};

/* The offset, which follows the clocks only if it is more than CLOCK_OFFSET_SLACK_MS wrong: when the wall clock was set, or after suspend. */
#define CLOCK_OFFSET_SLACK_MS 500
int64_t clock_offset_follow(struct clock_offset *offset, struct clock_reading now);

#endif
