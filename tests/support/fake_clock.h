/*
 * A clock that stands still until a test moves it, so that a TTL of a day costs no time at all and a deadline can be met to
 * the millisecond.
 */
#ifndef TESTS_SUPPORT_FAKE_CLOCK_H
#define TESTS_SUPPORT_FAKE_CLOCK_H

#include "src/base/clock.h"

struct fake_clock {
    struct clock_reading now;
};

/* A clock at some day of 2026, on a machine that has been up for a while. */
struct fake_clock fake_clock_make(void);

/* The clock as the code under test takes it; `clock` must outlive it. */
struct clock fake_clock_get(struct fake_clock *clock);

/* Both clocks go on. A jump of the wall clock alone is clock->now.unix_ms += ... */
void fake_clock_advance(struct fake_clock *clock, uint64_t milliseconds);

#endif
