/* ui/dist, found by the place of this file. */
#include "tests/support/dist.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"

char *dist_read(const char *path, size_t *ret_length) {
    static const char own[] = "tests/support/dist.c";
    const char *file_name = __FILE__;
    const int root = (int)strlen(file_name) - (int)strlen(own);
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%.*sui/dist%s", root, file_name, strcmp(path, "/") == 0 ? "/index.html" : path);
    return file_read(full, ret_length);
}

/* The files that gzip reads and writes. */
struct unpacking {
    char packed[64];
    char unpacked[64];
};

static int be_gzip(void *context) {
    const struct unpacking *unpacking = context;
    if (freopen(unpacking->packed, "r", stdin) && freopen(unpacking->unpacked, "w", stdout))
        execlp("gzip", "gzip", "-dc", NULL);
    fail_test("gzip cannot be run");
}

/* By the program and not by a library, so that nothing but gzip itself says what it is. */
char *dist_decompress(const char *bytes, size_t length, size_t *ret_length) {
    char folder[] = "/tmp/portmanager-gzip-XXXXXX";
    struct unpacking unpacking;
    if (!mkdtemp(folder))
        fail_test("%s cannot be made", folder);
    snprintf(unpacking.packed, sizeof(unpacking.packed), "%s/packed", folder);
    snprintf(unpacking.unpacked, sizeof(unpacking.unpacked), "%s/unpacked", folder);
    file_write(unpacking.packed, bytes, length);
    if (child_wait(child_start(0, be_gzip, &unpacking)) != 0)
        fail_test("gzip does not know it");
    char *text = file_read(unpacking.unpacked, ret_length);
    unlink(unpacking.packed);
    unlink(unpacking.unpacked);
    rmdir(folder);
    return text;
}
