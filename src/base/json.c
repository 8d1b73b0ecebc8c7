/*
 * JSON, by way of cJSON, made strict: the text's form is checked before cJSON sees it (json_scan.h), and the tree is walked
 * after for what only the tree shows.
 */
#include "src/base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_place.h"
#include "src/base/json_scan.h"
#include "src/base/text.h"

static int malformed(struct json_error *ret_error, size_t offset, const char *reason) {
    ret_error->offset = offset;
    snprintf(ret_error->reason, sizeof ret_error->reason, "%s", reason);
    return JSON_E_MALFORMED;
}

/* Quadratic in the members of one object, of which a 64 KiB text holds some 13,000; so wide ones are cut off first. */
#define MEMBERS_MAX 256

/* A tree, and the text that it was made of. */
struct parsed {
    const char *text;
    const cJSON *root;
};

/* Looks at the members of one object, not at what is in them. */
static int check_members(const struct parsed *parsed, const cJSON *object, struct json_error *ret_error) {
    size_t n_members = 0;
    const cJSON *member;

    cJSON_ArrayForEach(member, object) {
        if (++n_members > MEMBERS_MAX)
            return malformed(ret_error, json_place(parsed->text, parsed->root, member, JSON_KEY),
                             "an object with more than 256 members");
        for (const cJSON *other = object->child; other != member; other = other->next) {
            if (strcmp(other->string, member->string) == 0) {
                char key[48];
                snprintf(ret_error->reason, sizeof ret_error->reason, "the key \"%s\" stands twice",
                         text_make_safe(member->string, key, sizeof key));
                ret_error->offset = json_place(parsed->text, parsed->root, member, JSON_KEY);
                return JSON_E_MALFORMED;
            }
        }
    }
    return 0;
}

/* Walks the whole tree, depth first; scan_text() has bounded its depth, and so the way back to the root. */
static int check_tree(const struct parsed *parsed, struct json_error *ret_error) {
    const cJSON *way[JSON_DEPTH_MAX + 1];
    size_t depth = 0;
    const cJSON *json = parsed->root;

    for (;;) {
        int r = cJSON_IsObject(json) ? check_members(parsed, json, ret_error) : 0;
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

/* `text` ends with a NUL at `length`. */
static int parse_terminated(const char *text, size_t length, cJSON **ret_json, struct json_error *ret_error) {
    CLEANUP(json_free_at) cJSON *json = NULL;
    size_t offset = 0;
    const char *wrong = json_scan(text, &offset);
    int r;

    if (wrong != NULL)
        return malformed(ret_error, offset, wrong);
    /* The text is sound, so only memory can be missing. */
    json = cJSON_ParseWithLength(text, length);
    if (json == NULL)
        return -ENOMEM;
    r = check_tree(&(const struct parsed){text, json}, ret_error);
    if (r != 0)
        return r;
    *ret_json = json;
    json = NULL;
    return 0;
}

int json_parse(const char *text, size_t length, cJSON **ret_json, struct json_error *ret_error) {
    CLEANUP(json_free_text_at) char *terminated = NULL;
    const char *nul = length > 0 ? memchr(text, '\0', length) : NULL;

    if (nul != NULL)
        return malformed(ret_error, (size_t)(nul - text), "a NUL byte");
    if (!text_is_utf8(text, length))
        return malformed(ret_error, 0, "not UTF-8");
    terminated = cJSON_malloc(length + 1);
    if (terminated == NULL)
        return -ENOMEM;
    if (length > 0)
        memcpy(terminated, text, length);
    terminated[length] = '\0';
    return parse_terminated(terminated, length, ret_json, ret_error);
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

void json_add_text(cJSON *object, const char *key, const char *text) {
    char safe[1024];

    cJSON_AddStringToObject(object, key, text_make_safe(text, safe, sizeof safe));
}

void json_add_long_text(cJSON *object, const char *key, const char *text) {
    size_t size = strlen(text) + 4; /* safe, it is not longer; the least that text_make_safe() takes */
    char *safe = malloc(size);

    if (safe != NULL)
        text_make_safe(text, safe, size);
    cJSON_AddItemToObject(object, key, safe != NULL ? cJSON_CreateString(safe) : NULL);
    free(safe);
}

void json_add_text_or_null(cJSON *object, const char *key, const char *text) {
    if (text != NULL)
        json_add_text(object, key, text);
    else
        cJSON_AddNullToObject(object, key);
}

void json_add_texts(cJSON *object, const char *key, const char *const *texts, size_t n_texts) {
    cJSON *array = cJSON_AddArrayToObject(object, key);
    char safe[1024];

    for (size_t i = 0; i < n_texts; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(text_make_safe(texts[i], safe, sizeof safe)));
}

void json_add_number_or_null(cJSON *object, const char *key, bool present, double number) {
    if (present)
        cJSON_AddNumberToObject(object, key, number);
    else
        cJSON_AddNullToObject(object, key);
}

void json_add_time(cJSON *object, const char *key, int64_t unix_ms) {
    char text[TEXT_TIME_MAX];

    text_format_time(unix_ms, text);
    cJSON_AddStringToObject(object, key, text);
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
