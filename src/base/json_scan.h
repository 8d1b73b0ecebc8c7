/*
 * Is a text JSON, to the letter of RFC 8259? cJSON, which makes the tree, is more generous than the RFC: 01 and 1. are numbers to
 * it, any control character is white space, and \u12G4 is a character.
 */
#ifndef SRC_BASE_JSON_SCAN_H
#define SRC_BASE_JSON_SCAN_H

#include <stddef.h>

/*
 * Checks the NUL-terminated UTF-8 `text`. Returns NULL if it is one JSON value with nothing but white space around it, nested at
 * most JSON_DEPTH_MAX deep and without \u0000; else why not, a sentence's end without a full stop (static), and *ret_offset is
 * the byte that it is about.
 */
const char *json_scan(const char *text, size_t *ret_offset);

#endif
