/*
 * Listeners and their owners as JSON and as words. What /proc shows to everybody is shown to everybody; the executable and the
 * working directory, which it shows to the process's own uid and to root, are shown to these.
 */
#include "src/api/listener_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probe/cgroup.h"
#include "probe/fd.h"
#include "probe/forwarder.h"
#include "src/api/answer.h"
#include "src/api/lease_json.h"
#include "src/base/json.h"
#include "src/lease/evidence.h"

/* The search for an owner is done on the loop, so it must end: some 20 ms each at the worst, for the first of them. */
#define OWNER_FDS_MAX   20000
#define OWNERS_SEARCHED 2

/* An answer's evidence names so many sockets: a port can have thousands of connections. */
#define LISTENERS_MAX 32

/* An id in a sentence is as short as docker shows it. */
#define CONTAINER_SHOWN 12

static const char *user_name(struct api *api, uid_t uid) {
    return users_name(&api->users, uid, clock_read(&api->clock).monotonic_ms);
}

static const char *text_or_null(const char *text) {
    return text[0] != '\0' ? text : NULL;
}

/* ---- owners ---- */

static void add_container(cJSON *json, const struct cgroup_names *names, const struct process_info *owner) {
    struct forwarder forwarder = {0};
    cJSON *container;

    if (owner != NULL && forwarder_recognise(owner, &forwarder)) {
        container = cJSON_AddObjectToObject(json, "container");
        cJSON_AddStringToObject(container, "runtime", forwarder.runtime);
        cJSON_AddNullToObject(container, "id");
        json_add_text_or_null(container, "address", text_or_null(forwarder.container));
    } else if (names->runtime[0] != '\0') {
        container = cJSON_AddObjectToObject(json, "container");
        cJSON_AddStringToObject(container, "runtime", names->runtime);
        json_add_text_or_null(container, "id", text_or_null(names->container));
        cJSON_AddNullToObject(container, "address");
    } else {
        cJSON_AddNullToObject(json, "container");
    }
}

static void add_cgroup(cJSON *json, const char *path, const struct process_info *owner) {
    struct cgroup_names names = {0};

    cgroup_parse(path, &names);
    json_add_text_or_null(json, "cgroup", path);
    json_add_text_or_null(json, "unit", text_or_null(names.unit));
    add_container(json, &names, owner);
}

static void add_parents(cJSON *json, const struct process_info *owner) {
    cJSON *parents = cJSON_AddArrayToObject(json, "parents");

    for (size_t i = 0; i < owner->n_parents; i++) {
        cJSON *parent = cJSON_CreateObject();

        cJSON_AddNumberToObject(parent, "pid", owner->parents[i].pid);
        json_add_text(parent, "process", owner->parents[i].name);
        cJSON_AddItemToArray(parents, parent);
    }
}

static cJSON *owner_to_json(struct api *api, const struct api_caller *caller, const struct process_info *owner) {
    bool private = caller->known && (caller->uid == 0 || caller->uid == owner->uid);
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "pid", owner->id.pid);
    cJSON_AddNumberToObject(json, "start_time", (double)owner->id.start_time);
    json_add_number_or_null(json, "pidfd_inode", owner->id.pidfd_inode != 0, (double)owner->id.pidfd_inode);
    cJSON_AddNumberToObject(json, "uid", owner->uid);
    json_add_text_or_null(json, "user", user_name(api, owner->uid));
    json_add_text(json, "process", owner->name);
    json_add_text(json, "command", owner->command);
    json_add_text_or_null(json, "executable", private ? owner->executable : NULL);
    json_add_text_or_null(json, "directory", private ? owner->directory : NULL);
    json_add_time(json, "started_at", owner->started_unix_ms);
    cJSON_AddNumberToObject(json, "session", owner->session);
    add_parents(json, owner);
    add_cgroup(json, owner->cgroup, owner);
    return json;
}

/* Where nobody has it open (inode 0) nobody is hidden. */
static void add_hidden(cJSON *json, const struct sighting *sighting) {
    bool looked = sighting->state == SIGHTING_RESOLVED;
    cJSON *hidden;

    if (sighting->n_owners > 0 || sighting->listener.inode == 0) {
        cJSON_AddNullToObject(json, "hidden");
        return;
    }
    hidden = cJSON_AddObjectToObject(json, "hidden");
    cJSON_AddStringToObject(hidden, "reason", looked ? owner_hidden_name(sighting->hidden) : "not-yet");
    cJSON_AddStringToObject(hidden, "why",
                            looked ? owner_hidden_reason(sighting->hidden) : "portd has not looked for its owner yet");
    cJSON_AddStringToObject(hidden, "remedy", looked ? owner_hidden_remedy(sighting->hidden) : "ask again in a moment");
}

/* The first owner's where there is one: the socket's cgroup is where it was made, the owner's where it is served. */
static const char *cgroup_of(const struct sighting *sighting) {
    return sighting->n_owners > 0 ? sighting->owners[0]->cgroup : sighting->cgroup;
}

static void add_owners(cJSON *json, struct api *api, const struct api_caller *caller, const struct sighting *sighting) {
    const struct process_info *first = sighting->n_owners > 0 ? sighting->owners[0] : NULL;
    cJSON *owners;

    add_cgroup(json, cgroup_of(sighting), first != NULL ? first : sighting->forwarder);
    json_add_number_or_null(json, "pid", first != NULL, first != NULL ? first->id.pid : 0);
    json_add_text_or_null(json, "process", first != NULL ? first->name : NULL);
    owners = cJSON_AddArrayToObject(json, "owners");
    for (size_t i = 0; i < sighting->n_owners; i++)
        cJSON_AddItemToArray(owners, owner_to_json(api, caller, sighting->owners[i]));
    add_hidden(json, sighting);
}

/* ---- listeners ---- */

/* The kernel keeps no uid for TIME_WAIT and orphans: their 0 is nobody's, not root's. */
static bool has_uid(const struct listener *listener) {
    return listener->state != LISTENER_TIME_WAIT && listener->state != LISTENER_ORPHAN;
}

static void add_socket(cJSON *json, struct api *api, const struct listener *listener) {
    char address[LISTENER_ADDRESS_MAX];

    listener_format_address(listener, address);
    cJSON_AddStringToObject(json, "address", address);
    cJSON_AddNumberToObject(json, "port", listener->port);
    cJSON_AddStringToObject(json, "family", listener->family == AF_INET6 ? "ipv6" : "ipv4");
    cJSON_AddStringToObject(json, "state", listener_state_name(listener->state));
    cJSON_AddBoolToObject(json, "v6only", listener->v6only);
    cJSON_AddNumberToObject(json, "inode", listener->inode);
    json_add_number_or_null(json, "uid", has_uid(listener), listener->uid);
    json_add_text_or_null(json, "user", has_uid(listener) ? user_name(api, listener->uid) : NULL);
}

/* No reading has had it: it is only in a refusal's evidence. */
static void add_since(cJSON *json, const struct sighting *sighting) {
    if (sighting->since_unix_ms != 0)
        json_add_time(json, "since", sighting->since_unix_ms);
    else
        cJSON_AddNullToObject(json, "since");
    cJSON_AddBoolToObject(json, "since_start", sighting->since_start);
}

static void add_lease(cJSON *json, struct api *api, const struct sighting *sighting) {
    const struct listener *listener = &sighting->listener;
    const struct lease *lease = registry_find_port(api->registry, listener->port);
    struct evidence evidence;
    cJSON *object;

    json_add_text_or_null(json, "service_name", lease != NULL ? lease->service_name : NULL);
    json_add_number_or_null(json, "lease_id", lease != NULL, lease != NULL ? (double)lease->id : 0);
    if (lease == NULL || (listener->state != LISTENER_LISTEN && listener->state != LISTENER_BOUND)) {
        cJSON_AddNullToObject(json, "evidence");
        return;
    }
    evidence = evidence_weigh(api->registry, lease, sighting);
    object = cJSON_AddObjectToObject(json, "evidence");
    cJSON_AddStringToObject(object, "level", evidence_level_name(evidence.level));
    cJSON_AddStringToObject(object, "by", evidence_by_name(evidence.by));
    cJSON_AddStringToObject(object, "words", evidence_by_words(evidence.by));
}

cJSON *sighting_to_json(struct api *api, const struct api_caller *caller, const struct sighting *sighting) {
    uint64_t cgroup_id = sighting->listener.cgroup_id;
    cJSON *json = cJSON_CreateObject();

    add_socket(json, api, &sighting->listener);
    add_since(json, sighting);
    json_add_number_or_null(json, "cgroup_id", cgroup_id != 0, (double)cgroup_id);
    add_owners(json, api, caller, sighting);
    add_lease(json, api, sighting);
    return json;
}

cJSON *port_to_json(struct api *api, const struct api_caller *caller, const struct snapshot *snapshot, uint16_t port) {
    cJSON *array = cJSON_CreateArray();
    size_t first = 0;
    size_t n_found = snapshot_find_port(snapshot, port, &first);

    for (size_t i = 0; i < n_found; i++)
        cJSON_AddItemToArray(array, sighting_to_json(api, caller, &snapshot->items[first + i]));
    return array;
}

const struct sighting *snapshot_find_inode(const struct snapshot *snapshot, uint16_t port, uint32_t inode) {
    size_t first = 0;
    size_t n_found = snapshot_find_port(snapshot, port, &first);

    for (size_t i = 0; i < n_found; i++)
        if (snapshot->items[first + i].listener.inode == inode)
            return &snapshot->items[first + i];
    return NULL;
}

/* ---- the evidence of a refusal ---- */

static cJSON *searched_to_json(struct api *api, const struct api_caller *caller, struct sighting *sighting) {
    CLEANUP(owner_result_deinit) struct owner_result result = {0};
    struct owner_wanted wanted = {
        .inode = sighting->listener.inode, .uid = sighting->listener.uid, .cgroup_id = sighting->listener.cgroup_id};

    if (owner_walk(&wanted, 1, NULL, OWNER_FDS_MAX, &result) == 0 && result.n_answers == 1) {
        sighting->state = SIGHTING_RESOLVED;
        sighting->owners = result.answers[0].owners;
        sighting->n_owners = result.answers[0].n_owners;
        sighting->hidden = result.answers[0].hidden;
        sighting->cgroup = result.answers[0].cgroup;
    }
    return sighting_to_json(api, caller, sighting);
}

/* `shown` borrows the owners, of the snapshot or of the search. */
static cJSON *listener_to_json(struct api *api, const struct api_caller *caller, const struct snapshot *snapshot,
                               const struct listener *listener, bool may_search) {
    const struct sighting *known =
        listener->inode != 0 ? snapshot_find_inode(snapshot, listener->port, listener->inode) : NULL;
    struct sighting shown = {0};

    if (known != NULL)
        shown = *known;
    shown.listener = *listener;
    if (may_search && listener->inode != 0 && shown.state == SIGHTING_UNRESOLVED)
        return searched_to_json(api, caller, &shown);
    return sighting_to_json(api, caller, &shown);
}

cJSON *listeners_to_json(struct api *api, const struct api_caller *caller, const struct listener_list *listeners) {
    const struct snapshot *snapshot = api_read(api);
    cJSON *array = cJSON_CreateArray();
    size_t n_shown = listeners->n_items < LISTENERS_MAX ? listeners->n_items : LISTENERS_MAX;

    for (size_t i = 0; i < n_shown; i++)
        cJSON_AddItemToArray(array, listener_to_json(api, caller, snapshot, &listeners->items[i], i < OWNERS_SEARCHED));
    return array;
}

/* ---- words ---- */

static void owner_to_words(const cJSON *listener, char *ret_words, size_t size) {
    const char *process = "";
    const char *user = NULL;
    uint64_t uid = 0;
    uint64_t pid = 0;
    char who[LEASE_WHO_MAX];

    if (json_get_string(listener, "user", &user))
        snprintf(who, sizeof who, "user %s", user);
    else if (json_get_number(listener, "uid", 0, UINT32_MAX, &uid))
        snprintf(who, sizeof who, "uid %" PRIu64, uid);
    else
        snprintf(who, sizeof who, "nobody");
    if (json_get_number(listener, "pid", 1, INT32_MAX, &pid) && json_get_string(listener, "process", &process))
        snprintf(ret_words, size, "%s (pid %" PRIu64 ", %s)", process, pid, who);
    else
        snprintf(ret_words, size, "a process of %s that portd may not look into", who);
}

void listeners_to_words(const cJSON *listeners, char *ret_words) {
    const cJSON *first = cJSON_GetArrayItem(listeners, 0);
    const char *address = "";
    const char *state = "";
    uint64_t port = 0;
    char who[160];
    char where[LISTENER_ADDRESS_MAX + 16];

    snprintf(ret_words, EVIDENCE_WORDS_MAX, "it cannot be bound, and the kernel does not tell why");
    if (!json_get_string(first, "address", &address) || !json_get_string(first, "state", &state) ||
        !json_get_number(first, "port", 1, 65535, &port))
        return;
    owner_to_words(first, who, sizeof who);
    snprintf(where, sizeof where, strchr(address, ':') != NULL ? "[%s]:%u" : "%s:%u", address, (unsigned)port);
    if (strcmp(state, listener_state_name(LISTENER_LISTEN)) == 0)
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "%s listens on %s", who, where);
    else if (strcmp(state, listener_state_name(LISTENER_BOUND)) == 0)
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "%s has bound %s, and does not listen", who, where);
    else if (strcmp(state, listener_state_name(LISTENER_CONNECTED)) == 0)
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "%s has a connection from %s", who, where);
    else if (strcmp(state, listener_state_name(LISTENER_TIME_WAIT)) == 0)
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "a closed connection of %s is in TIME_WAIT, for up to a minute", where);
    else
        snprintf(ret_words, EVIDENCE_WORDS_MAX, "a connection of %s that no process has open is still closing", where);
}

/* Why there is no name to give, as the end of "a process of root that portd ...". */
static const char *hidden_words(const struct sighting *sighting) {
    if (sighting->state == SIGHTING_UNRESOLVED)
        return "is still looking for";
    if (sighting->hidden == OWNER_ELSEWHERE || sighting->hidden == OWNER_TOO_MANY)
        return "has not found";
    return "may not look into";
}

/* What is known of a hidden owner: " (docker.service)", " (docker container 0123456789ab)", or "". */
static void place_to_words(const struct sighting *sighting, char *ret_words, size_t size) {
    struct cgroup_names names = {0};

    cgroup_parse(cgroup_of(sighting), &names);
    ret_words[0] = '\0';
    if (names.runtime[0] != '\0')
        snprintf(ret_words, size, " (%s container %.*s)", names.runtime, CONTAINER_SHOWN, names.container);
    else if (names.unit[0] != '\0')
        snprintf(ret_words, size, " (%s)", names.unit);
}

void sighting_to_words(struct api *api, const struct sighting *sighting, unsigned how, char *ret_words) {
    const struct process_info *first = sighting->n_owners > 0 ? sighting->owners[0] : NULL;
    char user[LEASE_WHO_MAX];
    char place[CGROUP_UNIT_MAX + 8];

    user_to_words(api, sighting->listener.uid, user);
    if (first != NULL && (how & SIGHTING_WITH_USER) != 0) {
        snprintf(ret_words, SIGHTING_WORDS_MAX, "%s (pid %d, %s)", first->name, (int)first->id.pid, user);
    } else if (first != NULL) {
        snprintf(ret_words, SIGHTING_WORDS_MAX, "%s (pid %d)", first->name, (int)first->id.pid);
    } else {
        place_to_words(sighting, place, sizeof place);
        snprintf(ret_words, SIGHTING_WORDS_MAX, "%c process of %s that portd %s%s",
                 (how & SIGHTING_AT_START) != 0 ? 'A' : 'a', user, hidden_words(sighting), place);
    }
}
