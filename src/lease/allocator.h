/*
 * Which port: the choice behind a grant. It changes nothing; the registry stores and then makes true what is chosen here.
 *
 *     exact port asked for ──> that one, or a refusal that says who has it
 *     preferred port       ──> that one, else a note and on
 *     sticky port          ──> the one this key last had in this slot, else on
 *     rotation             ──> the next after the last one granted; first those that nobody else had last, then the others
 *
 * With `sticky_first` a preferred port is a default and not a wish: the sticky one comes before it, and one that another key had last
 * is left to that one, or who is down for a moment would lose his port for good.
 *
 * Of several ports, and of several requests, each step is done for all of them before the next one: rotation must not take what
 * another one has named.
 *
 * Every port is checked against the leases, the rules and the kernel, in that order. Ports that are leased are never tested
 * by a bind: it could disturb the very server they are leased to.
 */
#ifndef SRC_LEASE_ALLOCATOR_H
#define SRC_LEASE_ALLOCATOR_H

#include "probe/listener.h"
#include "probe/port_check.h"
#include "src/lease/rules.h"
#include "src/lease/sticky.h"
#include "src/lease/table.h"

/* The kernel's word on one port: port_check() of probe/port_check.h, or a test's own. */
struct port_prober {
    int (*check)(void *context, uint16_t port, enum port_check_effort effort, struct listener_list *evidence);
    void *context;
};

/* All that a choice looks at; borrowed. */
struct allocator {
    const struct lease_table *leases;
    const struct sticky_table *sticky;
    const struct port_rules *rules;
    struct port_prober prober;
};

struct choice_request {
    struct lease_key key;
    uint16_t exact;                   /* 0: no exact port */
    uint16_t prefer[LEASE_COUNT_MAX]; /* for the first port, the second, ...; 0: no preference */
    bool sticky_first;                /* see above */
    unsigned count;                   /* at most LEASE_COUNT_MAX; 1 with an exact port */
    bool privileged;                  /* the caller may bind below ip_unprivileged_port_start */
    uint16_t cursor;                  /* the last port that rotation granted; 0: none yet */
    uint64_t now_ms;                  /* monotonic */
};

enum choice_note_kind {
    NOTE_EXCLUDED, /* granted all the same: the caller named the port */
    NOTE_RESERVED,
    NOTE_BLOCKED,
    NOTE_COOLING,
    NOTE_PREFERRED_LEASED, /* not granted: another was */
    NOTE_PREFERRED_TAKEN,
    NOTE_PREFERRED_OWN,
    NOTE_PREFERRED_PRIVILEGED,
    NOTE_PREFERRED_OTHERS, /* another key had it last, or has it */
    NOTE_STICKY_TAKEN,     /* the port that the name had last is in use */
};

struct choice_note {
    enum choice_note_kind kind;
    uint16_t port;
};

/* A port can come with three notes: two about a preferred one that was granted all the same, and one about a sticky one. */
#define CHOICE_NOTES_MAX ((size_t)3 * LEASE_COUNT_MAX)

/* Why the ports of the managed range were passed over, counted when there were not enough. */
struct choice_counts {
    unsigned n_leased;
    unsigned n_busy; /* in use by somebody without a lease */
    unsigned n_excluded;
    unsigned n_reserved;
    unsigned n_blocked;
    unsigned n_cooling;
    unsigned n_other;    /* portd's own, or below ip_unprivileged_port_start */
    uint64_t cooling_ms; /* until the first of n_cooling is free; 0: none */
};

struct choice {
    uint16_t ports[LEASE_COUNT_MAX]; /* 0 where none could be had */
    unsigned slots[LEASE_COUNT_MAX];
    unsigned n_ports; /* that were chosen */
    uint16_t cursor;  /* the new cursor */
    struct choice_note notes[CHOICE_NOTES_MAX];
    size_t n_notes;
    struct choice_counts counts;   /* ALLOC_E_RANGE_FULL */
    struct listener_list evidence; /* ALLOC_E_TAKEN: who */
};

/* Frees the evidence. */
void choice_deinit(struct choice *choice);

/*
 * Chooses `count` ports, all or none. `ret_choice` must be all zero; choice_deinit() it whatever the answer. Returns
 *   0                     chosen,
 *   ALLOC_E_LEASED        the exact port is leased (lease_table_find_port() tells to whom),
 *   ALLOC_E_TAKEN         the exact port is in use in the kernel, by what is in `evidence`,
 *   ALLOC_E_OWN           the exact port is portd's own,
 *   ALLOC_E_PRIVILEGED    the caller could not bind the exact port,
 *   ALLOC_E_UNVERIFIABLE  portd may not bind the exact port, so it cannot tell,
 *   ALLOC_E_RANGE_FULL    not enough ports are left in the managed range; `counts` says why,
 *   -errno                the kernel could not be asked.
 */
enum {
    ALLOC_E_LEASED = 1,
    ALLOC_E_TAKEN,
    ALLOC_E_OWN,
    ALLOC_E_PRIVILEGED,
    ALLOC_E_UNVERIFIABLE,
    ALLOC_E_RANGE_FULL,
};
int allocator_choose(const struct allocator *allocator, const struct choice_request *request,
                     struct choice *ret_choice);

/*
 * Chooses for several requests, all or none; no two may have the same key or exact port. A `count` of 0 asks for nothing. The
 * cursor of the first one counts, and rotation goes on from each to the next. Returns as allocator_choose() does, and then
 * *ret_at is the index of the request that is refused.
 */
int allocator_choose_all(const struct allocator *allocator, const struct choice_request *requests, size_t n_requests,
                         struct choice *const *ret_choices, size_t *ret_at);

#endif
