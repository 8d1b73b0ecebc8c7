/*
 * Where portd may be found: what is said explicitly, else the well-known places in their order.
 */
#ifndef CLI_ENDPOINT_H
#define CLI_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "cli/problem.h"

struct options;

#define ENDPOINTS_MAX     5
#define ENDPOINT_TEXT_MAX 128

struct endpoint {
    struct sockaddr_storage address;
    socklen_t length;
    char text[ENDPOINT_TEXT_MAX]; /* for a person: the socket's path, or "127.0.0.1:3030" */
};

struct endpoints {
    struct endpoint items[ENDPOINTS_MAX];
    size_t n_items;
    bool explicit_ones; /* from an option or the environment, not the well-known places */
};

/*
 * --socket or --url, else PM_SOCKET, else PM_URL, else $XDG_RUNTIME_DIR/portmanager.sock, ~/.portmanager/portd.sock,
 * /run/portmanager/portd.sock, 127.0.0.1:3030 and [::1]:3030. An empty variable counts as unset.
 * Returns 0 or PROBLEM_E_SET: a path too long for a socket, a URL that is not one of this machine.
 */
int endpoints_find(const struct options *options, struct endpoints *ret_endpoints, struct problem *problem);

/* The well-known places alone, whatever is said explicitly. */
void endpoints_find_well_known(struct endpoints *ret_endpoints);

#endif
