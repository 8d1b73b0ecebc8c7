/*
 * Asking for a lease: what alloc, loop and run have in common.
 */
#ifndef CLI_GRANT_H
#define CLI_GRANT_H

#include <cjson/cJSON.h>
#include <sys/types.h>

#include "cli/command.h"
#include "cli/lease_view.h"
#include "cli/problem.h"

struct grant {
    cJSON *reply; /* owned: portd's answer, which the view borrows from */
    struct lease_view lease;
};

static inline void grant_deinit(struct grant *grant) {
    cJSON_Delete(grant->reply);
    *grant = (struct grant){0};
}

/* For whom a lease is. A portd in another pid namespace is told neither. */
struct grant_for {
    pid_t holder; /* the process that it shall belong to; 0: none */
    pid_t
        asker; /* the process that asks for it: what descends from it may use the port; 0: nobody that would say something */
};

/*
 * Asks for a lease on the invocation's name, with its options. A portd that cannot see the processes (422 invalid-pid) or does
 * not know what an asker is (422 unknown-key) is asked again without them; *ret_held is false if the lease has no holder.
 * Returns 0, CLIENT_E_INTERRUPTED, or PROBLEM_E_SET. `ret_held` may be NULL.
 */
int grant_ask(const struct invocation *invocation, const struct grant_for *whom, struct grant *ret_grant,
              bool *ret_held, struct problem *problem);

#endif
