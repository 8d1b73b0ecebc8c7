/*
 * doctor: prints what the checks have found. See doctor.h.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/paragraph.h"
#include "cli/table.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define REMEDY_INDENT 4

struct sign {
    const char *glyph;
    const char *ascii;
    enum style style;
};

static const struct sign signs[] = {
    [FINDING_OK] = {"✓", "ok", STYLE_GOOD},
    [FINDING_WARNING] = {"!", "!", STYLE_WARNING},
    [FINDING_ERROR] = {"✗", "x", STYLE_BAD},
};

/* ---- on a terminal ---- */

static void print_text(const struct output *output, const struct finding *finding) {
    const struct sign *sign = &signs[finding->state];
    const char *glyph = output->utf8 ? sign->glyph : sign->ascii;
    size_t indent = output->utf8 ? 2 : 3;
    struct paragraph paragraph = {
        .stream = stdout, .width = output->width, .indent = indent, .colour = output->colour, .column = indent};

    if (output->width <= 2 * indent)
        paragraph.indent = 0;
    printf("%s%s%s%*s", output_style(output->colour, sign->style), glyph, output_style_end(output->colour, sign->style),
           (int)(indent - table_text_width(glyph)), "");
    paragraph_put(&paragraph, STYLE_PLAIN, finding->text);
    paragraph_end(&paragraph);
}

static void print_remedy(const struct output *output, const char *remedy) {
    size_t indent = output->width >= 5 * REMEDY_INDENT ? REMEDY_INDENT : 0;
    struct paragraph paragraph = {.stream = stdout, .width = output->width, .indent = indent, .column = indent};
    char safe[DOCTOR_COMMAND_MAX];

    printf("%*s%s", (int)indent, "", output_style(output->colour, STYLE_BOLD));
    paragraph_put_command(&paragraph, text_make_safe(remedy, safe, sizeof safe));
    printf("%s\n", output_style_end(output->colour, STYLE_BOLD));
}

static void print_for_terminal(const struct output *output, const struct doctor *doctor) {
    for (size_t i = 0; i < doctor->n_findings; i++) {
        print_text(output, &doctor->findings[i]);
        if (doctor->findings[i].remedy != NULL)
            print_remedy(output, doctor->findings[i].remedy);
    }
}

/* ---- for programs ---- */

static int print_for_pipe(const struct output *output, const struct doctor *doctor) {
    static const struct table_column columns[4] = {{"", 0, 0, false}};
    const struct table_format format = {.width = output->width};
    CLEANUP(table_free_at) struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);

    if (table == NULL)
        return -1;
    for (size_t i = 0; i < doctor->n_findings; i++) {
        const struct finding *finding = &doctor->findings[i];

        if (table_add(table, (const struct table_cell[]){{finding->check, STYLE_PLAIN},
                                                         {finding_state_name(finding->state), STYLE_PLAIN},
                                                         {finding->text, STYLE_PLAIN},
                                                         {finding->remedy, STYLE_PLAIN}}) < 0)
            return -1;
    }
    table_print(table, &format, stdout);
    return 0;
}

static int print_document(const struct doctor *doctor) {
    cJSON *document = cJSON_CreateObject();
    cJSON *findings = cJSON_AddArrayToObject(document, "findings");

    for (size_t i = 0; i < doctor->n_findings; i++) {
        const struct finding *finding = &doctor->findings[i];
        cJSON *json = cJSON_CreateObject();

        cJSON_AddStringToObject(json, "check", finding->check);
        cJSON_AddStringToObject(json, "state", finding_state_name(finding->state));
        json_add_long_text(json, "text", finding->text);
        if (finding->remedy != NULL)
            json_add_long_text(json, "remedy", finding->remedy);
        else
            cJSON_AddNullToObject(json, "remedy");
        cJSON_AddItemToArray(findings, json);
    }
    return output_json(document);
}

static int cmd_doctor(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    const struct output *output = &invocation->output;
    CLEANUP(doctor_deinit) struct doctor doctor;
    int r = 0;

    doctor_init(&doctor, &invocation->options);
    /* Of what the command line says wrongly nothing is to be diagnosed. */
    if (invocation->options.socket != NULL || invocation->options.url != NULL) {
        struct endpoints endpoints;

        r = endpoints_find(&invocation->options, &endpoints, problem);
        if (r != 0)
            return r;
    }
    doctor_run(&doctor);
    *ret_exit_code = doctor_worst(&doctor) == FINDING_OK ? EXIT_YES : EXIT_NO;
    if (doctor.short_of_memory)
        return problem_fill_memory(problem);
    if (output->json)
        r = print_document(&doctor);
    else if (!output->quiet && !output->terminal)
        r = print_for_pipe(output, &doctor);
    else if (!output->quiet)
        print_for_terminal(output, &doctor);
    return r < 0 ? problem_fill_memory(problem) : 0;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "find what is wrong here, and what mends it",
    .usage = "[options]",
    .details = "Looks at portd and its socket, the range, the disk, the kernel, the clock, other namespaces and the\n"
               "shell. A line a finding; below one that is not well stands a command that mends it. Changes nothing,\n"
               "needs neither root nor a portd that runs. Exit code 1 if it has found something. In a pipe: a line a\n"
               "finding, tab-separated: check, state (ok, warning, error), text, remedy.\n",
    .without_portd = true,
    .examples = {{"portctl doctor", "what is well, what is not, and the remedy"},
                 {"portctl doctor -q || portctl doctor", "only if there is something"},
                 {"portctl doctor --json", "for a program"}},
    .function = cmd_doctor,
};
