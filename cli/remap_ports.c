/*
 * A short list. See remap_ports.h.
 */
#include "cli/remap_ports.h"

struct remap_port *remap_ports_find(struct remap_ports *ports, uint16_t fixed) {
    for (size_t i = 0; i < ports->n_ports; i++)
        if (ports->ports[i].fixed == fixed)
            return &ports->ports[i];
    return NULL;
}

bool remap_ports_has_leased(const struct remap_ports *ports, uint16_t leased) {
    for (size_t i = 0; i < ports->n_ports; i++)
        if (ports->ports[i].leased == leased)
            return true;
    return false;
}

struct remap_port *remap_ports_add(struct remap_ports *ports, uint16_t fixed, uint16_t leased) {
    struct remap_port *port;

    if (ports->n_ports == REMAP_PORTS_MAX)
        return NULL;
    port = &ports->ports[ports->n_ports++];
    *port = (struct remap_port){.fixed = fixed, .leased = leased};
    return port;
}
