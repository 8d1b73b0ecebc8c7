/* The handlers behind the route table of api.c, one a call of docs/api.md. */
#ifndef SRC_API_ROUTES_H
#define SRC_API_ROUTES_H

#include "src/api/api.h"

void route_alloc(struct api *api, const struct api_request *request, const struct query *query,
                 struct api_response *response);
void route_alloc_all(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response);
void route_release(struct api *api, const struct api_request *request, const struct query *query,
                   struct api_response *response);
void route_heartbeat(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response);
void route_list(struct api *api, const struct api_request *request, const struct query *query,
                struct api_response *response);
void route_lookup(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response);
void route_snapshot(struct api *api, const struct api_request *request, const struct query *query,
                    struct api_response *response);
void route_events(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response);
void route_history(struct api *api, const struct api_request *request, const struct query *query,
                   struct api_response *response);
void route_who(struct api *api, const struct api_request *request, const struct query *query,
               struct api_response *response);
void route_ports(struct api *api, const struct api_request *request, const struct query *query,
                 struct api_response *response);
void route_squatters(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response);
void route_conflicts(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response);
void route_claim(struct api *api, const struct api_request *request, const struct query *query,
                 struct api_response *response);
void route_disown(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response);
void route_ignore(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response);
void route_stop(struct api *api, const struct api_request *request, const struct query *query,
                struct api_response *response);
void route_status(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response);
void route_healthz(struct api *api, const struct api_request *request, const struct query *query,
                   struct api_response *response);
void route_page(struct api *api, const struct api_request *request, const struct query *query,
                struct api_response *response);

#endif
