/*
 * The calls about one lease: /release and /heartbeat.
 */
#ifndef CLI_LEASE_CALL_H
#define CLI_LEASE_CALL_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/problem.h"

/* Calls `target` with the lease's port and id; portd refuses if they are not of one lease. Returns as client_call() does. */
int lease_call(struct client *client, const char *target, uint16_t port, uint64_t id, uint64_t patience_ms,
               cJSON **ret_reply, struct problem *problem);

/* /release on a condition: "if_idle", while neither its own listener is there nor processes of its holder live, or "unless_outlasting"; see
 * docs/api.md. A portd that does not know of it releases. Returns as client_call() does. */
int lease_call_release(struct client *client, uint16_t port, uint64_t id, const char *condition, uint64_t patience_ms,
                       cJSON **ret_reply, struct problem *problem);

/* Says on standard error who still listens on the port, by the reply to /release: a line each, nothing if nobody does. */
void lease_call_tell_listeners(const struct output *output, const cJSON *reply);

/* The same by the reply to /disown: without those that are still the lease's. */
void lease_call_tell_squatters(const struct output *output, const cJSON *reply);

#endif
