/*
 * Listeners that opened and closed, told as events. One that opened is told once it is known whose it is, or after a moment if that takes long:
 * an event that names nobody helps nobody.
 */
#ifndef SRC_CONFLICT_OPENINGS_H
#define SRC_CONFLICT_OPENINGS_H

#include "probe/snapshot.h"
#include "src/event/event.h"
#include "src/lease/registry.h"

/* So many wait at once. In a storm of ten thousand the others are told at once, without a name: each that waits is looked for at every reading. */
#define OPENINGS_MAX 256

struct opening {
    uint32_t inode;
    uint16_t port;
    uint64_t since_ms; /* monotonic */
};

/* Those that are not told yet. All zero: none. */
struct openings {
    struct opening *items;
    size_t n_items;
    size_t capacity;
};

void openings_deinit(struct openings *openings);

/* Takes in what has changed, and tells what can be told. `now_ms` is monotonic. If memory is short, or OPENINGS_MAX wait, openings are told at once. */
void openings_update(struct openings *openings, const struct change_list *changes, const struct snapshot *snapshot,
                     struct registry *registry, uint64_t now_ms, const struct event_sink *sink);

#endif
