/* Findings as JSON, and as a sentence for a person in a hurry. */
#include "src/api/finding_json.h"

#include <stdio.h>
#include <string.h>

#include "src/api/answer.h"
#include "src/api/lease_json.h"
#include "src/api/listener_json.h"
#include "src/base/json.h"

/* Whom the finding is about, as the sentence calls them. */
struct parties {
    const struct sighting *squatter; /* NULL: its socket has closed since */
    const struct sighting *other;    /* the other party of split and shared; NULL: closed, or there is none */
};

static struct lease *lease_of(const struct api *api, const struct finding *finding) {
    return finding->lease_id != 0 ? registry_find_id(api->registry, finding->lease_id) : NULL;
}

/* The squatter's own sockets come first, so the other party of a split is the first of the other family. */
static struct parties find_parties(const struct finding *finding, const struct snapshot *snapshot) {
    struct parties parties = {0};

    for (size_t i = 0; i < finding->n_inodes; i++) {
        const struct sighting *sighting = finding_sighting(finding, i, snapshot);

        if (sighting == NULL)
            continue;
        if (parties.squatter == NULL)
            parties.squatter = sighting;
        else if (parties.other == NULL &&
                 (finding->kind != FINDING_SPLIT || sighting->listener.family != parties.squatter->listener.family))
            parties.other = sighting;
    }
    return parties;
}

/* A squatter whose socket has closed is named as it was when it was seen. */
static void squatter_to_words(struct api *api, const struct finding *finding, const struct parties *parties,
                              unsigned how, char *ret_words) {
    char user[LEASE_WHO_MAX];

    if (parties->squatter != NULL) {
        sighting_to_words(api, parties->squatter, how, ret_words);
        return;
    }
    user_to_words(api, finding->uid, user);
    if (finding->pid != 0)
        snprintf(ret_words, SIGHTING_WORDS_MAX, "%s (pid %d)", finding->process, (int)finding->pid);
    else
        snprintf(ret_words, SIGHTING_WORDS_MAX, "%c process of %s", (how & SIGHTING_AT_START) != 0 ? 'A' : 'a', user);
}

static const char *family_name(const struct sighting *sighting) {
    return sighting->listener.family == AF_INET6 ? "IPv6" : "IPv4";
}

/* "127.0.0.1:8001", "[::]:8001" */
static void address_to_words(const struct listener *listener, char *ret_words, size_t size) {
    char address[LISTENER_ADDRESS_MAX];

    listener_format_address(listener, address);
    snprintf(ret_words, size, strchr(address, ':') != NULL ? "[%s]:%u" : "%s:%u", address, listener->port);
}

/* Split and shared, both parties there. */
static void parties_to_verdict(struct api *api, const struct finding *finding, const struct parties *parties,
                               const char *lease, char *ret_verdict) {
    char squatter[SIGHTING_WORDS_MAX];
    char other[SIGHTING_WORDS_MAX];
    char address[LISTENER_ADDRESS_MAX + 16];

    sighting_to_words(api, parties->squatter, 0, squatter);
    sighting_to_words(api, parties->other, 0, other);
    if (finding->kind == FINDING_SPLIT) {
        snprintf(
            ret_verdict, VERDICT_MAX,
            "Port %u is split: it is leased to %s, but %s has it for %s and %s for %s, so that localhost reaches one "
            "or the other.",
            finding->port, lease, squatter, family_name(parties->squatter), other, family_name(parties->other));
        return;
    }
    address_to_words(&parties->squatter->listener, address, sizeof address);
    snprintf(
        ret_verdict, VERDICT_MAX,
        "Port %u is shared: it is leased to %s, but %s and %s both listen on %s, so that connections go to either.",
        finding->port, lease, squatter, other, address);
}

void finding_to_verdict(struct api *api, const struct finding *finding, const struct snapshot *snapshot,
                        char *ret_verdict) {
    const struct lease *lease = lease_of(api, finding);
    struct parties parties = find_parties(finding, snapshot);
    bool inactive = finding->kind == FINDING_INACTIVE;
    char who[SIGHTING_WORDS_MAX];
    char leased_to[LEASE_WORDS_MAX];

    if (lease == NULL) {
        squatter_to_words(api, finding, &parties, SIGHTING_WITH_USER | SIGHTING_AT_START, who);
        snprintf(ret_verdict, VERDICT_MAX,
                 inactive ? "%s has bound port %u without a lease, and does not listen on it."
                          : "%s listens on port %u without a lease.",
                 who, finding->port);
        return;
    }
    lease_to_words(api, lease, leased_to);
    if ((finding->kind == FINDING_SPLIT || finding->kind == FINDING_SHARED) && parties.other != NULL) {
        parties_to_verdict(api, finding, &parties, leased_to, ret_verdict);
        return;
    }
    squatter_to_words(api, finding, &parties,
                      parties.squatter != NULL && parties.squatter->listener.uid != lease->uid ? SIGHTING_WITH_USER : 0,
                      who);
    snprintf(ret_verdict, VERDICT_MAX,
             inactive ? "Port %u is leased to %s, but %s has bound it, and does not listen on it."
                      : "Port %u is squatted: it is leased to %s, but %s listens on it.",
             finding->port, leased_to, who);
}

cJSON *finding_to_json(struct api *api, const struct api_caller *caller, const struct finding *finding,
                       const struct snapshot *snapshot) {
    const struct lease *lease = lease_of(api, finding);
    cJSON *json = cJSON_CreateObject();
    cJSON *listeners;
    char verdict[VERDICT_MAX];

    finding_to_verdict(api, finding, snapshot, verdict);
    cJSON_AddStringToObject(json, "kind", finding_kind_name(finding->kind));
    cJSON_AddNumberToObject(json, "port", finding->port);
    json_add_time(json, "since", finding->since_unix_ms);
    cJSON_AddBoolToObject(json, "since_start", finding->since_start);
    cJSON_AddBoolToObject(json, "ignored", caller->known && ignores_is_ignored(api->ignores, caller->uid, finding));
    json_add_text(json, "verdict", verdict);
    if (lease != NULL)
        cJSON_AddItemToObject(json, "lease", lease_to_json(api, lease, caller));
    else
        cJSON_AddNullToObject(json, "lease");
    listeners = cJSON_AddArrayToObject(json, "listeners");
    for (size_t i = 0; i < finding->n_inodes; i++) {
        const struct sighting *sighting = finding_sighting(finding, i, snapshot);

        if (sighting != NULL)
            cJSON_AddItemToArray(listeners, sighting_to_json(api, caller, sighting));
    }
    return json;
}
