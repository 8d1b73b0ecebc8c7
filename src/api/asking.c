/* Waiting for a walk over /proc. */
#include "src/api/asking.h"

#include <stdlib.h>

#include "src/api/answer.h"

#define WAIT_MS 1000

static void asking_free(struct api_later *later) {
    free(later);
}

static bool asking_try(struct api *api, struct api_later *later, struct api_response *response) {
    const struct asking *asking = (const struct asking *)later;

    if (api->probe.walks(api->probe.context) < asking->walk && clock_read(&api->clock).monotonic_ms < later->until_ms)
        return false;
    asking->answer(api, asking, response);
    return true;
}

void asking_begin(struct asking *asking, struct api *api, const struct api_request *request, uint16_t port,
                  void (*answer)(struct api *api, const struct asking *asking, struct api_response *response),
                  struct api_response *response) {
    if (asking == NULL) {
        answer_ok(response, NULL);
        return;
    }
    api_read(api);
    asking->later = (struct api_later){
        .try = asking_try,
        .free = asking_free,
        .until_ms = clock_read(&api->clock).monotonic_ms + WAIT_MS,
    };
    asking->caller = request->caller;
    asking->answer = answer;
    asking->walk = api->probe.ask_owners(api->probe.context, port);
    if (asking_try(api, &asking->later, response))
        asking_free(&asking->later);
    else
        response->later = &asking->later;
}
