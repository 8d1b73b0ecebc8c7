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
    size_t n_unread; /* bytes of answers that its clients have not read yet */
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
    size_t n_unread; /* of this connection's answer */
};

/* Takes a place. Returns NULL if the caller's uid has SERVER_CONNECTIONS_PER_UID already, or memory is short. */
struct client *client_new(struct client_counts *counts, enum api_transport transport, const struct api_caller *caller);

/*
 * Counts an answer of so many bytes, which waits in memory until the client has read it. Returns false if the uid has more than
 * CLIENT_UNREAD_MAX unread with it: who asks for a long list on every connection and reads none must not fill the memory. One answer, and short ones, always
 * pass.
 */
#define CLIENT_UNREAD_MAX   ((size_t)32 * 1024 * 1024)
#define CLIENT_UNREAD_SHORT ((size_t)64 * 1024)
bool client_charge(struct client *client, size_t n_bytes);

/* The answer has been read, or given up. */
void client_discharge(struct client *client);

/* Gives the place back. NULL is allowed; returns NULL. */
struct client *client_free(struct client *client);

/* All places must have been given back (asserted). */
void client_counts_deinit(struct client_counts *counts);

#endif
