/*
 * Whom each user does not want to be told of any more: a squatter that he knows and puts up with. It is ignored for him alone, on that port, and by
 * the uid and the name of its process; so it stays ignored when it is started anew, and another program on the port is told.
 *
 * Kept in the database. At most IGNORES_MAX a uid: then his oldest goes.
 */
#ifndef SRC_CONFLICT_IGNORES_H
#define SRC_CONFLICT_IGNORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "src/conflict/findings.h"
#include "src/lease/store.h"

#define IGNORES_MAX 256

struct ignores;

/* Loads them. `store` is borrowed and must outlive it. A row that cannot be one is left where it is, and the log says so. Returns 0, STORE_E_FAILED or
 * -ENOMEM. */
int ignores_new(struct store *store, struct ignores **ret_ignores);

/* NULL is allowed; returns NULL. */
struct ignores *ignores_free(struct ignores *ignores);

/* Does `uid` ignore the squatter of this finding? A hidden one has no name. */
bool ignores_is_ignored(const struct ignores *ignores, uid_t uid, const struct finding *finding);

/*
 * From now on `uid` ignores the squatters of these findings, or no longer does: all of them or, if it cannot be stored, none. Returns 0,
 * STORE_E_FAILED (ignores_reason()) or -ENOMEM.
 */
int ignores_set(struct ignores *ignores, uid_t uid, const struct finding *findings, size_t n_findings, bool ignored);

/* Why the database failed last. */
const char *ignores_reason(const struct ignores *ignores);

/* Raised whenever anything has changed. */
uint64_t ignores_revision(const struct ignores *ignores);

/* A number that is another one when who ignores whom on the port has changed: for who keeps an eye on everything that is shown of it. */
uint64_t ignores_digest(const struct ignores *ignores, uint16_t port);

#endif
