/*
 * Texts that must fit and stay different from each other: cut, with a hash of the whole at the end.
 */
#ifndef CLI_SHORTEN_H
#define CLI_SHORTEN_H

#include <stddef.h>

/* "~" and eight digits. A branch's name has no ~ (git-check-ref-format(1)), so what has one is never another branch. */
#define SHORTEN_HASH_LENGTH 9

/* Writes "~" and the hash of `text`, and a NUL. */
void shorten_hash(const char *text, char *ret_hash);

/* Cuts `text` to at most `room` bytes, which are more than SHORTEN_HASH_LENGTH; what is cut ends in the hash of the whole. No
 * character is cut in two. `ret_text` has room + 1 bytes. */
void shorten(const char *text, size_t room, char *ret_text);

#endif
