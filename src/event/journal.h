/*
 * The journal: every event gets a number, goes to those who listen now, and into the database for those who ask later.
 *
 * It is told facts on the loop's thread, in any number, and never waits: what was told is written by journal_flush(), in one
 * transaction. Numbers only grow, also across restarts and kills: they are handed out from blocks that were reserved in the
 * database before (so after a kill some are skipped, and none is used twice). A clean end gives back what is left of the block.
 */
#ifndef SRC_EVENT_JOURNAL_H
#define SRC_EVENT_JOURNAL_H

#include "src/base/clock.h"
#include "src/event/event.h"
#include "src/lease/store.h"

struct journal;

/* Numbers that are reserved at once. While the database is full, at least half as many events can still be numbered. */
#define JOURNAL_BLOCK 100000
/* Kept in memory for those who listen; older ones come from the database. */
#define JOURNAL_RING 4096
/* Kept in the database: so many, and so long; what is more goes, oldest first. */
#define JOURNAL_ROWS_MAX  100000
#define JOURNAL_AGE_MAX_S 604800 /* 7 days */

/* `store` and `clock` are borrowed and must outlive it. Returns 0, STORE_E_FAILED or -ENOMEM. */
int journal_new(struct store *store, const struct clock *clock, struct journal **ret_journal);

/* Writes what is still to be written, and frees all. NULL is allowed; returns NULL. */
struct journal *journal_free(struct journal *journal);

/* Takes a fact in. If memory is short, or the database has been full for so long that the numbers have run out, it is lost, and the log says so. */
void journal_tell(struct journal *journal, const struct event_fact *fact);

/* journal_tell() as a sink. */
struct event_sink journal_sink(struct journal *journal);

/* True if journal_flush() has something to write. */
bool journal_is_dirty(const struct journal *journal);

/* Writes what the database still lacks, and now and then takes out what is too old. A database that cannot be written (a full disk)
 * is tried again the next time; of what waits meanwhile only the newest JOURNAL_RING are kept. */
void journal_flush(struct journal *journal);

/* The number of the newest event; 0: there was none yet. */
uint64_t journal_last_id(const struct journal *journal);

/* The oldest event that can still be had; journal_last_id() + 1 if there is none. */
uint64_t journal_first_id(struct journal *journal);

/* What can still be told to somebody who has heard everything up to the event `after_id`. */
enum journal_reach {
    JOURNAL_IN_MEMORY, /* all that followed it, from memory */
    JOURNAL_KEPT,      /* all that followed it, from the database */
    JOURNAL_GONE,      /* not all of it any more */
    JOURNAL_FUTURE,    /* no event has had that number */
};
enum journal_reach journal_reach(const struct journal *journal, uint64_t after_id);

/* One event, as it is told: `json` is the object that docs/api.md describes, on one line. */
struct journal_event {
    uint64_t id;
    enum event_kind kind;
    const char *json; /* borrowed: valid until the callback returns */
};

struct journal_filter {
    uint16_t port;         /* 0: all */
    const char *service;   /* NULL: all */
    int64_t since_unix_ms; /* not older; 0: all */
    uint64_t after_id;     /* newer than this one; 0: all */
    uint64_t before_id;    /* older than this one; 0: all */
    unsigned groups;       /* bits of 1 << event_group; 0: all */
};

/*
 * Calls `take` for the events that pass the filter, oldest first: the newest `limit` of them, or if `from_start` the oldest. It ends when
 * `take` returns other than 0 (and other than STORE_E_FAILED), and returns that; else 0 or STORE_E_FAILED. Reads the database and what it still lacks. `take` must not call the
 * journal.
 */
int journal_read(struct journal *journal, const struct journal_filter *filter, size_t limit, bool from_start,
                 int (*take)(void *context, const struct journal_event *event), void *context);

#endif
