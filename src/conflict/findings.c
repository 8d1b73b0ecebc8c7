/*
 * Findings are made anew from every snapshot, port by port, and then laid over those of before: one that is about the same lease and a socket
 * that the other was about is the same finding, and keeps its begin.
 */
#include "src/conflict/findings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/lease/parties.h"

/* So long a finding is not told while its owners are still being looked for. */
#define PATIENCE_MS 1500

struct making {
    const struct snapshot *snapshot;
    struct registry *registry;
    const struct port_rules *rules;
    struct finding *items;
    size_t n_items;
    size_t capacity;
    int64_t now_unix_ms;
};

void findings_deinit(struct findings *findings) {
    free(findings->items);
    *findings = (struct findings){0};
}

bool finding_is_conflict(enum finding_kind kind) {
    return kind == FINDING_TAKEN || kind == FINDING_SPLIT || kind == FINDING_SHARED;
}

const char *finding_kind_name(enum finding_kind kind) {
    static const char *const names[N_FINDING_KINDS] = {
        [FINDING_UNLEASED] = "unleased", [FINDING_TAKEN] = "taken",       [FINDING_SPLIT] = "split",
        [FINDING_SHARED] = "shared",     [FINDING_INACTIVE] = "inactive",
    };
    return names[kind];
}

const struct sighting *finding_sighting(const struct finding *finding, size_t index, const struct snapshot *snapshot) {
    size_t first = 0;
    size_t n = snapshot_find_port(snapshot, finding->port, &first);

    for (size_t i = first; i < first + n; i++)
        if (snapshot->items[i].listener.inode == finding->inodes[index])
            return &snapshot->items[i];
    return NULL;
}

/* ---- making ---- */

static int add(struct making *making, const struct finding *finding) {
    if (making->n_items == making->capacity) {
        size_t capacity = making->capacity == 0 ? 16 : making->capacity * 2;
        struct finding *items = reallocarray(making->items, capacity, sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        making->items = items;
        making->capacity = capacity;
    }
    making->items[making->n_items++] = *finding;
    return 0;
}

static struct finding begin(const struct making *making, enum finding_kind kind, const struct lease *lease,
                            const struct sighting *squatter) {
    struct finding finding = {
        .kind = kind,
        .port = squatter->listener.port,
        .lease_id = lease != NULL ? lease->id : 0,
        .since_unix_ms = squatter->since_start ? squatter->since_unix_ms : making->now_unix_ms,
        .since_start = squatter->since_start,
        .inodes = {squatter->listener.inode},
        .n_inodes = 1,
        .uid = squatter->listener.uid,
    };

    if (squatter->n_owners > 0) {
        finding.pid = squatter->owners[0]->id.pid;
        snprintf(finding.process, sizeof finding.process, "%s", squatter->owners[0]->name);
    }
    return finding;
}

static void add_socket(struct finding *finding, const struct sighting *sighting) {
    for (size_t i = 0; i < finding->n_inodes; i++)
        if (finding->inodes[i] == sighting->listener.inode)
            return;
    if (finding->n_inodes < FINDING_SOCKETS_MAX)
        finding->inodes[finding->n_inodes++] = sighting->listener.inode;
}

/* portd's own socket, or one that will turn out to be. */
static bool is_portds(const struct making *making, const struct sighting *sighting) {
    for (size_t i = 0; i < sighting->n_owners; i++)
        if (sighting->owners[i]->id.pid == getpid())
            return true;
    return sighting->state == SIGHTING_UNRESOLVED && sighting->listener.port == making->rules->api_port;
}

/* A socket that is seen in one reading only may be a server's between bind() and listen(). */
static bool is_inactive(const struct sighting *sighting) {
    return sighting->listener.state == LISTENER_BOUND && sighting->n_seen > 1;
}

static bool is_managed(const struct making *making, uint16_t port) {
    return port >= making->rules->min && port <= making->rules->max;
}

/* All that have bound the port and do not listen are one finding, too: anybody can bind it ten thousand times. `lease` NULL: none. */
static int find_inactive(struct making *making, const struct lease *lease, const struct sighting *sightings, size_t n) {
    struct finding finding = {0};

    for (size_t i = 0; i < n; i++) {
        if (!is_inactive(&sightings[i]) || is_portds(making, &sightings[i]) ||
            (lease != NULL && evidence_weigh(making->registry, lease, &sightings[i]).level != EVIDENCE_FOREIGN))
            continue;
        if (finding.n_inodes == 0)
            finding = begin(making, FINDING_INACTIVE, lease, &sightings[i]);
        add_socket(&finding, &sightings[i]);
    }
    return finding.n_inodes > 0 ? add(making, &finding) : 0;
}

/* All listeners on a port without a lease are one finding: what is wrong is the same, and one lease mends it. */
static int find_unleased(struct making *making, const struct sighting *sightings, size_t n) {
    struct finding finding = {0};

    for (size_t i = 0; i < n; i++) {
        if (is_portds(making, &sightings[i]) || sightings[i].listener.state != LISTENER_LISTEN)
            continue;
        if (finding.n_inodes == 0)
            finding = begin(making, FINDING_UNLEASED, NULL, &sightings[i]);
        add_socket(&finding, &sightings[i]);
    }
    return finding.n_inodes > 0 ? add(making, &finding) : find_inactive(making, NULL, sightings, n);
}

/* A party on a leased port that is not the lease's, and shares it with the lease's own. */
static int find_trouble(struct making *making, const struct lease *lease, const struct sighting *sightings, size_t n,
                        bool *ret_found) {
    size_t own = 0;
    size_t other = 0;
    enum parties_trouble trouble = parties_find_trouble(making->registry, lease, sightings, n, &own, &other);
    struct finding finding;

    *ret_found = trouble != PARTIES_FINE;
    if (trouble == PARTIES_FINE)
        return 0;
    finding = begin(making, trouble == PARTIES_SPLIT ? FINDING_SPLIT : FINDING_SHARED, lease, &sightings[other]);
    add_socket(&finding, &sightings[own]);
    for (size_t i = 0; i < n; i++)
        if (sightings[i].listener.state == LISTENER_LISTEN)
            add_socket(&finding, &sightings[i]);
    return add(making, &finding);
}

static int find_taken(struct making *making, const struct lease *lease, const struct sighting *sightings, size_t n) {
    struct finding finding = {0};

    for (size_t i = 0; i < n; i++) {
        if (sightings[i].listener.state != LISTENER_LISTEN || is_portds(making, &sightings[i]) ||
            evidence_weigh(making->registry, lease, &sightings[i]).level != EVIDENCE_FOREIGN)
            continue;
        if (finding.n_inodes == 0)
            finding = begin(making, FINDING_TAKEN, lease, &sightings[i]);
        add_socket(&finding, &sightings[i]);
    }
    return finding.n_inodes > 0 ? add(making, &finding) : 0;
}

static int find_leased(struct making *making, const struct lease *lease, const struct sighting *sightings, size_t n) {
    bool found = false;
    int r = n > 1 ? find_trouble(making, lease, sightings, n, &found) : 0;

    if (r == 0 && !found)
        r = find_taken(making, lease, sightings, n);
    return r == 0 ? find_inactive(making, lease, sightings, n) : r;
}

static int make_all(struct making *making) {
    const struct snapshot *snapshot = making->snapshot;
    int r = 0;

    for (size_t i = 0; r == 0 && i < snapshot->n_items;) {
        const struct sighting *sightings = &snapshot->items[i];
        uint16_t port = sightings[0].listener.port;
        const struct lease *lease = registry_find_port(making->registry, port);
        size_t n = 1;

        while (i + n < snapshot->n_items && sightings[n].listener.port == port)
            n++;
        if (lease != NULL)
            r = find_leased(making, lease, sightings, n);
        else if (is_managed(making, port))
            r = find_unleased(making, sightings, n);
        i += n;
    }
    return r;
}

/* ---- laying over, and telling ---- */

static bool is_same(const struct finding *a, const struct finding *b) {
    if (a->kind != b->kind || a->port != b->port || a->lease_id != b->lease_id)
        return false;
    for (size_t i = 0; i < a->n_inodes; i++)
        for (size_t j = 0; j < b->n_inodes; j++)
            if (a->inodes[i] == b->inodes[j])
                return true;
    return false;
}

const struct finding *findings_of_port(const struct findings *findings, uint16_t port, size_t *ret_n_found) {
    size_t low = 0;
    size_t high = findings->n_items;
    size_t n_found = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (findings->items[middle].port < port)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n_found < findings->n_items && findings->items[low + n_found].port == port)
        n_found++;
    *ret_n_found = n_found;
    return n_found > 0 ? &findings->items[low] : NULL;
}

static const struct finding *find_same(const struct findings *findings, const struct finding *wanted) {
    size_t n_found;
    const struct finding *found = findings_of_port(findings, wanted->port, &n_found);

    for (size_t i = 0; i < n_found; i++)
        if (is_same(&found[i], wanted))
            return &found[i];
    return NULL;
}

static void describe(const struct finding *finding, bool appeared, const struct lease *lease, char *ret_words,
                     size_t size) {
    static const char *const verbs[N_FINDING_KINDS][2] = {
        [FINDING_UNLEASED] = {"no longer listens without a lease", "listens without a lease"},
        [FINDING_TAKEN] = {"no longer listens on the port that is leased to", "listens on a port that is leased to"},
        [FINDING_SPLIT] = {"no longer has the other address family of the port that is leased to",
                           "has the other address family of the port that is leased to"},
        [FINDING_SHARED] = {"no longer shares the port that is leased to", "shares the port that is leased to"},
        [FINDING_INACTIVE] = {"no longer has the port bound without listening",
                              "has bound the port and does not listen"},
    };
    const char *verb = verbs[finding->kind][appeared ? 1 : 0];
    char who[64];

    if (finding->pid != 0)
        snprintf(who, sizeof who, "%s (pid %d)", finding->process, (int)finding->pid);
    else
        snprintf(who, sizeof who, "a process of uid %u", (unsigned)finding->uid);
    if (finding_is_conflict(finding->kind) && lease == NULL)
        snprintf(ret_words, size, "the lease that %s hurt has ended", who);
    else if (finding_is_conflict(finding->kind))
        snprintf(ret_words, size, "%s %s %s", who, verb, lease->service_name);
    else
        snprintf(ret_words, size, "%s %s", who, verb);
}

static void tell_one(const struct finding *finding, bool appeared, enum event_kind kind, const struct lease *lease,
                     const struct sighting *sighting, const struct event_sink *sink) {
    char words[256];
    char address[LISTENER_ADDRESS_MAX];

    describe(finding, appeared, lease, words, sizeof words);
    if (sighting != NULL)
        listener_format_address(&sighting->listener, address);
    event_tell(sink, &(struct event_fact){
                         .kind = kind,
                         .port = finding->port,
                         .service_name = lease != NULL ? lease->service_name : NULL,
                         .lease_id = finding->lease_id,
                         .has_uid = true,
                         .uid = finding->uid,
                         .pid = finding->pid,
                         .process = finding->pid != 0 ? finding->process : NULL,
                         .address = sighting != NULL ? address : NULL,
                         .inode = finding->inodes[0],
                         .finding = finding_kind_name(finding->kind),
                         .reason = words,
                     });
}

static void tell(const struct making *making, const struct finding *finding, bool appeared,
                 const struct event_sink *sink) {
    const struct lease *lease = finding->lease_id != 0 ? registry_find_id(making->registry, finding->lease_id) : NULL;
    const struct sighting *sighting = finding_sighting(finding, 0, making->snapshot);

    if (finding->kind != FINDING_SPLIT && finding->kind != FINDING_SHARED)
        tell_one(finding, appeared, appeared ? EVENT_SQUATTER_APPEARED : EVENT_SQUATTER_LEFT, lease, sighting, sink);
    if (finding_is_conflict(finding->kind))
        tell_one(finding, appeared, appeared ? EVENT_CONFLICT_APPEARED : EVENT_CONFLICT_LEFT, lease, sighting, sink);
}

static bool is_settled(const struct making *making, const struct finding *finding) {
    for (size_t i = 0; i < finding->n_inodes; i++) {
        const struct sighting *sighting = finding_sighting(finding, i, making->snapshot);

        if (sighting != NULL && sighting->state == SIGHTING_UNRESOLVED)
            return making->now_unix_ms - finding->since_unix_ms >= PATIENCE_MS;
    }
    return true;
}

/* Takes over from before what is the same. Returns true if anything is not. An incomplete snapshot keeps what it had, so nothing ends by it. */
static bool lay_over(struct making *making, const struct findings *before) {
    bool changed = making->n_items != before->n_items;

    for (size_t i = 0; i < making->n_items; i++) {
        const struct finding *same = find_same(before, &making->items[i]);

        if (same == NULL || making->items[i].pid != same->pid || making->items[i].n_inodes != same->n_inodes)
            changed = true;
        if (same == NULL)
            continue;
        making->items[i].since_unix_ms = same->since_unix_ms;
        making->items[i].since_start = same->since_start;
        making->items[i].told = same->told;
    }
    return changed;
}

/* Returns true if all have been told. */
static bool tell_all(struct making *making, const struct findings *before, const struct event_sink *sink) {
    const struct findings now = {.items = making->items, .n_items = making->n_items};
    bool all_told = true;

    for (size_t i = 0; i < before->n_items; i++)
        if (before->items[i].told && find_same(&now, &before->items[i]) == NULL)
            tell(making, &before->items[i], false, sink);
    for (size_t i = 0; i < making->n_items; i++) {
        if (!making->items[i].told && is_settled(making, &making->items[i])) {
            making->items[i].told = true;
            tell(making, &making->items[i], true, sink);
        }
        all_told = all_told && making->items[i].told;
    }
    return all_told;
}

int findings_update(struct findings *findings, const struct snapshot *snapshot, struct registry *registry,
                    const struct port_rules *rules, struct clock_reading now, const struct event_sink *sink) {
    struct making making = {
        .snapshot = snapshot,
        .registry = registry,
        .rules = rules,
        .now_unix_ms = now.unix_ms,
    };
    uint64_t revision = registry_revision(registry);
    int r;

    if (findings->settled && findings->seen_snapshot == snapshot->revision && findings->seen_registry == revision)
        return 0;
    r = make_all(&making);
    if (r < 0) {
        free(making.items);
        return r;
    }
    findings->revision += lay_over(&making, findings);
    findings->settled = tell_all(&making, findings, sink);
    findings->seen_snapshot = snapshot->revision;
    findings->seen_registry = revision;
    free(findings->items);
    findings->items = making.items;
    findings->n_items = making.n_items;
    return 0;
}
