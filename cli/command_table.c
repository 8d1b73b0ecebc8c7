/*
 * The one table of commands: dispatch, help, did-you-mean, completions and man pages are made from it. Each command stands in the file that does it.
 */
#include "cli/command.h"

#include <string.h>

#include "src/base/text.h"

/* In the order in which help tells them; one a line, for each new one is a line more. */
/* clang-format off */
static const struct command *const table[] = {
    &command_alloc,
    &command_run,
    &command_env,
    &command_up,
    &command_list,
    &command_lookup,
    &command_wait,
    &command_url,
    &command_open,
    &command_free,
    &command_who,
    &command_squatters,
    &command_conflicts,
    &command_claim,
    &command_disown,
    &command_ignore,
    &command_stop,
    &command_watch,
    &command_history,
    &command_renew,
    &command_release,
    &command_hold,
    &command_status,
    &command_doctor,
    &command_completion,
    &command_mcp,
};
/* clang-format on */

#define N_COMMANDS (sizeof table / sizeof table[0])

const struct command *const *commands(size_t *ret_n) {
    *ret_n = N_COMMANDS;
    return table;
}

const struct command *command_find(const char *name) {
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, table[i]->name) == 0 || (table[i]->alias != NULL && strcmp(name, table[i]->alias) == 0))
            return table[i];
    return NULL;
}

bool command_takes(const struct command *command, enum option_id id) {
    for (const enum option_id *own = command->options; own != NULL && *own != OPTION_END; own++)
        if (*own == id)
            return true;
    return false;
}

const char *command_nearest(const char *word, const char *const *others) {
    const char *words[2 * N_COMMANDS + 8];
    size_t n_words = 0;

    for (; *others != NULL && n_words < 8; others++)
        words[n_words++] = *others;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        words[n_words++] = table[i]->name;
        if (table[i]->alias != NULL)
            words[n_words++] = table[i]->alias;
    }
    return text_nearest(word, words, n_words);
}
