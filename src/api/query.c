/* The one parse of a request's target. */
#include "src/api/query.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/text.h"

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* In place: what is decoded is never longer. */
static const char *decode(char *text) {
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '%') {
            int high = hex_value(from[1]);
            int low = high >= 0 ? hex_value(from[2]) : -1;
            if (low < 0)
                return "has a % that is not followed by two hexadecimal digits";
            if (high == 0 && low == 0)
                return "has a NUL (%00)";
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
    return text_is_utf8(text, strlen(text)) ? NULL : "is not UTF-8";
}

static const char *add_parameter(struct query *query, char *text) {
    char *equals = strchr(text, '=');
    char *value = equals != NULL ? equals + 1 : text + strlen(text);
    const char *wrong;

    if (equals != NULL)
        *equals = '\0';
    wrong = decode(text);
    if (wrong == NULL)
        wrong = decode(value);
    if (wrong != NULL)
        return wrong;
    if (query_get(query, text) != NULL)
        return "has a query parameter twice";
    if (query->n_parameters == QUERY_PARAMETERS_MAX)
        return "has more than 8 query parameters";
    query->parameters[query->n_parameters++] = (struct query_parameter){.name = text, .value = value};
    return NULL;
}

const char *query_parse(const char *target, struct query *ret_query) {
    size_t length = strlen(target);
    char *next;

    if (target[0] != '/')
        return "must be a path that begins with /";
    if (length >= sizeof ret_query->text)
        return "is longer than 8,191 bytes";
    memcpy(ret_query->text, target, length + 1);
    ret_query->path = ret_query->text;
    ret_query->n_parameters = 0;
    next = strchr(ret_query->text, '?');
    if (next == NULL)
        return NULL;
    *next++ = '\0';
    while (next != NULL && *next != '\0') {
        char *parameter = next;
        const char *wrong;

        next = strchr(parameter, '&');
        if (next != NULL)
            *next++ = '\0';
        wrong = *parameter != '\0' ? add_parameter(ret_query, parameter) : NULL;
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

const char *query_get(const struct query *query, const char *name) {
    for (size_t i = 0; i < query->n_parameters; i++)
        if (strcmp(query->parameters[i].name, name) == 0)
            return query->parameters[i].value;
    return NULL;
}
