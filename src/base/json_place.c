/*
 * Where in a text a part of its JSON stands. See json_place.h.
 *
 * Values begin in a text in the order in which a walk of the tree, depth first, comes to them. So the item is as many values from
 * the beginning of the one as it is of the other.
 */
#include "src/base/json_place.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/json.h"

/* How many values are before it. */
static size_t count_before(const cJSON *root, const cJSON *item) {
    const cJSON *way[JSON_DEPTH_MAX + 1];
    size_t depth = 0;
    size_t n_before = 0;

    for (const cJSON *json = root; json != item; n_before++) {
        if (json->child != NULL) {
            way[depth++] = json;
            json = json->child;
            continue;
        }
        while (depth > 0 && json->next == NULL)
            json = way[--depth];
        if (depth == 0)
            break;
        json = json->next;
    }
    return n_before;
}

/* White space, and what stands between values. */
static const char *skip_between(const char *at) {
    return at + strspn(at, " \t\r\n,:]}");
}

/* `at` is the quote that begins it. */
static const char *skip_string(const char *at) {
    for (at++; *at != '"' && *at != '\0'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return *at == '"' ? at + 1 : at;
}

/* A string, a number or a word as a whole; of an object or an array the bracket. */
static const char *skip_token(const char *at) {
    if (*at == '"')
        return skip_string(at);
    return *at == '{' || *at == '[' ? at + 1 : at + strcspn(at, " \t\r\n,:]}");
}

static bool is_key(const char *at, const char *end) {
    return *at == '"' && end[strspn(end, " \t\r\n")] == ':';
}

size_t json_place(const char *text, const cJSON *root, const cJSON *item, enum json_part part) {
    size_t n_before = count_before(root, item);
    const char *key = text;
    const char *at;

    for (at = skip_between(text); *at != '\0';) {
        const char *end = skip_token(at);

        if (is_key(at, end))
            key = at;
        else if (n_before-- == 0)
            break;
        at = skip_between(end);
    }
    return (size_t)((part == JSON_KEY ? key : at) - text);
}

struct json_line json_line_at(const char *text, size_t offset) {
    struct json_line place = {1, 1};

    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}
