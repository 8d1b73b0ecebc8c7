/*
 * The parts of portctl(1) that its tables have.
 */
#include <stddef.h>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/problem.h"
#include "man/page.h"

static void write_option(FILE *out, enum option_id id) {
    const struct option_spec *spec = option_get(id);
    char term[64];
    char help[OPTION_HELP_MAX];

    if (spec->letter != 0)
        snprintf(term, sizeof term, "-%c, --%s", spec->letter, spec->name);
    else
        snprintf(term, sizeof term, "--%s", spec->name);
    page_entry(out, term, spec->argument, option_format_help(id, help));
}

static void write_options(FILE *out, const enum option_id *ids) {
    for (; ids != NULL && *ids != OPTION_END; ids++)
        write_option(out, *ids);
}

static void write_usage(FILE *out, const char *name, const char *usage) {
    fprintf(out, "*portctl %s* ", name);
    page_put(out, usage);
    fputs("\n\n", out);
}

static void write_command(FILE *out, const struct command *command) {
    fprintf(out, "## %s: ", command->name);
    page_put(out, command->summary);
    fputs("\n\n", out);
    write_usage(out, command->name, command->usage);
    if (command->alias != NULL)
        write_usage(out, command->alias, command->usage);
    page_paragraph(out, command->details);
    write_options(out, command->options);
    for (const char *const *more = command->more; more != NULL && *more != NULL; more++)
        page_paragraph(out, *more);
    fputs("Examples:\n\n", out);
    for (size_t i = 0; i < EXAMPLES_MAX && command->examples[i].line != NULL; i++)
        page_entry(out, command->examples[i].line, NULL, command->examples[i].what);
}

static void write_commands(FILE *out) {
    size_t n;
    const struct command *const *all = commands(&n);

    for (size_t i = 0; i < n; i++)
        write_command(out, all[i]);
    fprintf(out,
            "## help: %s\n\n*portctl help* [COMMAND]\n\n*portctl help exit-codes*\n\n*portctl help environment*\n\n",
            HELP_SUMMARY);
}

static void write_common_options(FILE *out) {
    write_options(out, options_common());
}

static void write_meanings(FILE *out, const struct exit_meaning *meanings, size_t n) {
    for (size_t i = 0; i < n; i++)
        page_entry(out, meanings[i].code, NULL, meanings[i].meaning);
}

static void write_exit_codes(FILE *out) {
    size_t n;
    const struct exit_meaning *meanings = exit_meanings(&n);

    write_meanings(out, meanings, n);
}

static void write_exit_codes_of_run(FILE *out) {
    size_t n;
    const struct exit_meaning *meanings = exit_meanings_of_run(&n);

    write_meanings(out, meanings, n);
}

static void write_variables(FILE *out, const struct example *variables, size_t n) {
    for (size_t i = 0; i < n; i++)
        page_entry(out, variables[i].line, NULL, variables[i].what);
}

static void write_variables_read(FILE *out) {
    size_t n;
    const struct example *variables = help_variables_read(&n);

    write_variables(out, variables, n);
}

static void write_variables_set(FILE *out) {
    size_t n;
    const struct example *variables = help_variables_set(&n);

    write_variables(out, variables, n);
}

static void write_search(FILE *out) {
    page_paragraph(out, help_search);
}

const struct page_part portctl_parts[] = {
    {"commands", write_commands},
    {"options of every command", write_common_options},
    {"exit codes", write_exit_codes},
    {"exit codes of run", write_exit_codes_of_run},
    {"variables that portctl reads", write_variables_read},
    {"variables that run sets", write_variables_set},
    {"where portd is looked for", write_search},
    {NULL, NULL},
};
