/*
 * When one kind of reading is due: a period after the last one, and later where its share of a core would not allow that.
 * Times are monotonic milliseconds. Internal to probe/.
 */
#ifndef PROBE_SCHEDULE_H
#define PROBE_SCHEDULE_H

#include <stdbool.h>

#include "probe/budget.h"

struct schedule {
    struct budget budget;
    uint64_t most_wait_ms; /* debt holds nothing up for longer */
    bool begun;            /* there was a reading */
    uint64_t done_ms;      /* when the last one was */
    uint64_t paid_ms;      /* when the budget is out of debt */
    uint64_t cost_ns;      /* what the last one cost */
};

/* A storm of alarms has at most one part in so many of a core. */
#define SCHEDULE_ALARM_PART UINT64_C(40)

/* The budget is that of budget_init(). */
void schedule_init(struct schedule *schedule, uint64_t share_ppm, uint64_t most_ns, uint64_t most_wait_ms,
                   uint64_t now_ms);

/* A reading of our own accord is done, and has cost so much CPU time. */
void schedule_spend(struct schedule *schedule, uint64_t cost_ns, uint64_t now_ms);

/* A reading that somebody else asked for, and answers for, is done: the next period begins with it. */
void schedule_restart(struct schedule *schedule, uint64_t now_ms);

/* When the next one is due. The first is due at once (0). */
uint64_t schedule_due_ms(const struct schedule *schedule, uint64_t period_ms);

/* When the next one is due if something has happened that cannot wait for the period. The budget does not hold it up, though it
 * pays for it. */
uint64_t schedule_alarm_ms(const struct schedule *schedule);

#endif
