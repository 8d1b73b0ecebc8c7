/*
 * Reading and writing a .env file. See env_file.h.
 */
#include "cli/env_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"

void env_file_deinit(struct env_file *file) {
    free(file->path);
    free(file->text);
    *file = (struct env_file){0};
}

static int refuse(struct problem *problem, const char *path, const char *what, int error) {
    return problem_fill(problem, EXIT_NO, "env-file", "%s %s: %s", path, what, strerror(error));
}

/* A link is followed: the file that it leads to is the one to be replaced. */
static char *resolve(const char *path) {
    char resolved[PATH_MAX];

    return strdup(realpath(path, resolved) != NULL ? resolved : path);
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
    return 0;
}

/* Root may write anything, and a file that nobody may write is not meant to be changed by root either. */
static int check_writable(const struct env_file *file, struct problem *problem) {
    char *folder;
    char *slash;
    int error = 0;

    if (file->exists && (file->mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0)
        error = EACCES;
    else if (file->exists && access(file->path, W_OK) < 0)
        error = errno;
    if (error != 0) {
        refuse(problem, file->path, "cannot be written", error);
        return problem_set_hint(problem, "chmod u+w %s", file->path);
    }
    folder = strdup(file->path);
    if (folder == NULL)
        return problem_fill_memory(problem);
    slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    if (access(folder, W_OK | X_OK) < 0)
        refuse(problem, folder, "cannot be written to", error = errno);
    free(folder);
    return error != 0 ? PROBLEM_E_SET : 0;
}

int env_file_read(const char *path, struct env_file *ret_file, struct problem *problem) {
    CLEANUP(env_file_deinit) struct env_file file = {.path = resolve(path), .mode = 0666};
    CLEANUP(fd_close_at) int fd = -1;
    struct stat status;
    int r = 0;

    if (file.path == NULL)
        return problem_fill_memory(problem);
    fd = open(file.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno != ENOENT)
        return refuse(problem, file.path, "cannot be read", errno);
    if (fd >= 0) {
        if (fstat(fd, &status) < 0)
            return refuse(problem, file.path, "cannot be read", errno);
        if (!S_ISREG(status.st_mode))
            return problem_fill(problem, EXIT_NO, "env-file", "%s is no regular file", file.path);
        file.exists = true;
        file.mode = status.st_mode & 07777;
        r = read_text(fd, &file, problem);
    }
    if (r == 0)
        r = check_writable(&file, problem);
    if (r != 0)
        return r;
    *ret_file = file;
    file = (struct env_file){0};
    return 0;
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

/* The new file takes the old one's rights, or those that the umask leaves of a new one's. */
static int write_beside(const struct env_file *file, const char *path, const char *text, size_t length) {
    CLEANUP(fd_close_at) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file->mode & 0666);
    int r;

    if (fd < 0)
        return -errno;
    r = write_all(fd, text, length);
    if (r == 0 && file->exists && fchmod(fd, file->mode) < 0)
        r = -errno;
    if (r == 0 && rename(path, file->path) < 0)
        r = -errno;
    if (r < 0)
        unlink(path);
    return r;
}

int env_file_write(const struct env_file *file, const struct env_pair *pairs, size_t n_pairs, bool *ret_changed,
                   struct problem *problem) {
    char path[PATH_MAX + 32];
    char *text = NULL;
    size_t length = 0;
    int r = env_file_edit(file->text != NULL ? file->text : "", file->length, pairs, n_pairs, &text, &length);

    if (r < 0)
        return problem_fill_memory(problem);
    *ret_changed = !file->exists || length != file->length || memcmp(text, file->text, length) != 0;
    if (*ret_changed) {
        snprintf(path, sizeof path, "%s.%d.tmp", file->path, (int)getpid());
        r = write_beside(file, path, text, length);
    }
    free(text);
    return r < 0 ? refuse(problem, file->path, "cannot be written", -r) : 0;
}
