/*
 * Leases of the project that its file does not name: a service, or a variable of one, that was taken out of it. They stay until
 * their TTL is over, and so does a line of the .env file, which may be a person's own.
 */
#ifndef CLI_ORPHANS_H
#define CLI_ORPHANS_H

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/project.h"

/*
 * Looks for them in what portd has leased by now: the caller's own, of this worktree, and without a holder, for what a program holds ends
 * with it. Returns an array, one element a service: {"service_name", "ports", "env", "command", "note"}, where `env` are the lines of the
 * .env file that name one of the ports, `command` gives the leases back and `note` says all of it. NULL: portd or memory fails, or names are global here.
 */
cJSON *orphans_find(const struct invocation *invocation, const struct project *project);

#endif
