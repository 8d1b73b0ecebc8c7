/*
 * doctor: network namespaces. Each has ports of its own, and portd sees those of its own alone: what runs in a container listens
 * elsewhere, unless the container shares the machine's network or its port is published.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "probe/cgroup.h"
#include "probe/proc_file.h"
#include "probe/sock_diag.h"
#include "src/base/text.h"

#define SPACES_MAX  512
#define SPACE_MAX   32 /* "[4026531840]" */
#define PORTS_TOLD  5
#define LISTEN_WORD "0A" /* TCP_LISTEN, as /proc/net/tcp writes it */

struct space {
    char id[SPACE_MAX];
    pid_t pid; /* somebody in it */
};

/* Returns false if it is hidden, or the process has ended. */
static bool read_space(const struct doctor *doctor, const char *process, char *ret_id) {
    char path[PATH_MAX];
    char link[64];
    ssize_t length;

    snprintf(path, sizeof path, "%s/%s/ns/net", doctor->proc, process);
    length = readlink(path, link, sizeof link - 1);
    if (length <= 4)
        return false;
    link[length] = '\0';
    snprintf(ret_id, SPACE_MAX, "%.*s", SPACE_MAX - 1, link + 4); /* behind "net:" */
    return true;
}

/* ---- portd's own ---- */

/* Its process may be hidden from us; its TCP address is not. Returns true if that is not here. */
static bool has_no_address_here(const struct doctor *doctor) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};

    return doctor->portd.port != 0 && sock_diag_new(&diag) == 0 &&
           sock_diag_dump(diag, SOCK_DIAG_LISTEN, doctor->portd.port, &list) == 0 && list.n_items == 0;
}

bool doctor_is_elsewhere(const struct doctor *doctor) {
    char own[SPACE_MAX];
    char process[24];
    char id[SPACE_MAX];

    if (!doctor->portd.answers || !read_space(doctor, "self", own))
        return false;
    snprintf(process, sizeof process, "%d", (int)doctor->portd.pid);
    if (doctor->portd.pid != 0 && read_space(doctor, process, id))
        return strcmp(id, own) != 0;
    return has_no_address_here(doctor);
}

static void say_elsewhere(struct doctor *doctor, const char *own) {
    char home[PATH_MAX];
    char base[PATH_MAX + 64];
    char word[2 * PATH_MAX + 64];
    unsigned long number = strtoul(own + strspn(own, "["), NULL, 10);

    doctor_say(doctor, "namespaces", FINDING_ERROR,
               "portd lives in another network namespace than you: the ports that it grants are not those of this one");
    snprintf(base, sizeof base, "%s/.portmanager/net-%lu", doctor_home(home), number);
    text_quote_word(base, word, sizeof word);
    doctor_advise(doctor, "export PM_SOCKET=%s.sock; portd --db %s.db%s &", word, word,
                  doctor->has_stranger ? " --port 0" : "");
}

/* ---- others ---- */

/* A process for each namespace but our own. Returns how many there are. */
static size_t find_spaces(const struct doctor *doctor, const char *own, struct space *spaces) {
    DIR *dir = opendir(doctor->proc);
    size_t n = 0;
    const struct dirent *entry;

    if (dir == NULL)
        return 0;
    while (n < SPACES_MAX && (entry = readdir(dir)) != NULL) {
        char id[SPACE_MAX];
        bool known;

        if (!proc_is_number(entry->d_name) || !read_space(doctor, entry->d_name, id))
            continue;
        known = strcmp(id, own) == 0;
        for (size_t i = 0; i < n && !known; i++)
            known = strcmp(id, spaces[i].id) == 0;
        if (known)
            continue;
        snprintf(spaces[n].id, sizeof spaces[n].id, "%s", id);
        spaces[n++].pid = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(dir);
    return n;
}

/* A line of /proc/PID/net/tcp: "  0: 0100007F:1F40 00000000:0000 0A ...". */
static void add_line(const char *line, struct port_set *ports) {
    unsigned long port;
    const char *colon = strchr(line, ':');
    const char *state;

    colon = colon != NULL ? strchr(colon + 1, ':') : NULL;
    if (colon == NULL)
        return;
    port = strtoul(colon + 1, NULL, 16);
    state = strchr(colon, ' ');
    state = state != NULL ? strchr(state + 1, ' ') : NULL;
    if (port > 0 && port <= UINT16_MAX && state != NULL && strncmp(state + 1, LISTEN_WORD, 2) == 0)
        port_set_add(ports, (uint16_t)port);
}

static void add_ports(const struct doctor *doctor, pid_t pid, const char *table, struct port_set *ports) {
    char name[48];
    CLEANUP(doctor_free_text_at) char *text = NULL;
    char *rest;

    snprintf(name, sizeof name, "%d/net/%s", (int)pid, table);
    text = doctor_read_proc(doctor, name);
    rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        add_line(line, ports);
}

static bool is_container(const struct doctor *doctor, pid_t pid) {
    char name[32];
    CLEANUP(doctor_free_text_at) char *text = NULL;
    CLEANUP(doctor_free_text_at) char *path = NULL;
    struct cgroup_names names;

    snprintf(name, sizeof name, "%d/cgroup", (int)pid);
    text = doctor_read_proc(doctor, name);
    if (text == NULL || cgroup_choose(text, &path) < 0)
        return false;
    cgroup_parse(path, &names);
    return names.runtime[0] != '\0';
}

/* Those that portd would grant although somebody in a container has them there. */
static unsigned choose_ports(const struct doctor *doctor, const struct port_set *elsewhere, char *ret_words,
                             size_t size, char *ret_list, size_t list_size) {
    struct port_set excluded;
    unsigned n = 0;

    port_set_clear(&excluded);
    if (doctor->portd.excluded != NULL)
        port_set_parse(&excluded, doctor->portd.excluded, NULL);
    ret_words[0] = '\0';
    snprintf(ret_list, list_size, "%s", doctor->portd.excluded != NULL ? doctor->portd.excluded : "");
    for (unsigned port = doctor->portd.range_min; port <= doctor->portd.range_max; port++) {
        size_t used = strlen(ret_words);
        size_t listed = strlen(ret_list);

        if (!port_set_has(elsewhere, (uint16_t)port) || port_set_has(&excluded, (uint16_t)port))
            continue;
        if (n++ < PORTS_TOLD)
            snprintf(ret_words + used, size - used, "%s%u", used > 0 ? ", " : "", port);
        snprintf(ret_list + listed, list_size - listed, "%s%u", listed > 0 ? "," : "", port);
    }
    return n;
}

static void say_others(struct doctor *doctor, const struct space *spaces, size_t n_spaces) {
    struct port_set ports;
    unsigned n_containers = 0;
    unsigned n_ports = 0;
    char words[64];
    char list[4096];
    char more[sizeof list + 16];

    port_set_clear(&ports);
    for (size_t i = 0; i < n_spaces; i++) {
        add_ports(doctor, spaces[i].pid, "tcp", &ports);
        add_ports(doctor, spaces[i].pid, "tcp6", &ports);
        n_containers += is_container(doctor, spaces[i].pid) ? 1 : 0;
    }
    if (doctor->portd.answers)
        n_ports = choose_ports(doctor, &ports, words, sizeof words, list, sizeof list);
    if (n_ports == 0) {
        doctor_say(
            doctor, "namespaces", FINDING_OK,
            "portd does not see into %zu other network namespace%s (%u of containers), and nobody in there listens "
            "on a port that it grants",
            n_spaces, n_spaces == 1 ? "" : "s", n_containers);
        return;
    }
    doctor_say(
        doctor, "namespaces", FINDING_WARNING,
        "in %zu other network namespace%s (%u of containers), which portd does not see, somebody listens on %s%s: "
        "portd may grant %s here to somebody else",
        n_spaces, n_spaces == 1 ? "" : "s", n_containers, words, n_ports > PORTS_TOLD ? " and more" : "",
        n_ports == 1 ? "it" : "them");
    snprintf(more, sizeof more, " --exclude %s", list);
    doctor_advise_restart(doctor, &(struct doctor_restart){.more = more});
}

void doctor_check_namespaces(struct doctor *doctor) {
    struct space *spaces = calloc(SPACES_MAX, sizeof *spaces);
    char own[SPACE_MAX];
    size_t n_spaces;

    if (spaces == NULL || !read_space(doctor, "self", own)) {
        doctor->short_of_memory = doctor->short_of_memory || spaces == NULL;
        free(spaces);
        return;
    }
    n_spaces = find_spaces(doctor, own, spaces);
    if (doctor_is_elsewhere(doctor))
        say_elsewhere(doctor, own);
    else if (n_spaces > 0)
        say_others(doctor, spaces, n_spaces);
    else
        doctor_say(doctor, "namespaces", FINDING_OK, "there is no other network namespace that you may look into");
    free(spaces);
}
