/*
 * A ring. See remap_repeat.h.
 */
#include "cli/remap_repeat.h"

#include <string.h>

void remap_repeat_note(struct remap_repeat *repeat, const struct seccomp_notif *notification, uint64_t cookie) {
    size_t i = repeat->next;

    repeat->next = (repeat->next + 1) % REMAP_REPEAT_MAX;
    repeat->calls[i].thread = notification->pid;
    repeat->calls[i].cookie = cookie;
    repeat->calls[i].data = notification->data;
}

static bool is_equal(const struct seccomp_data *a, const struct seccomp_data *b) {
    return a->nr == b->nr && a->arch == b->arch && a->instruction_pointer == b->instruction_pointer &&
           memcmp(a->args, b->args, sizeof a->args) == 0;
}

bool remap_repeat_take(struct remap_repeat *repeat, const struct seccomp_notif *notification, uint64_t cookie) {
    bool is_same = false;

    for (size_t i = 0; i < REMAP_REPEAT_MAX; i++) {
        if (repeat->calls[i].thread != notification->pid)
            continue;
        repeat->calls[i].thread = 0;
        is_same =
            is_same || (repeat->calls[i].cookie == cookie && is_equal(&repeat->calls[i].data, &notification->data));
    }
    return is_same;
}
