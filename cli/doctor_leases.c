/*
 * doctor: what the snapshot of portd shows to be wrong: conflicts, listeners whose process it cannot see, and times that lie
 * in the future.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "cli/doctor.h"
#include "cli/lease_view.h"
#include "cli/listener_view.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* So many ports stand in a sentence. */
#define PORTS_TOLD 5

/* The clocks of two programs are read a moment apart. */
#define FUTURE_MS 5000

/* ---- conflicts ---- */

static bool is_ignored(const cJSON *finding) {
    bool ignored = false;

    json_get_bool(finding, "ignored", &ignored);
    return ignored;
}

/* Only what can be signalled surely is: a process that was named. */
static void say_conflict(struct doctor *doctor, const cJSON *finding, unsigned port) {
    const char *verdict = "";
    struct listener_view listener;
    struct owner_view owner;
    char portctl[DOCTOR_PORTCTL_MAX];
    size_t length;

    json_get_string(finding, "verdict", &verdict);
    length = strlen(verdict);
    if (length > 0)
        doctor_say(doctor, "conflicts", FINDING_ERROR, "%.*s", (int)(verdict[length - 1] == '.' ? length - 1 : length),
                   verdict);
    else
        doctor_say(doctor, "conflicts", FINDING_ERROR, "port %u has two parties", port);
    if (listener_view_read(cJSON_GetArrayItem(json_get(finding, "listeners"), 0), &listener) &&
        listener_view_first_owner(&listener, &owner))
        doctor_advise(doctor, "%s stop %u --pid %d --yes",
                      doctor_portctl(doctor, owner.has_uid && owner.uid != geteuid(), portctl, sizeof portctl), port,
                      (int)owner.pid);
    else
        doctor_advise(doctor, "%s ignore %u", doctor_portctl(doctor, false, portctl, sizeof portctl), port);
}

void doctor_check_conflicts(struct doctor *doctor) {
    const cJSON *finding;
    unsigned n_told = 0;

    if (doctor->snapshot == NULL)
        return;
    cJSON_ArrayForEach(finding, json_get(doctor->snapshot, "conflicts")) {
        uint64_t port;

        if (is_ignored(finding) || !json_get_number(finding, "port", 1, UINT16_MAX, &port))
            continue;
        say_conflict(doctor, finding, (unsigned)port);
        n_told++;
    }
    if (n_told == 0)
        doctor_say(doctor, "conflicts", FINDING_OK, "no conflicts: nobody else is on a leased port");
}

/* ---- hidden owners ---- */

/* Listeners that are hidden for one reason. */
struct hidden {
    const char *reason;
    const char *why;
    const char *remedy;
    unsigned n;
    char ports[64]; /* the first, for a sentence */
    unsigned first;
};

#define REASONS_MAX 8

static bool matters(const struct doctor *doctor, const struct listener_view *view) {
    bool in_range = view->port >= doctor->portd.range_min && view->port <= doctor->portd.range_max;

    return (in_range || view->service_name != NULL) && view->container == NULL &&
           (view->evidence == NULL || strcmp(view->evidence, "confirmed") != 0);
}

static bool port_is_ignored(const cJSON *snapshot, unsigned port) {
    const cJSON *finding;

    cJSON_ArrayForEach(finding, json_get(snapshot, "squatters")) {
        uint64_t number;

        if (is_ignored(finding) && json_get_number(finding, "port", port, port, &number))
            return true;
    }
    return false;
}

static void count_hidden(struct hidden *hidden, size_t *n_hidden, const struct listener_view *view) {
    struct hidden read = {.reason = "", .why = "", .remedy = ""};
    size_t i = 0;
    size_t used;

    json_get_string(view->hidden, "reason", &read.reason);
    json_get_string(view->hidden, "why", &read.why);
    json_get_string(view->hidden, "remedy", &read.remedy);
    while (i < *n_hidden && strcmp(hidden[i].reason, read.reason) != 0)
        i++;
    if (i == REASONS_MAX)
        return;
    if (i == *n_hidden) {
        hidden[i] = read;
        hidden[i].first = view->port;
        ++*n_hidden;
    }
    used = strlen(hidden[i].ports);
    if (hidden[i].n++ < PORTS_TOLD)
        snprintf(hidden[i].ports + used, sizeof hidden[i].ports - used, "%s%u", used > 0 ? ", " : "", view->port);
}

/* Root sees what another user may not. What is nobody's on this machine nobody sees: one can only say that one knows. */
static void say_hidden(struct doctor *doctor, const struct hidden *hidden) {
    bool root_sees = strcmp(hidden->reason, "other-user") == 0 || strcmp(hidden->reason, "hidepid") == 0 ||
                     strcmp(hidden->reason, "not-dumpable") == 0;
    char more[2 * PATH_MAX + 16] = "";
    char word[DOCTOR_PORTCTL_MAX];

    doctor_say(doctor, "owners", FINDING_WARNING, "%s on port%s %s%s hidden from portd: %s%s%s",
               hidden->n == 1 ? "who listens" : "those who listen", hidden->n == 1 ? "" : "s", hidden->ports,
               hidden->n > PORTS_TOLD ? " and more are"
               : hidden->n == 1       ? " is"
                                      : " are",
               hidden->why, hidden->remedy[0] != '\0' ? "; " : "", hidden->remedy);
    if (!root_sees || doctor->portd.uid == 0) {
        doctor_advise(doctor, "%s ignore %u", doctor_portctl(doctor, false, word, sizeof word), hidden->first);
        return;
    }
    /* Another user's home is not looked into by itself. */
    if (doctor->portd.database != NULL)
        snprintf(more, sizeof more, " --db %s", text_quote_word(doctor->portd.database, word, sizeof word));
    doctor_advise_restart(doctor, &(struct doctor_restart){.more = more, .as_root = true});
}

void doctor_check_owners(struct doctor *doctor) {
    struct hidden hidden[REASONS_MAX] = {{0}};
    size_t n_hidden = 0;
    unsigned n_outside = 0;
    const cJSON *listener;

    if (doctor->snapshot == NULL)
        return;
    cJSON_ArrayForEach(listener, json_get(doctor->snapshot, "listeners")) {
        struct listener_view view;
        const char *reason;

        if (!listener_view_read(listener, &view) || !json_get_string(view.hidden, "reason", &reason) ||
            strcmp(reason, "not-yet") == 0)
            continue;
        if (!matters(doctor, &view))
            n_outside++;
        else if (!port_is_ignored(doctor->snapshot, view.port))
            count_hidden(hidden, &n_hidden, &view);
    }
    for (size_t i = 0; i < n_hidden; i++)
        say_hidden(doctor, &hidden[i]);
    if (n_hidden == 0 && n_outside == 0)
        doctor_say(doctor, "owners", FINDING_OK, "portd sees the process of every listener");
    else if (n_hidden == 0)
        doctor_say(doctor, "owners", FINDING_OK,
                   "portd sees the process of every listener that matters; %u on other ports %s hidden", n_outside,
                   n_outside == 1 ? "is" : "are");
}

/* ---- the clock ---- */

struct early {
    unsigned n;
    unsigned n_ours;
    int64_t furthest_ms;
    char name[OPTIONS_NAME_MAX + 1];
    char ports[512]; /* " 8001 8002" */
};

static void count_early(struct early *early, const cJSON *lease, int64_t now_ms) {
    struct lease_view view;
    const char *heartbeat;
    int64_t at_ms;
    size_t used = strlen(early->ports);

    if (!lease_view_read(lease, &view) || !json_get_string(lease, "last_heartbeat", &heartbeat) ||
        text_parse_time(heartbeat, &at_ms) != 0 || at_ms <= now_ms + FUTURE_MS)
        return;
    early->n++;
    if (at_ms - now_ms > early->furthest_ms) {
        early->furthest_ms = at_ms - now_ms;
        snprintf(early->name, sizeof early->name, "%s", view.service_name);
    }
    if (view.uid != geteuid() && geteuid() != 0)
        return;
    early->n_ours++;
    if (sizeof early->ports - used > sizeof " 65535")
        snprintf(early->ports + used, sizeof early->ports - used, " %u", view.port);
}

/* The kernel knows whether something (NTP) keeps its clock right. */
static bool is_synchronised(void) {
    struct timex timex = {0};

    return adjtimex(&timex) >= 0 && (timex.status & STA_UNSYNC) == 0;
}

void doctor_check_clock(struct doctor *doctor) {
    const struct clock clock = clock_system();
    int64_t now_ms = clock_read(&clock).unix_ms;
    struct early early = {0};
    char portctl[DOCTOR_PORTCTL_MAX];
    char ahead[TEXT_DURATION_MAX];
    const cJSON *lease;

    cJSON_ArrayForEach(lease, json_get(doctor->snapshot, "leases")) count_early(&early, lease, now_ms);
    text_format_duration((uint64_t)(early.furthest_ms / 1000), ahead);
    if (early.n_ours > 0) {
        doctor_say(
            doctor, "clock", FINDING_WARNING,
            "the clock was set back: %s was last heard of %s from now. Leases do not run out earlier or later for "
            "it, but times are shown wrong",
            early.name, ahead);
        doctor_advise(doctor, "%s renew%s", doctor_portctl(doctor, false, portctl, sizeof portctl), early.ports);
    } else if (early.n > 0) {
        doctor_say(doctor, "clock", FINDING_OK,
                   "the clock was set back: other users' leases were last heard of up to %s from now", ahead);
    } else if (is_synchronised()) {
        doctor_say(doctor, "clock", FINDING_OK, "the clock is synchronised");
    } else {
        doctor_say(doctor, "clock", FINDING_OK, "nothing keeps the clock synchronised; leases do not depend on it");
    }
}
