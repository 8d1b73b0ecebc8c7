/* Login names of uids. A uid has one place in the table; another that falls on it takes it over. */
#include "src/base/users.h"

#include <pwd.h>
#include <stdio.h>

#define KEEP_MS UINT64_C(60000)

const char *users_name(struct users *users, uid_t uid, uint64_t now_ms) {
    size_t at = uid % USERS_MAX;
    char *name = users->entries[at].name;
    uint64_t read_at_ms = users->entries[at].read_at_ms;

    if (read_at_ms == 0 || users->entries[at].uid != uid || now_ms - read_at_ms > KEEP_MS) {
        struct passwd entry;
        struct passwd *found = NULL;
        char strings[4096];

        if (getpwuid_r(uid, &entry, strings, sizeof strings, &found) != 0)
            found = NULL;
        snprintf(name, USER_NAME_MAX, "%s", found != NULL ? entry.pw_name : "");
        users->entries[at].uid = uid;
        users->entries[at].read_at_ms = now_ms > 0 ? now_ms : 1;
    }
    return name[0] != '\0' ? name : NULL;
}
