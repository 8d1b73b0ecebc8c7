/*
 * The lines of a .env file. See env_file.h.
 *
 * There is no one grammar; this is what sh, docker compose, Node and the dotenv libraries have in common: NAME=VALUE, maybe behind `export`, # for
 * comments, and values in ", ' or ` that may go over several lines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/env_file.h"

/* NAME=65535, and a line end of two bytes before or behind it. */
#define PAIR_ROOM (1 + 5 + 4)

struct text {
    const char *at;
    const char *end;
};

static const char *skip_blanks(struct text text) {
    while (text.at < text.end && (*text.at == ' ' || *text.at == '\t'))
        text.at++;
    return text.at;
}

static const char *find(struct text text, char c) {
    const char *found = text.at < text.end ? memchr(text.at, c, (size_t)(text.end - text.at)) : NULL;

    return found != NULL ? found : text.end;
}

/* The name that the line sets, and where its value begins; false for any other line. */
static bool read_name(struct text line, struct text *ret_name, const char **ret_value) {
    static const char word[] = "export";
    size_t length = sizeof word - 1;
    const char *end;

    line.at = skip_blanks(line);
    if ((size_t)(line.end - line.at) > length && memcmp(line.at, word, length) == 0 &&
        (line.at[length] == ' ' || line.at[length] == '\t'))
        line.at = skip_blanks((struct text){line.at + length, line.end});
    end = find(line, '=');
    if (end == line.end || *line.at == '#')
        return false;
    *ret_value = end + 1;
    while (end > line.at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *ret_name = (struct text){line.at, end};
    return end > line.at;
}

/* Behind the quote that ends the value; a \" within "..." is none. Without one, the value is taken for a line's. */
static const char *skip_quoted(struct text text) {
    char quote = *text.at++;

    for (; text.at < text.end; text.at++) {
        if (*text.at == '\\' && quote == '"' && text.at + 1 < text.end)
            text.at++;
        else if (*text.at == quote)
            return text.at + 1;
    }
    return NULL;
}

static const char *find_line_end(struct text text) {
    const char *end = find(text, '\n');

    return end > text.at && end < text.end && end[-1] == '\r' ? end - 1 : end;
}

static bool is_quote(char c) {
    return c == '"' || c == '\'' || c == '`';
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Behind the value, before blanks, a comment and the line's end. `text`: from the value on to the end of the file. Of no value that is where it would
 * be. */
static const char *find_value_end(struct text text) {
    const char *line_end = find_line_end(text);
    const char *begin = skip_blanks((struct text){text.at, line_end});
    const char *end = NULL;

    if (begin < line_end && is_quote(*begin))
        end = skip_quoted((struct text){begin, text.end});
    if (end != NULL)
        line_end = find_line_end((struct text){end, text.end});
    else
        end = begin;
    while (end < line_end && !(*end == '#' && end > text.at && is_blank(end[-1])))
        end++;
    while (end > begin && is_blank(end[-1]))
        end--;
    return end > begin ? end : text.at;
}

static const struct env_pair *find_pair(struct text name, const struct env_pair *pairs, size_t n_pairs) {
    size_t length = (size_t)(name.end - name.at);

    for (size_t i = 0; i < n_pairs; i++)
        if (strlen(pairs[i].name) == length && memcmp(pairs[i].name, name.at, length) == 0)
            return &pairs[i];
    return NULL;
}

/* What is written, into a buffer that is large enough. */
struct copy {
    char *text;
    size_t length;
};

static void append(struct copy *copy, const char *at, const char *end) {
    memcpy(copy->text + copy->length, at, (size_t)(end - at));
    copy->length += (size_t)(end - at);
}

static void append_pair(struct copy *copy, const struct env_pair *pair, const char *line_end) {
    copy->length += (size_t)sprintf(copy->text + copy->length, "%s=%u%s", pair->name, pair->port, line_end);
}

/* One line, or several if a value goes over them. Returns where the next one begins. */
static const char *edit_line(struct text text, const struct env_pair *pairs, size_t n_pairs, bool *is_set,
                             struct copy *copy) {
    const char *line_end = find(text, '\n');
    const struct env_pair *pair = NULL;
    const char *value;
    const char *value_end;
    struct text name;

    if (read_name((struct text){text.at, line_end}, &name, &value)) {
        value_end = find_value_end((struct text){value, text.end});
        pair = find_pair(name, pairs, n_pairs);
        if (pair != NULL) {
            is_set[pair - pairs] = true;
            append(copy, text.at, value);
            copy->length += (size_t)sprintf(copy->text + copy->length, "%u", pair->port);
            text.at = value_end;
        }
        if (value_end > line_end)
            line_end = find((struct text){value_end, text.end}, '\n');
    }
    if (line_end < text.end)
        line_end++;
    append(copy, text.at, line_end);
    return line_end;
}

static bool is_port(struct text value, uint16_t port) {
    char digits[8];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%u", port);

    value.at = skip_blanks(value);
    return (size_t)(value.end - value.at) == length && memcmp(value.at, digits, length) == 0;
}

bool env_file_find(const char *text, size_t length, uint16_t port, char *ret_name, size_t size) {
    const char *end = text + length;

    for (const char *at = text; at < end;) {
        const char *line_end = find((struct text){at, end}, '\n');
        const char *value;
        struct text name;

        if (read_name((struct text){at, line_end}, &name, &value)) {
            const char *value_end = find_value_end((struct text){value, end});

            if (is_port((struct text){value, value_end}, port) && (size_t)(name.end - name.at) < size) {
                snprintf(ret_name, size, "%.*s", (int)(name.end - name.at), name.at);
                return true;
            }
            if (value_end > line_end)
                line_end = find((struct text){value_end, end}, '\n');
        }
        at = line_end < end ? line_end + 1 : end;
    }
    return false;
}

static const char *line_end_of(const char *text, size_t length) {
    const char *newline = length > 0 ? memchr(text, '\n', length) : NULL;

    return newline != NULL && newline > text && newline[-1] == '\r' ? "\r\n" : "\n";
}

int env_file_edit(const char *text, size_t length, const struct env_pair *pairs, size_t n_pairs, char **ret_text,
                  size_t *ret_length) {
    const char *line_end = line_end_of(text, length);
    struct text rest = {text, text + length};
    struct copy copy = {0};
    size_t n_lines = 1;
    size_t room = length + 2;
    bool *is_set;

    for (const char *at = text; at < rest.end; at++)
        n_lines += *at == '\n';
    for (size_t i = 0; i < n_pairs; i++)
        room += strlen(pairs[i].name) + PAIR_ROOM;
    is_set = calloc(n_pairs + 1, sizeof *is_set);
    copy.text = malloc(room + 5 * n_lines); /* a line may gain so many digits */
    if (is_set == NULL || copy.text == NULL) {
        free(is_set);
        free(copy.text);
        return -ENOMEM;
    }
    while (rest.at < rest.end)
        rest.at = edit_line(rest, pairs, n_pairs, is_set, &copy);
    for (size_t i = 0; i < n_pairs; i++) {
        if (is_set[i])
            continue;
        if (copy.length > 0 && copy.text[copy.length - 1] != '\n')
            append(&copy, line_end, line_end + strlen(line_end));
        append_pair(&copy, &pairs[i], line_end);
    }
    free(is_set);
    *ret_text = copy.text;
    *ret_length = copy.length;
    return 0;
}
