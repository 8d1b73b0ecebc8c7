/* A grant as an answer, and each refusal of one as a problem with its evidence. */
#include "src/api/alloc_answer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/api/access.h"
#include "src/api/lease_json.h"
#include "src/api/listener_json.h"
#include "src/api/problem.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define PROJECT_WORDS_MAX 256
#define OWNER_WORDS_MAX   (LEASE_WORDS_MAX + PROJECT_WORDS_MAX)
#define NOTE_MAX          (OWNER_WORDS_MAX + 128)

__attribute__((format(printf, 2, 3))) static void add_note(cJSON *notes, const char *format, ...) {
    char note[NOTE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(note, sizeof note, format, args);
    va_end(args);
    cJSON_AddItemToArray(notes, cJSON_CreateString(note));
}

/* The folder's name, as people call a project; all of its path where the asker's own, another one, is called so, too. */
static const char *project_words(const char *project, const char *own) {
    const char *name = strrchr(project, '/');
    const char *own_name = strrchr(own, '/');

    if (name == NULL || name[1] == '\0')
        return project;
    return own_name != NULL && strcmp(name, own_name) == 0 && strcmp(project, own) != 0 ? project : name + 1;
}

/* The project is told to whom the lease's is: its user, and the operator. */
static void owner_to_words(struct api *api, const struct api_caller *caller, const struct lease_key *owner,
                           const char *own_project, char *ret_words) {
    bool is_own = caller->known && (caller->uid == owner->uid || access_is_operator(api, caller));
    bool has_project = is_own && owner->project != NULL && owner->project[0] != '\0';
    char name[PROJECT_WORDS_MAX];
    char user[LEASE_WHO_MAX];

    user_to_words(api, owner->uid, user);
    if (has_project)
        snprintf(ret_words, OWNER_WORDS_MAX, "%s of project %s", owner->service_name,
                 text_make_safe(project_words(owner->project, own_project), name, sizeof name));
    else if (caller->known && caller->uid == owner->uid)
        snprintf(ret_words, OWNER_WORDS_MAX, "%s", owner->service_name);
    else
        snprintf(ret_words, OWNER_WORDS_MAX, "%s (%s)", owner->service_name, user);
}

/* A preferred port that somebody has, or had: who. That may be a service of the same call. Of what another user had once nothing
 * is told. */
static void add_owner_note(struct api *api, const struct api_caller *caller, const struct alloc *alloc, uint16_t port,
                           cJSON *notes) {
    const struct lease *lease = registry_find_port(api->registry, port);
    const char *own_project = alloc->grant.key.project != NULL ? alloc->grant.key.project : "";
    struct lease_key owner;
    char words[OWNER_WORDS_MAX] = "another user's service";

    if (lease != NULL) {
        owner = lease_get_key(lease);
        owner_to_words(api, caller, &owner, own_project, words);
        add_note(notes, "port %u was preferred, but is leased to %s", port, words);
        return;
    }
    if (registry_find_last(api->registry, port, &owner) && caller->known &&
        (caller->uid == owner.uid || access_is_operator(api, caller)))
        owner_to_words(api, caller, &owner, own_project, words);
    add_note(notes, "port %u was preferred, but %s had it last", port, words);
}

static void add_choice_note(cJSON *notes, const struct choice_note *note) {
    static const char *const endings[] = {
        [NOTE_EXCLUDED] = "is excluded from automatic choice by portd's --exclude",
        [NOTE_RESERVED] = "is in net.ipv4.ip_local_reserved_ports",
        [NOTE_BLOCKED] = "is blocked by browsers: pages cannot be opened on it",
        [NOTE_COOLING] = "was another service's less than 15 seconds ago; its clients may still call",
        [NOTE_PREFERRED_TAKEN] = "was preferred, but is in use",
        [NOTE_PREFERRED_OWN] = "was preferred, but is portd's own",
        [NOTE_PREFERRED_PRIVILEGED] = "was preferred, but is privileged",
        [NOTE_STICKY_TAKEN] = "is the one that this service had last, but it is in use",
    };

    add_note(notes, "port %u %s", note->port, endings[note->kind]);
}

static bool is_about_owner(const struct choice_note *note) {
    return note->kind == NOTE_PREFERRED_LEASED || note->kind == NOTE_PREFERRED_OTHERS;
}

cJSON *alloc_to_json(struct api *api, const struct api_caller *caller, const struct alloc *alloc,
                     const struct grant *grant) {
    cJSON *json = cJSON_CreateObject();
    cJSON *ports = cJSON_CreateArray();
    cJSON *leases = cJSON_CreateArray();
    cJSON *new_ids = cJSON_CreateArray();
    cJSON *notes;

    for (size_t i = 0; i < grant->n_leases; i++) {
        cJSON_AddItemToArray(ports, cJSON_CreateNumber(grant->leases[i]->port));
        cJSON_AddItemToArray(leases, lease_to_json(api, grant->leases[i], caller));
        if (grant->is_new[i])
            cJSON_AddItemToArray(new_ids, cJSON_CreateNumber((double)grant->leases[i]->id));
    }
    cJSON_AddNumberToObject(json, "port", grant->leases[0]->port);
    cJSON_AddItemToObject(json, "lease", cJSON_Duplicate(cJSON_GetArrayItem(leases, 0), true));
    cJSON_AddItemToObject(json, "ports", ports);
    cJSON_AddItemToObject(json, "leases", leases);
    cJSON_AddBoolToObject(json, "reused", grant->n_reused > 0);
    cJSON_AddNumberToObject(json, "n_reused", (double)grant->n_reused);
    cJSON_AddItemToObject(json, "new_ids", new_ids);
    notes = cJSON_AddArrayToObject(json, "notes");
    if (alloc->ttl_clamped)
        add_note(notes, "ttl_seconds was clamped to %" PRIu64 ", 30 days", LEASE_TTL_MAX);
    for (size_t i = 0; i < grant->choice.n_notes; i++)
        if (is_about_owner(&grant->choice.notes[i]))
            add_owner_note(api, caller, alloc, grant->choice.notes[i].port, notes);
        else
            add_choice_note(notes, &grant->choice.notes[i]);
    return json;
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

void alloc_refuse(struct api *api, const struct api_caller *caller, const struct alloc *alloc,
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
