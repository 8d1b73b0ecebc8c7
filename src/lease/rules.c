/* Which ports may be granted, before anyone asks the kernel's socket table. */
#include "src/lease/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"

/* Fetch standard, section 2.9 "Port blocking". */
static const uint16_t blocked_ports[] = {
    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,   25,   37,    42,   43,   53,
    69,   77,   79,   87,   95,   101,  102,  103,  104,  109,  110,  111,  113,  115,   117,  119,  123,
    135,  137,  139,  143,  161,  179,  389,  427,  465,  512,  513,  514,  515,  526,   530,  531,  532,
    540,  548,  554,  556,  563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720,  1723, 2049, 3659,
    4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
};

/* Room for two numbers, and for a list of every second port, the longest there is. The kernel gives a setting to the first
 * read() alone, so there must be room for all of it. */
#define NUMBERS_MAX 64
#define LIST_MAX    ((size_t)256 * 1024)

/* Reads a setting as text. Returns 0 or -errno. */
static int read_setting(const char *sysctl_dir, const char *name, char *ret_text, size_t size) {
    char path[256];
    CLEANUP(fd_close_at) int fd = -1;
    ssize_t n_read;

    snprintf(path, sizeof path, "%s/%s", sysctl_dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    n_read = read(fd, ret_text, size - 1);
    if (n_read < 0)
        return -errno;
    ret_text[n_read] = '\0';
    return 0;
}

/* Reads the `n_ports` numbers that a setting consists of. Returns false if it cannot be read, or has others. */
static bool read_ports(const char *sysctl_dir, const char *name, uint16_t *ret_ports, size_t n_ports) {
    char text[NUMBERS_MAX];
    uint16_t ports[2];
    const char *at = text;

    if (read_setting(sysctl_dir, name, text, sizeof text) < 0)
        return false;
    for (size_t i = 0; i < n_ports; i++) {
        char *end;
        unsigned long number = strtoul(at, &end, 10);

        if (end == at || number > 65535)
            return false;
        ports[i] = (uint16_t)number;
        at = end;
    }
    memcpy(ret_ports, ports, n_ports * sizeof *ports);
    return true;
}

static void free_at(char **text) {
    free(*text);
}

static void read_list(const char *sysctl_dir, const char *name, struct port_set *ret_ports) {
    CLEANUP(free_at) char *text = malloc(LIST_MAX);

    port_set_clear(ret_ports);
    if (text != NULL && read_setting(sysctl_dir, name, text, LIST_MAX) == 0)
        port_set_parse(ret_ports, text, NULL);
}

void port_settings_read(const char *sysctl_dir, struct port_settings *ret_settings) {
    uint16_t ephemeral[2] = {32768, 60999};

    read_list(sysctl_dir, "ip_local_reserved_ports", &ret_settings->reserved);
    ret_settings->unprivileged_start = 1024;
    read_ports(sysctl_dir, "ip_unprivileged_port_start", &ret_settings->unprivileged_start, 1);
    read_ports(sysctl_dir, "ip_local_port_range", ephemeral, 2);
    ret_settings->ephemeral_min = ephemeral[0];
    ret_settings->ephemeral_max = ephemeral[1];
}

static bool is_blocked(uint16_t port) {
    for (size_t i = 0; i < sizeof blocked_ports / sizeof blocked_ports[0]; i++)
        if (blocked_ports[i] == port)
            return true;
    return false;
}

enum port_objection port_rules_object(const struct port_rules *rules, const struct port_settings *settings,
                                      uint16_t port) {
    if (port_set_has(&rules->excluded, port))
        return PORT_EXCLUDED;
    if (port_set_has(&settings->reserved, port) && !port_set_covers(&settings->reserved, rules->min, rules->max))
        return PORT_RESERVED;
    if (is_blocked(port))
        return PORT_BLOCKED;
    return PORT_NO_OBJECTION;
}
