/*
 * A shell's command line, taken apart. See shell_line.h.
 */
#include "cli/shell_line.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const shell_names[N_SHELLS + 1] = {[SHELL_BASH] = "bash", [SHELL_ZSH] = "zsh", [SHELL_FISH] = "fish"};

enum shell shell_find(const char *name) {
    enum shell shell = SHELL_BASH;

    while (shell < N_SHELLS && strcmp(name, shell_names[shell]) != 0)
        shell++;
    return shell;
}

struct scanner {
    enum shell shell;
    const char *at;
    const char *end;
    char *out;
    char quote;
    bool expands; /* as in shell_line.h, of this word */
    bool bare;
    bool escapes;   /* in single quotes: a \ quotes, too; $'...', and always in fish */
    bool redirects; /* the word has a < or > that is not quoted */
    bool awaits;    /* and ends there: its file is the next word */
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

/* Signs of other languages are themselves in every shell. */
static bool is_plain(char c) {
    return isalnum((unsigned char)c) || ((unsigned char)c & 0x80) != 0 || strchr("_./:@%+,=-", c) != NULL;
}

bool bash_must_quote(char c, char quote) {
    if (quote == '\'')
        return c == '\'';
    return quote == '"' ? strchr("$`\"\\!", c) != NULL : !is_plain(c);
}

/* Is the \ at `at` one that quotes the character behind it? */
static bool quotes_next(const struct scanner *scanner) {
    char next = scanner->at + 1 < scanner->end ? scanner->at[1] : '\0';

    if (scanner->quote == '"')
        return next != '\0' && strchr(scanner->shell == SHELL_FISH ? "$\"\\" : "$\"\\`", next) != NULL;
    if (scanner->quote == '\'')
        return scanner->escapes && (next == '\'' || next == '\\');
    return true;
}

/* A quote that opens or closes. */
static bool take_quote(struct scanner *scanner) {
    const char c = *scanner->at;

    if (scanner->quote != 0) {
        if (c != scanner->quote)
            return false;
        scanner->quote = 0;
    } else if (c == '\'' || c == '"') {
        scanner->quote = c;
        scanner->escapes = scanner->shell == SHELL_FISH;
    } else if (c == '$' && scanner->shell != SHELL_FISH && scanner->at + 1 < scanner->end && scanner->at[1] == '\'') {
        scanner->quote = '\'';
        scanner->escapes = true;
        scanner->at++;
    } else {
        return false;
    }
    scanner->at++;
    return true;
}

static void take_character(struct scanner *scanner) {
    const char c = *scanner->at;

    if (c == '\\' && quotes_next(scanner)) {
        if (++scanner->at < scanner->end)
            *scanner->out++ = *scanner->at++;
        scanner->awaits = false;
        return;
    }
    scanner->bare = scanner->bare || bash_must_quote(c, scanner->quote);
    scanner->expands =
        scanner->expands || (scanner->quote != '\'' && (c == '$' || c == '`')) || (scanner->quote == 0 && c == '(');
    if (scanner->quote == 0 && (c == '<' || c == '>'))
        scanner->redirects = scanner->awaits = true;
    else if (scanner->quote != 0 || (c != '&' && c != '|'))
        scanner->awaits = false;
    *scanner->out++ = c;
    scanner->at++;
}

static void take_word(struct scanner *scanner) {
    scanner->redirects = scanner->awaits = scanner->expands = scanner->bare = false;
    while (scanner->at < scanner->end && (scanner->quote != 0 || !is_blank(*scanner->at)))
        if (!take_quote(scanner))
            take_character(scanner);
    *scanner->out++ = '\0';
}

int shell_line_read(enum shell shell, const char *line, size_t length, struct shell_line *ret_line) {
    struct shell_line read = {
        .words = calloc(length / 2 + 2, sizeof *read.words),
        .texts = malloc(2 * length + 2),
    };
    struct scanner scanner = {.shell = shell, .at = line, .end = line + length, .out = read.texts};
    bool is_file = false;

    if (read.words == NULL || read.texts == NULL) {
        shell_line_deinit(&read);
        return -ENOMEM;
    }
    for (;;) {
        struct shell_word *word = &read.words[read.n_words];
        while (scanner.at < scanner.end && is_blank(*scanner.at))
            scanner.at++;
        *word = (struct shell_word){.text = scanner.out, .start = (size_t)(scanner.at - line)};
        take_word(&scanner);
        if (scanner.at == scanner.end) {
            read.redirects = scanner.redirects || is_file;
            break;
        }
        if (!scanner.redirects && !is_file)
            read.n_words++;
        is_file = scanner.awaits;
    }
    read.n_words++;
    read.quote = scanner.quote;
    read.expands = scanner.expands;
    read.bare = scanner.bare;
    *ret_line = read;
    return 0;
}

void shell_line_deinit(struct shell_line *line) {
    free(line->words);
    free(line->texts);
    *line = (struct shell_line){0};
}

void bash_quote(const char *text, char quote, enum quoting quoting, FILE *out) {
    for (; *text != '\0'; text++) {
        const char c = *text;

        if (!bash_must_quote(c, quote))
            fputc(c, out);
        else if (quote == '\'')
            fputs("'\\''", out);
        else if (c == '\'')
            fputs(quoting == QUOTING_SHORT ? "\\'" : "\"'\"", out);
        else if (quote == '"' && (quoting == QUOTING_LONG || c == '!')) /* in these, \! would stay \! */
            fprintf(out, "\"'%c'\"", c);
        else
            fprintf(out, quoting == QUOTING_SHORT ? "\\%c" : "'%c'", c);
    }
}
