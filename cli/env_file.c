/*
 * Reading and writing a .env file. See env_file.h.
 */
#include "cli/env_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/path.h"
#include "cli/patience.h"
#include "cli/scope.h"
#include "probe/fd.h"
#include "src/base/text.h"

/* Who writes the file needs milliseconds for it. */
#define LOCK_PATIENCE_MS 10000
#define LOCK_RETRY_NS    5000000L

/* Somebody else has written the file between our reading and writing it: it is to be read again. So often. */
#define E_TOUCHED 2 /* PROBLEM_E_SET is another */
#define N_TRIES   20

/* A file as it was read. */
struct env_file {
    char path[PATH_MAX];   /* links resolved */
    char folder[PATH_MAX]; /* that it is in */
    char *text;            /* owned */
    size_t length;
    struct stat status;
    bool exists;
};

static void env_file_deinit(struct env_file *file) {
    free(file->text);
}

static int refuse(struct problem *problem, const char *path, const char *what, int error) {
    return problem_fill(problem, EXIT_NO, "env-file", "%s %s: %s", path, what, strerror(error));
}

/* A link is followed: the file that it leads to is the one to be replaced. A repository may have links that lead anywhere, and its file is written with the
 * rights of who calls us. */
static int resolve(const char *root, const char *name, struct env_file *file, struct problem *problem) {
    char joined[PATH_MAX];
    char real_root[PATH_MAX];
    const char *last = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;

    if (!path_join(root, name, joined))
        return refuse(problem, name, "cannot be written", ENAMETOOLONG);
    snprintf(file->folder, sizeof file->folder, "%s", joined);
    if (realpath(joined, file->path) == NULL) {
        if (lstat(joined, &file->status) == 0)
            return refuse(problem, joined, "leads nowhere", ENOENT);
        path_ascend(file->folder);
        if (realpath(file->folder, real_root) == NULL)
            return refuse(problem, file->folder, "cannot be written to", errno);
        if (!path_join(real_root, last, file->path))
            return refuse(problem, joined, "cannot be written", ENAMETOOLONG);
    }
    snprintf(file->folder, sizeof file->folder, "%s", file->path);
    path_ascend(file->folder);
    if (realpath(root, real_root) == NULL)
        return refuse(problem, root, "cannot be written to", errno);
    if (path_below(real_root, file->path) == NULL)
        return problem_fill(problem, EXIT_NO, "env-file", "%s leads out of the project's folder, to %s", joined,
                            file->path);
    if (strcmp(strrchr(file->path, '/') + 1, SCOPE_FILE) == 0)
        return problem_fill(problem, EXIT_NO, "env-file", "%s is a project file, and none of variables", file->path);
    return 0;
}

/* As some editors and shells of Windows write it. What we would add to it is not, and nobody could read the whole. */
static bool is_utf16(const struct env_file *file) {
    return file->length >= 2 && (memcmp(file->text, "\xff\xfe", 2) == 0 || memcmp(file->text, "\xfe\xff", 2) == 0);
}

static int read_text(int fd, struct env_file *file, struct problem *problem) {
    ssize_t n = 0;

    file->text = malloc(ENV_FILE_MAX + 1);
    if (file->text == NULL)
        return problem_fill_memory(problem);
    while (file->length <= ENV_FILE_MAX &&
           (n = read(fd, file->text + file->length, ENV_FILE_MAX + 1 - file->length)) > 0)
        file->length += (size_t)n;
    if (n < 0)
        return refuse(problem, file->path, "cannot be read", errno);
    if (file->length > ENV_FILE_MAX)
        return refuse(problem, file->path, "is no file of variables", EFBIG);
    if (is_utf16(file)) {
        problem_fill(problem, EXIT_NO, "env-file", "%s is written in UTF-16", file->path);
        return problem_set_hint(problem, "save it as UTF-8, which is what those who read it want");
    }
    return 0;
}

/* Root may write anything, and a file that nobody may write is not meant to be changed by root either. */
static int check_writable(const struct env_file *file, struct problem *problem) {
    char word[TEXT_QUOTED_MAX(PATH_MAX)];
    int error = 0;

    /* What takes its place would be ours; only root can give it away. */
    if (file->exists && geteuid() != 0 && file->status.st_uid != geteuid())
        return problem_fill(problem, EXIT_NO, "env-file", "%s belongs to somebody else", file->path);
    if (file->exists && (file->status.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0)
        error = EACCES;
    else if (file->exists && access(file->path, W_OK) < 0)
        error = errno;
    if (error != 0) {
        refuse(problem, file->path, "cannot be written", error);
        if (error != EACCES) /* a file system that is read-only, say */
            return PROBLEM_E_SET;
        return problem_set_hint(problem, "chmod u+w %s", text_quote_word(file->path, word, sizeof word));
    }
    if (access(file->folder, W_OK | X_OK) < 0)
        return refuse(problem, file->folder, "cannot be written to", errno);
    return 0;
}

static int read_file(const char *root, const char *name, struct env_file *file, struct problem *problem) {
    CLEANUP(fd_close_at) int fd = -1;
    int r = resolve(root, name, file, problem);

    if (r != 0)
        return r;
    fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno != ENOENT)
        return refuse(problem, file->path, "cannot be read", errno);
    if (fd >= 0) {
        if (fstat(fd, &file->status) < 0)
            return refuse(problem, file->path, "cannot be read", errno);
        if (!S_ISREG(file->status.st_mode))
            return problem_fill(problem, EXIT_NO, "env-file", "%s is no regular file", file->path);
        file->exists = true;
        r = read_text(fd, file, problem);
    }
    return r != 0 ? r : check_writable(file, problem);
}

int env_file_check(const char *root, const char *name, struct problem *problem) {
    CLEANUP(env_file_deinit) struct env_file file = {0};

    return read_file(root, name, &file, problem);
}

/* Whoever writes the file by this code has the project's folder locked. Returns the descriptor that holds the lock, or -errno. */
static int lock(const char *root) {
    CLEANUP(fd_close_at) int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct timespec pause = {.tv_nsec = LOCK_RETRY_NS};
    uint64_t end_ms = patience_now_ms() + LOCK_PATIENCE_MS;

    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || patience_now_ms() > end_ms)
            return -errno;
        nanosleep(&pause, NULL);
    }
    return fd_take(&fd);
}

static int write_all(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        length -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* The old file's; a new one that root makes is its folder's owner's. */
static int give(int fd, const struct env_file *file) {
    struct stat folder;

    if (file->exists)
        return fchown(fd, file->status.st_uid, file->status.st_gid) < 0 || fchmod(fd, file->status.st_mode & 07777) < 0
                   ? -errno
                   : 0;
    if (geteuid() != 0 || stat(file->folder, &folder) < 0)
        return 0;
    return fchown(fd, folder.st_uid, folder.st_gid) < 0 ? -errno : 0;
}

/* Is it still what was read? People's editors and programs do not know of our lock. */
static bool is_untouched(const struct env_file *file) {
    const struct stat *then = &file->status;
    struct stat now;

    if (stat(file->path, &now) < 0)
        return !file->exists;
    return file->exists && now.st_ino == then->st_ino && now.st_dev == then->st_dev && now.st_size == then->st_size &&
           now.st_mtim.tv_sec == then->st_mtim.tv_sec && now.st_mtim.tv_nsec == then->st_mtim.tv_nsec &&
           now.st_ctim.tv_sec == then->st_ctim.tv_sec && now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
}

/* Returns 0, E_TOUCHED or -errno. */
static int write_beside(const struct env_file *file, const char *path, const char *text, size_t length) {
    mode_t mode = file->exists ? file->status.st_mode & 0666 : 0666;
    CLEANUP(fd_close_at) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    int r;

    if (fd < 0)
        return -errno;
    r = give(fd, file);
    if (r == 0)
        r = write_all(fd, text, length);
    if (r == 0 && !is_untouched(file))
        r = E_TOUCHED;
    if (r == 0 && rename(path, file->path) < 0)
        r = -errno;
    if (r != 0)
        unlink(path);
    return r;
}

/* Ctrl-C would leave behind what is not in its place yet; it waits. SIGKILL leaves it all the same, and another process may get that number, in a container
 * the very next one: what is there then is nobody's, for we have the lock. */
static int write_whole(const struct env_file *file, const char *text, size_t length) {
    char path[PATH_MAX + 32];
    sigset_t all;
    sigset_t mask;
    int r;

    snprintf(path, sizeof path, "%s.%d.tmp", file->path, (int)getpid());
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &mask);
    unlink(path);
    r = write_beside(file, path, text, length);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return r;
}

/* Returns 0, PROBLEM_E_SET or E_TOUCHED. */
static int replace(const struct env_file *file, const struct env_pair *pairs, size_t n_pairs, bool *ret_changed,
                   struct problem *problem) {
    const char *before = file->text != NULL ? file->text : "";
    char *text = NULL;
    size_t length = 0;
    int r = env_file_edit(before, file->length, pairs, n_pairs, &text, &length);

    if (r < 0)
        return problem_fill_memory(problem);
    *ret_changed = !file->exists || length != file->length || memcmp(text, before, length) != 0;
    if (*ret_changed)
        r = write_whole(file, text, length);
    free(text);
    return r < 0 ? refuse(problem, file->path, "cannot be written", -r) : r;
}

int env_file_write(const char *root, const char *name, const struct env_pair *pairs, size_t n_pairs, bool *ret_changed,
                   struct problem *problem) {
    CLEANUP(env_file_deinit) struct env_file file = {0};
    CLEANUP(fd_close_at) int lock_fd = lock(root);
    int r = E_TOUCHED;

    if (lock_fd < 0)
        return refuse(problem, root, "cannot be locked", -lock_fd);
    for (int i = 0; r == E_TOUCHED && i < N_TRIES; i++) {
        env_file_deinit(&file);
        file = (struct env_file){0};
        r = read_file(root, name, &file, problem);
        if (r == 0)
            r = replace(&file, pairs, n_pairs, ret_changed, problem);
    }
    if (r == E_TOUCHED)
        return problem_fill(problem, EXIT_NO, "env-file", "%s is changed again and again by another program",
                            file.path);
    return r;
}

bool env_file_find_port(const char *root, const char *name, uint16_t port, char *ret_name, size_t size) {
    CLEANUP(env_file_deinit) struct env_file file = {0};
    CLEANUP(problem_deinit) struct problem problem = {0};

    return read_file(root, name, &file, &problem) == 0 && file.text != NULL &&
           env_file_find(file.text, file.length, port, ret_name, size);
}
