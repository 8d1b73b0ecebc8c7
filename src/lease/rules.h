/*
 * Which ports may be granted, before anyone asks the kernel's socket table: the managed range, what the user excluded, what
 * the machine's administrator reserved, what browsers refuse to open, and portd's own port.
 */
#ifndef SRC_LEASE_RULES_H
#define SRC_LEASE_RULES_H

#include "src/base/port_set.h"

#define RULES_SYSCTL_DIR "/proc/sys/net/ipv4"

struct port_rules {
    uint16_t min; /* the managed range, both ends in it */
    uint16_t max;
    struct port_set excluded;
    uint16_t api_port;      /* portd's own; 0: it has none */
    const char *sysctl_dir; /* RULES_SYSCTL_DIR; a test has its own */
};

/* What the kernel's settings say now. */
struct port_settings {
    struct port_set reserved;    /* net.ipv4.ip_local_reserved_ports */
    uint16_t unprivileged_start; /* net.ipv4.ip_unprivileged_port_start */
    uint16_t ephemeral_min;      /* net.ipv4.ip_local_port_range */
    uint16_t ephemeral_max;
};

/*
 * Reads the settings (ip-sysctl.rst). They can change at any time, so they are read for each grant. What cannot be read
 * (an old kernel, a container without /proc/sys) gets the kernel's default: nothing reserved, 1024, 32768-60999.
 */
void port_settings_read(const char *sysctl_dir, struct port_settings *ret_settings);

/* Why an automatic choice passes over a port, and a grant of it by number carries a note. */
enum port_objection {
    PORT_NO_OBJECTION,
    PORT_EXCLUDED, /* by the user */
    PORT_RESERVED, /* in ip_local_reserved_ports, unless that covers the whole managed range: then it keeps ephemeral
                      ports out of the range, which is the administrator's remedy and no objection */
    PORT_BLOCKED,  /* a browser refuses to open it (WHATWG Fetch, "bad port") */
};

enum port_objection port_rules_object(const struct port_rules *rules, const struct port_settings *settings,
                                      uint16_t port);

#endif
