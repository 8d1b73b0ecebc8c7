/*
 * Somebody who calls portd: over which channel, and as whom. Every call is a connection of its own. What cannot be sent or
 * received ends the test.
 */
#ifndef TESTS_SUPPORT_CALLER_H
#define TESTS_SUPPORT_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/support/daemon.h"
#include "tests/support/http.h"

enum channel {
    CHANNEL_IPV4,
    CHANNEL_IPV6,
    CHANNEL_UNIX,
    N_CHANNELS,
};

/* "IPv4", for messages. Static. */
const char *channel_name(enum channel channel);

struct caller {
    const struct daemon *daemon;
    enum channel channel;
    uid_t uid; /* 0: nobody else. Only root can call as another. */
};

/* A connected socket, the test's to close: the kernel knows it as the caller's. */
int caller_connect(const struct caller *caller);

/* Sends these bytes and takes one reply. */
struct http_reply caller_send(const struct caller *caller, const char *bytes, size_t length);

struct http_reply caller_get(const struct caller *caller, const char *target);

/* A POST of a JSON body. */
__attribute__((format(printf, 3, 4))) struct http_reply caller_post(const struct caller *caller, const char *target,
                                                                    const char *body_format, ...);

/* ---- what nearly every test does; anything but success ends it ---- */

/* POST /alloc; returns the port, or the whole reply. */
__attribute__((format(printf, 2, 3))) uint16_t caller_grant(const struct caller *caller, const char *body_format, ...);
__attribute__((format(printf, 2, 3))) struct http_reply caller_alloc(const struct caller *caller,
                                                                     const char *body_format, ...);
void caller_release(const struct caller *caller, uint16_t port);

/* GET /list. */
struct http_reply caller_list(const struct caller *caller);
unsigned caller_count_leases(const struct caller *caller);
bool caller_sees_lease(const struct caller *caller, uint16_t port);

/* The lease of the port in a reply to GET /list, or NULL. Borrowed. */
const cJSON *caller_find_lease(const struct http_reply *list, uint16_t port);

/* All that a call may have changed in the leases, as a text to compare; the caller's to free. What only time changes is left
 * out. */
char *caller_digest(const struct caller *caller);

/* ---- judging replies ---- */

/* A reply in full, for a message. Borrowed from it. */
const char *reply_text(const struct http_reply *reply);

/* True if it is the RFC 9457 document of this kind, complete. */
bool reply_is_problem(const struct http_reply *reply, int status, const char *name);

#define assert_status(reply, expected)                                                                                 \
    cr_assert_eq((reply).status, (expected), "not %d, but %d: %s", (expected), (reply).status, reply_text(&(reply)))
#define assert_problem(reply, expected, name)                                                                          \
    cr_assert(reply_is_problem(&(reply), (expected), (name)), "not %d %s, but %d: %s", (expected), (name),             \
              (reply).status, reply_text(&(reply)))

#endif
