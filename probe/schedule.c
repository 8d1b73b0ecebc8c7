/* Periods and budgets, laid together. Nothing here looks at a clock. */
#include "probe/schedule.h"

void schedule_init(struct schedule *schedule, uint64_t share_ppm, uint64_t most_ns, uint64_t most_wait_ms,
                   uint64_t now_ms) {
    *schedule = (struct schedule){.most_wait_ms = most_wait_ms};
    budget_init(&schedule->budget, share_ppm, most_ns, now_ms);
}

static uint64_t add(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

void schedule_spend(struct schedule *schedule, uint64_t cost_ns, uint64_t now_ms) {
    budget_spend(&schedule->budget, cost_ns, now_ms);
    schedule->paid_ms = add(now_ms, budget_wait_ms(&schedule->budget, now_ms));
    schedule->cost_ns = cost_ns;
    schedule_restart(schedule, now_ms);
}

void schedule_restart(struct schedule *schedule, uint64_t now_ms) {
    schedule->begun = true;
    schedule->done_ms = now_ms;
}

uint64_t schedule_due_ms(const struct schedule *schedule, uint64_t period_ms) {
    if (!schedule->begun)
        return 0;
    const uint64_t most_ms = add(schedule->done_ms, schedule->most_wait_ms);
    const uint64_t paid_ms = schedule->paid_ms < most_ms ? schedule->paid_ms : most_ms;
    const uint64_t due_ms = add(schedule->done_ms, period_ms);
    return due_ms > paid_ms ? due_ms : paid_ms;
}

uint64_t schedule_alarm_ms(const struct schedule *schedule) {
    if (!schedule->begun)
        return 0;
    return add(schedule->done_ms, schedule->cost_ns / (1000000 / SCHEDULE_ALARM_PART));
}
