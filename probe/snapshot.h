/*
 * The snapshot: what the last complete reading of the kernel's listeners showed, and since when. One reading is laid over the
 * one before, socket by socket (by inode), so that what is known about a listener is kept for as long as it is there, and
 * what has opened and closed is known.
 */
#ifndef PROBE_SNAPSHOT_H
#define PROBE_SNAPSHOT_H

#include "probe/listener.h"
#include "probe/owner_walk.h"

struct sort_entry;

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
    unsigned n_seen;           /* in how many readings of its part, at most UINT_MAX */
    enum sighting_owners state;
    unsigned n_vain;              /* the last walks that found nobody who has it */
    struct process_info **owners; /* references, owned; lowest pid first; all alive when last heard of */
    size_t n_owners;
    enum owner_hidden hidden;
    struct process_info
        *forwarder; /* whose owner is hidden: the docker-proxy that says it has this port; a reference; NULL: none */
    char *cgroup;   /* the path of the socket's cgroup, where no owner tells it; owned; NULL: not known */
};

/* Which sockets a reading is about. */
enum snapshot_part { SNAPSHOT_LISTENING, SNAPSHOT_BOUND, N_SNAPSHOT_PARTS };

struct snapshot_part_state {
    bool known;       /* it has been read completely, once at least */
    bool interrupted; /* its last reading was not complete, or failed */
};

struct snapshot {
    struct sighting *items; /* by port, then family, then inode */
    size_t n_items;
    uint64_t generation; /* counts readings */
    /* Counts those that changed anything; also raised when owners become known or end, and when a bound socket is seen for the
     * second time: until then it may be a server on its way from bind() to listen(). */
    uint64_t revision;
    bool
        complete; /* false: a part's last reading was interrupted, so `items` may lack some, and has some that closed */
    int64_t read_unix_ms;

    struct snapshot_part_state parts[N_SNAPSHOT_PARTS];
    struct sort_entry *by_inode; /* an index of `items`; NULL: to be made when it is needed */
};

enum change_kind { CHANGE_OPENED, CHANGE_CLOSED };

/* A listener that opened or closed between two readings. `sighting` is owned: a whole copy with its references. */
struct change {
    enum change_kind kind;
    struct sighting sighting;
};

/* An all-zero struct is an empty list. */
struct change_list {
    struct change *items;
    size_t n_items;
    size_t capacity;
};

/* Frees all, and leaves an empty list: for CLEANUP(change_list_deinit), too. */
void change_list_deinit(struct change_list *changes);

/* Frees all. An all-zero snapshot is an empty one. */
void snapshot_deinit(struct snapshot *snapshot);

/*
 * Lays a reading over the snapshot: `list` has every socket of `part` (LISTENER_LISTEN, or LISTENER_BOUND), or, if not
 * `complete`, at least those that it has; then nothing counts as closed. Sockets of the other part stay as they are. A socket that goes
 * from bound to listening has opened, and one that goes back has closed; bound sockets are no changes. The first complete reading
 * of a part, and what came before it, opens nothing: what is there was there before. `changes` gains what opened and closed
 * (NULL: nobody wants to know). Returns 0, or -ENOMEM with both as they were.
 *
 * The same socket is the one with the same port, family, inode and address.
 */
int snapshot_update(struct snapshot *snapshot, enum snapshot_part part, const struct listener_list *list, bool complete,
                    int64_t now_unix_ms, struct change_list *changes);

/* A reading of `part` failed: all stays as it is, and is not complete. */
void snapshot_mark_failed(struct snapshot *snapshot, enum snapshot_part part);

/* The sightings of a port: the index of the first, and how many. */
size_t snapshot_find_port(const struct snapshot *snapshot, uint16_t port, size_t *ret_first);

/* Takes in what a walk found; moves references out of `answer`. A socket that has closed meanwhile is passed over. */
void snapshot_take_owners(struct snapshot *snapshot, struct owner_answer *answer);

/* The process has ended: it owns nothing any more. A listener that is left without any owner is unresolved again. */
void snapshot_forget_process(struct snapshot *snapshot, const struct process_id *id);

/* The same for many in one pass. `ids` are in the order of pids. */
void snapshot_forget_processes(struct snapshot *snapshot, const struct process_id *ids, size_t n_ids);

/* The process was read anew, and tells other things than before (it has executed a program, or has another parent): `info` takes
 * the place of what its sightings had. */
void snapshot_renew_process(struct snapshot *snapshot, struct process_info *info);

#endif
