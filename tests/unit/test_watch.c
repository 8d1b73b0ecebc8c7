/*
 * The background probe, on real sockets and real processes in a network of the test's own. The walk is the test's
 * (tests/support/fake_walk.h), so that it can be held up, and fail.
 */
#include "probe/watch.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "probe/fd.h"
#include "probe/watch_private.h"
#include "tests/support/child.h"
#include "tests/support/fake_walk.h"
#include "tests/support/holder.h"
#include "tests/support/netlink_faults.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define NEVER_MS UINT64_C(3600000) /* an hour: whatever happens in a test, this period does not explain it */

struct world {
    struct sock_diag *diag;
    struct watch *watch;
};

static struct world make_world(uint64_t listen_ms, uint64_t bound_ms) {
    struct world world = {0};
    cr_assert_eq(sock_diag_new(&world.diag), 0);
    const struct watch_config config = {
        .diag = world.diag, .listen_ms = listen_ms, .bound_ms = bound_ms, .max_fds = WATCH_MAX_FDS};
    int r = watch_new_with(&config, fake_walk, &world.watch);
    cr_assert_eq(r, 0, "watch_new: %d", r);
    return world;
}

static void end_world(struct world *world) {
    cr_assert_null(watch_free(world->watch));
    sock_diag_free(world->diag);
}

static bool is_readable(const struct watch *watch) {
    struct pollfd poll_fd = {.fd = watch_fd(watch), .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* Calls it when, and only when, the contract says that it is to be called. */
static void turn(struct watch *watch, const struct wait *wait) {
    if (is_readable(watch) || watch_due_ms(watch) <= wait_now_ms())
        cr_assert_eq(watch_run(watch), 0);
    else
        wait_more(wait);
}

#define RUN_UNTIL(watch, what, condition)                                                                              \
    do {                                                                                                               \
        const struct wait wait_ = wait_for(what);                                                                      \
        while (!(condition))                                                                                           \
            turn(watch, &wait_);                                                                                       \
    } while (0)

/* The first sighting of the port, or NULL. */
static const struct sighting *find(const struct watch *watch, uint16_t port) {
    const struct snapshot *snapshot = watch_snapshot(watch);
    size_t first;
    return snapshot_find_port(snapshot, port, &first) > 0 ? &snapshot->items[first] : NULL;
}

static bool is_resolved(const struct watch *watch, uint16_t port) {
    const struct sighting *sighting = find(watch, port);
    return sighting && sighting->state == SIGHTING_RESOLVED;
}

/* The only owner's pid; 0: there is none, or more than one. */
static pid_t owner_of(const struct watch *watch, uint16_t port) {
    const struct sighting *sighting = find(watch, port);
    return sighting && sighting->n_owners == 1 ? sighting->owners[0]->id.pid : 0;
}

static struct holder open_holder(enum holder_kind kind, uint16_t port) {
    const struct holder_spec spec = {.name = "a holder", .kind = kind, .address = "127.0.0.1", .port = port};
    struct holder holder;
    cr_assert_eq(holder_open(&spec, &holder), 0);
    fake_walk_know(holder.pid);
    return holder;
}

static unsigned count_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    cr_assert_not_null(folder);
    unsigned count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* ---- a listener's life ---- */

Test(watch, a_listener_appears_is_resolved_and_closes) {
    netns_enter();
    struct world world = make_world(10, 0);
    struct watch *watch = world.watch;
    RUN_UNTIL(watch, "the first reading", watch_snapshot(watch)->generation > 0);
    struct holder holder = open_holder(HOLDER_LISTENS, 4711);
    RUN_UNTIL(watch, "the listener's owner", is_resolved(watch, 4711));
    cr_assert_eq(owner_of(watch, 4711), holder.pid);
    cr_assert_str_eq(find(watch, 4711)->owners[0]->name, "holder");
    cr_assert_not(find(watch, 4711)->since_start);

    const pid_t pid = holder.pid;
    holder_close(&holder);
    RUN_UNTIL(watch, "its end", !find(watch, 4711));
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    watch_take_changes(watch, &changes);
    cr_assert_eq(changes.n_items, 2);
    cr_assert_eq(changes.items[0].kind, CHANGE_OPENED);
    cr_assert_eq(changes.items[0].sighting.listener.port, 4711);
    cr_assert_eq(changes.items[1].kind, CHANGE_CLOSED);
    cr_assert_eq(changes.items[1].sighting.n_owners, 1);
    cr_assert_eq(changes.items[1].sighting.owners[0]->id.pid, pid);
    cr_assert_eq(watch->pins.n_pins, 0);
    struct change_list none = {0};
    watch_take_changes(watch, &none);
    cr_assert_eq(none.n_items, 0);
    end_world(&world);
}

Test(watch, the_end_of_an_owner_is_heard_at_once) {
    netns_enter();
    struct holder holder = open_holder(HOLDER_LISTENS, 4711);
    const struct holder other = open_holder(HOLDER_LISTENS, 4712);
    struct world world = make_world(NEVER_MS, 0);
    struct watch *watch = world.watch;
    RUN_UNTIL(watch, "the owners", is_resolved(watch, 4711) && is_resolved(watch, 4712));
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + NEVER_MS / 2);
    cr_assert_not(is_readable(watch));

    const pid_t pid = holder.pid;
    holder_close(&holder);
    cr_assert(is_readable(watch));
    RUN_UNTIL(watch, "the reading that the end calls for", !find(watch, 4711));
    cr_assert_eq(owner_of(watch, 4712), other.pid);
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    watch_take_changes(watch, &changes);
    cr_assert_eq(changes.n_items, 1);
    cr_assert_eq(changes.items[0].kind, CHANGE_CLOSED);
    cr_assert_eq(changes.items[0].sighting.owners[0]->id.pid, pid, "whose it was is told with its end");
    end_world(&world);
}

Test(watch, reading_on_request_takes_in_what_is_there_now) {
    netns_enter();
    struct world world = make_world(NEVER_MS, 0);
    cr_assert_eq(watch_read(world.watch), 0);
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    fake_walk_know(getpid());
    cr_assert_eq(watch_read(world.watch), 0);
    cr_assert_not_null(find(world.watch, 4711));
    RUN_UNTIL(world.watch, "its owner", owner_of(world.watch, 4711) == getpid());
    fd_close_at(&fd);
    cr_assert_eq(watch_read(world.watch), 0);
    cr_assert_null(find(world.watch, 4711));
    end_world(&world);
}

Test(watch, an_interrupted_reading_ends_nothing) {
    netns_enter();
    fake_walk_know(getpid());
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    struct world world = make_world(10, 10);
    struct watch *watch = world.watch;
    RUN_UNTIL(watch, "the owner", is_resolved(watch, 4711));
    netlink_faults.n_interrupted = 1000000;
    fd_close_at(&fd);
    CLEANUP(fd_close_at) int other = tcp_listen("127.0.0.1", 4712);
    const uint64_t generation = watch_snapshot(watch)->generation;
    RUN_UNTIL(watch, "some readings", watch_snapshot(watch)->generation > generation + 5);
    cr_assert_not(watch_snapshot(watch)->complete);
    cr_assert(is_resolved(watch, 4711));
    cr_assert_not_null(find(watch, 4712));
    cr_assert_eq(watch_read(watch), SOCK_DIAG_E_INTERRUPTED);
    cr_assert(is_resolved(watch, 4711));

    netlink_faults.n_interrupted = 0;
    RUN_UNTIL(watch, "the end of the closed one", !find(watch, 4711));
    RUN_UNTIL(watch, "a whole reading", watch_snapshot(watch)->complete);
    end_world(&world);
}

Test(watch, a_failed_reading_keeps_the_snapshot_and_says_so) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    struct world world = make_world(10, 0);
    struct watch *watch = world.watch;
    RUN_UNTIL(watch, "the owner", is_resolved(watch, 4711));
    netlink_faults.n_failing = 1000000;
    netlink_faults.failing_errno = ENOMEM;
    fd_close_at(&fd);
    struct wait wait = wait_for("a reading that fails");
    int r;
    while ((r = watch_run(watch)) == 0)
        wait_more(&wait);
    cr_assert_eq(r, -ENOMEM);
    cr_assert_not(watch_snapshot(watch)->complete);
    cr_assert(is_resolved(watch, 4711));
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() - 10, "no turn without end");
    cr_assert_eq(watch_read(watch), -ENOMEM);
    netlink_faults.n_failing = 0;
    RUN_UNTIL(watch, "the end", !find(watch, 4711));
    cr_assert(watch_snapshot(watch)->complete);
    end_world(&world);
}

Test(watch, the_end_of_an_owner_counts_even_if_the_reading_fails) {
    netns_enter();
    struct holder holder = open_holder(HOLDER_LISTENS, 4711);
    struct world world = make_world(NEVER_MS, 0);
    struct watch *watch = world.watch;
    RUN_UNTIL(watch, "the owner", is_resolved(watch, 4711));
    holder_close(&holder);
    netlink_faults.n_failing = 1000000;
    netlink_faults.failing_errno = ENOMEM;
    struct wait wait = wait_for("the reading that fails");
    while (watch_run(watch) == 0)
        wait_more(&wait);
    cr_assert_eq(find(watch, 4711)->n_owners, 0);
    end_world(&world);
}

/* ---- many ---- */

Test(watch, ten_thousand_listeners_of_one_process_are_one_walk_and_one_pin) {
    enum { N = 10000 };
    netns_enter();
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < N + 100)
        cr_skip_test("this test needs %d descriptors, and the hard limit is %lu", N + 100,
                     (unsigned long)limit.rlim_max);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    static int fds[N];
    for (int i = 0; i < N; i++)
        fds[i] = tcp_listen("127.0.0.1", (uint16_t)(20000 + i));
    fake_walk_know(getpid());

    struct world world = make_world(10, 0);
    struct watch *watch = world.watch;
    RUN_UNTIL(watch, "the owners", is_resolved(watch, 20000) && is_resolved(watch, 29999));
    cr_assert_eq(watch_snapshot(watch)->n_items, N);
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(owner_of(watch, (uint16_t)(20000 + i)), getpid());
    cr_assert_eq(fake_walk_begun(), 1);
    cr_assert_eq(fake_walk_wanted(), N);
    cr_assert_eq(watch->pins.n_pins, 1);

    for (int i = 0; i < N; i++)
        close(fds[i]);
    cr_assert_eq(watch_read(watch), 0);
    cr_assert_eq(watch_snapshot(watch)->n_items, 0);
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    watch_take_changes(watch, &changes);
    cr_assert_eq(changes.n_items, N);
    end_world(&world);
}

/* ---- a socket that two processes have ---- */

struct family {
    pid_t parent;
    pid_t child;
    int life; /* a pipe that ends with the test */
    int test_end;
};

static int listen_and_share(void *context) {
    struct family *family = context;
    close(family->test_end);
    tcp_listen("127.0.0.1", 4711);
    const pid_t pid = fork();
    if (pid == 0) {
        char byte;
        while (read(family->life, &byte, 1) < 0 && errno == EINTR)
            continue;
        _exit(EXIT_SUCCESS);
    }
    __atomic_store_n(&family->child, pid, __ATOMIC_SEQ_CST);
    for (;;)
        pause();
}

static const struct family *start_family(void) {
    struct family *family = child_share(sizeof(*family));
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    family->life = ends[0];
    family->test_end = ends[1];
    family->parent = child_start(0, listen_and_share, family);
    struct wait wait = wait_for("the server's child");
    while (__atomic_load_n(&family->child, __ATOMIC_SEQ_CST) == 0)
        wait_more(&wait);
    return family;
}

Test(watch, a_socket_that_outlives_its_server_is_looked_for_again) {
    netns_enter();
    const struct family *family = start_family();
    const pid_t parent = family->parent;
    const pid_t child = family->child;

    struct world world = make_world(NEVER_MS, 0);
    struct watch *watch = world.watch;
    fake_walk_know(parent);
    RUN_UNTIL(watch, "the parent", owner_of(watch, 4711) == parent);
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + NEVER_MS / 2);

    fake_walk_know(child);
    fake_walk_hold();
    child_kill(parent);
    RUN_UNTIL(watch, "the parent's end", find(watch, 4711)->n_owners == 0);
    cr_assert_eq(find(watch, 4711)->state, SIGHTING_UNRESOLVED);
    fake_walk_let_go();
    RUN_UNTIL(watch, "the child", owner_of(watch, 4711) == child);

    CLEANUP(change_list_deinit) struct change_list changes = {0};
    watch_take_changes(watch, &changes);
    cr_assert_eq(changes.n_items, 0, "it was there all the time");
    close(family->test_end);
    RUN_UNTIL(watch, "the end of the child and its socket", !find(watch, 4711));
    end_world(&world);
}

Test(watch, of_two_owners_the_other_one_stays) {
    netns_enter();
    const struct family *family = start_family();
    const pid_t parent = family->parent;
    const pid_t child = family->child;

    struct world world = make_world(NEVER_MS, 0);
    struct watch *watch = world.watch;
    fake_walk_know(parent);
    fake_walk_know(child);
    RUN_UNTIL(watch, "both", is_resolved(watch, 4711));
    cr_assert_eq(find(watch, 4711)->n_owners, 2);
    child_kill(parent);
    RUN_UNTIL(watch, "the parent's end", owner_of(watch, 4711) == child);
    cr_assert(is_resolved(watch, 4711));
    cr_assert_eq(fake_walk_begun(), 1, "there is nobody to look for");
    close(family->test_end);
    RUN_UNTIL(watch, "the end of the child and its socket", !find(watch, 4711));
    end_world(&world);
}

/* ---- bound and not listening ---- */

static void need_bound(const struct world *world) {
    if (!sock_diag_sees_bound(world->diag))
        cr_skip_test("this kernel (before 6.8) does not report bound sockets");
}

Test(watch, a_bound_socket_is_looked_for_once_it_has_stayed) {
    netns_enter();
    const struct holder holder = open_holder(HOLDER_BINDS, 4711);
    struct world world = make_world(NEVER_MS, NEVER_MS);
    need_bound(&world);
    struct watch *watch = world.watch;
    cr_assert_eq(watch_run(watch), 0);
    cr_assert_not_null(find(watch, 4711));
    cr_assert_eq(find(watch, 4711)->n_seen, 1);
    cr_assert_eq(watch->walks.n_begun, 0);
    cr_assert_leq(watch_due_ms(watch), wait_now_ms() + WATCH_BOUND_AGAIN_MS, "the next look comes early");

    RUN_UNTIL(watch, "the second look, and the owner", is_resolved(watch, 4711));
    cr_assert_eq(find(watch, 4711)->n_seen, 2);
    cr_assert_eq(find(watch, 4711)->listener.state, LISTENER_BOUND);
    cr_assert_eq(owner_of(watch, 4711), holder.pid);
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + NEVER_MS / 2);
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    watch_take_changes(watch, &changes);
    cr_assert_eq(changes.n_items, 0);
    end_world(&world);
}

Test(watch, a_socket_between_bind_and_listen_opens_when_it_listens) {
    netns_enter();
    fake_walk_know(getpid());
    struct world world = make_world(10, 10);
    need_bound(&world);
    struct watch *watch = world.watch;
    RUN_UNTIL(watch, "the first readings", watch_snapshot(watch)->generation > 2);
    CLEANUP(fd_close_at) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const union tcp_address address = tcp_make_address("127.0.0.1", 4711);
    cr_assert_eq(bind(fd, &address.generic, sizeof(address)), 0);
    RUN_UNTIL(watch, "the bound socket and its owner", is_resolved(watch, 4711));
    const int64_t since = find(watch, 4711)->since_unix_ms;
    cr_assert_eq(listen(fd, 1), 0);
    RUN_UNTIL(watch, "the listener", find(watch, 4711)->listener.state == LISTENER_LISTEN);
    cr_assert_eq(find(watch, 4711)->since_unix_ms, since);
    cr_assert_eq(owner_of(watch, 4711), getpid());
    cr_assert_eq(fake_walk_begun(), 1, "its owner is known");
    CLEANUP(change_list_deinit) struct change_list changes = {0};
    watch_take_changes(watch, &changes);
    cr_assert_eq(changes.n_items, 1);
    cr_assert_eq(changes.items[0].kind, CHANGE_OPENED);
    end_world(&world);
}

Test(watch, bound_sockets_are_not_read_where_nobody_wants_them_or_the_kernel_has_none) {
    netns_enter();
    open_holder(HOLDER_BINDS, 4711);
    for (int round = 0; round < 2; round++) {
        netlink_faults.no_bound = round == 1;
        struct world world = make_world(NEVER_MS, round == 1 ? 10 : 0);
        cr_assert_eq(watch_run(world.watch), 0);
        cr_assert_null(find(world.watch, 4711));
        cr_assert_gt(watch_due_ms(world.watch), wait_now_ms() + NEVER_MS / 2);
        end_world(&world);
    }
}

/* ---- when ---- */

Test(watch, a_hurry_brings_readings_forward) {
    netns_enter();
    struct world world = make_world(NEVER_MS, 0);
    struct watch *watch = world.watch;
    cr_assert_eq(watch_due_ms(watch), 0, "the first one is due at once");
    cr_assert_eq(watch_run(watch), 0);
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + NEVER_MS / 2);
    watch_hurry(watch);
    cr_assert_leq(watch_due_ms(watch), wait_now_ms() + WATCH_HURRY_MS);
    RUN_UNTIL(watch, "readings in a hurry", watch_snapshot(watch)->generation >= 4);
    watch->hurry_until_ms = wait_now_ms();
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + NEVER_MS / 2, "it has an end");
    end_world(&world);
}

Test(watch, a_change_is_a_reason_to_hurry) {
    netns_enter();
    struct world world = make_world(NEVER_MS, 0);
    cr_assert_eq(watch_read(world.watch), 0);
    cr_assert_gt(watch_due_ms(world.watch), wait_now_ms() + NEVER_MS / 2);
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    cr_assert_eq(watch_read(world.watch), 0);
    RUN_UNTIL(world.watch, "a reading in a hurry", watch_snapshot(world.watch)->generation >= 4);
    end_world(&world);
}

Test(watch, debt_stretches_the_period_and_an_end_breaks_through) {
    netns_enter();
    struct holder holder = open_holder(HOLDER_LISTENS, 4711);
    struct world world = make_world(10, 0);
    struct watch *watch = world.watch;
    RUN_UNTIL(watch, "the owner", is_resolved(watch, 4711));
    /* As if the readings had been dear ones: 100 ms are there to be spent, and 50 ms of debt are 20 s. */
    schedule_spend(&watch->listen, 150000000, wait_now_ms());
    watch->listen.cost_ns = 50000;
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + 10000);
    holder_close(&holder);
    const uint64_t generation = watch_snapshot(watch)->generation;
    RUN_UNTIL(watch, "the reading that the end calls for", !find(watch, 4711));
    cr_assert_eq(watch_snapshot(watch)->generation, generation + 1);
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + 10000);
    end_world(&world);
}

/* ---- walks ---- */

Test(watch, one_walk_is_under_way_and_who_comes_meanwhile_waits) {
    netns_enter();
    fake_walk_know(getpid());
    struct world world = make_world(10, 0);
    struct watch *watch = world.watch;
    fake_walk_hold();
    CLEANUP(fd_close_at) int first = tcp_listen("127.0.0.1", 4711);
    RUN_UNTIL(watch, "the first walk", fake_walk_begun() == 1);
    CLEANUP(fd_close_at) int second = tcp_listen("127.0.0.1", 4712);
    CLEANUP(fd_close_at) int third = tcp_listen("127.0.0.1", 4713);
    RUN_UNTIL(watch, "the others", find(watch, 4713) && find(watch, 4713)->n_seen > 3);
    cr_assert_eq(fake_walk_begun(), 1);
    cr_assert_eq(watch_walks(watch), 0);
    cr_assert_not(is_resolved(watch, 4711));
    fake_walk_let_go();
    RUN_UNTIL(watch, "all owners", is_resolved(watch, 4711) && is_resolved(watch, 4712) && is_resolved(watch, 4713));
    cr_assert_eq(watch_walks(watch), 2);
    cr_assert_eq(fake_walk_wanted(), 3, "the first one once, and both others together");
    cr_assert_eq(watch->pins.n_pins, 1);
    end_world(&world);
}

Test(watch, owners_are_looked_for_anew_when_somebody_asks) {
    netns_enter();
    const struct family *family = start_family();
    const pid_t parent = family->parent;
    const pid_t child = family->child;
    struct world world = make_world(NEVER_MS, 0);
    struct watch *watch = world.watch;
    cr_assert_eq(watch_ask_owners(watch, 4711), 0, "there was no reading yet");
    fake_walk_know(parent);
    RUN_UNTIL(watch, "the parent", owner_of(watch, 4711) == parent);
    cr_assert_eq(watch_ask_owners(watch, 4712), 0, "there is nothing");

    fake_walk_know(child);
    fake_walk_hold();
    const uint64_t number = watch_ask_owners(watch, 4711);
    cr_assert_eq(number, 2);
    cr_assert_eq(owner_of(watch, 4711), parent, "what is known is kept");
    const uint64_t later = watch_ask_owners(watch, 4711);
    cr_assert_eq(later, 3, "the one that is under way began before");
    fake_walk_let_go();
    RUN_UNTIL(watch, "the walk", watch_walks(watch) >= number);
    cr_assert_eq(find(watch, 4711)->n_owners, 2);
    RUN_UNTIL(watch, "the walk after it", watch_walks(watch) >= later);
    cr_assert_eq(find(watch, 4711)->n_owners, 2);
    cr_assert_eq(watch->pins.n_pins, 2);
    const uint64_t all = watch_ask_owners(watch, 0);
    cr_assert_eq(all, 4, "every port");
    RUN_UNTIL(watch, "the walk for all", watch_walks(watch) >= all);
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + NEVER_MS / 2, "nobody asks any more");
    close(family->test_end);
    child_kill(parent);
    RUN_UNTIL(watch, "the end of the socket", !find(watch, 4711));
    end_world(&world);
}

Test(watch, a_walk_that_was_promised_is_done_even_if_its_sockets_have_closed) {
    netns_enter();
    struct world world = make_world(NEVER_MS, 0);
    struct watch *watch = world.watch;
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    fake_walk_know(getpid());
    fake_walk_hold();
    RUN_UNTIL(watch, "a walk", fake_walk_begun() == 1);
    const uint64_t number = watch_ask_owners(watch, 4711);
    cr_assert_eq(number, 2);
    fd_close_at(&fd);
    cr_assert_eq(watch_read(watch), 0);
    fake_walk_let_go();
    RUN_UNTIL(watch, "the walk", watch_walks(watch) == number);
    cr_assert_eq(fake_walk_begun(), 1);
    cr_assert_eq(watch->pins.n_pins, 0, "whoever it found owns nothing any more");
    end_world(&world);
}

Test(watch, a_walk_that_failed_is_tried_again) {
    netns_enter();
    fake_walk_know(getpid());
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    struct world world = make_world(NEVER_MS, 0);
    struct watch *watch = world.watch;
    fake_walk_fail(-EMFILE);
    RUN_UNTIL(watch, "the walk that fails", watch_walks(watch) == 1);
    cr_assert_not(is_resolved(watch, 4711));
    cr_assert_gt(watch_due_ms(watch), wait_now_ms() + WATCH_WALK_AGAIN_MS / 4, "no turn without end");
    fake_walk_fail(0);
    RUN_UNTIL(watch, "the next one", owner_of(watch, 4711) == getpid());
    cr_assert_eq(watch_walks(watch), 2);
    end_world(&world);
}

/* Who asks all the time spends his own. */
Test(watch, asking_keeps_nobodys_listener_from_being_looked_up) {
    netns_enter();
    struct world world = make_world(10, 0);
    struct watch *watch = world.watch;
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    fake_walk_know(getpid());
    RUN_UNTIL(watch, "the owner", is_resolved(watch, 4711));
    schedule_spend(&watch->walks.asking, 100000000000, wait_now_ms());
    const uint64_t asked = watch_ask_owners(watch, 4711);
    cr_assert_gt(watch_walks_due_ms(watch), wait_now_ms() + 1000, "asking waits");
    CLEANUP(fd_close_at) int other = tcp_listen("127.0.0.1", 4712);
    RUN_UNTIL(watch, "the owner of a new one", is_resolved(watch, 4712));
    cr_assert_geq(watch_walks(watch), asked, "and was looked for on the way");
    end_world(&world);
}

Test(watch, a_walk_before_the_turn_of_the_new_ones_is_the_askers) {
    netns_enter();
    struct world world = make_world(10, 0);
    struct watch *watch = world.watch;
    schedule_spend(&watch->walks.schedule, 100000000000, wait_now_ms());
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    RUN_UNTIL(watch, "the listener", find(watch, 4711));
    cr_assert_eq(watch->walks.n_begun, 0);
    fake_walk_know(getpid());
    watch_ask_owners(watch, 4711);
    RUN_UNTIL(watch, "the owner", is_resolved(watch, 4711));
    cr_assert(watch->walks.is_for_asker, "it is not had for nothing");
    end_world(&world);
}

Test(watch, walks_wait_when_their_share_is_spent) {
    netns_enter();
    struct world world = make_world(10, 0);
    struct watch *watch = world.watch;
    /* A second is there to be spent, and 15 ms of debt are 15 s. */
    schedule_spend(&watch->walks.schedule, 1015000000, wait_now_ms());
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    RUN_UNTIL(watch, "the listener", find(watch, 4711) && find(watch, 4711)->n_seen > 3);
    cr_assert_eq(watch->walks.n_begun, 0);
    const uint64_t due_ms = watch_walks_due_ms(watch);
    cr_assert(due_ms > wait_now_ms() && due_ms < wait_now_ms() + 20000);
    /* A user with a million descriptors makes a walk so dear; the others are not told whose their listeners are for want of it. */
    schedule_spend(&watch->walks.schedule, 100000000000, wait_now_ms());
    cr_assert_leq(watch_walks_due_ms(watch), wait_now_ms() + 30000);
    end_world(&world);
}

/* ---- the end ---- */

static void *let_go_later(void *nothing) {
    for (int i = 0; i < 10; i++)
        wait_a_moment();
    fake_walk_let_go();
    return nothing;
}

Test(watch, freeing_waits_for_the_walk_that_is_under_way) {
    netns_enter();
    fake_walk_know(getpid());
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 4711);
    struct world world = make_world(10, 0);
    fake_walk_hold();
    RUN_UNTIL(world.watch, "the walk", fake_walk_begun() == 1);
    pthread_t helper;
    cr_assert_eq(pthread_create(&helper, NULL, let_go_later, NULL), 0);
    end_world(&world);
    cr_assert_eq(fake_walk_ended(), 1);
    cr_assert_eq(pthread_join(helper, NULL), 0);
}

Test(watch, all_descriptors_are_given_back) {
    netns_enter();
    fake_walk_know(getpid());
    open_holder(HOLDER_LISTENS, 4711);
    open_holder(HOLDER_LISTENS, 4712);
    const unsigned n_before = count_descriptors();
    for (int round = 0; round < 3; round++) {
        struct world world = make_world(10, 10);
        RUN_UNTIL(world.watch, "the owners", is_resolved(world.watch, 4711) && is_resolved(world.watch, 4712));
        end_world(&world);
    }
    cr_assert_eq(count_descriptors(), n_before);
    cr_assert_null(watch_free(NULL));
}
