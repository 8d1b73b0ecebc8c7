/*
 * up: ports for all services of the project file at once, and the .env file that it is told to write.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/env_file.h"
#include "cli/lease_set_words.h"
#include "cli/orphans.h"
#include "cli/path.h"
#include "cli/table.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* One run of up, and what it owns. */
struct upping {
    const struct invocation *invocation;
    struct project project;
    struct lease_set set;
    cJSON *orphans; /* orphans_find(); NULL: not asked for */
    bool changed;   /* the .env file is another one now */
};

static void upping_deinit(struct upping *up) {
    cJSON_Delete(up->orphans);
    lease_set_deinit(&up->set);
    project_deinit(&up->project);
}

static int gather(struct upping *up, struct problem *problem) {
    const struct operands *operands = &up->invocation->operands;
    int r = project_read(&up->invocation->scope, &up->project, problem);

    for (size_t i = 0; r == 0 && i < operands->n_items; i++) {
        if (project_find(&up->project, operands->items[i]) == NULL)
            return project_refuse_service(&up->project, operands->items[i], problem);
        r = lease_set_add_word(&up->set, up->invocation, &up->project, operands->items[i], problem);
    }
    if (r == 0 && operands->n_items == 0)
        r = lease_set_add_project(&up->set, up->invocation, &up->project, problem);
    return r != 0 ? r : lease_set_check(&up->set, problem);
}

static int write_env_file(struct upping *up, struct problem *problem) {
    struct env_pair pairs[LEASE_SET_MAX * PROJECT_VARIABLES_MAX];
    size_t n_pairs = 0;
    int r;

    if (up->project.env_file == NULL)
        return 0;
    for (size_t i = 0; i < up->set.n_items; i++)
        for (size_t j = 0; j < up->set.items[i].n_variables; j++)
            pairs[n_pairs++] = (struct env_pair){up->set.items[i].variables[j], up->set.items[i].ports[j]};
    r = env_file_write(up->project.root, up->project.env_file, pairs, n_pairs, &up->changed, problem);
    return r != 0 ? problem_set_hint(problem, "the ports are leased: portctl env prints them") : 0;
}

static int print_json(struct upping *up, struct problem *problem) {
    cJSON *json = lease_set_to_json(&up->set);

    char path[PATH_MAX];

    if (up->project.env_file != NULL && path_join(up->project.root, up->project.env_file, path))
        json_add_long_text(json, "env_file", path);
    else
        cJSON_AddNullToObject(json, "env_file");
    cJSON_AddBoolToObject(json, "env_file_changed", up->changed);
    cJSON_AddItemToObject(json, "orphans", up->orphans != NULL ? up->orphans : cJSON_CreateArray());
    up->orphans = NULL;
    return output_json(json) < 0 ? problem_fill_memory(problem) : 0;
}

static int add_rows(struct table *table, const struct wanted *wanted) {
    char port[8];
    int r = 0;

    for (size_t i = 0; r == 0 && i < wanted->n_variables; i++) {
        const struct table_cell cells[] = {
            {port, STYLE_BOLD},
            {wanted->name, STYLE_PLAIN},
            {wanted->variables[i], STYLE_PLAIN},
            {wanted->is_new ? "new" : "kept", wanted->is_new ? STYLE_GOOD : STYLE_DIM},
        };

        snprintf(port, sizeof port, "%u", wanted->ports[i]);
        r = table_add(table, cells);
    }
    return r;
}

static int print_table(const struct upping *up, struct problem *problem) {
    static const struct table_column columns[] = {
        {"PORT", 0, 0, true}, {"NAME", 8, 0, false}, {"VARIABLE", 8, 1, false}, {"LEASE", 0, 2, false}};
    const struct output *output = &up->invocation->output;
    const struct table_format format = {output->terminal, output->colour, output->utf8, output->width};
    CLEANUP(table_free_at) struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
    int r = table == NULL ? -1 : 0;

    for (size_t i = 0; r == 0 && i < up->set.n_items; i++)
        r = add_rows(table, &up->set.items[i]);
    if (r != 0)
        return problem_fill_memory(problem);
    table_print(table, &format, stdout);
    return 0;
}

static void print_ports(const struct upping *up) {
    for (size_t i = 0; i < up->set.n_items; i++)
        for (size_t j = 0; j < up->set.items[i].n_variables; j++)
            printf("%u\n", up->set.items[i].ports[j]);
}

static void tell_file(const struct upping *up) {
    const struct output *output = &up->invocation->output;

    if (up->project.env_file != NULL && output->error_terminal && !output->quiet)
        output_tell(output, "%s %s", up->changed ? "Wrote" : "Nothing new in", up->project.env_file);
}

static void tell_orphans(const struct upping *up) {
    const cJSON *orphan;
    const char *note;

    cJSON_ArrayForEach(orphan, up->orphans) {
        if (json_get_string(orphan, "note", &note))
            output_say(&up->invocation->output, "note: %s", note);
    }
}

static int print(struct upping *up, struct problem *problem) {
    int r = 0;

    if (up->invocation->output.json)
        return print_json(up, problem);
    if (!up->invocation->output.quiet) {
        output_notes(&up->invocation->output, up->set.notes);
        tell_orphans(up);
    }
    if (up->invocation->output.quiet)
        print_ports(up);
    else
        r = print_table(up, problem);
    tell_file(up);
    return r;
}

static int cmd_up(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(upping_deinit) struct upping up = {.invocation = invocation};
    int r = gather(&up, problem);

    /* Before anything is leased: what cannot be written is known now. */
    if (r == 0 && up.project.env_file != NULL)
        r = env_file_check(up.project.root, up.project.env_file, problem);
    if (r == 0)
        r = lease_set_ask(invocation, &up.set, problem);
    if (r == 0)
        r = write_env_file(&up, problem);
    /* Who asks for some services has said what he wants to hear of. */
    if (r == 0 && invocation->operands.n_items == 0 && !invocation->output.quiet)
        up.orphans = orphans_find(invocation, &up.project);
    if (r == 0)
        r = print(&up, problem);
    *ret_exit_code = EXIT_YES;
    return r;
}

static const enum option_id up_options[] = {OPTION_TTL, OPTION_PROJECT, OPTION_GLOBAL, OPTION_END};

static const char *const up_more[] = {
    "The leases live for a day, or what portmanager.json or --ttl says; what listens on a port renews its lease by "
    "itself. portctl run NAME uses the same "
    "ports.",
    "What was taken out of portmanager.json keeps its lease until that ends: up without a name says so, and the "
    "command that ends it. "
    "Lines of the .env file are never taken out of it.",
    "In a pipe: a line a port, tab-separated: port, name, variable, and new or kept.",
    NULL,
};

const struct command command_up = {
    .name = "up",
    .summary = "get the ports of all services of the project",
    .usage = "[NAME...] [options]",
    .details = "Leases what portmanager.json, here or in a folder above, names and what is not leased yet, all of\n"
               "it or none, and writes the .env file that it tells.\n",
    .more = up_more,
    .options = up_options,
    .n_most = PROJECT_SERVICES_MAX,
    .first = OPERAND_SERVICE,
    .others = OPERAND_SERVICE,
    .examples = {{"portctl up", "every service of the project"},
                 {"portctl up web db", "these two"},
                 {"portctl up --json", "everything, for a program"}},
    .function = cmd_up,
};
