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

/*
 * Asks for a lease on the invocation's name, with its options; `holder` is the process that it shall belong to, 0: none. A
 * portd that cannot see that process (422 invalid-pid, or another pid namespace) is asked again without it, and *ret_held
 * is false.
 * Returns 0, CLIENT_E_INTERRUPTED, or PROBLEM_E_SET. `ret_held` may be NULL.
 */
int grant_ask(const struct invocation *invocation, pid_t holder, struct grant *ret_grant, bool *ret_held,
              struct problem *problem);

#endif
