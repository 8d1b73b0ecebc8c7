/*
 * What the program of `run` finds in its environment: a block of "NAME=VALUE" that portctl makes once it has the lease, and that the child
 * applies before it becomes the program.
 */
#ifndef CLI_RUN_ENVIRONMENT_H
#define CLI_RUN_ENVIRONMENT_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/scope.h"

/* An all-zero struct is an empty block. */
struct run_environment {
    char *text; /* owned: the pairs, a NUL behind each */
    size_t length;
    size_t capacity;
    size_t n_pairs;
};

void run_environment_deinit(struct run_environment *environment);

/* Appends a pair. Returns 0 or -ENOMEM. */
int run_environment_add(struct run_environment *environment, const char *name, const char *value);
int run_environment_add_number(struct run_environment *environment, const char *name, uint64_t number);

/* PORTMANAGER_URL: where the service is to be found, http://localhost:8001, or at `host` if that is an address that one can connect to. NULL: none.
 * Returns 0 or -ENOMEM. */
int run_environment_add_url(struct run_environment *environment, const char *host, uint16_t port);

/*
 * PORTMANAGER_PORT_<NAME> of every service of `uid` in `leases` (as GET /list answers) but `own_name`: the port of its lease with the lowest slot. The name as it is written
 * here, without the scope's suffix, in upper case, `_` for each character that is no ASCII letter or digit; two names that become one are both left out. In a
 * project its own services go before the global ones, and those of other projects and worktrees are not told.
 * Returns 0 or -ENOMEM.
 */
int run_environment_add_services(struct run_environment *environment, const cJSON *leases, uid_t uid,
                                 const struct scope *scope, const char *own_name);

/* In the child: takes out every PORTMANAGER_ variable that was inherited (of a `run` around this one), and LISTEN_FDS with those that belong to it, which
 * are for another process. Puts the pairs in, which must stay where they are. Returns 0 or -ENOMEM. */
int run_environment_apply(char *text, size_t length);

/* The first `n_pairs` pairs of a block, as pointers into it. */
void run_environment_split(const char *text, const char **ret_pairs, size_t n_pairs);

#endif
