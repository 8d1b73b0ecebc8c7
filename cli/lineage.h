/*
 * The command lines of a process and of its ancestors, up to this process, which is not among them: npm, the shell below it, and node below
 * that. Each as words.
 *
 * A process that has written a title over its command line ("npm run dev", "puma 6.4 (tcp://...)") has one word with spaces in it, which is
 * split at them. The texts are what the processes say of themselves: any bytes but NUL.
 */
#ifndef CLI_LINEAGE_H
#define CLI_LINEAGE_H

#include <stddef.h>
#include <sys/types.h>

#define LINEAGE_MAX       16
#define LINEAGE_WORDS_MAX 128 /* of a command line; what is behind them is left out */

struct lineage_command {
    char *bytes;
    const char
        *words[LINEAGE_WORDS_MAX + 1]; /* inside of bytes; NULL last. A process without a command line has none */
};

struct lineage {
    struct lineage_command *commands; /* nearest first; owned */
    size_t n_commands;
};

/* Reads as far as it gets: what has ended, or is hidden, is the end. Returns 0 or -ENOMEM. */
int lineage_read(struct lineage *lineage, pid_t pid);

/* Frees all and leaves an empty one. For CLEANUP(lineage_deinit). */
void lineage_deinit(struct lineage *lineage);

#endif
