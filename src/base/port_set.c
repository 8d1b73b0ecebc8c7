/* A set of ports: a bit each. */
#include "src/base/port_set.h"

#include <errno.h>
#include <string.h>

void port_set_clear(struct port_set *set) {
    memset(set, 0, sizeof *set);
}

void port_set_add(struct port_set *set, uint16_t port) {
    set->bits[port / 64] |= UINT64_C(1) << (port % 64);
}

void port_set_add_range(struct port_set *set, uint16_t min, uint16_t max) {
    for (unsigned port = min; port <= max; port++)
        port_set_add(set, (uint16_t)port);
}

bool port_set_has(const struct port_set *set, uint16_t port) {
    return (set->bits[port / 64] >> (port % 64) & 1) != 0;
}

bool port_set_covers(const struct port_set *set, uint16_t min, uint16_t max) {
    for (unsigned port = min; port <= max; port++)
        if (!port_set_has(set, (uint16_t)port))
            return false;
    return true;
}

static const char *skip_space(const char *at) {
    return at + strspn(at, " \t\n");
}

/* Returns what follows the number, or NULL if there is none in 1..65535. */
static const char *read_port(const char *at, uint16_t *ret_port) {
    unsigned port = 0;
    size_t n_digits = strspn(at, "0123456789");

    if (n_digits == 0 || n_digits > 5)
        return NULL;
    for (size_t i = 0; i < n_digits; i++)
        port = port * 10 + (unsigned)(at[i] - '0');
    if (port < 1 || port > 65535)
        return NULL;
    *ret_port = (uint16_t)port;
    return at + n_digits;
}

int port_set_parse(struct port_set *set, const char *list, size_t *ret_offset) {
    const char *at = skip_space(list);

    while (*at != '\0') {
        const char *item = at;
        uint16_t min = 0;
        uint16_t max;
        const char *next = read_port(at, &min);

        max = min;
        if (next != NULL && *next == '-') {
            item = next + 1;
            next = read_port(item, &max);
        }
        if (next != NULL && max >= min) {
            at = skip_space(next);
            if (*at == '\0' || *at == ',') {
                port_set_add_range(set, min, max);
                at = skip_space(*at == ',' ? at + 1 : at);
                continue;
            }
            item = at;
        }
        if (ret_offset != NULL)
            *ret_offset = (size_t)(item - list);
        return -EINVAL;
    }
    return 0;
}
