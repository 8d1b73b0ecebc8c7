/*
 * POST /alloc-all: what /alloc does, for several services at once, all or none. A refusal is that of one service, and says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/alloc_answer.h"
#include "src/api/alloc_request.h"
#include "src/api/answer.h"
#include "src/api/problem.h"
#include "src/api/routes.h"

/* The services of one request, in its order. */
struct batch {
    size_t n_services;
    struct alloc allocs[GRANT_REQUESTS_MAX];
    struct grant_request requests[GRANT_REQUESTS_MAX]; /* those of `allocs`, as the registry wants them */
    struct grant grants[GRANT_REQUESTS_MAX];
    struct problem_subject subjects[GRANT_REQUESTS_MAX];
};

static void batch_free_at(struct batch **batch) {
    for (size_t i = 0; *batch != NULL && i < GRANT_REQUESTS_MAX; i++)
        grant_deinit(&(*batch)->grants[i]);
    free(*batch);
    *batch = NULL;
}

/* What one has named, the next one cannot have. */
static void check_apart(struct body *service, const struct alloc *allocs, size_t at) {
    const struct grant_request *own = &allocs[at].grant;
    char rule[128];

    for (size_t i = 0; body_ok(service) && i < at; i++) {
        const struct grant_request *other = &allocs[i].grant;

        if (lease_key_equal(&own->key, &other->key)) {
            snprintf(rule, sizeof rule,
                     "is that of service %zu, too, with the same project; \"count\" asks for more ports", i);
            body_refuse(service, "service_name", rule);
        } else if (own->exact != 0 && own->exact == other->exact) {
            snprintf(rule, sizeof rule, "is what service %zu asks for, too", i);
            body_refuse(service, "port", rule);
        }
    }
}

/* Returns false if the service is not what /alloc takes; then the response says so. */
static bool read_service(const cJSON *json, const struct api_caller *caller, struct batch *batch,
                         struct api_response *response) {
    size_t at = batch->n_services++;
    struct problem_subject *subject = &batch->subjects[at];
    struct body service;

    subject->index = at;
    json_get_string(json, "service_name", &subject->service_name);
    response->subject = subject;
    body_init_inner(&service, json, alloc_keys, n_alloc_keys, response);
    alloc_read(&service, caller, &batch->allocs[at]);
    check_apart(&service, batch->allocs, at);
    batch->requests[at] = batch->allocs[at].grant;
    response->subject = NULL;
    return body_ok(&service);
}

/* Returns false if the body is not what this takes. */
static bool read_batch(struct body *body, const struct api_caller *caller, struct batch *batch) {
    const cJSON *services = body_need_array(body, "services", 1, GRANT_REQUESTS_MAX);
    const cJSON *service;
    unsigned n_ports = 0;

    cJSON_ArrayForEach(service, services) {
        if (!read_service(service, caller, batch, body->response))
            return false;
        n_ports += batch->requests[batch->n_services - 1].count;
    }
    if (n_ports > GRANT_PORTS_MAX)
        body_refuse(body, "services", "must ask for at most 256 ports together");
    return body_ok(body);
}

static void answer_granted(struct api *api, const struct api_caller *caller, const struct batch *batch,
                           struct api_response *response) {
    cJSON *json = cJSON_CreateObject();
    cJSON *grants = cJSON_AddArrayToObject(json, "grants");

    for (size_t i = 0; i < batch->n_services; i++) {
        cJSON *grant = alloc_to_json(api, caller, &batch->allocs[i], &batch->grants[i]);

        if (!cJSON_AddItemToArray(grants, grant))
            cJSON_Delete(grant);
    }
    answer_ok(response, json);
}

/* That the database cannot be written is nobody's in particular. */
static void answer_refused(struct api *api, const struct api_caller *caller, const struct batch *batch, size_t at,
                           int code, struct api_response *response) {
    size_t shown = at < batch->n_services ? at : 0;

    response->subject = at < batch->n_services ? &batch->subjects[at] : NULL;
    alloc_refuse(api, caller, &batch->allocs[shown], &batch->grants[shown], code, response);
    response->subject = NULL;
}

void route_alloc_all(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response) {
    static const char *const keys[] = {"services"};
    CLEANUP(body_deinit) struct body body;
    CLEANUP(batch_free_at) struct batch *batch = calloc(1, sizeof *batch);
    size_t at = 0;
    int r;

    (void)query;
    body_init(&body, request, keys, sizeof keys / sizeof keys[0], response);
    if (batch == NULL && body_ok(&body))
        answer_ok(response, NULL);
    if (batch == NULL || !read_batch(&body, &request->caller, batch))
        return;
    r = registry_grant_all(api->registry, batch->requests, batch->n_services, batch->grants, &at);
    if (r == 0)
        answer_granted(api, &request->caller, batch, response);
    else
        answer_refused(api, &request->caller, batch, at, r, response);
}
