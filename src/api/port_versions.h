/*
 * Which ports have changed, and in what order: each of the 65,536 has the digest of all that is shown of it (port_view.h), and the version at which that was
 * last another one. Versions grow by one with each change of a port, and begin anew with each run of portd.
 *
 *     reading, call ──> "something may have changed" ──> comparison of all ports ──> versions ──> streams go on from theirs
 *
 * What has changed is found by comparing, not by marks that whoever changes something would have to set. It is looked for only when somebody asks, so
 * without readers it costs nothing; with them it is done at most every PORT_VERSIONS_PAUSE_MS (every second, if no mark says that there is anything to be
 * found), and takes a twentieth of a core at most.
 */
#ifndef SRC_API_PORT_VERSIONS_H
#define SRC_API_PORT_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api;
struct port_memory;

/* The change that gave a port this version. */
struct port_change {
    uint64_t version;
    uint16_t port;
};

/* What is raised with nearly every change. Where none of it was, the comparison has time. */
struct port_marks {
    uint64_t snapshot;
    uint64_t registry;
    uint64_t findings;
    uint64_t ignores;
    uint64_t event;
};

/* All zero: nobody has asked yet. */
struct port_versions {
    struct port_memory *memory;  /* owned; NULL until somebody asks */
    struct port_change *changes; /* owned; by version. Of a port only the last one counts */
    size_t n_changes;
    size_t capacity;
    uint64_t newest;         /* the version of the last change; 0: none */
    bool is_stale;           /* something may have changed since the last comparison */
    uint64_t compared_ms;    /* when that was (monotonic) */
    struct port_marks marks; /* as they were then */
    uint64_t owed_ns;        /* what it has cost, in CPU time, and what was made of it */
};

void port_versions_deinit(struct port_versions *versions);

/* Something may have changed. Whoever drives the API says so after every reading, call and turn. */
static inline void port_versions_note(struct port_versions *versions) {
    versions->is_stale = true;
}

/* Compares all ports, now. Returns 0, or -ENOMEM: then some changes are found only by the next comparison. */
int port_versions_compare(struct api *api);

/* The same if something may have changed, and not before its time. Returns UINT64_MAX if all is up to date, else when to come again (monotonic ms). */
uint64_t port_versions_refresh(struct api *api);

/* The pause behind a comparison that, with all that was made of it, took so much CPU time. */
#define PORT_VERSIONS_PAUSE_MS     UINT64_C(100)
#define PORT_VERSIONS_PAUSE_MAX_MS UINT64_C(5000)
#define PORT_VERSIONS_TIMES        20
#define PORT_VERSIONS_IDLE_MS      UINT64_C(1000) /* and if nothing is known to have changed */
static inline uint64_t port_versions_pause_ms(uint64_t cost_ns) {
    uint64_t pause_ms = cost_ns / 1000000 * PORT_VERSIONS_TIMES;

    if (pause_ms < PORT_VERSIONS_PAUSE_MS)
        return PORT_VERSIONS_PAUSE_MS;
    return pause_ms < PORT_VERSIONS_PAUSE_MAX_MS ? pause_ms : PORT_VERSIONS_PAUSE_MAX_MS;
}

/* Something was made of the changes, which is paid for out of the same share. */
static inline void port_versions_charge(struct port_versions *versions, uint64_t cost_ns) {
    versions->owed_ns += cost_ns;
}

/*
 * The port whose last change came first after the version `after`, and the version of that. It is compared once more, so what is shown of it until the loop
 * goes on is what that version is about. Returns 0 if none has changed.
 */
uint16_t port_versions_next(struct api *api, uint64_t after, uint64_t *ret_version);

#endif
