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

/* ---- room ---- */

/* Room for so many more, at least. */
#define ROOM_MORE 100

struct stretch {
    unsigned min;
    unsigned max;
};

static unsigned count_usable(const struct port_set *unused, struct stretch stretch) {
    return stretch.max - stretch.min + 1 - count(unused, stretch.min, stretch.max);
}

/* Where the range may grow: it keeps apart from the kernel's ports if it is, and off those below 1024. */
static struct stretch find_bounds(const struct doctor *doctor, unsigned from, unsigned to) {
    const struct stretch range = {doctor->portd.range_min, doctor->portd.range_max};
    struct stretch bounds = {1024, UINT16_MAX};

    if (range.max < from)
        bounds.max = from - 1;
    else if (range.min > to)
        bounds.min = to + 1;
    if (bounds.min > range.min)
        bounds.min = range.min;
    return bounds;
}

/* The range and what is behind it, and if that is too little what is before it. Returns false if it cannot grow. */
static bool widen(const struct doctor *doctor, const struct port_set *unused, struct stretch bounds,
                  struct stretch *ret_wider) {
    const struct stretch range = {doctor->portd.range_min, doctor->portd.range_max};
    unsigned size = range.max - range.min + 1;
    unsigned wanted = count_usable(unused, range) + (size > ROOM_MORE ? size : ROOM_MORE);

    *ret_wider = range;
    while (ret_wider->max < bounds.max && count_usable(unused, *ret_wider) < wanted)
        ret_wider->max++;
    while (ret_wider->min > bounds.min && count_usable(unused, *ret_wider) < wanted)
        ret_wider->min--;
    return count_usable(unused, *ret_wider) > count_usable(unused, range);
}

/* What is longest of the two sides of the kernel's ports. Returns false if that is the range itself, or no more than it. */
static bool find_elsewhere(const struct doctor *doctor, unsigned from, unsigned to, struct stretch *ret_stretch) {
    unsigned size = doctor->portd.range_max - doctor->portd.range_min + 1U;
    unsigned below = from > 1024 ? from - 1024 : 0;
    unsigned above = UINT16_MAX - to;

    *ret_stretch = below >= above ? (struct stretch){1024, from - 1} : (struct stretch){to + 1, UINT16_MAX};
    return (below >= above ? below : above) > size;
}

enum growth { GROWS, MOVES, STAYS };

static enum growth choose_wider(const struct doctor *doctor, const struct port_set *unused, struct stretch *ret_wider) {
    unsigned from;
    unsigned to;

    read_ephemeral(doctor, &from, &to);
    if (widen(doctor, unused, find_bounds(doctor, from, to), ret_wider))
        return GROWS;
    return find_elsewhere(doctor, from, to, ret_wider) ? MOVES : STAYS;
}

/* What portd passes over: what it was told, and what the kernel has reserved unless that is the whole range. */
static void find_unused(const struct doctor *doctor, struct port_set *ret_unused) {
    const struct doctor_portd *portd = &doctor->portd;
    struct port_set reserved;

    read_reserved(doctor, &reserved);
    port_set_clear(ret_unused);
    if (portd->excluded != NULL)
        port_set_parse(ret_unused, portd->excluded, NULL);
    if (port_set_covers(&reserved, portd->range_min, portd->range_max))
        return;
    for (unsigned port = 1; port <= UINT16_MAX; port++)
        if (port_set_has(&reserved, (uint16_t)port))
            port_set_add(ret_unused, (uint16_t)port);
}

/* Of the range: is it short of ports? */
static bool is_short(const struct doctor *doctor, const struct port_set *unused, unsigned *ret_n_usable) {
    *ret_n_usable = count_usable(unused, (struct stretch){doctor->portd.range_min, doctor->portd.range_max});
    return doctor->portd.n_leased_in_range * 100 >= (uint64_t)*ret_n_usable * NEARLY_FULL_PERCENT;
}

/* What a remedy makes of it where it is short. */
static struct stretch find_future_range(const struct doctor *doctor) {
    const struct stretch range = {doctor->portd.range_min, doctor->portd.range_max};
    struct port_set unused;
    struct stretch wider;
    unsigned n_usable;

    find_unused(doctor, &unused);
    return is_short(doctor, &unused, &n_usable) && choose_wider(doctor, &unused, &wider) == GROWS ? wider : range;
}

/* Reserves the range for those who name their port, as it will be, and keeps what is reserved already. The caller's to free();
 * NULL: memory is short. */
static char *format_reserving(const struct doctor *doctor) {
    const struct stretch range = find_future_range(doctor);
    struct port_set wanted;
    char *text;
    char *command = NULL;

    read_reserved(doctor, &wanted);
    port_set_add_range(&wanted, (uint16_t)range.min, (uint16_t)range.max);
    text = format_set(&wanted);
    if (text != NULL && asprintf(&command, "%ssysctl -w " RESERVED "=%s", doctor_as_root(), text) < 0)
        command = NULL;
    free(text);
    return command;
}

static void advise_reserving(struct doctor *doctor) {
    CLEANUP(doctor_free_text_at) char *command = format_reserving(doctor);

    if (command != NULL)
        doctor_advise(doctor, "%s", command);
    else
        doctor->short_of_memory = true;
}

/* ---- the checks ---- */

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

/* portd grants what is reserved only where the whole range is: what it grows by has to be, too. NULL: it need not. */
static char *format_reserving_first(const struct doctor *doctor) {
    CLEANUP(doctor_free_text_at) char *command = NULL;
    struct port_set reserved;
    char *first = NULL;

    read_reserved(doctor, &reserved);
    if (!port_set_covers(&reserved, doctor->portd.range_min, doctor->portd.range_max))
        return NULL;
    command = format_reserving(doctor);
    return command != NULL && asprintf(&first, "%s && ", command) >= 0 ? first : NULL;
}

/* It is said what becomes of the range: there is but one. */
static void say_short(struct doctor *doctor, unsigned n_usable, const struct port_set *unused) {
    unsigned n_leased = (unsigned)doctor->portd.n_leased_in_range;
    bool is_full = n_leased >= n_usable;
    CLEANUP(doctor_free_text_at) char *before = NULL;
    enum growth growth;
    struct stretch wider;
    char then[160] = "";
    char more[64];
    char portctl[DOCTOR_PORTCTL_MAX];

    growth = choose_wider(doctor, unused, &wider);
    if (growth == GROWS)
        snprintf(then, sizeof then, ". This makes the range %u-%u wider: %u-%u", doctor->portd.range_min,
                 doctor->portd.range_max, wider.min, wider.max);
    else if (growth == MOVES)
        snprintf(then, sizeof then,
                 ". The range %u-%u cannot grow: this puts %u-%u in its place. Leases in it stay, but none of it is "
                 "granted any more",
                 doctor->portd.range_min, doctor->portd.range_max, wider.min, wider.max);
    doctor_say(doctor, "room", is_full ? FINDING_ERROR : FINDING_WARNING,
               "%u of the %u ports that portd grants are leased: %s%s", n_leased, n_usable,
               is_full ? "nobody gets another one" : "soon nobody gets another one", then);
    if (growth == STAYS) {
        doctor_advise(doctor, "%s list", doctor_portctl(doctor, false, portctl, sizeof portctl));
        return;
    }
    snprintf(more, sizeof more, " --range %u-%u", wider.min, wider.max);
    if (growth == GROWS)
        before = format_reserving_first(doctor);
    doctor_advise_restart(doctor, &(struct doctor_restart){.before = before, .more = more});
}

void doctor_check_room(struct doctor *doctor) {
    struct port_set unused;
    unsigned n_usable;

    if (!doctor->portd.answers)
        return;
    find_unused(doctor, &unused);
    if (is_short(doctor, &unused, &n_usable))
        say_short(doctor, n_usable, &unused);
    else
        doctor_say(doctor, "room", FINDING_OK, "%u of the %u ports that portd grants are leased",
                   (unsigned)doctor->portd.n_leased_in_range, n_usable);
}
