/*
 * Readers of /proc. What they read is written by the kernel, but names in it are chosen by the processes: nothing is found by
 * counting from the front of a text that has a name in it.
 */
#include "probe/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"

#define MOUNTS_MAX ((size_t)4 << 20)

int proc_open_process(pid_t pid) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d", pid);
    const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int proc_open_dir(int folder_fd, const char *name, DIR **ret_dir) {
    CLEANUP(fd_close_at) int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *dir = fdopendir(fd);
    if (!dir)
        return -errno;
    fd_take(&fd);
    *ret_dir = dir;
    return 0;
}

void proc_close_dir_at(DIR **dir) {
    if (*dir)
        closedir(*dir);
    *dir = NULL;
}

void proc_free_at(char **text) {
    free(*text);
    *text = NULL;
}

bool proc_is_scarcity(int r) {
    return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

static ssize_t read_some(int fd, char *bytes, size_t size) {
    ssize_t n_read;
    do
        n_read = read(fd, bytes, size);
    while (n_read < 0 && errno == EINTR);
    return n_read < 0 ? -errno : n_read;
}

/* Such a file is made anew by each read(), so it is read with one. */
int proc_read_text(int folder_fd, const char *name, char *ret_text, size_t size) {
    CLEANUP(fd_close_at) int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const ssize_t n_read = read_some(fd, ret_text, size - 1);
    if (n_read < 0)
        return (int)n_read;
    ret_text[n_read] = '\0';
    return 0;
}

/* Doubles the room, up to `max` and one for the NUL. */
static int grow(char **bytes, size_t *room, size_t max) {
    const size_t smallest = 4096;
    const size_t doubled = *room ? *room * 2 : smallest;
    const size_t new_room = doubled < max ? doubled : max;
    char *grown = realloc(*bytes, new_room + 1);
    if (!grown)
        return -ENOMEM;
    *bytes = grown;
    *room = new_room;
    return 0;
}

int proc_read_all(int folder_fd, const char *name, size_t max, char **ret_bytes, size_t *ret_length) {
    CLEANUP(fd_close_at) int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    CLEANUP(proc_free_at) char *bytes = NULL;
    size_t room = 0;
    size_t length = 0;
    ssize_t n_read;
    int r = grow(&bytes, &room, max);
    if (r < 0)
        return r;
    while ((n_read = read_some(fd, bytes + length, room - length)) > 0) {
        length += (size_t)n_read;
        r = length == room && room < max ? grow(&bytes, &room, max) : 0;
        if (r < 0)
            return r;
    }
    if (n_read < 0)
        return (int)n_read;
    bytes[length] = '\0';
    *ret_bytes = bytes;
    *ret_length = length;
    bytes = NULL;
    return 0;
}

int proc_read_link(int folder_fd, const char *name, char **ret_path) {
    char path[PATH_MAX];
    const ssize_t length = readlinkat(folder_fd, name, path, sizeof(path));
    if (length < 0)
        return -errno;
    char *copy = strndup(path, (size_t)length);
    if (!copy)
        return -ENOMEM;
    *ret_path = copy;
    return 0;
}

bool proc_is_number(const char *name) {
    return name[0] >= '0' && name[0] <= '9';
}

int proc_parse_number(const char *text, uint64_t *ret_number) {
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (end == text || errno != 0)
        return -EBADMSG;
    *ret_number = number;
    return 0;
}

/* ---- stat ---- */

/* Not iscntrl(): what is a control character must not depend on the locale. */
static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* The name is what the process says it is, and goes to terminals and logs. */
static void copy_name(const char *from, const char *end, char *ret_name) {
    size_t length = (size_t)(end - from);
    if (length >= PROCESS_NAME_MAX) /* a kernel thread's */
        length = PROCESS_NAME_MAX - 1;
    for (size_t i = 0; i < length; i++)
        ret_name[i] = (char)(is_control(from[i]) ? '?' : from[i]);
    ret_name[length] = '\0';
}

/* The fields of proc_pid_stat(5) from the fourth on; the third is the state. */
enum { FIELD_PARENT = 4, FIELD_GROUP = 5, FIELD_SESSION = 6, FIELD_FLAGS = 9, FIELD_START_TIME = 22 };

/* Of the kernel's include/linux/sched.h: set before a thread gives anything up. A zombie has it still. */
#define PF_EXITING 0x4

static int parse_fields(const char *at, struct proc_stat *stat) {
    uint64_t fields[FIELD_START_TIME + 1] = {0};
    for (int field = FIELD_PARENT; field <= FIELD_START_TIME; field++) {
        at = strchr(at + 1, ' ');
        if (!at || proc_parse_number(at, &fields[field]) < 0)
            return -EBADMSG;
    }
    stat->parent = (pid_t)fields[FIELD_PARENT];
    stat->group = (pid_t)fields[FIELD_GROUP];
    stat->session = (pid_t)fields[FIELD_SESSION];
    stat->is_ending = (fields[FIELD_FLAGS] & PF_EXITING) != 0;
    stat->start_time = fields[FIELD_START_TIME];
    return 0;
}

/* The name stands in parentheses and may have parentheses and spaces of its own, so it ends at the last ')'. */
int proc_read_stat(int process_fd, struct proc_stat *ret_stat) {
    char text[2048];
    int r = proc_read_text(process_fd, "stat", text, sizeof(text));
    if (r < 0)
        return r;
    const char *name = strchr(text, '(');
    const char *name_end = strrchr(text, ')');
    if (!name || !name_end || name_end < name || name_end[1] != ' ' || name_end[2] == '\0')
        return -EBADMSG;
    struct proc_stat stat = {0};
    r = parse_fields(name_end + 1, &stat);
    if (r < 0)
        return r;
    copy_name(name + 1, name_end, stat.name);
    *ret_stat = stat;
    return 0;
}

/* ---- mounts ---- */

/* The kernel writes white space and backslashes of a path as octal numbers: "\040". */
static void unescape_octal(char *text) {
    char *to = text;
    for (const char *from = text; *from; to++) {
        const bool is_octal = from[0] == '\\' && strspn(from + 1, "01234567") >= 3;
        *to = (char)(is_octal ? (from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0') : *from);
        from += is_octal ? 4 : 1;
    }
    *to = '\0';
}

/* id, parent, device, root, point, options, any number of tags, "-", type, source, the file system's options. */
static bool parse_mount(char *line, struct proc_mount *ret_mount) {
    char *point = NULL;
    for (int field = 0; field <= 4; field++)
        point = strsep(&line, " ");
    const char *field = point;
    while (field && strcmp(field, "-") != 0)
        field = strsep(&line, " ");
    const char *type = strsep(&line, " ");
    const char *source = strsep(&line, " ");
    if (!point || !field || !type || !source || !line)
        return false;
    unescape_octal(point);
    *ret_mount = (struct proc_mount){.point = point, .type = type, .options = line};
    return true;
}

bool proc_next_mount(char **cursor, struct proc_mount *ret_mount) {
    for (char *line; (line = strsep(cursor, "\n"));)
        if (parse_mount(line, ret_mount))
            return true;
    return false;
}

int proc_read_mounts(char **ret_text) {
    size_t length;
    return proc_read_all(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_MAX, ret_text, &length);
}
