/*
 * Container forwarders, known by the names of their programs. Any process can call itself anything (prctl(2)), so the executable must
 * have the name too where it can be seen; root's processes are believed.
 */
#include "probe/forwarder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/cgroup.h"
#include "probe/fd.h"
#include "probe/proc_file.h"

/* Who forwards, and for whom. A program that runs itself again is "exe" by name. */
static const struct program {
    const char *name, *runtime;
    bool is_passt; /* it forwards for a container only if it was called as pasta */
} programs[] = {
    {"docker-proxy", "docker", false}, {"rootlesskit", "docker", false}, {"rootlessport", "podman", false},
    {"slirp4netns", "podman", false},  {"pasta", "podman", false},       {"pasta.avx2", "podman", false},
    {"passt", "podman", true},         {"passt.avx2", "podman", true},
};

static const struct program *find_program(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
        if (strlen(programs[i].name) == length && memcmp(programs[i].name, name, length) == 0)
            return &programs[i];
    return NULL;
}

/* The program of that name; rootlessport's child calls itself "rootlessport-child", of which the kernel keeps 15 characters. */
static const struct program *find_by_name(const char *name) {
    const char *whole = strcmp(name, "rootlessport-ch") == 0 ? "rootlessport" : name;
    return find_program(whole, strlen(whole));
}

/* An executable that was replaced by an upgrade while it runs is "/usr/bin/pasta (deleted)". */
static const struct program *find_by_executable(const char *path) {
    static const char deleted[] = " (deleted)";
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > strlen(deleted) && strcmp(base + length - strlen(deleted), deleted) == 0)
        length -= strlen(deleted);
    return find_program(base, length);
}

/* pasta is passt by another name, as which it is called. */
static bool is_called_pasta(const char *command) {
    const size_t length = strcspn(command, " ");
    const char *base = command;
    for (const char *c = command; c < command + length; c++)
        if (*c == '/')
            base = c + 1;
    return strncmp(base, "pasta", strlen("pasta")) == 0;
}

static const struct program *recognise(const struct process_info *info) {
    const struct program *by_name = find_by_name(info->name);
    if (!info->executable)
        return by_name;
    const struct program *by_executable = find_by_executable(info->executable);
    if (by_executable && (by_name || strcmp(info->name, "exe") == 0))
        return by_executable;
    return info->uid == 0 ? by_name : NULL;
}

/* The value of an argument: what follows " -host-port ". docker-proxy's values have no white space. */
static bool find_argument(const char *command, const char *name, char *ret_value, size_t size) {
    char needle[32];
    snprintf(needle, sizeof(needle), " -%s ", name);
    const char *found = strstr(command, needle);
    if (!found)
        return false;
    const char *value = found + strlen(needle);
    const size_t length = strcspn(value, " ");
    if (length == 0 || length >= size)
        return false;
    memcpy(ret_value, value, length);
    ret_value[length] = '\0';
    return true;
}

static uint16_t find_port(const char *command, const char *name) {
    char text[8];
    if (!find_argument(command, name, text, sizeof(text)) || text[strspn(text, "0123456789")] != '\0')
        return 0;
    const unsigned long port = strtoul(text, NULL, 10);
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static void read_arguments(const char *command, struct forwarder *forwarder) {
    char address[FORWARDER_ADDRESS_MAX - sizeof("[]:65535") + 1];
    forwarder->host_port = find_port(command, "host-port");
    const uint16_t port = find_port(command, "container-port");
    if (port == 0 || !find_argument(command, "container-ip", address, sizeof(address)))
        return;
    const bool is_ipv6 = strchr(address, ':') != NULL;
    snprintf(forwarder->container, sizeof(forwarder->container), is_ipv6 ? "[%s]:%u" : "%s:%u", address, port);
}

bool forwarder_recognise(const struct process_info *info, struct forwarder *ret_forwarder) {
    const struct program *program = recognise(info);
    if (!program || (program->is_passt && !is_called_pasta(info->command)))
        return false;
    struct forwarder forwarder = {.runtime = program->runtime};
    if (strcmp(program->name, "docker-proxy") == 0)
        read_arguments(info->command, &forwarder);
    *ret_forwarder = forwarder;
    return true;
}

/* Root's: what another user calls docker-proxy is his own affair. */
static int look_at(pid_t pid, void (*take)(void *context, struct process_info *info, const struct forwarder *forwarder),
                   void *context) {
    CLEANUP(process_info_unref_at) struct process_info *info = NULL;
    struct forwarder forwarder;
    int r = process_info_read(pid, NULL, &info);
    if (r != 0)
        return proc_is_scarcity(r) ? r : 0;
    if (info->uid == 0 && forwarder_recognise(info, &forwarder) && forwarder.host_port != 0)
        take(context, info, &forwarder);
    return 0;
}

int forwarder_list(void (*take)(void *context, struct process_info *info, const struct forwarder *forwarder),
                   void *context) {
    CLEANUP(proc_close_dir_at) DIR *dir = NULL;
    int r = proc_open_dir(AT_FDCWD, "/proc", &dir);
    const struct dirent *entry;
    while (r == 0 && (entry = readdir(dir))) {
        char name[32];
        char comm[32];
        if (!proc_is_number(entry->d_name))
            continue;
        snprintf(name, sizeof(name), "%.20s/comm", entry->d_name);
        if (proc_read_text(dirfd(dir), name, comm, sizeof(comm)) == 0 && strcmp(comm, "docker-proxy\n") == 0)
            r = look_at((pid_t)strtol(entry->d_name, NULL, 10), take, context);
    }
    return r;
}

bool forwarder_is_cgroup(const char *path) {
    struct cgroup_names names;
    cgroup_parse(path, &names);
    return names.runtime[0] == '\0' &&
           (strcmp(names.unit, "docker.service") == 0 || strcmp(names.unit, "snap.docker.dockerd.service") == 0);
}
