/*
 * The end of `run`: what the program has left behind is stopped, or kept, and a person hears of it.
 */
#ifndef CLI_RUN_END_H
#define CLI_RUN_END_H

#include <stdbool.h>

#include "cli/command.h"
#include "cli/descendants.h"
#include "cli/run_watch.h"

/* All borrowed. */
struct run_end {
    const struct invocation *invocation;
    const struct output *output;
    const char *service_name; /* safe to show */
    const struct descendants *bystanders;
    struct run_watch *watch;
};

/*
 * To be called when the program has ended. Returns when nothing is waited for any more: true if its lease is to stay with whoever may still have the
 * port.
 */
bool run_end_leftovers(const struct run_end *end);

#endif
