/*
 * JSON, by way of cJSON, in one place.
 *
 * cJSON alone accepts trailing garbage, takes the first of two equal keys, compares keys without case, turns 1e999 into
 * INT_MAX and cuts strings at \u0000. Here a text is refused for each of these, and the getters never convert: a number
 * is not a string, 1.5 is no whole number.
 */
#ifndef SRC_BASE_JSON_H
#define SRC_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/fd.h"

/* Nesting that json_parse() accepts; a request needs 2, a reply 5. */
#define JSON_DEPTH_MAX 16

/* For CLEANUP(json_free_at). */
static inline void json_free_at(cJSON **json) {
    cJSON_Delete(*json);
    *json = NULL;
}

static inline void json_free_text_at(char **text) {
    cJSON_free(*text);
    *text = NULL;
}

/* Why a text is no JSON that we take: a sentence without a full stop, and the byte it is about (from 0). */
struct json_error {
    char reason[160];
    size_t offset;
};

/*
 * Parses exactly one JSON value with nothing but white space around it.
 * Returns 0, *ret_json is the caller's to free; JSON_E_MALFORMED with *ret_error filled (no JSON, not UTF-8, trailing
 * text, nested deeper than JSON_DEPTH_MAX, a duplicate key, a \u0000); -ENOMEM.
 */
#define JSON_E_MALFORMED 1
int json_parse(const char *text, size_t length, cJSON **ret_json, struct json_error *ret_error);

/* The member `key`, by exact case; NULL if `object` is no object, has no such key, or holds null there. */
const cJSON *json_get(const cJSON *object, const char *key);

/* Typed getters: true and *ret_ filled only if the member is there and has the type. */
bool json_get_string(const cJSON *object, const char *key, const char **ret_string);
bool json_get_bool(const cJSON *object, const char *key, bool *ret_bool);
bool json_get_number(const cJSON *object, const char *key, uint64_t min, uint64_t max, uint64_t *ret_number);

/* True if `item` is a whole number in min..max. */
bool json_is_whole(const cJSON *item, uint64_t min, uint64_t max, uint64_t *ret_number);

/*
 * Writing. cJSON's Add functions take NULL for any argument and then do nothing, so a document that could not be made for want of memory
 * needs no check until it is printed.
 *
 * A string that may come from outside: bytes that are no UTF-8, and control characters, become '?', so that the document is always JSON
 * and can be shown anywhere. Cut at 1,023 bytes.
 */
void json_add_text(cJSON *object, const char *key, const char *text);

/* The same, and not cut: for what is of no use when it is. */
void json_add_long_text(cJSON *object, const char *key, const char *text);

/* As json_add_text(), or null if there is none. */
void json_add_text_or_null(cJSON *object, const char *key, const char *text);

/* Adds null if `present` is false. */
void json_add_number_or_null(cJSON *object, const char *key, bool present, double number);

/* An array of texts, each as json_add_text() has it. */
void json_add_texts(cJSON *object, const char *key, const char *const *texts, size_t n_texts);

/* Milliseconds since 1970, as text_format_time() writes them. */
void json_add_time(cJSON *object, const char *key, int64_t unix_ms);

/* The type as a word for an error sentence: "a string", "null", ... Static. */
const char *json_type_name(const cJSON *item);

#endif
