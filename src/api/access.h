/*
 * Who may do what. Reading is for every local user whom the kernel can name; changing a lease for its own uid, root, and the
 * uid that portd runs as.
 */
#ifndef SRC_API_ACCESS_H
#define SRC_API_ACCESS_H

#include "src/api/api.h"

/* May the caller renew, release, and see the private parts of the lease? */
bool access_may_change(const struct api *api, const struct api_caller *caller, const struct lease *lease);

/* Is the caller root, or the uid that portd runs as? */
bool access_is_operator(const struct api *api, const struct api_caller *caller);

#endif
