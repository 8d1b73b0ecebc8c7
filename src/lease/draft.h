/*
 * Drafts: leases as a grant will make them. A draft has all that its request says and nothing that was agreed with anybody else: an id, a port and a
 * slot are given to it by the grant, which throws it away or makes it true.
 */
#ifndef SRC_LEASE_DRAFT_H
#define SRC_LEASE_DRAFT_H

#include "src/lease/registry.h"

/*
 * Makes a draft with a whole TTL from now and the holder of the request, pinned. `live`: the lease that is handed out again, whose id, port and
 * slot it gets, and all that the request does not change; NULL: a new one. Returns 0, GRANT_E_HOLDER, GRANT_E_HOLDER_UID or -errno. The
 * end of the holder is told to the lease that will have it.
 */
int draft_new(struct registry *registry, const struct grant_request *request, struct lease *live,
              struct lease **ret_draft);

/* True if the draft has the holder of its live lease, which pins it, and not one of its own (`reuse_held`). */
static inline bool draft_keeps_holder(const struct lease *draft) {
    return draft->holder.pid != 0 && draft->holder_pidfd < 0;
}

#endif
