/*
 * Container forwarders: processes that listen on a port of the host on behalf of a container. Their listener is not theirs but the
 * container's, and often root's, whoever started the container.
 */
#ifndef PROBE_FORWARDER_H
#define PROBE_FORWARDER_H

#include <stdbool.h>

#include "probe/process_info.h"

#define FORWARDER_ADDRESS_MAX 64

struct forwarder {
    const char *runtime;                   /* "docker", "podman"; static */
    uint16_t host_port;                    /* from docker-proxy's own arguments; 0: it does not say */
    char container[FORWARDER_ADDRESS_MAX]; /* "172.17.0.2:5432"; "": it does not say */
};

/* Is the process a forwarder (docker-proxy, rootlessport, pasta, slirp4netns, by its name and executable)? If so fills
 * *ret_forwarder. */
bool forwarder_recognise(const struct process_info *info, struct forwarder *ret_forwarder);

/*
 * Calls `take` for each docker-proxy of root's that /proc shows, whoever may look into it: its command line tells which port it forwards, also where
 * its descriptors are hidden. `info` is borrowed. Reads the name of every process. Returns 0 or -errno.
 */
int forwarder_list(void (*take)(void *context, struct process_info *info, const struct forwarder *forwarder),
                   void *context);

/* True for the cgroup of a unit that runs forwarders where their process is hidden: docker.service. */
bool forwarder_is_cgroup(const char *path);

#endif
