/*
 * Paths of control groups. Their folders are named by systemd and by container runtimes, each in a way of its own; nothing but the
 * path is needed to tell the unit and the container.
 */
#include "probe/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/fd.h"
#include "probe/proc_file.h"

#define ID_LENGTH       64 /* hexadecimal digits of a container's id */
#define FOLDERS_MAX     20000
#define CGROUP_FILE_MAX ((size_t)256 << 10) /* a dozen hierarchies, each with a path of at most 4 KiB */

/* ---- what a path tells ---- */

/* One folder of a path, not NUL-terminated. */
struct component {
    const char *text;
    size_t length;
};

static bool next_component(const char **path, struct component *ret_component) {
    *path += strspn(*path, "/");
    *ret_component = (struct component){*path, strcspn(*path, "/")};
    *path += ret_component->length;
    return ret_component->length > 0;
}

static bool equals(struct component component, const char *text) {
    return component.length == strlen(text) && memcmp(component.text, text, component.length) == 0;
}

static bool begins_with(struct component component, const char *prefix) {
    return component.length >= strlen(prefix) && memcmp(component.text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(struct component component, const char *suffix) {
    const size_t length = strlen(suffix);
    return component.length > length && memcmp(component.text + component.length - length, suffix, length) == 0;
}

static int hex_digit(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* systemd writes "-" and the like in a name as "\x2d". A NUL or a slash is in no name and stays escaped. */
static void unescape(struct component from, char *ret_text, size_t size) {
    size_t length = 0;
    for (size_t i = 0; i < from.length && length + 1 < size; length++) {
        const char *c = from.text + i;
        const bool may_be = from.length - i >= 4 && c[0] == '\\' && c[1] == 'x';
        const int high = may_be ? hex_digit(c[2]) : -1;
        const int low = high >= 0 ? hex_digit(c[3]) : -1;
        const char plain = (char)(high * 16 + low);
        const bool is_escape = high >= 0 && low >= 0 && plain != '\0' && plain != '/';
        ret_text[length] = is_escape ? plain : *c;
        i += is_escape ? 4 : 1;
    }
    ret_text[length] = '\0';
}

/* A unit's folder has an underscore before its name where the kernel would take the name for one of its own files. */
static struct component without_underscore(struct component component) {
    const size_t n = component.text[0] == '_' ? 1 : 0;
    return (struct component){component.text + n, component.length - n};
}

static bool is_unit(struct component component) {
    return ends_with(component, ".service") || ends_with(component, ".scope") || ends_with(component, ".socket");
}

/* The middle of the component, if it has this prefix and this suffix. */
static bool strip(struct component component, const char *prefix, const char *suffix, struct component *ret_middle) {
    const size_t n_prefix = strlen(prefix);
    const size_t n_suffix = strlen(suffix);
    if (component.length <= n_prefix + n_suffix || !begins_with(component, prefix) ||
        (n_suffix > 0 && !ends_with(component, suffix)))
        return false;
    *ret_middle = (struct component){component.text + n_prefix, component.length - n_prefix - n_suffix};
    return true;
}

static bool is_id(struct component component) {
    if (component.length != ID_LENGTH)
        return false;
    for (size_t i = 0; i < component.length; i++)
        if (hex_digit(component.text[i]) < 0)
            return false;
    return true;
}

/* A container whose folder has the id in its name. What belongs to podman's and CRI-O's monitors ("libpod-conmon-<id>.scope") is outside of
 * the container, and has more than the id between prefix and suffix. */
static const struct id_form {
    const char *prefix, *suffix, *runtime;
} id_forms[] = {
    {"docker-", ".scope", "docker"},
    {"libpod-", ".scope", "podman"},
    {"libpod-", "", "podman"},
    {"libpod-payload-", "", "podman"},
    {"cri-containerd-", ".scope", "containerd"},
    {"nerdctl-", ".scope", "containerd"},
    {"crio-", ".scope", "cri-o"},
    {"crio-", "", "cri-o"},
};

/* A container whose folder has its name. */
static const struct id_form name_forms[] = {
    {"lxc.payload.", "", "lxc"},
    {"machine-", ".scope", "nspawn"},
    {"systemd-nspawn@", ".service", "nspawn"},
};

static void set_container(struct cgroup_names *names, const char *runtime, struct component container) {
    snprintf(names->runtime, sizeof(names->runtime), "%s", runtime);
    unescape(container, names->container, sizeof(names->container));
}

/* A virtual machine of libvirt is registered as a machine too, and is no container. */
static bool is_container_name(struct component name) {
    return !begins_with(name, "qemu\\x2d") && !begins_with(name, "qemu-");
}

static bool parse_own_name(struct component component, struct cgroup_names *names) {
    struct component middle;
    for (size_t i = 0; i < sizeof(id_forms) / sizeof(id_forms[0]); i++) {
        if (strip(component, id_forms[i].prefix, id_forms[i].suffix, &middle) && is_id(middle)) {
            set_container(names, id_forms[i].runtime, middle);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(name_forms) / sizeof(name_forms[0]); i++) {
        if (strip(component, name_forms[i].prefix, name_forms[i].suffix, &middle) && is_container_name(middle)) {
            set_container(names, name_forms[i].runtime, middle);
            return true;
        }
    }
    return false;
}

/* A container whose folder says only in company of the one above it what it is. */
static void parse_by_place(struct component component, struct component above, bool in_pod,
                           struct cgroup_names *names) {
    static const char cri[] =
        ":cri-containerd:"; /* "<pod>.slice:cri-containerd:<id>": cgroupfs where systemd was expected */
    const size_t n_cri = strlen(cri);
    if (is_id(component) && equals(above, "docker"))
        set_container(names, "docker", component);
    else if (is_id(component) && in_pod)
        set_container(names, "containerd", component);
    else if (equals(above, "lxc"))
        set_container(names, "lxc", component);
    else if (component.length > ID_LENGTH + n_cri) {
        const struct component id = {component.text + component.length - ID_LENGTH, ID_LENGTH};
        if (is_id(id) && memcmp(id.text - n_cri, cri, n_cri) == 0)
            set_container(names, "containerd", id);
    }
}

/* The innermost unit is the one that the process belongs to. Of containers in containers the outermost counts: it is the one that
 * this machine's own tools know. */
void cgroup_parse(const char *path, struct cgroup_names *ret_names) {
    struct cgroup_names names = {0};
    struct component above = {"", 0};
    struct component component;
    bool in_pod = false;
    const char *at = path ? path : "";
    while (next_component(&at, &component)) {
        const struct component unit = without_underscore(component);
        if (is_unit(unit))
            unescape(unit, names.unit, sizeof(names.unit));
        if (names.runtime[0] == '\0' && !parse_own_name(component, &names))
            parse_by_place(component, above, in_pod, &names);
        in_pod = in_pod || begins_with(component, "kubepods");
        above = component;
    }
    *ret_names = names;
}

/* user@1000.service: all that a user has his own systemd run. */
static bool is_user_manager(const char *unit) {
    static const char prefix[] = "user@";
    if (strncmp(unit, prefix, strlen(prefix)) != 0)
        return false;
    const char *uid = unit + strlen(prefix);
    return strcmp(uid + strspn(uid, "0123456789"), ".service") == 0;
}

bool cgroup_is_evidence(const char *path) {
    struct cgroup_names names;
    cgroup_parse(path, &names);
    const struct component unit = {names.unit, strlen(names.unit)};
    return names.runtime[0] != '\0' || (ends_with(unit, ".service") && !is_user_manager(names.unit));
}

/* ---- the path of a process ---- */

/* Cuts off what is not the path: "/.." for each level that it lies above this process's namespace, and the kernel's word for a
 * cgroup that was removed with a process in it. */
static const char *trim(char *path) {
    static const char deleted[] = " (deleted)";
    const size_t length = strlen(path);
    if (length > strlen(deleted) && strcmp(path + length - strlen(deleted), deleted) == 0)
        path[length - strlen(deleted)] = '\0';
    while (strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0'))
        path += 3;
    return path[0] == '\0' ? "/" : path;
}

/* Lines of "number:controllers:/path". Where systemd runs beside both versions (hybrid) a container's processes may be in the root of
 * the unified one: then systemd's own says more. */
static const char *choose_path(char *text) {
    const char *unified = NULL;
    const char *systemd = NULL;
    for (char *line; (line = strsep(&text, "\n"));) {
        const char *number = strsep(&line, ":");
        const char *controllers = strsep(&line, ":");
        if (!controllers || !line || line[0] != '/')
            continue;
        if (strcmp(number, "0") == 0 && controllers[0] == '\0')
            unified = trim(line);
        else if (strcmp(controllers, "name=systemd") == 0)
            systemd = trim(line);
    }
    return unified && (!systemd || strcmp(unified, "/") != 0) ? unified : systemd;
}

static int copy_text(const char *text, char **ret_copy) {
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    *ret_copy = copy;
    return 0;
}

int cgroup_choose(char *text, char **ret_path) {
    const char *path = choose_path(text);
    return path ? copy_text(path, ret_path) : -ENOENT;
}

int cgroup_of_process(pid_t pid, char **ret_path) {
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    if (process_fd < 0)
        return process_fd;
    CLEANUP(proc_free_at) char *text = NULL;
    size_t length;
    int r = proc_read_all(process_fd, "cgroup", CGROUP_FILE_MAX, &text, &length);
    return r < 0 ? r : cgroup_choose(text, ret_path);
}

/* ---- the path of an id ---- */

/* A walk, level by level: a queue of paths needs one descriptor however deep a user nests his cgroups. */
struct search {
    const uint64_t *ids;
    size_t n_ids;
    char **ret_paths;
    size_t n_found;
    char **queue; /* paths relative to the mount, "" for itself; owned */
    size_t n_queued;
};

static void search_deinit(struct search *search) {
    for (size_t i = 0; i < search->n_queued; i++)
        free(search->queue[i]);
    free(search->queue);
}

static int compare_ids(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* `path` without a leading slash. */
static int take_if_wanted(struct search *search, uint64_t id, const char *path) {
    const uint64_t *found = bsearch(&id, search->ids, search->n_ids, sizeof(id), compare_ids);
    if (!found || search->ret_paths[found - search->ids])
        return 0;
    char *absolute;
    if (asprintf(&absolute, "/%s", path) < 0)
        return -ENOMEM;
    search->ret_paths[found - search->ids] = absolute;
    search->n_found++;
    return 0;
}

static int enter_folder(struct search *search, const char *above, const struct dirent *entry) {
    if (search->n_queued == FOLDERS_MAX)
        return 0;
    char *path;
    if (asprintf(&path, "%s%s%s", above, above[0] ? "/" : "", entry->d_name) < 0)
        return -ENOMEM;
    search->queue[search->n_queued++] = path;
    return take_if_wanted(search, entry->d_ino, path);
}

/* Folders vanish meanwhile, and some cannot be read: that is no failure. */
static int read_folder(struct search *search, int mount_fd, const char *path) {
    CLEANUP(proc_close_dir_at) DIR *folder = NULL;
    int r = proc_open_dir(mount_fd, path[0] ? path : ".", &folder);
    if (r < 0)
        return proc_is_scarcity(r) ? r : 0;
    const struct dirent *entry;
    while (r == 0 && (entry = readdir(folder)))
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = enter_folder(search, path, entry);
    return r;
}

static int search_mount(struct search *search, int mount_fd) {
    struct stat root;
    if (fstat(mount_fd, &root) < 0)
        return -errno;
    int r = take_if_wanted(search, root.st_ino, "");
    search->queue = calloc(FOLDERS_MAX, sizeof(*search->queue));
    char *first = strdup("");
    if (!search->queue || !first) {
        free(first);
        return -ENOMEM;
    }
    search->queue[search->n_queued++] = first;
    for (size_t i = 0; r == 0 && i < search->n_queued && search->n_found < search->n_ids; i++)
        r = read_folder(search, mount_fd, search->queue[i]);
    return r;
}

static int open_mount(void) {
    CLEANUP(proc_free_at) char *text = NULL;
    int r = proc_read_mounts(&text);
    if (r < 0)
        return r;
    char *cursor = text;
    struct proc_mount mount;
    while (proc_next_mount(&cursor, &mount)) {
        if (strcmp(mount.type, "cgroup2") == 0) {
            const int fd = open(mount.point, O_PATH | O_DIRECTORY | O_CLOEXEC);
            return fd < 0 ? -errno : fd;
        }
    }
    return -ENOENT;
}

int cgroup_of_ids(const uint64_t *ids, size_t n_ids, char **ret_paths) {
    CLEANUP(fd_close_at) int mount_fd = open_mount();
    if (mount_fd < 0)
        return mount_fd;
    CLEANUP(search_deinit) struct search search = {.ids = ids, .n_ids = n_ids, .ret_paths = ret_paths};
    memset(ret_paths, 0, n_ids * sizeof(*ret_paths));
    int r = search_mount(&search, mount_fd);
    for (size_t i = 0; r < 0 && i < n_ids; i++)
        proc_free_at(&ret_paths[i]);
    return r;
}

int cgroup_of_id(uint64_t id, char **ret_path) {
    char *path = NULL;
    int r = cgroup_of_ids(&id, 1, &path);
    if (r < 0)
        return r;
    if (!path)
        return -ENOENT;
    *ret_path = path;
    return 0;
}
