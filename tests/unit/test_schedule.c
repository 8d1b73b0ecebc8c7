/* When a reading is due: the period, the budget that stretches it, and what cannot wait. */
#include "probe/schedule.h"

#include <criterion/criterion.h>

#define MS_NS UINT64_C(1000000)

Test(schedule, the_first_one_is_due_at_once) {
    struct schedule schedule;
    schedule_init(&schedule, 2500, 0, 30000, 7000);
    cr_assert_eq(schedule_due_ms(&schedule, 250), 0);
    cr_assert_eq(schedule_alarm_ms(&schedule), 0);
}

Test(schedule, cheap_ones_keep_the_period) {
    struct schedule schedule;
    schedule_init(&schedule, 2500, 0, 30000, 0);
    for (uint64_t now_ms = 1000; now_ms < 100000; now_ms += 250) {
        schedule_spend(&schedule, MS_NS / 10, now_ms);
        cr_assert_eq(schedule_due_ms(&schedule, 250), now_ms + 250);
    }
}

Test(schedule, dear_ones_come_later) {
    struct schedule schedule;
    schedule_init(&schedule, 2500, 0, 30000, 0);
    schedule_spend(&schedule, 5 * MS_NS, 1000);
    cr_assert_eq(schedule_due_ms(&schedule, 250), 3000, "5 ms are a quarter of a percent of two seconds");
    schedule_spend(&schedule, 5 * MS_NS, 3000);
    cr_assert_eq(schedule_due_ms(&schedule, 250), 5000);
}

Test(schedule, what_was_saved_up_keeps_the_period_for_a_while) {
    struct schedule schedule;
    schedule_init(&schedule, 2500, 100 * MS_NS, 30000, 0);
    uint64_t now_ms = 1000;
    for (int i = 0; i < 20; i++) {
        schedule_spend(&schedule, 5 * MS_NS, now_ms);
        cr_assert_eq(schedule_due_ms(&schedule, 100), now_ms + 100);
        now_ms += 100;
    }
    for (int i = 0; i < 20; i++) {
        schedule_spend(&schedule, 5 * MS_NS, now_ms);
        now_ms = schedule_due_ms(&schedule, 100);
    }
    schedule_spend(&schedule, 5 * MS_NS, now_ms);
    cr_assert_eq(schedule_due_ms(&schedule, 100), now_ms + 2000);
}

Test(schedule, debt_holds_nothing_up_beyond_the_most) {
    struct schedule schedule;
    schedule_init(&schedule, 2500, 0, 30000, 0);
    schedule_spend(&schedule, 1000000 * MS_NS, 1000);
    cr_assert_eq(schedule_due_ms(&schedule, 250), 31000);
    cr_assert_eq(schedule_due_ms(&schedule, 3600000), 3601000, "a period of an hour is what somebody asked for");
}

Test(schedule, what_somebody_else_answers_for_moves_the_period_and_costs_nothing) {
    struct schedule schedule;
    schedule_init(&schedule, 2500, 0, 30000, 0);
    schedule_spend(&schedule, 5 * MS_NS, 1000);
    schedule_restart(&schedule, 2900);
    cr_assert_eq(schedule_due_ms(&schedule, 250), 3150);
    schedule_restart(&schedule, 1500);
    cr_assert_eq(schedule_due_ms(&schedule, 250), 3000);
}

Test(schedule, an_alarm_does_not_wait_for_the_budget) {
    struct schedule schedule;
    schedule_init(&schedule, 2500, 0, 30000, 0);
    schedule_spend(&schedule, MS_NS / 20, 1000);
    cr_assert_eq(schedule_alarm_ms(&schedule), 1002);
    schedule_spend(&schedule, 5 * MS_NS, 2000);
    cr_assert_eq(schedule_alarm_ms(&schedule), 2200, "a fortieth of a core");
}

Test(schedule, absurd_numbers_overflow_nowhere) {
    struct schedule schedule;
    schedule_init(&schedule, 0, 0, UINT64_MAX, 0);
    schedule_spend(&schedule, UINT64_MAX, 1000);
    cr_assert_eq(schedule_due_ms(&schedule, UINT64_MAX), UINT64_MAX);
    cr_assert_eq(schedule_due_ms(&schedule, 250), UINT64_MAX, "there is no share that could pay");
    cr_assert_gt(schedule_alarm_ms(&schedule), 1000);
}
