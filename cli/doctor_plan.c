/*
 * doctor: several findings may want portd to be started anew, each in another way. One start does what all of them want.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"

/* ---- words of a shell ---- */

/* As text_quote_words() writes them: plain, or in single quotes, between which a quote stands as \\'. */
size_t doctor_word_length(const char *line) {
    size_t length = 0;
    bool quoted = false;

    for (; line[length] != '\0' && (quoted || line[length] != ' '); length++) {
        if (line[length] == '\'')
            quoted = !quoted;
        else if (line[length] == '\\' && !quoted && line[length + 1] != '\0')
            length++;
    }
    return length;
}

/* portd takes a name that is cut, and a value behind "=", too. Returns the length of "--name" at the word's beginning; 0: it is none. */
static size_t name_length(const char *word) {
    size_t length = strcspn(word, "= ");

    return strncmp(word, "--", 2) == 0 && length > 2 ? length : 0;
}

bool doctor_names_option(const char *line, const char *option) {
    while (*line != '\0') {
        size_t length = name_length(line);

        if (length > 0 && length - 2 <= strlen(option) && strncmp(line + 2, option, length - 2) == 0)
            return true;
        line += doctor_word_length(line);
        line += strspn(line, " ");
    }
    return false;
}

/* The options of `more` have their whole names. */
static bool is_replaced(const char *word, const char *more) {
    size_t length = name_length(word);

    for (const char *at = more; length > 0 && *at != '\0'; at += strspn(at, " ")) {
        if (name_length(at) >= length && strncmp(at, word, length) == 0)
            return true;
        at += doctor_word_length(at);
    }
    return false;
}

void doctor_drop_options(const char *command, const char *more, char *ret_command, size_t size) {
    size_t used = 0;

    ret_command[0] = '\0';
    while (*command != '\0') {
        size_t length = doctor_word_length(command);

        if (is_replaced(command, more)) {
            bool has_value = memchr(command, '=', length) != NULL;

            command += length + strspn(command + length, " ");
            length = has_value ? 0 : doctor_word_length(command);
        } else if (used < size) {
            used +=
                (size_t)snprintf(ret_command + used, size - used, "%s%.*s", used > 0 ? " " : "", (int)length, command);
        }
        command += length + strspn(command + length, " ");
    }
}

/* ---- the plan ---- */

/* Returns false if memory is short. */
static bool join(char **text, const char *separator, const char *more) {
    char *joined;

    if (asprintf(&joined, "%s%s%s", *text != NULL ? *text : "", *text != NULL ? separator : "", more) < 0)
        return false;
    free(*text);
    *text = joined;
    return true;
}

/* Of two values for an option the first stays: the checks come in the order of what matters. */
static bool join_options(char **text, const char *more) {
    char name[32];

    more += strspn(more, " ");
    snprintf(name, sizeof name, "%.*s", (int)name_length(more), more);
    if (name[0] == '\0' || (*text != NULL && doctor_names_option(*text, name + 2)))
        return true;
    return join(text, "", " ") && join(text, "", more);
}

static void plan(struct doctor *doctor, const struct doctor_restart *restart) {
    struct doctor_plan *plan = &doctor->plan;

    if ((restart->before != NULL && !join(&plan->before, "", restart->before)) ||
        (restart->between != NULL && !join(&plan->between, " && ", restart->between)) ||
        (restart->more != NULL && !join_options(&plan->more, restart->more)))
        doctor->short_of_memory = true;
    plan->as_root = plan->as_root || restart->as_root;
    plan->other_program = plan->other_program || restart->other_program;
}

static void advise_plan(struct doctor *doctor) {
    const struct doctor_plan *plan = &doctor->plan;
    const struct doctor_restart restart = {.before = plan->before,
                                           .between = plan->between,
                                           .more = plan->more,
                                           .as_root = plan->as_root,
                                           .other_program = plan->other_program};
    char command[DOCTOR_COMMAND_MAX];

    doctor_restart_command(doctor, &restart, command, sizeof command);
    doctor_advise(doctor, "%s", command);
}

void doctor_advise_restart(struct doctor *doctor, const struct doctor_restart *restart) {
    plan(doctor, restart);
    advise_plan(doctor);
    if (doctor->n_findings > 0)
        doctor->findings[doctor->n_findings - 1].restarts = true;
}

void doctor_put_restart_last(struct doctor *doctor) {
    struct finding *sorted = calloc(doctor->n_findings + 1, sizeof *sorted);
    size_t n = 0;

    if (sorted == NULL) {
        doctor->short_of_memory = true;
        return;
    }
    for (size_t i = 0; i < doctor->n_findings; i++)
        if (!doctor->findings[i].restarts)
            sorted[n++] = doctor->findings[i];
    if (n < doctor->n_findings) {
        for (size_t i = 0; i < doctor->n_findings; i++) {
            if (!doctor->findings[i].restarts)
                continue;
            sorted[n] = doctor->findings[i];
            free(sorted[n].remedy);
            sorted[n++].remedy = NULL;
        }
        memcpy(doctor->findings, sorted, n * sizeof *sorted);
        advise_plan(doctor);
    }
    free(sorted);
}
