/*
 * doctor: the database, the disk that it is on, and what an original PortManager has left or still does.
 *
 * Nothing here opens a database: a second connection is what a WAL database does not want.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli/doctor.h"
#include "probe/proc_file.h"
#include "src/base/text.h"

#define WORD_MAX (2 * PATH_MAX)

/* Below these a disk is full, or will soon be. A database of a thousand leases and a week's events has some ten megabytes. */
#define FULL_BYTES        (UINT64_C(1) << 20)
#define NEARLY_FULL_BYTES (UINT64_C(16) << 20)

/* The folder of `path`, or the nearest above it that is there. */
static void find_folder(const char *path, char *ret_folder) {
    struct stat there;

    snprintf(ret_folder, PATH_MAX, "%s", path);
    for (char *slash = strrchr(ret_folder, '/'); slash != NULL; slash = strrchr(ret_folder, '/')) {
        slash[slash == ret_folder ? 1 : 0] = '\0';
        if (strcmp(ret_folder, "/") == 0 || stat(ret_folder, &there) == 0)
            return;
    }
}

/* ---- the disk ---- */

struct disk {
    char point[PATH_MAX]; /* where it is mounted */
    char type[64];
};

/* By its mount and not by asking it: a server that is gone would keep us waiting for ever. */
static bool is_remote(const char *type) {
    static const char *const types[] = {"nfs",   "nfs4",   "cifs",       "smb3",           "smbfs",    "9p",
                                        "ceph",  "afs",    "fuse.sshfs", "fuse.glusterfs", "lustre",   "gfs2",
                                        "ocfs2", "beegfs", "davfs",      "fuse.rclone",    "fuse.s3fs"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static bool is_below(const char *path, const char *point) {
    size_t length = strcmp(point, "/") == 0 ? 0 : strlen(point);

    return strncmp(path, point, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The last line that fits is the mount that is on top. */
static void find_disk(const struct doctor *doctor, const char *folder, struct disk *ret_disk) {
    CLEANUP(doctor_free_text_at) char *text = doctor_read_proc(doctor, "self/mountinfo");
    char *cursor = text;
    struct proc_mount mount;

    *ret_disk = (struct disk){.point = "/"};
    while (text != NULL && proc_next_mount(&cursor, &mount)) {
        if (!is_below(folder, mount.point) || strlen(mount.point) < strlen(ret_disk->point))
            continue;
        snprintf(ret_disk->point, sizeof ret_disk->point, "%s", mount.point);
        snprintf(ret_disk->type, sizeof ret_disk->type, "%s", mount.type);
    }
}

enum disk_state { DISK_SOUND, DISK_NEARLY_FULL, DISK_FULL, DISK_READ_ONLY, DISK_FORBIDDEN, DISK_REMOTE };

static enum disk_state judge(const struct doctor *doctor, const char *path, bool is_ours, struct disk *ret_disk,
                             uint64_t *ret_free) {
    char folder[PATH_MAX];
    struct statvfs space;

    *ret_free = 0;
    find_disk(doctor, path, ret_disk);
    if (is_remote(ret_disk->type))
        return DISK_REMOTE;
    find_folder(path, folder);
    if (statvfs(folder, &space) < 0)
        return DISK_FORBIDDEN;
    *ret_free = (uint64_t)space.f_bavail * space.f_frsize;
    if ((space.f_flag & ST_RDONLY) != 0)
        return DISK_READ_ONLY;
    if (is_ours && access(folder, W_OK | X_OK) < 0)
        return DISK_FORBIDDEN;
    if (*ret_free < FULL_BYTES || (space.f_files > 0 && space.f_favail == 0))
        return DISK_FULL;
    return *ret_free < NEARLY_FULL_BYTES ? DISK_NEARLY_FULL : DISK_SOUND;
}

/* In /var/tmp anybody may have made it. */
static bool is_anothers(const char *folder) {
    struct stat there;

    return lstat(folder, &there) == 0 &&
           (!S_ISDIR(there.st_mode) || there.st_uid != geteuid() || (there.st_mode & (S_IWGRP | S_IWOTH)) != 0);
}

/* The socket that a new one would have may be where nothing can be made either. "" if it can be made. */
static const char *format_socket(const struct doctor *doctor, const char *folder, char *ret_command, size_t size) {
    char socket[PATH_MAX];
    char word[WORD_MAX];
    char own[PATH_MAX + 16];
    struct disk disk;
    uint64_t free;
    enum disk_state state;

    ret_command[0] = '\0';
    doctor_default_socket(socket);
    if (doctor->portd.answers || doctor->options->socket != NULL || socket[0] == '\0')
        return ret_command;
    state = judge(doctor, socket, true, &disk, &free);
    if (state != DISK_FULL && state != DISK_READ_ONLY && doctor_can_make(socket))
        return ret_command;
    snprintf(own, sizeof own, "%s/portd.sock", folder);
    snprintf(ret_command, size, "export PM_SOCKET=%s; ", text_quote_word(own, word, sizeof word));
    return ret_command;
}

/* A place for the database that nothing is wrong with. Returns false if there is none. */
static bool find_better(const struct doctor *doctor, char *ret_folder) {
    const char *state = doctor_variable("XDG_STATE_HOME");
    char candidates[3][PATH_MAX + 64] = {"", "", ""};
    char home[PATH_MAX];
    struct disk disk;
    uint64_t free;

    if (state != NULL && state[0] == '/')
        snprintf(candidates[0], sizeof candidates[0], "%s/portmanager", state);
    snprintf(candidates[1], sizeof candidates[1], "%s/.local/state/portmanager", doctor_home(home));
    snprintf(candidates[2], sizeof candidates[2], "%s/var/tmp/portmanager-%u", doctor->root, (unsigned)geteuid());
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        char file[PATH_MAX];
        size_t length = strlen(candidates[i]);

        if (length == 0 || length + sizeof "/leases.db" > sizeof file)
            continue;
        memcpy(file, candidates[i], length);
        memcpy(file + length, "/leases.db", sizeof "/leases.db");
        if (judge(doctor, file, true, &disk, &free) != DISK_SOUND || is_anothers(candidates[i]))
            continue;
        memcpy(ret_folder, candidates[i], length + 1);
        return true;
    }
    return false;
}

/* Leases and ids go with it. */
static void advise_moving(struct doctor *doctor, const char *path) {
    const char *user = doctor->portd.answers && doctor->portd.uid != geteuid() ? doctor_as_root() : "";
    char folder[PATH_MAX];
    char from[WORD_MAX];
    char to[WORD_MAX];
    char between[3 * WORD_MAX];
    char more[WORD_MAX + 32];
    char before[WORD_MAX + 64];

    if (!find_better(doctor, folder)) {
        find_folder(path, folder);
        doctor_advise(doctor, "du -xah %s | sort -h | tail", text_quote_word(folder, from, sizeof from));
        return;
    }
    text_quote_word(folder, to, sizeof to);
    if (access(path, F_OK) == 0)
        snprintf(between, sizeof between, "%smkdir -m 700 -p %s && %scp -p %s* %s/", user, to, user,
                 text_quote_word(path, from, sizeof from), to);
    else
        snprintf(between, sizeof between, "mkdir -m 700 -p %s", to);
    snprintf(more, sizeof more, " --db %s/leases.db", to);
    doctor_advise_restart(
        doctor, &(struct doctor_restart){
                    .before = format_socket(doctor, folder, before, sizeof before), .between = between, .more = more});
}

static void say_full(struct doctor *doctor, const char *path, const struct disk *disk, enum disk_state state,
                     uint64_t free) {
    doctor_say(doctor, "disk", state == DISK_FULL ? FINDING_ERROR : FINDING_WARNING,
               "the disk of the database %s (%s) has %llu kB left: %s", path, disk->point,
               (unsigned long long)(free / 1000),
               state == DISK_FULL ? "portd cannot grant" : "soon portd cannot grant");
    advise_moving(doctor, path);
}

static void say_forbidden(struct doctor *doctor, const char *path) {
    char folder[PATH_MAX];
    char word[WORD_MAX];
    struct stat there;
    bool is_ours;

    find_folder(path, folder);
    is_ours = stat(folder, &there) == 0 && there.st_uid == geteuid();
    doctor_say(doctor, "disk", FINDING_ERROR, "you may not write in %s, where portd's database is to be", folder);
    if (is_ours)
        doctor_advise(doctor, "chmod u+rwx %s", text_quote_word(folder, word, sizeof word));
    else
        advise_moving(doctor, path);
}

void doctor_check_disk(struct doctor *doctor) {
    char path[PATH_MAX];
    char word[WORD_MAX];
    struct disk disk;
    uint64_t free;
    enum disk_state state;

    if (!doctor_database(doctor, path)) {
        doctor_say(doctor, "disk", FINDING_OK, "where its database is portd tells its own user and root");
        return;
    }
    state = judge(doctor, path, !doctor->portd.answers || doctor->portd.uid == geteuid(), &disk, &free);
    switch (state) {
    case DISK_SOUND:
        doctor_say(doctor, "disk", FINDING_OK, "the disk of the database %s has %llu MB left", path,
                   (unsigned long long)(free / 1000000));
        return;
    case DISK_NEARLY_FULL:
    case DISK_FULL:
        say_full(doctor, path, &disk, state, free);
        return;
    case DISK_READ_ONLY:
        doctor_say(doctor, "disk", FINDING_ERROR, "the disk of the database %s (%s) is read-only: portd cannot grant",
                   path, disk.point);
        doctor_advise(doctor, "%smount -o remount,rw %s", doctor_as_root(),
                      text_quote_word(disk.point, word, sizeof word));
        return;
    case DISK_FORBIDDEN:
        say_forbidden(doctor, path);
        return;
    case DISK_REMOTE:
        doctor_say(doctor, "disk", FINDING_WARNING,
                   "the database %s is on a network file system (%s), on which SQLite's write-ahead log is not safe",
                   path, disk.type);
        advise_moving(doctor, path);
        return;
    }
}

/* ---- damaged ones ---- */

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);

    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static unsigned count_damaged(const char *folder, const char *name) {
    DIR *dir = opendir(folder);
    char prefix[NAME_MAX + 16];
    unsigned n = 0;
    const struct dirent *entry;

    if (dir == NULL)
        return 0;
    snprintf(prefix, sizeof prefix, "%.*s.corrupt-", NAME_MAX, name);
    while ((entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && !ends_with(entry->d_name, "-wal") &&
            !ends_with(entry->d_name, "-shm"))
            n++;
    closedir(dir);
    return n;
}

void doctor_check_damaged(struct doctor *doctor) {
    char path[PATH_MAX];
    char word[WORD_MAX];
    char aside[WORD_MAX];
    char folder[PATH_MAX];
    char kept[PATH_MAX + 16];
    struct disk disk;
    char *slash;
    unsigned n;

    if (!doctor_database(doctor, path))
        return;
    find_disk(doctor, path, &disk);
    slash = strrchr(path, '/');
    if (slash == NULL || is_remote(disk.type))
        return;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    n = count_damaged(folder, slash + 1);
    if (n == 0) {
        doctor_say(doctor, "database", FINDING_OK, "no damaged database was put aside");
        return;
    }
    doctor_say(
        doctor, "database", FINDING_WARNING,
        "%u damaged database%s put aside as %s.corrupt-…: leases of before are lost. This keeps %s, and says that "
        "you know",
        n, n == 1 ? " was" : "s were", path, n == 1 ? "it" : "them");
    snprintf(kept, sizeof kept, "%s/damaged", folder);
    text_quote_word(kept, aside, sizeof aside);
    doctor_advise(doctor, "mkdir -p %s && mv %s.corrupt-* %s/", aside, text_quote_word(path, word, sizeof word), aside);
}

/* ---- an original PortManager ---- */

#define HEADER_BYTES 64

/* Its file has no version in the header (sqlite.org/fileformat.html, offset 60). portd's has one, but after a kill perhaps only in
 * its write-ahead log; where portd has ever been, its lock is. */
static bool is_original(const char *path) {
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char header[HEADER_BYTES];
    char lock[PATH_MAX + 8];

    snprintf(lock, sizeof lock, "%s.lock", path);
    return fd >= 0 && access(lock, F_OK) != 0 && read(fd, header, sizeof header) == (ssize_t)sizeof header &&
           memcmp(header, "SQLite format 3", 16) == 0 && memcmp(header + 60, "\0\0\0", 4) == 0;
}

/* Opened for reading alone, as whoever looks at it or copies it does. What hides how it has opened it counts as a writer. */
static bool is_reader(const struct doctor *doctor, const char *pid, const char *number) {
    char name[(size_t)2 * NAME_MAX + sizeof "/fdinfo/"];
    CLEANUP(doctor_free_text_at) char *text = NULL;
    const char *flags;

    snprintf(name, sizeof name, "%s/fdinfo/%s", pid, number);
    text = doctor_read_proc(doctor, name);
    flags = text != NULL ? strstr(text, "flags:") : NULL;
    return flags != NULL && (strtoul(flags + strlen("flags:"), NULL, 8) & O_ACCMODE) == O_RDONLY;
}

static bool writes(const struct doctor *doctor, const char *pid, const char *path) {
    char name[PATH_MAX];
    bool found = false;
    DIR *dir;
    const struct dirent *entry;

    snprintf(name, sizeof name, "%s/%s/fd", doctor->proc, pid);
    dir = opendir(name);
    if (dir == NULL)
        return false;
    while (!found && (entry = readdir(dir)) != NULL) {
        char target[PATH_MAX];
        ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);

        if (length <= 0)
            continue;
        target[length] = '\0';
        found = strcmp(target, path) == 0 && !is_reader(doctor, pid, entry->d_name);
    }
    closedir(dir);
    return found;
}

static void original_path(char *ret_path) {
    char home[PATH_MAX];
    char path[PATH_MAX + 32];

    snprintf(path, sizeof path, "%s/.portmanager/leases.db", doctor_home(home));
    if (realpath(path, ret_path) == NULL)
        ret_path[0] = '\0';
}

/*
 * Before portd is looked for: while it runs a portd must not be started on its database, nor can on its port.
 *
 * Where portd's lock is the database is portd's: who has that open, a backup or a person with sqlite3, is not to be ended.
 */
void doctor_find_original(struct doctor *doctor) {
    char path[PATH_MAX];
    DIR *dir;
    const struct dirent *entry;

    doctor->original_pid = 0;
    original_path(path);
    dir = path[0] != '\0' && is_original(path) ? opendir(doctor->proc) : NULL;
    if (dir == NULL)
        return;
    while (doctor->original_pid == 0 && (entry = readdir(dir)) != NULL)
        if (proc_is_number(entry->d_name) && writes(doctor, entry->d_name, path))
            doctor->original_pid = (pid_t)strtol(entry->d_name, NULL, 10);
    closedir(dir);
}

static void say_running(struct doctor *doctor, const char *path) {
    char name[32];
    CLEANUP(doctor_free_text_at) char *comm = NULL;

    snprintf(name, sizeof name, "%d/comm", (int)doctor->original_pid);
    comm = doctor_read_proc(doctor, name);
    if (comm != NULL)
        comm[strcspn(comm, "\n")] = '\0';
    doctor_say(doctor, "original", FINDING_ERROR,
               "%s (pid %d) has %s open for writing: an original PortManager, which grants the same ports",
               comm != NULL ? comm : "a process", (int)doctor->original_pid, path);
    if (doctor->portd.answers) {
        doctor_advise(doctor, "kill %d; " DOCTOR_AWAIT_FORMAT, (int)doctor->original_pid, (int)doctor->original_pid);
        return;
    }
    doctor_advise_restart(doctor, &(struct doctor_restart){0});
}

static void say_not_imported(struct doctor *doctor, const char *path) {
    char word[WORD_MAX];
    char more[WORD_MAX + 16];

    doctor_say(doctor, "original", FINDING_WARNING, "the leases of an original PortManager in %s are not imported%s",
               path, doctor->portd.answers ? ", for portd uses another database" : ": portd does that when it starts");
    snprintf(more, sizeof more, " --db %s", text_quote_word(path, word, sizeof word));
    doctor_advise_restart(doctor, &(struct doctor_restart){.more = more});
}

void doctor_check_original(struct doctor *doctor) {
    char path[PATH_MAX];
    char database[PATH_MAX];
    char real[PATH_MAX];
    bool uses_it;

    original_path(path);
    uses_it = doctor->portd.answers && doctor_database(doctor, database) && realpath(database, real) != NULL &&
              strcmp(path, real) == 0;
    if (doctor->original_pid != 0)
        say_running(doctor, path);
    else if (path[0] != '\0' && !uses_it && is_original(path))
        say_not_imported(doctor, path);
    else
        doctor_say(doctor, "original", FINDING_OK, "no original PortManager runs, and none has left leases to import");
}
