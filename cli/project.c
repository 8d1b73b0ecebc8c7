/*
 * portmanager.json. See project.h.
 */
#include "cli/project.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/path.h"
#include "cli/project_service.h"
#include "probe/fd.h"
#include "src/base/json.h"
#include "src/base/json_place.h"
#include "src/base/text.h"

void project_deinit(struct project *project) {
    for (size_t i = 0; i < project->n_services; i++)
        project_service_deinit(&project->services[i]);
    free(project->services);
    cJSON_Delete(project->document);
    free(project->text);
    *project = (struct project){0};
}

static void free_text(char **text) {
    free(*text);
}

static int read_file(const char *root, char **ret_text, size_t *ret_length, struct problem *problem) {
    CLEANUP(fd_close_at) int fd = -1;
    CLEANUP(free_text) char *text = NULL;
    char path[PATH_MAX];
    struct stat status;
    ssize_t n = 0;
    size_t used = 0;

    if (path_join(root, SCOPE_FILE, path))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0)
        return problem_fill(problem, EXIT_NO, "no-project-file", "%s cannot be read: %s", path, strerror(errno));
    if ((size_t)status.st_size > PROJECT_FILE_MAX)
        return project_refuse(problem, "has %lld bytes; more than %zu are no project file", (long long)status.st_size,
                              PROJECT_FILE_MAX);
    text = calloc(1, PROJECT_FILE_MAX + 2);
    if (text == NULL)
        return problem_fill_memory(problem);
    while (used <= PROJECT_FILE_MAX && (n = read(fd, text + used, PROJECT_FILE_MAX + 1 - used)) > 0)
        used += (size_t)n;
    if (n < 0)
        return problem_fill(problem, EXIT_NO, "no-project-file", "%s cannot be read: %s", path, strerror(errno));
    if (used > PROJECT_FILE_MAX)
        return project_refuse(problem, "has more than %zu bytes", PROJECT_FILE_MAX);
    *ret_text = text;
    *ret_length = used;
    text = NULL;
    return 0;
}

/* What people write who are used to languages that take more than JSON does. "": nothing that is known. */
static const char *find_habit(char c) {
    switch (c) {
    case '/':
    case '#':
        return "JSON has no comments";
    case '}':
    case ']':
        return "there may be a comma too many before it";
    case '\'':
        return "JSON's quotes are \"";
    default:
        return "";
    }
}

static int refuse_place(const char *text, const struct json_error *error, struct problem *problem) {
    const struct json_line place = json_line_at(text, error->offset);

    problem_fill(problem, EXIT_USAGE, "bad-project-file", SCOPE_FILE ":%zu:%zu: %s", place.line, place.column,
                 error->reason);
    return problem_set_hint(problem, "%s", find_habit(text[error->offset]));
}

static int parse(struct project *project, struct problem *problem) {
    struct json_error error;
    size_t length = 0;
    int r = read_file(project->root, &project->text, &length, problem);

    if (r != 0)
        return r;
    if (!text_is_utf8(project->text, length))
        return project_refuse(problem, "not UTF-8");
    r = json_parse(project->text, length, &project->document, &error);
    if (r == JSON_E_MALFORMED)
        return refuse_place(project->text, &error, problem);
    return r != 0 ? problem_fill_memory(problem) : 0;
}

/* The file is written to with the rights of who calls portctl: it stays in the project's folder. */
static int read_env_file(struct project *project, struct problem *problem) {
    const cJSON *value = json_get(project->document, "env_file");
    const char *path;
    char around[PATH_MAX];

    if (value == NULL)
        return 0;
    if (!json_get_string(project->document, "env_file", &path))
        return project_refuse_value(project, value, problem, "env_file: is a text, not %s", json_type_name(value));
    snprintf(around, sizeof around, "/%s/", path);
    if (path[0] == '\0' || path[0] == '/' || path[strlen(path) - 1] == '/' || strstr(around, "/../") != NULL ||
        text_has_control(path, strlen(path)) || strlen(path) >= PATH_MAX - 3)
        return project_refuse_value(project, value, problem, "env_file: \"%.60s\" is no file in the project's folder",
                                    path);
    project->env_file = path;
    return 0;
}

/* Where the variable is named; one that is made of the service's name is named by that. */
static const cJSON *find_variable(const cJSON *service, size_t index, bool *ret_is_key) {
    const cJSON *value = json_get(service, "variables");

    *ret_is_key = value == NULL;
    if (value == NULL)
        return service;
    return cJSON_IsArray(value) ? cJSON_GetArrayItem(value, (int)index) : value;
}

static int refuse_variable(const struct project *project, const cJSON *item, size_t index, const char *other,
                           struct problem *problem) {
    const struct project_service *service = &project->services[project->n_services];
    bool is_key;
    const cJSON *place = find_variable(item, index, &is_key);

    (is_key ? project_refuse_key : project_refuse_value)(project, place, problem,
                                                         "the services \"%s\" and \"%s\" have one variable, %s", other,
                                                         service->name, service->variables[index]);
    return problem_set_hint(problem, "each variable tells one port: \"variables\" gives others");
}

/* Of the service `item`, the one behind those that are counted, by the services before it. */
static int check_variables(const struct project *project, const cJSON *item, struct problem *problem) {
    const struct project_service *service = &project->services[project->n_services];

    for (size_t i = 0; i < project->n_services; i++)
        for (size_t j = 0; j < project->services[i].n_variables; j++)
            for (size_t k = 0; k < service->n_variables; k++)
                if (strcmp(project->services[i].variables[j], service->variables[k]) == 0)
                    return refuse_variable(project, item, k, project->services[i].name, problem);
    return 0;
}

static int read_services(struct project *project, struct problem *problem) {
    const cJSON *services = json_get(project->document, "services");
    const cJSON *item;

    if (!cJSON_IsObject(services))
        return project_refuse_value(project, services != NULL ? services : project->document, problem,
                                    "services: is missing, or no object");
    if (services->child == NULL)
        return project_refuse_value(project, services, problem, "services: is empty");
    project->services = calloc(PROJECT_SERVICES_MAX, sizeof *project->services);
    if (project->services == NULL)
        return problem_fill_memory(problem);
    cJSON_ArrayForEach(item, services) {
        struct project_service *service = &project->services[project->n_services];
        int r;

        if (project->n_services == PROJECT_SERVICES_MAX)
            return project_refuse_key(project, item, problem, "services: are more than %d", PROJECT_SERVICES_MAX);
        r = project_service_read(project, item, service, problem);
        if (r == 0)
            r = check_variables(project, item, problem);
        project->n_services++; /* also one that is half read has something to free */
        if (r != 0)
            return r;
    }
    return 0;
}

static int read_document(struct project *project, struct problem *problem) {
    size_t n_keys;
    const struct project_key *keys = project_keys(&n_keys);
    int r;

    if (!cJSON_IsObject(project->document))
        return project_refuse_value(project, project->document, problem, "the file holds %s, and not an object",
                                    json_type_name(project->document));
    r = project_check_keys(project, project->document, "", keys, n_keys, problem);
    if (r == 0)
        r = read_env_file(project, problem);
    if (r == 0)
        r = read_services(project, problem);
    return r;
}

/* Which one is meant is no riddle to who sees it in the project's folder. */
static int refuse_none(const struct scope *scope, struct problem *problem) {
    char path[PATH_MAX + sizeof SCOPE_FILE];
    struct stat status;

    snprintf(path, sizeof path, "%s%s%s", scope->root, scope->root[0] != '\0' ? "/" : "", SCOPE_FILE);
    problem_fill(problem, EXIT_NO, "no-project-file", "there is no " SCOPE_FILE " here or in a folder above");
    if (lstat(path, &status) < 0)
        return problem_set_hint(problem, "portctl help up shows one");
    return problem_set_hint(problem, "what is called so in the project's folder is no file, or somebody else's");
}

int project_read(const struct scope *scope, struct project *ret_project, struct problem *problem) {
    CLEANUP(project_deinit) struct project project = {.root = scope->root};
    int r;

    if (!scope->has_file)
        return refuse_none(scope, problem);
    r = parse(&project, problem);
    if (r == 0)
        r = read_document(&project, problem);
    if (r != 0)
        return r;
    *ret_project = project;
    project = (struct project){0};
    return 0;
}

const struct project_service *project_find(const struct project *project, const char *name) {
    for (size_t i = 0; i < project->n_services; i++)
        if (strcmp(project->services[i].name, name) == 0)
            return &project->services[i];
    return NULL;
}

const char *project_nearest(const struct project *project, const char *name) {
    const char *words[PROJECT_SERVICES_MAX];

    for (size_t i = 0; i < project->n_services; i++)
        words[i] = project->services[i].name;
    return text_nearest(name, words, project->n_services);
}

int project_refuse_service(const struct project *project, const char *name, struct problem *problem) {
    const char *near = project_nearest(project, name);

    problem_fill(problem, EXIT_NO, "no-such-service", SCOPE_FILE " has no service '%s'", name);
    if (near != NULL)
        return problem_set_hint(problem, "did you mean %s?", near);
    return problem_set_hint(problem, "it is %s/" SCOPE_FILE, project->root);
}
