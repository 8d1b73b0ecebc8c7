/*
 * Two parties on one leased port, with no error from the kernel: one has IPv4 and the other IPv6, or both share an address by SO_REUSEPORT. Who
 * connects reaches the one or the other.
 */
#ifndef SRC_LEASE_PARTIES_H
#define SRC_LEASE_PARTIES_H

#include "src/lease/evidence.h"

enum parties_trouble { PARTIES_FINE, PARTIES_SPLIT, PARTIES_SHARED };

/* So many sockets of one port are compared, each with each. Anybody can open thousands on it (127.0.0.1, 127.0.0.2, ...), and the loop must not
 * stand still for that; those of others are told by their evidence alone. */
#define PARTIES_COMPARED_MAX 32

/*
 * Looks at the first PARTIES_COMPARED_MAX of the `n` sightings of the lease's port for two listeners of different parties, one of them the lease's. Returns what
 * is wrong; then *ret_own and *ret_other are their indices; *ret_own is the one with the better evidence.
 */
enum parties_trouble parties_find_trouble(struct registry *registry, const struct lease *lease,
                                          const struct sighting *sightings, size_t n, size_t *ret_own,
                                          size_t *ret_other);

#endif
