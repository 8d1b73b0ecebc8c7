/*
 * doctor: is there a portd, and is it of this version? What it says of itself is read here, once, for all checks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/doctor.h"
#include "probe/proc_file.h"
#include "src/base/json.h"
#include "src/base/text.h"

static char *copy_string(const cJSON *object, const char *key) {
    const char *text;

    return json_get_string(object, key, &text) ? strdup(text) : NULL;
}

/* "http://127.0.0.1:3030", "http://[::1]:3030" */
static void read_addresses(const cJSON *status, struct doctor_portd *portd) {
    const cJSON *address;

    cJSON_ArrayForEach(address, json_get(status, "addresses")) {
        const char *colon = cJSON_IsString(address) ? strrchr(address->valuestring, ':') : NULL;
        uint64_t port;

        if (colon == NULL || text_parse_number(colon + 1, 1, UINT16_MAX, &port) != 0)
            continue;
        portd->port = (uint16_t)port;
        if (strchr(address->valuestring, '[') != NULL)
            portd->has_ipv6 = true;
        else
            portd->has_ipv4 = true;
    }
}

/* Remedies end this process, so its pid is not taken on anybody's word: the kernel's counts, and where it tells none (TCP)
 * the process is at least called portd. */
static bool is_portd(pid_t pid, pid_t kernel_pid) {
    CLEANUP(fd_close_at) int fd = -1;
    struct proc_stat stat;

    if (kernel_pid != 0)
        return pid == kernel_pid;
    fd = proc_open_process(pid);
    return fd >= 0 && proc_read_stat(fd, &stat) == 0 && strcmp(stat.name, "portd") == 0;
}

/* Returns false if a portd would never say this. */
static bool read_status(const cJSON *status, pid_t kernel_pid, struct doctor_portd *portd) {
    const cJSON *range = json_get(status, "range");
    uint64_t min;
    uint64_t max;
    uint64_t pid;
    uint64_t uid;

    if (!json_get_number(status, "pid", 1, INT32_MAX, &pid) || !json_get_number(status, "uid", 0, UINT32_MAX, &uid) ||
        !json_get_number(range, "min", 1, UINT16_MAX, &min) || !json_get_number(range, "max", min, UINT16_MAX, &max))
        return false;
    portd->version = copy_string(status, "version");
    if (portd->version == NULL)
        return false;
    portd->answers = true;
    portd->pid = portd->shares_pids && is_portd((pid_t)pid, kernel_pid) ? (pid_t)pid : 0;
    portd->uid = (uid_t)uid;
    portd->range_min = (uint16_t)min;
    portd->range_max = (uint16_t)max;
    portd->database = copy_string(status, "database");
    portd->socket = copy_string(status, "socket");
    portd->excluded = copy_string(status, "excluded");
    portd->sees_bound = true;
    json_get_bool(status, "sees_bound_sockets", &portd->sees_bound);
    json_get_number(status, "n_leased_in_range", 0, UINT16_MAX, &portd->n_leased_in_range);
    read_addresses(status, portd);
    return true;
}

/* portd looks for a new listener's process a moment after it has seen the listener. */
#define LOOKS_MAX     10
#define LOOK_EVERY_MS 100

static bool is_looked_for(const cJSON *listeners) {
    const cJSON *listener;

    cJSON_ArrayForEach(listener, listeners) {
        const char *reason;

        if (json_get_string(json_get(listener, "hidden"), "reason", &reason) && strcmp(reason, "not-yet") == 0)
            return true;
    }
    return false;
}

static int call_snapshot(struct doctor *doctor, struct client *client, struct problem *problem) {
    const struct patience patience = {.deadline_ms = patience_now_ms() + doctor->patience_ms, .interrupt_fd = -1};

    for (unsigned n_looks = 0;; n_looks++) {
        cJSON *snapshot = NULL;
        int r = client_call(client, "/snapshot", NULL, doctor->patience_ms, &snapshot, problem);

        if (r != 0)
            return doctor->snapshot != NULL ? 0 : r;
        cJSON_Delete(doctor->snapshot);
        doctor->snapshot = snapshot;
        if (!is_looked_for(json_get(snapshot, "listeners")) || n_looks == LOOKS_MAX ||
            patience_pause(LOOK_EVERY_MS, &patience) < 0)
            return 0;
    }
}

static void read_snapshot(struct doctor *doctor, struct client *client) {
    struct problem problem = {0};

    if (call_snapshot(doctor, client, &problem) != 0) {
        doctor_say(doctor, "portd", FINDING_WARNING, "portd tells of itself, but not of its ports: %s", problem.detail);
        doctor_advise_restart(doctor, &(struct doctor_restart){0});
    }
    problem_deinit(&problem);
    doctor->portd.command = copy_string(json_get(doctor->snapshot, "portd"), "command");
    doctor_settle_command(doctor);
}

/* Where to look is said wrongly. What stands on the command line was refused before. */
static void say_wrong_variable(struct doctor *doctor, const struct problem *problem) {
    doctor_say(doctor, "portd", FINDING_ERROR, "%s", problem->detail);
    doctor_advise(doctor, "unset %s", doctor_variable("PM_SOCKET") != NULL ? "PM_SOCKET" : "PM_URL");
}

static void ask(struct doctor *doctor, struct client *client, const struct endpoints *endpoints) {
    CLEANUP(json_free_at) cJSON *status = NULL;
    struct problem problem = {0};
    int r = client_call(client, "/status", NULL, doctor->patience_ms, &status, &problem);

    doctor->portd.shares_pids = client_shares_pids(client);
    if (r == 0 && !read_status(status, client_server_pid(client), &doctor->portd))
        r = problem_fill(&problem, EXIT_UNREACHABLE, "bad-reply", "what answers at %s is no portd: it does not say %s",
                         client_server(client), "what a portd says of itself");
    if (r == 0) {
        if (doctor->portd.pid != 0)
            doctor_find_unit(doctor, doctor->portd.pid);
        doctor_say(doctor, "portd", FINDING_OK, "portd %s answers at %s", doctor->portd.version, client_server(client));
        read_snapshot(doctor, client);
        doctor_check_folder(doctor, client_server(client));
        doctor_check_gone_socket(doctor);
    }
    doctor_explain_sockets(doctor, endpoints, r == 0 ? NULL : &problem);
    problem_deinit(&problem);
}

void doctor_check_portd(struct doctor *doctor) {
    CLEANUP(client_close_at) struct client *client = NULL;
    struct endpoints endpoints;
    struct problem problem = {0};

    if (endpoints_find(doctor->options, &endpoints, &problem) != 0)
        say_wrong_variable(doctor, &problem);
    else if (client_open(doctor->options, &client, &problem) != 0)
        doctor->short_of_memory = true;
    else
        ask(doctor, client, &endpoints);
    problem_deinit(&problem);
}

/* ---- its version ---- */

/* The folder of a program that runs; "" if it is hidden. PATH_MAX bytes. */
static void folder_of(const char *link, char *ret_folder) {
    ssize_t length = readlink(link, ret_folder, PATH_MAX - 1);
    char *slash;

    ret_folder[length > 0 ? length : 0] = '\0';
    slash = strrchr(ret_folder, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* Does it run from where this portctl is? Then the program there is the new one already. */
static bool is_own_folder(pid_t pid) {
    char link[64];
    char folder[PATH_MAX];
    char own[PATH_MAX];

    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    folder_of(link, folder);
    folder_of("/proc/self/exe", own);
    return strcmp(folder, own) == 0;
}

/* The portctl that came with a newer portd lies beside it. Returns false if it does not. */
static bool say_newer(struct doctor *doctor) {
    char link[64];
    char folder[PATH_MAX];
    char own[PATH_MAX];
    char program[PATH_MAX + 16];
    char word[2 * PATH_MAX];

    snprintf(link, sizeof link, "/proc/%d/exe", (int)doctor->portd.pid);
    folder_of(link, folder);
    folder_of("/proc/self/exe", own);
    snprintf(program, sizeof program, "%s/portctl", folder);
    if (folder[0] == '\0' || strcmp(folder, own) == 0 || access(program, X_OK) != 0)
        return false;
    doctor_say(doctor, "version", FINDING_WARNING, "portd is of version %s, newer than portctl's %s",
               doctor->portd.version, PM_VERSION);
    doctor_advise(doctor, "export PATH=%s:\"$PATH\"", text_quote_word(folder, word, sizeof word));
    return true;
}

/* The portd that came with this portctl: beside it, or on the PATH. */
static void advise_older(struct doctor *doctor) {
    char own[PATH_MAX];
    char program[PATH_MAX + 16];
    char word[2 * PATH_MAX + 16];
    char command[DOCTOR_COMMAND_MAX];
    const char *arguments = doctor->portd.command != NULL ? strchr(doctor->portd.command, ' ') : NULL;
    const bool was_replaced = is_own_folder(doctor->portd.pid);

    folder_of("/proc/self/exe", own);
    snprintf(program, sizeof program, "%s/portd", own);
    if (access(program, X_OK) != 0)
        snprintf(program, sizeof program, "portd");
    snprintf(command, sizeof command, "%s%s", text_quote_word(program, word, sizeof word),
             arguments != NULL ? arguments : "");
    free(doctor->portd.command);
    doctor->portd.command = strdup(command); /* for whatever else is to be started anew */
    doctor_advise_restart(doctor, &(struct doctor_restart){.other_program = !was_replaced});
}

void doctor_check_version(struct doctor *doctor) {
    const char *version = doctor->portd.version;
    int order;

    if (!doctor->portd.answers)
        return;
    order = strverscmp(version, PM_VERSION);
    if (order == 0) {
        doctor_say(doctor, "version", FINDING_OK, "portd and portctl are both of version %s", PM_VERSION);
    } else if (order > 0) {
        /* Without one there is nothing to mend: all that this one knows works as it did. */
        if (!say_newer(doctor))
            doctor_say(doctor, "version", FINDING_OK,
                       "portd is of version %s, newer than portctl's %s: portctl does not know what is new in it",
                       version, PM_VERSION);
    } else {
        doctor_say(doctor, "version", FINDING_WARNING, "portd is of version %s, older than portctl's %s", version,
                   PM_VERSION);
        advise_older(doctor);
    }
}
