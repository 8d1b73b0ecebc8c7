/* Paths through JSON. */
#include "tests/support/json_check.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/fail.h"

/* One step: a member's name, or an index in brackets. Moves *path behind it. */
static const cJSON *step(const cJSON *json, const char **path) {
    if (**path == '.')
        (*path)++;
    if (**path == '[') {
        char *end;
        const long index = strtol(*path + 1, &end, 10);
        *path = end + 1;
        return cJSON_IsArray(json) ? cJSON_GetArrayItem(json, (int)index) : NULL;
    }
    char key[64];
    const size_t length = strcspn(*path, ".[");
    if (length >= sizeof(key))
        fail_test("A key is too long: %s", *path);
    memcpy(key, *path, length);
    key[length] = '\0';
    *path += length;
    return cJSON_IsObject(json) ? cJSON_GetObjectItemCaseSensitive(json, key) : NULL;
}

const cJSON *json_at(const cJSON *json, const char *path) {
    while (json && *path)
        json = step(json, &path);
    return json;
}

static _Noreturn void fail_at(const cJSON *json, const char *path, const char *wanted) {
    char *text = cJSON_Print(json);
    fail_test("There is no %s at %s of %s", wanted, path, text ? text : "nothing");
}

uint64_t json_number_at(const cJSON *json, const char *path) {
    const cJSON *item = json_at(json, path);
    if (!cJSON_IsNumber(item) || item->valuedouble < 0)
        fail_at(json, path, "number");
    return (uint64_t)item->valuedouble;
}

const char *json_text_at(const cJSON *json, const char *path) {
    const cJSON *item = json_at(json, path);
    if (!cJSON_IsString(item))
        fail_at(json, path, "string");
    return item->valuestring;
}

bool json_bool_at(const cJSON *json, const char *path) {
    const cJSON *item = json_at(json, path);
    if (!cJSON_IsBool(item))
        fail_at(json, path, "boolean");
    return cJSON_IsTrue(item);
}

int json_size_at(const cJSON *json, const char *path) {
    const cJSON *item = json_at(json, path);
    if (!cJSON_IsArray(item))
        fail_at(json, path, "array");
    return cJSON_GetArraySize(item);
}

bool json_is_null_at(const cJSON *json, const char *path) {
    return cJSON_IsNull(json_at(json, path));
}

bool json_has_exactly(const cJSON *object, const char *keys) {
    int n_keys = 0;
    for (const char *key = keys; *key;) {
        const size_t length = strcspn(key, " ");
        char name[64];
        if (length >= sizeof(name))
            fail_test("A key is too long: %s", key);
        memcpy(name, key, length);
        name[length] = '\0';
        if (!cJSON_GetObjectItemCaseSensitive(object, name))
            return false;
        n_keys++;
        key += length + strspn(key + length, " ");
    }
    return cJSON_IsObject(object) && cJSON_GetArraySize(object) == n_keys;
}
