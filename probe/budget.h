/*
 * A share of a core. Work that is paid for out of a budget is done at once while the budget lasts, and later when it does not: so a
 * rare burst costs no time, and a steady load never takes more than its share.
 */
#ifndef PROBE_BUDGET_H
#define PROBE_BUDGET_H

#include <stdint.h>

struct budget {
    uint64_t share_ppm; /* millionths of a core */
    int64_t most_ns;    /* what can be saved up */
    int64_t left_ns;    /* below zero: in debt */
    uint64_t filled_ms; /* until when the share has been added */
};

/* A full budget. `now_ms` is monotonic, here and below. */
void budget_init(struct budget *budget, uint64_t share_ppm, uint64_t most_ns, uint64_t now_ms);

/* Takes what some work has cost, in CPU time. */
void budget_spend(struct budget *budget, uint64_t cost_ns, uint64_t now_ms);

/* Milliseconds until the budget is out of debt; 0 if it is; UINT64_MAX if it never will be, for want of a share. */
uint64_t budget_wait_ms(struct budget *budget, uint64_t now_ms);

#endif
