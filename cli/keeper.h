/*
 * Keeps leases alive by heartbeats, for as long as a command holds them. A heartbeat that fails is tried again for ever:
 * portd may be restarted under a program that runs for weeks. It names the lease by port and id, so a portd that has begun anew
 * either finds the very lease again, or says that it is gone. A person hears once when heartbeats begin to fail, once when they work
 * again, and once of each lease that is gone.
 */
#ifndef CLI_KEEPER_H
#define CLI_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/client.h"
#include "cli/lease_view.h"
#include "cli/options.h"
#include "cli/output.h"

/* Those of a grant, and one for each further port that a program binds (run --remap auto). */
#define KEEPER_LEASES_MAX ((size_t)2 * OPTIONS_COUNT_MAX)

struct keeper_lease {
    uint16_t port;
    uint64_t id;
    /* By which a lease of the same port and id is known for another: a portd may have lost its database. */
    char allocated_at[40];
    bool is_gone; /* portd says that there is no such lease any more */
    bool is_left; /* it was there before, and stays when the keeper gives back */
    bool
        is_kept; /* it was to be given back, and portd has left it: it outlasts its holder, or something of it still runs */
    bool is_anothers; /* and that it is somebody else's by now: it is not ours to release */
};

struct keeper {
    struct client *client;
    const struct output *output;
    struct keeper_lease leases[KEEPER_LEASES_MAX];
    size_t n_leases;
    bool is_away; /* portd does not answer, or could not renew */
    char service_name[OPTIONS_NAME_MAX + 1];
    uint64_t interval_ms;
    uint64_t due_ms; /* when keeper_beat() has something to do, on patience_now_ms() */
};

/* Keeps nothing yet. `client` and `output` must outlive the keeper. */
void keeper_init(struct keeper *keeper, struct client *client, const struct output *output);

/* From here on it keeps this lease, too, all of one name. `is_new`: it was not there before; one that was, keeper_release() leaves. The first heartbeat is due an interval from now: a third of the shortest TTL, at
 * least a second and at most a minute. Returns false if there are KEEPER_LEASES_MAX already. */
bool keeper_add(struct keeper *keeper, const struct lease_view *lease, bool is_new);

/* True if none of its leases is left. */
bool keeper_has_lost_all(const struct keeper *keeper);

/* Sends a heartbeat if it is due. One that is interrupted (client_set_interrupt()) stays due. */
void keeper_beat(struct keeper *keeper);

/* Gives the leases back, but for those that meanwhile outlast their holder, and says who still listens there. Best effort, and brief: whoever waits for it has nothing else to wait for. A
 * failure is told with -v only; a lease that has ended by itself is none. */
void keeper_release(struct keeper *keeper);

/* The same, but a lease stays with what its holder has left running, which a person at a terminal is told. */
void keeper_release_if_idle(struct keeper *keeper);

#endif
