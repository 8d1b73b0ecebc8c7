/*
 * A folder of the test's own, for databases, sockets and settings; removed with all that is in it. What cannot be made fails
 * the test.
 */
#ifndef TESTS_SUPPORT_FAKE_HOME_H
#define TESTS_SUPPORT_FAKE_HOME_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct fake_home {
    char path[64];
};

/* Makes the folder; every user may enter it. */
void fake_home_make(struct fake_home *home);

/* For CLEANUP(fake_home_remove); a test that fails leaves its folder behind, to be looked at. */
void fake_home_remove(struct fake_home *home);

/* "<the folder>/<name>", in PATH_MAX bytes. */
void fake_home_path(const struct fake_home *home, const char *name, char *ret_path);

/* Writes a file of the folder anew. */
void fake_home_write(const struct fake_home *home, const char *name, const void *content, size_t length);

/* Reads a file of the folder: NUL-terminated, the caller's to free(); *ret_length may be NULL. */
char *fake_home_read(const struct fake_home *home, const char *name, size_t *ret_length);

/* How many files of the folder begin with `prefix`; the first one's name in `ret_name` (NAME_MAX + 1 bytes, may be NULL). */
unsigned fake_home_count(const struct fake_home *home, const char *prefix, char *ret_name);

/* Runs `body` in a child process and waits for it. `uid` 0: as whoever runs the test; else as that user, if root runs it, and
 * in any case without root's rights. Returns its exit code, or -1 if it was killed. Criterion's asserts do not work in there. */
int fake_home_run_as(uid_t uid, int (*body)(void *context), void *context);

#endif
