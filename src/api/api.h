/*
 * The REST API: a request value in, a response value out. docs/api.md says what each call means.
 */
#ifndef SRC_API_API_H
#define SRC_API_API_H

#include <cjson/cJSON.h>

#include "src/api/port_versions.h"
#include "src/api/query.h"
#include "src/api/quota.h"
#include "src/api/request.h"
#include "src/base/clock.h"
#include "src/base/users.h"
#include "src/conflict/findings.h"
#include "src/conflict/ignores.h"
#include "src/event/journal.h"
#include "src/lease/registry.h"

/* What tells one run of portd from another. */
#define API_RUN_DIGITS 16

/* What the daemon tells of itself. All borrowed. */
struct api_info {
    const char *version;
    const char *run;     /* API_RUN_DIGITS hexadecimal digits that no other run of portd has */
    const char *command; /* how it was started: its arguments, quoted for a shell */
    const char *database;
    const char *socket; /* NULL: none */
    const char *const *addresses;
    size_t n_addresses;
    const char *excluded; /* as the user wrote it; "": nothing */
    const char *const *warnings;
    size_t n_warnings;
    bool sees_bound_sockets;
    uint64_t started_ms; /* monotonic */
};

/* The background probe, as the API sees it: probe/watch.h, or a test's own. */
struct api_probe {
    const struct snapshot *(*read)(void *context);        /* a reading of this moment: watch_refresh() */
    const struct snapshot *(*last)(void *context);        /* what the last reading showed */
    uint64_t (*ask_owners)(void *context, uint16_t port); /* watch_ask_owners() */
    uint64_t (*walks)(void *context);                     /* watch_walks() */
    void *context;
};

struct api {
    struct registry *registry;
    struct api_probe probe;
    struct findings *findings; /* brought up to date by api_probe.read() */
    struct ignores *ignores;
    struct journal *journal;
    struct sock_diag *diag;
    const struct port_rules *rules;
    const struct api_info *info;
    struct clock clock;
    uid_t uid; /* portd's own */
    struct users users;
    struct clock_offset wall;      /* for times that are shown and count on the monotonic clock */
    struct quota streams;          /* of GET /events */
    struct port_versions versions; /* for those who follow the ports; port_versions_deinit() it */
};

/* A reading of this very moment: snapshot, findings and the leases' sights. Ends what was borrowed of the reading before. */
static inline const struct snapshot *api_read(const struct api *api) {
    return api->probe.read(api->probe.context);
}

/* What the last reading showed, without another one: for what is asked again whenever something has changed, because a reading is itself
 * something that may have changed. Borrowed until the next one. */
static inline const struct snapshot *api_last_reading(const struct api *api) {
    return api->probe.last(api->probe.context);
}

/* Answers `request`. `ret_response` is filled whatever happens; api_response_deinit() it. */
void api_handle(struct api *api, const struct api_request *request, struct api_response *ret_response);

/* One row of the route table. */
struct api_route {
    const char *method;
    const char *path; /* "/assets/{name}": any below /assets/ */
    void (*handle)(struct api *api, const struct api_request *request, const struct query *query,
                   struct api_response *response);
    const char *parameters[8]; /* query parameters that it knows */
    bool takes_any_parameter;  /* they are the page's own, and nothing to portd */
    bool for_anyone;           /* a caller whom the kernel cannot name may call, too */
    const char *summary;
};

/* The table, for tests and documents. */
const struct api_route *api_routes(size_t *ret_n_routes);

#endif
