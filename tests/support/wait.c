/* Naps between two looks at a condition. */
#include "tests/support/wait.h"

#include <time.h>

#include "tests/support/fail.h"

#define BOUND_SECONDS 120
#define NAP_NS        3000000

uint64_t wait_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t wait_now_ms(void) {
    return wait_now_ns() / 1000000;
}

struct wait wait_for(const char *what) {
    return wait_at_most(BOUND_SECONDS, what);
}

struct wait wait_at_most(unsigned seconds, const char *what) {
    const uint64_t now_ms = wait_now_ms();
    return (struct wait){.what = what, .begin_ms = now_ms, .end_ms = now_ms + UINT64_C(1000) * seconds};
}

void wait_a_moment(void) {
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

void wait_more(const struct wait *wait) {
    if (wait_now_ms() > wait->end_ms)
        fail_test("%lu s were waited in vain for %s.", (wait->end_ms - wait->begin_ms) / 1000, wait->what);
    wait_a_moment();
}
