/*
 * The ports on a stream of GET /events: the state of each that has changed, in the order of versions. What a stream keeps for it is a version, where it
 * stands; a port that has changed three times since then is told once, as it is now.
 */
#ifndef SRC_API_PORT_FEED_H
#define SRC_API_PORT_FEED_H

#include "src/api/api.h"

/* All zero: the stream has no ports. */
struct port_feed {
    bool is_open;
    bool is_live;      /* it has told all once */
    uint64_t position; /* the version of the record that was told last, or where it began */
};

/* Reads "RUN.VERSION", as GET /snapshot and an earlier stream have told it. Returns 0 and an open feed; -EINVAL: it is no such thing; or PORT_FEED_E_OTHER_RUN: it is of
 * another run of portd, or of a version that this one has not reached. */
#define PORT_FEED_E_OTHER_RUN 1
int port_feed_open(struct api *api, const char *text, struct port_feed *ret_feed);

/* Has the ports compared if it is time for it, and tells whether there is something to take. `ret_due_ms` is when to ask again, if that is before something
 * changes (monotonic ms); else UINT64_MAX. */
bool port_feed_has_news(struct api *api, const struct port_feed *feed, uint64_t *ret_due_ms);

/* The next record as the text of an event, as much as this caller may see; the caller's to free(). NULL: there is none, or memory is short. */
char *port_feed_take(struct api *api, const struct api_caller *caller, struct port_feed *feed);

#endif
