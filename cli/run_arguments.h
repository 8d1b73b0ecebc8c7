/*
 * {PORT} in the arguments of the program: for programs that want their port as a flag.
 */
#ifndef CLI_RUN_ARGUMENTS_H
#define CLI_RUN_ARGUMENTS_H

#include <stddef.h>

/*
 * Copies `argv` (NULL last) with each {NAME} behind the program replaced, for the NAMEs of `pairs` ("NAME=VALUE") and no others.
 * One that follows `$`, `%` or another `{` stays as it is: it is a shell's, a format's or a template's. So do all other braces.
 * Returns 0 and *ret_argv, one block for free(), which borrows the words in which nothing was replaced; or -ENOMEM.
 */
int run_arguments_replace(char *const *argv, const char *const *pairs, size_t n_pairs, char ***ret_argv);

#endif
