/* Whole files, for tests. What cannot be done ends the test. */
#ifndef TESTS_SUPPORT_FILE_H
#define TESTS_SUPPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* All of the file and a NUL behind it; the caller's to free. `ret_length` may be NULL. */
char *file_read(const char *path, size_t *ret_length);

/* Makes the file, or replaces what is in it. */
void file_write(const char *path, const void *bytes, size_t length);
void file_write_text(const char *path, const char *text);

/* Is anything there? */
bool file_exists(const char *path);

/* The file of the folder with the shortest name that begins with `prefix`: its path, the caller's to free, or NULL. */
char *file_find(const char *folder, const char *prefix);

/* free() for CLEANUP(file_free_text_at). */
void file_free_text_at(char **text);

#endif
