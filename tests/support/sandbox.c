/* Namespaces and mounts of one test. */
#include "tests/support/sandbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fail.h"
#include "tests/support/netns.h"

static void make_folder(const char *path) {
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        fail_test("The folder %s cannot be made: %s.", path, strerror(errno));
}

void sandbox_mount_tmpfs(const char *path, unsigned size_kib) {
    make_folder(path);
    char options[64];
    snprintf(options, sizeof(options), "mode=0755,size=%uk", size_kib);
    if (mount("tmpfs", path, "tmpfs", 0, options) < 0)
        fail_test("A tmpfs cannot be mounted at %s: %s.", path, strerror(errno));
}

/* The programs may lie in a home that other users cannot enter; in here everybody can run them. */
static void bind_programs(void) {
    const char *built = getenv("PM_BUILD_BIN");
    if (!built)
        fail_test("PM_BUILD_BIN must name the folder that portd and portctl are in.");
    make_folder(SANDBOX_BIN);
    if (mount(built, SANDBOX_BIN, NULL, MS_BIND, NULL) < 0)
        fail_test("%s cannot be mounted at " SANDBOX_BIN ": %s.", built, strerror(errno));
}

void sandbox_mount(void) {
    /* Files of the test are as others may see them, whatever umask the person who runs it has. */
    umask(022);
    if (unshare(CLONE_NEWNS) < 0)
        fail_test("This test needs a mount namespace of its own: %s.", strerror(errno));
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        fail_test("The mounts cannot be made private: %s.", strerror(errno));
    sandbox_mount_tmpfs(SANDBOX_DIR, 65536);
    make_folder(SANDBOX_HOME);
    bind_programs();
    if (chdir(SANDBOX_DIR) < 0)
        fail_test("The test cannot work in " SANDBOX_DIR ": %s.", strerror(errno));
}

void sandbox_enter(void) {
    netns_enter();
    sandbox_mount();
}

void sandbox_enter_as_root(void) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    sandbox_enter();
}

bool sandbox_shows_processes(void) {
    return geteuid() == 0;
}
