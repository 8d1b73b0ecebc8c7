/*
 * Where in a text a part of its JSON stands. cJSON's tree does not say.
 */
#ifndef SRC_BASE_JSON_PLACE_H
#define SRC_BASE_JSON_PLACE_H

#include <cjson/cJSON.h>
#include <stddef.h>

/* Of a member of an object: its key, or its value. Only a member has a key. */
enum json_part { JSON_VALUE, JSON_KEY };

/* The byte at which `item` begins. `root` is what the NUL-terminated `text`, which is JSON to the letter (json_scan.h), was parsed to, and `item` is in it. */
size_t json_place(const char *text, const cJSON *root, const cJSON *item, enum json_part part);

/* As editors count: from 1, a tab and a character of several bytes as one column. */
struct json_line {
    size_t line;
    size_t column;
};
struct json_line json_line_at(const char *text, size_t offset);

#endif
