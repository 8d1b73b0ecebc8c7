/*
 * The loop of `run`: waits for signals, the program, binds that are to be remapped and what is due, and gives each its turn. Nothing here decides anything
 * but what a signal means.
 */
#ifndef CLI_RUN_WATCH_H
#define CLI_RUN_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/elsewhere.h"
#include "cli/keeper.h"
#include "cli/leftovers.h"
#include "cli/remap.h"
#include "cli/run_child.h"

/* What is looked after. Borrowed. */
struct run_watch {
    struct run_child *child;
    struct keeper *keeper;
    struct remap *remap;         /* NULL: without --remap */
    struct elsewhere *elsewhere; /* NULL: nothing is looked for */
    uint64_t kill_after_ms;      /* 0: a stubborn program is waited for */
    uint64_t kill_due_ms;        /* to be initialised by run_watch_init(), like the next */
    int urgent_fd;
    bool refused; /* the program may not be signalled, which was said */
};

/* Makes the descriptor that interrupts a call to portd when something waits that cannot: a signal, a bind. Returns 0 or -errno. */
int run_watch_init(struct run_watch *watch);
void run_watch_deinit(struct run_watch *watch);

/* Forwards signals, follows stops, and keeps the lease until the program has ended. */
void run_watch_program(struct run_watch *watch);

/* Then: until the leftovers are done. A signal that asks to end hurries them. */
void run_watch_leftovers(struct run_watch *watch, struct leftovers *leftovers);

#endif
