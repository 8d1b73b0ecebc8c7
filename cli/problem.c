/*
 * Problems, and the one place that turns them into words and exit codes.
 */
#include "cli/problem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define URN "urn:portmanager:problem:"

static const struct exit_meaning meanings[] = {
    {"0", "yes, done"},
    {"1", "no (not found, nobody listens, there are conflicts, not stopped, doctor found something), or a failure that "
          "has no number below"},
    {"2", "wrong arguments"},
    {"3", "portd cannot be reached, or what answers is no portd to be trusted"},
    {"4", "the port is taken, or no port is free"},
    {"5", "not allowed"},
    {"124", "a --wait or --timeout ran out"},
};

static const struct exit_meaning meanings_of_run[] = {
    {"2", "wrong arguments; nothing was allocated"},
    {"124", "--wait ran out before there was a port"},
    {"125", "no port was granted, or another failure of portctl's own"},
    {"126", "the program cannot be executed"},
    {"127", "the program was not found"},
    {"128+n", "the program was ended by signal n"},
    {"else", "the program's own exit code"},
};

const struct exit_meaning *exit_meanings(size_t *ret_n) {
    *ret_n = sizeof meanings / sizeof meanings[0];
    return meanings;
}

const struct exit_meaning *exit_meanings_of_run(size_t *ret_n) {
    *ret_n = sizeof meanings_of_run / sizeof meanings_of_run[0];
    return meanings_of_run;
}

/* The type says more than the status: a lease that became somebody else's is a "no", not a port that is taken. */
static enum exit_code exit_code_for(unsigned status, const char *type) {
    static const struct {
        const char *type;
        enum exit_code code;
    } by_type[] = {
        {"lease-mismatch", EXIT_NO}, {"lease-holder", EXIT_NO},          {"stale-process", EXIT_NO},
        {"port-taken", EXIT_TAKEN},  {"port-leased", EXIT_TAKEN},        {"lease-held", EXIT_TAKEN},
        {"range-full", EXIT_TAKEN},  {"reserved-for-portd", EXIT_TAKEN},
    };

    for (size_t i = 0; i < sizeof by_type / sizeof by_type[0]; i++)
        if (strcmp(type, by_type[i].type) == 0)
            return by_type[i].code;
    switch (status) {
    case 403:
        return EXIT_NOT_ALLOWED;
    case 409:
    case 503: /* the original's "nothing is free" has no type */
        return EXIT_TAKEN;
    case 422:
        return EXIT_USAGE;
    default:
        return EXIT_NO;
    }
}

void problem_deinit(struct problem *problem) {
    cJSON_Delete(problem->document);
    *problem = (struct problem){0};
}

static void format_safe(char *ret_text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void format_safe(char *ret_text, size_t size, const char *format, va_list arguments) {
    char raw[1024];

    vsnprintf(raw, sizeof raw, format, arguments);
    text_make_safe(raw, ret_text, size);
}

int problem_fill(struct problem *problem, enum exit_code exit_code, const char *type, const char *detail, ...) {
    va_list arguments;

    problem_deinit(problem);
    problem->exit_code = exit_code;
    text_make_safe(type, problem->type, sizeof problem->type);
    va_start(arguments, detail);
    format_safe(problem->detail, sizeof problem->detail, detail, arguments);
    va_end(arguments);
    return PROBLEM_E_SET;
}

int problem_fill_usage(struct problem *problem, const char *detail, ...) {
    va_list arguments;

    problem_fill(problem, EXIT_USAGE, "usage", "%s", "");
    va_start(arguments, detail);
    format_safe(problem->detail, sizeof problem->detail, detail, arguments);
    va_end(arguments);
    return PROBLEM_E_SET;
}

int problem_fill_memory(struct problem *problem) {
    return problem_fill(problem, EXIT_NO, "internal", "out of memory");
}

int problem_set_hint(struct problem *problem, const char *hint, ...) {
    va_list arguments;

    va_start(arguments, hint);
    format_safe(problem->hint, sizeof problem->hint, hint, arguments);
    va_end(arguments);
    return PROBLEM_E_SET;
}

int problem_fill_reply(struct problem *problem, unsigned status, cJSON *document) {
    const char *type = "";
    const char *detail = "";
    const char *hint = "";

    json_get_string(document, "type", &type);
    if (strncmp(type, URN, strlen(URN)) == 0)
        type += strlen(URN);
    if (!json_get_string(document, "detail", &detail))
        json_get_string(document, "title", &detail);
    json_get_string(document, "hint", &hint);

    if (detail[0] != '\0')
        problem_fill(problem, exit_code_for(status, type), type, "%s", detail);
    else
        problem_fill(problem, exit_code_for(status, type), type,
                     "the server answered with HTTP status %u and no reason", status);
    problem_set_hint(problem, "%s", hint);
    problem->status = status;
    problem->document = document;
    return PROBLEM_E_SET;
}

/* "Port 8080" begins in lower case there, "TTL" does not. */
void problem_format(const struct problem *problem, char *ret_text) {
    size_t length = strlen(problem->detail);

    memcpy(ret_text, problem->detail, length + 1);
    if (isupper((unsigned char)ret_text[0]) && islower((unsigned char)ret_text[1]))
        ret_text[0] = (char)tolower((unsigned char)ret_text[0]);
    if (length > 1 && ret_text[length - 1] == '.' && ret_text[length - 2] != '.')
        ret_text[length - 1] = '\0';
}

/* A problem of portctl's own in the form that portd's have (RFC 9457; `status` has no meaning there). */
static cJSON *make_document(const struct problem *problem) {
    CLEANUP(json_free_at) cJSON *document = cJSON_CreateObject();
    cJSON *made;
    char type[sizeof URN + sizeof problem->type];

    snprintf(type, sizeof type, URN "%s", problem->type);
    if (cJSON_AddStringToObject(document, "type", type) == NULL ||
        cJSON_AddStringToObject(document, "detail", problem->detail) == NULL ||
        (problem->hint[0] != '\0' && cJSON_AddStringToObject(document, "hint", problem->hint) == NULL))
        return NULL;
    made = document;
    document = NULL;
    return made;
}

static bool report_document(const struct problem *problem) {
    CLEANUP(json_free_at) cJSON *made = problem->document == NULL ? make_document(problem) : NULL;
    CLEANUP(json_free_text_at)
    char *text = cJSON_PrintUnformatted(problem->document != NULL ? problem->document : made);

    if (text == NULL)
        return false;
    fprintf(stderr, "%s\n", text);
    return true;
}

int problem_report(const struct problem *problem, const struct output *output) {
    char detail[PROBLEM_DETAIL_MAX];

    if (output->json && report_document(problem))
        return (int)problem->exit_code;
    problem_format(problem, detail);
    output_say(output, "%s", detail);
    if (problem->hint[0] != '\0')
        output_hint(output, problem->hint);
    return (int)problem->exit_code;
}
