/* Requests and responses as values. */
#include "src/api/request.h"

#include <stdlib.h>
#include <strings.h>

const char *api_request_header(const struct api_request *request, const char *name, size_t *ret_count) {
    const char *value = NULL;

    *ret_count = 0;
    for (size_t i = 0; i < request->n_headers; i++) {
        if (strcasecmp(request->headers[i].name, name) != 0)
            continue;
        value = request->headers[i].value;
        (*ret_count)++;
    }
    return *ret_count == 1 ? value : NULL;
}

void api_response_deinit(struct api_response *response) {
    free(response->body);
    response->body = NULL;
    response->constant = NULL;
    if (response->later != NULL)
        response->later->free(response->later);
    response->later = NULL;
    if (response->stream != NULL)
        response->stream->free(response->stream);
    response->stream = NULL;
}
