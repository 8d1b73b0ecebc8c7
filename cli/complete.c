/*
 * Completion: what may stand at the cursor, for three shells. See complete.h.
 */
#include "cli/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/cursor.h"
#include "cli/help.h"
#include "cli/offer_live.h"
#include "cli/offers.h"
#include "cli/shell_line.h"
#include "cli/table.h"
#include "probe/fd.h"
#include "src/base/text.h"

#define TEXT_MAX 512

#define CUT               "..."
#define DESCRIPTION_LEAST 12

/* What readline says it wants: to show the words, and not to write one of them. */
#define READLINE_LISTS "63" /* a question mark */

struct question {
    enum shell shell;
    const char *line;
    const char *replaced; /* bash: the end of the line that readline replaces */
    bool lists;           /* bash: they are only shown */
};

static void offer_words(struct offers *offers, const char *const *words, const char *description) {
    for (; words != NULL && *words != NULL; words++)
        offers_add(offers, *words, description);
}

/* A command's other name is only in the way of who looks for what there is: it is offered to who types it, and nothing else. */
static void offer_commands(struct offers *offers, const char *const *topics) {
    size_t n;
    const struct command *const *all = commands(&n);

    for (size_t i = 0; i < n; i++)
        offers_add(offers, all[i]->name, all[i]->summary);
    offers_add(offers, "help", HELP_SUMMARY);
    offer_words(offers, topics, "");
    for (size_t i = 0; i < n && offers->n_items == 0; i++)
        if (all[i]->alias != NULL)
            offers_add(offers, all[i]->alias, all[i]->summary);
}

static void offer_options(struct offers *offers, const struct cursor *cursor, const enum option_id *ids) {
    for (; ids != NULL && *ids != OPTION_END; ids++) {
        char name[64];
        char help[OPTION_HELP_MAX];
        if (cursor->given[*ids] && !option_value(*ids)->repeats)
            continue;
        snprintf(name, sizeof name, "--%s", option_get(*ids)->name);
        offers_add(offers, name, option_format_help(*ids, help));
    }
}

static const char *offer_value(struct offers *offers, const struct cursor *cursor) {
    const struct option_value *value = option_value(cursor->option);

    offer_words(offers, value->words, "");
    if (value->path == OPTION_PATH_NONE)
        return ":";
    return value->path == OPTION_PATH_FILE ? ":files" : ":directories";
}

/* What is there already makes no sense a second time. */
static void leave_out_given(struct offers *offers, const struct cursor *cursor) {
    size_t n_kept = 0;

    for (size_t i = 0; i < offers->n_items; i++) {
        bool given = false;
        for (size_t j = 0; j < cursor->n_operands; j++)
            given = given || strcmp(cursor->operands[j], offers->items[i].word) == 0;
        if (given)
            offers_free_item(offers, i);
        else
            offers->items[n_kept++] = offers->items[i];
    }
    offers->n_items = n_kept;
}

/* A word that begins with a dash is an operand behind -- only. */
static void leave_out_dashes(struct offers *offers, const struct cursor *cursor) {
    size_t n_kept = 0;

    for (size_t i = 0; i < offers->n_items; i++) {
        if (offers->items[i].word[0] == '-' && !cursor->ended)
            offers_free_item(offers, i);
        else
            offers->items[n_kept++] = offers->items[i];
    }
    offers->n_items = n_kept;
}

static void offer_operands(struct offers *offers, const struct cursor *cursor) {
    const struct command *command = cursor->command;
    const enum operand_kind kind = cursor->n_operands == 0 ? command->first : command->others;

    if (kind == OPERAND_WORD)
        offer_words(offers, command->words, "");
    else if (kind != OPERAND_ANY)
        offer_live(kind, &cursor->options, command_takes(command, OPTION_GLOBAL), offers);
    leave_out_given(offers, cursor);
    leave_out_dashes(offers, cursor);
}

/* What stands there as `$(` would make another thing of what is put behind it, so that is left to the shell. Returns the last line, but for a program's. */
static const char *offer(struct offers *offers, const struct shell_line *line, const struct cursor *cursor) {
    if (line->expands)
        return ":files";
    switch (cursor->place) {
    case CURSOR_COMMAND:
        offer_commands(offers, NULL);
        break;
    case CURSOR_TOPIC:
        offer_commands(offers, help_topics);
        break;
    case CURSOR_OPTION:
        offer_options(offers, cursor, cursor->command != NULL ? cursor->command->options : NULL);
        offer_options(offers, cursor, options_common());
        break;
    case CURSOR_VALUE:
        return offer_value(offers, cursor);
    case CURSOR_OPERAND:
        offer_operands(offers, cursor);
        break;
    case CURSOR_FILE:
        return ":files";
    case CURSOR_PROGRAM:
    case CURSOR_NOWHERE:
        break;
    }
    return ":";
}

static size_t common_length(const struct offers *offers) {
    size_t n_common = strlen(offers->items[0].word);

    for (size_t i = 1; i < offers->n_items; i++)
        for (size_t at = 0; at < n_common; at++)
            if (offers->items[i].word[at] != offers->items[0].word[at])
                n_common = at;
    return n_common;
}

/* See bash_quote(): where each goes on with a character to be quoted, they must not all begin that alike. ! in double quotes does so anyway. */
static bool must_differ(const struct offers *offers, size_t n_common, char quote) {
    for (size_t i = 0; i < offers->n_items; i++) {
        const char next = offers->items[i].word[n_common];
        if (next == '\0' || !bash_must_quote(next, quote) || (next == '!' && quote == '"'))
            return false;
    }
    return offers->n_items > 1;
}

/* What readline replaces begins behind `begun`, which is without its quotes, and in `quote`. */
static void print_for_bash(const struct offers *offers, const char *begun, char quote) {
    const size_t n_begun = strlen(begun);
    size_t n_common;
    bool one_is_long;

    if (offers->n_items == 0)
        return;
    n_common = common_length(offers);
    one_is_long = must_differ(offers, n_common, quote);
    for (size_t i = 0; i < offers->n_items; i++) {
        const char *word = offers->items[i].word;
        char common[OPTIONS_NAME_MAX * 4];
        if (n_common < n_begun || n_common >= sizeof common)
            continue; /* no word begins otherwise, and none is so long */
        snprintf(common, sizeof common, "%.*s", (int)(n_common - n_begun), word + n_begun);
        bash_quote(common, quote, QUOTING_SHORT, stdout);
        bash_quote(word + n_common, quote, i == 0 && one_is_long ? QUOTING_LONG : QUOTING_SHORT, stdout);
        putchar('\n');
    }
}

/*
 * What of a description fits into a line of the terminal, in which the word and `n_signs` columns stand, too: neither bash nor zsh
 * cuts what it lists. How wide that is their scripts say. Less than a few words says nothing.
 */
static const char *fit_description(const struct offer *item, size_t n_signs, char *ret_text) {
    const size_t beside = table_text_width(item->word) + n_signs;
    const char *columns = getenv("COLUMNS");
    uint64_t width = 0;
    size_t length;

    if (columns == NULL || text_parse_number(columns, 1, UINT16_MAX, &width) != 0 ||
        beside + table_text_width(item->description) < width)
        return item->description;
    if (beside + DESCRIPTION_LEAST >= width)
        return "";
    table_text_fit(item->description, (size_t)width - 1 - beside - strlen(CUT), &length);
    while (length > 0 && item->description[length - 1] == ' ')
        length--;
    snprintf(ret_text, TEXT_MAX, "%.*s" CUT, (int)length, item->description);
    return ret_text;
}

/* To be read, not to be run: readline shows it, and writes none of it. */
static void list_for_bash(const struct offers *offers) {
    for (size_t i = 0; i < offers->n_items; i++) {
        char text[TEXT_MAX];
        const char *description = fit_description(&offers->items[i], strlen("  ()"), text);
        printf(description[0] != '\0' ? "%s  (%s)\n" : "%s\n", offers->items[i].word, description);
    }
}

/* fish cuts what it shows itself. */
static void list(const struct question *question, const struct offers *offers) {
    for (size_t i = 0; i < offers->n_items; i++) {
        const struct offer *item = &offers->items[i];
        char text[TEXT_MAX];
        printf("%s\t%s\n", item->word,
               question->shell == SHELL_ZSH ? fit_description(item, strlen("  -- "), text) : item->description);
    }
}

/* The part of the last word that readline keeps: it breaks words at : and = and @, too. */
static void answer_bash(const struct question *question, const struct offers *offers) {
    CLEANUP(shell_line_deinit) struct shell_line kept = {0};
    const size_t length = strlen(question->line);
    const size_t n_replaced = strlen(question->replaced);

    if (n_replaced > length || strcmp(question->line + length - n_replaced, question->replaced) != 0 ||
        shell_line_read(SHELL_BASH, question->line, length - n_replaced, &kept) < 0 || kept.bare)
        return;
    if (question->lists && offers->n_items > 1)
        list_for_bash(offers);
    else
        print_for_bash(offers, kept.words[kept.n_words - 1].text, kept.quote);
}

static void answer(const struct question *question, const struct shell_line *line, const struct cursor *cursor) {
    const struct shell_word *last = &line->words[line->n_words - 1];
    CLEANUP(offers_deinit)
    struct offers offers = {.begins = last->text, .lead = last->text, .n_lead = cursor->n_lead};
    const char *end = offer(&offers, line, cursor);

    if (question->shell == SHELL_BASH)
        answer_bash(question, &offers);
    else
        list(question, &offers);
    if (cursor->place == CURSOR_PROGRAM)
        printf(":command %zu %s\n", cursor->program, question->line + line->words[cursor->program].start);
    else
        printf("%s\n", end);
}

void complete_main(int argc, char **argv) {
    CLEANUP(shell_line_deinit) struct shell_line line = {0};
    CLEANUP(cursor_deinit) struct cursor cursor = {0};
    struct question question = {.shell = argc > 1 ? shell_find(argv[0]) : N_SHELLS};

    if (question.shell == N_SHELLS)
        return;
    question.line = argv[1];
    question.replaced = argc > 2 ? argv[2] : "";
    question.lists = argc > 3 && strcmp(argv[3], READLINE_LISTS) == 0;
    if (shell_line_read(question.shell, question.line, strlen(question.line), &line) < 0 ||
        cursor_find(&line, &cursor) < 0)
        return;
    answer(&question, &line, &cursor);
}
