/* The database's schema and its history: one step a version, each in a transaction of its own. Only store.c uses it. */
#ifndef SRC_LEASE_STORE_SCHEMA_H
#define SRC_LEASE_STORE_SCHEMA_H

#include <sqlite3.h>
#include <stdint.h>
#include <sys/types.h>

struct schema_import {
    uid_t uid;
    int64_t now_unix_ms;
    unsigned n_imported; /* results */
    unsigned n_refused;
    char reason[200]; /* why it failed; "" if SQLite's code says all there is to say */
};

/*
 * Brings the database from its PRAGMA user_version to the newest. Version 0 with a table `leases` is an original
 * PortManager's: its rows are imported and the table kept as `original_leases`.
 * Returns SQLITE_OK; SQLITE_MISMATCH if the database is newer than this program; another SQLite code, with the database as
 * it was.
 */
int schema_migrate(sqlite3 *db, struct schema_import *import);

#endif
