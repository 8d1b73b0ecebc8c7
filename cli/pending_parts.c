/*
 * Parts of run that are being built beside this: stand-ins with their contracts, to be replaced one by one.
 */
#include <stdlib.h>
#include <sys/wait.h>

#include "cli/leftovers.h"

int leftovers_new(const struct leftovers_setup *setup, struct leftovers **ret_leftovers) {
    (void)setup;
    *ret_leftovers = NULL;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    return 0;
}

struct leftovers *leftovers_free(struct leftovers *leftovers) {
    return leftovers;
}

uint64_t leftovers_due_ms(const struct leftovers *leftovers) {
    (void)leftovers;
    return UINT64_MAX;
}

void leftovers_turn(struct leftovers *leftovers) {
    (void)leftovers;
}

void leftovers_hurry(struct leftovers *leftovers) {
    (void)leftovers;
}

bool leftovers_are_done(const struct leftovers *leftovers) {
    (void)leftovers;
    return true;
}

void leftovers_get_outcome(const struct leftovers *leftovers, struct leftovers_outcome *ret_outcome) {
    (void)leftovers;
    *ret_outcome = (struct leftovers_outcome){.n_kept = 1};
}
