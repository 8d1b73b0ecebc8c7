/*
 * The loop of `run`. See run_watch.h.
 */
#include "cli/run_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "cli/patience.h"
#include "probe/fd.h"

/* Leftovers that take longer than a person expects. */
#define WAITING_MS 2500

static int add_urgent(const struct run_watch *watch, int fd) {
    struct epoll_event event = {.events = EPOLLIN};

    return epoll_ctl(watch->urgent_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int run_watch_init(struct run_watch *watch) {
    int r;

    watch->kill_due_ms = UINT64_MAX;
    watch->urgent_fd = epoll_create1(EPOLL_CLOEXEC);
    if (watch->urgent_fd < 0)
        return -errno;
    r = add_urgent(watch, watch->child->signals.fd);
    if (r == 0 && watch->remap != NULL)
        r = add_urgent(watch, remap_fd(watch->remap));
    if (r == 0)
        client_set_interrupt(watch->keeper->client, watch->urgent_fd);
    return r;
}

void run_watch_deinit(struct run_watch *watch) {
    client_set_interrupt(watch->keeper->client, -1);
    fd_close_at(&watch->urgent_fd);
}

/* Waits for one of these, or until it is due, and serves what concerns no signal. */
static void wait_and_serve(struct run_watch *watch, uint64_t due_ms) {
    int bind_fd = watch->remap != NULL ? remap_fd(watch->remap) : -1;
    struct pollfd fds[] = {{.fd = watch->child->signals.fd, .events = POLLIN},
                           {.fd = watch->child->channel, .events = POLLIN},
                           {.fd = bind_fd, .events = POLLIN}};

    if (poll(fds, 3, patience_timeout_ms(due_ms)) < 0) {
        if (errno != EINTR)
            sleep(1); /* no memory, and no other way to wait */
        return;
    }
    if (fds[1].revents != 0)
        run_child_hear(watch->child);
    if (fds[2].revents != 0)
        remap_turn(watch->remap);
}

/* Stops as the child did, so that the shell sees its job stopped, unless the SIGCONT that ends the stop has come already.
 * SIGSTOP, because it also works while all others are blocked. The SIGCONT that wakes us is then passed on like any
 * other. Without a terminal there is no shell that would see it, and none that would wake us: whoever wakes the child knows nothing of
 * portctl. */
static void stop_too(void) {
    CLEANUP(fd_close_at) int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    sigset_t pending;

    if (terminal < 0)
        return;
    if (sigpending(&pending) == 0 && sigismember(&pending, SIGCONT) == 1)
        return;
    kill(getpid(), SIGSTOP);
}

static void note_asked(struct run_watch *watch, int number) {
    if (watch->kill_after_ms != 0 && watch->kill_due_ms == UINT64_MAX &&
        run_signals_asks_to_end(&watch->child->signals, number))
        watch->kill_due_ms = patience_now_ms() + watch->kill_after_ms;
}

/* Once: a program that has gained privileges (su, sudo) is waited for all the same. */
static void tell_refused(struct run_watch *watch) {
    if (!watch->refused)
        output_say(watch->keeper->output, "%s (pid %d) cannot be signalled: it is another user's by now",
                   watch->keeper->service_name, (int)watch->child->pid);
    watch->refused = true;
}

/*
 * The terminal sends its signals (si_code > 0) to the whole process group, so the child has them already, unless it has left the
 * group (setsid); what a process sends (si_code <= 0) was meant for the program, and only portctl's pid was known.
 */
static bool has_it_already(const struct run_child *child, const struct signalfd_siginfo *info) {
    return info->ssi_signo != SIGCONT && info->ssi_code > 0 && getpgid(child->pid) == getpgrp();
}

/* A shell's `fg` wakes the whole group, so the child goes on already. Another SIGCONT would be one too many, and would undo a Ctrl-Z that has come since. */
static bool has_gone_on(const struct run_child *child) {
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)child->pid, &info, WCONTINUED | WNOHANG) == 0 && info.si_pid == child->pid;
}

static void handle_signal(struct run_watch *watch, const struct signalfd_siginfo *info) {
    struct run_child *child = watch->child;
    int number = (int)info->ssi_signo;

    if (number == SIGCHLD) {
        if (run_child_reap(child))
            stop_too();
        return;
    }
    if (number == SIGCONT && has_gone_on(child))
        return;
    note_asked(watch, number);
    if (info->ssi_code > 0)
        run_child_note_terminal(child, number);
    if (!child->ended && !has_it_already(child, info) && kill(child->pid, number) < 0 && errno == EPERM)
        tell_refused(watch);
}

static void kill_stubborn(struct run_watch *watch) {
    if (patience_now_ms() < watch->kill_due_ms)
        return;
    watch->kill_due_ms = UINT64_MAX;
    watch->kill_after_ms = 0; /* once is enough */
    if (kill(watch->child->pid, SIGKILL) == 0 && !watch->keeper->output->quiet)
        output_say(watch->keeper->output, "%s did not end, and was killed (--kill-after)", watch->keeper->service_name);
}

void run_watch_program(struct run_watch *watch) {
    struct run_child *child = watch->child;
    struct signalfd_siginfo info;

    while (!child->ended) {
        uint64_t due_ms = patience_earlier(watch->keeper->due_ms, watch->kill_due_ms);

        if (watch->elsewhere != NULL)
            due_ms = patience_earlier(due_ms, elsewhere_due_ms(watch->elsewhere));
        wait_and_serve(watch, due_ms);
        while (!child->ended && run_signals_read(child->signals.fd, &info))
            handle_signal(watch, &info);
        if (child->ended)
            break;
        kill_stubborn(watch);
        if (watch->elsewhere != NULL)
            elsewhere_turn(watch->elsewhere, patience_now_ms());
        keeper_beat(watch->keeper);
    }
    /* The last word may have come with the end. */
    run_child_hear(child);
}

static void handle_late_signal(const struct run_watch *watch, struct leftovers *leftovers,
                               const struct signalfd_siginfo *info) {
    if (run_signals_asks_to_end(&watch->child->signals, (int)info->ssi_signo))
        leftovers_hurry(leftovers);
}

/* Once, and only to somebody who sits there: he may have better things to do. */
static void tell_waiting(const struct run_watch *watch, uint64_t *due_ms) {
    const struct output *output = watch->keeper->output;

    if (patience_now_ms() < *due_ms)
        return;
    *due_ms = UINT64_MAX;
    if (output->error_terminal && !output->quiet && !output->json)
        output_say(output, "%s: waiting for what it left behind; Ctrl-C kills it", watch->keeper->service_name);
}

void run_watch_leftovers(struct run_watch *watch, struct leftovers *leftovers) {
    uint64_t tell_ms = patience_now_ms() + WAITING_MS;
    struct signalfd_siginfo info;

    while (!leftovers_are_done(leftovers)) {
        uint64_t due_ms =
            patience_earlier(patience_earlier(leftovers_due_ms(leftovers), tell_ms), watch->keeper->due_ms);

        if (watch->elsewhere != NULL)
            due_ms = patience_earlier(due_ms, elsewhere_due_ms(watch->elsewhere));
        wait_and_serve(watch, due_ms);
        while (run_signals_read(watch->child->signals.fd, &info))
            handle_late_signal(watch, leftovers, &info);
        leftovers_turn(leftovers);
        tell_waiting(watch, &tell_ms);
        if (watch->elsewhere != NULL)
            elsewhere_turn(watch->elsewhere, patience_now_ms());
        keeper_beat(watch->keeper);
    }
}
