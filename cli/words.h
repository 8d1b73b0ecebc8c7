/*
 * The words, glyphs and colours of states, findings and events: the same as the dashboard's, so that one thing has one name
 * wherever a person meets it.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/output.h"

struct words {
    const char *glyph; /* "": none */
    const char *word;
    enum style style;
};

/* Of a lease's state, or that of a port without one (/who). `evidence` may be NULL. What a newer portd says is its own
 * word: the result borrows `state`, and below `kind` and `finding`. */
struct words words_of_state(const char *state, const char *evidence);

struct words words_of_finding(const char *kind);

/* `finding` may be NULL. */
struct words words_of_event(const char *kind, const char *finding);

#define WORDS_MAX 64

/* "● in use", or without UTF-8 "in use"; in `ret_text` (WORDS_MAX bytes). Returns `ret_text`. */
const char *words_format(const struct words *words, bool utf8, char *ret_text);

#endif
