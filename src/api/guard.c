/* The guard in front of all routes. */
#include "src/api/guard.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "src/api/problem.h"

/* RFC 9110, 5.6.2. A name with white space in it is read as another one by some, and as the line before by others. */
static bool has_sound_names(const struct api_request *request) {
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (size_t i = 0; i < request->n_headers; i++) {
        const char *name = request->headers[i].name;
        if (name[0] == '\0' || name[strspn(name, token)] != '\0')
            return false;
    }
    return true;
}

static bool check_form(const struct api_request *request, struct api_response *response) {
    size_t n_hosts;
    size_t n_lengths;
    size_t n_encodings;
    const char *encoding = api_request_header(request, "Transfer-Encoding", &n_encodings);
    const char *wrong = NULL;

    api_request_header(request, "Host", &n_hosts);
    api_request_header(request, "Content-Length", &n_lengths);
    if (strcmp(request->version, "HTTP/1.1") != 0 && strcmp(request->version, "HTTP/1.0") != 0)
        wrong = "Only HTTP/1.1 is spoken here.";
    else if (request->header_suspect)
        wrong = "The header has bytes that belong to no header: a NUL, a folded line, or superfluous white space.";
    else if (!has_sound_names(request))
        wrong = "A header's name has a character that no name has.";
    else if (n_hosts != 1)
        wrong = "A request needs exactly one Host header.";
    else if (n_lengths > 1)
        wrong = "A request has at most one Content-Length header.";
    else if (n_lengths > 0 && n_encodings > 0)
        wrong = "A request has Content-Length or Transfer-Encoding, not both.";
    else if (n_encodings > 1 || (n_encodings == 1 && strcasecmp(encoding, "chunked") != 0))
        wrong = "The only Transfer-Encoding that is taken is chunked.";
    if (wrong == NULL)
        return true;
    problem_set(response, PROBLEM_BAD_REQUEST, NULL, "%s", wrong);
    return false;
}

/* Byte for byte; a browser leaves the port out only where it is 80. */
static bool is_own_host(const char *host, uint16_t port) {
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char own[32];

        snprintf(own, sizeof own, "%s:%u", names[i], port);
        if (strcmp(host, own) == 0 || (port == 80 && strcmp(host, names[i]) == 0))
            return true;
    }
    return false;
}

/* Following a link from another page to the dashboard: it shows the page and changes nothing. */
static bool is_navigation_to_page(const struct api_request *request, const char *path) {
    size_t count;
    const char *mode = api_request_header(request, "Sec-Fetch-Mode", &count);
    const char *destination = api_request_header(request, "Sec-Fetch-Dest", &count);

    return strcmp(request->method, "GET") == 0 && strcmp(path, "/") == 0 && mode != NULL &&
           strcmp(mode, "navigate") == 0 && destination != NULL && strcmp(destination, "document") == 0;
}

static bool check_site(const struct api_request *request, const char *path, struct api_response *response) {
    size_t count;
    const char *site = api_request_header(request, "Sec-Fetch-Site", &count);

    if (count == 0)
        return true;
    if (site != NULL && (strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0))
        return true;
    if (is_navigation_to_page(request, path))
        return true;
    problem_set(
        response, PROBLEM_FORBIDDEN_SITE, NULL,
        "The browser says that this request comes from another site's page (Sec-Fetch-Site: %s). Pages on other "
        "ports of localhost are other sites here.",
        site != NULL ? site : "several");
    return false;
}

static bool check_browser(const struct api_request *request, const char *path, uint16_t port,
                          struct api_response *response) {
    size_t count;
    const char *host = api_request_header(request, "Host", &count);
    const char *origin;
    char own_origin[64];

    if (host == NULL || !is_own_host(host, port)) {
        problem_set(response, PROBLEM_FORBIDDEN_HOST, NULL, "The Host must be localhost:%u, 127.0.0.1:%u or [::1]:%u.",
                    port, port, port);
        return false;
    }
    snprintf(own_origin, sizeof own_origin, "http://%s", host);
    origin = api_request_header(request, "Origin", &count);
    if (count > 1 || (count == 1 && strcmp(origin, own_origin) != 0)) {
        problem_set(response, PROBLEM_FORBIDDEN_ORIGIN, NULL, "The Origin must be %s, or absent.", own_origin);
        return false;
    }
    return check_site(request, path, response);
}

static bool check_no_browser(const struct api_request *request, struct api_response *response) {
    for (size_t i = 0; i < request->n_headers; i++) {
        const char *name = request->headers[i].name;

        if (strcasecmp(name, "Origin") != 0 && strcasecmp(name, "Referer") != 0 &&
            strncasecmp(name, "Sec-Fetch-", strlen("Sec-Fetch-")) != 0)
            continue;
        problem_set(response, PROBLEM_FORBIDDEN_ORIGIN, NULL,
                    "A request on the Unix socket has no %s header: no browser reaches it.", name);
        return false;
    }
    return true;
}

bool guard_pass(const struct api_request *request, const char *path, uint16_t port, struct api_response *response) {
    if (!check_form(request, response))
        return false;
    return request->transport == API_TCP ? check_browser(request, path, port, response)
                                         : check_no_browser(request, response);
}
