/*
 * One service of portmanager.json. See project_service.h.
 */
#include "cli/project_service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/json_place.h"
#include "src/base/text.h"

#define TIME_HINT "a number of seconds, or a text: \"90s\", \"5m\", \"2h\" or \"1d\""

/* What stands in the file may be anything, and so the sentence is cut before the problem's own end. */
#define SENTENCE_MAX (PROBLEM_DETAIL_MAX - 64)

int project_refuse(struct problem *problem, const char *format, ...) {
    char text[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return problem_fill(problem, EXIT_USAGE, "bad-project-file", SCOPE_FILE ": %s", text);
}

static int refuse_at(const struct project *project, const cJSON *item, enum json_part part, struct problem *problem,
                     const char *sentence) {
    const struct json_line place =
        json_line_at(project->text, json_place(project->text, project->document, item, part));

    return problem_fill(problem, EXIT_USAGE, "bad-project-file", SCOPE_FILE ":%zu:%zu: %s", place.line, place.column,
                        sentence);
}

int project_refuse_value(const struct project *project, const cJSON *value, struct problem *problem, const char *format,
                         ...) {
    char text[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return refuse_at(project, value, JSON_VALUE, problem, text);
}

int project_refuse_key(const struct project *project, const cJSON *member, struct problem *problem, const char *format,
                       ...) {
    char text[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return refuse_at(project, member, JSON_KEY, problem, text);
}

int project_check_keys(const struct project *project, const cJSON *object, const char *where,
                       const struct project_key *keys, size_t n_keys, struct problem *problem) {
    const char *words[16] = {NULL};
    char list[128];
    const cJSON *item;

    for (size_t i = 0; i < n_keys; i++)
        words[i] = keys[i].name;
    cJSON_ArrayForEach(item, object) {
        bool is_known = false;
        const char *near;

        for (size_t i = 0; i < n_keys; i++)
            is_known = is_known || strcmp(item->string, words[i]) == 0;
        if (is_known)
            continue;
        near = text_nearest(item->string, words, n_keys);
        project_refuse_key(project, item, problem, "%s has no key \"%.60s\"", where[0] != '\0' ? where : "the file",
                           item->string);
        if (near != NULL)
            return problem_set_hint(problem, "did you mean \"%s\"?", near);
        return problem_set_hint(problem, "it takes %s", options_join_words(words, list, sizeof list));
    }
    return 0;
}

/* Where a service's key is, for a sentence. */
struct place {
    char text[OPTIONS_NAME_MAX + 64];
};

static struct place place_of(const struct project_service *service, const char *key) {
    struct place place;

    snprintf(place.text, sizeof place.text, "services.%s%s%s", service->name, key != NULL ? "." : "",
             key != NULL ? key : "");
    return place;
}

/* An array, or one value as if it were an array of it. */
static const cJSON *first_of(const cJSON *value) {
    return cJSON_IsArray(value) ? value->child : value;
}

static const cJSON *next_of(const cJSON *value, const cJSON *item) {
    return cJSON_IsArray(value) ? item->next : NULL;
}

static int add_variable(const struct project *project, struct project_service *service, const cJSON *item,
                        struct problem *problem) {
    struct place place = place_of(service, "variables");
    const char *fault;

    if (!cJSON_IsString(item))
        return project_refuse_value(project, item, problem, "%s: a variable's name is a text, not %s", place.text,
                                    json_type_name(item));
    fault = variable_fault(item->valuestring);
    if (fault != NULL)
        return project_refuse_value(project, item, problem, "%s: \"%.60s\" %s", place.text, item->valuestring, fault);
    for (size_t i = 0; i < service->n_variables; i++)
        if (strcmp(service->variables[i], item->valuestring) == 0)
            return project_refuse_value(project, item, problem,
                                        "%s: \"%s\" is there twice: each variable tells one port", place.text,
                                        item->valuestring);
    if (service->n_variables == PROJECT_VARIABLES_MAX)
        return project_refuse_value(project, item, problem, "%s: a service has at most %d variables", place.text,
                                    PROJECT_VARIABLES_MAX);
    service->variables[service->n_variables++] = item->valuestring;
    return 0;
}

static int read_variables(const struct project *project, const cJSON *object, struct project_service *service,
                          struct problem *problem) {
    const cJSON *value = json_get(object, "variables");
    int r = 0;

    for (const cJSON *item = first_of(value); r == 0 && item != NULL; item = next_of(value, item))
        r = add_variable(project, service, item, problem);
    if (r != 0 || service->n_variables > 0)
        return r;
    if (value != NULL)
        return project_refuse_value(project, value, problem, "%s: is empty", place_of(service, "variables").text);
    if (!variable_of_service(service->name, service->own_variable)) {
        project_refuse_key(project, object, problem, "%s: has no ASCII letter or digit to make a variable of",
                           place_of(service, NULL).text);
        return problem_set_hint(problem, "\"variables\" names one");
    }
    service->variables[service->n_variables++] = service->own_variable;
    return 0;
}

static int add_prefer(const struct project *project, struct project_service *service, const cJSON *item,
                      struct problem *problem) {
    struct place place = place_of(service, "prefer");
    uint64_t port = 0;

    if (service->n_prefer == service->n_variables)
        return project_refuse_value(project, item, problem,
                                    "%s: there are more ports than variables, of which the service has %zu", place.text,
                                    service->n_variables);
    if (!cJSON_IsNull(item) && !cJSON_IsNumber(item))
        return project_refuse_value(project, item, problem, "%s: a port is a number, not %s", place.text,
                                    json_type_name(item));
    if (cJSON_IsNumber(item) && !json_is_whole(item, 1, UINT16_MAX, &port))
        return project_refuse_value(project, item, problem, "%s: %.15g is no port: they go from 1 to 65535", place.text,
                                    item->valuedouble);
    for (size_t i = 0; port != 0 && i < service->n_prefer; i++)
        if (service->prefer[i] == port)
            return project_refuse_value(project, item, problem, "%s: %u is there twice", place.text, (unsigned)port);
    service->prefer[service->n_prefer++] = (uint16_t)port;
    return 0;
}

static int read_prefer(const struct project *project, const cJSON *object, struct project_service *service,
                       struct problem *problem) {
    const cJSON *value = json_get(object, "prefer");
    int r = 0;

    for (const cJSON *item = first_of(value); r == 0 && item != NULL; item = next_of(value, item))
        r = add_prefer(project, service, item, problem);
    return r;
}

static int read_tags(const struct project *project, const cJSON *object, struct project_service *service,
                     struct problem *problem) {
    const cJSON *value = json_get(object, "tags");
    struct place place = place_of(service, "tags");

    for (const cJSON *item = first_of(value); item != NULL; item = next_of(value, item)) {
        size_t length = cJSON_IsString(item) ? strlen(item->valuestring) : 0;

        if (length == 0 || length > OPTIONS_TAG_MAX || text_has_control(item->valuestring, length))
            return project_refuse_value(project, item, problem,
                                        "%s: a tag is a text of 1 to %d bytes without control characters", place.text,
                                        OPTIONS_TAG_MAX);
        if (service->n_tags == OPTIONS_TAGS_MAX)
            return project_refuse_value(project, item, problem, "%s: a lease has at most %d tags", place.text,
                                        OPTIONS_TAGS_MAX);
        service->tags[service->n_tags++] = item->valuestring;
    }
    return 0;
}

static int read_ttl(const struct project *project, const cJSON *object, struct project_service *service,
                    struct problem *problem) {
    const cJSON *value = json_get(object, "ttl");
    struct place place = place_of(service, "ttl");

    if (value == NULL || json_is_whole(value, 1, UINT32_MAX, &service->ttl_seconds))
        return 0;
    if (cJSON_IsString(value) && text_parse_duration(value->valuestring, &service->ttl_seconds) == 0)
        return 0;
    if (cJSON_IsString(value))
        project_refuse_value(project, value, problem, "%s: \"%.40s\" is no time", place.text, value->valuestring);
    else
        project_refuse_value(project, value, problem, "%s: is no time", place.text);
    return problem_set_hint(problem, TIME_HINT);
}

/* ---- The command */

/* No programs, or others than the shell means. */
static bool is_of_shell(const char *text, size_t length) {
    static const char *const words[] = {".",     "alias",  "case",  "cd",   "command", "eval",   "exec",
                                        "exit",  "export", "for",   "if",   "read",    "return", "set",
                                        "shift", "source", "trap",  "type", "ulimit",  "umask",  "unset",
                                        "until", "wait",   "while", "{"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == length && strncmp(words[i], text, length) == 0)
            return true;
    return false;
}

/* Words and blanks, and nothing that a shell would make anything else of; the braces are those of {PORT}. */
static bool is_plain(const char *text) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:@%+,{}= ";
    size_t first;

    text += strspn(text, " ");
    first = strcspn(text, " ");
    return !is_of_shell(text, first) && strspn(text, plain) == strlen(text) && memchr(text, '=', first) == NULL;
}

static char **allocate_words(size_t n_words, size_t n_bytes, char **ret_text) {
    char **words = calloc(1, (n_words + 1) * sizeof *words + n_bytes);

    if (words != NULL)
        *ret_text = (char *)(words + n_words + 1);
    return words;
}

/* The plain text split at its blanks. */
static char **split(const char *text) {
    size_t length = strlen(text);
    size_t n = 0;
    char *at;
    char **words = allocate_words(length / 2 + 1, length + 1, &at);
    char *rest;

    if (words == NULL)
        return NULL;
    memcpy(at, text, length + 1);
    for (char *word = strtok_r(at, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        words[n++] = word;
    return words;
}

static char **copy_words(const char *const *texts, size_t n_texts) {
    size_t n_bytes = 0;
    char *at;
    char **words;

    for (size_t i = 0; i < n_texts; i++)
        n_bytes += strlen(texts[i]) + 1;
    words = allocate_words(n_texts, n_bytes, &at);
    for (size_t i = 0; words != NULL && i < n_texts; i++) {
        size_t size = strlen(texts[i]) + 1;

        words[i] = memcpy(at, texts[i], size);
        at += size;
    }
    return words;
}

static char **command_of_text(const char *text) {
    const char *const shell[] = {"/bin/sh", "-c", text};

    return is_plain(text) ? split(text) : copy_words(shell, sizeof shell / sizeof shell[0]);
}

#define COMMAND_WORDS_MAX 256

static int read_words(const struct project *project, const cJSON *value, struct project_service *service,
                      struct problem *problem) {
    struct place place = place_of(service, "command");
    const char *texts[COMMAND_WORDS_MAX];
    const cJSON *item;
    size_t n = 0;

    cJSON_ArrayForEach(item, value) {
        if (!cJSON_IsString(item))
            return project_refuse_value(project, item, problem, "%s: a program and its arguments are texts",
                                        place.text);
        if (n == COMMAND_WORDS_MAX)
            return project_refuse_value(project, item, problem, "%s: has more than %d words", place.text,
                                        COMMAND_WORDS_MAX);
        texts[n++] = item->valuestring;
    }
    service->command = copy_words(texts, n);
    return 0;
}

static int read_command(const struct project *project, const cJSON *object, struct project_service *service,
                        struct problem *problem) {
    const cJSON *value = json_get(object, "command");
    struct place place = place_of(service, "command");
    int r = 0;

    if (value == NULL)
        return 0;
    if (!cJSON_IsString(value) && !cJSON_IsArray(value))
        return project_refuse_value(project, value, problem, "%s: is a text, or an array of texts", place.text);
    if (cJSON_IsArray(value))
        r = read_words(project, value, service, problem);
    else
        service->command = command_of_text(value->valuestring);
    if (r != 0)
        return r;
    if (service->command == NULL)
        return problem_fill_memory(problem);
    if (service->command[0] == NULL || service->command[0][0] == '\0')
        return project_refuse_value(project, value, problem, "%s: is empty", place.text);
    return 0;
}

/* ---- The whole */

static int check_name(const struct project *project, const cJSON *item, struct problem *problem) {
    const char *name = item->string;
    size_t length = strlen(name);

    /* JSON is UTF-8, and has been read as such. */
    if (length == 0 || length > PROJECT_NAME_MAX || text_has_control(name, length))
        return project_refuse_key(project, item, problem,
                                  "services: \"%.40s\" is no service's name: 1 to %d bytes without control characters",
                                  name, PROJECT_NAME_MAX);
    if (strchr(name, '@') != NULL)
        return project_refuse_key(project, item, problem,
                                  "services: \"%s\" has an @: behind that stands the branch of a worktree", name);
    if (options_is_port(name))
        return project_refuse_key(project, item, problem,
                                  "services: \"%s\" has the form of a port: a name has a letter in it", name);
    return 0;
}

int project_service_read(const struct project *project, const cJSON *item, struct project_service *ret_service,
                         struct problem *problem) {
    size_t n_keys;
    const struct project_key *keys = project_service_keys(&n_keys);
    int r = check_name(project, item, problem);

    if (r != 0)
        return r;
    ret_service->name = item->string;
    if (!cJSON_IsObject(item))
        return project_refuse_value(project, item, problem, "%s: a service is an object, not %s",
                                    place_of(ret_service, NULL).text, json_type_name(item));
    r = project_check_keys(project, item, place_of(ret_service, NULL).text, keys, n_keys, problem);
    if (r == 0)
        r = read_variables(project, item, ret_service, problem);
    if (r == 0)
        r = read_prefer(project, item, ret_service, problem);
    if (r == 0)
        r = read_tags(project, item, ret_service, problem);
    if (r == 0)
        r = read_ttl(project, item, ret_service, problem);
    if (r == 0)
        r = read_command(project, item, ret_service, problem);
    return r;
}

void project_service_deinit(struct project_service *service) {
    free(service->command);
}
