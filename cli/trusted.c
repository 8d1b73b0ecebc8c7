/*
 * Whose word counts. See trusted.h.
 */
#include "cli/trusted.h"

#include <unistd.h>

#include "cli/path.h"

static bool is_trusted(const char *folder, uid_t owner) {
    struct stat status;

    if (owner == geteuid() || owner == 0)
        return true;
    return geteuid() == 0 && stat(folder, &status) == 0 && status.st_uid == owner &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool trusted_find(const char *folder, const char *name, struct stat *ret_status) {
    char path[PATH_MAX];
    struct stat link;
    struct stat status;

    if (!path_join(folder, name, path) || lstat(path, &link) < 0 || !is_trusted(folder, link.st_uid) ||
        stat(path, &status) < 0 || !is_trusted(folder, status.st_uid))
        return false;
    *ret_status = status;
    return true;
}
