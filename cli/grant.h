/*
 * Asking for a lease: what alloc, loop and run have in common.
 */
#ifndef CLI_GRANT_H
#define CLI_GRANT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/command.h"
#include "cli/lease_view.h"
#include "cli/problem.h"

struct grant {
    cJSON *reply; /* owned: portd's answer, which the views borrow from */
    struct lease_view leases[OPTIONS_COUNT_MAX];
    size_t n_leases;                /* at least one */
    bool is_new[OPTIONS_COUNT_MAX]; /* of each: it was not there before */
};

static inline void grant_deinit(struct grant *grant) {
    cJSON_Delete(grant->reply);
    *grant = (struct grant){0};
}

/* For whom a lease is. A portd in another pid namespace is told neither holder nor asker. */
struct grant_for {
    pid_t holder; /* the process that it shall belong to; 0: none */
    /* The process that asks for it: what descends from it may use the port. 0: nobody that would say something. */
    pid_t asker;
    unsigned count; /* so many ports, all or none; 0: as the options say */
    const uint16_t *
        prefer; /* a project's preferred ports, by port, 0 for none: they come behind the one that the name had last. Unless the options say one */
    size_t n_prefer;
    bool is_projects;     /* its service is the project's, and so --reuse was not asked for by anybody */
    uint64_t patience_ms; /* for each answer; 0: CLIENT_PATIENCE_MS */
    bool beside; /* one more, beside what the options were about: without their --port, --prefer, --reuse and --wait */
};

/* True if the lease was not there before portd's answer `reply`, of which it is the `at`-th. */
bool grant_reply_has_new(const cJSON *reply, const struct lease_view *lease, size_t at);

/*
 * Asks for a lease on the invocation's name, with its options. A portd that cannot see the processes (422 invalid-pid) or does
 * not know what an asker is (422 unknown-key) is asked again without them; *ret_held is false if the lease has no holder.
 * While there is no port to be had, it asks again for as long as --wait says, and fails with EXIT_WAITED then.
 * Returns 0, CLIENT_E_INTERRUPTED, or PROBLEM_E_SET. `ret_held` may be NULL.
 */
int grant_ask(const struct invocation *invocation, const struct grant_for *whom, struct grant *ret_grant,
              bool *ret_held, struct problem *problem);

/*
 * Flushes the answer. One that cannot be written has told nobody the ports: those that are new are given back, and what was there before stays.
 * Returns 0 or PROBLEM_E_SET.
 */
int grant_deliver(const struct invocation *invocation, const struct grant *grant, struct problem *problem);

#endif
