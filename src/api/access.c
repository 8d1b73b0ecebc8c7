/* Who may do what. */
#include "src/api/access.h"

bool access_is_operator(const struct api *api, const struct api_caller *caller) {
    return caller->known && (caller->uid == 0 || caller->uid == api->uid);
}

bool access_may_change(const struct api *api, const struct api_caller *caller, const struct lease *lease) {
    return caller->known && (caller->uid == lease->uid || access_is_operator(api, caller));
}
