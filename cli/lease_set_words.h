/*
 * Which services are wanted: by the words of the command line, or all that the project file names.
 */
#ifndef CLI_LEASE_SET_WORDS_H
#define CLI_LEASE_SET_WORDS_H

#include "cli/lease_set.h"

/* What a service of the project gets unless its file says another TTL: it is there the next morning. */
#define LEASE_SET_TTL_SECONDS ((uint64_t)24 * 60 * 60)

/* One service, NAME or NAME:VARIABLE, with the project's settings if it is one of the project's. `project` may have no services. Returns 0 or
 * PROBLEM_E_SET. */
int lease_set_add_word(struct lease_set *set, const struct invocation *invocation, const struct project *project,
                       const char *word, struct problem *problem);

/* Every service of the project. Returns 0 or PROBLEM_E_SET. */
int lease_set_add_project(struct lease_set *set, const struct invocation *invocation, const struct project *project,
                          struct problem *problem);

#endif
