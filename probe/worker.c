/*
 * The thread, and two mailboxes of one pointer each. A mailbox with an eventfd cannot fail where a pipe could: neither putting a pointer
 * into it nor ringing its bell takes memory.
 */
#include "probe/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "probe/fd.h"

#define STACK_SIZE ((size_t)256 * 1024)

struct mailbox {
    _Atomic(struct walk_order *) order; /* NULL: empty */
    int bell;                           /* an eventfd, rung after each delivery */
};

struct worker {
    worker_walk walk;
    struct mailbox inbox;
    struct mailbox outbox;
    atomic_bool ending;
    bool has_thread;
    pthread_t thread;
};

/* ---- orders ---- */

struct walk_order *walk_order_new(size_t n_wanted) {
    CLEANUP(walk_order_free_at) struct walk_order *order = calloc(1, sizeof(*order));
    if (!order)
        return NULL;
    order->wanted = calloc(n_wanted ? n_wanted : 1, sizeof(*order->wanted));
    if (!order->wanted)
        return NULL;
    order->n_wanted = n_wanted;
    struct walk_order *whole = order;
    order = NULL;
    return whole;
}

struct walk_order *walk_order_free(struct walk_order *order) {
    if (!order)
        return NULL;
    owner_result_deinit(&order->result);
    free(order->wanted);
    free(order);
    return NULL;
}

/* ---- mailboxes ---- */

static int mailbox_init(struct mailbox *mailbox, int flags) {
    mailbox->bell = eventfd(0, EFD_CLOEXEC | flags);
    return mailbox->bell < 0 ? -errno : 0;
}

static void mailbox_deinit(struct mailbox *mailbox) {
    walk_order_free(atomic_load(&mailbox->order));
    fd_close_at(&mailbox->bell);
}

/* Cannot fail: the counter is read before it is rung a second time. */
static void mailbox_ring(const struct mailbox *mailbox) {
    int r = eventfd_write(mailbox->bell, 1);
    assert(r == 0);
}

static void mailbox_put(struct mailbox *mailbox, struct walk_order *order) {
    struct walk_order *before = atomic_exchange(&mailbox->order, order);
    assert(!before);
    mailbox_ring(mailbox);
}

/* Takes the order out, and silences the bell. An inbox waits for its bell. */
static struct walk_order *mailbox_take(struct mailbox *mailbox) {
    eventfd_t count;
    int r;
    do
        r = eventfd_read(mailbox->bell, &count);
    while (r < 0 && errno == EINTR);
    return atomic_exchange(&mailbox->order, NULL);
}

/* ---- the thread ---- */

static void *work(void *data) {
    struct worker *worker = data;
    for (;;) {
        CLEANUP(walk_order_free_at) struct walk_order *order = mailbox_take(&worker->inbox);
        if (atomic_load(&worker->ending))
            return NULL;
        if (!order)
            continue;
        order->r = worker->walk(order->wanted, order->n_wanted, order->variable, order->max_fds, &order->result);
        mailbox_put(&worker->outbox, order);
        order = NULL;
    }
}

/* Signals are for the loop's thread: the new one inherits a mask that lets none through. */
static int start_masked(struct worker *worker, const pthread_attr_t *attributes) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    int r = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (r != 0)
        return -r;
    const int r_created = pthread_create(&worker->thread, attributes, work, worker);
    r = pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert(r == 0);
    worker->has_thread = r_created == 0;
    return -r_created;
}

static int start_thread(struct worker *worker) {
    pthread_attr_t attributes;
    int r = -pthread_attr_init(&attributes);
    if (r < 0)
        return r;
    r = -pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (r == 0)
        r = start_masked(worker, &attributes);
    pthread_attr_destroy(&attributes);
    /* Its name is for people who look; a thread without one does its work all the same. */
    if (r == 0)
        (void)pthread_setname_np(worker->thread, "portd-walk");
    return r;
}

static void worker_free_at(struct worker **worker) {
    *worker = worker_free(*worker);
}

int worker_new(worker_walk walk, struct worker **ret_worker) {
    CLEANUP(worker_free_at) struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->walk = walk;
    worker->inbox.bell = -1;
    worker->outbox.bell = -1;
    int r = mailbox_init(&worker->inbox, 0);
    if (r == 0)
        r = mailbox_init(&worker->outbox, EFD_NONBLOCK);
    if (r == 0)
        r = start_thread(worker);
    if (r < 0)
        return r;
    *ret_worker = worker;
    worker = NULL;
    return 0;
}

struct worker *worker_free(struct worker *worker) {
    if (!worker)
        return NULL;
    if (worker->has_thread) {
        atomic_store(&worker->ending, true);
        mailbox_ring(&worker->inbox);
        int r = pthread_join(worker->thread, NULL);
        assert(r == 0);
    }
    mailbox_deinit(&worker->inbox);
    mailbox_deinit(&worker->outbox);
    free(worker);
    return NULL;
}

void worker_give(struct worker *worker, struct walk_order *order) {
    mailbox_put(&worker->inbox, order);
}

int worker_fd(const struct worker *worker) {
    return worker->outbox.bell;
}

struct walk_order *worker_take(struct worker *worker) {
    return mailbox_take(&worker->outbox);
}
