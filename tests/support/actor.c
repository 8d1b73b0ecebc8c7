/* Orders go through shared memory, so an actor has no descriptor that would need to be handed down, and inherits none. */
#include "tests/support/actor.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/wait.h"

#define ACTORS_MAX 64

enum order { NOTHING, FORK, BEGIN_SESSION, END };

struct actor {
    _Atomic pid_t pid; /* 0: not there yet */
    _Atomic int order;
    struct actor *_Atomic child; /* FORK: who is to be it */
};

static struct actor *actors;
static size_t n_actors;

static struct actor *make(void) {
    if (!actors)
        actors = child_share(ACTORS_MAX * sizeof(*actors));
    if (n_actors == ACTORS_MAX)
        fail_test("There are too many actors.");
    return &actors[n_actors++];
}

static _Noreturn void act(struct actor *actor, pid_t test) {
    static const struct timespec moment = {.tv_nsec = 500000};
    atomic_store(&actor->pid, getpid());
    while (kill(test, 0) == 0 || errno == EPERM) {
        switch (atomic_load(&actor->order)) {
        case END:
            _exit(0);
        case BEGIN_SESSION:
            if (setsid() < 0)
                _exit(1);
            break;
        case FORK: {
            struct actor *child = atomic_load(&actor->child);
            if (fork() == 0)
                actor = child;
            atomic_store(&actor->pid, getpid());
            break;
        }
        default:
            nanosleep(&moment, NULL);
            continue;
        }
        atomic_store(&actor->order, NOTHING);
    }
    _exit(0);
}

static void become(uid_t uid) {
    if (uid != 0 && uid != geteuid() &&
        (setgroups(0, NULL) < 0 || setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid) < 0 || setresuid(uid, uid, uid) < 0))
        _exit(1);
}

static void wait_until_there(const struct actor *actor) {
    const struct wait wait = wait_for("an actor to be there");
    while (atomic_load(&actor->pid) == 0)
        wait_more(&wait);
}

struct actor *actor_start(uid_t uid) {
    struct actor *actor = make();
    const pid_t test = getpid();
    fflush(NULL);
    const pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        /* No pidfd of the registry may live on in here: the loop would never be told that it was closed. */
        close_range(3, ~0U, 0);
        signal(SIGCHLD, SIG_IGN);
        become(uid);
        act(actor, test);
    }
    wait_until_there(actor);
    return actor;
}

static void order(struct actor *actor, enum order what) {
    atomic_store(&actor->order, what);
    const struct wait wait = wait_for("an actor to act");
    while (atomic_load(&actor->order) != NOTHING)
        wait_more(&wait);
}

struct actor *actor_fork(struct actor *actor) {
    struct actor *child = make();
    atomic_store(&actor->child, child);
    order(actor, FORK);
    wait_until_there(child);
    return child;
}

void actor_begin_session(struct actor *actor) {
    order(actor, BEGIN_SESSION);
}

void actor_end(struct actor *actor) {
    const pid_t pid = atomic_load(&actor->pid);
    atomic_store(&actor->order, END);
    const struct wait wait = wait_for("an actor to end");
    while (process_pin(pid, NULL, NULL, NULL) != PROCESS_E_GONE)
        wait_more(&wait);
    /* If it is our child a zombie is left, which has the pid. Others' are reaped by them. */
    waitpid(pid, NULL, 0);
}

static void set_last_pid(pid_t pid) {
    FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "we");
    cr_assert_not_null(file);
    fprintf(file, "%d", pid);
    cr_assert_eq(fclose(file), 0);
}

struct actor *actor_replace(struct actor *actor) {
    const pid_t pid = atomic_load(&actor->pid);
    actor_end(actor);
    set_last_pid(pid - 1);
    struct actor *next = actor_start(0);
    if (atomic_load(&next->pid) != pid)
        fail_test("The pid %d could not be given out again.", pid);
    return next;
}

pid_t actor_pid(const struct actor *actor) {
    return atomic_load(&actor->pid);
}

struct process_info *actor_read(const struct actor *actor) {
    struct process_info *info = NULL;
    cr_assert_eq(process_info_read(atomic_load(&actor->pid), NULL, &info), 0);
    return info;
}
