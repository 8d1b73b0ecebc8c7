/*
 * Absolute paths as texts. See path.h.
 */
#include "cli/path.h"

#include <stdio.h>
#include <string.h>

bool path_join(const char *folder, const char *name, char *ret_path) {
    bool is_absolute = name[0] == '/';
    size_t length = strlen(folder);
    const char *slash = is_absolute || (length > 0 && folder[length - 1] == '/') ? "" : "/";
    int n = snprintf(ret_path, PATH_MAX, "%s%s%s", is_absolute ? "" : folder, slash, name);

    return n >= 0 && n < PATH_MAX;
}

bool path_ascend(char *path) {
    char *slash = strrchr(path, '/');

    if (slash == NULL || path[1] == '\0')
        return false;
    slash[slash == path ? 1 : 0] = '\0';
    return true;
}

const char *path_below(const char *folder, const char *path) {
    size_t length = strlen(folder);

    if (length == 1 && folder[0] == '/')
        return path + 1;
    if (strncmp(path, folder, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return NULL;
    return path + length + (path[length] == '/');
}
