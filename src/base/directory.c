/* Making directories. */
#include "src/base/directory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int directory_make_parents(const char *path) {
    char parent[4096];

    if (strlen(path) >= sizeof parent)
        return -ENAMETOOLONG;
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if (slash == path)
            continue;
        memcpy(parent, path, (size_t)(slash - path));
        parent[slash - path] = '\0';
        if (mkdir(parent, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}
