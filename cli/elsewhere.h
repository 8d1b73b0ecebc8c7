/*
 * "It ignored PORT": looks whether the program of `run` listens on another port than its leased ones, and says so, once, with what
 * the frameworks that people use want to be told instead (framework.h).
 *
 * It looks by itself, in the kernel's socket table and in /proc, and asks nobody: portctl is the ancestor of all that the program starts. A look costs
 * 20 us where nothing is new. It has nothing more to do once something listens on a leased port, whoever that is (a container's proxy is
 * nobody's child), or once it has spoken.
 */
#ifndef CLI_ELSEWHERE_H
#define CLI_ELSEWHERE_H

#include <stddef.h>
#include <stdint.h>

#include "cli/output.h"

struct elsewhere;

struct elsewhere_setup {
    const char *service_name; /* borrowed like the rest, safe to show */
    const uint16_t *ports;    /* the leased ones */
    size_t n_ports;
    char *const *argv; /* the program and its arguments, as the person gave them; NULL last */
    const struct output *output;
};

/* Whatever descends from this process counts as the program. Returns 0 and *ret_elsewhere, or -errno. */
int elsewhere_new(const struct elsewhere_setup *setup, struct elsewhere **ret_elsewhere);

/* NULL is allowed; returns NULL. */
struct elsewhere *elsewhere_free(struct elsewhere *elsewhere);

static inline void elsewhere_free_at(struct elsewhere **elsewhere) {
    *elsewhere = elsewhere_free(*elsewhere);
}

/* When elsewhere_turn() wants to be called, on CLOCK_MONOTONIC (patience_now_ms()); UINT64_MAX: never again. */
uint64_t elsewhere_due_ms(const struct elsewhere *elsewhere);

/* Looks, if it is time, and says what is to be said: within 3 s of the first listen() elsewhere. */
void elsewhere_turn(struct elsewhere *elsewhere);

#endif
