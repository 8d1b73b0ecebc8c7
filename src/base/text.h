/*
 * Words, numbers and times as text: what the command line, the environment and the API share.
 *
 * Pure functions; nothing here allocates unless it says so.
 */
#ifndef SRC_BASE_TEXT_H
#define SRC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if the `length` bytes are well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing past U+10FFFF). */
bool text_is_utf8(const char *text, size_t length);

/* True if the UTF-8 text has a control character: C0, DEL or C1 (U+0000-001F, U+007F-009F). */
bool text_has_control(const char *text, size_t length);

/*
 * Copies `text` to `ret_safe` (size bytes, at least 4) so that it can be shown on any terminal: control characters, those
 * that turn the direction of text, and bytes that are no UTF-8 become '?', and what does not fit is cut at a character's end. Returns `ret_safe`.
 */
const char *text_make_safe(const char *text, char *ret_safe, size_t size);

/* A whole decimal number in min..max, all of the text and nothing but digits. Returns 0, or -EINVAL for no such number,
 * -ERANGE for one outside min..max. */
int text_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number);

/* A duration: "90", "90s", "5m", "2h", "1d". Seconds in *ret_seconds, at least 1. Returns 0, -EINVAL, or -ERANGE (0, or
 * more than 2^53 seconds). */
int text_parse_duration(const char *text, uint64_t *ret_seconds);

#define TEXT_DURATION_MAX 32
/* Writes a duration for a person: "45s", "3m02s", "2h05m", "1d03h", to `ret_text` (TEXT_DURATION_MAX bytes). */
void text_format_duration(uint64_t seconds, char *ret_text);

#define TEXT_TIME_MAX 32
/* Writes milliseconds since 1970 as RFC 3339 in UTC with milliseconds, "2026-01-02T03:04:05.678Z" (TEXT_TIME_MAX
 * bytes). */
void text_format_time(int64_t unix_ms, char *ret_text);

/* Reads RFC 3339 with any offset and any length of fraction. Returns 0 or -EINVAL. */
int text_parse_time(const char *text, int64_t *ret_unix_ms);

/* The longest word of text_quote_word() for a text of `length` bytes, its NUL included. */
#define TEXT_QUOTED_MAX(length) ((length)*4 + 8)

/* A text as one word of a shell, for commands to copy: as it is, or in single quotes; cut if `ret_word` (`size` bytes, at least 8) has no room for all of
 * it. Returns `ret_word`. */
const char *text_quote_word(const char *text, char *ret_word, size_t size);

/* Several as one line, by single spaces; `words` ends with NULL. The caller's to free(); NULL: memory is short. */
char *text_quote_words(char *const *words);

/*
 * The one of `words` that `word` was probably meant to be: the least edits (insert, delete, replace, swap of
 * neighbours), if these are at most a third of the longer one's length, and at least 1 is allowed. NULL if none is near.
 */
const char *text_nearest(const char *word, const char *const *words, size_t n_words);

#endif
