/*
 * The database: leases, whose each port last was, and where rotation stands, in SQLite.
 *
 * One process and one connection (a lock file beside the database keeps a second daemon out). WAL with
 * synchronous=NORMAL: a killed daemon loses nothing; a power cut may lose the last commits, and then the processes that
 * held those ports are gone too. What is acknowledged to a caller was committed before.
 *
 * Writes come in transactions: store_begin(), any of the put and delete calls, store_commit(). A call that fails leaves its
 * reason in store_reason(); then store_rollback().
 */
#ifndef SRC_LEASE_STORE_H
#define SRC_LEASE_STORE_H

#include "src/lease/lease.h"
#include "src/lease/sticky.h"

struct store;

/* The database could not be written, or read: a full disk, a read-only file, an I/O error. Not fatal. */
#define STORE_E_FAILED 1
/* Another process has the database; *ret_holder is its pid, 0 if it lives in another pid namespace. */
#define STORE_E_LOCKED 2

/* What came of opening. */
struct store_opening {
    pid_t locked_by;           /* STORE_E_LOCKED */
    char quarantined[4200];    /* where a corrupt database was put aside; "" if it was sound */
    unsigned n_imported;       /* leases taken over from an original PortManager's database */
    unsigned n_import_refused; /* rows of it that were no lease (a bad port, name, or ttl) */
    char reason[256];          /* STORE_E_FAILED: a sentence's end */
};

/*
 * Opens (makes) the database at `path`, whose directory is made with mode 0700 if it is missing; locks it; checks it; brings
 * its schema up to date (PRAGMA user_version). A file that is corrupt, or no database, is renamed to
 * <path>.corrupt-<unix time> and a new one is begun; it is never overwritten. An original PortManager's table is imported
 * with `now` as the time of its leases' last heartbeat and `uid` as their owner, and kept under another name.
 * Returns 0, STORE_E_FAILED, STORE_E_LOCKED or -ENOMEM. `ret_opening` is filled whatever the answer.
 */
int store_open(const char *path, uid_t uid, int64_t now_unix_ms, struct store **ret_store,
               struct store_opening *ret_opening);

/* Closes the database and gives up the lock. NULL is allowed; returns NULL. */
struct store *store_close(struct store *store);

/* The connection, for those who keep other things beside the leases (the journal) with statements of their own. They must be finalized
 * before the store is closed. */
struct sqlite3 *store_connection(struct store *store);

/* Why the last call failed. Valid until the next call. */
const char *store_reason(const struct store *store);

/* Things that are remembered beside the leases. */
struct store_marks {
    uint16_t cursor;                   /* the last port that rotation granted; 0: none */
    uint64_t next_id;                  /* higher than every id that was ever stored */
    char boot_id[PROCESS_BOOT_ID_MAX]; /* the boot in which the stored deadlines count; "": none */
};

int store_load_marks(struct store *store, struct store_marks *ret_marks);

/* Calls `take` for each lease, lowest id first; it owns the lease whatever it returns, and a value other than 0 ends the
 * loading and is passed on. A row that is no lease is reported in the log and left where it is. */
int store_load_leases(struct store *store, int (*take)(void *context, struct lease *lease), void *context);
int store_load_sticky(struct store *store, struct sticky_table *table);

int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store);

int store_put_lease(struct store *store, const struct lease *lease);
int store_delete_lease(struct store *store, uint64_t id);
/* Replaces the judgements about the lease's listeners by those that it has. */
int store_put_judgements(struct store *store, const struct lease *lease);
/* Deletes the judgements of leases that are not there: a grant takes the place of a released lease that could not be deleted in time. */
int store_sweep(struct store *store);
int store_put_sticky(struct store *store, const struct lease_key *key, unsigned slot, uint16_t port);
int store_put_cursor(struct store *store, uint16_t cursor);
int store_put_boot_id(struct store *store, const char *boot_id);

#endif
