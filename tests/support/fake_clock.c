/* A clock that a test moves by hand. */
#include "tests/support/fake_clock.h"

struct fake_clock fake_clock_make(void) {
    return (struct fake_clock){.now = {.monotonic_ms = UINT64_C(5000000), .unix_ms = INT64_C(1790000000123)}};
}

static struct clock_reading read_fake(void *context) {
    const struct fake_clock *clock = context;
    return clock->now;
}

struct clock fake_clock_get(struct fake_clock *clock) {
    return (struct clock){.read = read_fake, .context = clock};
}

void fake_clock_advance(struct fake_clock *clock, uint64_t milliseconds) {
    clock->now.monotonic_ms += milliseconds;
    clock->now.unix_ms += (int64_t)milliseconds;
}
