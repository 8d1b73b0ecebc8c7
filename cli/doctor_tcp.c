/*
 * doctor: does somebody else sit where portd's TCP address would be? A browser, curl and whoever has no Unix socket go there.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"
#include "probe/owner_walk.h"
#include "probe/sock_diag.h"

#define OWNER_SEARCH_FDS 200000

/* Would a connection to 127.0.0.1 (or ::1) land there? */
static bool serves(const struct listener *listener, bool ipv6) {
    char address[LISTENER_ADDRESS_MAX];

    listener_format_address(listener, address);
    if (ipv6)
        return strcmp(address, "::1") == 0 || strcmp(address, "::") == 0;
    return strcmp(address, "127.0.0.1") == 0 || strcmp(address, "0.0.0.0") == 0 ||
           (strcmp(address, "::") == 0 && !listener->v6only);
}

static void find_owner(const struct listener *listener, struct owner_result *ret_result) {
    const struct owner_wanted wanted = {.inode = listener->inode, .uid = listener->uid};

    if (owner_walk(&wanted, 1, NULL, OWNER_SEARCH_FDS, ret_result) < 0)
        *ret_result = (struct owner_result){0};
}

/* A portd that hangs, and an original that is to be ended, are not in the way of one that is started in their place. */
static bool is_spoken_for(const struct doctor *doctor, const struct listener *listener) {
    CLEANUP(owner_result_deinit) struct owner_result result = {0};
    pid_t pid;

    if (doctor->broken_pid == 0 && doctor->original_pid == 0 && (doctor->portd.answers || doctor->portd.pid == 0))
        return false;
    find_owner(listener, &result);
    if (result.n_answers == 0 || result.answers[0].n_owners == 0)
        return false;
    pid = result.answers[0].owners[0]->id.pid;
    return pid == doctor->broken_pid || pid == doctor->original_pid || pid == doctor->portd.pid;
}

/* Returns true if somebody who is not portd has one of the two addresses. A portd that has 127.0.0.1 has it alone. */
static bool find(const struct doctor *doctor, struct listener *ret_listener) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    const struct doctor_portd *portd = &doctor->portd;
    bool ours = portd->answers && portd->port == DOCTOR_PORT && !doctor_is_elsewhere(doctor);

    if (sock_diag_new(&diag) < 0 || sock_diag_dump(diag, SOCK_DIAG_LISTEN, DOCTOR_PORT, &list) < 0)
        return false;
    for (size_t i = 0; i < list.n_items; i++) {
        bool takes_ipv4 = serves(&list.items[i], false) && !(ours && portd->has_ipv4);
        bool takes_ipv6 = serves(&list.items[i], true) && !(ours && portd->has_ipv6);

        if ((!takes_ipv4 && !takes_ipv6) || is_spoken_for(doctor, &list.items[i]))
            continue;
        *ret_listener = list.items[i];
        return true;
    }
    return false;
}

static void name(const struct listener *listener, char *ret_words, size_t size) {
    CLEANUP(owner_result_deinit) struct owner_result result = {0};

    find_owner(listener, &result);
    if (result.n_answers > 0 && result.answers[0].n_owners > 0)
        snprintf(ret_words, size, "%s (pid %d)", result.answers[0].owners[0]->name,
                 (int)result.answers[0].owners[0]->id.pid);
    else
        snprintf(ret_words, size, "a process of uid %u that is hidden from you", (unsigned)listener->uid);
}

/* Whoever is there is in the way of a portd that is started. */
void doctor_find_stranger(struct doctor *doctor) {
    struct listener listener;

    doctor->has_stranger = find(doctor, &listener);
}

uint16_t doctor_free_tcp_port(void) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;

    if (sock_diag_new(&diag) < 0)
        return 0;
    for (uint16_t port = DOCTOR_PORT + 1; port < DOCTOR_PORT + 100; port++) {
        CLEANUP(listener_list_deinit) struct listener_list list = {0};

        if (sock_diag_dump(diag, SOCK_DIAG_LISTEN, port, &list) == 0 && list.n_items == 0)
            return port;
    }
    return 0;
}

static void say_address(struct doctor *doctor) {
    const struct doctor_portd *portd = &doctor->portd;

    if (portd->port == 0)
        doctor_say(doctor, "tcp", FINDING_OK, "portd has no TCP address, and is not to have one (--port 0)");
    else if (doctor_is_elsewhere(doctor))
        doctor_say(doctor, "tcp", FINDING_OK,
                   "portd's page and its API are at port %u of its own network namespace, not at localhost here",
                   portd->port);
    else
        doctor_say(doctor, "tcp", FINDING_OK, "portd's page and its API are at http://localhost:%u/", portd->port);
}

void doctor_check_tcp(struct doctor *doctor) {
    struct listener listener;
    char who[96];
    char more[32];
    bool taken = find(doctor, &listener);

    doctor->has_stranger = taken;
    if (doctor->portd.answers && (!taken || doctor->portd.port != DOCTOR_PORT || doctor_is_elsewhere(doctor))) {
        say_address(doctor);
        return;
    }
    /* One that hangs is started again with the port that it had. */
    if (doctor->another_answers || doctor->own_is_advised || doctor->broken_pid != 0 ||
        (!doctor->portd.answers && doctor->portd.pid != 0))
        return;
    if (!taken) {
        doctor_say(doctor, "tcp", FINDING_OK, "port %u is free for portd", DOCTOR_PORT);
        return;
    }
    name(&listener, who, sizeof who);
    if (doctor->portd.answers) {
        doctor_say(doctor, "tcp", FINDING_WARNING,
                   "%s listens on port %u, too: who asks for localhost:%u may reach it instead of portd", who,
                   DOCTOR_PORT, DOCTOR_PORT);
        snprintf(more, sizeof more, " --port %u", doctor_free_tcp_port());
    } else {
        doctor_say(doctor, "tcp", FINDING_ERROR, "port %u, which portd would have, is taken by %s", DOCTOR_PORT, who);
        more[0] = '\0'; /* a start chooses another by itself */
    }
    doctor_advise_restart(doctor, &(struct doctor_restart){.more = more});
}
