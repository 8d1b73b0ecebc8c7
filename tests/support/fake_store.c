/* Databases for tests. */
#include "tests/support/fake_store.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>

int fake_store_try(const struct fake_home *home, struct store **ret_store, struct store_opening *ret_opening) {
    char path[PATH_MAX];
    fake_home_path(home, FAKE_STORE_FILE, path);
    *ret_store = NULL;
    return store_open(path, FAKE_STORE_UID, FAKE_STORE_NOW, ret_store, ret_opening);
}

struct store *fake_store_open(const struct fake_home *home) {
    struct store *store;
    struct store_opening opening;
    const int r = fake_store_try(home, &store, &opening);
    cr_assert_eq(r, 0, "store_open: %d, %s", r, opening.reason);
    return store;
}

void fake_store_close_at(struct store **store) {
    *store = store_close(*store);
}

/* By the real VFS, which is not the default one any more if fake_disk_install() was called. */
static sqlite3 *connect(const struct fake_home *home) {
    char path[PATH_MAX];
    sqlite3 *db = NULL;
    fake_home_path(home, FAKE_STORE_FILE, path);
    const int r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix");
    cr_assert_eq(r, SQLITE_OK, "%s: %s", path, sqlite3_errstr(r));
    sqlite3_busy_timeout(db, 1000);
    return db;
}

void fake_store_execute(const struct fake_home *home, const char *sql) {
    sqlite3 *db = connect(home);
    char *error = NULL;
    const int r = sqlite3_exec(db, sql, NULL, NULL, &error);
    cr_assert_eq(r, SQLITE_OK, "%s: %s", sql, error);
    sqlite3_close(db);
}

const char *fake_store_query_text(const struct fake_home *home, const char *sql, char *ret_text, size_t size) {
    sqlite3 *db = connect(home);
    sqlite3_stmt *statement = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    const int r = sqlite3_step(statement);
    cr_assert_eq(r, SQLITE_ROW, "%s: %s", sql, sqlite3_errstr(r));
    snprintf(ret_text, size, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return ret_text;
}

long long fake_store_query(const struct fake_home *home, const char *sql) {
    char text[64];
    long long number = 0;
    fake_store_query_text(home, sql, text, sizeof(text));
    cr_assert_eq(sscanf(text, "%lld", &number), 1, "%s: %s", sql, text);
    return number;
}

struct lease *fake_store_make_lease(uint64_t id, uint16_t port, const char *name, unsigned slot) {
    struct lease *lease = lease_new();
    const char *const tags[] = {"blue", "green"};
    cr_assert_not_null(lease);
    cr_assert_eq(lease_set_key(lease, &(struct lease_key){.uid = 1000, .service_name = name, .project = "/shop"}), 0);
    cr_assert_eq(lease_set_tags(lease, tags, 2), 0);
    lease->id = id;
    lease->port = port;
    lease->slot = slot;
    lease->allocated_at = FAKE_STORE_NOW;
    lease->last_heartbeat = FAKE_STORE_NOW + 5;
    lease->ttl_seconds = 300;
    lease->deadline = 7000000;
    return lease;
}

struct taking {
    struct lease **leases;
    size_t n_leases;
    size_t max;
};

static int take(void *context, struct lease *lease) {
    struct taking *taking = context;
    cr_assert_lt(taking->n_leases, taking->max);
    taking->leases[taking->n_leases++] = lease;
    return 0;
}

size_t fake_store_load(struct store *store, struct lease **ret_leases, size_t max) {
    struct taking taking = {.leases = ret_leases, .max = max};
    const int r = store_load_leases(store, take, &taking);
    cr_assert_eq(r, 0, "store_load_leases: %d, %s", r, store_reason(store));
    return taking.n_leases;
}
