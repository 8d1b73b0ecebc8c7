/*
 * status: does portd run, and how. What a person asks first when something is odd.
 */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/paragraph.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define FACT_MAX 1024

#define WORD_WIDTH 10

/* Where a column of words would leave less than this to the facts there is none. */
#define COLUMN_LEAST 20

static void print_for_terminal(const struct output *output, const char *word, const char *fact) {
    size_t column = 2 + WORD_WIDTH + 1;
    bool narrow = output->width < column + COLUMN_LEAST;
    struct paragraph paragraph = {.stream = stdout,
                                  .width = output->width,
                                  .indent = !narrow             ? column
                                            : output->width > 8 ? 4
                                                                : 0,
                                  .colour = output->colour,
                                  .column = narrow ? 2 + strlen(word) : column - 1,
                                  .joined = true};

    printf("  %s%-*s%s", output_style(output->colour, STYLE_DIM), narrow ? 0 : WORD_WIDTH, word,
           output_style_end(output->colour, STYLE_DIM));
    paragraph_put(&paragraph, STYLE_PLAIN, fact);
    paragraph_end(&paragraph);
}

/* On a terminal a word; in a pipe the REST field's name. What portd does not tell everybody is left out. */
static void print_fact(const struct output *output, const char *word, const char *field, const char *value) {
    char safe[FACT_MAX];

    if (value == NULL || value[0] == '\0')
        return;
    text_make_safe(value, safe, sizeof safe);
    if (output->terminal)
        print_for_terminal(output, word, safe);
    else
        printf("%s\t%s\n", field, safe);
}

static void print_number(const struct output *output, const char *word, const cJSON *status, const char *field) {
    uint64_t number;
    char text[24];

    if (!json_get_number(status, field, 0, UINT64_MAX, &number))
        return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    print_fact(output, word, field, text);
}

static void print_string(const struct output *output, const char *word, const cJSON *status, const char *field) {
    const char *text;

    if (json_get_string(status, field, &text))
        print_fact(output, word, field, text);
}

/* Texts, or ports: "8080, 8443"; or one text that says it all. */
static void print_array(const struct output *output, const char *word, const cJSON *status, const char *field) {
    char text[FACT_MAX] = "";
    size_t used = 0;
    const cJSON *item;

    print_string(output, word, status, field);
    cJSON_ArrayForEach(item, json_get(status, field)) {
        uint64_t number;

        if (used >= sizeof text)
            break;
        if (cJSON_IsString(item))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "", item->valuestring);
        else if (json_is_whole(item, 0, UINT16_MAX, &number))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%u", used > 0 ? ", " : "", (unsigned)number);
    }
    print_fact(output, word, field, text);
}

static void print_uptime(const struct output *output, const cJSON *status) {
    char duration[TEXT_DURATION_MAX];
    uint64_t seconds;

    if (!output->terminal) {
        print_number(output, "up", status, "uptime_seconds");
    } else if (json_get_number(status, "uptime_seconds", 0, UINT64_MAX, &seconds)) {
        text_format_duration(seconds, duration);
        print_fact(output, "up", "uptime_seconds", duration);
    }
}

static void print_range(const struct output *output, const cJSON *status) {
    const cJSON *range = json_get(status, "range");
    char text[64];
    uint64_t min;
    uint64_t max;
    uint64_t n_leased;

    if (!json_get_number(range, "min", 0, UINT16_MAX, &min) || !json_get_number(range, "max", 0, UINT16_MAX, &max))
        return;
    if (output->terminal && json_get_number(status, "n_leased_in_range", 0, UINT16_MAX, &n_leased))
        snprintf(text, sizeof text, "%u-%u, %u of %u ports leased", (unsigned)min, (unsigned)max, (unsigned)n_leased,
                 max < min ? 0 : (unsigned)(max - min + 1));
    else
        snprintf(text, sizeof text, "%u-%u", (unsigned)min, (unsigned)max);
    print_fact(output, "range", "range", text);
}

static void print_bound(const struct output *output, const cJSON *status) {
    bool sees_bound;

    if (!json_get_bool(status, "sees_bound_sockets", &sees_bound))
        return;
    if (!output->terminal)
        print_fact(output, "", "sees_bound_sockets", sees_bound ? "true" : "false");
    else if (!sees_bound)
        print_fact(output, "kernel", "", "does not show sockets that are bound and do not listen (Linux 6.8 does)");
}

static void print_facts(const struct output *output, const cJSON *status) {
    if (output->terminal)
        printf("portd is running\n");
    print_string(output, "version", status, "version");
    print_number(output, "pid", status, "pid");
    print_number(output, "uid", status, "uid");
    print_uptime(output, status);
    print_array(output, "addresses", status, "addresses");
    print_string(output, "socket", status, "socket");
    print_string(output, "database", status, "database");
    print_range(output, status);
    print_array(output, "excluded", status, "excluded");
    print_number(output, "leases", status, "n_leases");
    if (!output->terminal)
        print_number(output, "", status, "n_leased_in_range");
    print_bound(output, status);
}

/* portd's own `version` is a text: its answer gets a member of its own. `status` is taken over. */
static int print_json(cJSON *status, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *owned = status;
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    cJSON *made;

    if (!cJSON_AddItemToObject(document, "portd", owned))
        return problem_fill_memory(problem);
    owned = NULL;
    made = document;
    document = NULL;
    return output_json(made) < 0 ? problem_fill_memory(problem) : 0;
}

static int cmd_status(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    int r = client_call(invocation->client, "/status", NULL, CLIENT_PATIENCE_MS, &reply, problem);

    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    if (invocation->output.json) {
        cJSON *taken = reply;
        reply = NULL;
        return print_json(taken, problem);
    }
    if (!invocation->output.quiet)
        print_facts(&invocation->output, reply);
    output_notes(&invocation->output, json_get(reply, "warnings"));
    return 0;
}

const struct command command_status = {
    .name = "status",
    .summary = "show whether portd runs, and how",
    .usage = "[options]",
    .details = "In a pipe: a line a fact, tab-separated. Exit code 3 if portd does not run.\n",
    .examples = {{"portctl status", "its address, range and database"},
                 {"portctl status -q && echo up", "the exit code alone"}},
    .function = cmd_status,
};
