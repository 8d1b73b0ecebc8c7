/*
 * Parts of run that are being built beside this: stand-ins with their contracts, to be replaced one by one.
 */
#include <stdlib.h>
#include <sys/wait.h>

#include "cli/leftovers.h"
#include "cli/remap.h"

int remap_filter_install(int *ret_fd) {
    (void)ret_fd;
    return REMAP_E_UNSUPPORTED;
}

int remap_new(const struct remap_setup *setup, struct remap **ret_remap) {
    (void)setup;
    (void)ret_remap;
    return REMAP_E_UNSUPPORTED;
}

struct remap *remap_free(struct remap *remap) {
    return remap;
}

int remap_fd(const struct remap *remap) {
    (void)remap;
    return -1;
}

void remap_turn(struct remap *remap) {
    (void)remap;
}

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
