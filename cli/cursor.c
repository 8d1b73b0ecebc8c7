/*
 * Reads a command line up to the cursor. See cursor.h.
 */
#include "cli/cursor.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    const struct shell_line *line;
    struct cursor *cursor;
    enum option_id awaits; /* its value is the next word; OPTION_END: none */
    bool helps;
};

static bool accepts(const struct cursor *cursor, enum option_id id) {
    for (const enum option_id *common = options_common(); *common != OPTION_END; common++)
        if (*common == id)
            return true;
    return cursor->command != NULL && command_takes(cursor->command, id);
}

/* By its name (`length` bytes), or if `name` is NULL by its letter. */
static enum option_id find_option(const struct cursor *cursor, const char *name, size_t length, char letter) {
    for (enum option_id id = OPTION_END + 1; id < N_OPTIONS; id++) {
        const struct option_spec *spec = option_get(id);
        if (spec->name == NULL || !accepts(cursor, id))
            continue;
        if (name != NULL ? strlen(spec->name) == length && strncmp(spec->name, name, length) == 0
                         : spec->letter == letter)
            return id;
    }
    return OPTION_END;
}

static bool wants_value(enum option_id id) {
    const char *argument = option_get(id)->argument;

    return argument != NULL && argument[0] != '[';
}

/* ~/x and $HOME/x, which the shell would have replaced. What is no variable stays. */
static void expand(const char *text, char *ret_text, size_t size) {
    const char *rest = text;
    const char *value = NULL;
    char name[64];
    size_t length = 0;

    if (text[0] == '~' && (text[1] == '/' || text[1] == '\0')) {
        value = getenv("HOME");
        rest = text + 1;
    } else if (text[0] == '$') {
        const bool braced = text[1] == '{';
        const char *start = text + 1 + braced;
        while (isalnum((unsigned char)start[length]) || start[length] == '_')
            length++;
        snprintf(name, sizeof name, "%.*s", (int)length, start);
        value = length < sizeof name ? getenv(name) : NULL;
        rest = start + length + (braced && start[length] == '}');
    }
    snprintf(ret_text, size, "%s%s", value != NULL ? value : "", value != NULL ? rest : text);
}

/* Only these say where portd is, and what names mean. A wrong one means that nobody answers. */
static void take_value(struct walk *walk, enum option_id id, const char *value) {
    struct options *options = &walk->cursor->options;
    struct problem problem = {0};
    char *text = walk->cursor->values[id == OPTION_SOCKET ? 0 : id == OPTION_URL ? 1 : 2];

    walk->cursor->given[id] = true;
    if (id != OPTION_SOCKET && id != OPTION_URL && id != OPTION_PROJECT && id != OPTION_GLOBAL)
        return;
    expand(value, text, PATH_MAX);
    options_take(id, text, options, &problem);
    problem_deinit(&problem);
}

static void take_long(struct walk *walk, const char *word) {
    const size_t length = strcspn(word + 2, "=");
    const enum option_id id = find_option(walk->cursor, word + 2, length, 0);

    if (id == OPTION_END)
        return;
    if (word[2 + length] == '=')
        take_value(walk, id, word + 2 + length + 1);
    else if (wants_value(id))
        walk->awaits = id;
    else
        take_value(walk, id, "");
}

/* Several letters may stand together; the first that takes a value takes the rest. */
static void take_letters(struct walk *walk, const char *word) {
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        const enum option_id id = find_option(walk->cursor, NULL, 0, *letter);

        if (id == OPTION_END)
            return;
        if (!wants_value(id)) {
            take_value(walk, id, "");
        } else {
            if (letter[1] != '\0')
                take_value(walk, id, letter + 1);
            else
                walk->awaits = id;
            return;
        }
    }
}

static void take_operand(struct walk *walk, const char *word) {
    struct cursor *cursor = walk->cursor;

    cursor->operands[cursor->n_operands++] = word;
    if (cursor->command != NULL || walk->helps || cursor->n_operands != 1)
        return;
    walk->helps = strcmp(word, "help") == 0;
    cursor->command = command_find(word);
    if (walk->helps || cursor->command != NULL)
        cursor->n_operands = 0;
    cursor->ended = false;
}

static bool is_in_program(const struct cursor *cursor) {
    return cursor->command != NULL && cursor->command->runs_program && cursor->n_operands > 1;
}

static void take_word(struct walk *walk, const char *word) {
    if (walk->awaits != OPTION_END) {
        take_value(walk, walk->awaits, word);
        walk->awaits = OPTION_END;
    } else if (walk->cursor->ended || word[0] != '-' || word[1] == '\0') {
        take_operand(walk, word);
    } else if (strcmp(word, "--") == 0) {
        walk->cursor->ended = true;
    } else if (word[1] == '-') {
        take_long(walk, word);
    } else {
        take_letters(walk, word);
    }
}

/* The option's value in the word at the cursor, if there is the beginning of one. */
static bool find_attached_value(struct cursor *cursor, const char *word) {
    const char *equals = strchr(word, '=');
    enum option_id id;

    if (word[1] == '-') {
        if (equals == NULL)
            return false;
        id = find_option(cursor, word + 2, (size_t)(equals - word - 2), 0);
        cursor->n_lead = (size_t)(equals - word) + 1;
    } else {
        id = word[1] != '\0' && word[2] != '\0' ? find_option(cursor, NULL, 0, word[1]) : OPTION_END;
        if (id != OPTION_END && !wants_value(id))
            id = OPTION_END;
        cursor->n_lead = 2;
    }
    cursor->option = id;
    if (id != OPTION_END && option_get(id)->argument != NULL)
        return true;
    cursor->n_lead = 0;
    return false;
}

static enum cursor_place place_of(struct walk *walk, const char *word) {
    struct cursor *cursor = walk->cursor;
    const struct command *command = cursor->command;

    if (walk->line->redirects)
        return CURSOR_FILE;
    if (walk->awaits != OPTION_END) {
        cursor->option = walk->awaits;
        return CURSOR_VALUE;
    }
    if (word[0] == '-' && !cursor->ended)
        return find_attached_value(cursor, word) ? CURSOR_VALUE : CURSOR_OPTION;
    if (walk->helps)
        return cursor->n_operands == 0 ? CURSOR_TOPIC : CURSOR_NOWHERE;
    if (command == NULL)
        return cursor->n_operands == 0 ? CURSOR_COMMAND : CURSOR_NOWHERE;
    if (command->runs_program && cursor->n_operands == 1)
        return CURSOR_PROGRAM;
    return cursor->n_operands < command->n_most ? CURSOR_OPERAND : CURSOR_NOWHERE;
}

int cursor_find(const struct shell_line *line, struct cursor *ret_cursor) {
    struct walk walk = {.line = line, .cursor = ret_cursor, .awaits = OPTION_END};
    const size_t last = line->n_words - 1;

    *ret_cursor = (struct cursor){.operands = calloc(line->n_words, sizeof *ret_cursor->operands)};
    if (ret_cursor->operands == NULL)
        return -ENOMEM;
    for (size_t at = 1; at < last; at++) {
        take_word(&walk, line->words[at].text);
        if (is_in_program(ret_cursor)) {
            ret_cursor->program = at;
            ret_cursor->place = CURSOR_PROGRAM;
            return 0;
        }
    }
    ret_cursor->program = last;
    if (last > 0)
        ret_cursor->place = place_of(&walk, line->words[last].text);
    return 0;
}

void cursor_deinit(struct cursor *cursor) {
    free(cursor->operands);
    cursor->operands = NULL;
}
