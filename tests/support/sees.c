/* Asking portd again and again. */
#include "tests/support/sees.h"

#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "probe/sock_diag.h"
#include "tests/support/fail.h"
#include "tests/support/json_check.h"
#include "tests/support/wait.h"

static struct http_reply get(const struct caller *caller, const char *target) {
    struct http_reply reply = caller_get(caller, target);
    if (reply.status != 200)
        fail_test("GET %s was answered with\n%s", target, reply_text(&reply));
    return reply;
}

struct http_reply sees_who(const struct caller *caller, uint16_t port) {
    char target[32];
    snprintf(target, sizeof(target), "/who?port=%u", port);
    return get(caller, target);
}

/* The end of the test if time is over, with what was there instead. */
static void wait_or_show(const struct wait *wait, const struct http_reply *reply) {
    if (wait_now_ms() > wait->end_ms)
        fail_test("Waited in vain for %s. There was:\n%s", wait->what, reply_text(reply));
    wait_more(wait);
}

/* ---- who ---- */

static bool has_text(const cJSON *json, const char *path, const char *text) {
    const cJSON *found = json_at(json, path);
    return cJSON_IsString(found) && strcmp(found->valuestring, text) == 0;
}

void sees_text(const struct caller *caller, uint16_t port, const char *path, const char *text) {
    const struct wait wait = wait_at_most(SEES_SECONDS, text);
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply who = sees_who(caller, port);
        if (has_text(who.json, path, text))
            return;
        wait_or_show(&wait, &who);
    }
}

void sees_number(const struct caller *caller, uint16_t port, const char *path, uint64_t number) {
    const struct wait wait = wait_at_most(SEES_SECONDS, path);
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply who = sees_who(caller, port);
        const cJSON *found = json_at(who.json, path);
        if (cJSON_IsNumber(found) && (uint64_t)found->valuedouble == number)
            return;
        wait_or_show(&wait, &who);
    }
}

void sees_listeners(const struct caller *caller, uint16_t port, int n) {
    const struct wait wait = wait_at_most(SEES_SECONDS, "so many listeners");
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply who = sees_who(caller, port);
        if (json_size_at(who.json, "listeners") == n)
            return;
        wait_or_show(&wait, &who);
    }
}

void sees_evidence(const struct caller *caller, uint16_t port, const char *level, const char *by) {
    const struct wait wait = wait_at_most(SEES_SECONDS, by);
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply who = sees_who(caller, port);
        const cJSON *evidence = json_at(who.json, "listeners[0].evidence");
        if (has_text(evidence, "level", level) && has_text(evidence, "by", by))
            return;
        wait_or_show(&wait, &who);
    }
}

/* ---- leases ---- */

void sees_lease(const struct caller *caller, uint16_t port, const char *path, const char *text) {
    const struct wait wait = wait_at_most(SEES_SECONDS, text);
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
        if (has_text(caller_find_lease(&list, port), path, text))
            return;
        wait_or_show(&wait, &list);
    }
}

void sees_no_lease(const struct caller *caller, uint16_t port) {
    const struct wait wait = wait_at_most(SEES_SECONDS, "the end of a lease");
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
        if (!caller_find_lease(&list, port))
            return;
        wait_or_show(&wait, &list);
    }
}

/* ---- findings ---- */

static const cJSON *find_port(const cJSON *array, uint16_t port) {
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (json_number_at(item, "port") == port)
            return item;
    }
    return NULL;
}

const cJSON *sees_find(const struct http_reply *reply, uint16_t port) {
    return find_port(json_at(reply->json, json_at(reply->json, "conflicts") ? "conflicts" : "squatters"), port);
}

static bool is_conflict(const char *kind) {
    return strcmp(kind, "taken") == 0 || strcmp(kind, "split") == 0 || strcmp(kind, "shared") == 0;
}

static bool is_settled(const cJSON *finding) {
    const cJSON *hidden = json_at(finding, "listeners[0].hidden");
    return cJSON_IsNull(hidden) || (hidden && !has_text(hidden, "reason", "not-yet"));
}

struct http_reply sees_squatter(const struct caller *caller, uint16_t port, const char *kind) {
    const struct wait wait = wait_at_most(SEES_SECONDS, kind);
    for (;;) {
        struct http_reply squatters = get(caller, "/squatters");
        CLEANUP(http_reply_deinit) struct http_reply conflicts = get(caller, "/conflicts");
        const cJSON *finding = sees_find(&squatters, port);
        if (has_text(finding, "kind", kind) && is_settled(finding) &&
            (sees_find(&conflicts, port) != NULL) == is_conflict(kind))
            return squatters;
        wait_or_show(&wait, &squatters);
        http_reply_deinit(&squatters);
    }
}

void sees_no_squatter(const struct caller *caller, uint16_t port) {
    const struct wait wait = wait_at_most(SEES_SECONDS, "the end of a squatter");
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply squatters = get(caller, "/squatters");
        if (!sees_find(&squatters, port))
            return;
        wait_or_show(&wait, &squatters);
    }
}

/* ---- events ---- */

struct stream_event sees_event(struct event_stream *stream, const char *kind, uint16_t port) {
    const struct wait wait = wait_at_most(SEES_SECONDS, kind);
    for (;;) {
        struct stream_event event = {0};
        if (!event_stream_next(stream, &event))
            fail_test("The stream has ended before %s of port %u.", kind, port);
        if (strcmp(event.kind, kind) == 0 && json_number_at(event.data, "port") == port)
            return event;
        stream_event_deinit(&event);
        if (wait_now_ms() > wait.end_ms)
            fail_test("Other events came, and no %s of port %u.", kind, port);
    }
}

void sees_in_history(const struct caller *caller, const char *kind, uint16_t port) {
    char target[48];
    snprintf(target, sizeof(target), "/history?port=%u&limit=1000", port);
    const struct wait wait = wait_at_most(SEES_SECONDS, kind);
    for (;;) {
        CLEANUP(http_reply_deinit) struct http_reply history = get(caller, target);
        const cJSON *event;
        cJSON_ArrayForEach(event, json_at(history.json, "events")) {
            if (has_text(event, "kind", kind))
                return;
        }
        wait_or_show(&wait, &history);
    }
}

/* ---- the kernel ---- */

static bool listens_in_kernel(uint16_t port) {
    struct sock_diag *diag = NULL;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    if (sock_diag_new(&diag) < 0 || sock_diag_dump(diag, SOCK_DIAG_LISTEN, port, &list) < 0)
        fail_test("The kernel's listeners cannot be read.");
    sock_diag_free(diag);
    return list.n_items > 0;
}

void sees_in_kernel(uint16_t port, bool listens) {
    const struct wait wait = wait_at_most(SEES_SECONDS, listens ? "a server to listen" : "a server to close");
    while (listens_in_kernel(port) != listens)
        wait_more(&wait);
}

/* ---- owners ---- */

bool sees_owner(const cJSON *listener, pid_t pid) {
    const cJSON *owner;
    cJSON_ArrayForEach(owner, json_at(listener, "owners")) {
        if (json_number_at(owner, "pid") == (uint64_t)pid)
            return true;
    }
    return false;
}

bool sees_owner_among(const cJSON *listeners, pid_t pid) {
    const cJSON *listener;
    cJSON_ArrayForEach(listener, listeners) {
        if (sees_owner(listener, pid))
            return true;
    }
    return false;
}
