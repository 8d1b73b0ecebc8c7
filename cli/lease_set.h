/*
 * Leases for several services at once, all or none: what env and up have in common.
 *
 * They are asked for in one call (POST /alloc-all), with reuse; the lease of a service that runs is told, too, and from then on outlasts the
 * process that has it. A portd that is older is asked one by one, and what was new is given back if one of them fails: it refuses what runs.
 */
#ifndef CLI_LEASE_SET_H
#define CLI_LEASE_SET_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"
#include "cli/problem.h"
#include "cli/project.h"

/* A service, what it is to get, and what it got. */
struct wanted {
    char name[OPTIONS_NAME_MAX + 1]; /* the full one */
    const char *word;                /* as a person writes it; borrowed */
    size_t word_length;              /* of it, without the variable */
    const char *variables[PROJECT_VARIABLES_MAX];
    size_t n_variables;                     /* so many ports */
    char own_variable[VARIABLE_NAME_MAX];   /* for one that is made of the name */
    const struct project_service *settings; /* NULL: none */
    uint64_t ttl_seconds;                   /* 0: portd's own default, or what a lease has that is there */
    uint16_t ports[PROJECT_VARIABLES_MAX];  /* filled by lease_set_ask(), one for each variable */
    bool is_new;                            /* filled: one of the leases, at least, was not there before */
};

/* No wish of /alloc-all is larger. */
#define LEASE_SET_MAX 64

struct lease_set {
    struct wanted *items; /* owned */
    size_t n_items;
    cJSON *leases; /* owned, filled: an array for each item, of its leases */
    cJSON *notes;  /* owned, filled: portd's sentences about the grants */
};

void lease_set_deinit(struct lease_set *set);

/* Adds room for one more, all zero, and returns it; NULL: there are LEASE_SET_MAX, or memory is short. The items move. */
struct wanted *lease_set_add(struct lease_set *set);

/* Two services, or two variables, that are one: returns 0, or PROBLEM_E_SET if there are any. */
int lease_set_check(const struct lease_set *set, struct problem *problem);

/* Asks for the leases. Returns 0 with everything filled, CLIENT_E_INTERRUPTED, or PROBLEM_E_SET: then nothing was leased. */
int lease_set_ask(const struct invocation *invocation, struct lease_set *set, struct problem *problem);

/* For --json: {"services": [{"service_name", "variables": {VARIABLE: port}, "new", "leases"}], "notes"}. Takes the leases and notes out of the set. NULL:
 * memory was short. */
cJSON *lease_set_to_json(struct lease_set *set);

#endif
