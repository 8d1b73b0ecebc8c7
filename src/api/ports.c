/* The calls that list what the kernel shows: /ports, /squatters, /conflicts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/answer.h"
#include "src/api/asking.h"
#include "src/api/finding_json.h"
#include "src/api/listener_json.h"
#include "src/api/problem.h"
#include "src/api/routes.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* Which listeners are asked for. */
struct filter {
    uint64_t min;
    uint64_t max;
    bool has_uid;
    uint64_t uid;
    bool has_state;
    enum listener_state state;
};

static bool read_range(const char *text, struct filter *filter) {
    const char *dash = strchr(text, '-');
    char min[8];

    if (dash == NULL || (size_t)(dash - text) >= sizeof min)
        return false;
    snprintf(min, sizeof min, "%.*s", (int)(dash - text), text);
    return text_parse_number(min, 1, 65535, &filter->min) == 0 &&
           text_parse_number(dash + 1, filter->min, 65535, &filter->max) == 0;
}

static bool read_state(const char *text, struct filter *filter) {
    static const enum listener_state states[] = {LISTENER_LISTEN, LISTENER_BOUND};

    filter->has_state = true;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        filter->state = states[i];
        if (strcmp(text, listener_state_name(states[i])) == 0)
            return true;
    }
    return false;
}

/* Why the parameters are none, as a sentence; NULL: they are sound. */
static const char *read_filter(const struct query *query, struct filter *ret_filter) {
    const char *range = query_get(query, "range");
    const char *uid = query_get(query, "uid");
    const char *state = query_get(query, "state");

    *ret_filter = (struct filter){.min = 1, .max = 65535, .has_uid = uid != NULL};
    if (range != NULL && !read_range(range, ret_filter))
        return "\"range\" must be MIN-MAX, two ports from 1 to 65535.";
    /* The largest number is no uid: to the kernel it is "none". */
    if (uid != NULL && text_parse_number(uid, 0, UINT32_MAX - 1, &ret_filter->uid) != 0)
        return "\"uid\" must be a whole number from 0 to 4294967294.";
    if (state != NULL && !read_state(state, ret_filter))
        return "\"state\" must be listen or bound.";
    return NULL;
}

static bool passes(const struct filter *filter, const struct listener *listener) {
    return listener->port >= filter->min && listener->port <= filter->max &&
           (!filter->has_uid || listener->uid == filter->uid) &&
           (!filter->has_state || listener->state == filter->state);
}

/* A list that is asked for. */
struct listing {
    struct asking asking; /* first: the one is the other */
    struct filter filter;
};

static void answer_ports(struct api *api, const struct asking *asking, struct api_response *response) {
    const struct filter *filter = &((const struct listing *)asking)->filter;
    const struct snapshot *snapshot = api_read(api);
    cJSON *json = cJSON_CreateObject();
    cJSON *ports;

    cJSON_AddNumberToObject(json, "generation", (double)snapshot->generation);
    json_add_time(json, "read_at", snapshot->read_unix_ms);
    cJSON_AddBoolToObject(json, "complete", snapshot->complete);
    ports = cJSON_AddArrayToObject(json, "ports");
    for (size_t i = 0; i < snapshot->n_items; i++)
        if (passes(filter, &snapshot->items[i].listener))
            cJSON_AddItemToArray(ports, sighting_to_json(api, &asking->caller, &snapshot->items[i]));
    answer_ok(response, json);
}

void route_ports(struct api *api, const struct api_request *request, const struct query *query,
                 struct api_response *response) {
    struct filter filter;
    const char *wrong = read_filter(query, &filter);
    struct listing *listing;

    if (wrong != NULL) {
        problem_set(response, PROBLEM_BAD_REQUEST, NULL, "%s", wrong);
        return;
    }
    listing = calloc(1, sizeof *listing);
    if (listing != NULL)
        listing->filter = filter;
    asking_begin(listing != NULL ? &listing->asking : NULL, api, request, 0, answer_ports, response);
}

static void answer_findings(struct api *api, const struct api_request *request, const char *key, bool conflicts_only,
                            struct api_response *response) {
    const struct snapshot *snapshot = api_read(api);
    const struct findings *findings = api->findings;
    cJSON *json = cJSON_CreateObject();
    cJSON *array = cJSON_AddArrayToObject(json, key);

    for (size_t i = 0; i < findings->n_items; i++)
        if (!conflicts_only || finding_is_conflict(findings->items[i].kind))
            cJSON_AddItemToArray(array, finding_to_json(api, &request->caller, &findings->items[i], snapshot));
    answer_ok(response, json);
}

void route_squatters(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response) {
    (void)query;
    answer_findings(api, request, "squatters", false, response);
}

void route_conflicts(struct api *api, const struct api_request *request, const struct query *query,
                     struct api_response *response) {
    (void)query;
    answer_findings(api, request, "conflicts", true, response);
}
