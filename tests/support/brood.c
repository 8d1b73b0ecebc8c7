/* The subreaper, those below it, and what came of them. */
#include "tests/support/brood.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/patience.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/wait.h"

#define LIVES_SECONDS 40

struct brood *brood;

void brood_enter(void) {
    brood = child_share(sizeof(*brood));
    brood->bystander = child_start_idle(0);
}

void brood_leave(void) {
    if (brood && brood->bystander > 0) {
        cr_expect_eq(waitpid(brood->bystander, NULL, WNOHANG), 0, "the bystander was signalled");
        child_kill(brood->bystander);
    }
}

/* ---- those who are left behind ---- */

void brood_be_ready(void) {
    const unsigned i = atomic_fetch_add(&brood->n_pids, 1);
    if (i < BROOD_PIDS_MAX)
        brood->pids[i] = getpid();
}

void brood_wait(unsigned n) {
    const struct wait wait = wait_for("the leftovers to be ready");
    while (brood->n_pids < n)
        wait_more(&wait);
}

void brood_take_term(void (*ready)(void)) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ready();
    while (sigwaitinfo(&set, NULL) < 0)
        continue;
}

_Noreturn void brood_live(void) {
    for (;;)
        pause();
}

pid_t brood_grow(void (*be)(void)) {
    const pid_t pid = fork();
    sigset_t none;
    if (pid < 0)
        fail_test("No child can be made: %s.", strerror(errno));
    if (pid > 0)
        return pid;
    sigemptyset(&none);
    signal(SIGTERM, SIG_DFL);
    alarm(LIVES_SECONDS);
    sigprocmask(SIG_SETMASK, &none, NULL);
    be();
    _exit(0);
}

void brood_be_sleeper(void) {
    prctl(PR_SET_NAME, "sleeper");
    brood_be_ready();
    brood_live();
}

static void hear_term(int number) {
    (void)number;
    brood->heard_term = true;
}

void brood_be_stubborn(void) {
    prctl(PR_SET_NAME, "stubborn");
    signal(SIGTERM, hear_term);
    brood_be_ready();
    brood_live();
}

/* ---- the subreaper ---- */

static int signal_fd = -1;

void brood_become_subreaper(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        fail_test("This is no subreaper: %s.", strerror(errno));
}

void brood_wait_for_signal(uint64_t until_ms) {
    struct pollfd poll_fd = {.fd = signal_fd, .events = POLLIN};
    struct signalfd_siginfo info;
    const uint64_t now_ms = patience_now_ms();
    int timeout_ms = -1;
    if (until_ms != UINT64_MAX)
        timeout_ms = until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
    poll(&poll_fd, 1, timeout_ms);
    while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        continue;
}

struct leftovers *brood_begin(const struct leftovers_setup *setup) {
    struct leftovers *leftovers;
    if (leftovers_new(setup, &leftovers) != 0)
        fail_test("no leftovers");
    return leftovers;
}

void brood_finish(struct leftovers *leftovers) {
    while (!leftovers_are_done(leftovers)) {
        brood_wait_for_signal(leftovers_due_ms(leftovers));
        leftovers_turn(leftovers);
    }
    leftovers_get_outcome(leftovers, &brood->outcome);
    leftovers_free(leftovers);
}

void brood_stop(uint64_t patience_ms) {
    brood_finish(brood_begin(&(const struct leftovers_setup){.patience_ms = patience_ms}));
}

static const uint16_t ports[] = {8001, 8002};

struct leftovers *brood_begin_keeping(size_t n_ports) {
    return brood_begin(&(const struct leftovers_setup){
        .waits = true, .ports = ports, .n_ports = n_ports, .patience_ms = BROOD_NEVER_MS});
}

void brood_keep(size_t n_ports) {
    brood_finish(brood_begin_keeping(n_ports));
}

static int be_subreaper(void *context) {
    void (*const *scenario)(void) = context;
    brood_become_subreaper();
    (*scenario)();
    return 0;
}

void brood_play(void (*scenario)(void)) {
    cr_assert_eq(child_wait(child_start(0, be_subreaper, &scenario)), 0);
}

void brood_assert_outcome(size_t n_stopped, size_t n_killed, size_t n_kept, size_t n_left) {
    const struct leftovers_outcome *outcome = &brood->outcome;
    cr_assert(outcome->n_stopped == n_stopped && outcome->n_killed == n_killed && outcome->n_kept == n_kept &&
                  outcome->n_left == n_left,
              "stopped %zu, killed %zu, kept %zu, left %zu", outcome->n_stopped, outcome->n_killed, outcome->n_kept,
              outcome->n_left);
}

void brood_assert_nobody_lives(void) {
    for (unsigned i = 0; i < brood->n_pids && i < BROOD_PIDS_MAX; i++)
        cr_assert(kill(brood->pids[i], 0) < 0 && errno == ESRCH, "%d lives", brood->pids[i]);
}

void brood_kill_all(void) {
    for (unsigned i = 0; i < brood->n_pids && i < BROOD_PIDS_MAX; i++)
        kill(brood->pids[i], SIGKILL);
}

void brood_kill_kept(void) {
    cr_assert_neq(brood->outcome.kept_pid, 0);
    cr_assert_eq(kill(brood->outcome.kept_pid, SIGKILL), 0);
}

void brood_limit_descriptors(unsigned n_more) {
    const rlim_t n_open = STDERR_FILENO + 2;
    const struct rlimit limit = {.rlim_cur = n_open + n_more, .rlim_max = n_open + n_more};
    signal_fd = dup2(signal_fd, STDERR_FILENO + 1);
    close_range((unsigned)n_open, ~0U, 0);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail_test("The limit cannot be set: %s.", strerror(errno));
}
