/*
 * Login names of uids, remembered for a minute: a list of a thousand leases must not read the user database a thousand times.
 */
#ifndef SRC_BASE_USERS_H
#define SRC_BASE_USERS_H

#include <stdint.h>
#include <sys/types.h>

#define USER_NAME_MAX 64
#define USERS_MAX     64

struct users {
    struct {
        uid_t uid;
        char name[USER_NAME_MAX]; /* "": the uid has none */
        uint64_t read_at_ms;      /* 0: the entry is free */
    } entries[USERS_MAX];
};

/* The uid's login name, or NULL if it has none. Valid until the next call. */
const char *users_name(struct users *users, uid_t uid, uint64_t now_ms);

#endif
