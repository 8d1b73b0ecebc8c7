/* The background probe on the loop. */
#include "src/watcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "probe/fd.h"
#include "src/base/log.h"
#include "src/conflict/openings.h"

struct watcher {
    struct watcher_config config;
    struct openings openings;
    sd_event_source *ready;
    sd_event_source *due;
    bool failing; /* said once in the log, not for every reading */
};

static int read_listeners(void *context, bool strictly) {
    return strictly ? watch_read(context) : watch_refresh(context);
}

static const struct snapshot *get_snapshot(void *context) {
    return watch_snapshot(context);
}

struct snapshot_source watcher_source(struct watch *watch) {
    return (struct snapshot_source){.read = read_listeners, .get = get_snapshot, .context = watch};
}

static void note_failure(struct watcher *watcher, int r) {
    if (r < 0 && !watcher->failing)
        log_warning("the kernel's listeners cannot be read: %s", strerror(-r));
    if (r >= 0 && watcher->failing)
        log_info("the kernel's listeners can be read again");
    watcher->failing = r < 0;
}

/* What has been read goes its way. */
static void carry_through(struct watcher *watcher) {
    const struct watcher_config *config = &watcher->config;
    const struct snapshot *snapshot = watch_snapshot(config->watch);
    struct clock_reading now = clock_read(&config->clock);
    CLEANUP(change_list_deinit) struct change_list changes = {0};

    registry_follow(config->registry);
    registry_look(config->registry);
    watch_take_changes(config->watch, &changes);
    openings_update(&watcher->openings, &changes, snapshot, config->registry, now.monotonic_ms, &config->sink);
    if (findings_update(config->findings, snapshot, config->registry, config->rules, now, &config->sink) < 0)
        log_warning("out of memory while looking for squatters");
    config->changed(config->context);
}

static int arm(struct watcher *watcher) {
    int r = sd_event_source_set_time(watcher->due, watch_due_ms(watcher->config.watch) * 1000);

    return r < 0 ? r : sd_event_source_set_enabled(watcher->due, SD_EVENT_ONESHOT);
}

static int run(struct watcher *watcher) {
    note_failure(watcher, watch_run(watcher->config.watch));
    carry_through(watcher);
    return arm(watcher);
}

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *context) {
    (void)source;
    (void)fd;
    (void)events;
    return run(context);
}

static int on_due(sd_event_source *source, uint64_t due_us, void *context) {
    (void)source;
    (void)due_us;
    return run(context);
}

int watcher_read(struct watcher *watcher) {
    int r = watch_refresh(watcher->config.watch);

    note_failure(watcher, r);
    carry_through(watcher);
    arm(watcher);
    return r;
}

static void watcher_free_at(struct watcher **watcher) {
    *watcher = watcher_free(*watcher);
}

int watcher_new(const struct watcher_config *config, struct watcher **ret_watcher) {
    CLEANUP(watcher_free_at) struct watcher *watcher = calloc(1, sizeof *watcher);
    int r;

    if (watcher == NULL)
        return -ENOMEM;
    watcher->config = *config;
    r = sd_event_add_io(config->event, &watcher->ready, watch_fd(config->watch), EPOLLIN, on_ready, watcher);
    /* A millisecond of slack: the default of a quarter of a second is as long as the period. */
    if (r >= 0)
        r = sd_event_add_time(config->event, &watcher->due, CLOCK_MONOTONIC, 0, 1000, on_due, watcher);
    if (r < 0)
        return r;
    *ret_watcher = watcher;
    watcher = NULL;
    return 0;
}

struct watcher *watcher_free(struct watcher *watcher) {
    if (watcher == NULL)
        return NULL;
    sd_event_source_disable_unref(watcher->ready);
    sd_event_source_disable_unref(watcher->due);
    openings_deinit(&watcher->openings);
    free(watcher);
    return NULL;
}
