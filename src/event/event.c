/* The names of events. */
#include "src/event/event.h"

#include <errno.h>
#include <string.h>

static const char *const names[N_EVENT_KINDS] = {
    [EVENT_LEASE_GRANTED] = "lease.granted",         [EVENT_LEASE_RENEWED] = "lease.renewed",
    [EVENT_LEASE_RELEASED] = "lease.released",       [EVENT_LEASE_EXPIRED] = "lease.expired",
    [EVENT_LISTENER_OPENED] = "listener.opened",     [EVENT_LISTENER_CLOSED] = "listener.closed",
    [EVENT_SQUATTER_APPEARED] = "squatter.appeared", [EVENT_SQUATTER_LEFT] = "squatter.left",
    [EVENT_CONFLICT_APPEARED] = "conflict.appeared", [EVENT_CONFLICT_LEFT] = "conflict.left",
};

const char *event_kind_name(enum event_kind kind) {
    return names[kind];
}

int event_kind_parse(const char *name, enum event_kind *ret_kind) {
    for (unsigned kind = 0; kind < N_EVENT_KINDS; kind++) {
        if (strcmp(names[kind], name) != 0)
            continue;
        *ret_kind = kind;
        return 0;
    }
    return -EINVAL;
}

static const char *const group_names[N_EVENT_GROUPS] = {
    [EVENT_OF_LEASE] = "lease",
    [EVENT_OF_LISTENER] = "listener",
    [EVENT_OF_SQUATTER] = "squatter",
    [EVENT_OF_CONFLICT] = "conflict",
};

enum event_group event_kind_group(enum event_kind kind) {
    static const enum event_group groups[N_EVENT_KINDS] = {
        [EVENT_LEASE_GRANTED] = EVENT_OF_LEASE,        [EVENT_LEASE_RENEWED] = EVENT_OF_LEASE,
        [EVENT_LEASE_RELEASED] = EVENT_OF_LEASE,       [EVENT_LEASE_EXPIRED] = EVENT_OF_LEASE,
        [EVENT_LISTENER_OPENED] = EVENT_OF_LISTENER,   [EVENT_LISTENER_CLOSED] = EVENT_OF_LISTENER,
        [EVENT_SQUATTER_APPEARED] = EVENT_OF_SQUATTER, [EVENT_SQUATTER_LEFT] = EVENT_OF_SQUATTER,
        [EVENT_CONFLICT_APPEARED] = EVENT_OF_CONFLICT, [EVENT_CONFLICT_LEFT] = EVENT_OF_CONFLICT,
    };

    return groups[kind];
}

const char *event_group_name(enum event_group group) {
    return group_names[group];
}
