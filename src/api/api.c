/* The route table, and the order in which every request is looked at: its target, the guard, the route, the caller. */
#include "src/api/api.h"

#include <string.h>
#include <strings.h>

#include "src/api/guard.h"
#include "src/api/problem.h"
#include "src/api/routes.h"
#include "src/base/text.h"

static const struct api_route routes[] = {
    {.method = "POST", .path = "/alloc", .handle = route_alloc, .summary = "Lease one port or several"},
    {.method = "POST",
     .path = "/alloc-all",
     .handle = route_alloc_all,
     .summary = "Lease ports for several services, all or none"},
    {.method = "POST", .path = "/release", .handle = route_release, .summary = "End a lease"},
    {.method = "POST", .path = "/heartbeat", .handle = route_heartbeat, .summary = "Renew a lease"},
    {.method = "GET", .path = "/list", .handle = route_list, .summary = "All leases"},
    {.method = "GET",
     .path = "/lookup",
     .handle = route_lookup,
     .parameters = {"service"},
     .summary = "The leases of a service"},
    {.method = "GET", .path = "/snapshot", .handle = route_snapshot, .summary = "All that there is, at one moment"},
    {.method = "GET",
     .path = "/events",
     .handle = route_events,
     .parameters = {"since", "ports"},
     .summary = "What happens, as it happens"},
    {.method = "GET",
     .path = "/history",
     .handle = route_history,
     .parameters = {"port", "service", "since", "limit", "before", "kinds"},
     .summary = "What happened"},
    {.method = "GET",
     .path = "/who",
     .handle = route_who,
     .parameters = {"port"},
     .summary = "Everything about a port"},
    {.method = "GET",
     .path = "/ports",
     .handle = route_ports,
     .parameters = {"range", "uid", "state"},
     .summary = "Every listener that the kernel has"},
    {.method = "GET", .path = "/squatters", .handle = route_squatters, .summary = "Where kernel and leases disagree"},
    {.method = "GET", .path = "/conflicts", .handle = route_conflicts, .summary = "Squatters on leased ports"},
    {.method = "POST", .path = "/claim", .handle = route_claim, .summary = "Lease what listens, or confirm it"},
    {.method = "POST", .path = "/disown", .handle = route_disown, .summary = "Make what listens a squatter"},
    {.method = "POST", .path = "/ignore", .handle = route_ignore, .summary = "Put up with a squatter"},
    {.method = "POST", .path = "/stop", .handle = route_stop, .summary = "Signal the process that listens"},
    {.method = "GET", .path = "/status", .handle = route_status, .summary = "The daemon and its settings"},
    {.method = "GET", .path = "/healthz", .handle = route_healthz, .for_anyone = true, .summary = "Is it alive"},
    {.method = "GET", .path = "/", .handle = route_page, .takes_any_parameter = true, .summary = "The dashboard"},
    {.method = "GET",
     .path = "/assets/{name}",
     .handle = route_page,
     .for_anyone = true,
     .summary = "The dashboard's scripts and styles"},
};
#define N_ROUTES (sizeof routes / sizeof routes[0])

const struct api_route *api_routes(size_t *ret_n_routes) {
    *ret_n_routes = N_ROUTES;
    return routes;
}

/* "/assets/{name}" is the route of every path below /assets/: what there is knows its handler. */
static bool leads_to(const char *path, const struct api_route *route) {
    size_t n_fixed = strcspn(route->path, "{");

    return strncmp(path, route->path, n_fixed) == 0 && (route->path[n_fixed] == '{' || path[n_fixed] == '\0');
}

/* A path has one method, so the first route of the path decides. */
static const struct api_route *find_route(const char *path) {
    for (size_t i = 0; i < N_ROUTES; i++)
        if (leads_to(path, &routes[i]))
            return &routes[i];
    return NULL;
}

static void refuse_path(const char *path, struct api_response *response) {
    const char *paths[N_ROUTES];

    for (size_t i = 0; i < N_ROUTES; i++)
        paths[i] = routes[i].path;
    problem_set_no_such_path(response, path, paths, N_ROUTES);
}

/* HEAD is what GET would say, without its body; the server leaves the body out. */
static bool method_fits(const struct api_route *route, const char *method) {
    return strcmp(route->method, method) == 0 || (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static bool check_parameters(const struct api_route *route, const struct query *query, struct api_response *response) {
    size_t n_known = 0;

    if (route->takes_any_parameter)
        return true;
    while (n_known < sizeof route->parameters / sizeof route->parameters[0] && route->parameters[n_known] != NULL)
        n_known++;
    for (size_t i = 0; i < query->n_parameters; i++) {
        const char *name = query->parameters[i].name;
        const char *nearest = text_nearest(name, route->parameters, n_known);
        bool known = false;

        for (size_t j = 0; j < n_known; j++)
            known = known || strcmp(route->parameters[j], name) == 0;
        if (known)
            continue;
        problem_set(response, PROBLEM_UNKNOWN_PARAMETER, NULL, "%s has no query parameter \"%s\".%s%s%s", route->path,
                    name, nearest != NULL ? " Did you mean \"" : "", nearest != NULL ? nearest : "",
                    nearest != NULL ? "\"?" : "");
        return false;
    }
    return true;
}

/* "application/json", with any parameters (RFC 9110, 8.3.1). */
static bool is_json(const struct api_request *request) {
    static const char wanted[] = "application/json";
    size_t count;
    const char *type = api_request_header(request, "Content-Type", &count);
    size_t length = sizeof wanted - 1;

    if (type == NULL || strncasecmp(type, wanted, length) != 0)
        return false;
    return type[length + strspn(type + length, " \t")] == '\0' || type[length + strspn(type + length, " \t")] == ';';
}

static bool check_body(const struct api_request *request, struct api_response *response) {
    if (!is_json(request)) {
        problem_set(response, PROBLEM_NOT_JSON, NULL, "A POST needs the header Content-Type: application/json.");
        return false;
    }
    if (request->body_too_large) {
        problem_set(response, PROBLEM_BODY_TOO_LARGE, NULL, "A body has at most %zu bytes.", API_BODY_MAX);
        return false;
    }
    return true;
}

static bool may_call(const struct api_route *route, const struct api_request *request, struct api_response *response) {
    if (route->for_anyone || request->caller.known)
        return true;
    problem_set(response, PROBLEM_UNKNOWN_CALLER, "keep the connection open until the answer has come",
                "The kernel does not say whose connection this is: its other end is closed already, or in another "
                "network namespace.");
    return false;
}

/* A browser asks for the script of a service worker, and says so itself: no page can set this header. */
static bool is_for_worker(const struct api_request *request) {
    size_t count;
    const char *value = api_request_header(request, "Service-Worker", &count);

    return request->transport == API_TCP && strcmp(request->method, "GET") == 0 && value != NULL &&
           strcmp(value, "script") == 0;
}

/*
 * portd has none. Whoever had its port before may have left one in the browser, which goes on controlling the pages of this origin: it is given a
 * script that removes it, whatever the path of its own was.
 */
static void answer_worker(struct api_response *response) {
    static const char script[] = "self.oninstall=()=>self.skipWaiting();"
                                 "self.onactivate=e=>e.waitUntil(self.registration.unregister());\n";

    response->status = 200;
    response->content_type = "text/javascript; charset=utf-8";
    response->constant = script;
    response->body_length = sizeof script - 1;
    response->worker_scope = "/"; /* its own may be wider than its path allows: then this would be refused without */
}

static void dispatch(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response) {
    const struct api_route *route = find_route(query->path);

    if (route == NULL) {
        refuse_path(query->path, response);
    } else if (!method_fits(route, request->method)) {
        problem_set(response, PROBLEM_METHOD_NOT_ALLOWED, NULL, "%s takes %s, not %s.", route->path, route->method,
                    request->method);
        response->allow = strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method;
    } else if (check_parameters(route, query, response) && may_call(route, request, response) &&
               (strcmp(route->method, "POST") != 0 || check_body(request, response))) {
        route->handle(api, request, query, response);
    }
}

void api_handle(struct api *api, const struct api_request *request, struct api_response *ret_response) {
    struct query query;
    const char *wrong = query_parse(request->target, &query);

    *ret_response = (struct api_response){0};
    if (wrong != NULL)
        problem_set(ret_response, PROBLEM_BAD_REQUEST, NULL, "The request's target %s.", wrong);
    else if (!guard_pass(request, query.path, api->rules->api_port, ret_response))
        return;
    else if (is_for_worker(request))
        answer_worker(ret_response);
    else
        dispatch(api, request, &query, ret_response);
}
