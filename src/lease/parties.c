/* Which addresses two listeners have in common, and whether they are one party's. */
#include "src/lease/parties.h"

#include <string.h>

/* The families that a listener answers. */
enum { TAKES_IPV4 = 1, TAKES_IPV6 = 2 };

static unsigned families_of(const struct listener *listener) {
    if (listener->family == AF_INET || IN6_IS_ADDR_V4MAPPED(&listener->address))
        return TAKES_IPV4;
    if (IN6_IS_ADDR_UNSPECIFIED(&listener->address) && !listener->v6only)
        return TAKES_IPV4 | TAKES_IPV6;
    return TAKES_IPV6;
}

/* 0.0.0.0 is ::ffff:0.0.0.0 here. */
static bool is_any(const struct in6_addr *address) {
    static const unsigned char zeros[4];

    return IN6_IS_ADDR_UNSPECIFIED(address) ||
           (IN6_IS_ADDR_V4MAPPED(address) && memcmp(&address->s6_addr[12], zeros, sizeof zeros) == 0);
}

static enum parties_trouble trouble_between(const struct listener *a, const struct listener *b) {
    if ((families_of(a) & families_of(b)) == 0)
        return PARTIES_SPLIT;
    if (is_any(&a->address) || is_any(&b->address) || memcmp(&a->address, &b->address, sizeof a->address) == 0)
        return PARTIES_SHARED;
    return PARTIES_FINE;
}

static bool is_settled(const struct sighting *sighting) {
    return sighting->listener.state == LISTENER_LISTEN && sighting->state == SIGHTING_RESOLVED;
}

static enum parties_trouble compare(const struct sighting *own, enum evidence_level level, const struct sighting *other,
                                    enum evidence_level others_level) {
    if (!is_settled(own) || !is_settled(other) || level == EVIDENCE_FOREIGN)
        return PARTIES_FINE;
    /* Either the other one is the lease's own, and this is the trouble; or both surely are, and know what they do: a proxy and its fallback, a
     * server for each family. */
    if (others_level == EVIDENCE_CONFIRMED || evidence_same_party(own, other))
        return PARTIES_FINE;
    return trouble_between(&own->listener, &other->listener);
}

enum parties_trouble parties_find_trouble(struct registry *registry, const struct lease *lease,
                                          const struct sighting *sightings, size_t n, size_t *ret_own,
                                          size_t *ret_other) {
    enum evidence_level levels[PARTIES_COMPARED_MAX];
    size_t n_compared = n < PARTIES_COMPARED_MAX ? n : PARTIES_COMPARED_MAX;

    for (size_t i = 0; i < n_compared; i++)
        levels[i] = evidence_weigh(registry, lease, &sightings[i]).level;
    for (size_t i = 0; i < n_compared; i++) {
        for (size_t j = 0; j < n_compared; j++) {
            enum parties_trouble trouble =
                i == j ? PARTIES_FINE : compare(&sightings[i], levels[i], &sightings[j], levels[j]);

            if (trouble == PARTIES_FINE)
                continue;
            *ret_own = i;
            *ret_other = j;
            return trouble;
        }
    }
    return PARTIES_FINE;
}
