/*
 * A lease as portd's JSON tells it, and how it is shown. The view borrows its texts from the document.
 */
#ifndef CLI_LEASE_VIEW_H
#define CLI_LEASE_VIEW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/output.h"

/* Behind all that there are. */
#define LEASE_VIEW_NO_SLOT UINT16_MAX

struct lease_view {
    const cJSON *json; /* what it was read from */
    uint16_t port;
    uint64_t id;
    unsigned slot; /* LEASE_VIEW_NO_SLOT: portd does not say */
    uid_t uid;
    const char *service_name;
    const char *user;         /* NULL: the uid has no name */
    const char *state;        /* "" if portd does not say, like each text below */
    const char *kept_by;      /* "holder", "listener", "ttl" */
    const char *allocated_at; /* RFC 3339 */
    const char *expires_at;
    bool expires; /* false: something keeps it */
    uint64_t expires_in_seconds;
    uint64_t ttl_seconds;
    uint64_t holder_pid;     /* 0: none */
    uint16_t elsewhere_port; /* state "elsewhere"; 0: portd does not say */
    const char *conflict;    /* state "conflict": the finding's kind; NULL: portd does not say */
    const char *evidence;    /* "confirmed", "plausible"; NULL: it has no listener of its own */
    const char *project;     /* its directory; NULL: none, or it is not the caller's to know */
    const cJSON *tags;       /* NULL: portd does not say */
};

/* Returns false if `lease` has no port, name, id or uid in the form of docs/api.md. */
bool lease_view_read(const cJSON *lease, struct lease_view *ret_view);

/* Which of two leases of a name comes first: the lower slot, and then the older one. As strcmp(). */
int lease_view_compare(const struct lease_view *one, const struct lease_view *other);

/* The user's name, or his number, in `ret_text` (LEASE_USER_MAX bytes). */
#define LEASE_USER_MAX 64
void lease_view_format_user(const struct lease_view *view, char *ret_text);

/* How long it lives, for a sentence: "expires in 5m00s", "kept while pid 4711 lives", "kept while its port listens". */
#define LEASE_LIFE_MAX 64
void lease_view_format_life(const struct lease_view *view, char *ret_text);

/* Prints the leases as a table to standard output or standard error, in the way that suits the stream. Returns 0 or
 * -ENOMEM. */
int lease_views_print(const struct lease_view *views, size_t n_views, const struct output *output, FILE *stream);

#endif
