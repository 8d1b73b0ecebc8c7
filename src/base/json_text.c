/* A cJSON tree as text. */
#include "src/base/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 256

/* As deep as anything of ours is; what is deeper would be a fault. */
#define DEPTH_MAX 32

void json_text_deinit(struct json_text *text) {
    free(text->bytes);
    *text = (struct json_text){0};
}

static bool grow(struct json_text *text, size_t n_bytes) {
    size_t capacity = text->capacity > 0 ? text->capacity : CAPACITY_MIN;
    char *bytes;

    while (capacity - text->length < n_bytes)
        capacity *= 2;
    bytes = text->failed ? NULL : realloc(text->bytes, capacity);
    text->failed = bytes == NULL;
    if (text->failed)
        return false;
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

static void put(struct json_text *text, const char *bytes, size_t n_bytes) {
    if (text->capacity - text->length < n_bytes && !grow(text, n_bytes))
        return;
    memcpy(text->bytes + text->length, bytes, n_bytes);
    text->length += n_bytes;
}

static void put_char(struct json_text *text, char c) {
    if (text->capacity == text->length && !grow(text, 1))
        return;
    text->bytes[text->length++] = c;
}

void json_text_put(struct json_text *text, const char *literal) {
    put(text, literal, strlen(literal));
}

/* Two characters stand for each of these; the other control characters are written by their number. */
static void put_escaped(struct json_text *text, char c) {
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = strchr(named, c);
    char escape[8] = {'\\'};

    if (found != NULL)
        escape[1] = letters[found - named];
    else
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)c);
    json_text_put(text, escape);
}

static bool is_plain(char c) {
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

static void put_string(struct json_text *text, const char *string) {
    put_char(text, '"');
    while (*string != '\0') {
        size_t n_plain = 0;

        while (is_plain(string[n_plain]))
            n_plain++;
        put(text, string, n_plain);
        string += n_plain;
        if (*string != '\0')
            put_escaped(text, *string++);
    }
    put_char(text, '"');
}

/* Ours are whole, and below 2^53. */
static void put_number(struct json_text *text, double number) {
    char digits[32];
    char *at = digits + sizeof digits;
    uint64_t rest;

    if (!(number >= 0 && number < 9007199254740992.0) || floor(number) < number) {
        snprintf(digits, sizeof digits, "%.17g", number);
        json_text_put(text, isfinite(number) ? digits : "null");
        return;
    }
    rest = (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    put(text, at, (size_t)(digits + sizeof digits - at));
}

/* Of the lower byte, which is what cJSON's own questions look at, each by a call. */
static int type_of(const cJSON *json) {
    return json->type & 0xFF;
}

static bool has_members(const cJSON *json) {
    return type_of(json) == cJSON_Object || type_of(json) == cJSON_Array;
}

static void put_leaf(struct json_text *text, const cJSON *json) {
    switch (type_of(json)) {
    case cJSON_String:
        put_string(text, json->valuestring);
        return;
    case cJSON_Raw:
        json_text_put(text, json->valuestring);
        return;
    case cJSON_Number:
        put_number(text, json->valuedouble);
        return;
    case cJSON_True:
        json_text_put(text, "true");
        return;
    case cJSON_False:
        json_text_put(text, "false");
        return;
    default:
        json_text_put(text, "null");
        return;
    }
}

/* Its opening bracket or all of it, with its key if it has one. */
static void put_item(struct json_text *text, const cJSON *json, bool has_key) {
    if (has_key) {
        put_string(text, json->string);
        put_char(text, ':');
    }
    if (has_members(json))
        put_char(text, type_of(json) == cJSON_Object ? '{' : '[');
    else
        put_leaf(text, json);
}

static void put_end(struct json_text *text, const cJSON *json) {
    put_char(text, type_of(json) == cJSON_Object ? '}' : ']');
}

/* `open` are those that `item` is in, the innermost last. */
static void put_tree(struct json_text *text, const cJSON *root) {
    const cJSON *open[DEPTH_MAX];
    const cJSON *item = root;
    size_t depth = 0;

    for (;;) {
        put_item(text, item, depth > 0 && type_of(open[depth - 1]) == cJSON_Object);
        if (has_members(item) && item->child != NULL && depth < DEPTH_MAX) {
            open[depth++] = item;
            item = item->child;
            continue;
        }
        text->failed = text->failed || (has_members(item) && item->child != NULL);
        if (has_members(item))
            put_end(text, item);
        while (depth > 0 && item->next == NULL) {
            item = open[--depth];
            put_end(text, item);
        }
        if (depth == 0)
            return;
        put_char(text, ',');
        item = item->next;
    }
}

void json_text_print(struct json_text *text, const cJSON *json) {
    if (json == NULL)
        text->failed = true;
    else
        put_tree(text, json);
}

void json_text_add(struct json_text *text, cJSON *json) {
    json_text_print(text, json);
    cJSON_Delete(json);
}

char *json_text_take(struct json_text *text, size_t *ret_length) {
    char *bytes;

    put_char(text, '\0');
    if (text->failed) {
        json_text_deinit(text);
        return NULL;
    }
    bytes = text->bytes;
    *ret_length = text->length - 1;
    *text = (struct json_text){0};
    return bytes;
}
