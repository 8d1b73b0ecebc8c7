/*
 * Waiting for a condition, with a bound that no machine is too slow for. No test sleeps in the hope that something will have
 * happened by then:
 *
 *     struct wait wait = wait_for("the lease to end");
 *     while (is_listed(port))
 *         wait_more(&wait);
 */
#ifndef TESTS_SUPPORT_WAIT_H
#define TESTS_SUPPORT_WAIT_H

#include <stdint.h>

struct wait {
    const char *what;
    uint64_t begin_ms;
    uint64_t end_ms;
};

/* Begins to wait. `what` is the end of the sentence "waited in vain for ...". */
struct wait wait_for(const char *what);

/* The same with a bound of its own, for what is promised to happen soon. */
struct wait wait_at_most(unsigned seconds, const char *what);

/* Sleeps a few milliseconds; ends the test when that has gone on for two minutes, or for as long as was said. */
void wait_more(const struct wait *wait);

/* Sleeps so long that a time stamp in milliseconds is surely a later one afterwards. */
void wait_a_moment(void);

/* CLOCK_MONOTONIC. */
uint64_t wait_now_ms(void);
uint64_t wait_now_ns(void);

#endif
