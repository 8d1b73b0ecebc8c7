/*
 * The URL under which a service's web server is reached from this machine.
 */
#ifndef CLI_SERVICE_URL_H
#define CLI_SERVICE_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"

#define SERVICE_URL_MAX 80

struct service_url {
    char url[SERVICE_URL_MAX]; /* "http://localhost:8001" */
    uint16_t port;
    bool listens; /* the service is there */
    char service_name[OPTIONS_NAME_MAX + 1];
};

/*
 * The URL of the service that the invocation's first operand names; of several leases the one that lookup prints. `localhost`,
 * unless the service listens on one address alone to which that does not lead. A service that listens on another port than its own
 * is looked for there, which is told on standard error. Returns 0, or PROBLEM_E_SET: nobody has the name, or somebody else
 * listens on its port.
 */
int service_url_find(const struct invocation *invocation, struct service_url *ret_url, struct problem *problem);

/* The URL of an address and port, as a listener has them; `localhost` for all to which it leads, unless `exact`. What is no
 * address is `localhost`, too. `ret_url` has SERVICE_URL_MAX bytes. */
void service_url_format(const char *address, uint16_t port, bool exact, char *ret_url);

#endif
