/*
 * JSON documents into one growing text, piece by piece: so an answer of 50,000 leases is never a tree of a million nodes. Writes numbers a good deal faster
 * than cJSON does, which prints each by way of the C library, and reads it back to see whether it is exact.
 */
#ifndef SRC_BASE_JSON_TEXT_H
#define SRC_BASE_JSON_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* An all-zero struct is empty. */
struct json_text {
    char *bytes; /* owned, by malloc(); not terminated by a NUL until json_text_take() */
    size_t length;
    size_t capacity;
    bool failed; /* memory was short: nothing more is added */
};

/* Frees all, and leaves an empty text: for CLEANUP(json_text_deinit), too. */
void json_text_deinit(struct json_text *text);

/* Adds the text as it is. */
void json_text_put(struct json_text *text, const char *literal);

/* Adds the document without white space; NULL (memory was short when it was made): the whole text has failed. */
void json_text_print(struct json_text *text, const cJSON *json);

/* The same, and frees the document. */
void json_text_add(struct json_text *text, cJSON *json);

/* Takes the text out, NUL-terminated; the caller's to free(). NULL: memory was short. */
char *json_text_take(struct json_text *text, size_t *ret_length);

#endif
