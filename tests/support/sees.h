/*
 * What portd sees, waited for: ten seconds at most, for all of this is promised to be seen in less than one. What does not come ends the test, with
 * the answer that was there instead. Replies are the test's to deinit; what is borrowed from them is theirs.
 */
#ifndef TESTS_SUPPORT_SEES_H
#define TESTS_SUPPORT_SEES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/support/caller.h"
#include "tests/support/event_stream.h"

#define SEES_SECONDS 10

/* GET /who of the port. */
struct http_reply sees_who(const struct caller *caller, uint16_t port);

/* Waits until /who says so: a text at the path ("state", "bound"), a number, or so many listeners. */
void sees_text(const struct caller *caller, uint16_t port, const char *path, const char *text);
void sees_number(const struct caller *caller, uint16_t port, const char *path, uint64_t number);
void sees_listeners(const struct caller *caller, uint16_t port, int n);

/* Waits until the first listener of the port has this evidence: "confirmed", "asker". */
void sees_evidence(const struct caller *caller, uint16_t port, const char *level, const char *by);

/* Waits until the port's lease has this text at the path ("state", "kept_by"). */
void sees_lease(const struct caller *caller, uint16_t port, const char *path, const char *text);
void sees_no_lease(const struct caller *caller, uint16_t port);

/* The port's finding in a reply to GET /squatters or /conflicts, or NULL. */
const cJSON *sees_find(const struct http_reply *reply, uint16_t port);

/* Waits until /squatters has the port with this kind, and an owner for it; or until it has not the port at all. Of the kind "taken", "split" and
 * "shared" /conflicts must have it, of the others it must not. */
struct http_reply sees_squatter(const struct caller *caller, uint16_t port, const char *kind);
void sees_no_squatter(const struct caller *caller, uint16_t port);

/* Reads the stream on to an event of this kind on the port. */
struct stream_event sees_event(struct event_stream *stream, const char *kind, uint16_t port);

/* Waits until the kernel's own table has a listener on the port, or none. For what portd must not be asked about. */
void sees_in_kernel(uint16_t port, bool listens);

/* Waits until /history has an event of this kind on the port. */
void sees_in_history(const struct caller *caller, const char *kind, uint16_t port);

/* True if one of the owners of the listener (of /who, of a finding) is this process. */
bool sees_owner(const cJSON *listener, pid_t pid);

/* True if one of the array of listeners has this owner. */
bool sees_owner_among(const cJSON *listeners, pid_t pid);

#endif
