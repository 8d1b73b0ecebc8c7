/*
 * The Content-Type of an answer. See content_type.h.
 */
#include "cli/content_type.h"

#include <string.h>
#include <strings.h>

static void append_text(char *text, size_t size, const char *at, size_t length) {
    size_t used = strlen(text);
    size_t room = size - 1 - used;

    if (length > room)
        length = room;
    memcpy(text + used, at, length);
    text[used + length] = '\0';
}

void content_type_end(struct content_type *type) {
    if (strcasecmp(type->name, "Content-Type") == 0)
        memcpy(type->found, type->value, sizeof type->found);
    type->name[0] = '\0';
    type->value[0] = '\0';
    type->in_value = false;
}

void content_type_add_name(struct content_type *type, const char *at, size_t length) {
    if (type->in_value)
        content_type_end(type);
    append_text(type->name, sizeof type->name, at, length);
}

void content_type_add_value(struct content_type *type, const char *at, size_t length) {
    type->in_value = true;
    append_text(type->value, sizeof type->value, at, length);
}

bool content_type_is(const struct content_type *type, const char *expected) {
    size_t length = strcspn(type->found, "; \t");

    return length == strlen(expected) && strncasecmp(type->found, expected, length) == 0;
}
