/*
 * Cgroups: what paths tell, and paths found in the kernel's own files.
 */
#include "probe/cgroup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/fd.h"
#include "probe/owner_walk.h"
#include "probe/proc_file.h"
#include "probe/sock_diag.h"
#include "tests/support/child.h"
#include "tests/support/holder.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_parsed(const char *path, const char *unit, const char *runtime, const char *container) {
    struct cgroup_names names;
    cgroup_parse(path, &names);
    cr_assert_str_eq(names.unit, unit, "%s: unit %s", path, names.unit);
    cr_assert_str_eq(names.runtime, runtime, "%s: runtime %s", path, names.runtime);
    cr_assert_str_eq(names.container, container, "%s: container %s", path, names.container);
}

/* ---- paths ---- */

Test(cgroup, the_unit_is_the_innermost) {
    assert_parsed("/system.slice/nginx.service", "nginx.service", "", "");
    assert_parsed("/system.slice/ssh.socket", "ssh.socket", "", "");
    assert_parsed("/user.slice/user-1000.slice/session-2.scope", "session-2.scope", "", "");
    assert_parsed("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service", "", "");
    assert_parsed("/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope", "", "");
    assert_parsed("/system.slice/foo.service/sub/group", "foo.service", "", "");
    assert_parsed("/system.slice", "", "", "");
    assert_parsed("/.service/.scope", "", "", "");
    assert_parsed("/", "", "", "");
    assert_parsed("", "", "", "");
    cgroup_parse(NULL, &(struct cgroup_names){0});
}

Test(cgroup, units_are_unescaped) {
    assert_parsed("/system.slice/my\\x2dapp.service", "my-app.service", "", "");
    assert_parsed("/system.slice/a\\x2d\\x5cb.service", "a-\\b.service", "", "");
    assert_parsed("/system.slice/a\\x2.service", "a\\x2.service", "", "");
    assert_parsed("/system.slice/a\\x00b\\x2fc.service", "a\\x00b\\x2fc.service", "", "");
    assert_parsed("/system.slice/_memory.service", "memory.service", "", "");
    assert_parsed("/system.slice/a.service\\x", "", "", "");
}

Test(cgroup, containers_are_told_by_their_runtimes_forms) {
    assert_parsed("/docker/" ID, "", "docker", ID);
    assert_parsed("/system.slice/docker-" ID ".scope", "docker-" ID ".scope", "docker", ID);
    assert_parsed("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container",
                  "libpod-" ID ".scope", "podman", ID);
    assert_parsed("/libpod_parent/libpod-" ID, "", "podman", ID);
    assert_parsed("/system.slice/web.service/libpod-payload-" ID, "web.service", "podman", ID);
    assert_parsed("/system.slice/cri-containerd-" ID ".scope", "cri-containerd-" ID ".scope", "containerd", ID);
    assert_parsed("/kubepods/burstable/pod1234/" ID, "", "containerd", ID);
    assert_parsed("/kubepods.slice/kubepods-pod12.slice/cri-containerd-" ID ".scope", "cri-containerd-" ID ".scope",
                  "containerd", ID);
    assert_parsed("/system.slice/containerd.service/kubepods-pod12.slice:cri-containerd:" ID, "containerd.service",
                  "containerd", ID);
    assert_parsed("/kubepods.slice/crio-" ID ".scope", "crio-" ID ".scope", "cri-o", ID);
    assert_parsed("/lxc.payload.box/system.slice/nginx.service", "nginx.service", "lxc", "box");
    assert_parsed("/lxc/box", "", "lxc", "box");
    assert_parsed("/machine.slice/machine-my\\x2dbox.scope/payload", "machine-my-box.scope", "nspawn", "my-box");
    assert_parsed("/machine.slice/systemd-nspawn@box.service/payload", "systemd-nspawn@box.service", "nspawn", "box");
}

Test(cgroup, what_only_looks_like_a_container_is_none) {
    assert_parsed("/x/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", "", "");
    assert_parsed("/x/crio-conmon-" ID ".scope", "crio-conmon-" ID ".scope", "", "");
    assert_parsed("/docker/buildx", "", "", "");
    assert_parsed("/docker/" ID "0", "", "", "");
    assert_parsed("/system.slice/docker-123.scope", "docker-123.scope", "", "");
    assert_parsed("/system.slice/docker.service", "docker.service", "", "");
    assert_parsed("/somewhere/" ID, "", "", "");
    assert_parsed("/lxc.monitor.box", "", "", "");
    assert_parsed("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "machine-qemu-1-vm.scope", "", "");
    assert_parsed("/machine-.scope", "machine-.scope", "", "");
}

Test(cgroup, of_nested_containers_the_outer_one_counts) {
    assert_parsed("/lxc.payload.box/system.slice/docker-" ID ".scope", "docker-" ID ".scope", "lxc", "box");
}

Test(cgroup, long_names_are_cut) {
    char path[8192] = "/lxc.payload.";
    memset(path + strlen(path), 'x', 4000);
    strcat(path, ".service");
    struct cgroup_names names;
    cgroup_parse(path, &names);
    cr_assert_eq(strlen(names.unit), CGROUP_UNIT_MAX - 1);
    cr_assert_eq(strlen(names.container), CGROUP_CONTAINER_MAX - 1);
}

Test(cgroup, only_what_one_service_or_container_has_for_itself_is_evidence) {
    cr_assert(cgroup_is_evidence("/system.slice/nginx.service"));
    cr_assert(cgroup_is_evidence("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service"));
    cr_assert(cgroup_is_evidence("/docker/" ID));
    cr_assert(cgroup_is_evidence("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope"));
    cr_assert(cgroup_is_evidence("/system.slice/user@name.service"));
    cr_assert_not(cgroup_is_evidence("/user.slice/user-1000.slice/user@1000.service"));
    cr_assert_not(cgroup_is_evidence("/user.slice/user-1000.slice/user@1000.service/app.slice"));
    cr_assert_not(cgroup_is_evidence("/user.slice/user-1000.slice/session-2.scope"));
    cr_assert_not(cgroup_is_evidence("/user.slice/user-1000.slice/user@1000.service/tmux-spawn-1.scope"));
    cr_assert_not(cgroup_is_evidence("/system.slice/ssh.socket"));
    cr_assert_not(cgroup_is_evidence("/user.slice"));
    cr_assert_not(cgroup_is_evidence("/"));
    cr_assert_not(cgroup_is_evidence(NULL));
}

/* ---- the text of /proc/PID/cgroup ---- */

static void assert_chosen(const char *text, const char *path) {
    char copy[1024];
    CLEANUP(proc_free_at) char *chosen = NULL;
    cr_assert_lt(strlen(text), sizeof(copy));
    strcpy(copy, text);
    cr_assert_eq(cgroup_choose(copy, &chosen), path ? 0 : -ENOENT, "%s", text);
    if (path)
        cr_assert_str_eq(chosen, path, "%s", text);
}

Test(cgroup, the_path_is_of_the_unified_hierarchy_or_else_of_systemds) {
    assert_chosen("0::/system.slice/a.service\n", "/system.slice/a.service");
    assert_chosen("0::/\n", "/");
    assert_chosen("2:cpu,cpuacct:/x\n1:name=systemd:/system.slice/a.service\n", "/system.slice/a.service");
    assert_chosen("1:name=systemd:/a\n0::/b\n", "/b");
    assert_chosen("1:name=systemd:/a\n0::/\n", "/a");
    assert_chosen("1:name=systemd:/\n0::/\n", "/");
    assert_chosen("4:memory:/docker/x\n", NULL);
    assert_chosen("", NULL);
    assert_chosen("0::\n0\n:\n::\n", NULL);
}

Test(cgroup, a_path_is_freed_of_what_is_not_part_of_it) {
    assert_chosen("0::/../../system.slice/a.service\n", "/system.slice/a.service");
    assert_chosen("0::/..\n", "/");
    assert_chosen("0::/..a/b\n", "/..a/b");
    assert_chosen("0::/system.slice/a.service (deleted)\n", "/system.slice/a.service");
    assert_chosen("0::/a:b:c\n", "/a:b:c");
}

/* ---- the kernel's own ---- */

Test(cgroup, every_process_is_in_one) {
    CLEANUP(proc_free_at) char *path = NULL;
    int r = cgroup_of_process(getpid(), &path);
    if (r == -ENOENT)
        cr_skip_test("this machine has no hierarchy of cgroups that systemd would use");
    cr_assert_eq(r, 0);
    cr_assert_eq(path[0], '/');
    cr_assert_eq(cgroup_of_process(0x7fffffff, &path), -ENOENT);
}

static bool find_mount(char *ret_point, size_t size) {
    CLEANUP(proc_free_at) char *text = NULL;
    cr_assert_eq(proc_read_mounts(&text), 0);
    char *cursor = text;
    for (struct proc_mount mount; proc_next_mount(&cursor, &mount);) {
        if (strcmp(mount.type, "cgroup2") == 0) {
            snprintf(ret_point, size, "%s", mount.point);
            return true;
        }
    }
    return false;
}

Test(cgroup, the_root_is_found_by_its_id_and_an_unknown_id_is_not) {
    char point[256];
    struct stat status;
    if (!find_mount(point, sizeof(point)))
        cr_skip_test("no cgroup v2 is mounted here");
    cr_assert_eq(stat(point, &status), 0);
    CLEANUP(proc_free_at) char *path = NULL;
    CLEANUP(proc_free_at) char *none = NULL;
    cr_assert_eq(cgroup_of_id(status.st_ino, &path), 0);
    cr_assert_str_eq(path, "/");
    cr_assert_eq(cgroup_of_id(UINT64_MAX, &none), -ENOENT);
    cr_assert_null(none);
}

/* Two cgroups, one in the other, that a test may make and takes away again before it asserts anything. */
struct groups {
    char outer[300], inner[320]; /* folders */
    char path[64];               /* of the inner one */
    uint64_t outer_id, inner_id;
};

static void make_groups(struct groups *groups) {
    char point[256];
    struct stat outer;
    struct stat inner;
    if (!find_mount(point, sizeof(point)))
        cr_skip_test("no cgroup v2 is mounted here");
    snprintf(groups->outer, sizeof(groups->outer), "%s/portmanager-test-%d.service", point, getpid());
    snprintf(groups->inner, sizeof(groups->inner), "%s/in\\x2dside", groups->outer);
    snprintf(groups->path, sizeof(groups->path), "/portmanager-test-%d.service/in\\x2dside", getpid());
    if (mkdir(groups->outer, 0755) < 0)
        cr_skip_test("only root can make a cgroup here");
    cr_assert_eq(mkdir(groups->inner, 0755), 0);
    cr_assert_eq(stat(groups->outer, &outer), 0);
    cr_assert_eq(stat(groups->inner, &inner), 0);
    groups->outer_id = outer.st_ino;
    groups->inner_id = inner.st_ino;
}

/* A cgroup is busy until the last of its processes is wholly gone. */
static void remove_groups(const struct groups *groups) {
    const struct wait wait = wait_for("a cgroup to be empty");
    while (rmdir(groups->inner) < 0 && errno == EBUSY)
        wait_more(&wait);
    rmdir(groups->outer);
}

static int enter(void *context) {
    char path[400];
    snprintf(path, sizeof(path), "%s/cgroup.procs", (const char *)context);
    CLEANUP(fd_close_at) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, "0", 1) == 1 ? 0 : 1;
}

static int enter_and_listen(void *context) {
    const int failed = enter(context);
    const int fd = tcp_listen("127.0.0.1", 0);
    while (!failed && pause() < 0)
        continue;
    close(fd);
    return failed;
}

Test(cgroup, folders_are_found_by_their_ids) {
    struct groups groups;
    make_groups(&groups);
    uint64_t ids[] = {groups.outer_id, groups.inner_id, UINT64_MAX};
    char *paths[3] = {0};
    char *path = NULL;
    int r_many = groups.outer_id < groups.inner_id ? cgroup_of_ids(ids, 3, paths) : -EINVAL;
    int r_one = cgroup_of_id(groups.inner_id, &path);
    remove_groups(&groups);
    cr_assert_eq(r_many, 0);
    cr_assert_eq(r_one, 0);
    cr_assert_str_eq(paths[1], groups.path);
    cr_assert_str_eq(path, groups.path);
    cr_assert_eq(strncmp(paths[0], groups.path, strlen(paths[0])), 0);
    cr_assert_null(paths[2]);
    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
    free(path);
}

Test(cgroup, a_hidden_owners_sockets_tell_its_cgroup) {
    struct groups groups;
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_new(&diag), 0);
    make_groups(&groups);
    const pid_t child = child_start(0, enter_and_listen, groups.inner);
    const struct wait wait = wait_for("the child to listen");
    while (list.n_items == 0) {
        wait_more(&wait);
        cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    }
    char *path = NULL;
    const struct listener *listener = &list.items[0];
    const struct owner_wanted wanted = {
        .inode = listener->inode, .uid = listener->uid, .cgroup_id = listener->cgroup_id};
    struct owner_result seen = {0};
    struct owner_result hidden = {0};
    int r_path = cgroup_of_process(child, &path);
    int r_seen = owner_walk(&wanted, 1, NULL, SIZE_MAX, &seen);
    int r_hidden = owner_walk(&wanted, 1, NULL, 0, &hidden);
    child_kill(child);
    remove_groups(&groups);

    cr_assert_eq(r_path + r_seen + r_hidden, 0);
    cr_assert_str_eq(path, groups.path);
    cr_assert_eq(listener->cgroup_id, groups.inner_id);
    cr_assert_str_eq(seen.answers[0].owners[0]->cgroup, groups.path);
    cr_assert_null(seen.answers[0].cgroup, "not looked up where the owner tells it");
    cr_assert_str_eq(hidden.answers[0].cgroup, groups.path);
    owner_result_deinit(&seen);
    owner_result_deinit(&hidden);
    free(path);
}
