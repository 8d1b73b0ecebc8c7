/* The calls that say whose a listener is, where the kernel does not tell: /claim and /disown. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/api/access.h"
#include "src/api/answer.h"
#include "src/api/body.h"
#include "src/api/lease_json.h"
#include "src/api/listener_json.h"
#include "src/api/problem.h"
#include "src/api/routes.h"
#include "src/lease/evidence.h"

/* A body, and what is there now. Lease and sightings are borrowed until the next reading. */
struct claim {
    uint16_t port;
    pid_t pid;                /* whose listeners are meant; 0: all */
    uint64_t id;              /* the lease that is meant; 0: whichever is there */
    const char *service_name; /* NULL: not given */
    const struct snapshot *snapshot;
    struct lease *lease;             /* the port's; NULL: none */
    const struct sighting *listener; /* the first that listens; NULL: nobody does */
    const struct sighting *others;   /* the first that listens and is not the caller's to speak for; NULL: none */
};

/* Whose listener may he speak for? For his own; and on his lease for what counts as the lease's already, such as root's container proxy, because that
 * changes nothing but how sure it is. */
static bool may_speak_for(struct api *api, const struct api_caller *caller, const struct lease *lease,
                          const struct sighting *sighting) {
    return sighting->listener.uid == caller->uid ||
           (lease != NULL && access_may_change(api, caller, lease) &&
            evidence_weigh(api->registry, lease, sighting).level != EVIDENCE_FOREIGN);
}

static bool is_meant(const struct claim *claim, const struct sighting *sighting) {
    bool is_its = claim->pid == 0;

    for (size_t i = 0; !is_its && i < sighting->n_owners; i++)
        is_its = sighting->owners[i]->id.pid == claim->pid;
    return is_its;
}

static void look(struct api *api, const struct api_caller *caller, struct claim *claim) {
    size_t first = 0;
    size_t n_found;

    claim->snapshot = api_read(api);
    claim->lease = registry_find_port(api->registry, claim->port);
    n_found = snapshot_find_port(claim->snapshot, claim->port, &first);
    for (size_t i = 0; i < n_found; i++) {
        const struct sighting *sighting = &claim->snapshot->items[first + i];

        if (sighting->listener.state != LISTENER_LISTEN || !is_meant(claim, sighting))
            continue;
        if (claim->listener == NULL)
            claim->listener = sighting;
        if (claim->others == NULL && !may_speak_for(api, caller, claim->lease, sighting))
            claim->others = sighting;
    }
}

static void refuse_silence(const struct claim *claim, struct api_response *response) {
    if (claim->pid != 0)
        problem_set(response, PROBLEM_NOT_LISTENING, NULL, "Process %d does not listen on port %u.", (int)claim->pid,
                    claim->port);
    else
        problem_set(response, PROBLEM_NOT_LISTENING, NULL, "Nobody listens on port %u.", claim->port);
}

static void refuse_lease(struct api *api, const struct api_caller *caller, const struct claim *claim,
                         enum problem_kind kind, struct api_response *response) {
    char words[LEASE_WORDS_MAX];
    cJSON *problem;

    lease_to_words(api, claim->lease, words);
    problem = problem_begin(response, kind, "Port %u is leased to %s%s.", claim->port, words,
                            kind == PROBLEM_NOT_YOURS ? ", and is not yours to change" : "");
    cJSON_AddNumberToObject(problem, "port", claim->port);
    cJSON_AddItemToObject(problem, "lease", lease_to_json(api, claim->lease, caller));
    problem_finish(response, problem);
}

/* Is the port's lease the one that its caller has seen there? Else the response is a problem. */
static bool is_meant_lease(struct api *api, const struct api_caller *caller, const struct claim *claim,
                           struct api_response *response) {
    const struct lease *lease = claim->lease;
    cJSON *problem;

    if (claim->id == 0 || (lease != NULL && lease->id == claim->id))
        return true;
    if (lease == NULL) {
        problem_set(response, PROBLEM_LEASE_MISMATCH, NULL, "Port %u is not lease %" PRIu64 ": it is not leased.",
                    claim->port, claim->id);
        return false;
    }
    problem = problem_begin(response, PROBLEM_LEASE_MISMATCH,
                            "Port %u is not lease %" PRIu64 ": it is lease %" PRIu64 ", of %s.", claim->port, claim->id,
                            lease->id, lease->service_name);
    cJSON_AddItemToObject(problem, "lease", lease_to_json(api, lease, caller));
    problem_finish(response, problem);
    return false;
}

static void refuse_listener(struct api *api, const struct api_caller *caller, const struct claim *claim,
                            struct api_response *response) {
    char who[SIGHTING_WORDS_MAX];
    cJSON *problem;

    sighting_to_words(api, claim->others, SIGHTING_WITH_USER, who);
    problem = problem_begin(response, PROBLEM_NOT_YOUR_LISTENER, "Port %u is not yours to claim: %s listens on it.",
                            claim->port, who);
    cJSON_AddNumberToObject(problem, "port", claim->port);
    cJSON_AddItemToObject(problem, "listeners", port_to_json(api, caller, claim->snapshot, claim->port));
    problem_finish(response, problem);
}

/* What both calls can meet in the registry. */
static void refuse_code(struct api *api, const struct claim *claim, int code, struct api_response *response) {
    char hint[64];

    switch (code) {
    case CLAIM_E_NOT_LISTENING:
        refuse_silence(claim, response);
        return;
    case CLAIM_E_HOLDER:
        snprintf(hint, sizeof hint, "end the lease instead: portctl release %u", claim->port);
        problem_set(response, PROBLEM_LEASE_HOLDER, hint,
                    "What listens on port %u is the lease's own holder, or descends from it.", claim->port);
        return;
    case GRANT_E_NOT_STORED:
        problem_set(response, PROBLEM_NOT_STORED, "look at the disk that portd's database is on; nothing has changed",
                    "It could not be stored: %s.", registry_reason(api->registry));
        return;
    default:
        problem_set(response, PROBLEM_INTERNAL, NULL, "portd could not ask the kernel: %s.", strerror(-code));
        return;
    }
}

/* The registry may have read the kernel since: everything that was borrowed is got anew, and shows what has changed. */
static void answer(struct api *api, const struct api_caller *caller, uint16_t port, const bool *created,
                   struct api_response *response) {
    const struct snapshot *snapshot = api_read(api);
    const struct lease *lease = registry_find_port(api->registry, port);
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "port", port);
    if (lease != NULL)
        cJSON_AddItemToObject(json, "lease", lease_to_json(api, lease, caller));
    else
        cJSON_AddNullToObject(json, "lease");
    if (created != NULL)
        cJSON_AddBoolToObject(json, "created", *created);
    cJSON_AddItemToObject(json, "listeners", port_to_json(api, caller, snapshot, port));
    answer_ok(response, json);
}

/* May it be claimed? Else the response is a problem. */
static bool may_claim(struct api *api, const struct api_caller *caller, const struct claim *claim,
                      struct api_response *response) {
    const struct lease *lease = claim->lease;

    if (claim->port == api->rules->api_port) {
        problem_set(response, PROBLEM_RESERVED_FOR_PORTD, NULL, "Port %u is the one that portd itself answers on.",
                    claim->port);
    } else if (!is_meant_lease(api, caller, claim, response)) {
        return false;
    } else if (claim->listener == NULL) {
        refuse_silence(claim, response);
    } else if (lease != NULL && claim->service_name != NULL && strcmp(lease->service_name, claim->service_name) != 0) {
        refuse_lease(api, caller, claim, PROBLEM_PORT_LEASED, response);
    } else if (lease != NULL && !access_may_change(api, caller, lease)) {
        refuse_lease(api, caller, claim, PROBLEM_NOT_YOURS, response);
    } else if (claim->others != NULL && !access_is_operator(api, caller)) {
        refuse_listener(api, caller, claim, response);
    } else if (lease == NULL && claim->service_name == NULL) {
        problem_set(response, PROBLEM_MISSING_KEY, NULL,
                    "Port %u is not leased yet: the body needs a \"service_name\".", claim->port);
    } else {
        return true;
    }
    return false;
}

void route_claim(struct api *api, const struct api_request *request, const struct query *query,
                 struct api_response *response) {
    static const char *const keys[] = {"port", "id", "service_name", "pid"};
    CLEANUP(body_deinit) struct body body;
    struct claim claim = {0};
    struct lease_key key = {.project = ""};
    struct lease *lease = NULL;
    uint64_t port = 0;
    uint64_t pid = 0;
    bool created = false;
    int r;

    (void)query;
    body_init(&body, request, keys, sizeof keys / sizeof keys[0], response);
    body_need_number(&body, "port", 1, 65535, &port);
    body_number(&body, "id", 1, BODY_LEASE_ID_MAX, &claim.id);
    body_number(&body, "pid", 1, BODY_PID_MAX, &pid);
    body_text(&body, "service_name", lease_check_name, &claim.service_name);
    if (!body_ok(&body))
        return;
    claim.port = (uint16_t)port;
    claim.pid = (pid_t)pid;
    look(api, &request->caller, &claim);
    if (!may_claim(api, &request->caller, &claim, response))
        return;
    key.uid = claim.listener->listener.uid;
    key.service_name = claim.service_name != NULL ? claim.service_name : claim.lease->service_name;
    r = registry_claim(api->registry, claim.port, claim.pid, &key, &created, &lease);
    if (r == 0)
        answer(api, &request->caller, claim.port, &created, response);
    else
        refuse_code(api, &claim, r, response);
}

void route_disown(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response) {
    static const char *const keys[] = {"port", "id", "pid"};
    CLEANUP(body_deinit) struct body body;
    struct claim claim = {0};
    uint64_t port = 0;
    uint64_t pid = 0;
    int r;

    (void)query;
    body_init(&body, request, keys, sizeof keys / sizeof keys[0], response);
    body_need_number(&body, "port", 1, 65535, &port);
    body_number(&body, "id", 1, BODY_LEASE_ID_MAX, &claim.id);
    body_number(&body, "pid", 1, BODY_PID_MAX, &pid);
    if (!body_ok(&body))
        return;
    claim.port = (uint16_t)port;
    claim.pid = (pid_t)pid;
    look(api, &request->caller, &claim);
    if (claim.lease == NULL) {
        problem_set(response, PROBLEM_NO_SUCH_LEASE, NULL, "Port %u is not leased.", claim.port);
        return;
    }
    if (!is_meant_lease(api, &request->caller, &claim, response))
        return;
    if (!access_may_change(api, &request->caller, claim.lease)) {
        refuse_lease(api, &request->caller, &claim, PROBLEM_NOT_YOURS, response);
        return;
    }
    r = claim.listener != NULL ? registry_disown(api->registry, claim.lease, claim.pid) : CLAIM_E_NOT_LISTENING;
    if (r == 0)
        answer(api, &request->caller, claim.port, NULL, response);
    else
        refuse_code(api, &claim, r, response);
}
