/* Naps between two looks at a condition. */
#include "tests/support/wait.h"

#include <time.h>

#include "tests/support/fail.h"

#define BOUND_MS UINT64_C(120000)
#define NAP_NS   3000000

uint64_t wait_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t wait_now_ms(void) {
    return wait_now_ns() / 1000000;
}

struct wait wait_for(const char *what) {
    return (struct wait){.what = what, .end_ms = wait_now_ms() + BOUND_MS};
}

void wait_a_moment(void) {
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

void wait_more(const struct wait *wait) {
    if (wait_now_ms() > wait->end_ms)
        fail_test("Two minutes were waited in vain for %s.", wait->what);
    wait_a_moment();
}
