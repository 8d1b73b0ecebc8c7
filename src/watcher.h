/*
 * The background probe on the loop: when it is due and what its descriptor says, and the way of what it sees through the daemon:
 *
 *     watch (probe/) ──> registry: whose is it? ──> openings, findings ──> events ──> those who wait for an answer
 */
#ifndef SRC_WATCHER_H
#define SRC_WATCHER_H

#include <systemd/sd-event.h>

#include "probe/watch.h"
#include "src/conflict/findings.h"

struct watcher;

/* All borrowed, and must outlive the watcher. */
struct watcher_config {
    sd_event *event;
    struct watch *watch;
    struct registry *registry;
    const struct port_rules *rules;
    struct findings *findings;
    struct clock clock;
    struct event_sink sink;         /* is told of listeners, squatters and conflicts */
    void (*changed)(void *context); /* something may have changed for those who wait */
    void *context;
};

/* The watch as the registry's source of snapshots. */
struct snapshot_source watcher_source(struct watch *watch);

/* Starts: the first reading is due at once. Returns 0 or -errno. */
int watcher_new(const struct watcher_config *config, struct watcher **ret_watcher);

/* NULL is allowed; returns NULL. */
struct watcher *watcher_free(struct watcher *watcher);

/* Reads now (watch_refresh()), and carries what is new through the daemon. Returns 0, SOCK_DIAG_E_INTERRUPTED or -errno. */
int watcher_read(struct watcher *watcher);

#endif
