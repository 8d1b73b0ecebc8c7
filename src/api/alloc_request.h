/* Requests to allocate, as they are read: the body of /alloc, and each service of /alloc-all. */
#ifndef SRC_API_ALLOC_REQUEST_H
#define SRC_API_ALLOC_REQUEST_H

#include "src/api/body.h"
#include "src/lease/registry.h"

/* It borrows from the body, and points into itself: not to be moved. */
struct alloc {
    struct grant_request grant;
    uint64_t ttl_seconds;
    bool ttl_clamped;
    const char *tags[LEASE_TAGS_MAX];
};

/* The keys that it may have. */
extern const char *const alloc_keys[];
extern const size_t n_alloc_keys;

/* Fills *ret_alloc from the body; body_ok() tells whether it may be used. */
void alloc_read(struct body *body, const struct api_caller *caller, struct alloc *ret_alloc);

#endif
