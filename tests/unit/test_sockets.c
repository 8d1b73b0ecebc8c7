/* The sockets that portd listens on: where, for whom, and what becomes of what is there already. */
#include "src/http/sockets.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/fake_home.h"
#include "tests/support/holder.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"

#define PORT      3030
#define UNTOUCHED 7777
#define OTHER_UID 65534

static void assert_flags(int fd) {
    int listens = 0;
    socklen_t length = sizeof(listens);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
    cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length), 0);
    cr_expect(listens);
}

/* ---- TCP ---- */

static int connect_to(const char *address, uint16_t port) {
    const union tcp_address to = tcp_make_address(address, port);
    CLEANUP(fd_close_at) int fd = socket(to.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, &to.generic, sizeof(to)) < 0 ? -errno : 0;
}

Test(sockets, tcp_is_the_loopback_address_of_each_family_and_nothing_else) {
    netns_enter();
    CLEANUP(fd_close_at) int v4 = -1;
    CLEANUP(fd_close_at) int v6 = -1;
    cr_assert_eq(socket_listen_tcp(AF_INET, PORT, &v4), 0);
    cr_expect_eq(connect_to("::1", PORT), -ECONNREFUSED);
    cr_assert_eq(socket_listen_tcp(AF_INET6, PORT, &v6), 0, "beside the other");
    assert_flags(v4);
    assert_flags(v6);
    cr_expect_eq(connect_to("127.0.0.1", PORT), 0);
    cr_expect_eq(connect_to("::1", PORT), 0);
    cr_expect_eq(connect_to("127.0.0.2", PORT), -ECONNREFUSED);
    close(fd_take(&v4));
    cr_expect_eq(connect_to("127.0.0.1", PORT), -ECONNREFUSED, "::1 is IPv6 only");
}

Test(sockets, a_tcp_port_that_is_taken_is_said_to_be) {
    netns_enter();
    for (size_t i = 0; i < n_holder_specs; i++) {
        struct holder_spec spec = holder_specs[i];
        struct holder holder;
        int fd = UNTOUCHED;
        if (strcmp(spec.address, "127.0.0.1") != 0 || spec.kind != HOLDER_LISTENS || (spec.uid != 0 && geteuid() != 0))
            continue;
        cr_assert_eq(holder_open(&spec, &holder), 0, "%s", spec.name);
        cr_expect_eq(socket_listen_tcp(AF_INET, holder.port, &fd), SOCKET_E_IN_USE, "%s", spec.name);
        cr_expect_eq(fd, UNTOUCHED);
        holder_close(&holder);
    }
}

Test(sockets, a_restart_does_not_wait_for_the_connections_of_the_daemon_before) {
    netns_enter();
    const struct holder_spec spec = {
        .kind = HOLDER_TIME_WAIT, .address = "127.0.0.1", .reuse_address = true, .port = PORT};
    struct holder holder;
    CLEANUP(fd_close_at) int fd = -1;
    cr_assert_eq(holder_open(&spec, &holder), 0);
    holder_close(&holder);
    cr_expect_eq(socket_listen_tcp(AF_INET, PORT, &fd), 0);
}

static int try_privileged(void *context) {
    int fd;
    (void)context;
    return socket_listen_tcp(AF_INET, 80, &fd) == -EACCES ? 0 : 1;
}

Test(sockets, what_else_fails_is_an_errno) {
    netns_enter_without_ipv6();
    int fd = UNTOUCHED;
    cr_expect_eq(fake_home_run_as(OTHER_UID, try_privileged, NULL), 0);
    cr_expect_eq(socket_listen_tcp(AF_INET6, PORT, &fd), -EADDRNOTAVAIL);
    netns_refuse_ipv6_sockets();
    cr_expect_eq(socket_listen_tcp(AF_INET6, PORT, &fd), -EAFNOSUPPORT);
    cr_expect_eq(fd, UNTOUCHED);
}

/* ---- the Unix socket ---- */

static struct fake_home home;
static char path[PATH_MAX];

static void set_up(void) {
    fake_home_make(&home);
    fake_home_path(&home, "portd.sock", path);
}

static void tear_down(void) {
    fake_home_remove(&home);
}

TestSuite(unix_socket, .init = set_up, .fini = tear_down);

static int connect_unix(const char *to) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP(fd_close_at) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memccpy(address.sun_path, to, '\0', sizeof(address.sun_path) - 1);
    return connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

static mode_t mode_of(const char *of) {
    struct stat status;
    cr_assert_eq(lstat(of, &status), 0, "%s: %s", of, strerror(errno));
    return status.st_mode & 07777;
}

Test(unix_socket, it_is_its_users_alone_whatever_the_umask) {
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (size_t i = 0; i < 4; i++) {
        CLEANUP(fd_close_at) int fd = -1;
        pid_t pid = UNTOUCHED;
        umask(masks[i]);
        cr_assert_eq(socket_listen_unix(path, &fd, &pid), 0);
        cr_expect_eq(umask(0), masks[i], "as it was before");
        assert_flags(fd);
        cr_expect_eq(mode_of(path), 0600, "%o", mode_of(path));
        cr_expect_eq(connect_unix(path), 0);
        cr_expect_eq(pid, UNTOUCHED);
        unlink(path);
    }
}

Test(unix_socket, its_folder_is_made_for_its_user_alone) {
    CLEANUP(fd_close_at) int fd = -1;
    char folder[PATH_MAX];
    pid_t pid;
    umask(0);
    fake_home_path(&home, "a/b/portd.sock", path);
    cr_assert_eq(socket_listen_unix(path, &fd, &pid), 0);
    fake_home_path(&home, "a", folder);
    cr_expect_eq(mode_of(folder), 0700);
    fake_home_path(&home, "a/b", folder);
    cr_expect_eq(mode_of(folder), 0700);
}

Test(unix_socket, what_a_killed_daemon_left_is_replaced) {
    pid_t pid = UNTOUCHED;
    CLEANUP(fd_close_at) int fd = -1;
    int before = -1;
    cr_assert_eq(socket_listen_unix(path, &before, &pid), 0);
    close(before);
    cr_expect_eq(connect_unix(path), -ECONNREFUSED);
    cr_assert_eq(socket_listen_unix(path, &fd, &pid), 0);
    cr_expect_eq(connect_unix(path), 0);
    cr_expect_eq(pid, UNTOUCHED);
}

/* A daemon that listens there until it is killed. */
static pid_t start_daemon(void) {
    int ends[2];
    int answer = -1;
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        int fd;
        pid_t pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer = socket_listen_unix(path, &fd, &pid);
        if (write(ends[1], &answer, sizeof(answer)) != sizeof(answer))
            _exit(1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(ends[0], &answer, sizeof(answer)), sizeof(answer));
    cr_assert_eq(answer, 0);
    return child;
}

Test(unix_socket, a_living_daemon_keeps_its_place_and_is_named) {
    const pid_t child = start_daemon();
    struct stat before;
    struct stat after;
    pid_t pid = UNTOUCHED;
    CLEANUP(fd_close_at) int fd = -1;
    cr_assert_eq(lstat(path, &before), 0);
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), SOCKET_E_IN_USE);
    cr_expect_eq(pid, child);
    cr_expect_eq(fd, -1);
    cr_assert_eq(lstat(path, &after), 0);
    cr_expect_eq(before.st_ino, after.st_ino);
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), 0, "its own end gives it up");
}

Test(unix_socket, a_daemon_too_busy_to_accept_is_there_all_the_same) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP(fd_close_at) int busy = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CLEANUP(fd_close_at) int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    pid_t pid = UNTOUCHED;
    int fd = UNTOUCHED;
    memccpy(address.sun_path, path, '\0', sizeof(address.sun_path) - 1);
    cr_assert_eq(bind(busy, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(busy, 0), 0);
    cr_assert_eq(connect(waiting, (const struct sockaddr *)&address, sizeof(address)), 0, "the one that has room");
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), SOCKET_E_IN_USE);
    cr_expect_eq(fd, UNTOUCHED);
    cr_expect_eq(access(path, F_OK), 0);
}

Test(unix_socket, what_is_no_socket_is_left_alone) {
    char target[PATH_MAX];
    pid_t pid;
    int fd = UNTOUCHED;
    fake_home_write(&home, "portd.sock", "precious", 8);
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), -ENOTSOCK);
    char *content = fake_home_read(&home, "portd.sock", NULL);
    cr_expect_str_eq(content, "precious");
    free(content);
    unlink(path);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), -ENOTSOCK);
    rmdir(path);
    fake_home_path(&home, "elsewhere", target);
    cr_assert_eq(symlink(target, path), 0);
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), -ENOTSOCK, "a link that leads nowhere");
    cr_expect_eq(access(target, F_OK), -1);
    unlink(path);
    int other = -1;
    cr_assert_eq(socket_listen_unix(target, &other, &pid), 0);
    close(other);
    cr_assert_eq(symlink(target, path), 0);
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), -ENOTSOCK, "a link to a dead socket");
    cr_expect_eq(access(target, F_OK), 0);
    cr_expect_eq(fd, UNTOUCHED);
}

Test(unix_socket, a_socket_of_another_kind_is_left_alone) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP(fd_close_at) int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    pid_t pid;
    int fd = UNTOUCHED;
    memccpy(address.sun_path, path, '\0', sizeof(address.sun_path) - 1);
    cr_assert_eq(bind(other, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_expect_lt(socket_listen_unix(path, &fd, &pid), 0);
    cr_expect_eq(access(path, F_OK), 0);
    cr_expect_eq(fd, UNTOUCHED);
}

Test(unix_socket, the_longest_path_has_107_bytes) {
    CLEANUP(fd_close_at) int fd = -1;
    char name[SOCKET_PATH_MAX + 1];
    pid_t pid;
    const size_t length = SOCKET_PATH_MAX - 1 - strlen(home.path) - 1;
    memset(name, 's', length + 1);
    name[length + 1] = '\0';
    fake_home_path(&home, name, path);
    cr_assert_eq(strlen(path), SOCKET_PATH_MAX);
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), -ENAMETOOLONG);
    path[SOCKET_PATH_MAX - 1] = '\0';
    cr_expect_eq(socket_listen_unix(path, &fd, &pid), 0);
}

static int try_forbidden(void *context) {
    int fd;
    pid_t pid;
    (void)context;
    return socket_listen_unix(path, &fd, &pid) == -EACCES ? 0 : 1;
}

Test(unix_socket, a_folder_that_may_not_be_written_to_is_an_errno) {
    cr_assert_eq(chmod(home.path, 0555), 0);
    cr_expect_eq(fake_home_run_as(OTHER_UID, try_forbidden, NULL), 0);
    cr_assert_eq(chmod(home.path, 0755), 0);
}
