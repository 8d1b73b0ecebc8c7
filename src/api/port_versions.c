/*
 * The changes are kept in one array, in the order of their versions; of a port's only the last one counts, and those before it are passed over until the array
 * is full and they are taken out. So it never has more than twice as many entries as there are ports, and where a reader stands in it is found by its version.
 */
#include "src/api/port_versions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "src/api/port_view.h"

#define N_PORTS       65536
#define BITS_PER_WORD 64
#define CAPACITY_MIN  1024

struct port_state {
    uint64_t digest; /* 0: nothing is shown */
    uint64_t version;
};

/* Most of it is never touched, so it costs no memory. */
struct port_memory {
    struct port_state ports[N_PORTS];
    uint64_t shown[N_PORTS / BITS_PER_WORD]; /* a bit for each whose digest is not 0 */
    struct port_digest_pass pass;
};

void port_versions_deinit(struct port_versions *versions) {
    free(versions->memory);
    free(versions->changes);
    *versions = (struct port_versions){0};
}

static bool has_memory(struct port_versions *versions) {
    struct port_memory *memory = versions->memory;

    if (memory != NULL)
        return true;
    memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return false;
    /* Without it somebody could make changes that are not seen, of what is his own anyway. */
    if (getrandom(&memory->pass.seed, sizeof memory->pass.seed, GRND_NONBLOCK) < 0)
        memory->pass.seed = (uintptr_t)memory;
    versions->memory = memory;
    return true;
}

static uint64_t cpu_ns(void) {
    struct timespec now = {0};

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* ---- the changes ---- */

static bool is_last(const struct port_versions *versions, const struct port_change *change) {
    return versions->memory->ports[change->port].version == change->version;
}

static void take_out_stale(struct port_versions *versions) {
    size_t n_left = 0;

    for (size_t i = 0; i < versions->n_changes; i++)
        if (is_last(versions, &versions->changes[i]))
            versions->changes[n_left++] = versions->changes[i];
    versions->n_changes = n_left;
}

/* Grows only where at least half of what is there counts, so that taking out is never done for a few. */
static bool make_room(struct port_versions *versions) {
    size_t capacity;
    struct port_change *changes;

    if (versions->n_changes < versions->capacity)
        return true;
    take_out_stale(versions);
    if (versions->capacity > 0 && versions->n_changes <= versions->capacity / 2)
        return true;
    capacity = versions->capacity > 0 ? versions->capacity * 2 : CAPACITY_MIN;
    changes = reallocarray(versions->changes, capacity, sizeof *changes);
    if (changes == NULL)
        return versions->n_changes < versions->capacity;
    versions->changes = changes;
    versions->capacity = capacity;
    return true;
}

/* Returns false if memory is short; then it has not changed yet. */
static bool note_change(struct port_versions *versions, uint16_t port, uint64_t digest) {
    struct port_memory *memory = versions->memory;
    uint64_t bit = UINT64_C(1) << port % BITS_PER_WORD;

    if (!make_room(versions))
        return false;
    memory->ports[port] = (struct port_state){.digest = digest, .version = ++versions->newest};
    versions->changes[versions->n_changes++] = (struct port_change){.version = versions->newest, .port = port};
    if (digest != 0)
        memory->shown[port / BITS_PER_WORD] |= bit;
    else
        memory->shown[port / BITS_PER_WORD] &= ~bit;
    return true;
}

/* The index of the first change with a higher version. */
static size_t find_after(const struct port_versions *versions, uint64_t version) {
    size_t low = 0;
    size_t high = versions->n_changes;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (versions->changes[middle].version <= version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- comparing ---- */

static void begin_pass(struct api *api) {
    struct port_digest_pass *pass = &api->versions.memory->pass;

    *pass = (struct port_digest_pass){.now = clock_read(&api->clock), .seed = pass->seed};
}

/* Returns false if memory is short. */
static bool compare(struct api *api, const struct port_view *view) {
    struct port_versions *versions = &api->versions;
    struct port_memory *memory = versions->memory;
    uint64_t digest = port_view_digest(api, view, &memory->pass);

    return digest == memory->ports[view->port].digest || note_change(versions, view->port, digest);
}

static void mark(uint64_t *ports, uint16_t port) {
    ports[port / BITS_PER_WORD] |= UINT64_C(1) << port % BITS_PER_WORD;
}

/* Marks every port of which something is or was shown. */
static void mark_all(const struct api *api, const struct snapshot *snapshot, uint64_t *ports) {
    size_t n_leases;
    struct lease *const *leases = registry_leases(api->registry, &n_leases);

    memcpy(ports, api->versions.memory->shown, sizeof api->versions.memory->shown);
    for (size_t i = 0; i < n_leases; i++)
        mark(ports, leases[i]->port);
    for (size_t i = 0; i < snapshot->n_items; i++)
        mark(ports, snapshot->items[i].listener.port);
    for (size_t i = 0; i < api->findings->n_items; i++)
        mark(ports, api->findings->items[i].port);
}

static bool compare_all(struct api *api, const struct snapshot *snapshot) {
    uint64_t ports[N_PORTS / BITS_PER_WORD];
    bool found_room = true;

    mark_all(api, snapshot, ports);
    for (size_t i = 0; i < N_PORTS / BITS_PER_WORD; i++) {
        for (uint64_t rest = ports[i]; rest != 0; rest &= rest - 1) {
            struct port_view view = port_view_find(api, (uint16_t)(i * BITS_PER_WORD + (size_t)__builtin_ctzll(rest)));

            found_room = compare(api, &view) && found_room;
        }
    }
    return found_room;
}

/* What is raised with nearly every change. */
static struct port_marks find_marks(const struct api *api) {
    return (struct port_marks){
        .snapshot = api_last_reading(api)->revision,
        .registry = registry_revision(api->registry),
        .findings = api->findings->revision,
        .ignores = ignores_revision(api->ignores),
        .event = journal_last_id(api->journal),
    };
}

static void note_marks(struct api *api) {
    api->versions.marks = find_marks(api);
}

/* True if they are what they were at the last comparison. */
static bool has_marks(const struct api *api) {
    const struct port_marks *old = &api->versions.marks;
    struct port_marks now = find_marks(api);

    return now.snapshot == old->snapshot && now.registry == old->registry && now.findings == old->findings &&
           now.ignores == old->ignores && now.event == old->event;
}

int port_versions_compare(struct api *api) {
    struct port_versions *versions = &api->versions;
    uint64_t begin_ns = cpu_ns();
    bool found_room;

    if (!has_memory(versions))
        return -ENOMEM;
    begin_pass(api);
    note_marks(api);
    found_room = compare_all(api, api_last_reading(api));
    versions->is_stale = !found_room;
    versions->compared_ms = clock_read(&api->clock).monotonic_ms;
    versions->owed_ns = cpu_ns() - begin_ns;
    return found_room ? 0 : -ENOMEM;
}

uint64_t port_versions_refresh(struct api *api) {
    struct port_versions *versions = &api->versions;
    uint64_t pause_ms = port_versions_pause_ms(versions->owed_ns);
    uint64_t due_ms;

    if (!versions->is_stale && versions->memory != NULL)
        return UINT64_MAX;
    if (pause_ms < PORT_VERSIONS_IDLE_MS && has_marks(api))
        pause_ms = PORT_VERSIONS_IDLE_MS;
    due_ms = versions->compared_ms + pause_ms;
    if (versions->memory != NULL && clock_read(&api->clock).monotonic_ms < due_ms)
        return due_ms;
    if (port_versions_compare(api) == 0)
        return UINT64_MAX;
    return clock_read(&api->clock).monotonic_ms + PORT_VERSIONS_PAUSE_MAX_MS;
}

uint16_t port_versions_next(struct api *api, uint64_t after, uint64_t *ret_version) {
    struct port_versions *versions = &api->versions;

    if (versions->memory == NULL || versions->newest <= after)
        return 0;
    begin_pass(api);
    /* A port that has changed since goes behind all others, and its entry here no longer counts. That can take out entries, so each step looks anew. */
    for (size_t i = find_after(versions, after); i < versions->n_changes; i = find_after(versions, after)) {
        struct port_change change = versions->changes[i];

        if (is_last(versions, &change)) {
            struct port_view view = port_view_find(api, change.port);

            compare(api, &view);
        }
        if (is_last(versions, &change)) {
            *ret_version = change.version;
            return change.port;
        }
        after = change.version;
    }
    return 0;
}
