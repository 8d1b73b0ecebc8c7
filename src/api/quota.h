/*
 * How many of a thing each uid has, so that none has more than its share. A place is given back by the destructor of what it was taken for.
 */
#ifndef SRC_API_QUOTA_H
#define SRC_API_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct quota_row {
    uid_t uid;
    unsigned n_taken;
};

/* An all-zero struct is empty; an empty one owns nothing. */
struct quota {
    struct quota_row *rows;
    size_t n_rows;
    size_t capacity;
};

/* Takes a place. Returns 0, QUOTA_E_FULL if the uid has `max` already, or -ENOMEM. */
#define QUOTA_E_FULL 1
int quota_take(struct quota *quota, uid_t uid, unsigned max);

/* Gives one back, which must have been taken (asserted). */
void quota_give(struct quota *quota, uid_t uid);

#endif
