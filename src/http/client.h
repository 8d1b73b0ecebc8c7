/*
 * One accepted connection: whose it is, and the place that it takes among its uid's connections. The place is given back by
 * the destructor of what it was taken for.
 */
#ifndef SRC_HTTP_CLIENT_H
#define SRC_HTTP_CLIENT_H

#include <stddef.h>

#include "src/api/request.h"

struct client_count {
    struct api_caller caller;
    unsigned n_open;
};

/* How many connections each uid has open. An all-zero struct is empty. */
struct client_counts {
    struct client_count *items;
    size_t n_items;
    size_t capacity;
};

struct client {
    enum api_transport transport;
    struct api_caller caller;
    struct client_counts *counts;
};

/* Takes a place. Returns NULL if the caller's uid has SERVER_CONNECTIONS_PER_UID already, or memory is short. */
struct client *client_new(struct client_counts *counts, enum api_transport transport, const struct api_caller *caller);

/* Gives the place back. NULL is allowed; returns NULL. */
struct client *client_free(struct client *client);

/* All places must have been given back (asserted). */
void client_counts_deinit(struct client_counts *counts);

#endif
