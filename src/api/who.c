/*
 * GET /who: everything about one port. A verdict first, a sentence for a person in a hurry; then the facts; then what to do next,
 * as lines of portctl that this caller can run as they are.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/access.h"
#include "src/api/answer.h"
#include "src/api/asking.h"
#include "src/api/finding_json.h"
#include "src/api/lease_json.h"
#include "src/api/listener_json.h"
#include "src/api/problem.h"
#include "src/api/routes.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/lease/evidence.h"

/* A port as it is now. All borrowed until the next reading. */
struct view {
    struct api *api;
    const struct api_caller *caller;
    const struct snapshot *snapshot;
    uint16_t port;
    const struct lease *lease;  /* NULL: none */
    const struct sighting *own; /* of a lease: the listener that counts as its, the best that is known; NULL: none */
    struct evidence evidence;   /* of `own` */
    const struct sighting
        *foreign; /* of a lease: a squatter. Without one: whoever is there, listeners first. NULL: nobody */
    const struct finding *finding; /* the gravest; NULL: none */
};

static bool is_in_range(const struct view *view, uint16_t port) {
    return port >= view->api->rules->min && port <= view->api->rules->max;
}

static bool is_portds(const struct view *view) {
    return view->api->rules->api_port != 0 && view->port == view->api->rules->api_port;
}

/* Listeners come before those that have only bound it. */
static bool is_better(const struct sighting *sighting, const struct sighting *best) {
    return best == NULL || (sighting->listener.state == LISTENER_LISTEN && best->listener.state != LISTENER_LISTEN);
}

static void take_sighting(struct view *view, const struct sighting *sighting) {
    struct evidence evidence;

    if (view->lease == NULL) {
        if (is_better(sighting, view->foreign))
            view->foreign = sighting;
        return;
    }
    evidence = evidence_weigh(view->api->registry, view->lease, sighting);
    if (evidence.level == EVIDENCE_FOREIGN) {
        if (is_better(sighting, view->foreign))
            view->foreign = sighting;
    } else if (is_better(sighting, view->own) ||
               (evidence.level > view->evidence.level && sighting->listener.state == LISTENER_LISTEN)) {
        view->own = sighting;
        view->evidence = evidence;
    }
}

static const struct finding *find_finding(const struct view *view) {
    size_t n_findings;
    const struct finding *findings = findings_of_port(view->api->findings, view->port, &n_findings);
    const struct finding *found = NULL;

    for (size_t i = 0; i < n_findings; i++)
        if (found == NULL || (finding_is_conflict(findings[i].kind) && !finding_is_conflict(found->kind)))
            found = &findings[i];
    return found;
}

static struct view look(struct api *api, const struct api_caller *caller, uint16_t port) {
    struct view view = {.api = api, .caller = caller, .port = port};
    size_t first = 0;
    size_t n_found;

    view.snapshot = api_read(api);
    view.lease = registry_find_port(api->registry, port);
    n_found = snapshot_find_port(view.snapshot, port, &first);
    for (size_t i = 0; i < n_found; i++)
        take_sighting(&view, &view.snapshot->items[first + i]);
    view.finding = find_finding(&view);
    return view;
}

static const char *state_name(const struct view *view) {
    if (view->lease != NULL)
        return lease_state_name(lease_state(view->lease));
    if (is_portds(view))
        return "portd";
    if (view->foreign == NULL)
        return "free";
    return is_in_range(view, view->port) ? "unleased" : "unmanaged";
}

/* ---- the verdict ---- */

__attribute__((format(printf, 2, 3))) static void say(char *ret_verdict, const char *format, ...) {
    va_list args;

    va_start(args, format);
    vsnprintf(ret_verdict, VERDICT_MAX, format, args);
    va_end(args);
}

/* The nearest parent is the holder. */
static bool is_child_of_holder(const struct view *view) {
    const struct sighting *own = view->own;

    return own->n_owners > 0 && own->owners[0]->n_parents > 0 &&
           own->owners[0]->parents[0].pid == view->lease->holder.pid;
}

static void say_bound(const struct view *view, const char *lease, char *ret_verdict) {
    const struct evidence *evidence = &view->evidence;
    char who[SIGHTING_WORDS_MAX];

    if (view->own == NULL) {
        say(ret_verdict, "Port %u is in use by %s.", view->port, lease);
        return;
    }
    sighting_to_words(view->api, view->own, view->own->listener.uid != view->lease->uid ? SIGHTING_WITH_USER : 0, who);
    if (evidence->level == EVIDENCE_PLAUSIBLE)
        say(ret_verdict, "Port %u is probably in use by %s: %s listens, and %s.", view->port, lease, who,
            evidence_by_words(evidence->by));
    else if (evidence->by == BY_HOLDER)
        say(ret_verdict, "Port %u is in use by %s: %s listens, the lease's holder.", view->port, lease, who);
    else if (evidence->by == BY_DESCENDANT)
        say(ret_verdict, "Port %u is in use by %s: %s listens, a %s of the lease's holder.", view->port, lease, who,
            is_child_of_holder(view) ? "child" : "descendant");
    else
        say(ret_verdict, "Port %u is in use by %s: %s listens, and %s.", view->port, lease, who,
            evidence_by_words(evidence->by));
}

/* The findings may be a reading behind, or have lost their sockets since; then the squatter that is seen is told. */
static void say_conflict(const struct view *view, const char *lease, char *ret_verdict) {
    char who[SIGHTING_WORDS_MAX];

    if (view->finding != NULL) {
        finding_to_verdict(view->api, view->finding, view->snapshot, ret_verdict);
        return;
    }
    if (view->foreign == NULL) {
        say(ret_verdict, "Port %u is leased to %s, and two parties share it.", view->port, lease);
        return;
    }
    sighting_to_words(view->api, view->foreign, SIGHTING_WITH_USER, who);
    say(ret_verdict, "Port %u is squatted: it is leased to %s, but %s listens on it.", view->port, lease, who);
}

static void say_leased(const struct view *view, char *ret_verdict) {
    char lease[LEASE_WORDS_MAX];

    lease_to_words(view->api, view->lease, lease);
    switch (lease_state(view->lease)) {
    case LEASE_BOUND:
        say_bound(view, lease, ret_verdict);
        return;
    case LEASE_CONFLICT:
        say_conflict(view, lease, ret_verdict);
        return;
    case LEASE_ELSEWHERE:
        say(ret_verdict, "Port %u is leased to %s, and nothing listens on it: %s's holder listens on %u instead.",
            view->port, lease, view->lease->service_name, view->lease->sight.elsewhere);
        return;
    case LEASE_SILENT:
        say(ret_verdict, "Port %u is leased to %s, and nothing listens on it any more.", view->port, lease);
        return;
    case LEASE_PENDING:
        if (view->finding != NULL) /* somebody has bound it */
            finding_to_verdict(view->api, view->finding, view->snapshot, ret_verdict);
        else
            say(ret_verdict, "Port %u is leased to %s, and nothing listens on it yet.", view->port, lease);
        return;
    }
}

/* Who looks at this port may be looking for a service that should listen on another. */
static void say_whose_holder(const struct view *view, char *ret_verdict) {
    size_t n_leases;
    struct lease *const *leases = registry_leases(view->api->registry, &n_leases);
    size_t used = strlen(ret_verdict);
    char lease[LEASE_WORDS_MAX];

    for (size_t i = 0; i < n_leases; i++) {
        if (leases[i]->sight.elsewhere != view->port)
            continue;
        lease_to_words(view->api, leases[i], lease);
        snprintf(ret_verdict + used, VERDICT_MAX - used, " It is the holder of %s, which has port %u.", lease,
                 leases[i]->port);
        return;
    }
}

static void say_unleased(const struct view *view, char *ret_verdict) {
    const struct port_rules *rules = view->api->rules;
    char who[SIGHTING_WORDS_MAX];
    bool listens = view->foreign->listener.state == LISTENER_LISTEN;

    sighting_to_words(view->api, view->foreign, SIGHTING_WITH_USER | SIGHTING_AT_START, who);
    if (is_in_range(view, view->port))
        say(ret_verdict,
            listens ? "%s listens on port %u without a lease."
                    : "%s has bound port %u without a lease, and does not listen on it.",
            who, view->port);
    else
        say(ret_verdict,
            listens ? "%s listens on port %u, which is outside of the managed range %u-%u."
                    : "%s has bound port %u, which is outside of the managed range %u-%u, and does not listen on it.",
            who, view->port, rules->min, rules->max);
    say_whose_holder(view, ret_verdict);
}

static void say_verdict(const struct view *view, char *ret_verdict) {
    if (view->lease != NULL)
        say_leased(view, ret_verdict);
    else if (is_portds(view))
        say(ret_verdict, "Port %u is portd's own.", view->port);
    else if (view->foreign != NULL)
        say_unleased(view, ret_verdict);
    else
        say(ret_verdict, "Nobody listens on port %u, and nobody has it leased.", view->port);
}

/* ---- what to do next ---- */

#define QUOTED_MAX TEXT_QUOTED_MAX(LEASE_NAME_MAX)

__attribute__((format(printf, 3, 4))) static void add_next(cJSON *next, const char *why, const char *format, ...) {
    char command[QUOTED_MAX + 64];
    cJSON *item = cJSON_CreateObject();
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    json_add_text(item, "command", command);
    json_add_text(item, "why", why);
    cJSON_AddItemToArray(next, item);
}

static bool may_change(const struct view *view) {
    return view->lease != NULL && access_may_change(view->api, view->caller, view->lease);
}

/* As POST /claim has it: the listeners are the caller's, or he is an operator. */
static bool may_claim(const struct view *view, const struct sighting *sighting) {
    return sighting != NULL && sighting->listener.state == LISTENER_LISTEN &&
           (sighting->listener.uid == view->caller->uid || access_is_operator(view->api, view->caller));
}

/* Without a pid portctl would not know which of the two is meant. */
static bool is_only_party(const struct view *view, const struct process_info *owner) {
    size_t first = 0;
    size_t n_found = snapshot_find_port(view->snapshot, view->port, &first);

    for (size_t i = first; i < first + n_found; i++) {
        const struct sighting *sighting = &view->snapshot->items[i];

        if (sighting->listener.state == LISTENER_LISTEN && sighting->n_owners > 0 &&
            sighting->owners[0]->id.pid != owner->id.pid)
            return false;
    }
    return true;
}

/* portctl signals with the caller's own rights, and needs a process to signal. */
static void add_stop(cJSON *next, const struct view *view, const struct sighting *sighting) {
    const struct process_info *owner = sighting != NULL && sighting->n_owners > 0 ? sighting->owners[0] : NULL;
    char why[64];

    if (owner == NULL || sighting->listener.state != LISTENER_LISTEN ||
        (view->caller->uid != owner->uid && view->caller->uid != 0))
        return;
    snprintf(why, sizeof why, "stops %s", owner->name);
    if (is_only_party(view, owner))
        add_next(next, why, "portctl stop %u", view->port);
    else
        add_next(next, why, "portctl stop %u --pid %d", view->port, (int)owner->id.pid);
}

/* Who shares the port with the lease's own listener is no squatter where nothing better than the uid is known of him. */
static const struct sighting *find_intruder(const struct view *view) {
    if (view->foreign != NULL || view->finding == NULL || !finding_is_conflict(view->finding->kind))
        return view->foreign;
    return finding_sighting(view->finding, 0, view->snapshot);
}

/* The next port of the range that nobody has; 0: none. */
static uint16_t find_other_port(const struct view *view) {
    unsigned min = view->api->rules->min;
    unsigned n_ports = view->api->rules->max - min + 1U;
    unsigned start = is_in_range(view, view->port) ? view->port - min + 1U : 0;

    for (unsigned i = 0; i < n_ports; i++) {
        uint16_t port = (uint16_t)(min + (start + i) % n_ports);
        size_t first = 0;

        if (registry_find_port(view->api->registry, port) == NULL && port != view->api->rules->api_port &&
            snapshot_find_port(view->snapshot, port, &first) == 0)
            return port;
    }
    return 0;
}

static void add_alloc(cJSON *next, const struct view *view) {
    const char *name = view->lease->service_name;
    uint16_t port = find_other_port(view);
    char quoted[QUOTED_MAX];
    char why[LEASE_NAME_MAX + 32];

    if (view->lease->uid != view->caller->uid || port == 0)
        return;
    text_quote_word(name, quoted, sizeof quoted);
    snprintf(why, sizeof why, "another port for %s", name);
    if (name[0] == '-') /* it would be read as an option */
        add_next(next, why, "portctl alloc --prefer %u -- %s", port, quoted);
    else
        add_next(next, why, "portctl alloc %s --prefer %u", quoted, port);
}

static void add_claim(cJSON *next, const struct view *view, const struct sighting *sighting, const char *why) {
    char quoted[QUOTED_MAX];
    char safe[PROCESS_NAME_MAX * 4];
    const char *name = "NAME";

    if (!may_claim(view, sighting))
        return;
    if (view->lease != NULL) {
        add_next(next, why, "portctl claim %u", view->port);
        return;
    }
    /* A process's name is often what its service would be called. */
    if (sighting->n_owners > 0 && lease_check_name(sighting->owners[0]->name) == NULL)
        name = text_make_safe(sighting->owners[0]->name, safe, sizeof safe);
    text_quote_word(name, quoted, sizeof quoted);
    add_next(next, why, name[0] == '-' ? "portctl claim -- %u %s" : "portctl claim %u %s", view->port, quoted);
}

static void add_release(cJSON *next, const struct view *view, const char *why) {
    if (may_change(view))
        add_next(next, why, "portctl release %u", view->port);
}

static void add_for_lease(cJSON *next, const struct view *view) {
    switch (lease_state(view->lease)) {
    case LEASE_CONFLICT:
        add_alloc(next, view);
        add_stop(next, view, find_intruder(view));
        if (may_change(view))
            add_claim(next, view, view->foreign, "says that the listener is the lease's after all");
        return;
    case LEASE_BOUND:
        if (view->evidence.level == EVIDENCE_PLAUSIBLE && may_change(view)) {
            add_claim(next, view, view->own, "confirms that the listener is the lease's");
            add_next(next, "makes the listener a squatter", "portctl disown %u", view->port);
        }
        add_stop(next, view, view->own);
        return;
    case LEASE_ELSEWHERE:
        add_next(next, "shows what its holder listens on", "portctl who %u", view->lease->sight.elsewhere);
        add_release(next, view, "ends the lease");
        return;
    case LEASE_SILENT:
        add_release(next, view, "ends the lease");
        return;
    case LEASE_PENDING:
        add_release(next, view, "ends the lease, if nothing is going to listen");
        return;
    }
}

static cJSON *next_to_json(const struct view *view) {
    cJSON *next = cJSON_CreateArray();

    if (view->lease != NULL) {
        add_for_lease(next, view);
    } else if (is_portds(view)) {
        add_next(next, "tells about portd", "portctl status");
    } else if (view->foreign != NULL) {
        add_claim(next, view, view->foreign, "leases the port to what listens on it");
        add_stop(next, view, view->foreign);
    } else {
        add_next(next, "leases it, if it can be bound", "portctl alloc NAME --port %u", view->port);
        add_next(next, "shows what is leased", "portctl list");
    }
    return next;
}

/* ---- the answer ---- */

static void answer_view(const struct view *view, struct api_response *response) {
    struct api *api = view->api;
    size_t n_findings;
    const struct finding *findings = findings_of_port(api->findings, view->port, &n_findings);
    cJSON *json = cJSON_CreateObject();
    char verdict[VERDICT_MAX];
    cJSON *array;

    say_verdict(view, verdict);
    cJSON_AddNumberToObject(json, "port", view->port);
    cJSON_AddStringToObject(json, "state", state_name(view));
    json_add_text(json, "verdict", verdict);
    if (view->lease != NULL)
        cJSON_AddItemToObject(json, "lease", lease_to_json(api, view->lease, view->caller));
    else
        cJSON_AddNullToObject(json, "lease");
    cJSON_AddItemToObject(json, "listeners", port_to_json(api, view->caller, view->snapshot, view->port));
    array = cJSON_AddArrayToObject(json, "findings");
    for (size_t i = 0; i < n_findings; i++)
        cJSON_AddItemToArray(array, finding_to_json(api, view->caller, &findings[i], view->snapshot));
    cJSON_AddItemToObject(json, "next", next_to_json(view));
    answer_ok(response, json);
}

/* A port that is asked about. */
struct who {
    struct asking asking; /* first: the one is the other */
    uint16_t port;
};

static void answer_who(struct api *api, const struct asking *asking, struct api_response *response) {
    const struct view view = look(api, &asking->caller, ((const struct who *)asking)->port);

    answer_view(&view, response);
}

void route_who(struct api *api, const struct api_request *request, const struct query *query,
               struct api_response *response) {
    const char *text = query_get(query, "port");
    uint64_t port = 0;
    struct who *who;

    if (text == NULL) {
        problem_set(response, PROBLEM_MISSING_PARAMETER, NULL, "Who is asked about a port: /who?port=N.");
        return;
    }
    if (text_parse_number(text, 1, 65535, &port) != 0) {
        problem_set(response, PROBLEM_BAD_REQUEST, NULL, "\"port\" must be a whole number from 1 to 65535.");
        return;
    }
    who = calloc(1, sizeof *who);
    if (who != NULL)
        who->port = (uint16_t)port;
    asking_begin(who != NULL ? &who->asking : NULL, api, request, (uint16_t)port, answer_who, response);
}
