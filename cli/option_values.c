/*
 * The words that options take, in one place: the parser knows them by their order here.
 */
#include "cli/options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "src/base/text.h"

static const char *const colour_words[] = {
    [COLOUR_AUTO] = "auto", [COLOUR_ALWAYS] = "always", [COLOUR_NEVER] = "never", NULL};
static const char *const format_words[] = {
    [ENV_SHELL] = "shell", [ENV_DOTENV] = "dotenv", [ENV_JSON] = "json", [ENV_FISH] = "fish", NULL};
static const char *const signal_words[] = {"TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "USR2", "STOP", "CONT", NULL};
static const char *const remap_words[] = {"auto", NULL};
static const char *const listen_words[] = {"127.0.0.1", "0.0.0.0", "::1", "::", NULL};

static const struct option_value values[N_OPTIONS] = {
    [OPTION_COLOR] = {.words = colour_words},
    [OPTION_FORMAT] = {.words = format_words},
    [OPTION_SIGNAL] = {.words = signal_words},
    [OPTION_REMAP] = {.words = remap_words, .open = true},
    [OPTION_LISTEN] = {.words = listen_words, .open = true},
    [OPTION_TAG] = {.repeats = true},
    [OPTION_ENV_NAME] = {.repeats = true},
    [OPTION_PROJECT] = {.path = OPTION_PATH_DIRECTORY},
    [OPTION_SOCKET] = {.path = OPTION_PATH_FILE},
};

const struct option_value *option_value(enum option_id id) {
    return &values[id];
}

const char *options_join_words(const char *const *words, char *ret_text, size_t size) {
    size_t used = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < size; i++) {
        const char *before = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", before, words[i]);
    }
    return ret_text;
}

const char *option_format_help(enum option_id id, char *ret_text) {
    const struct option_value *value = option_value(id);
    const char *help = option_get(id)->help;
    char words[128];

    if (value->words == NULL || value->open)
        snprintf(ret_text, OPTION_HELP_MAX, "%s", help);
    else
        snprintf(ret_text, OPTION_HELP_MAX, "%s: %s (%s)", help, options_join_words(value->words, words, sizeof words),
                 value->words[0]);
    return ret_text;
}

const char *option_nearest_word(enum option_id id, const char *word) {
    const struct option_value *value = option_value(id);
    char upper[16];
    size_t n_words = 0;

    while (value->words[n_words] != NULL)
        n_words++;
    if (id != OPTION_SIGNAL)
        return text_nearest(word, value->words, n_words);
    if (strncasecmp(word, "SIG", 3) == 0)
        word += 3;
    snprintf(upper, sizeof upper, "%s", word);
    for (char *letter = upper; *letter != '\0'; letter++)
        *letter = (char)toupper((unsigned char)*letter);
    return text_nearest(upper, value->words, n_words);
}
