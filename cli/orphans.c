/*
 * Leases of the project that its file does not name. See orphans.h.
 */
#include "cli/orphans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/env_file.h"
#include "cli/selection.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* One service's, as far as they are no service's any more. */
struct orphan {
    const char *service_name;
    char name[OPTIONS_NAME_MAX + 1]; /* as one types it here */
    bool is_whole;                   /* the file does not name the service at all */
    bool is_held;                    /* of some of it here, and that goes on */
    bool by_name;                    /* the name means all of it here, and nothing else */
    char ports[256];                 /* "8001 8002", as far as there is room */
    size_t n_told;                   /* how many these are */
    size_t n_ports;
};

static void free_chosen(bool **chosen) {
    free(*chosen);
}

static bool is_of_service(const struct orphan *orphan, const struct scope *scope, const struct lease_view *view) {
    return strcmp(view->service_name, orphan->service_name) == 0 && selection_is_here(scope, view);
}

/* Of what is_of_service(). A service's ports go by slot, and so do its variables. */
static bool is_orphan(const struct orphan *orphan, const struct project *project, const struct lease_view *view) {
    const struct project_service *service = project_find(project, orphan->name);

    if (view->holder_pid != 0)
        return false;
    return service == NULL || (view->slot != LEASE_VIEW_NO_SLOT && view->slot >= service->n_variables);
}

static void add_port(struct orphan *orphan, uint16_t port) {
    size_t used = strlen(orphan->ports);

    orphan->n_ports++;
    if (used + 8 > sizeof orphan->ports)
        return;
    snprintf(orphan->ports + used, sizeof orphan->ports - used, "%s%u", used > 0 ? " " : "", port);
    orphan->n_told++;
}

/* Would `release NAME --all` end these leases, as the person who reads it may paste it, and no other? Not what a program holds, nor for
 * root other users'. */
static bool is_meant_by_name(const struct orphan *orphan, const struct invocation *invocation,
                             const struct project *project, const struct selection *leases) {
    const struct scope *scope = &invocation->scope;
    CLEANUP(free_chosen) bool *chosen = calloc(leases->n_views + 1, sizeof *chosen);
    CLEANUP(problem_deinit) struct problem miss = {0};
    char safe[OPTIONS_NAME_MAX + 1];

    if (!orphan->is_whole || invocation->options.project[0] != '\0' || orphan->name[0] == '-' ||
        strcmp(text_make_safe(orphan->name, safe, sizeof safe), orphan->name) != 0)
        return false;
    if (chosen == NULL || selection_choose(leases, scope, orphan->name, chosen, &miss) != 0)
        return false;
    for (size_t i = 0; i < leases->n_views; i++) {
        const struct lease_view *view = &leases->views[i];

        if (chosen[i] != (is_of_service(orphan, scope, view) && is_orphan(orphan, project, view)))
            return false;
    }
    return true;
}

static void format_command(const struct orphan *orphan, char *ret_text, size_t size) {
    char name[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX)];

    if (orphan->by_name)
        snprintf(ret_text, size, "portctl release %s%s", text_quote_word(orphan->name, name, sizeof name),
                 orphan->n_ports > 1 ? " --all" : "");
    else
        snprintf(ret_text, size, "portctl release %s", orphan->ports);
}

/* What the command ends; in `ret_text`, `size` bytes. */
static const char *format_end(const struct orphan *orphan, char *ret_text, size_t size) {
    if (!orphan->by_name && orphan->n_told < orphan->n_ports)
        snprintf(ret_text, size, "%zu of %zu leases, and portctl up tells the others", orphan->n_told, orphan->n_ports);
    else if (!orphan->is_whole)
        snprintf(ret_text, size, orphan->n_ports == 1 ? "that lease" : "those leases");
    else
        snprintf(ret_text, size, orphan->is_held ? "what no program holds" : "that");
    return ret_text;
}

static void add_env_line(const struct project *project, uint16_t port, cJSON *lines) {
    char name[VARIABLE_NAME_MAX];
    char line[VARIABLE_NAME_MAX + 8];

    if (project->env_file == NULL || !env_file_find_port(project->root, project->env_file, port, name, sizeof name))
        return;
    snprintf(line, sizeof line, "%s=%u", name, port);
    cJSON_AddItemToArray(lines, cJSON_CreateString(line));
}

/* The sentence for a person, out of what is in the element. */
static void add_note(cJSON *json, const struct orphan *orphan, const struct project *project, const char *command) {
    const cJSON *line;
    char name[OPTIONS_NAME_MAX + 1];
    char end[96];
    char note[1024];
    size_t used;

    text_make_safe(orphan->name, name, sizeof name);
    format_end(orphan, end, sizeof end);
    if (orphan->is_whole)
        used = (size_t)snprintf(note, sizeof note,
                                "%s is not in " SCOPE_FILE ", but this project has it leased: %s ends %s", name,
                                command, end);
    else
        used = (size_t)snprintf(note, sizeof note, "%s has no variable in " SCOPE_FILE " for its port%s %s: %s ends %s",
                                name, orphan->n_ports == 1 ? "" : "s", orphan->ports, command, end);
    cJSON_ArrayForEach(line, json_get(json, "env")) {
        if (used < sizeof note)
            used += (size_t)snprintf(note + used, sizeof note - used, "; %s still has %s", project->env_file,
                                     line->valuestring);
    }
    json_add_text(json, "note", note);
}

/* Of those that are here. */
static bool is_first_of_name(const struct selection *leases, const struct scope *scope, size_t at) {
    const struct orphan orphan = {.service_name = leases->views[at].service_name};

    for (size_t i = 0; i < at; i++)
        if (is_of_service(&orphan, scope, &leases->views[i]))
            return false;
    return selection_is_here(scope, &leases->views[at]);
}

/* All of the service of views[at], which is the first of its name here. NULL: it has none. */
static cJSON *make_orphan(const struct invocation *invocation, const struct project *project,
                          const struct selection *leases, size_t at) {
    struct orphan orphan = {.service_name = leases->views[at].service_name};
    const struct scope *scope = &invocation->scope;
    char command[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX) + 64];
    cJSON *json = cJSON_CreateObject();
    cJSON *ports;
    cJSON *lines;

    selection_format_typed(scope, &leases->views[at], orphan.name);
    orphan.is_whole = project_find(project, orphan.name) == NULL;
    cJSON_AddStringToObject(json, "service_name", orphan.service_name);
    ports = cJSON_AddArrayToObject(json, "ports");
    lines = cJSON_AddArrayToObject(json, "env");
    for (size_t i = at; i < leases->n_views; i++) {
        const struct lease_view *view = &leases->views[i];

        if (!is_of_service(&orphan, scope, view))
            continue;
        orphan.is_held = orphan.is_held || view->holder_pid != 0;
        if (!is_orphan(&orphan, project, view))
            continue;
        add_port(&orphan, view->port);
        cJSON_AddItemToArray(ports, cJSON_CreateNumber(view->port));
        add_env_line(project, view->port, lines);
    }
    if (orphan.n_ports > 0) {
        orphan.by_name = is_meant_by_name(&orphan, invocation, project, leases);
        format_command(&orphan, command, sizeof command);
        json_add_text(json, "command", command);
        add_note(json, &orphan, project, command);
        return json;
    }
    cJSON_Delete(json);
    return NULL;
}

cJSON *orphans_find(const struct invocation *invocation, const struct project *project) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(selection_deinit) struct selection leases = {0};
    cJSON *orphans;

    if (invocation->scope.project[0] == '\0' || selection_all(invocation->client, &leases, &problem) != 0)
        return NULL;
    selection_sort(&leases);
    orphans = cJSON_CreateArray();
    for (size_t i = 0; i < leases.n_views; i++) {
        cJSON *orphan =
            is_first_of_name(&leases, &invocation->scope, i) ? make_orphan(invocation, project, &leases, i) : NULL;

        if (orphan != NULL && !cJSON_AddItemToArray(orphans, orphan))
            cJSON_Delete(orphan);
    }
    return orphans;
}
