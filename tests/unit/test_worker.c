/* The worker: what comes back, from which thread, and how it ends. ThreadSanitizer looks on with ./dev test --tsan worker. */
#include "probe/worker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/fake_walk.h"
#include "tests/support/wait.h"

static void free_worker_at(struct worker **worker) {
    *worker = worker_free(*worker);
}

static struct worker *start(worker_walk walk) {
    struct worker *worker = NULL;
    int r = worker_new(walk, &worker);
    cr_assert_eq(r, 0, "worker_new: %d", r);
    return worker;
}

static struct walk_order *make_order(size_t n_wanted) {
    struct walk_order *order = walk_order_new(n_wanted);
    cr_assert_not_null(order);
    return order;
}

static bool is_readable(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static struct walk_order *await(struct worker *worker) {
    struct wait wait = wait_for("the worker");
    while (!is_readable(worker_fd(worker)))
        wait_more(&wait);
    struct walk_order *order = worker_take(worker);
    cr_assert_not_null(order);
    cr_assert_not(is_readable(worker_fd(worker)));
    return order;
}

/* Passes on what it was given, as far as an answer has room for it. */
static int echo(const struct owner_wanted *wanted, size_t n_wanted, const char *variable, size_t max_fds,
                struct owner_result *ret_result) {
    struct owner_answer *answers = calloc(n_wanted, sizeof(*answers));
    cr_assert_not_null(answers);
    for (size_t i = 0; i < n_wanted; i++)
        answers[i] = (struct owner_answer){.inode = wanted[i].inode, .cgroup = strdup(variable)};
    *ret_result = (struct owner_result){.answers = answers, .n_answers = n_wanted, .cpu_ns = max_fds};
    return 0;
}

Test(worker, an_order_comes_back_with_its_result) {
    CLEANUP(free_worker_at) struct worker *worker = start(echo);
    cr_assert_null(worker_take(worker));
    cr_assert_not(is_readable(worker_fd(worker)));
    for (uint32_t round = 1; round <= 500; round++) {
        struct walk_order *order = make_order(2);
        order->wanted[0].inode = round;
        order->wanted[1].inode = round + 1;
        order->variable = "PM_LEASE";
        order->max_fds = 10 + round;
        order->number = round;
        worker_give(worker, order);
        CLEANUP(walk_order_free_at) struct walk_order *back = await(worker);
        cr_assert_eq(back, order);
        cr_assert_eq(back->r, 0);
        cr_assert_eq(back->number, round);
        cr_assert_eq(back->result.n_answers, 2);
        cr_assert_eq(back->result.answers[1].inode, round + 1);
        cr_assert_eq(back->result.cpu_ns, 10 + round);
        cr_assert_str_eq(back->result.answers[0].cgroup, "PM_LEASE");
    }
}

Test(worker, a_failure_comes_back_as_well) {
    CLEANUP(free_worker_at) struct worker *worker = start(fake_walk);
    fake_walk_fail(-EMFILE);
    worker_give(worker, make_order(1));
    CLEANUP(walk_order_free_at) struct walk_order *order = await(worker);
    cr_assert_eq(order->r, -EMFILE);
    cr_assert_eq(order->result.n_answers, 0);
}

static struct {
    pthread_t thread;
    char name[32];
    sigset_t blocked;
} seen;

static int look_around(const struct owner_wanted *wanted, size_t n_wanted, const char *variable, size_t max_fds,
                       struct owner_result *ret_result) {
    (void)wanted;
    (void)n_wanted;
    (void)variable;
    (void)max_fds;
    (void)ret_result;
    seen.thread = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &seen.blocked);
    FILE *file = fopen("/proc/thread-self/comm", "re");
    if (file) {
        if (fgets(seen.name, sizeof(seen.name), file))
            seen.name[strcspn(seen.name, "\n")] = '\0';
        fclose(file);
    }
    return 0;
}

Test(worker, the_thread_has_a_name_and_hears_no_signal) {
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    CLEANUP(free_worker_at) struct worker *worker = start(look_around);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int signal = 1; signal < NSIG; signal++)
        cr_assert_eq(sigismember(&before, signal), sigismember(&after, signal), "signal %d of the caller", signal);

    worker_give(worker, make_order(1));
    CLEANUP(walk_order_free_at) struct walk_order *order = await(worker);
    cr_assert_not(pthread_equal(seen.thread, pthread_self()));
    cr_assert_str_eq(seen.name, "portd-walk");
    const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        cr_assert(sigismember(&seen.blocked, signals[i]), "signal %d", signals[i]);
}

static void *let_go_later(void *nothing) {
    for (int i = 0; i < 10; i++)
        wait_a_moment();
    fake_walk_let_go();
    return nothing;
}

Test(worker, freeing_waits_for_a_walk_that_is_under_way) {
    struct worker *worker = start(fake_walk);
    fake_walk_hold();
    worker_give(worker, make_order(1));
    struct wait wait = wait_for("the walk to begin");
    while (fake_walk_begun() == 0)
        wait_more(&wait);
    pthread_t helper;
    cr_assert_eq(pthread_create(&helper, NULL, let_go_later, NULL), 0);
    worker_free(worker);
    cr_assert_eq(fake_walk_ended(), 1);
    cr_assert_eq(pthread_join(helper, NULL), 0);
}

Test(worker, freeing_at_once_is_allowed) {
    for (int round = 0; round < 200; round++)
        cr_assert_null(worker_free(start(echo)));
    cr_assert_null(worker_free(NULL));
    cr_assert_null(walk_order_free(NULL));
}

Test(worker, an_order_that_nobody_takes_back_is_freed) {
    struct worker *worker = start(echo);
    struct walk_order *order = make_order(5);
    order->variable = "something to leak";
    worker_give(worker, order);
    struct wait wait = wait_for("the worker");
    while (!is_readable(worker_fd(worker)))
        wait_more(&wait);
    worker_free(worker);
}
