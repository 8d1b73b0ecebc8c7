/* What the tests of the store share: a database in a folder of its own, looked at by a connection beside the store's. */
#ifndef TESTS_SUPPORT_FAKE_STORE_H
#define TESTS_SUPPORT_FAKE_STORE_H

#include "src/lease/store.h"
#include "tests/support/fake_home.h"

#define FAKE_STORE_NOW INT64_C(1790000000123)
#define FAKE_STORE_UID 1000

/* The name of the database in its folder. */
#define FAKE_STORE_FILE "leases.db"

/* Opens the database of the folder; fails the test if it cannot be had. The caller's to close. */
struct store *fake_store_open(const struct fake_home *home);

/* The same, whatever comes of it. *ret_store is NULL if it could not be opened. */
int fake_store_try(const struct fake_home *home, struct store **ret_store, struct store_opening *ret_opening);

/* For CLEANUP(fake_store_close_at). */
void fake_store_close_at(struct store **store);

/* A statement, run by a connection of its own that no fault of fake_disk.h touches. */
void fake_store_execute(const struct fake_home *home, const char *sql);

/* The number that a query gives, by such a connection. */
long long fake_store_query(const struct fake_home *home, const char *sql);

/* The text that a query gives, in `size` bytes. Returns `ret_text`. */
const char *fake_store_query_text(const struct fake_home *home, const char *sql, char *ret_text, size_t size);

/* A lease that the store takes: the caller's to free. */
struct lease *fake_store_make_lease(uint64_t id, uint16_t port, const char *name, unsigned slot);

/* All leases in the database, in the order in which they are loaded, at most `max`; each the caller's to free. */
size_t fake_store_load(struct store *store, struct lease **ret_leases, size_t max);

#endif
