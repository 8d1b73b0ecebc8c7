/*
 * A .env file, in which only the lines of our own variables are changed: the rest belongs to people and other programs, byte by byte.
 */
#ifndef CLI_ENV_FILE_H
#define CLI_ENV_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/problem.h"

struct env_pair {
    const char *name;
    uint16_t port;
};

#define ENV_FILE_MAX (1024 * 1024) /* bytes */

/* A file as it was read. */
struct env_file {
    char *path; /* owned: links resolved */
    char *text; /* owned */
    size_t length;
    mode_t mode;
    bool exists;
};

void env_file_deinit(struct env_file *file);

/* Reads the file, if there is one, and makes sure that it may be written: so much can be told before anything is leased. Returns 0 or
 * PROBLEM_E_SET. */
int env_file_read(const char *path, struct env_file *ret_file, struct problem *problem);

/*
 * The text with `NAME=port` for every pair: where a line sets the variable ("NAME=...", "export NAME=..."), its value is replaced, and a comment behind it
 * stays; the others are added at the end. Lines within a quoted value of several lines are no variables. Line ends stay as they are.
 * Returns 0 and *ret_text, owned; or -ENOMEM.
 */
int env_file_edit(const char *text, size_t length, const struct env_pair *pairs, size_t n_pairs, char **ret_text,
                  size_t *ret_length);

/* Writes what env_file_edit() makes, if it is anything new: another file in its place, all or nothing. *ret_changed tells. Returns 0 or
 * PROBLEM_E_SET. */
int env_file_write(const struct env_file *file, const struct env_pair *pairs, size_t n_pairs, bool *ret_changed,
                   struct problem *problem);

#endif
