/*
 * What wait waits for: which leases are meant, and how far they are. It is asked again whenever something has changed.
 */
#ifndef CLI_WAIT_TARGET_H
#define CLI_WAIT_TARGET_H

#include "cli/command.h"
#include "cli/selection.h"
#include "cli/service_word.h"

struct wait_target {
    const struct scope *scope;
    const char *word;         /* as it was written */
    struct service_word name; /* what the word says, if it is no port */
    uint16_t port;            /* 0: the word is a name */
    bool gone;                /* what is waited for */
    bool every;               /* all ports of the name, and not only the one that it is opened by */
    bool fixed;               /* the next two are */
    int class;                /* of scope_match() */
    bool own;                 /* only the caller's own count */
    struct selection all;     /* the leases when asked for last, in the order of selection_sort() */
    bool answered;            /* they were, at least once */
};

/* Reads the invocation's word and options; both outlive the target. Returns 0 or PROBLEM_E_SET. */
int wait_target_init(struct wait_target *ret_target, const struct invocation *invocation, struct problem *problem);

void wait_target_deinit(struct wait_target *target);

/* Takes over portd's list of all leases. Returns 0 or PROBLEM_E_SET. */
int wait_target_take(struct wait_target *target, cJSON *list, struct problem *problem);

/* Is the lease, one of `all`, waited for? */
bool wait_target_has(const struct wait_target *target, const struct lease_view *view);

/* The first that is not as it is waited for; NULL: there is none. */
const struct lease_view *wait_target_find_unready(const struct wait_target *target);

/* Is all of it as it is waited for? */
bool wait_target_is_done(const struct wait_target *target);

/* There is no lease that could come to be as it is waited for. */
bool wait_target_is_missing(const struct wait_target *target);

/* Outside of any project: is the name that shall be gone one that only other projects have? Those are not waited for. */
bool wait_target_is_strangers(const struct wait_target *target);

/* Is the port of the stream's record one that is waited for, or the one of a lease that could be? */
bool wait_target_concerns(const struct wait_target *target, const cJSON *record);

/* How far it got, out of what is known; `ret_text` has PROBLEM_DETAIL_MAX bytes. */
void wait_target_format(const struct wait_target *target, char *ret_text);

/* Sets the hint of a target that is missing: what else there is of that name. False: nothing. */
bool wait_target_hint(const struct wait_target *target, struct problem *problem);

#endif
