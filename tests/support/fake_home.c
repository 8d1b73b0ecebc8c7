/* Folders for tests. */
#include "tests/support/fake_home.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void fake_home_make(struct fake_home *home) {
    snprintf(home->path, sizeof(home->path), "/tmp/portmanager-test-XXXXXX");
    cr_assert_not_null(mkdtemp(home->path), "mkdtemp: %s", strerror(errno));
    cr_assert_eq(chmod(home->path, 0755), 0);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void fake_home_remove(struct fake_home *home) {
    nftw(home->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fake_home_path(const struct fake_home *home, const char *name, char *ret_path) {
    const int length = snprintf(ret_path, PATH_MAX, "%s/%s", home->path, name);
    cr_assert_lt(length, PATH_MAX);
}

void fake_home_write(const struct fake_home *home, const char *name, const void *content, size_t length) {
    char path[PATH_MAX];
    fake_home_path(home, name, path);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "%s: %s", path, strerror(errno));
    cr_assert_eq(fwrite(content, 1, length, file), length);
    cr_assert_eq(fclose(file), 0);
}

char *fake_home_read(const struct fake_home *home, const char *name, size_t *ret_length) {
    char path[PATH_MAX];
    struct stat status;
    fake_home_path(home, name, path);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s: %s", path, strerror(errno));
    cr_assert_eq(fstat(fileno(file), &status), 0);
    char *text = calloc(1, (size_t)status.st_size + 1);
    cr_assert_not_null(text);
    cr_assert_eq(fread(text, 1, (size_t)status.st_size, file), (size_t)status.st_size);
    cr_assert_eq(fclose(file), 0);
    if (ret_length)
        *ret_length = (size_t)status.st_size;
    return text;
}

unsigned fake_home_count(const struct fake_home *home, const char *prefix, char *ret_name) {
    DIR *folder = opendir(home->path);
    cr_assert_not_null(folder);
    unsigned n_found = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        if (n_found++ == 0 && ret_name)
            snprintf(ret_name, NAME_MAX + 1, "%s", entry->d_name);
    }
    closedir(folder);
    return n_found;
}

/* Becomes somebody without rights. An ordinary user cannot become another, but in the user namespace of netns.c he is
 * mighty, and gives that up. */
static int become(uid_t uid) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {0};
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
        return -errno;
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int fake_home_run_as(uid_t uid, int (*body)(void *context), void *context) {
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        if (uid != 0 && become(uid) < 0)
            _exit(99);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(body(context));
    }
    int status = 0;
    pid_t waited;
    do
        waited = waitpid(child, &status, 0);
    while (waited < 0 && errno == EINTR);
    cr_assert_eq(waited, child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
