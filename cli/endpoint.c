/*
 * Where portd may be found. See endpoint.h.
 */
#include "cli/endpoint.h"

#include <arpa/inet.h>
#include <http_parser.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "cli/options.h"

#define TCP_PORT_DEFAULT 3030

static const char *get_variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Returns false if the path is longer than a socket's address can be. */
static bool add_socket(struct endpoints *endpoints, const char *path) {
    struct endpoint *endpoint = &endpoints->items[endpoints->n_items];
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path) + 1);
    memcpy(&endpoint->address, &address, sizeof address);
    endpoint->length = sizeof address;
    snprintf(endpoint->text, sizeof endpoint->text, "%s", path);
    endpoints->n_items++;
    return true;
}

static void add_ipv4(struct endpoints *endpoints, unsigned port) {
    struct endpoint *endpoint = &endpoints->items[endpoints->n_items++];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    memcpy(&endpoint->address, &address, sizeof address);
    endpoint->length = sizeof address;
    snprintf(endpoint->text, sizeof endpoint->text, "127.0.0.1:%u", port);
}

static void add_ipv6(struct endpoints *endpoints, unsigned port) {
    struct endpoint *endpoint = &endpoints->items[endpoints->n_items++];
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    memcpy(&endpoint->address, &address, sizeof address);
    endpoint->length = sizeof address;
    snprintf(endpoint->text, sizeof endpoint->text, "[::1]:%u", port);
}

static int take_socket(struct endpoints *endpoints, const char *path, const char *source, struct problem *problem) {
    endpoints->explicit_ones = true;
    if (add_socket(endpoints, path))
        return 0;
    return problem_fill_usage(problem, "%s: a socket's path has at most %zu bytes", source,
                              sizeof((struct sockaddr_un *)0)->sun_path - 1);
}

static bool field_is(const char *url, const struct http_parser_url *parts, enum http_parser_url_fields field,
                     const char *text) {
    return parts->field_data[field].len == strlen(text) &&
           strncmp(url + parts->field_data[field].off, text, strlen(text)) == 0;
}

static bool has_field(const struct http_parser_url *parts, enum http_parser_url_fields field) {
    return (parts->field_set & (1U << field)) != 0;
}

static int refuse_url(const char *url, const char *source, struct problem *problem) {
    problem_fill_usage(problem, "%s: %s is no address of portd", source, url);
    return problem_set_hint(problem,
                            "portd answers on this machine only: http://localhost:%d, with the port that it has",
                            TCP_PORT_DEFAULT);
}

/* Loopback alone: only there the kernel tells who the server is. The port must be there: whoever leaves it out means 3030,
 * and a URL without one means 80. */
static int take_url(struct endpoints *endpoints, const char *url, const char *source, struct problem *problem) {
    struct http_parser_url parts;

    endpoints->explicit_ones = true;
    http_parser_url_init(&parts);
    if (strlen(url) > 64 || http_parser_parse_url(url, strlen(url), 0, &parts) != 0 || parts.port == 0 ||
        !field_is(url, &parts, UF_SCHEMA, "http") || has_field(&parts, UF_USERINFO) || has_field(&parts, UF_QUERY) ||
        has_field(&parts, UF_FRAGMENT) || (has_field(&parts, UF_PATH) && !field_is(url, &parts, UF_PATH, "/")))
        return refuse_url(url, source, problem);
    if (field_is(url, &parts, UF_HOST, "localhost") || field_is(url, &parts, UF_HOST, "127.0.0.1"))
        add_ipv4(endpoints, parts.port);
    if (field_is(url, &parts, UF_HOST, "localhost") || field_is(url, &parts, UF_HOST, "::1"))
        add_ipv6(endpoints, parts.port);
    return endpoints->n_items > 0 ? 0 : refuse_url(url, source, problem);
}

/* A directory that is not absolute is none (XDG base directory specification), and a path too long for a socket cannot
 * have one. */
static void add_well_known(struct endpoints *endpoints, const char *directory, const char *name) {
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    int length;

    if (directory == NULL || directory[0] != '/')
        return;
    length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length > 0 && (size_t)length < sizeof path)
        add_socket(endpoints, path);
}

void endpoints_find_well_known(struct endpoints *ret_endpoints) {
    *ret_endpoints = (struct endpoints){0};
    add_well_known(ret_endpoints, get_variable("XDG_RUNTIME_DIR"), "portmanager.sock");
    add_well_known(ret_endpoints, get_variable("HOME"), ".portmanager/portd.sock");
    add_well_known(ret_endpoints, "/run/portmanager", "portd.sock");
    add_ipv4(ret_endpoints, TCP_PORT_DEFAULT);
    add_ipv6(ret_endpoints, TCP_PORT_DEFAULT);
}

int endpoints_find(const struct options *options, struct endpoints *ret_endpoints, struct problem *problem) {
    const char *variable;

    *ret_endpoints = (struct endpoints){0};
    if (options->socket != NULL)
        return take_socket(ret_endpoints, options->socket, "--socket", problem);
    if (options->url != NULL)
        return take_url(ret_endpoints, options->url, "--url", problem);
    variable = get_variable("PM_SOCKET");
    if (variable != NULL)
        return take_socket(ret_endpoints, variable, "PM_SOCKET", problem);
    variable = get_variable("PM_URL");
    if (variable != NULL)
        return take_url(ret_endpoints, variable, "PM_URL", problem);
    endpoints_find_well_known(ret_endpoints);
    return 0;
}
