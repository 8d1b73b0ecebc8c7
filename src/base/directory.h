/* Making directories. */
#ifndef SRC_BASE_DIRECTORY_H
#define SRC_BASE_DIRECTORY_H

/* Makes every directory above `path` that is missing, with mode 0700. Returns 0 or -errno (-ENAMETOOLONG for 4,096 bytes and
 * more). */
int directory_make_parents(const char *path);

#endif
