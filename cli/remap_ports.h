/*
 * Which fixed port is which leased one. Internal to remap.c; pure.
 */
#ifndef CLI_REMAP_PORTS_H
#define CLI_REMAP_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REMAP_PORTS_MAX 64

struct remap_port {
    uint16_t fixed;
    uint16_t leased; /* 0: none could be had, and none is asked for again */
    bool is_told;    /* the user has read of it */
};

struct remap_ports {
    struct remap_port ports[REMAP_PORTS_MAX];
    size_t n_ports;
};

/* The entry of a fixed port, borrowed until the next remap_ports_add(); NULL: there is none. */
struct remap_port *remap_ports_find(struct remap_ports *ports, uint16_t fixed);

/* True if some fixed port lands on this one. */
bool remap_ports_has_leased(const struct remap_ports *ports, uint16_t leased);

/* Adds an entry, which must not be there yet. Returns it, borrowed like that of remap_ports_find(), or NULL: there are
 * REMAP_PORTS_MAX already. */
struct remap_port *remap_ports_add(struct remap_ports *ports, uint16_t fixed, uint16_t leased);

#endif
