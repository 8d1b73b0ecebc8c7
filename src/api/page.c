/* The dashboard: GET / and GET /assets/{name}, out of what ui/dist was when portd was built. */
#include <string.h>

#include "src/api/problem.h"
#include "src/api/representation.h"
#include "src/api/routes.h"
#include "src/page/page.h"

/* The path is compared and never decoded or walked, so nothing in it leads out of the table. */
static const struct page_file *find_file(const char *path) {
    for (size_t i = 0; i < page_n_files; i++)
        if (strcmp(page_files[i].path, path) == 0)
            return &page_files[i];
    return NULL;
}

/* A 304 has no body, but its length may be told, and must then be that of the 200 (RFC 9110, 8.6). */
static void answer_file(const struct api_request *request, const struct page_file *file,
                        struct api_response *response) {
    bool compressed = representation_wants_gzip(request);
    const struct page_form *form = compressed ? &file->gzip : &file->raw;
    bool is_known = representation_is_known(request, form->etag);

    response->status = is_known ? 304 : 200;
    response->constant = form->begin;
    response->body_length = (size_t)(form->end - form->begin);
    response->etag = form->etag;
    response->vary = "Accept-Encoding";
    response->cache_control = file->is_immutable ? "public, max-age=31536000, immutable" : "no-cache";
    if (is_known)
        return;
    response->content_type = file->content_type;
    response->content_encoding = compressed ? "gzip" : NULL;
}

void route_page(struct api *api, const struct api_request *request, const struct query *query,
                struct api_response *response) {
    const struct page_file *file = find_file(query->path);

    (void)api;
    if (file != NULL)
        answer_file(request, file, response);
    else
        problem_set_no_such_path(response, query->path, page_paths, page_n_files);
}
