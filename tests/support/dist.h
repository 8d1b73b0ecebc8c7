/* The dashboard's files as they are committed, and the comparison with what portd says they are. What cannot be done ends the test. */
#ifndef TESTS_SUPPORT_DIST_H
#define TESTS_SUPPORT_DIST_H

#include <stddef.h>

/* The file of ui/dist behind a path of the page ("/", "/assets/NAME") and a NUL behind it; the caller's to free. */
char *dist_read(const char *path, size_t *ret_length);

/* Undoes gzip; the same. */
char *dist_decompress(const char *bytes, size_t length, size_t *ret_length);

#endif
