/*
 * What a command prints, and where. The answer goes to standard output, everything else to standard error; each stream
 * decides by itself whether it is a terminal and whether it takes colour.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct options;

/* Colour stands for a state and never alone: a word says the same. */
enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_INFO, STYLE_WARNING, STYLE_BAD };

struct output {
    bool quiet;
    bool json;
    bool verbose;
    bool terminal;       /* standard output is one */
    bool error_terminal; /* standard error is one */
    bool colour;         /* on standard output */
    bool error_colour;   /* on standard error */
    bool utf8;           /* the locale takes more than ASCII */
    bool impatient;      /* a sentence that would have to wait for the reader of standard error is dropped */
    unsigned width;      /* columns of the terminal; 80 where it does not say */
};

/* Looks at the two streams, the environment (NO_COLOR, TERM, COLUMNS, LC_ALL, LC_CTYPE, LANG) and --color. */
void output_init(struct output *output, const struct options *options);

/* The escape sequences around styled text; "" without colour. Static. */
const char *output_style(bool colour, enum style style);
const char *output_style_end(bool colour, enum style style);

/* A line on standard error: `portctl: ...`. Cut after about a thousand bytes. */
void output_say(const struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line on standard error as it is. */
void output_tell(const struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line on standard error below one of output_say(): `  hint: ...`. */
void output_hint(const struct output *output, const char *hint);

/* Each string of the array `notes` (NULL is allowed) as a line on standard error. With --json nothing: they are in the
 * document. */
void output_notes(const struct output *output, const cJSON *notes);

/*
 * Prints one JSON document on one line of standard output: "version": 1 first, then the members of `members`, an object,
 * which is taken over (NULL: memory was short). Returns 0 or -ENOMEM.
 */
int output_json(cJSON *members);

/* How long ago, roughly: "12s ago", "5m ago", "3h ago", "2d ago"; "just now" for what seems to lie in the future. */
#define OUTPUT_AGE_MAX 32
void output_format_age(int64_t unix_ms, int64_t now_ms, char *ret_text);

/* Flushes standard output. Returns 0, or -errno if anything written to it was lost. */
int output_finish(void);

#endif
