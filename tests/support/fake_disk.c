/* The VFS and the allocator in front of SQLite's own. */
#include "tests/support/fake_disk.h"

#include <criterion/criterion.h>
#include <string.h>

struct fake_disk fake_disk;
struct fake_memory fake_memory;
sqlite3 *fake_disk_last_opened;

/* ---- the disk ---- */

/* A file is this, and the real file behind it. */
struct fake_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;

/* Returns SQLITE_OK, or the code of the failure whose turn it is. */
static int count_call(void) {
    fake_disk.n_calls++;
    if (fake_disk.fail_at == 0 || fake_disk.n_calls < fake_disk.fail_at ||
        (fake_disk.n_calls > fake_disk.fail_at && !fake_disk.forever))
        return SQLITE_OK;
    fake_disk.n_failed++;
    return fake_disk.code;
}

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((struct fake_file *)(void *)file)->real;
}

static int fake_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int fake_read(sqlite3_file *file, void *buffer, int size, sqlite3_int64 offset) {
    return real_of(file)->pMethods->xRead(real_of(file), buffer, size, offset);
}

static int fake_write(sqlite3_file *file, const void *buffer, int size, sqlite3_int64 offset) {
    const int r = count_call();
    return r != SQLITE_OK ? r : real_of(file)->pMethods->xWrite(real_of(file), buffer, size, offset);
}

static int fake_truncate(sqlite3_file *file, sqlite3_int64 size) {
    const int r = count_call();
    return r != SQLITE_OK ? r : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int fake_sync(sqlite3_file *file, int flags) {
    const int r = count_call();
    return r != SQLITE_OK ? r : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int fake_file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int fake_lock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int fake_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int fake_check_lock(sqlite3_file *file, int *result) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int fake_control(sqlite3_file *file, int operation, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int fake_sector_size(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int fake_characteristics(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int fake_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
    const int r = extend ? count_call() : SQLITE_OK;
    return r != SQLITE_OK ? r : real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, memory);
}

static int fake_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void fake_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int fake_shm_unmap(sqlite3_file *file, int delete) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static const sqlite3_io_methods fake_methods = {
    .iVersion = 2,
    .xClose = fake_close,
    .xRead = fake_read,
    .xWrite = fake_write,
    .xTruncate = fake_truncate,
    .xSync = fake_sync,
    .xFileSize = fake_file_size,
    .xLock = fake_lock,
    .xUnlock = fake_unlock,
    .xCheckReservedLock = fake_check_lock,
    .xFileControl = fake_control,
    .xSectorSize = fake_sector_size,
    .xDeviceCharacteristics = fake_characteristics,
    .xShmMap = fake_shm_map,
    .xShmLock = fake_shm_lock,
    .xShmBarrier = fake_shm_barrier,
    .xShmUnmap = fake_shm_unmap,
};

static int fake_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags) {
    struct fake_file *fake = (struct fake_file *)(void *)file;
    (void)vfs;
    fake->base.pMethods = NULL;
    fake->real = (sqlite3_file *)(void *)(fake + 1);
    int r = (flags & SQLITE_OPEN_CREATE) ? count_call() : SQLITE_OK;
    if (r == SQLITE_OK)
        r = real_vfs->xOpen(real_vfs, name, fake->real, flags, ret_flags);
    if (r == SQLITE_OK)
        fake->base.pMethods = &fake_methods;
    return r;
}

static int fake_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    (void)vfs;
    const int r = count_call();
    return r != SQLITE_OK ? r : real_vfs->xDelete(real_vfs, name, sync_folder);
}

void fake_disk_install(void) {
    static sqlite3_vfs vfs;
    cr_assert_null(real_vfs, "installed already");
    real_vfs = sqlite3_vfs_find(NULL);
    cr_assert_not_null(real_vfs);
    vfs = *real_vfs;
    vfs.pNext = NULL;
    vfs.zName = "fake_disk";
    vfs.szOsFile = (int)sizeof(struct fake_file) + real_vfs->szOsFile;
    vfs.xOpen = fake_open;
    vfs.xDelete = fake_delete;
    cr_assert_eq(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

void fake_disk_fail(unsigned n, int code, bool forever) {
    fake_disk = (struct fake_disk){.fail_at = n, .code = code, .forever = forever};
}

/* ---- who opens what ---- */

static int note_opened(sqlite3 *db, const char **ret_error, const struct sqlite3_api_routines *routines) {
    (void)ret_error;
    (void)routines;
    fake_disk_last_opened = db;
    return SQLITE_OK;
}

void fake_disk_watch(void) {
    cr_assert_eq(sqlite3_auto_extension((void (*)(void))note_opened), SQLITE_OK);
}

/* ---- the memory ---- */

static sqlite3_mem_methods real_memory;

static bool is_turn(void) {
    fake_memory.n_calls++;
    if (fake_memory.n_calls != fake_memory.fail_at)
        return false;
    fake_memory.n_failed++;
    return true;
}

static void *fake_malloc(int size) {
    return is_turn() ? NULL : real_memory.xMalloc(size);
}

static void *fake_realloc(void *memory, int size) {
    return is_turn() ? NULL : real_memory.xRealloc(memory, size);
}

void fake_memory_install(void) {
    cr_assert_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory), SQLITE_OK);
    sqlite3_mem_methods methods = real_memory;
    methods.xMalloc = fake_malloc;
    methods.xRealloc = fake_realloc;
    cr_assert_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    /* Lookaside memory would never ask the allocator, and so never fail. */
    cr_assert_eq(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
}

void fake_memory_fail(unsigned n) {
    fake_memory = (struct fake_memory){.fail_at = n};
}
