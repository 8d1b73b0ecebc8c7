/* POST /alloc: the request read and checked, the registry asked, and its answer put into words. */
#include "src/api/alloc_answer.h"
#include "src/api/alloc_request.h"
#include "src/api/answer.h"
#include "src/api/routes.h"

void route_alloc(struct api *api, const struct api_request *request, const struct query *query,
                 struct api_response *response) {
    CLEANUP(body_deinit) struct body body;
    CLEANUP(grant_deinit) struct grant grant = {0};
    struct alloc alloc;
    int r;

    (void)query;
    body_init(&body, request, alloc_keys, n_alloc_keys, response);
    alloc_read(&body, &request->caller, &alloc);
    if (!body_ok(&body))
        return;
    r = registry_grant(api->registry, &alloc.grant, &grant);
    if (r == 0)
        answer_ok(response, alloc_to_json(api, &request->caller, &alloc, &grant));
    else
        alloc_refuse(api, &request->caller, &alloc, &grant, r, response);
}
