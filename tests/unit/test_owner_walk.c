/*
 * Whose sockets are these? Real processes: servers, their workers, other users, threads, and those that hide or end.
 */
#include "probe/owner_walk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "probe/fd.h"
#include "probe/sock_diag.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/holder.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define MANY_FDS 1000000

static struct owner_result walk_for(uint32_t inode, uid_t uid, size_t max_fds) {
    const struct owner_wanted wanted = {.inode = inode, .uid = uid};
    struct owner_result result = {0};
    cr_assert_eq(owner_walk(&wanted, 1, NULL, max_fds, &result), 0);
    cr_assert_eq(result.n_answers, 1);
    cr_assert_eq(result.answers[0].inode, inode);
    return result;
}

static void assert_owner(uint32_t inode, uid_t uid, size_t max_fds, pid_t pid) {
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(inode, uid, max_fds);
    cr_assert_eq(result.answers[0].n_owners, 1, "%zu owners", result.answers[0].n_owners);
    cr_assert_eq(result.answers[0].owners[0]->id.pid, pid);
    cr_assert_eq(result.answers[0].hidden, OWNER_SEEN);
}

static void assert_hidden(uint32_t inode, uid_t uid, size_t max_fds, enum owner_hidden hidden) {
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(inode, uid, max_fds);
    cr_assert_eq(result.answers[0].n_owners, 0);
    cr_assert_str_eq(owner_hidden_name(result.answers[0].hidden), owner_hidden_name(hidden));
}

/* A holder in a namespace of its own, and the inode of its only socket. */
static uint32_t open_holder(uid_t uid, struct holder *ret_holder) {
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "127.0.0.1", .uid = uid};
    netns_enter();
    cr_assert_eq(holder_open(&spec, ret_holder), 0);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_new(&diag), 0);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, ret_holder->port, &list), 0);
    cr_assert_eq(list.n_items, 1);
    return list.items[0].inode;
}

static void become_user(uid_t uid) {
    /* The group of root is the one that hidepid= does not hide from. */
    cr_assert_eq(setgroups(0, NULL), 0);
    cr_assert_eq(setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid), 0);
    cr_assert_eq(setresuid(uid, uid, uid), 0);
    /* A change of uid makes a process one that nobody may look into. */
    cr_assert_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

/* For children: until they are killed. */
static int live(void) {
    while (pause() < 0)
        continue;
    return 0;
}

static void need_root(void) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user, and read what he has open");
}

/* ---- who is found ---- */

Test(owner_walk, the_owner_of_an_own_socket_is_this_process) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    prctl(PR_SET_NAME, "who-is-it");
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(tcp_inode_of(fd), geteuid(), MANY_FDS);
    cr_assert_eq(result.answers[0].n_owners, 1);
    cr_assert_eq(result.answers[0].owners[0]->id.pid, getpid());
    cr_assert_str_eq(result.answers[0].owners[0]->name, "who-is-it");
    cr_assert_geq(result.answers[0].owners[0]->pidfd, 0);
    cr_assert_null(result.answers[0].cgroup);
    cr_assert_gt(result.cpu_ns, 0);
}

Test(owner_walk, the_owner_is_found_also_if_it_runs_as_another_uid_than_its_socket_has) {
    struct holder holder = {0};
    const uint32_t inode = open_holder(0, &holder);
    assert_owner(inode, geteuid(), MANY_FDS, holder.pid);
    assert_owner(inode, 4242, MANY_FDS, holder.pid);
}

/* Another test may be run beside this one, with processes of its own users: a uid that none has. */
#define LONELY_UID 47110815

Test(owner_walk, the_processes_of_the_sockets_uid_are_read_first) {
    need_root();
    struct holder holder = {0};
    const uint32_t inode = open_holder(LONELY_UID, &holder);
    assert_owner(inode, LONELY_UID, 16, holder.pid);
    assert_hidden(inode, 0, 16, OWNER_TOO_MANY);
}

#define N_SHARERS 5

Test(owner_walk, all_processes_that_share_a_socket_are_its_owners_lowest_pid_first) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    pid_t children[N_SHARERS];
    for (size_t i = 0; i < N_SHARERS; i++)
        children[i] = child_start_idle(0);
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(tcp_inode_of(fd), geteuid(), MANY_FDS);
    const struct owner_answer *answer = &result.answers[0];
    cr_assert_eq(answer->n_owners, N_SHARERS + 1);
    unsigned n_found = 0;
    for (size_t i = 0; i < answer->n_owners; i++) {
        if (i > 0)
            cr_assert_lt(answer->owners[i - 1]->id.pid, answer->owners[i]->id.pid);
        for (size_t j = 0; j < N_SHARERS; j++)
            n_found += answer->owners[i]->id.pid == children[j];
    }
    cr_assert_eq(n_found, N_SHARERS);
}

Test(owner_walk, of_many_processes_that_share_a_socket_the_first_are_its_owners) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    for (size_t i = 0; i < OWNERS_MAX; i++)
        child_start_idle(0);
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(tcp_inode_of(fd), geteuid(), MANY_FDS);
    cr_assert_eq(result.answers[0].n_owners, OWNERS_MAX);
    cr_assert_eq(result.answers[0].hidden, OWNER_SEEN);
    for (size_t i = 1; i < OWNERS_MAX; i++)
        cr_assert_lt(result.answers[0].owners[i - 1]->id.pid, result.answers[0].owners[i]->id.pid);
}

static int close_and_live(void *context) {
    close(*(const int *)context);
    return live();
}

Test(owner_walk, a_socket_that_is_open_twice_has_its_owner_once) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    CLEANUP(fd_close_at) int again = dup(fd);
    cr_assert_geq(again, 0);
    int fds[] = {fd, again};
    assert_owner(tcp_inode_of(fd), geteuid(), MANY_FDS, getpid());
    child_start(0, close_and_live, &fds[0]);
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(tcp_inode_of(fd), geteuid(), MANY_FDS);
    cr_assert_eq(result.answers[0].n_owners, 2, "the child has the second one still");
}

/* A worker of another uid that has a child of its own, by a pipe that tells the child's pid. */
struct workers {
    pid_t child;
};

static int work(void *context) {
    struct workers *workers = context;
    const pid_t child = child_start_idle(0);
    workers->child = child;
    return live();
}

Test(owner_walk, a_servers_workers_are_owners_though_another_users) {
    need_root();
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    volatile struct workers *workers = child_share(sizeof(*workers));
    const pid_t worker = child_start(HOLDER_OTHER_UID, work, (void *)workers);
    const struct wait wait = wait_for("the worker's own child");
    while (workers->child == 0)
        wait_more(&wait);
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(tcp_inode_of(fd), 0, MANY_FDS);
    const struct owner_answer *answer = &result.answers[0];
    cr_assert_eq(answer->n_owners, 3, "%zu owners", answer->n_owners);
    cr_assert_eq(answer->owners[0]->id.pid + answer->owners[1]->id.pid + answer->owners[2]->id.pid,
                 getpid() + worker + workers->child);
    kill(workers->child, SIGKILL);
}

/* The parent of who has it has not, so that only the reading of every process finds it; and that is not done for one owner
 * more. */
static int hand_on(void *context) {
    const pid_t child = child_start_idle(0);
    close(*(const int *)context);
    (void)child;
    return live();
}

Test(owner_walk, all_others_are_read_only_for_a_socket_without_an_owner) {
    need_root();
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    const uint32_t inode = tcp_inode_of(fd);
    child_start(HOLDER_OTHER_UID, hand_on, &fd);
    const struct wait wait = wait_for("the child to hand its socket on");
    for (;;) {
        CLEANUP(owner_result_deinit) struct owner_result result = walk_for(inode, 0, MANY_FDS);
        if (result.answers[0].n_owners == 1)
            break;
        wait_more(&wait);
    }
    close(fd_take(&fd));
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(inode, 0, MANY_FDS);
    cr_assert_eq(result.answers[0].n_owners, 1);
    cr_assert_neq(result.answers[0].owners[0]->id.pid, getpid());
    kill(result.answers[0].owners[0]->id.pid, SIGKILL);
}

/* The worker is found first, among the processes of the uid, and its parent when all others are read. */
Test(owner_walk, owners_are_in_the_order_of_their_pids_however_they_were_found) {
    need_root();
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    const pid_t worker = child_start_idle(HOLDER_OTHER_UID);
    const struct owner_wanted wanted[] = {{.inode = tcp_inode_of(fd), .uid = HOLDER_OTHER_UID},
                                          {.inode = UINT32_MAX, .uid = HOLDER_OTHER_UID}};
    CLEANUP(owner_result_deinit) struct owner_result result = {0};
    cr_assert_eq(owner_walk(wanted, 2, NULL, MANY_FDS, &result), 0);
    cr_assert_eq(result.answers[0].n_owners, 2);
    cr_assert_eq(result.answers[0].owners[0]->id.pid, getpid());
    cr_assert_eq(result.answers[0].owners[1]->id.pid, worker);
    cr_assert_eq(result.answers[1].n_owners, 0);
}

/* ---- threads ---- */

static void *make_socket(void *context) {
    *(int *)context = tcp_listen("127.0.0.1", 0);
    return NULL;
}

Test(owner_walk, a_threads_socket_is_its_processs) {
    netns_enter();
    pthread_t thread;
    int fd = -1;
    cr_assert_eq(pthread_create(&thread, NULL, make_socket, &fd), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    assert_owner(tcp_inode_of(fd), geteuid(), MANY_FDS, getpid());
    close(fd);
}

static void *live_on(void *context) {
    (void)context;
    live();
    return NULL;
}

static int leave_to_a_thread(void *context) {
    (void)context;
    pthread_t thread;
    if (pthread_create(&thread, NULL, live_on, NULL) != 0)
        fail_test("A child cannot make a thread.");
    pthread_exit(NULL);
}

static void assert_found_without_its_first_thread(void) {
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    const uint32_t inode = tcp_inode_of(fd);
    const pid_t child = child_start(0, leave_to_a_thread, NULL);
    char path[64];
    char stat[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", child);
    const struct wait wait = wait_for("the child's first thread to end");
    while (!strstr(stat, ") Z ")) {
        CLEANUP(fd_close_at) int stat_fd = open(path, O_RDONLY | O_CLOEXEC);
        const ssize_t length = read(stat_fd, stat, sizeof(stat) - 1);
        stat[length > 0 ? length : 0] = '\0';
        wait_more(&wait);
    }
    close(fd_take(&fd));
    CLEANUP(owner_result_deinit) struct owner_result result = walk_for(inode, geteuid(), MANY_FDS);
    bool is_readable = false;
    const bool has_socket = owner_has_socket(child, inode, SIZE_MAX, &is_readable);
    kill(child, SIGKILL);
    cr_assert_eq(result.answers[0].n_owners, 1);
    cr_assert_eq(result.answers[0].owners[0]->id.pid, child);
    cr_assert(has_socket);
    cr_assert(is_readable);
}

Test(owner_walk, a_process_whose_first_thread_has_ended_has_its_sockets_still) {
    netns_enter();
    assert_found_without_its_first_thread();
}

Test(owner_walk, an_ordinary_users_process_whose_first_thread_has_ended_has_its_sockets_still) {
    need_root();
    netns_enter();
    become_user(HOLDER_OTHER_UID);
    assert_found_without_its_first_thread();
}

/* ---- who is hidden ---- */

Test(owner_walk, an_owner_of_another_user_is_hidden) {
    need_root();
    struct holder holder = {0};
    const uint32_t inode = open_holder(0, &holder);
    become_user(HOLDER_OTHER_UID);
    assert_hidden(inode, 0, MANY_FDS, OWNER_OF_OTHER_USER);
}

static int live_undumpable(void *context) {
    bool *ready = context;
    prctl(PR_SET_DUMPABLE, 0);
    *ready = true;
    return live();
}

Test(owner_walk, an_owner_that_is_not_dumpable_is_hidden_from_its_own_user) {
    need_root();
    netns_enter();
    become_user(HOLDER_OTHER_UID);
    int fd = tcp_listen("127.0.0.1", 0);
    const uint32_t inode = tcp_inode_of(fd);
    volatile bool *ready = child_share(sizeof(*ready));
    const pid_t child = child_start(0, live_undumpable, (void *)ready);
    const struct wait wait = wait_for("the child to hide itself");
    while (!*ready)
        wait_more(&wait);
    close(fd);
    assert_hidden(inode, HOLDER_OTHER_UID, MANY_FDS, OWNER_NOT_DUMPABLE);
    bool is_readable = true;
    cr_assert_not(owner_has_socket(child, inode, SIZE_MAX, &is_readable));
    cr_assert_not(is_readable);
}

Test(owner_walk, a_zombie_of_the_same_user_hides_nothing) {
    need_root();
    netns_enter();
    become_user(LONELY_UID);
    const pid_t zombie = child_start_idle(0);
    siginfo_t info;
    cr_assert_eq(kill(zombie, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT), 0);
    int fd = tcp_listen("127.0.0.1", 0);
    const uint32_t inode = tcp_inode_of(fd);
    close(fd);
    assert_hidden(inode, LONELY_UID, MANY_FDS, OWNER_OF_OTHER_USER);
}

Test(owner_walk, hidepid_is_the_reason_where_it_is) {
    need_root();
    struct holder holder = {0};
    const uint32_t inode = open_holder(0, &holder);
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_eq(mount("proc", "/proc", "proc", 0, "hidepid=2"), 0);
    assert_owner(inode, 0, MANY_FDS, holder.pid);
    become_user(HOLDER_OTHER_UID);
    assert_hidden(inode, 0, MANY_FDS, OWNER_BY_HIDEPID);
}

/* In a pid namespace of its own, where nobody is who hides anything. Returns the reason, or minus one. */
static int walk_as_first_process(uint32_t inode) {
    const struct owner_wanted wanted = {.inode = inode};
    struct owner_result result = {0};
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0 ||
        owner_walk(&wanted, 1, NULL, MANY_FDS, &result) != 0)
        return -1;
    const int hidden = (int)result.answers[0].hidden;
    owner_result_deinit(&result);
    return hidden;
}

static int walk_in_pid_namespace(void *context) {
    const uint32_t inode = *(const uint32_t *)context;
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        fail_test("A child cannot make a pid namespace.");
    const pid_t first = fork();
    if (first == 0)
        _exit(walk_as_first_process(inode));
    int status = 0;
    return waitpid(first, &status, 0) == first && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(owner_walk, a_socket_that_no_process_has_open_is_elsewhere) {
    need_root();
    struct holder holder = {0};
    uint32_t inode = open_holder(HOLDER_OTHER_UID, &holder);
    cr_assert_eq(child_wait(child_start(0, walk_in_pid_namespace, &inode)), OWNER_ELSEWHERE);
    assert_hidden(0, geteuid(), MANY_FDS, OWNER_ELSEWHERE);
}

Test(owner_walk, the_search_gives_up_after_so_many_descriptors) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    assert_hidden(tcp_inode_of(fd), geteuid(), 0, OWNER_TOO_MANY);
    assert_hidden(tcp_inode_of(fd), geteuid(), 1, OWNER_TOO_MANY);
}

Test(owner_walk, every_reason_has_its_words) {
    for (int hidden = OWNER_SEEN; hidden <= OWNER_TOO_MANY; hidden++) {
        cr_assert_gt(strlen(owner_hidden_name((enum owner_hidden)hidden)), 0);
        cr_assert_eq(strlen(owner_hidden_reason((enum owner_hidden)hidden)) > 0, hidden != OWNER_SEEN);
        cr_assert_not_null(owner_hidden_remedy((enum owner_hidden)hidden));
    }
    cr_assert_str_eq(owner_hidden_name(OWNER_OF_OTHER_USER), "other-user");
    cr_assert_str_eq(owner_hidden_name(OWNER_BY_HIDEPID), "hidepid");
}

/* ---- many, and in motion ---- */

#define N_WANTED  10000
#define N_SOCKETS 100

Test(owner_walk, ten_thousand_sockets_are_looked_for_at_once) {
    netns_enter();
    struct owner_wanted *wanted = calloc(N_WANTED, sizeof(*wanted));
    int fds[N_SOCKETS];
    cr_assert_not_null(wanted);
    for (uint32_t i = 0; i < N_WANTED; i++)
        wanted[i] = (struct owner_wanted){.inode = UINT32_MAX - i, .uid = geteuid()};
    for (size_t i = 0; i < N_SOCKETS; i++) {
        fds[i] = tcp_listen("127.0.0.1", 0);
        wanted[i * (N_WANTED / N_SOCKETS)].inode = tcp_inode_of(fds[i]);
    }
    wanted[1].inode = wanted[0].inode; /* twice the same */
    CLEANUP(owner_result_deinit) struct owner_result result = {0};
    cr_assert_eq(owner_walk(wanted, N_WANTED, NULL, MANY_FDS, &result), 0);
    cr_assert_eq(result.n_answers, N_WANTED);
    for (size_t i = 0; i < N_WANTED; i++) {
        const struct owner_answer *answer = &result.answers[i];
        cr_assert_eq(answer->inode, wanted[i].inode);
        cr_assert_eq(answer->n_owners, i % (N_WANTED / N_SOCKETS) == 0 || i == 1, "%zu", i);
        if (answer->n_owners > 0)
            cr_assert_eq(answer->owners[0], result.answers[0].owners[0], "a process is read once for all its sockets");
    }
    for (size_t i = 0; i < N_SOCKETS; i++)
        close(fds[i]);
    free(wanted);
}

Test(owner_walk, nothing_wanted_is_nothing_found) {
    CLEANUP(owner_result_deinit) struct owner_result result = {0};
    cr_assert_eq(owner_walk(NULL, 0, NULL, MANY_FDS, &result), 0);
    cr_assert_eq(result.n_answers, 0);
}

static int come_and_go(void *context) {
    (void)context;
    pid_t child;
    do {
        child = fork();
        if (child == 0)
            _exit(0);
    } while (waitpid(child, NULL, 0) == child);
    return 1;
}

Test(owner_walk, processes_that_vanish_meanwhile_are_passed_over) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    const pid_t busy = child_start(0, come_and_go, NULL);
    for (int i = 0; i < 200; i++) {
        CLEANUP(owner_result_deinit) struct owner_result result = walk_for(tcp_inode_of(fd), geteuid(), MANY_FDS);
        const struct owner_answer *answer = &result.answers[0];
        bool has_self = false;
        bool has_busy = false;
        for (size_t j = 0; j < answer->n_owners; j++) {
            has_self = has_self || answer->owners[j]->id.pid == getpid();
            has_busy = has_busy || answer->owners[j]->id.pid == busy;
        }
        cr_assert(has_self);
        cr_assert(has_busy);
    }
}

Test(owner_walk, to_be_out_of_descriptors_hides_nobody) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    const struct owner_wanted wanted = {.inode = tcp_inode_of(fd), .uid = geteuid()};
    int opened[256];
    size_t n_opened = 0;
    const struct rlimit few = {.rlim_cur = 128, .rlim_max = 128};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n_opened < 256 && (opened[n_opened] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n_opened++;

    /* One descriptor more at each attempt, until there are enough for the search. */
    int r = -EMFILE;
    unsigned n_failed = 0;
    CLEANUP(owner_result_deinit) struct owner_result result = {0};
    for (; r == -EMFILE && n_opened > 0; n_failed++) {
        r = owner_walk(&wanted, 1, NULL, MANY_FDS, &result);
        close(opened[--n_opened]);
    }
    while (n_opened > 0)
        close(opened[--n_opened]);
    cr_assert_eq(r, 0);
    cr_assert_eq(n_failed, 7, "/proc, /proc/PID, the owner's pidfd and folder, its parent's and a file: attempt %u",
                 n_failed);
    cr_assert_eq(result.answers[0].n_owners, 1);
    cr_assert_eq(result.answers[0].owners[0]->id.pid, getpid());
    cr_assert_eq(result.answers[0].owners[0]->pidfd, -1, "descriptors are scarce");
}

/* ---- one process, one socket ---- */

Test(owner_walk, a_process_has_a_socket_or_has_it_not) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 0);
    CLEANUP(fd_close_at) int other = tcp_listen("127.0.0.1", 0);
    bool is_readable = false;
    const pid_t child = child_start(0, close_and_live, &other);
    const struct wait wait = wait_for("the child to close a socket");
    while (owner_has_socket(child, tcp_inode_of(other), SIZE_MAX, NULL))
        wait_more(&wait);
    cr_assert(owner_has_socket(getpid(), tcp_inode_of(other), SIZE_MAX, &is_readable));
    cr_assert(is_readable);
    cr_assert_not(owner_has_socket(getpid(), tcp_inode_of(other), 1, &is_readable));
    cr_assert_not(is_readable, "not all of them were read");
    cr_assert(owner_has_socket(child, tcp_inode_of(fd), SIZE_MAX, NULL));
    cr_assert_not(owner_has_socket(child, tcp_inode_of(other), SIZE_MAX, &is_readable));
    cr_assert(is_readable);
    child_kill(child);
    cr_assert_not(owner_has_socket(child, tcp_inode_of(fd), SIZE_MAX, &is_readable));
    cr_assert_not(is_readable);
    cr_assert_not(owner_has_socket(getpid(), 0, SIZE_MAX, NULL));
}

/* ---- forwarders ---- */

/* A program called docker-proxy, with its arguments: a script, so that its command line is theirs and its name is the file's. */
static pid_t start_proxy(const char *folder, uid_t uid, const char *host_port) {
    char path[64];
    snprintf(path, sizeof(path), "%s/docker-proxy", folder);
    const pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (uid != 0 && setuid(uid) < 0)
            _exit(1);
        execl(path, path, "-proto", "tcp", "-host-ip", "0.0.0.0", "-host-port", host_port, "-container-ip",
              "172.17.0.2", "-container-port", "80", NULL);
        _exit(1);
    }
    return pid;
}

static struct owner_result walk_as_another(uint16_t port, uid_t uid) {
    const struct owner_wanted wanted = {.inode = UINT32_MAX, .uid = uid, .port = port};
    struct owner_result result = {0};
    cr_assert_eq(owner_walk(&wanted, 1, NULL, MANY_FDS, &result), 0);
    return result;
}

static pid_t forwarder_of(uint16_t port, uid_t uid) {
    CLEANUP(owner_result_deinit) struct owner_result result = walk_as_another(port, uid);
    return result.answers[0].forwarder ? result.answers[0].forwarder->id.pid : 0;
}

Test(owner_walk, a_hidden_socket_of_roots_has_the_docker_proxy_that_says_it_has_its_port) {
    char folder[] = "/tmp/portmanager-proxy-XXXXXX";
    char path[64];
    if (geteuid() != 0)
        cr_skip_test("only root can start a process of root's");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chmod(folder, 0755), 0);
    snprintf(path, sizeof(path), "%s/docker-proxy", folder);
    file_write_text(path, "#!/bin/sh\nwhile :; do sleep 1; done\n");
    cr_assert_eq(chmod(path, 0755), 0);
    const pid_t roots = start_proxy(folder, 0, "48123");
    const pid_t others = start_proxy(folder, HOLDER_OTHER_UID, "48124");
    const struct wait wait = wait_for("the proxy to be seen");
    while (forwarder_of(48123, 0) != roots)
        wait_more(&wait);
    cr_expect_eq(forwarder_of(48125, 0), 0, "another port");
    cr_expect_eq(forwarder_of(0, 0), 0, "no port");
    cr_expect_eq(forwarder_of(48123, HOLDER_OTHER_UID), 0, "a socket of another user's");
    cr_expect_eq(forwarder_of(48124, 0), 0, "what another user calls docker-proxy");
    kill(roots, SIGKILL);
    kill(others, SIGKILL);
    cr_assert_eq(waitpid(roots, NULL, 0), roots);
    cr_assert_eq(waitpid(others, NULL, 0), others);
    unlink(path);
    rmdir(folder);
}
