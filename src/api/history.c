/* GET /history: what happened, out of the database. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/api/answer.h"
#include "src/api/problem.h"
#include "src/api/routes.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/lease/lease.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

/* Numbers in JSON are exact up to here. */
#define ID_MAX ((UINT64_C(1) << 53) - 1)

static bool read_number(const struct query *query, const char *name, uint64_t max, uint64_t *number,
                        struct api_response *response) {
    const char *text = query_get(query, name);

    if (text == NULL || text_parse_number(text, 1, max, number) == 0)
        return true;
    problem_set(response, PROBLEM_BAD_REQUEST, NULL, "%s must be a number from 1 to %" PRIu64 ", not \"%.40s\".", name,
                max, text);
    return false;
}

static bool read_service(const struct query *query, struct journal_filter *filter, struct api_response *response) {
    const char *wrong;

    filter->service = query_get(query, "service");
    wrong = filter->service != NULL ? lease_check_name(filter->service) : NULL;
    if (wrong == NULL)
        return true;
    problem_set(response, PROBLEM_BAD_REQUEST, NULL, "service %s.", wrong);
    return false;
}

/* A number is an event's; anything else must be a time. */
static bool read_since(const struct query *query, struct journal_filter *filter, struct api_response *response) {
    const char *since = query_get(query, "since");

    if (since == NULL || text_parse_number(since, 0, ID_MAX, &filter->after_id) == 0 ||
        text_parse_time(since, &filter->since_unix_ms) == 0)
        return true;
    problem_set(response, PROBLEM_BAD_REQUEST, NULL,
                "since must be an event's number, or a time like 2026-01-02T03:04:05Z, not \"%.40s\".", since);
    return false;
}

/* The group whose name the first `length` bytes are, or N_EVENT_GROUPS. */
static enum event_group find_group(const char *name, size_t length) {
    enum event_group group = 0;

    while (group < N_EVENT_GROUPS &&
           (strlen(event_group_name(group)) != length || memcmp(event_group_name(group), name, length) != 0))
        group++;
    return group;
}

static bool read_kinds(const struct query *query, struct journal_filter *filter, struct api_response *response) {
    const char *kinds = query_get(query, "kinds");

    for (const char *at = kinds; at != NULL; at = *at == ',' ? at + 1 : NULL) {
        size_t length = strcspn(at, ",");
        enum event_group group = find_group(at, length);

        if (group == N_EVENT_GROUPS) {
            problem_set(response, PROBLEM_BAD_REQUEST, NULL,
                        "kinds must be lease, listener, squatter, conflict, or several of them with commas between, "
                        "not \"%.80s\".",
                        kinds);
            return false;
        }
        filter->groups |= 1U << group;
        at += length;
    }
    return true;
}

static int take_event(void *context, const struct journal_event *event) {
    cJSON_AddItemToArray(context, cJSON_CreateRaw(event->json));
    return 0;
}

void route_history(struct api *api, const struct api_request *request, const struct query *query,
                   struct api_response *response) {
    struct journal_filter filter = {0};
    uint64_t port = 0;
    uint64_t limit = LIMIT_DEFAULT;
    cJSON *events;
    cJSON *json;

    (void)request;
    if (!read_number(query, "port", UINT16_MAX, &port, response) ||
        !read_number(query, "limit", LIMIT_MAX, &limit, response) || !read_service(query, &filter, response) ||
        !read_number(query, "before", ID_MAX, &filter.before_id, response) || !read_since(query, &filter, response) ||
        !read_kinds(query, &filter, response))
        return;
    filter.port = (uint16_t)port;
    json = cJSON_CreateObject();
    events = cJSON_AddArrayToObject(json, "events");
    if (journal_read(api->journal, &filter, limit, false, take_event, events) != 0) {
        cJSON_Delete(json);
        problem_set(response, PROBLEM_INTERNAL, NULL, "The events cannot be read; portd's log says why.");
        return;
    }
    cJSON_AddNumberToObject(json, "first_id", (double)journal_first_id(api->journal));
    cJSON_AddNumberToObject(json, "last_id", (double)journal_last_id(api->journal));
    answer_ok(response, json);
}
