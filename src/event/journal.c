/*
 * The journal: a ring of the newest events in memory, in front of the table in the database. What is newer than `saved_id` is in the ring alone; a
 * database that cannot be written makes that part grow, up to the whole ring, and then the oldest of it is lost.
 *
 *     1 ......... before_ring_id | ............... saved_id | ........ last_id | next_id ..... block_last
 *       database                   database and ring          ring               reserved
 */
#include "src/event/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/log.h"
#include "src/base/users.h"
#include "src/event/event_json.h"
#include "src/event/event_table.h"

/* What is over its age is looked for so often, and so much of it is taken out at once: it is done on the loop. */
#define TRIM_EVERY_MS UINT64_C(3600000)
#define TRIM_MAX      2000

/* A table that is over its rows loses so many more, so that it is not done at every flush. */
#define TRIM_ROWS_MORE (JOURNAL_ROWS_MAX / 100)

/* An event in memory: one piece, with its two texts behind. */
struct entry {
    struct event_row row;
    char texts[];
};

struct journal {
    struct store *store;
    struct clock clock;
    struct event_table *table;
    struct users users;
    struct entry *ring[JOURNAL_RING]; /* by number, from `ring_first` on */
    size_t ring_first;
    size_t ring_size;
    uint64_t before_ring_id; /* the newest that is not in the ring */
    uint64_t saved_id;
    uint64_t last_id;
    uint64_t next_id;
    uint64_t block_last;
    uint64_t first_row_id; /* of the database; 0: it has none */
    uint64_t n_rows;
    uint64_t next_trim_ms;
    uint64_t lost_id; /* the newest that never reached the database; 0: none */
    bool failing;     /* the database could not be written; said once */
    bool losing;      /* events have been lost since then; said once */
};

/* ---- the ring ---- */

static struct entry *ring_at(const struct journal *journal, size_t index) {
    return journal->ring[(journal->ring_first + index) % JOURNAL_RING];
}

/* The index of the first event in the ring that is newer than `after_id`. */
static size_t ring_find(const struct journal *journal, uint64_t after_id) {
    size_t low = 0;
    size_t high = journal->ring_size;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ring_at(journal, middle)->row.id > after_id)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void note_lost(struct journal *journal, const char *why) {
    if (!journal->losing)
        log_warning("events are lost: %s", why);
    journal->losing = true;
}

static void ring_drop_oldest(struct journal *journal) {
    struct entry *oldest = ring_at(journal, 0);

    if (oldest->row.id > journal->saved_id) {
        journal->lost_id = oldest->row.id;
        note_lost(journal, "the database cannot be written, and memory has as many as it keeps");
    }
    journal->before_ring_id = oldest->row.id;
    journal->ring_first = (journal->ring_first + 1) % JOURNAL_RING;
    journal->ring_size--;
    free(oldest);
}

static void ring_push(struct journal *journal, struct entry *entry) {
    if (journal->ring_size == JOURNAL_RING)
        ring_drop_oldest(journal);
    journal->ring[(journal->ring_first + journal->ring_size) % JOURNAL_RING] = entry;
    journal->ring_size++;
}

/* ---- begin and end ---- */

/* What is known from the last time; the numbers begin behind all that may have been used. */
static int load(struct journal *journal) {
    struct event_bounds bounds = {0};
    int r = event_table_load_bounds(journal->table, &bounds);

    if (r != 0)
        return r;
    journal->last_id = bounds.n_rows > 0 ? bounds.last_id : bounds.block_last;
    journal->before_ring_id = journal->last_id;
    journal->saved_id = journal->last_id;
    journal->first_row_id = bounds.first_id;
    journal->n_rows = bounds.n_rows;
    journal->next_id = (bounds.block_last > bounds.last_id ? bounds.block_last : bounds.last_id) + 1;
    journal->block_last = journal->next_id - 1 + JOURNAL_BLOCK;
    return event_table_put_block(journal->table, journal->block_last);
}

int journal_new(struct store *store, const struct clock *clock, struct journal **ret_journal) {
    struct journal *journal = calloc(1, sizeof *journal);
    int r;

    if (journal == NULL)
        return -ENOMEM;
    journal->store = store;
    journal->clock = *clock;
    r = event_table_new(store, &journal->table);
    if (r == 0)
        r = load(journal);
    if (r != 0) {
        if (journal->table != NULL)
            log_error("the events cannot be loaded: %s", event_table_reason(journal->table));
        journal->table = event_table_free(journal->table);
        free(journal);
        return r;
    }
    *ret_journal = journal;
    return 0;
}

struct journal *journal_free(struct journal *journal) {
    if (journal == NULL)
        return NULL;
    journal_flush(journal);
    if (event_table_put_block(journal->table, journal->next_id - 1) != 0)
        log_info("some numbers of events will be skipped: %s", event_table_reason(journal->table));
    if (journal->last_id > journal->saved_id)
        log_warning("events that could not be written are lost: %" PRIu64, journal->last_id - journal->saved_id);
    journal->table = event_table_free(journal->table);
    for (size_t i = 0; i < journal->ring_size; i++)
        free(ring_at(journal, i));
    free(journal);
    return NULL;
}

/* ---- taking facts in ---- */

static struct entry *entry_new(struct journal *journal, const struct event_fact *fact) {
    struct clock_reading now = clock_read(&journal->clock);
    const char *user = fact->has_uid ? users_name(&journal->users, fact->uid, now.monotonic_ms) : NULL;
    CLEANUP(json_free_text_at) char *json = event_to_json(journal->next_id, now.unix_ms, fact, user);
    size_t json_size = json != NULL ? strlen(json) + 1 : 0;
    size_t service_size = fact->service_name != NULL ? strlen(fact->service_name) + 1 : 0;
    struct entry *entry = json != NULL ? malloc(sizeof *entry + json_size + service_size) : NULL;

    if (entry == NULL)
        return NULL;
    memcpy(entry->texts, json, json_size);
    if (service_size > 0)
        memcpy(entry->texts + json_size, fact->service_name, service_size);
    entry->row = (struct event_row){
        .id = journal->next_id,
        .at = now.unix_ms,
        .kind = fact->kind,
        .port = fact->port,
        .service_name = service_size > 0 ? entry->texts + json_size : NULL,
        .json = entry->texts,
    };
    return entry;
}

/* A burst that does not fit into memory is written before it is over, if it can be. */
static void make_room(struct journal *journal) {
    bool full = journal->ring_size == JOURNAL_RING && ring_at(journal, 0)->row.id > journal->saved_id;

    if ((full || journal->next_id > journal->block_last) && !journal->failing)
        journal_flush(journal);
}

void journal_tell(struct journal *journal, const struct event_fact *fact) {
    struct entry *entry;

    make_room(journal);
    if (journal->next_id > journal->block_last) {
        note_lost(journal, "no more numbers can be reserved in the database");
        return;
    }
    entry = entry_new(journal, fact);
    if (entry == NULL) {
        note_lost(journal, "memory is short");
        return;
    }
    ring_push(journal, entry);
    journal->last_id = journal->next_id++;
}

static void tell(void *context, const struct event_fact *fact) {
    journal_tell(context, fact);
}

struct event_sink journal_sink(struct journal *journal) {
    return (struct event_sink){.tell = tell, .context = journal};
}

/* ---- writing ---- */

static bool needs_block(const struct journal *journal) {
    return journal->next_id + JOURNAL_BLOCK / 2 > journal->block_last;
}

static bool needs_trim(const struct journal *journal) {
    return journal->n_rows > 0 && clock_read(&journal->clock).monotonic_ms >= journal->next_trim_ms;
}

bool journal_is_dirty(const struct journal *journal) {
    return journal->last_id > journal->saved_id || needs_block(journal) || needs_trim(journal);
}

/* What a flush has done, to be true once it is committed. */
struct flush {
    uint64_t n_written;
    uint64_t n_removed;
    uint64_t block_last;
    uint64_t next_trim_ms;
};

static int write_events(struct journal *journal, struct flush *flush) {
    int r = 0;

    for (size_t i = ring_find(journal, journal->saved_id); r == 0 && i < journal->ring_size; i++) {
        r = event_table_put(journal->table, &ring_at(journal, i)->row);
        flush->n_written++;
    }
    return r;
}

static int trim(struct journal *journal, struct flush *flush) {
    struct clock_reading now = clock_read(&journal->clock);
    uint64_t n_rows = journal->n_rows + flush->n_written;
    uint64_t n_old = 0;
    int r = 0;

    if (n_rows > JOURNAL_ROWS_MAX)
        r = event_table_remove_oldest(journal->table, n_rows - JOURNAL_ROWS_MAX + TRIM_ROWS_MORE, &flush->n_removed);
    if (r != 0 || now.monotonic_ms < journal->next_trim_ms)
        return r;
    r = event_table_remove_before(journal->table, now.unix_ms - INT64_C(1000) * JOURNAL_AGE_MAX_S, TRIM_MAX, &n_old);
    flush->n_removed += n_old;
    flush->next_trim_ms = now.monotonic_ms + (n_old == TRIM_MAX ? 1 : TRIM_EVERY_MS);
    return r;
}

static int write_all(struct journal *journal, struct flush *flush) {
    int r = write_events(journal, flush);

    if (r == 0 && needs_block(journal)) {
        flush->block_last = journal->next_id - 1 + JOURNAL_BLOCK;
        r = event_table_put_block(journal->table, flush->block_last);
    }
    if (r == 0)
        r = trim(journal, flush);
    return r;
}

/* The first row changes where the first one came, and where the oldest went. */
static void note_rows(struct journal *journal, const struct flush *flush) {
    struct event_bounds bounds = {0};

    journal->n_rows += flush->n_written;
    journal->n_rows -= flush->n_removed < journal->n_rows ? flush->n_removed : journal->n_rows;
    if (flush->n_removed == 0 && journal->first_row_id != 0)
        return;
    if (event_table_load_bounds(journal->table, &bounds) != 0)
        return;
    journal->first_row_id = bounds.first_id;
    journal->n_rows = bounds.n_rows;
}

static void note_failure(struct journal *journal, const char *reason) {
    if (!journal->failing)
        log_error("events cannot be written: %s; they are kept in memory and tried again", reason);
    journal->failing = true;
}

static void note_success(struct journal *journal) {
    if (journal->failing)
        log_info("events can be written again");
    journal->failing = false;
    journal->losing = false;
}

void journal_flush(struct journal *journal) {
    struct flush flush = {.block_last = journal->block_last, .next_trim_ms = journal->next_trim_ms};
    const char *reason = "";
    int r;

    /* A transaction that is open is another's, and what is told in it waits for the next time. */
    if (!journal_is_dirty(journal) || event_table_is_in_transaction(journal->table))
        return;
    r = store_begin(journal->store);
    if (r == 0) {
        r = write_all(journal, &flush);
        reason = event_table_reason(journal->table);
        if (r == 0) {
            r = store_commit(journal->store);
            reason = store_reason(journal->store);
        }
        if (r != 0)
            store_rollback(journal->store);
    } else {
        reason = store_reason(journal->store);
    }
    if (r != 0) {
        note_failure(journal, reason);
        return;
    }
    journal->saved_id = journal->last_id;
    journal->block_last = flush.block_last;
    journal->next_trim_ms = flush.next_trim_ms;
    note_rows(journal, &flush);
    note_success(journal);
}

/* ---- reading ---- */

uint64_t journal_last_id(const struct journal *journal) {
    return journal->last_id;
}

uint64_t journal_first_id(struct journal *journal) {
    size_t unsaved = ring_find(journal, journal->saved_id);

    if (journal->first_row_id != 0)
        return journal->first_row_id;
    return unsaved < journal->ring_size ? ring_at(journal, unsaved)->row.id : journal->last_id + 1;
}

enum journal_reach journal_reach(const struct journal *journal, uint64_t after_id) {
    if (after_id >= journal->next_id)
        return JOURNAL_FUTURE;
    if (after_id >= journal->before_ring_id)
        return JOURNAL_IN_MEMORY;
    if (after_id < journal->lost_id || journal->first_row_id == 0 || after_id + 1 < journal->first_row_id)
        return JOURNAL_GONE;
    return JOURNAL_KEPT;
}

static bool passes(const struct journal_filter *filter, const struct event_row *row) {
    return (filter->port == 0 || row->port == filter->port) && row->id > filter->after_id &&
           (filter->before_id == 0 || row->id < filter->before_id) &&
           (filter->groups == 0 || (filter->groups >> event_kind_group(row->kind) & 1) != 0) &&
           (filter->since_unix_ms == 0 || row->at >= filter->since_unix_ms) &&
           (filter->service == NULL || (row->service_name != NULL && strcmp(row->service_name, filter->service) == 0));
}

/* How many of the ring, from `index` on, pass. */
static size_t ring_count(const struct journal *journal, const struct journal_filter *filter, size_t index) {
    size_t n_passing = 0;

    for (; index < journal->ring_size; index++)
        n_passing += passes(filter, &ring_at(journal, index)->row);
    return n_passing;
}

/* Takes `limit` of the ring's that pass, from `index` on, without the first `n_skipped`. */
static int ring_read(const struct journal *journal, const struct journal_filter *filter, size_t index, size_t n_skipped,
                     size_t limit, int (*take)(void *context, const struct journal_event *event), void *context) {
    int r = 0;

    for (; r == 0 && limit > 0 && index < journal->ring_size; index++) {
        const struct event_row *row = &ring_at(journal, index)->row;
        struct journal_event event = {.id = row->id, .kind = row->kind, .json = row->json};

        if (!passes(filter, row))
            continue;
        if (n_skipped > 0) {
            n_skipped--;
            continue;
        }
        limit--;
        r = take(context, &event);
    }
    return r;
}

int journal_read(struct journal *journal, const struct journal_filter *filter, size_t limit, bool from_start,
                 int (*take)(void *context, const struct journal_event *event), void *context) {
    bool in_memory = filter->after_id >= journal->before_ring_id;
    size_t index = ring_find(journal, in_memory ? filter->after_id : journal->saved_id);
    size_t n_ring = from_start ? 0 : ring_count(journal, filter, index);
    size_t n_newest = n_ring < limit ? n_ring : limit; /* of the ring, where the newest are wanted */
    size_t n_taken = 0;
    int r = 0;

    if (!in_memory && n_newest < limit)
        r = event_table_read(journal->table, filter, limit - n_newest, from_start, take, context, &n_taken);
    if (r == STORE_E_FAILED)
        log_error("events cannot be read: %s", event_table_reason(journal->table));
    if (r != 0)
        return r;
    return ring_read(journal, filter, index, n_ring - n_newest, limit - n_taken, take, context);
}
