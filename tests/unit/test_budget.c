/* Budgets: pure arithmetic, up to its edges. */
#include "probe/budget.h"

#include <criterion/criterion.h>

#define MS_NS INT64_C(1000000)

Test(budget, a_full_one_pays_a_burst_at_once) {
    struct budget budget;
    budget_init(&budget, 1000, 100 * MS_NS, 5000);
    cr_assert_eq(budget_wait_ms(&budget, 5000), 0);
    budget_spend(&budget, 100 * MS_NS, 5000);
    cr_assert_eq(budget_wait_ms(&budget, 5000), 0, "all of it may be spent");
    budget_spend(&budget, 1, 5000);
    cr_assert_gt(budget_wait_ms(&budget, 5000), 0);
}

Test(budget, debt_is_paid_by_its_share) {
    struct budget budget;
    budget_init(&budget, 2500, 0, 0);
    budget_spend(&budget, 5 * MS_NS, 0);
    cr_assert_eq(budget_wait_ms(&budget, 0), 2000, "5 ms at a quarter of a percent");
    cr_assert_eq(budget_wait_ms(&budget, 1500), 500);
    cr_assert_eq(budget_wait_ms(&budget, 1999), 1);
    cr_assert_eq(budget_wait_ms(&budget, 2000), 0);
}

Test(budget, the_wait_is_rounded_up) {
    struct budget budget;
    budget_init(&budget, 1000, 0, 0);
    budget_spend(&budget, 1001, 0);
    cr_assert_eq(budget_wait_ms(&budget, 0), 2);
    cr_assert_eq(budget_wait_ms(&budget, 1), 1);
    cr_assert_eq(budget_wait_ms(&budget, 2), 0);
}

Test(budget, no_more_is_saved_up_than_its_most) {
    struct budget budget;
    budget_init(&budget, 1000, 10 * MS_NS, 0);
    budget_wait_ms(&budget, UINT64_MAX);
    cr_assert_eq(budget.left_ns, 10 * MS_NS);
    budget_spend(&budget, 4 * MS_NS, UINT64_MAX);
    cr_assert_eq(budget.left_ns, 6 * MS_NS);
}

Test(budget, a_steady_load_gets_its_share_and_no_more) {
    struct budget budget;
    budget_init(&budget, 2500, 100 * MS_NS, 0);
    uint64_t now_ms = 0;
    uint64_t spent_ns = 0;
    while (now_ms < 3600000) {
        now_ms += budget_wait_ms(&budget, now_ms);
        budget_spend(&budget, 3 * MS_NS, now_ms);
        spent_ns += 3 * MS_NS;
    }
    const uint64_t share_ns = now_ms * 2500;
    cr_assert_leq(spent_ns, share_ns + 103 * MS_NS);
    cr_assert_geq(spent_ns, share_ns);
}

Test(budget, a_clock_that_stands_still_or_goes_back_adds_nothing) {
    struct budget budget;
    budget_init(&budget, 1000, 0, 1000);
    budget_spend(&budget, 5000, 1000);
    cr_assert_eq(budget_wait_ms(&budget, 1000), 5);
    cr_assert_eq(budget_wait_ms(&budget, 10), 5);
    cr_assert_eq(budget_wait_ms(&budget, 1001), 4, "the time before 1000 counts once");
}

Test(budget, without_a_share_debt_is_for_ever) {
    struct budget budget;
    budget_init(&budget, 0, 5, 0);
    cr_assert_eq(budget_wait_ms(&budget, 0), 0);
    budget_spend(&budget, 6, 0);
    cr_assert_eq(budget_wait_ms(&budget, 1000000), UINT64_MAX);
}

Test(budget, absurd_numbers_overflow_nowhere) {
    struct budget budget;
    budget_init(&budget, UINT64_MAX, UINT64_MAX, 0);
    cr_assert_eq(budget.most_ns, INT64_MAX);
    budget_spend(&budget, UINT64_MAX, 0);
    cr_assert_eq(budget_wait_ms(&budget, 0), 0, "all there was, and not more");
    budget_spend(&budget, UINT64_MAX, 0);
    budget_spend(&budget, UINT64_MAX, 0);
    cr_assert_eq(budget.left_ns, INT64_MIN);
    cr_assert_eq(budget_wait_ms(&budget, 0), 1);
    cr_assert_eq(budget_wait_ms(&budget, UINT64_MAX), 0);
    cr_assert_eq(budget.left_ns, INT64_MAX);
}
