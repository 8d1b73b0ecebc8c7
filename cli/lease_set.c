/*
 * Leases for several services at once. See lease_set.h.
 */
#include "cli/lease_set.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/alloc_body.h"
#include "cli/grant.h"
#include "cli/lease_call.h"
#include "cli/lease_view.h"
#include "src/base/json.h"
#include "src/base/text.h"

void lease_set_deinit(struct lease_set *set) {
    free(set->items);
    cJSON_Delete(set->leases);
    cJSON_Delete(set->notes);
    *set = (struct lease_set){0};
}

struct wanted *lease_set_add(struct lease_set *set) {
    if (set->items == NULL)
        set->items = calloc(LEASE_SET_MAX, sizeof *set->items);
    if (set->items == NULL || set->n_items == LEASE_SET_MAX)
        return NULL;
    return &set->items[set->n_items++];
}

static int check_pair(const struct wanted *one, const struct wanted *other, struct problem *problem) {
    if (strcmp(one->name, other->name) == 0)
        return problem_fill_usage(problem, "%s is there twice", one->word);
    for (size_t i = 0; i < one->n_variables; i++)
        for (size_t j = 0; j < other->n_variables; j++)
            if (strcmp(one->variables[i], other->variables[j]) == 0) {
                problem_fill_usage(problem, "%s and %s have one variable, %s", one->word, other->word,
                                   one->variables[i]);
                return problem_set_hint(problem, "%.*s:NAME gives it another", (int)other->word_length, other->word);
            }
    return 0;
}

int lease_set_check(const struct lease_set *set, struct problem *problem) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < set->n_items; i++)
        for (size_t j = 0; r == 0 && j < i; j++)
            r = check_pair(&set->items[j], &set->items[i], problem);
    return r;
}

/* ---- Asking */

/* Takes a duplicate of the grant's lease as the item's next one. */
static int take_lease(struct wanted *wanted, cJSON *leases, const cJSON *grant, const cJSON *lease, size_t *n_ports,
                      struct problem *problem) {
    struct lease_view view;

    if (!lease_view_read(lease, &view))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer holds something that is no lease");
    if (*n_ports == wanted->n_variables)
        return 0;
    if (!cJSON_AddItemToArray(leases, cJSON_Duplicate(lease, true)))
        return problem_fill_memory(problem);
    wanted->is_new = wanted->is_new || grant_reply_has_new(grant, &view, *n_ports);
    wanted->ports[(*n_ports)++] = view.port;
    return 0;
}

/* `parent`: what the script around us starts belongs to the lease. */
static cJSON *make_body(const struct wanted *wanted, const char *project, pid_t parent) {
    const struct project_service *settings = wanted->settings;
    cJSON *body = cJSON_CreateObject();

    if (cJSON_AddStringToObject(body, "service_name", wanted->name) != NULL &&
        cJSON_AddNumberToObject(body, "count", (double)wanted->n_variables) != NULL &&
        cJSON_AddTrueToObject(body, "reuse") != NULL && cJSON_AddTrueToObject(body, "reuse_held") != NULL &&
        (project[0] == '\0' || cJSON_AddStringToObject(body, "project", project) != NULL) &&
        (wanted->ttl_seconds == 0 ||
         cJSON_AddNumberToObject(body, "ttl_seconds", (double)wanted->ttl_seconds) != NULL) &&
        (parent <= 1 || cJSON_AddNumberToObject(body, "asker_pid", parent) != NULL) &&
        (settings == NULL || (alloc_body_add_prefer(body, settings->prefer, settings->n_prefer) &&
                              alloc_body_add_tags(body, settings->tags, settings->n_tags))))
        return body;
    cJSON_Delete(body);
    return NULL;
}

/* What the answer of one grant says is the item's. */
static int take_grant(struct lease_set *set, size_t i, const cJSON *grant, struct problem *problem) {
    struct wanted *wanted = &set->items[i];
    const cJSON *leases = json_get(grant, "leases");
    const cJSON *item;
    size_t n_ports = 0;
    int r = 0;

    cJSON_ArrayForEach(item, leases) {
        r = take_lease(wanted, cJSON_GetArrayItem(set->leases, (int)i), grant, item, &n_ports, problem);
        if (r != 0)
            return r;
    }
    if (n_ports < wanted->n_variables)
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd granted %zu ports for %s, and not %zu",
                            n_ports, wanted->word, wanted->n_variables);
    cJSON_ArrayForEach(item, json_get(grant, "notes")) cJSON_AddItemToArray(set->notes, cJSON_Duplicate(item, true));
    return 0;
}

/* One question: what is asked for, and in whose name. */
struct question {
    const struct invocation *invocation;
    struct lease_set *set;
    const char *project;
    pid_t parent;
};

static int ask_together(struct question *question, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *body = cJSON_CreateObject();
    CLEANUP(json_free_at) cJSON *reply = NULL;
    cJSON *services = cJSON_AddArrayToObject(body, "services");
    const cJSON *grants;
    int r;

    for (size_t i = 0; i < question->set->n_items; i++) {
        const struct wanted *wanted = &question->set->items[i];

        if (!cJSON_AddItemToArray(services, make_body(wanted, question->project, question->parent)))
            return problem_fill_memory(problem);
    }
    r = client_call(question->invocation->client, "/alloc-all", body, CLIENT_PATIENCE_MS, &reply, problem);
    if (r != 0)
        return r;
    grants = json_get(reply, "grants");
    for (size_t i = 0; r == 0 && i < question->set->n_items; i++)
        r = take_grant(question->set, i, cJSON_GetArrayItem(grants, (int)i), problem);
    return r;
}

/* ---- A portd that is older: than /alloc-all, or than one of our keys */

static void give_back(const struct question *question, size_t n_granted) {
    for (size_t i = 0; i < n_granted; i++) {
        const cJSON *lease;

        if (!question->set->items[i].is_new)
            continue;
        cJSON_ArrayForEach(lease, cJSON_GetArrayItem(question->set->leases, (int)i)) {
            CLEANUP(problem_deinit) struct problem problem = {0};
            CLEANUP(json_free_at) cJSON *reply = NULL;
            struct lease_view view;

            if (lease_view_read(lease, &view))
                lease_call(question->invocation->client, "/release", view.port, view.id, CLIENT_PATIENCE_MS, &reply,
                           &problem);
        }
    }
}

/* It takes one preferred port, and that goes before the sticky one. */
static void make_older(cJSON *body) {
    const cJSON *prefer = json_get(body, "prefer");
    cJSON *first = prefer != NULL && cJSON_IsNumber(prefer->child) ? cJSON_Duplicate(prefer->child, true) : NULL;

    cJSON_DeleteItemFromObjectCaseSensitive(body, "reuse_held");
    cJSON_DeleteItemFromObjectCaseSensitive(body, "sticky_first");
    cJSON_DeleteItemFromObjectCaseSensitive(body, "prefer");
    if (first != NULL)
        cJSON_AddItemToObject(body, "prefer", first);
}

static int ask_one(struct question *question, size_t index, struct problem *problem) {
    CLEANUP(json_free_at)
    cJSON *body = make_body(&question->set->items[index], question->project, question->parent);
    CLEANUP(json_free_at) cJSON *reply = NULL;
    int r;

    if (body == NULL)
        return problem_fill_memory(problem);
    make_older(body);
    r = client_call(question->invocation->client, "/alloc", body, CLIENT_PATIENCE_MS, &reply, problem);
    return r != 0 ? r : take_grant(question->set, index, reply, problem);
}

static int ask_one_by_one(struct question *question, struct problem *problem) {
    for (size_t i = 0; i < question->set->n_items; i++) {
        int r = ask_one(question, i, problem);

        if (r != 0) {
            give_back(question, i);
            return r;
        }
    }
    return 0;
}

/* ---- The whole */

static int empty_answers(struct lease_set *set, struct problem *problem) {
    cJSON_Delete(set->leases);
    cJSON_Delete(set->notes);
    set->leases = cJSON_CreateArray();
    set->notes = cJSON_CreateArray();
    for (size_t i = 0; i < set->n_items; i++) {
        set->items[i].is_new = false;
        if (!cJSON_AddItemToArray(set->leases, cJSON_CreateArray()))
            return problem_fill_memory(problem);
    }
    return set->notes == NULL ? problem_fill_memory(problem) : 0;
}

static bool is_older(const struct problem *problem) {
    return problem->status == 404 || (problem->status == 422 && strcmp(problem->type, "unknown-key") == 0);
}

static int ask(struct question *question, struct problem *problem) {
    int r = ask_together(question, problem);

    if (r == PROBLEM_E_SET && problem->status == 422 && strcmp(problem->type, "invalid-pid") == 0) {
        question->parent = 0;
        r = ask_together(question, problem);
    }
    if (r == PROBLEM_E_SET && is_older(problem))
        r = ask_one_by_one(question, problem);
    return r;
}

/* The one that is refused is named by the word that was asked for. */
static int explain(const struct lease_set *set, struct problem *problem) {
    const char *name;

    if (json_get_string(problem->document, "service_name", &name))
        for (size_t i = 0; i < set->n_items; i++)
            if (strcmp(set->items[i].name, name) == 0 && set->n_items > 1)
                return problem_set_hint(problem, "that is about %s; nothing was leased", set->items[i].word);
    return PROBLEM_E_SET;
}

int lease_set_ask(const struct invocation *invocation, struct lease_set *set, struct problem *problem) {
    struct question question = {
        .invocation = invocation, .set = set, .project = invocation->scope.project, .parent = getppid()};
    int r = client_meet(invocation->client, CLIENT_PATIENCE_MS, problem);

    if (r != 0)
        return r;
    if (!client_shares_pids(invocation->client))
        question.parent = 0;
    r = empty_answers(set, problem);
    if (r == 0)
        r = ask(&question, problem);
    return r == PROBLEM_E_SET ? explain(set, problem) : r;
}

static cJSON *item_to_json(const struct wanted *wanted, cJSON *leases) {
    cJSON *json = cJSON_CreateObject();
    cJSON *variables;

    cJSON_AddStringToObject(json, "service_name", wanted->name);
    variables = cJSON_AddObjectToObject(json, "variables");
    for (size_t i = 0; i < wanted->n_variables; i++)
        cJSON_AddNumberToObject(variables, wanted->variables[i], wanted->ports[i]);
    cJSON_AddBoolToObject(json, "new", wanted->is_new);
    if (!cJSON_AddItemToObject(json, "leases", leases))
        cJSON_Delete(leases);
    return json;
}

cJSON *lease_set_to_json(struct lease_set *set) {
    cJSON *json = cJSON_CreateObject();
    cJSON *services = cJSON_AddArrayToObject(json, "services");

    for (size_t i = 0; i < set->n_items; i++)
        cJSON_AddItemToArray(services, item_to_json(&set->items[i], cJSON_DetachItemFromArray(set->leases, 0)));
    cJSON_AddItemToObject(json, "notes", set->notes);
    set->notes = NULL;
    return json;
}
