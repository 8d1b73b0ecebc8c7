/*
 * The processes that descend from this one, and what has been done to each: kept from look to look, so that nobody is asked twice, and so that it
 * is known how each came to its end.
 */
#ifndef CLI_LEFTOVER_LIST_H
#define CLI_LEFTOVER_LIST_H

#include <stdbool.h>

#include "cli/descendants.h"

struct leftover {
    struct process_id id; /* by pid alone: /proc hides the rest */
    pid_t parent;         /* at the last look */
    char name[PROCESS_NAME_MAX];
    bool is_foreign; /* the kernel does not let us signal it, or /proc does not let us know it again */
    bool is_asked;   /* was sent SIGTERM */
    bool is_frozen;  /* was sent SIGSTOP */
    bool is_killed;  /* was sent SIGKILL */

    /* Who serves a leased port (cli/serving.h). */
    bool listens;   /* has the socket open, or had it once */
    bool is_branch; /* does, or descends from one that does */
    bool is_stem;   /* is an ancestor of one that does */
};

/* Those that live, parents before their children. All zero: nobody has looked yet. */
struct leftover_list {
    struct leftover *items;
    size_t n_items;
    struct descendants seen;           /* of the last look */
    size_t n_stopped;                  /* that have ended after SIGTERM */
    size_t n_killed;                   /* that have ended after SIGKILL */
    char first_name[PROCESS_NAME_MAX]; /* of the first that was sent one of these; "": none was */
};

void leftover_list_deinit(struct leftover_list *list);

/* Looks once. Returns how many have come or gone since; -errno if not all could be looked at: the list has all that it had and that live, and of
 * the new ones those that could be. */
int leftover_list_look(struct leftover_list *list);

/* Nobody is left: counts all as ended. */
void leftover_list_end(struct leftover_list *list);

/* True if it is neither to be kept nor another user's. */
bool leftover_is_to_stop(const struct leftover *leftover);

/* Send what the name says to all that are to be stopped and did not get it yet (ask: SIGTERM, and SIGCONT for those that are stopped; freeze:
 * SIGSTOP; kill: SIGKILL). Who cannot be signalled is marked. Return how many were sent it. With
 * `spares_readers` who has a pipe for his standard input (and not ours) is not asked yet. */
size_t leftover_list_ask(struct leftover_list *list, bool spares_readers);
size_t leftover_list_freeze(struct leftover_list *list);
size_t leftover_list_kill(struct leftover_list *list);

/* SIGCONT to those that were frozen and then found to be kept. */
void leftover_list_thaw_kept(struct leftover_list *list);

/* How many are to be stopped; of these, how many were not sent SIGKILL yet. */
size_t leftover_list_count_to_stop(const struct leftover_list *list);
size_t leftover_list_count_to_kill(const struct leftover_list *list);

/* True if one that is to be stopped and was not asked yet has a pipe for his standard input. */
bool leftover_list_has_readers(const struct leftover_list *list);

#endif
