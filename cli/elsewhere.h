/*
 * "It ignored PORT": looks whether the program of `run` listens on another port than its leased ones, and says so, once, with what
 * the frameworks that people use want to be told instead (framework.h).
 *
 * It looks by itself, in the kernel's socket table and in /proc, and asks nobody: portctl is the ancestor of all that the program starts.
 * It has nothing more to do once something listens on a leased port, whoever that is (a container's proxy is nobody's child), or once it has
 * spoken. Until then it looks at the socket table twice a second, and at processes only when a new listener has lasted for as long as the
 * sentence may be put off: so a program that opens another port of its own first, and its leased one a moment later, is not told on.
 *
 * Not told on, either: what listened before the program began; a port of the kernel's ephemeral range, which nobody chose; a
 * debugger's (framework_is_side_port()); and what is not in this network namespace.
 */
#ifndef CLI_ELSEWHERE_H
#define CLI_ELSEWHERE_H

#include <stddef.h>
#include <stdint.h>

#include "cli/descendants.h"
#include "cli/output.h"

/* The sentence is said so long after the last look that did not find the listener yet: 3 s are promised, the rest is for a machine that is slow. */
#define ELSEWHERE_PATIENCE_MS 2700

/* From one look to the next. Longer the more a look costs, for a share of a core of 0.2% at most; but never longer than the second. */
#define ELSEWHERE_INTERVAL_MS      500
#define ELSEWHERE_INTERVAL_MOST_MS 1500

struct elsewhere;

struct elsewhere_setup {
    const char *service_name; /* safe to show. Borrowed like the rest */
    const uint16_t *ports;    /* the leased ones */
    size_t n_ports;
    char *const *argv; /* the program and its arguments, as the person gave them; NULL last */
    const struct output *output;
    const struct descendants *bystanders; /* who was there before the program, and is none of it; NULL: nobody */
};

/* Whatever descends from this process counts as the program. To be called before the program begins: what listens now is none of its.
 * Returns 0 and *ret_elsewhere, or -errno. */
int elsewhere_new(const struct elsewhere_setup *setup, struct elsewhere **ret_elsewhere);

/* NULL is allowed; returns NULL. */
struct elsewhere *elsewhere_free(struct elsewhere *elsewhere);

/* For CLEANUP(elsewhere_free_at). */
static inline void elsewhere_free_at(struct elsewhere **elsewhere) {
    *elsewhere = elsewhere_free(*elsewhere);
}

/* When elsewhere_turn() wants to be called, on CLOCK_MONOTONIC (patience_now_ms()); UINT64_MAX: never again. */
uint64_t elsewhere_due_ms(const struct elsewhere *elsewhere);

/* Looks, if it is time, and says what is to be said: within 3 s of the first listen() elsewhere. */
void elsewhere_turn(struct elsewhere *elsewhere, uint64_t now_ms);

#endif
