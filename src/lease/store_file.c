/* The database's file. */
#include "src/lease/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "probe/fd.h"

/*
 * A POSIX record lock: the kernel tells the holder's pid, and drops the lock however the holder ends, so neither can be
 * stale. SQLite's own locks on the database file are no use for this: they come and go with each transaction.
 */
int store_file_lock(const char *path, int *ret_fd, pid_t *ret_locked_by) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char lock_path[4128];
    CLEANUP(fd_close_at) int fd = -1;

    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (fcntl(fd, F_SETLK, &lock) == 0) {
        *ret_fd = fd_take(&fd);
        return 0;
    }
    if (errno != EACCES && errno != EAGAIN)
        return -errno;
    lock.l_pid = 0;
    if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        *ret_locked_by = lock.l_pid;
    return STORE_E_LOCKED;
}

/* Hard links cannot be followed, and are refused by store_file_open(). */
int store_file_resolve(const char *path, char *ret_path) {
    CLEANUP(fd_close_at) int fd = -1;

    if (realpath(path, ret_path) != NULL)
        return 0;
    if (errno != ENOENT)
        return -errno;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    return realpath(path, ret_path) != NULL ? 0 : -errno;
}

/*
 * SQLite's complaint as a code. A page that could not be read is among the complaints, whatever the reason ("Page 2: unable to get the page. error
 * code=7"): want of memory and a disk that fails say nothing of the file, which must not be put aside for them.
 */
static int judge_complaint(const char *complaint) {
    static const char mark[] = "error code=";
    const char *at = strstr(complaint, mark);
    long code = at != NULL ? strtol(at + strlen(mark), NULL, 10) : 0;

    if (strcmp(complaint, "ok") == 0)
        return SQLITE_OK;
    return code > 0 && code <= INT_MAX ? (int)code : SQLITE_CORRUPT;
}

static int quick_check(sqlite3 *db) {
    sqlite3_stmt *check = NULL;
    int r = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &check, NULL);

    if (r == SQLITE_OK)
        r = sqlite3_step(check);
    if (r == SQLITE_ROW)
        r = judge_complaint((const char *)sqlite3_column_text(check, 0));
    sqlite3_finalize(check);
    return r;
}

/*
 * A step of opening; the caller knows from the code whether the file is to blame. Nothing is written before the check has
 * passed, not even by closing: what is put aside must be as it was found, its write-ahead log with it.
 */
static int open_and_check(sqlite3 **ret_db, const char *path) {
    sqlite3 *db = NULL;
    int r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    *ret_db = db;
    if (r != SQLITE_OK)
        return r;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0,
                      0); /* 48 KiB, for allocations that malloc() does as well */
    sqlite3_busy_timeout(db, 1000);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    r = quick_check(db);
    if (r != SQLITE_OK)
        return r;
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    if (sqlite3_db_readonly(db, "main") == 1)
        return SQLITE_READONLY;
    return sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;", NULL, NULL, NULL);
}

/* Puts the corrupt file aside, and what SQLite keeps beside it; never over a file that is there already. */
static int quarantine(const char *path, char *ret_quarantined, size_t size) {
    static const char *const companions[] = {"-wal", "-shm"};
    char from[4128];
    char to[4232];
    int r = -EEXIST;

    for (unsigned attempt = 0; r == -EEXIST && attempt < 100; attempt++) {
        snprintf(ret_quarantined, size, "%s.corrupt-%lld", path, (long long)time(NULL) + attempt);
        r = renameat2(AT_FDCWD, path, AT_FDCWD, ret_quarantined, RENAME_NOREPLACE) < 0 ? -errno : 0;
    }
    if (r < 0)
        ret_quarantined[0] = '\0';
    for (size_t i = 0; r == 0 && i < sizeof companions / sizeof companions[0]; i++) {
        snprintf(from, sizeof from, "%s%s", path, companions[i]);
        snprintf(to, sizeof to, "%s%s", ret_quarantined, companions[i]);
        if (rename(from, to) < 0 && errno != ENOENT)
            r = -errno;
    }
    return r;
}

static bool is_corrupt(int code) {
    return (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB;
}

static int put_aside(const char *path, sqlite3 **db, struct store_opening *opening) {
    int r;

    sqlite3_close(*db);
    *db = NULL;
    r = quarantine(path, opening->quarantined, sizeof opening->quarantined);
    if (r < 0)
        snprintf(opening->reason, sizeof opening->reason, "is corrupt, and cannot be put aside: %s", strerror(-r));
    return r;
}

int store_file_open(const char *path, sqlite3 **ret_db, struct store_opening *opening) {
    struct stat there;
    int r;

    if (stat(path, &there) == 0 && S_ISREG(there.st_mode) && there.st_nlink > 1) {
        snprintf(opening->reason, sizeof opening->reason,
                 "has a second name (a hard link), under which another portd could use it; remove one of them");
        return STORE_FILE_E_STUCK;
    }
    r = open_and_check(ret_db, path);
    if (!is_corrupt(r))
        return r;
    if (put_aside(path, ret_db, opening) < 0)
        return STORE_FILE_E_STUCK;
    return open_and_check(ret_db, path);
}
