/*
 * Keeps a lease alive by heartbeats, for as long as a command holds it. A heartbeat that fails is tried again for ever:
 * portd may be restarted under a program that runs for weeks. A person hears of it once when it begins to fail, and once
 * when it works again.
 */
#ifndef CLI_KEEPER_H
#define CLI_KEEPER_H

#include <stdint.h>

#include "cli/client.h"
#include "cli/lease_view.h"
#include "cli/options.h"
#include "cli/output.h"

enum keeper_state {
    KEEPER_WELL,
    KEEPER_AWAY, /* portd does not answer, or could not renew the lease */
    KEEPER_GONE, /* portd says that there is no such lease any more */
};

struct keeper {
    struct client *client;
    const struct output *output;
    enum keeper_state state;
    uint16_t port;
    uint64_t id;
    char service_name[OPTIONS_NAME_MAX + 1];
    uint64_t interval_ms;
    uint64_t due_ms; /* of the next heartbeat, on patience_now_ms() */
};

/* The first heartbeat is due an interval from now: a third of the TTL, at least a second and at most a minute. `client` and
 * `output` must outlive the keeper. */
void keeper_init(struct keeper *keeper, struct client *client, const struct output *output,
                 const struct lease_view *lease);

/* Milliseconds until keeper_beat() has something to do: a timeout for poll(). */
int keeper_timeout_ms(const struct keeper *keeper);

/* Sends a heartbeat if it is due. One that is interrupted (client_set_interrupt()) stays due. */
void keeper_beat(struct keeper *keeper);

/* Gives the lease back, and says who still listens there, such as what a program left behind. Best effort, and brief: whoever
 * waits for it has nothing else to wait for. A failure is told with -v only; a lease that has ended by itself is none. */
void keeper_release(struct keeper *keeper);

/* The same, but the lease stays with what its holder has left running, which a person at a terminal is told. */
void keeper_release_if_idle(struct keeper *keeper);

#endif
