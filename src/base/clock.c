/* The machine's clocks, in milliseconds. */
#include "src/base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_ms(clockid_t id) {
    struct timespec now = {0};

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct clock_reading read_system(void *context) {
    (void)context;
    return (struct clock_reading){
        .monotonic_ms = (uint64_t)read_ms(CLOCK_MONOTONIC),
        .unix_ms = read_ms(CLOCK_REALTIME),
    };
}

struct clock clock_system(void) {
    return (struct clock){.read = read_system, .context = NULL};
}

int64_t clock_offset_follow(struct clock_offset *offset, struct clock_reading now) {
    int64_t exact_ms = now.unix_ms - (int64_t)now.monotonic_ms;
    int64_t wrong_ms = exact_ms - offset->offset_ms;

    if (!offset->known || wrong_ms > CLOCK_OFFSET_SLACK_MS || wrong_ms < -CLOCK_OFFSET_SLACK_MS)
        *offset = (struct clock_offset){.known = true, .offset_ms = exact_ms};
    return offset->offset_ms;
}
