/*
 * Reading a request's body, member by member. The first thing that is wrong becomes the response, every later call then does
 * nothing, and body_ok() tells at the end: so a handler reads all it needs in a straight line.
 *
 * A member that is null counts as absent.
 */
#ifndef SRC_API_BODY_H
#define SRC_API_BODY_H

#include "src/api/request.h"
#include "src/base/json.h"

/* The largest pid of any kernel (PID_MAX_LIMIT). */
#define BODY_PID_MAX 4194304

/* JSON numbers are exact below 2^53, and the ids of leases will not get there: that is a grant every microsecond for 285 years. */
#define BODY_LEASE_ID_MAX ((UINT64_C(1) << 53) - 1)

struct body {
    const cJSON *json;
    cJSON *owned; /* the same, if it is the body's own */
    struct api_response *response;
    bool failed;
};

/* Parses the request's body, which must be a JSON object with no other keys than these. body_deinit() it whatever comes. */
void body_init(struct body *body, const struct api_request *request, const char *const *keys, size_t n_keys,
               struct api_response *response);
void body_deinit(struct body *body);

/* The same for an object that stands in another body, from which it borrows; it needs no body_deinit(). */
void body_init_inner(struct body *body, const cJSON *json, const char *const *keys, size_t n_keys,
                     struct api_response *response);

/* False: the response is a problem, and nothing may be changed. */
bool body_ok(const struct body *body);

/* Makes the response a 422 about `key`, whose value must be what `rule` says ("must be ..."). */
void body_refuse(struct body *body, const char *key, const char *rule);

/* Each returns true and fills *ret_ if the member is there. A wrong type or value is refused. */
bool body_text(struct body *body, const char *key, const char *(*check)(const char *text), const char **ret_text);
bool body_number(struct body *body, const char *key, uint64_t min, uint64_t max, uint64_t *ret_number);
/* The same, and a body without it is refused. */
bool body_need_number(struct body *body, const char *key, uint64_t min, uint64_t max, uint64_t *ret_number);
bool body_flag(struct body *body, const char *key, bool *ret_flag);
/* A port, or an array of at most `max` ports or nulls, which become 0. */
bool body_ports(struct body *body, const char *key, size_t max, uint16_t *ret_ports);
/* At most `max` strings that each pass `check`. The strings are borrowed from the body. */
bool body_texts(struct body *body, const char *key, size_t max, const char *(*check)(const char *text),
                const char **ret_texts, size_t *ret_n_texts);

/* The array, which must be there and have `min` to `max` members; else NULL, and the body is refused. Borrowed. */
const cJSON *body_need_array(struct body *body, const char *key, size_t min, size_t max);

#endif
