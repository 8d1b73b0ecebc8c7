/* The calls about leases that exist: /release, /heartbeat, /list, /lookup. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "src/api/access.h"
#include "src/api/answer.h"
#include "src/api/body.h"
#include "src/api/lease_json.h"
#include "src/api/listener_json.h"
#include "src/api/problem.h"
#include "src/api/routes.h"

/* What a body names: by port, by id, or by both. 0: not given. */
struct naming {
    uint16_t port;
    uint64_t id;
};

static void refuse_mismatch(struct api *api, const struct api_caller *caller, const struct naming *naming,
                            const struct lease *lease, struct api_response *response) {
    cJSON *problem = problem_begin(response, PROBLEM_LEASE_MISMATCH,
                                   "Port %u is not lease %" PRIu64 ": it is lease %" PRIu64 ", of %s.", naming->port,
                                   naming->id, lease->id, lease->service_name);

    cJSON_AddItemToObject(problem, "lease", lease_to_json(api, lease, caller));
    problem_finish(response, problem);
}

static void refuse_missing(const struct naming *naming, struct api_response *response) {
    if (naming->port != 0)
        problem_set(response, PROBLEM_NO_SUCH_LEASE, NULL, "Port %u is not leased.", naming->port);
    else
        problem_set(response, PROBLEM_NO_SUCH_LEASE, NULL, "There is no lease %" PRIu64 ".", naming->id);
}

/* The lease that is named, if there is one and nothing contradicts it; else NULL, and the response is a problem. */
static struct lease *find_named(struct api *api, const struct api_caller *caller, const struct naming *naming,
                                struct api_response *response) {
    struct lease *by_port = naming->port != 0 ? registry_find_port(api->registry, naming->port) : NULL;
    struct lease *by_id = naming->id != 0 ? registry_find_id(api->registry, naming->id) : NULL;
    struct lease *lease = by_port != NULL ? by_port : by_id;

    if (lease == NULL) {
        refuse_missing(naming, response);
        return NULL;
    }
    if (naming->port != 0 && naming->id != 0 && by_port != by_id) {
        if (by_port != NULL) {
            refuse_mismatch(api, caller, naming, by_port, response);
        } else {
            problem_set(response, PROBLEM_LEASE_MISMATCH, NULL, "Lease %" PRIu64 " is not of port %u, but of port %u.",
                        naming->id, naming->port, lease->port);
        }
        return NULL;
    }
    return lease;
}

/* When a lease is to stay all the same. */
struct release_terms {
    bool if_idle;
    bool unless_outlasting;
};

/* Reads who is meant, finds it, and checks the right to change it. Only a release has terms. NULL: the response is a problem. */
static struct lease *find_to_change(struct api *api, const struct api_request *request, struct release_terms *ret_terms,
                                    struct api_response *response) {
    static const char *const keys[] = {"port", "id", "if_idle", "unless_outlasting"};
    static const size_t n_terms = 2;
    CLEANUP(body_deinit) struct body body;
    struct naming naming = {0};
    uint64_t port = 0;
    struct lease *lease;
    char user[LEASE_WHO_MAX];

    body_init(&body, request, keys, sizeof keys / sizeof keys[0] - (ret_terms == NULL ? n_terms : 0), response);
    if (ret_terms != NULL) {
        body_flag(&body, "if_idle", &ret_terms->if_idle);
        body_flag(&body, "unless_outlasting", &ret_terms->unless_outlasting);
    }
    if (body_number(&body, "port", 1, 65535, &port))
        naming.port = (uint16_t)port;
    body_number(&body, "id", 1, BODY_LEASE_ID_MAX, &naming.id);
    if (body_ok(&body) && naming.port == 0 && naming.id == 0) {
        problem_set(response, PROBLEM_MISSING_KEY, NULL, "The body needs a \"port\", an \"id\", or both.");
        return NULL;
    }
    lease = body_ok(&body) ? find_named(api, &request->caller, &naming, response) : NULL;
    if (lease == NULL || access_may_change(api, &request->caller, lease))
        return lease;
    user_to_words(api, lease->uid, user);
    problem_set(response, PROBLEM_NOT_YOURS, NULL, "Port %u is leased to %s of %s, and is not yours to change.",
                lease->port, lease->service_name, user);
    return NULL;
}

/* Returns true if the lease has ended. */
static bool release(struct registry *registry, struct lease *lease, const struct release_terms *terms) {
    if (terms->unless_outlasting && lease->outlasts_holder)
        return false;
    if (terms->if_idle)
        return registry_release_idle(registry, lease);
    registry_release(registry, lease);
    return true;
}

void route_release(struct api *api, const struct api_request *request, const struct query *query,
                   struct api_response *response) {
    CLEANUP(listener_list_deinit) struct listener_list listeners = {0};
    struct release_terms terms = {0};
    struct lease *lease = find_to_change(api, request, &terms, response);
    bool released;
    cJSON *json;

    (void)query;
    if (lease == NULL)
        return;
    registry_observe(api->registry, lease->port, &listeners);
    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "port", lease->port);
    cJSON_AddNumberToObject(json, "id", (double)lease->id);
    cJSON_AddStringToObject(json, "service_name", lease->service_name);
    cJSON_AddItemToObject(json, "listeners", listeners_to_json(api, &request->caller, &listeners));
    released = release(api->registry, lease, &terms);
    cJSON_AddBoolToObject(json, "released", released);
    json_add_text_or_null(json, "kept_by", released ? NULL : lease_keeper_name(lease_keeper(lease)));
    answer_ok(response, json);
}

void route_heartbeat(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response) {
    struct lease *lease = find_to_change(api, request, NULL, response);
    cJSON *json;

    (void)query;
    if (lease == NULL)
        return;
    registry_renew(api->registry, lease);
    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "port", lease->port);
    cJSON_AddNumberToObject(json, "id", (double)lease->id);
    cJSON_AddItemToObject(json, "lease", lease_to_json(api, lease, &request->caller));
    answer_ok(response, json);
}

static int compare_ports(const void *a, const void *b) {
    const struct lease *const *left = a;
    const struct lease *const *right = b;

    return (int)(*left)->port - (int)(*right)->port;
}

void route_list(struct api *api, const struct api_request *request, const struct query *query,
                struct api_response *response) {
    size_t n_leases;
    struct lease *const *leases;
    const struct lease **sorted;
    cJSON *json;

    (void)query;
    registry_observe(api->registry, 0, NULL);
    leases = registry_leases(api->registry, &n_leases);
    sorted = calloc(n_leases + 1, sizeof(struct lease *));
    if (sorted == NULL) {
        answer_ok(response, NULL);
        return;
    }
    for (size_t i = 0; i < n_leases; i++)
        sorted[i] = leases[i];
    qsort(sorted, n_leases, sizeof(struct lease *), compare_ports);
    json = cJSON_CreateArray();
    for (size_t i = 0; i < n_leases; i++)
        cJSON_AddItemToArray(json, lease_to_json(api, sorted[i], &request->caller));
    free(sorted);
    answer_ok(response, json);
}

/* The lowest slot first, then the oldest: ids grow. */
static int compare_slots(const void *a, const void *b) {
    const struct lease *const *left = a;
    const struct lease *const *right = b;

    if ((*left)->slot != (*right)->slot)
        return (*left)->slot < (*right)->slot ? -1 : 1;
    return (*left)->id < (*right)->id ? -1 : 1;
}

/* Those of the name, the caller's own first. NULL when memory is short. */
static cJSON *find_matches(struct api *api, const struct api_caller *caller, const char *name) {
    size_t n_leases;
    struct lease *const *leases = registry_leases(api->registry, &n_leases);
    const struct lease **found = calloc(n_leases + 1, sizeof(struct lease *));
    cJSON *matches = found != NULL ? cJSON_CreateArray() : NULL;
    size_t n_found = 0;

    for (size_t i = 0; found != NULL && i < n_leases; i++)
        if (strcmp(leases[i]->service_name, name) == 0)
            found[n_found++] = leases[i];
    if (n_found > 0)
        qsort(found, n_found, sizeof(struct lease *), compare_slots);
    for (size_t i = 0; i < 2 * n_found; i++)
        if ((found[i % n_found]->uid == caller->uid) == (i < n_found))
            cJSON_AddItemToArray(matches, lease_to_json(api, found[i % n_found], caller));
    free(found);
    return matches;
}

void route_lookup(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response) {
    const char *name = query_get(query, "service");
    cJSON *matches;
    cJSON *ports;
    cJSON *json;
    const cJSON *match;

    if (name == NULL) {
        problem_set(response, PROBLEM_MISSING_PARAMETER, NULL, "A look-up needs a name: /lookup?service=NAME.");
        return;
    }
    registry_observe(api->registry, 0, NULL);
    matches = find_matches(api, &request->caller, name);
    if (matches == NULL) {
        answer_ok(response, NULL);
        return;
    }
    json = cJSON_CreateObject();
    json_add_text(json, "service_name", name);
    match = json_get(cJSON_GetArrayItem(matches, 0), "port");
    json_add_number_or_null(json, "port", match != NULL, match != NULL ? match->valuedouble : 0);
    ports = cJSON_AddArrayToObject(json, "all_ports");
    cJSON_ArrayForEach(match, matches) {
        uint64_t port = 0;
        if (json_get_number(match, "port", 1, 65535, &port)) /* not, when memory was short */
            cJSON_AddItemToArray(ports, cJSON_CreateNumber((double)port));
    }
    if (cJSON_GetArraySize(matches) > 0)
        cJSON_AddItemToObject(json, "lease", cJSON_Duplicate(cJSON_GetArrayItem(matches, 0), true));
    else
        cJSON_AddNullToObject(json, "lease");
    if (!cJSON_AddItemToObject(json, "leases", matches))
        cJSON_Delete(matches);
    answer_ok(response, json);
}
