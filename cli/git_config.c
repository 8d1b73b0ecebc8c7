/*
 * core.worktree. See git_config.h.
 */
#include "cli/git_config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/path.h"
#include "probe/fd.h"

#define BLANKS " \t\r\n"

static void close_at(FILE **file) {
    if (*file != NULL)
        fclose(*file);
}

/* Nobody waits at a pipe. */
static FILE *open_regular(const char *folder, const char *name) {
    char path[PATH_MAX];
    CLEANUP(fd_close_at) int fd = -1;
    struct stat status;
    FILE *file;

    if (!path_join(folder, name, path))
        return NULL;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return NULL;
    file = fdopen(fd, "r");
    if (file != NULL)
        fd_take(&fd);
    return file;
}

/* Sections and keys are in either case. */
static bool begins_core(const char *line) {
    return strncasecmp(line, "[core]", 6) == 0;
}

static bool take_worktree(char *line, char *ret_path) {
    static const char key[] = "worktree";
    char *value = line + strlen(key);
    size_t length;

    if (strncasecmp(line, key, strlen(key)) != 0)
        return false;
    value += strspn(value, BLANKS);
    if (*value != '=')
        return false;
    value++;
    value += strspn(value, BLANKS);
    length = strlen(value);
    while (length > 0 && strchr(BLANKS, value[length - 1]) != NULL)
        length--;
    value[length] = '\0';
    if (length == 0 || length >= PATH_MAX || strpbrk(value, "\"\\#;") != NULL)
        return false;
    memcpy(ret_path, value, length + 1);
    return true;
}

static bool read_worktree(FILE *file, char *ret_path) {
    char line[PATH_MAX + 64];
    bool in_core = false;
    bool found = false;

    while (fgets(line, sizeof line, file) != NULL) {
        char *text = line + strspn(line, BLANKS);

        if (text[0] == '[')
            in_core = begins_core(text);
        else if (in_core && take_worktree(text, ret_path))
            found = true; /* as with git, the last one counts */
    }
    return found;
}

bool git_config_worktree(const char *git_folder, char *ret_path) {
    /* With extensions.worktreeConfig, as sparse-checkout sets it, it is in the second. */
    static const char *const names[] = {"config", "config.worktree"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CLEANUP(close_at) FILE *file = open_regular(git_folder, names[i]);

        if (file != NULL && read_worktree(file, ret_path))
            return true;
    }
    return false;
}
