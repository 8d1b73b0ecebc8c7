/*
 * A .env file, in which only the lines of our own variables are changed: the rest belongs to people and other programs, byte by byte.
 */
#ifndef CLI_ENV_FILE_H
#define CLI_ENV_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/problem.h"

struct env_pair {
    const char *name;
    uint16_t port;
};

#define ENV_FILE_MAX ((size_t)1024 * 1024) /* bytes */

/*
 * Can the file `name` of the folder `root` be written? So much can be told before anything is leased. It need not be there; it must not lie outside
 * of the folder, a link to somewhere else neither. Returns 0 or PROBLEM_E_SET.
 */
int env_file_check(const char *root, const char *name, struct problem *problem);

/* The first variable that the text sets to just this port, as `up` would have written it, in `ret_name`. Whose line that is nobody knows. False: none, or
 * its name does not fit. */
bool env_file_find(const char *text, size_t length, uint16_t port, char *ret_name, size_t size);

/* The same in the file `name` of the folder `root`. False, too, if it cannot be read. */
bool env_file_find_port(const char *root, const char *name, uint16_t port, char *ret_name, size_t size);

/*
 * The text with `NAME=port` for every pair: where a line sets the variable ("NAME=...", "export NAME=..."), its value is replaced, and a comment behind it
 * stays; the others are added at the end. Lines within a quoted value of several lines are no variables. Line ends stay as they are.
 * Returns 0 and *ret_text, owned; or -ENOMEM.
 */
int env_file_edit(const char *text, size_t length, const struct env_pair *pairs, size_t n_pairs, char **ret_text,
                  size_t *ret_length);

/*
 * Reads the file, and writes what env_file_edit() makes of it, if that is anything new: another file in its place, all or nothing, with the same owner and
 * rights. Of several at once each sees what the one before has written. *ret_changed tells. Returns 0 or PROBLEM_E_SET, as env_file_check() does.
 */
int env_file_write(const char *root, const char *name, const struct env_pair *pairs, size_t n_pairs, bool *ret_changed,
                   struct problem *problem);

#endif
