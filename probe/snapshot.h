/*
 * The snapshot: what the last complete reading of the kernel's listeners showed, and since when. One reading is laid over the
 * one before, socket by socket (by inode), so that what is known about a listener is kept for as long as it is there, and
 * what has opened and closed is known.
 */
#ifndef PROBE_SNAPSHOT_H
#define PROBE_SNAPSHOT_H

#include "probe/listener.h"
#include "probe/owner_walk.h"

enum sighting_owners {
    SIGHTING_UNRESOLVED, /* nobody has looked for its owners yet */
    SIGHTING_RESOLVED,   /* `owners`, and if there are none, `hidden` says why */
};

/* One listener, and what is known about it. */
struct sighting {
    struct listener listener;
    int64_t since_unix_ms;     /* when it was first seen */
    bool since_start;          /* it was there at the first reading: it may be older */
    uint64_t since_generation; /* the snapshot's, when it was first seen */
    unsigned n_seen;           /* in how many readings, at most UINT_MAX */
    enum sighting_owners state;
    struct process_info **owners; /* references, owned; lowest pid first; all alive when last heard of */
    size_t n_owners;
    enum owner_hidden hidden;
    char *cgroup; /* the path of the socket's cgroup, where no owner tells it; owned; NULL: not known */
};

struct snapshot {
    struct sighting *items; /* by port, then family, then inode */
    size_t n_items;
    uint64_t generation; /* counts readings */
    uint64_t revision;   /* counts those that changed anything; also raised when owners become known or end */
    bool
        complete; /* false: the last reading was interrupted, so `items` may lack listeners, and has some that closed */
    int64_t read_unix_ms;
};

enum change_kind { CHANGE_OPENED, CHANGE_CLOSED };

/* A listener that opened or closed between two readings. `sighting` is owned: a whole copy with its references. */
struct change {
    enum change_kind kind;
    struct sighting sighting;
};

struct change_list {
    struct change *items;
    size_t n_items;
    size_t capacity;
};

void change_list_deinit(struct change_list *changes);

/* Frees all. An all-zero snapshot is an empty one. */
void snapshot_deinit(struct snapshot *snapshot);

/* Which sockets a reading is about. */
enum snapshot_part { SNAPSHOT_LISTENING, SNAPSHOT_BOUND };

/*
 * Lays a reading over the snapshot: `list` has every socket of `part` (LISTENER_LISTEN, or LISTENER_BOUND), or, if not
 * `complete`, at least those that it has; then nothing counts as closed. Sockets of the other part stay as they are. A socket that goes
 * from bound to listening has opened; bound sockets are no changes. The first reading of a snapshot opens nothing: what is there was
 * there before. `changes` gains what opened and closed (NULL: nobody wants to know). Returns 0, or -ENOMEM with the snapshot as it was.
 */
int snapshot_update(struct snapshot *snapshot, enum snapshot_part part, const struct listener_list *list, bool complete,
                    int64_t now_unix_ms, struct change_list *changes);

/* The sightings of a port: the index of the first, and how many. */
size_t snapshot_find_port(const struct snapshot *snapshot, uint16_t port, size_t *ret_first);

/* Takes in what a walk found; moves references out of `answer`. A socket that has closed meanwhile is passed over. */
void snapshot_take_owners(struct snapshot *snapshot, struct owner_answer *answer);

/* The process has ended: it owns nothing any more. A listener that is left without any owner is unresolved again. */
void snapshot_forget_process(struct snapshot *snapshot, const struct process_id *id);

#endif
