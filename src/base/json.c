/*
 * JSON, by way of cJSON, made strict: the text is scanned before cJSON sees it for what cJSON would let pass, and the tree
 * is walked after for what only the tree shows.
 */
#include "src/base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/text.h"

static int malformed(struct json_error *ret_error, size_t offset, const char *reason) {
    ret_error->offset = offset;
    snprintf(ret_error->reason, sizeof ret_error->reason, "%s", reason);
    return JSON_E_MALFORMED;
}

/* Depth and \u0000: both must be known before cJSON recurses into the text or cuts a string short. */
static int scan_text(const char *text, size_t length, struct json_error *ret_error) {
    bool in_string = false;
    size_t depth = 0;

    for (size_t at = 0; at < length; at++) {
        char c = text[at];

        if (c == '\0')
            return malformed(ret_error, at, "a NUL byte");
        if (in_string && c == '\\') {
            if (length - at >= 6 && memcmp(text + at, "\\u0000", 6) == 0)
                return malformed(ret_error, at, "\\u0000 in a string");
            at++;
        } else if (in_string && (unsigned char)c < 0x20) {
            return malformed(ret_error, at, "a control character in a string, which JSON wants escaped");
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '{' || c == '[')) {
            if (++depth > JSON_DEPTH_MAX)
                return malformed(ret_error, at, "nested too deep");
        } else if (!in_string && (c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return 0;
}

static bool is_white(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Quadratic in the members of one object, of which a 64 KiB text holds some 13,000; so wide ones are cut off first. */
#define MEMBERS_MAX 256

/* Looks at the members of one object, not at what is in them. */
static int check_members(const cJSON *object, struct json_error *ret_error) {
    size_t n_members = 0;
    const cJSON *member;

    cJSON_ArrayForEach(member, object) {
        if (++n_members > MEMBERS_MAX)
            return malformed(ret_error, 0, "an object with more than 256 members");
        for (const cJSON *other = object->child; other != member; other = other->next) {
            if (strcmp(other->string, member->string) == 0) {
                char key[48];
                snprintf(ret_error->reason, sizeof ret_error->reason, "the key \"%s\" stands twice",
                         text_make_safe(member->string, key, sizeof key));
                ret_error->offset = 0;
                return JSON_E_MALFORMED;
            }
        }
    }
    return 0;
}

/* Walks the whole tree, depth first; scan_text() has bounded its depth, and so the way back to the root. */
static int check_tree(const cJSON *root, struct json_error *ret_error) {
    const cJSON *way[JSON_DEPTH_MAX + 1];
    size_t depth = 0;
    const cJSON *json = root;

    for (;;) {
        int r = cJSON_IsObject(json) ? check_members(json, ret_error) : 0;
        if (r != 0)
            return r;
        if (json->child != NULL) {
            way[depth++] = json;
            json = json->child;
            continue;
        }
        while (depth > 0 && json->next == NULL)
            json = way[--depth];
        if (depth == 0)
            return 0;
        json = json->next;
    }
}

int json_parse(const char *text, size_t length, cJSON **ret_json, struct json_error *ret_error) {
    CLEANUP(json_free_at) cJSON *json = NULL;
    const char *end = text;
    int r;

    if (!text_is_utf8(text, length))
        return malformed(ret_error, 0, "not UTF-8");
    r = scan_text(text, length, ret_error);
    if (r != 0)
        return r;
    json = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (json == NULL)
        return malformed(ret_error, (size_t)(end - text), length == 0 ? "empty" : "not JSON");
    while (end < text + length && is_white(*end))
        end++;
    if (end < text + length)
        return malformed(ret_error, (size_t)(end - text), "text after the end of the JSON value");
    r = check_tree(json, ret_error);
    if (r != 0)
        return r;
    *ret_json = json;
    json = NULL;
    return 0;
}

const cJSON *json_get(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
    return cJSON_IsNull(item) ? NULL : item;
}

bool json_get_string(const cJSON *object, const char *key, const char **ret_string) {
    const cJSON *item = json_get(object, key);

    if (!cJSON_IsString(item))
        return false;
    *ret_string = item->valuestring;
    return true;
}

bool json_get_bool(const cJSON *object, const char *key, bool *ret_bool) {
    const cJSON *item = json_get(object, key);

    if (!cJSON_IsBool(item))
        return false;
    *ret_bool = cJSON_IsTrue(item);
    return true;
}

bool json_get_number(const cJSON *object, const char *key, uint64_t min, uint64_t max, uint64_t *ret_number) {
    return json_is_whole(json_get(object, key), min, max, ret_number);
}

/* From 2^53 on a double no longer holds every whole number, so what was written is not known. */
bool json_is_whole(const cJSON *item, uint64_t min, uint64_t max, uint64_t *ret_number) {
    double value;

    if (!cJSON_IsNumber(item))
        return false;
    value = item->valuedouble;
    if (!isfinite(value) || value < 0 || value >= 9007199254740992.0 || floor(value) < value)
        return false;
    if ((uint64_t)value < min || (uint64_t)value > max)
        return false;
    *ret_number = (uint64_t)value;
    return true;
}

const char *json_type_name(const cJSON *item) {
    if (cJSON_IsString(item))
        return "a string";
    if (cJSON_IsNumber(item))
        return "a number";
    if (cJSON_IsBool(item))
        return "a boolean";
    if (cJSON_IsArray(item))
        return "an array";
    if (cJSON_IsObject(item))
        return "an object";
    return "null";
}
