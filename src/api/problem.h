/*
 * Errors as RFC 9457 problem documents. Each kind has one status, one title and one name, in one table; what is particular
 * to a case is the detail, a sentence for a person in a hurry.
 */
#ifndef SRC_API_PROBLEM_H
#define SRC_API_PROBLEM_H

#include <cjson/cJSON.h>

#include "src/api/request.h"

enum problem_kind {
    PROBLEM_BAD_REQUEST,
    PROBLEM_MALFORMED_JSON,
    PROBLEM_UNKNOWN_PARAMETER,
    PROBLEM_MISSING_PARAMETER,
    PROBLEM_FORBIDDEN_HOST,
    PROBLEM_FORBIDDEN_ORIGIN,
    PROBLEM_FORBIDDEN_SITE,
    PROBLEM_UNKNOWN_CALLER,
    PROBLEM_NOT_YOURS,
    PROBLEM_PORT_PRIVILEGED,
    PROBLEM_NOT_YOUR_LISTENER,
    PROBLEM_NOT_YOUR_PROCESS,
    PROBLEM_PROTECTED_PROCESS,
    PROBLEM_MAY_NOT_SIGNAL,
    PROBLEM_NO_SUCH_PATH,
    PROBLEM_NO_SUCH_LEASE,
    PROBLEM_NOT_LISTENING,
    PROBLEM_NOT_SQUATTED,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_PORT_TAKEN,
    PROBLEM_PORT_LEASED,
    PROBLEM_RESERVED_FOR_PORTD,
    PROBLEM_LEASE_HELD,
    PROBLEM_LEASE_MISMATCH,
    PROBLEM_LEASE_HOLDER,
    PROBLEM_STALE_PROCESS,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_NOT_JSON,
    PROBLEM_INVALID_VALUE,
    PROBLEM_UNKNOWN_KEY,
    PROBLEM_MISSING_KEY,
    PROBLEM_INVALID_PID,
    PROBLEM_TOO_MANY_STREAMS,
    PROBLEM_TOO_MANY_UNREAD,
    PROBLEM_INTERNAL,
    PROBLEM_RANGE_FULL,
    PROBLEM_NOT_STORED,
};

/* Which of several services a problem is about. While a response has one, each of its problems says so. */
struct problem_subject {
    size_t index;
    const char *service_name; /* as it was sent; NULL: it has none. Borrowed */
};

/*
 * Makes `response` an error of this kind and returns the document, so that a caller can add evidence to it before
 * problem_finish(). Returns NULL when memory is short; the response is then a plain 500 and problem_finish() does nothing.
 */
__attribute__((format(printf, 3, 4))) cJSON *problem_begin(struct api_response *response, enum problem_kind kind,
                                                           const char *detail_format, ...);
/* Writes the document into the response and frees it. NULL is allowed. */
void problem_finish(struct api_response *response, cJSON *problem);

/* Both at once, for a problem that needs no evidence. `hint` may be NULL. */
__attribute__((format(printf, 4, 5))) void problem_set(struct api_response *response, enum problem_kind kind,
                                                       const char *hint, const char *detail_format, ...);

/* Nothing is at `path`; `paths` are those that may have been meant. */
void problem_set_no_such_path(struct api_response *response, const char *path, const char *const *paths,
                              size_t n_paths);

/* The status of a kind, and its name: the end of its type URN. */
int problem_status(enum problem_kind kind);
const char *problem_name(enum problem_kind kind);

#endif
