/*
 * A command line as a shell's completion has it: raw, up to the cursor, perhaps with a quote open. It is taken apart here and
 * not by the shell, because a shell that does so would also execute what is in it. Nothing is expanded or executed.
 */
#ifndef CLI_SHELL_LINE_H
#define CLI_SHELL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum shell { SHELL_BASH, SHELL_ZSH, SHELL_FISH, N_SHELLS };

/* By shell, NULL behind the last. */
extern const char *const shell_names[N_SHELLS + 1];

/* Returns N_SHELLS if there is none of the name. */
enum shell shell_find(const char *name);

struct shell_word {
    const char *text; /* without its quotes */
    size_t start;     /* its first byte in the line */
};

/* Redirections are none of the words. */
struct shell_line {
    struct shell_word *words; /* owned; the last is the one at the cursor, maybe empty */
    size_t n_words;           /* at least 1 */
    char *texts;              /* owned */
    char quote;               /* the one that is open at the cursor; 0: none */
    bool expands;             /* the last word holds what a shell replaces by something else: $, ` or ( */
    bool bare;                /* it holds a character that bash_quote() would quote, and that is not */
    bool redirects;           /* the cursor is where a redirection's file is named */
};

/* Reads `length` bytes. Returns 0 or -ENOMEM. */
int shell_line_read(enum shell shell, const char *line, size_t length, struct shell_line *ret_line);

/* For CLEANUP(shell_line_deinit). */
void shell_line_deinit(struct shell_line *line);

/* Would bash, behind an open `quote`, not take `c` as it is? */
bool bash_must_quote(char c, char quote);

/* How a character that bash would not take as it is gets in. The two begin differently for each of them: see bash_quote(). */
enum quoting { QUOTING_SHORT, QUOTING_LONG };

/*
 * Writes `text` for bash, so that behind an open `quote` (0: none) it is nothing but itself. The quote is left open.
 *
 * readline completes to what several words have in common, and could stop between a \ and what it quotes: where words differ
 * in a quoted character, one of them is to be written by QUOTING_SHORT and the others by QUOTING_LONG.
 */
void bash_quote(const char *text, char quote, enum quoting quoting, FILE *out);

#endif
