/*
 * The id of a message that is refused. See mcp_id.h.
 *
 * Only strings and brackets are told apart, so nesting costs nothing, and what stands between them may be anything.
 */
#include "cli/mcp_id.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/json.h"

struct scan {
    const char *at;
    const char *end;
    size_t depth;
    const char *id; /* the value's first byte; NULL: none was seen */
    const char *id_end;
    bool has_several;
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_spaces(struct scan *scan) {
    while (scan->at < scan->end && is_space(*scan->at))
        scan->at++;
}

/* From behind its first quote to behind its last. Returns false if that is missing. */
static bool skip_string(struct scan *scan) {
    while (scan->at < scan->end && *scan->at != '"')
        scan->at += *scan->at == '\\' ? 2 : 1;
    if (scan->at >= scan->end)
        return false;
    scan->at++;
    return true;
}

/* What is neither a string nor a number ends somewhere that matters to nobody: it is no id. */
static bool take_id(struct scan *scan) {
    scan->has_several = scan->id != NULL;
    skip_spaces(scan);
    scan->id = scan->at;
    if (scan->at < scan->end && *scan->at == '"') {
        scan->at++;
        if (!skip_string(scan))
            return false;
    } else {
        while (scan->at < scan->end && strchr(",{}[]\" \t\r", *scan->at) == NULL)
            scan->at++;
    }
    scan->id_end = scan->at;
    return true;
}

/* In the object itself a string with a colon behind it is a key. */
static bool take_string(struct scan *scan) {
    const char *text = scan->at;

    if (!skip_string(scan))
        return false;
    if (scan->depth != 1 || scan->at - text != 3 || memcmp(text, "id\"", 3) != 0)
        return true;
    skip_spaces(scan);
    if (scan->at == scan->end || *scan->at != ':')
        return true;
    scan->at++;
    return take_id(scan);
}

/* Returns false if the line is not one object. */
static bool walk(struct scan *scan) {
    skip_spaces(scan);
    if (scan->at == scan->end || *scan->at != '{')
        return false;
    do {
        const char c = *scan->at++;

        if (c == '"' && !take_string(scan))
            return false;
        if (c == '{' || c == '[')
            scan->depth++;
        else if (c == '}' || c == ']')
            scan->depth--;
    } while (scan->at < scan->end && scan->depth > 0);
    skip_spaces(scan);
    return scan->depth == 0 && scan->at == scan->end;
}

cJSON *mcp_id_find(const char *line, size_t length) {
    struct scan scan = {.at = line, .end = line + length};
    struct json_error error;
    cJSON *id = NULL;

    if (!walk(&scan) || scan.id == NULL || scan.has_several ||
        json_parse(scan.id, (size_t)(scan.id_end - scan.id), &id, &error) != 0)
        return NULL;
    return id;
}
