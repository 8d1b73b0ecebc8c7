/*
 * What the program of `run` leaves behind when it has ended: servers that went into the background, watchers, build daemons. portctl is their
 * subreaper, so all of them descend from it. They are stopped: SIGTERM, and SIGKILL for those that do not end; unless they serve a port on which
 * they are to be kept.
 *
 * Only what descends from this process is ever signalled, behind a pidfd, so that no pid that was used again is hit. This process must be a
 * subreaper (PR_SET_CHILD_SUBREAPER) with SIGCHLD at its default, and have no child whose status somebody else waits for: all that end are
 * reaped here. What is still there can be waited for in a loop:
 *
 *     while (!leftovers_are_done(leftovers)) {
 *         wait for SIGCHLD, until leftovers_due_ms(leftovers);
 *         leftovers_turn(leftovers);
 *     }
 *
 *                                nobody is left
 *        ┌──────────────────┬──────────────────┬─────────────────┬──────────────┐
 *        │                  │                  │                 │              v
 *     LISTEN ───────────> GRACE ───────────> STOP ───────────> KILL ─────────> DONE
 *     waits: until each   what ends by       SIGTERM (readers  SIGSTOP, then    ^
 *     port is served      itself, ends       later);           SIGKILL          │
 *        │                                   patience_ms                        │
 *        └──────────────────┴─ only others' and kept ones ──────────────────────┘
 */
#ifndef CLI_LEFTOVERS_H
#define CLI_LEFTOVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/descendants.h"

#define LEFTOVERS_PATIENCE_MS 10000

/* How long a server may take to its listen(), with `waits`. */
#define LEFTOVERS_LISTEN_MS 10000

/* What may end by itself has a moment for it. */
#define LEFTOVERS_GRACE_MS 1000

/* Who reads what the program wrote (tee, sort, an upload behind `exec > >(...)`) sees the end of his input only now, and has his work before him. Whoever
 * has a pipe for his standard input is taken for one. */
#define LEFTOVERS_READ_MS 10000

/* What SIGKILL has not ended by then (it waits for a disk, or forks faster than it can be found) is left. */
#define LEFTOVERS_KILL_MS 5000

struct leftovers_setup {
    /* What listens on one of these stays, with its ancestors and descendants. Host order; borrowed until leftovers_free(). */
    const uint16_t *ports;
    size_t n_ports;
    /* Who is not yet there is waited for: until there is a listener on each port, anybody's, or LEFTOVERS_LISTEN_MS are over. */
    bool waits;
    uint64_t patience_ms; /* from SIGTERM to SIGKILL */
    /* Who was there before the program: they are none of it, and are left alone with all that is below them. Borrowed like the ports; NULL or
     * empty: nobody was. */
    const struct descendants *bystanders;
};

struct leftovers;

/* Takes the first turn: without a descendant, that is all there is to do. Returns 0 and *ret_leftovers, the caller's to free, or -ENOMEM. */
int leftovers_new(const struct leftovers_setup *setup, struct leftovers **ret_leftovers);

/* Those that are kept, or were not waited for, go on. NULL is allowed; returns NULL. */
struct leftovers *leftovers_free(struct leftovers *leftovers);

/* For CLEANUP(leftovers_free_at). */
static inline void leftovers_free_at(struct leftovers **leftovers) {
    *leftovers = leftovers_free(*leftovers);
}

/* When leftovers_turn() wants to be called, on CLOCK_MONOTONIC (patience_now_ms()), if no SIGCHLD comes before. UINT64_MAX when it is done. */
uint64_t leftovers_due_ms(const struct leftovers *leftovers);

/* To be called then, and at each SIGCHLD: reaps what has ended, and takes the next step. Does not block; its work is bounded. */
void leftovers_turn(struct leftovers *leftovers);

/* Somebody does not want to wait (a second Ctrl-C): SIGKILL now, and nothing is waited for that is about to listen. Who serves is still kept. */
void leftovers_hurry(struct leftovers *leftovers);

/* True when there is nothing left to wait for. */
bool leftovers_are_done(const struct leftovers *leftovers);

/* What came of it; before it is done, what has come of it so far. */
struct leftovers_outcome {
    size_t n_stopped; /* that ended after SIGTERM. Who ended before he was sent it counts nowhere */
    size_t n_killed;  /* that ended after SIGKILL */
    size_t n_kept;    /* that serve: listeners, their ancestors and descendants */
    /* That live and are not kept: another user's, or what SIGKILL did not end. At least 1 if there is one that is not seen. */
    size_t n_left;
    pid_t kept_pid; /* one that listens on a leased port, or may (another user's); 0: none */
    /* The name of the first that was sent a signal, the topmost; "" if none was stopped or killed. May be any bytes. */
    char first_name[16];
    pid_t left_pid; /* one of n_left; 0: none, or it is not seen */
};

void leftovers_get_outcome(const struct leftovers *leftovers, struct leftovers_outcome *ret_outcome);

#endif
