/*
 * Absolute paths as texts. All take and fill buffers of PATH_MAX bytes.
 */
#ifndef CLI_PATH_H
#define CLI_PATH_H

#include <limits.h>
#include <stdbool.h>

/* `name` in `folder`, or `name` alone if it is absolute. False if it would be too long. */
bool path_join(const char *folder, const char *name, char *ret_path);

/* Cuts the last part off. False at the root, which stays. */
bool path_ascend(char *path);

/* What is behind `folder` in `path`, without a slash before it: "" for the folder itself. NULL if `path` is not below it. */
const char *path_below(const char *folder, const char *path);

#endif
