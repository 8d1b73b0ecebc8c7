/*
 * doctor: the managed range beside what the kernel hands out by itself, what is reserved, and how much of it is left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"

#define RANGE_FILE    "sys/net/ipv4/ip_local_port_range"
#define RESERVED_FILE "sys/net/ipv4/ip_local_reserved_ports"
#define RESERVED      "net.ipv4.ip_local_reserved_ports"

/* From here on a range is worth a word. */
#define NEARLY_FULL_PERCENT 90

/* What cannot be read is the kernel's default (ip-sysctl.rst). */
static void read_ephemeral(const struct doctor *doctor, unsigned *ret_min, unsigned *ret_max) {
    CLEANUP(doctor_free_text_at) char *text = doctor_read_proc(doctor, RANGE_FILE);
    char *end = text;
    unsigned long min = text != NULL ? strtoul(text, &end, 10) : 0;
    unsigned long max = text != NULL ? strtoul(end, &end, 10) : 0;
    bool sound = min > 0 && min <= max && max <= UINT16_MAX;

    *ret_min = sound ? (unsigned)min : 32768;
    *ret_max = sound ? (unsigned)max : 60999;
}

static void read_reserved(const struct doctor *doctor, struct port_set *ret_ports) {
    CLEANUP(doctor_free_text_at) char *text = doctor_read_proc(doctor, RESERVED_FILE);

    port_set_clear(ret_ports);
    if (text != NULL)
        port_set_parse(ret_ports, text, NULL);
}

static unsigned count(const struct port_set *set, unsigned min, unsigned max) {
    unsigned n = 0;

    for (unsigned port = min; port <= max; port++)
        n += port_set_has(set, (uint16_t)port) ? 1 : 0;
    return n;
}

/* As the kernel takes it: "8000-9000,9443". The caller's to free(); NULL: memory is short. */
static char *format_set(const struct port_set *set) {
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);

    if (stream == NULL)
        return NULL;
    for (unsigned port = 1; port <= UINT16_MAX; port++) {
        unsigned last = port;

        if (!port_set_has(set, (uint16_t)port))
            continue;
        while (last < UINT16_MAX && port_set_has(set, (uint16_t)(last + 1)))
            last++;
        fprintf(stream, "%s%u", ftell(stream) > 0 ? "," : "", port);
        if (last > port)
            fprintf(stream, "-%u", last);
        port = last;
    }
    return fclose(stream) == 0 ? text : NULL;
}

/* Reserves the range for those who name their port, and keeps what is reserved already. */
static void advise_reserving(struct doctor *doctor) {
    struct port_set wanted;
    char *text;

    read_reserved(doctor, &wanted);
    port_set_add_range(&wanted, doctor->portd.range_min, doctor->portd.range_max);
    text = format_set(&wanted);
    if (text != NULL)
        doctor_advise(doctor, "%ssysctl -w " RESERVED "=%s", doctor_as_root(), text);
    else
        doctor->short_of_memory = true;
    free(text);
}

void doctor_check_range(struct doctor *doctor) {
    unsigned min = doctor->portd.range_min;
    unsigned max = doctor->portd.range_max;
    struct port_set reserved;
    unsigned from;
    unsigned to;

    if (!doctor->portd.answers)
        return;
    read_ephemeral(doctor, &from, &to);
    read_reserved(doctor, &reserved);
    if (max < from || min > to) {
        doctor_say(doctor, "range", FINDING_OK,
                   "the range %u-%u is apart from the ports of outgoing connections, %u-%u", min, max, from, to);
    } else if (port_set_covers(&reserved, (uint16_t)(min > from ? min : from), (uint16_t)(max < to ? max : to))) {
        doctor_say(doctor, "range", FINDING_OK,
                   "the range %u-%u is among the ports of outgoing connections, %u-%u, and reserved from them", min,
                   max, from, to);
    } else {
        doctor_say(
            doctor, "range", FINDING_WARNING,
            "the kernel gives the ports %u-%u to outgoing connections, and the range %u-%u is among them: a leased "
            "port can be taken before its server starts. This reserves it until the next boot; for good it "
            "belongs into /etc/sysctl.d",
            from, to, min, max);
        advise_reserving(doctor);
    }
}

/* Where all of it is reserved portd grants it all the same: then it is what keeps outgoing connections away. */
void doctor_check_reserved(struct doctor *doctor) {
    unsigned min = doctor->portd.range_min;
    unsigned max = doctor->portd.range_max;
    struct port_set reserved;
    struct port_set excluded;
    unsigned n_passed = 0;

    if (!doctor->portd.answers)
        return;
    read_reserved(doctor, &reserved);
    port_set_clear(&excluded);
    if (doctor->portd.excluded != NULL)
        port_set_parse(&excluded, doctor->portd.excluded, NULL);
    for (unsigned port = min; port <= max; port++)
        if (port_set_has(&reserved, (uint16_t)port) && !port_set_has(&excluded, (uint16_t)port))
            n_passed++;
    if (port_set_covers(&reserved, (uint16_t)min, (uint16_t)max)) {
        doctor_say(doctor, "reserved", FINDING_OK, "all of the range %u-%u is reserved for it", min, max);
    } else if (n_passed == 0) {
        doctor_say(doctor, "reserved", FINDING_OK, "none of the range %u-%u is reserved for somebody else", min, max);
    } else {
        doctor_say(doctor, "reserved", FINDING_WARNING,
                   "%u of the %u ports of the range %u-%u are reserved (" RESERVED
                   "), and portd passes over them. Where all of the range is reserved it grants them",
                   n_passed, max - min + 1, min, max);
        advise_reserving(doctor);
    }
}

/* Twice the size: more ports behind the range if they are not the kernel's to give, else another place. Returns false if
 * there is none. */
static bool choose_wider(const struct doctor *doctor, unsigned *ret_min, unsigned *ret_max) {
    unsigned size = 2U * (doctor->portd.range_max - doctor->portd.range_min + 1U);
    unsigned from;
    unsigned to;

    read_ephemeral(doctor, &from, &to);
    for (unsigned min = doctor->portd.range_min; min > 0; min = min < 10000 ? 10000 : min + 5000) {
        unsigned max = min + size - 1;

        if (max > UINT16_MAX)
            break;
        if (max < from || min > to) {
            *ret_min = min;
            *ret_max = max;
            return true;
        }
    }
    *ret_min = 1024;
    *ret_max = from > 1024 ? from - 1 : UINT16_MAX;
    return *ret_max - *ret_min + 1 > size / 2;
}

static void advise_wider(struct doctor *doctor) {
    unsigned min;
    unsigned max;
    char more[64];
    char portctl[DOCTOR_PORTCTL_MAX];
    char restart[DOCTOR_COMMAND_MAX];

    if (!choose_wider(doctor, &min, &max)) {
        doctor_advise(doctor, "%s list", doctor_portctl(doctor, false, portctl, sizeof portctl));
        return;
    }
    snprintf(more, sizeof more, " --range %u-%u", min, max);
    doctor_restart_command(doctor, &(struct doctor_restart){.more = more}, restart, sizeof restart);
    doctor_advise(doctor, "%s", restart);
}

void doctor_check_room(struct doctor *doctor) {
    const struct doctor_portd *portd = &doctor->portd;
    unsigned size = portd->range_max - portd->range_min + 1U;
    struct port_set reserved;
    struct port_set unused;
    unsigned n_usable;

    if (!portd->answers)
        return;
    read_reserved(doctor, &reserved);
    port_set_clear(&unused);
    if (portd->excluded != NULL)
        port_set_parse(&unused, portd->excluded, NULL);
    if (!port_set_covers(&reserved, portd->range_min, portd->range_max))
        for (unsigned port = portd->range_min; port <= portd->range_max; port++)
            if (port_set_has(&reserved, (uint16_t)port))
                port_set_add(&unused, (uint16_t)port);
    n_usable = size - count(&unused, portd->range_min, portd->range_max);
    if (portd->n_leased_in_range * 100 < (uint64_t)n_usable * NEARLY_FULL_PERCENT) {
        doctor_say(doctor, "room", FINDING_OK, "%u of the %u ports that portd grants are leased",
                   (unsigned)portd->n_leased_in_range, n_usable);
        return;
    }
    doctor_say(doctor, "room", portd->n_leased_in_range >= n_usable ? FINDING_ERROR : FINDING_WARNING,
               "%u of the %u ports that portd grants are leased: %s", (unsigned)portd->n_leased_in_range, n_usable,
               portd->n_leased_in_range >= n_usable ? "nobody gets another one" : "soon nobody gets another one");
    advise_wider(doctor);
}
