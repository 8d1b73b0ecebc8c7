/*
 * One HTTP answer, read from a server that is not trusted to be quick, brief or well-formed.
 */
#ifndef CLI_REPLY_H
#define CLI_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/patience.h"

/* 57,000 leases of 400 bytes; more is no answer of portd's. */
#define REPLY_BODY_MAX ((size_t)32 << 20)

struct reply {
    unsigned status;
    bool is_json; /* by its Content-Type: application/json or application/problem+json */
    char *body;   /* owned; NULL if it is empty */
    size_t length;
};

/* Frees the body. */
void reply_deinit(struct reply *reply);

/*
 * Reads one answer from `fd`, which is non-blocking; 1xx answers before it are passed over.
 * Returns 0; REPLY_E_MALFORMED: it is no HTTP, larger than REPLY_BODY_MAX, or its head is larger than 16 KiB;
 * REPLY_E_CUT_SHORT: the connection ended before the answer did; what patience_wait() returns; another -errno.
 */
#define REPLY_E_MALFORMED 1
#define REPLY_E_CUT_SHORT 2
int reply_read(int fd, const struct patience *patience, struct reply *ret_reply);

#endif
