/* Budgets. One millisecond of a share of one millionth is one nanosecond, so nothing is ever rounded away. */
#include "probe/budget.h"

static void fill(struct budget *budget, uint64_t now_ms) {
    if (now_ms <= budget->filled_ms)
        return;
    const uint64_t elapsed_ms = now_ms - budget->filled_ms;
    budget->filled_ms = now_ms;

    /* Unsigned: most_ns is at least left_ns, and the difference of two signed numbers may be no signed number. */
    const uint64_t room_ns = (uint64_t)budget->most_ns - (uint64_t)budget->left_ns;
    uint64_t gained_ns;
    if (__builtin_mul_overflow(elapsed_ms, budget->share_ppm, &gained_ns) || gained_ns >= room_ns)
        budget->left_ns = budget->most_ns;
    else
        budget->left_ns = (int64_t)((uint64_t)budget->left_ns + gained_ns);
}

void budget_init(struct budget *budget, uint64_t share_ppm, uint64_t most_ns, uint64_t now_ms) {
    const int64_t most = most_ns > INT64_MAX ? INT64_MAX : (int64_t)most_ns;
    *budget = (struct budget){.share_ppm = share_ppm, .most_ns = most, .left_ns = most, .filled_ms = now_ms};
}

void budget_spend(struct budget *budget, uint64_t cost_ns, uint64_t now_ms) {
    fill(budget, now_ms);
    const int64_t cost = cost_ns > INT64_MAX ? INT64_MAX : (int64_t)cost_ns;
    if (__builtin_sub_overflow(budget->left_ns, cost, &budget->left_ns))
        budget->left_ns = INT64_MIN;
}

uint64_t budget_wait_ms(struct budget *budget, uint64_t now_ms) {
    fill(budget, now_ms);
    if (budget->left_ns >= 0)
        return 0;
    if (budget->share_ppm == 0)
        return UINT64_MAX;
    const uint64_t debt_ns = -(uint64_t)budget->left_ns;
    return debt_ns / budget->share_ppm + (debt_ns % budget->share_ppm != 0);
}
