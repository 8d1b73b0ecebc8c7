/*
 * The grammar of RFC 8259 as a table of what may come next. No tree, no memory, no recursion: the brackets that are open are kept in
 * an array, because their number is limited.
 */
#include "src/base/json_scan.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/json.h"

enum expected {
    VALUE,
    VALUE_OR_CLOSE, /* behind [ */
    KEY,
    KEY_OR_CLOSE, /* behind { */
    COLON,
    COMMA_OR_CLOSE,
    NOTHING, /* behind the value that is the text */
};

struct scan {
    const char *text;
    size_t at;
    enum expected expected;
    char open[JSON_DEPTH_MAX]; /* '{' or '[' */
    size_t depth;
};

static const char not_json[] = "not JSON";

static size_t n_digits(const char *at) {
    return strspn(at, "0123456789");
}

/* Section 6. Returns the length of the number, or 0 if it is none. */
static size_t number_length(const char *text) {
    const char *at = text[0] == '-' ? text + 1 : text;

    if (n_digits(at) == 0 || (at[0] == '0' && n_digits(at) > 1))
        return 0;
    at += n_digits(at);
    if (at[0] == '.') {
        if (n_digits(at + 1) == 0)
            return 0;
        at += 1 + n_digits(at + 1);
    }
    if (at[0] == 'e' || at[0] == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        if (n_digits(at) == 0)
            return 0;
        at += n_digits(at);
    }
    return (size_t)(at - text);
}

/* The four digits behind \u; -1 if they are not there. */
static int hex4(const char *at) {
    int value = 0;

    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        char digit = at[i] >= 'A' && at[i] <= 'F' ? (char)(at[i] - 'A' + 'a') : at[i];
        const char *found = digit != '\0' ? strchr(digits, digit) : NULL;

        if (found == NULL)
            return -1;
        value = value * 16 + (int)(found - digits);
    }
    return value;
}

/* Section 7: from the backslash on. NULL, with the escape's length, or why it is none. */
static const char *scan_escape(const char *at, size_t *ret_length) {
    int first;

    *ret_length = 2;
    if (at[1] != 'u')
        return at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL ? NULL : not_json;
    first = hex4(at + 2);
    *ret_length = 6;
    if (first == 0)
        return "\\u0000 in a string";
    if (first < 0 || (first >= 0xDC00 && first <= 0xDFFF))
        return not_json;
    if (first < 0xD800 || first > 0xDBFF)
        return NULL;
    *ret_length = 12;
    if (at[6] != '\\' || at[7] != 'u' || hex4(at + 8) < 0xDC00 || hex4(at + 8) > 0xDFFF)
        return not_json; /* half of a surrogate pair */
    return NULL;
}

static const char *scan_string(struct scan *scan) {
    scan->at++;
    for (;;) {
        const char *at = scan->text + scan->at;
        size_t length = 1;
        const char *wrong = NULL;

        if (*at == '"') {
            scan->at++;
            return NULL;
        }
        if (*at == '\0')
            return "the end comes in the middle of a string";
        if (*at == '\\')
            wrong = scan_escape(at, &length);
        else if ((unsigned char)*at < 0x20)
            wrong = "a control character in a string, which JSON wants escaped";
        if (wrong != NULL)
            return wrong;
        scan->at += length;
    }
}

/* What may follow a value that is complete. */
static void end_value(struct scan *scan) {
    scan->expected = scan->depth > 0 ? COMMA_OR_CLOSE : NOTHING;
}

static const char *scan_open(struct scan *scan, char bracket) {
    if (scan->depth == JSON_DEPTH_MAX)
        return "nested too deep";
    scan->open[scan->depth++] = bracket;
    scan->expected = bracket == '{' ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
    scan->at++;
    return NULL;
}

static const char *scan_close(struct scan *scan, char bracket) {
    char wanted = bracket == '}' ? '{' : '[';

    if (scan->depth == 0 || scan->open[scan->depth - 1] != wanted)
        return not_json;
    scan->depth--;
    scan->at++;
    end_value(scan);
    return NULL;
}

static const char *scan_value(struct scan *scan) {
    static const char *const literals[] = {"true", "false", "null"};
    const char *at = scan->text + scan->at;
    size_t length = 0;

    if (*at == '{' || *at == '[')
        return scan_open(scan, *at);
    if (*at == '"') {
        const char *wrong = scan_string(scan);
        end_value(scan);
        return wrong;
    }
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++)
        if (strncmp(at, literals[i], strlen(literals[i])) == 0)
            length = strlen(literals[i]);
    if (length == 0)
        length = number_length(at);
    if (length == 0)
        return not_json;
    scan->at += length;
    end_value(scan);
    return NULL;
}

static const char *scan_key(struct scan *scan) {
    scan->expected = COLON;
    return scan->text[scan->at] == '"' ? scan_string(scan) : not_json;
}

/* One token. */
static const char *step(struct scan *scan) {
    char c = scan->text[scan->at];
    bool closes = c == '}' || c == ']';

    switch (scan->expected) {
    case VALUE_OR_CLOSE:
        return closes ? scan_close(scan, c) : scan_value(scan);
    case VALUE:
        return scan_value(scan);
    case KEY_OR_CLOSE:
        return closes ? scan_close(scan, c) : scan_key(scan);
    case KEY:
        return scan_key(scan);
    case COLON:
        scan->expected = VALUE;
        scan->at++;
        return c == ':' ? NULL : not_json;
    case COMMA_OR_CLOSE:
        if (closes)
            return scan_close(scan, c);
        scan->expected = scan->open[scan->depth - 1] == '{' ? KEY : VALUE;
        scan->at++;
        return c == ',' ? NULL : not_json;
    case NOTHING:
        break;
    }
    return "text after the end of the JSON value";
}

const char *json_scan(const char *text, size_t *ret_offset) {
    struct scan scan = {.text = text, .expected = VALUE};

    for (;;) {
        size_t start;
        const char *wrong = NULL;

        scan.at += strspn(text + scan.at, " \t\n\r");
        start = scan.at;
        if (text[start] == '\0' && scan.expected == NOTHING)
            return NULL;
        if (text[start] == '\0')
            wrong = start == 0 ? "empty" : "the end comes too early";
        else
            wrong = step(&scan);
        if (wrong != NULL) {
            /* A string's fault is inside of it; any other is where its token begins. */
            *ret_offset = text[start] == '"' ? scan.at : start;
            return wrong;
        }
    }
}
