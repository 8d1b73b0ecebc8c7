/* POST /alloc: the request read and checked, the registry asked, and its answer put into words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/api/access.h"
#include "src/api/answer.h"
#include "src/api/body.h"
#include "src/api/lease_json.h"
#include "src/api/listener_json.h"
#include "src/api/problem.h"
#include "src/api/routes.h"

/* From 2^53 on a JSON number is not exact. */
#define TTL_SECONDS_SAID_MAX ((UINT64_C(1) << 53) - 1)

/* A request to allocate, as it was read. It borrows from the body. */
struct alloc {
    struct grant_request grant;
    uint64_t ttl_seconds;
    bool ttl_clamped;
    const char *tags[LEASE_TAGS_MAX];
};

static void read_ports(struct body *body, struct alloc *alloc) {
    uint64_t number = 0;

    if (body_number(body, "port", 1, 65535, &number))
        alloc->grant.exact = (uint16_t)number;
    if (body_number(body, "prefer", 1, 65535, &number))
        alloc->grant.prefer = (uint16_t)number;
    alloc->grant.count = 1;
    if (body_number(body, "count", 1, LEASE_COUNT_MAX, &number))
        alloc->grant.count = (unsigned)number;
    if (alloc->grant.exact != 0 && alloc->grant.prefer != 0)
        body_refuse(body, "prefer", "goes without \"port\": an exact port leaves no choice");
    if (alloc->grant.exact != 0 && alloc->grant.count > 1)
        body_refuse(body, "count", "must be 1 with \"port\": an exact port is one port");
}

static void read_ttl(struct body *body, struct alloc *alloc) {
    if (!body_number(body, "ttl_seconds", 1, TTL_SECONDS_SAID_MAX, &alloc->ttl_seconds))
        return;
    alloc->ttl_clamped = alloc->ttl_seconds > LEASE_TTL_MAX;
    if (alloc->ttl_clamped)
        alloc->ttl_seconds = LEASE_TTL_MAX;
    alloc->grant.ttl_seconds = &alloc->ttl_seconds;
}

/* Fills *ret_alloc from the body; body_ok() tells whether it may be used. */
static void read_alloc(struct body *body, const struct api_caller *caller, struct alloc *ret_alloc) {
    uint64_t pid = 0;

    *ret_alloc = (struct alloc){0};
    ret_alloc->grant.key = (struct lease_key){.uid = caller->uid, .project = ""};
    ret_alloc->grant.privileged = caller->uid == 0;
    if (!body_text(body, "service_name", lease_check_name, &ret_alloc->grant.key.service_name) && body_ok(body)) {
        problem_set(body->response, PROBLEM_MISSING_KEY, NULL, "The body needs a \"service_name\".");
        body->failed = true;
    }
    read_ttl(body, ret_alloc);
    if (body_texts(body, "tags", LEASE_TAGS_MAX, lease_check_tag, ret_alloc->tags, &ret_alloc->grant.n_tags))
        ret_alloc->grant.tags = ret_alloc->tags;
    read_ports(body, ret_alloc);
    body_flag(body, "reuse", &ret_alloc->grant.reuse);
    body_text(body, "project", lease_check_project, &ret_alloc->grant.key.project);
    if (body_number(body, "pid", 1, BODY_PID_MAX, &pid))
        ret_alloc->grant.holder = (pid_t)pid;
    if (body_number(body, "asker_pid", 1, BODY_PID_MAX, &pid))
        ret_alloc->grant.asker = (pid_t)pid;
}

__attribute__((format(printf, 2, 3))) static void add_note(cJSON *notes, const char *format, ...) {
    char note[256];
    va_list args;

    va_start(args, format);
    vsnprintf(note, sizeof note, format, args);
    va_end(args);
    cJSON_AddItemToArray(notes, cJSON_CreateString(note));
}

static void add_choice_note(cJSON *notes, const struct choice_note *note) {
    static const char *const endings[] = {
        [NOTE_EXCLUDED] = "is excluded from automatic choice by portd's --exclude",
        [NOTE_RESERVED] = "is in net.ipv4.ip_local_reserved_ports",
        [NOTE_BLOCKED] = "is blocked by browsers: pages cannot be opened on it",
        [NOTE_COOLING] = "was another service's less than 15 seconds ago; its clients may still call",
        [NOTE_PREFERRED_LEASED] = "was preferred, but is leased",
        [NOTE_PREFERRED_TAKEN] = "was preferred, but is in use",
        [NOTE_PREFERRED_OWN] = "was preferred, but is portd's own",
        [NOTE_PREFERRED_PRIVILEGED] = "was preferred, but is privileged",
        [NOTE_STICKY_TAKEN] = "is the one that this service had last, but it is in use",
    };

    add_note(notes, "port %u %s", note->port, endings[note->kind]);
}

static void answer_granted(struct api *api, const struct api_caller *caller, const struct alloc *alloc,
                           const struct grant *grant, struct api_response *response) {
    cJSON *json = cJSON_CreateObject();
    cJSON *ports = cJSON_CreateArray();
    cJSON *leases = cJSON_CreateArray();
    cJSON *notes;

    for (size_t i = 0; i < grant->n_leases; i++) {
        cJSON_AddItemToArray(ports, cJSON_CreateNumber(grant->leases[i]->port));
        cJSON_AddItemToArray(leases, lease_to_json(api, grant->leases[i], caller));
    }
    cJSON_AddNumberToObject(json, "port", grant->leases[0]->port);
    cJSON_AddItemToObject(json, "lease", cJSON_Duplicate(cJSON_GetArrayItem(leases, 0), true));
    cJSON_AddItemToObject(json, "ports", ports);
    cJSON_AddItemToObject(json, "leases", leases);
    cJSON_AddBoolToObject(json, "reused", grant->n_reused > 0);
    notes = cJSON_AddArrayToObject(json, "notes");
    if (alloc->ttl_clamped)
        add_note(notes, "ttl_seconds was clamped to %" PRIu64 ", 30 days", LEASE_TTL_MAX);
    for (size_t i = 0; i < grant->choice.n_notes; i++)
        add_choice_note(notes, &grant->choice.notes[i]);
    answer_ok(response, json);
}

static const char try_prefer[] = "ask with \"prefer\" instead of \"port\" to be given another port";

static void refuse_taken(struct api *api, const struct api_caller *caller, const struct alloc *alloc,
                         const struct grant *grant, struct api_response *response) {
    const struct listener_list *evidence = &grant->choice.evidence;
    uint16_t port = grant->in_way != NULL ? grant->in_way->port : alloc->grant.exact;
    cJSON *listeners = listeners_to_json(api, caller, evidence);
    char words[EVIDENCE_WORDS_MAX];
    cJSON *problem;

    listeners_to_words(listeners, words);
    problem = problem_begin(response, PROBLEM_PORT_TAKEN, "Port %u is taken: %s.", port, words);
    json_add_text(problem, "hint", try_prefer);
    cJSON_AddNumberToObject(problem, "port", port);
    if (!cJSON_AddItemToObject(problem, "listeners", listeners))
        cJSON_Delete(listeners);
    problem_finish(response, problem);
}

static void refuse_in_way(struct api *api, const struct api_caller *caller, enum problem_kind kind,
                          const struct grant *grant, struct api_response *response) {
    const struct lease *lease = grant->in_way;
    char user[LEASE_WHO_MAX];
    cJSON *problem;

    user_to_words(api, lease->uid, user);
    if (kind == PROBLEM_LEASE_HELD)
        problem = problem_begin(response, kind, "Service %s already runs on port %u, as pid %d.", lease->service_name,
                                lease->port, (int)lease->holder.pid);
    else
        problem =
            problem_begin(response, kind, "Port %u is leased to %s (%s).", lease->port, lease->service_name, user);
    json_add_text(problem, "hint",
                  kind == PROBLEM_LEASE_HELD ? "ask without \"reuse\" for a second lease of this name" : try_prefer);
    cJSON_AddNumberToObject(problem, "port", lease->port);
    cJSON_AddItemToObject(problem, "lease", lease_to_json(api, lease, caller));
    problem_finish(response, problem);
}

static void refuse_full(struct api *api, const struct grant *grant, struct api_response *response) {
    const struct choice_counts *counts = &grant->choice.counts;
    unsigned retry_after_s = (unsigned)((counts->cooling_ms + 999) / 1000);
    char hint[128] = "release leases, or start portd with a wider --range";
    cJSON *problem;

    problem =
        problem_begin(response, PROBLEM_RANGE_FULL,
                      "Not enough ports are free in %u-%u: %u are leased, %u in use without a lease, %u excluded, "
                      "%u reserved, %u blocked by browsers, %u released less than 15 seconds ago.",
                      api->rules->min, api->rules->max, counts->n_leased, counts->n_busy, counts->n_excluded,
                      counts->n_reserved, counts->n_blocked, counts->n_cooling);
    if (retry_after_s > 0) {
        response->retry_after_s = retry_after_s;
        snprintf(hint, sizeof hint, "try again in %u s", retry_after_s);
    }
    json_add_text(problem, "hint", hint);
    cJSON_AddNumberToObject(problem, "leased", counts->n_leased);
    cJSON_AddNumberToObject(problem, "in_use", counts->n_busy);
    cJSON_AddNumberToObject(problem, "excluded", counts->n_excluded);
    cJSON_AddNumberToObject(problem, "reserved", counts->n_reserved);
    cJSON_AddNumberToObject(problem, "blocked", counts->n_blocked);
    cJSON_AddNumberToObject(problem, "cooling", counts->n_cooling);
    problem_finish(response, problem);
}

static void refuse(struct api *api, const struct api_caller *caller, const struct alloc *alloc,
                   const struct grant *grant, int code, struct api_response *response) {
    uint16_t port = alloc->grant.exact;

    switch (code) {
    case ALLOC_E_TAKEN:
        refuse_taken(api, caller, alloc, grant, response);
        return;
    case ALLOC_E_LEASED:
        refuse_in_way(api, caller, PROBLEM_PORT_LEASED, grant, response);
        return;
    case GRANT_E_HELD:
        refuse_in_way(api, caller, PROBLEM_LEASE_HELD, grant, response);
        return;
    case ALLOC_E_RANGE_FULL:
        refuse_full(api, grant, response);
        return;
    case ALLOC_E_OWN:
        problem_set(response, PROBLEM_RESERVED_FOR_PORTD, try_prefer,
                    "Port %u is the one that portd itself answers on.", port);
        return;
    case ALLOC_E_PRIVILEGED:
        problem_set(response, PROBLEM_PORT_PRIVILEGED, "sysctl net.ipv4.ip_unprivileged_port_start",
                    "Only root can bind port %u.", port);
        return;
    case ALLOC_E_UNVERIFIABLE:
        problem_set(response, PROBLEM_PORT_PRIVILEGED, "run portd as root to have it check privileged ports",
                    "portd runs as uid %u and may not bind port %u, so it cannot tell whether it is free.",
                    (unsigned)api->uid, port);
        return;
    case GRANT_E_HOLDER:
        problem_set(response, PROBLEM_INVALID_PID, NULL, "There is no living process %d that portd can see.",
                    (int)alloc->grant.holder);
        return;
    case GRANT_E_HOLDER_UID:
        problem_set(response, PROBLEM_INVALID_PID, NULL, "Process %d is not the caller's own.",
                    (int)alloc->grant.holder);
        return;
    case GRANT_E_NOT_STORED:
        problem_set(response, PROBLEM_NOT_STORED, "look at the disk that portd's database is on; nothing was granted",
                    "The lease could not be stored: %s.", registry_reason(api->registry));
        return;
    default:
        problem_set(response, PROBLEM_INTERNAL, NULL, "portd could not ask the kernel: %s.", strerror(-code));
        return;
    }
}

void route_alloc(struct api *api, const struct api_request *request, const struct query *query,
                 struct api_response *response) {
    static const char *const keys[] = {"service_name", "ttl_seconds", "tags",    "port", "prefer",
                                       "count",        "reuse",       "project", "pid",  "asker_pid"};
    CLEANUP(body_deinit) struct body body;
    CLEANUP(grant_deinit) struct grant grant = {0};
    struct alloc alloc;
    int r;

    (void)query;
    body_init(&body, request, keys, sizeof keys / sizeof keys[0], response);
    read_alloc(&body, &request->caller, &alloc);
    if (!body_ok(&body))
        return;
    r = registry_grant(api->registry, &alloc.grant, &grant);
    if (r == 0)
        answer_granted(api, &request->caller, &alloc, &grant, response);
    else
        refuse(api, &request->caller, &alloc, &grant, r, response);
}
