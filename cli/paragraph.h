/*
 * Running text on a terminal: broken at spaces so that no line is wider than the screen, with a hanging indent. A word that
 * is wider than a line is broken where it must be.
 */
#ifndef CLI_PARAGRAPH_H
#define CLI_PARAGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/output.h"

struct paragraph {
    FILE *stream;
    size_t width;
    size_t indent; /* of the lines after the first; less than width */
    bool colour;
    size_t column; /* where the cursor is: what the caller has printed on the first line by himself */
    bool joined;   /* the next word needs a space before it */
};

/* Appends text, with spaces between its words and before it; made safe for a terminal. */
void paragraph_put(struct paragraph *paragraph, enum style style, const char *text);

/* The same, formatted; what is longer than 4 KiB is cut. */
void paragraph_format(struct paragraph *paragraph, enum style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Appends a command line, as it is. It is broken between words alone, behind a backslash, so that it can be copied
 * into a shell: a word that is wider than the terminal is left to it. A space in quotes parts no words.
 */
void paragraph_put_command(struct paragraph *paragraph, const char *command);

/* Ends the line. */
void paragraph_end(struct paragraph *paragraph);

#endif
