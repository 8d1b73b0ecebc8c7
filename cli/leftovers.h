/*
 * What the program of `run` leaves behind when it has ended: servers that went into the background, watchers, build daemons. portctl is their subreaper, so all of
 * them descend from it. They are stopped: SIGTERM, and SIGKILL for those that do not end; unless they still serve a leased port and are to be kept.
 *
 * Only what descends from this process is ever signalled, behind a pidfd, so that no pid that was used again is hit.
 */
#ifndef CLI_LEFTOVERS_H
#define CLI_LEFTOVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LEFTOVERS_PATIENCE_MS 10000

struct leftovers_setup {
    bool keep;             /* what listens on one of the ports stays, with its ancestors and descendants */
    const uint16_t *ports; /* borrowed */
    size_t n_ports;
    uint64_t patience_ms; /* from SIGTERM to SIGKILL */
};

struct leftovers;

/* Looks for the first time. Returns 0 and *ret_leftovers, or -errno. */
int leftovers_new(const struct leftovers_setup *setup, struct leftovers **ret_leftovers);

/* NULL is allowed; returns NULL. */
struct leftovers *leftovers_free(struct leftovers *leftovers);

static inline void leftovers_free_at(struct leftovers **leftovers) {
    *leftovers = leftovers_free(*leftovers);
}

/* When leftovers_turn() wants to be called, on CLOCK_MONOTONIC, if no SIGCHLD comes before. */
uint64_t leftovers_due_ms(const struct leftovers *leftovers);

/* To be called then, and at each SIGCHLD: reaps what has ended, and takes the next step. */
void leftovers_turn(struct leftovers *leftovers);

/* Somebody does not want to wait (a second Ctrl-C): SIGKILL now, and nothing is waited for that is about to listen. */
void leftovers_hurry(struct leftovers *leftovers);

/* True when there is nothing left to wait for. */
bool leftovers_are_done(const struct leftovers *leftovers);

/* What came of it. */
struct leftovers_outcome {
    size_t n_stopped;    /* that ended by themselves or of SIGTERM, while they were waited for */
    size_t n_killed;     /* that SIGKILL ended */
    size_t n_kept;       /* that still serve */
    size_t n_left;       /* that could not be stopped: another user's */
    pid_t kept_pid;      /* one that listens on a leased port; 0: none */
    char first_name[16]; /* the name of the first that was stopped or killed; "" if there was none. Any bytes but NUL */
    pid_t left_pid;      /* one of those that could not be stopped; 0: none */
};

void leftovers_get_outcome(const struct leftovers *leftovers, struct leftovers_outcome *ret_outcome);

#endif
