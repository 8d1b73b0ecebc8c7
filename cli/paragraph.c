/*
 * Running text. See paragraph.h.
 */
#include "cli/paragraph.h"

#include <stdarg.h>
#include <string.h>

#include "cli/table.h"
#include "src/base/text.h"

#define TEXT_MAX 4096

static void break_line(struct paragraph *paragraph) {
    fprintf(paragraph->stream, "\n%*s", (int)paragraph->indent, "");
    paragraph->column = paragraph->indent;
    paragraph->joined = false;
}

/* A double-width character on a terminal of one column goes out of bounds: there is nowhere to put it. */
static void put_word(struct paragraph *paragraph, const char *word) {
    size_t needed = table_text_width(word) + (paragraph->joined ? 1 : 0);

    if (paragraph->column + needed > paragraph->width && paragraph->column > paragraph->indent)
        break_line(paragraph);
    if (paragraph->joined) {
        fputc(' ', paragraph->stream);
        paragraph->column++;
    }
    while (*word != '\0') {
        size_t length;
        size_t room = paragraph->width > paragraph->column ? paragraph->width - paragraph->column : 0;
        size_t width = table_text_fit(word, room, &length);

        if (length == 0 && paragraph->column > paragraph->indent) {
            break_line(paragraph);
            continue;
        }
        if (length == 0)
            width = table_text_fit(word, 2, &length);
        fprintf(paragraph->stream, "%.*s", (int)length, word);
        paragraph->column += width;
        word += length;
    }
    paragraph->joined = true;
}

void paragraph_put(struct paragraph *paragraph, enum style style, const char *text) {
    char safe[TEXT_MAX];
    char *rest = NULL;

    text_make_safe(text, safe, sizeof safe);
    fputs(output_style(paragraph->colour, style), paragraph->stream);
    for (char *word = strtok_r(safe, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        put_word(paragraph, word);
    fputs(output_style_end(paragraph->colour, style), paragraph->stream);
}

void paragraph_format(struct paragraph *paragraph, enum style style, const char *format, ...) {
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    paragraph_put(paragraph, style, text);
}

/* A line that is cut goes on behind it, for the shell that it is copied into. */
#define CONTINUED " \\"

/* The length of the next word of a command; a space in quotes does not end it. */
static size_t command_word_length(const char *text) {
    char quote = '\0';
    size_t length = 0;

    for (; text[length] != '\0' && (quote != '\0' || text[length] != ' '); length++) {
        if (quote != '\0')
            quote = text[length] == quote ? '\0' : quote;
        else if (text[length] == '\'' || text[length] == '"')
            quote = text[length];
    }
    return length;
}

void paragraph_put_command(struct paragraph *paragraph, const char *command) {
    for (const char *at = command; *at != '\0';) {
        size_t length = command_word_length(at);
        char word[TEXT_MAX];
        size_t width;
        bool is_last = at[length] == '\0';

        snprintf(word, sizeof word, "%.*s", (int)length, at);
        width = table_text_width(word);
        if (at != command && paragraph->column + 1 + width + (is_last ? 0 : strlen(CONTINUED)) > paragraph->width) {
            fputs(CONTINUED, paragraph->stream);
            break_line(paragraph);
        } else if (at != command) {
            fputc(' ', paragraph->stream);
            paragraph->column++;
        }
        fputs(word, paragraph->stream);
        paragraph->column += width;
        at += length + (is_last ? 0 : 1);
    }
}

void paragraph_end(struct paragraph *paragraph) {
    fputc('\n', paragraph->stream);
    paragraph->column = 0;
    paragraph->joined = false;
}
