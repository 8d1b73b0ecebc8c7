/* A set of ports: a bit each. */
#ifndef SRC_BASE_PORT_SET_H
#define SRC_BASE_PORT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_set {
    uint64_t bits[65536 / 64];
};

void port_set_clear(struct port_set *set);
void port_set_add(struct port_set *set, uint16_t port);
void port_set_add_range(struct port_set *set, uint16_t min, uint16_t max);
bool port_set_has(const struct port_set *set, uint16_t port);

/* True if every port of min..max is in the set. */
bool port_set_covers(const struct port_set *set, uint16_t min, uint16_t max);

/*
 * Adds a list as people and the kernel write it: "8080,8100-8110" (spaces and a final newline allowed, empty: nothing).
 * Returns 0, or -EINVAL with *ret_offset at the first character that could not be read (a port outside 1..65535 and a
 * range whose end comes before its start included); the set may then hold the ports before it. `ret_offset` may be NULL.
 */
int port_set_parse(struct port_set *set, const char *list, size_t *ret_offset);

#endif
