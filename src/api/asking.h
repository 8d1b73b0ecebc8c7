/*
 * Answers that wait for owners to be looked for anew (a server may have handed its socket on), for a second at most.
 */
#ifndef SRC_API_ASKING_H
#define SRC_API_ASKING_H

#include "src/api/api.h"

/* The first member of what a handler has to remember meanwhile, which is allocated with calloc(). */
struct asking {
    struct api_later later;
    struct api_caller caller;
    uint64_t walk;
    void (*answer)(struct api *api, const struct asking *asking, struct api_response *response);
};

/* Asks for the owners on `port` (0: on every port) and has `answer` called when they are known; at once if there is nothing to wait for. Takes over
 * `asking`; NULL (memory was short) makes the response a 500. */
void asking_begin(struct asking *asking, struct api *api, const struct api_request *request, uint16_t port,
                  void (*answer)(struct api *api, const struct asking *asking, struct api_response *response),
                  struct api_response *response);

#endif
