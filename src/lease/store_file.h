/* The database's file: its one name, its lock, and what becomes of it if it is corrupt. Only store.c uses it. */
#ifndef SRC_LEASE_STORE_FILE_H
#define SRC_LEASE_STORE_FILE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "src/lease/store.h"

/* Finds the file that `path` leads to (PATH_MAX bytes), so that two names of one database have one lock: symbolic links are followed here, once. A file that
 * is not there yet is made, empty, which SQLite takes for an empty database. Returns 0 or -errno. */
int store_file_resolve(const char *path, char *ret_path);

/* Locks the database. Returns 0 and *ret_fd, which holds the lock until it is closed; STORE_E_LOCKED and whose it is (0: not visible); -errno. */
int store_file_lock(const char *path, int *ret_fd, pid_t *ret_locked_by);

/*
 * Opens and checks the file. One that is corrupt, or no database, is put aside and a new one begun; `opening` says so. Returns SQLITE_OK; another
 * SQLite code; or STORE_FILE_E_STUCK: it has a second name, or cannot be put aside, and opening->reason says why. *ret_db is the caller's to close
 * whatever the answer.
 */
#define STORE_FILE_E_STUCK (-1)
int store_file_open(const char *path, sqlite3 **ret_db, struct store_opening *opening);

#endif
