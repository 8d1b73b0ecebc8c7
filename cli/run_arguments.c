/*
 * {PORT} in arguments. See run_arguments.h.
 */
#include "cli/run_arguments.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The value for the {NAME} at `text`, and how long that is; NULL if it is none. */
static const char *find_value(const char *text, const char *const *pairs, size_t n_pairs, size_t *ret_length) {
    for (size_t i = 0; i < n_pairs; i++) {
        size_t length = strcspn(pairs[i], "=");

        if (text[0] == '{' && strncmp(text + 1, pairs[i], length) == 0 && text[1 + length] == '}') {
            *ret_length = length + 2;
            return pairs[i] + length + 1;
        }
    }
    return NULL;
}

/* Writes the word as it will be to `ret_word`, or only counts if that is NULL. Returns its length; *ret_changed is set if anything was
 * replaced. */
static size_t replace(const char *word, const char *const *pairs, size_t n_pairs, char *ret_word, bool *ret_changed) {
    size_t used = 0;
    char before = '\0';

    while (*word != '\0') {
        size_t length = 1;
        size_t value_length = 1;
        const char *value = NULL;

        if (strchr("$%{", before) == NULL || before == '\0')
            value = find_value(word, pairs, n_pairs, &length);
        if (value != NULL) {
            value_length = strlen(value);
            *ret_changed = true;
        }
        if (ret_word != NULL)
            memcpy(ret_word + used, value != NULL ? value : word, value_length);
        used += value_length;
        before = word[length - 1];
        word += length;
    }
    if (ret_word != NULL)
        ret_word[used] = '\0';
    return used;
}

int run_arguments_replace(char *const *argv, const char *const *pairs, size_t n_pairs, char ***ret_argv) {
    size_t n_words = 0;
    size_t n_bytes = 0;
    char **words;
    char *text;

    for (; argv[n_words] != NULL; n_words++) {
        bool changed = false;
        size_t length = replace(argv[n_words], pairs, n_pairs, NULL, &changed);

        if (changed && n_words > 0)
            n_bytes += length + 1;
    }
    words = malloc((n_words + 1) * sizeof *words + n_bytes);
    if (words == NULL)
        return -ENOMEM;
    text = (char *)(words + n_words + 1);
    for (size_t i = 0; i < n_words; i++) {
        bool changed = false;
        size_t length = replace(argv[i], pairs, n_pairs, NULL, &changed);

        words[i] = argv[i];
        if (changed && i > 0) {
            replace(argv[i], pairs, n_pairs, text, &changed);
            words[i] = text;
            text += length + 1;
        }
    }
    words[n_words] = NULL;
    *ret_argv = words;
    return 0;
}
