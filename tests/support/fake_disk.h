/*
 * A disk and a memory that fail SQLite when a test says so.
 *
 * The disk is a VFS (sqlite.org/vfs.html) in front of the real one, and becomes the default, so code that names no VFS gets
 * it. The memory is SQLite's own allocator with a counter before it. Both count their calls, and fail the n-th: a test
 * loops n from 1 on until nothing fails any more, and has then seen every failure there is.
 */
#ifndef TESTS_SUPPORT_FAKE_DISK_H
#define TESTS_SUPPORT_FAKE_DISK_H

#include <sqlite3.h>
#include <stdbool.h>

struct fake_disk {
    unsigned fail_at; /* this call fails, counted from 1; 0: none */
    bool forever;     /* and all after it */
    int code;         /* with this: SQLITE_FULL, SQLITE_IOERR_WRITE, ... */
    unsigned n_calls; /* writes, syncs, truncations, deletions, new files and new shared memory until now */
    unsigned n_failed;
};
extern struct fake_disk fake_disk;

/* Puts the VFS in front. Call it once, before the first database is opened. */
void fake_disk_install(void);

/* From here on the n-th call fails with `code`; 0: the disk is sound. */
void fake_disk_fail(unsigned n, int code, bool forever);

struct fake_memory {
    unsigned fail_at; /* this allocation fails, counted from 1; 0: none */
    unsigned n_calls;
    unsigned n_failed;
};
extern struct fake_memory fake_memory;

/* Puts the allocator in front. Call it once, before anything else of SQLite. */
void fake_memory_install(void);
void fake_memory_fail(unsigned n);

/* The handle of the database that was opened last in this process, by whomever; needs fake_disk_watch(). */
void fake_disk_watch(void);
extern sqlite3 *fake_disk_last_opened;

#endif
