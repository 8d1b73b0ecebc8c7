/* Whole files by plain descriptors. */
#include "tests/support/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/fd.h"
#include "tests/support/fail.h"

void file_free_text_at(char **text) {
    free(*text);
    *text = NULL;
}

/* By read() to the end and not by the file's size, which is 0 in /proc. */
char *file_read(const char *path, size_t *ret_length) {
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_test("%s cannot be opened: %s", path, strerror(errno));
    char *text = NULL;
    size_t length = 0;
    ssize_t n_read;
    do {
        text = realloc(text, length + 65536 + 1);
        if (!text)
            fail_test("out of memory");
        n_read = read(fd, text + length, 65536);
        if (n_read < 0)
            fail_test("%s cannot be read: %s", path, strerror(errno));
        length += (size_t)n_read;
    } while (n_read > 0);
    text[length] = '\0';
    if (ret_length)
        *ret_length = length;
    return text;
}

void file_write(const char *path, const void *bytes, size_t length) {
    CLEANUP(fd_close_at) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
        fail_test("%s cannot be written: %s", path, strerror(errno));
}

void file_write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

bool file_exists(const char *path) {
    struct stat there;
    return lstat(path, &there) == 0;
}

char *file_find(const char *folder, const char *prefix) {
    DIR *dir = opendir(folder);
    if (!dir)
        fail_test("%s cannot be opened: %s", folder, strerror(errno));
    char best[256] = "";
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
            (best[0] == '\0' || strlen(entry->d_name) < strlen(best)))
            snprintf(best, sizeof(best), "%s", entry->d_name);
    closedir(dir);
    char *path = NULL;
    if (best[0] != '\0' && asprintf(&path, "%s/%s", folder, best) < 0)
        fail_test("out of memory");
    return path;
}
