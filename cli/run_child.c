/*
 * The program of `run`: fork, signals, job control. See run_child.h.
 */
#include "cli/run_child.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/patience.h"
#include "cli/problem.h"

/* A parent that only forks is gone after less. */
#define SETTLE_MS      150
#define SETTLE_MOST_MS 1000

/* What the child waits for. */
struct start_message {
    uint64_t lease_id;
    uint16_t port;
};

static bool set_variable(const char *name, const char *value) {
    return value == NULL || setenv(name, value, 1) == 0;
}

static bool set_number(const char *name, uint64_t number) {
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return set_variable(name, text);
}

/* In the child, until the program takes over. portctl's death closes the channel: then there is nothing to run for. */
static _Noreturn void become_program(const struct run_child *child, const struct run_program *program, int channel) {
    struct start_message message;
    int error = ENOMEM;

    if (recv(channel, &message, sizeof message, 0) != (ssize_t)sizeof message)
        _exit(EXIT_RUN_FAILED);
    if (set_number(program->variable, message.port) && set_number("PORTMANAGER_LEASE", message.lease_id) &&
        set_variable("PORTMANAGER_SERVICE", program->service_name) && set_variable("HOST", program->host)) {
        sigaction(SIGCHLD, &child->on_child, NULL);
        sigaction(SIGPIPE, &child->on_pipe, NULL);
        sigprocmask(SIG_SETMASK, &child->mask, NULL);
        execvp(program->argv[0], program->argv);
        error = errno;
    }
    send(channel, &error, sizeof error, MSG_NOSIGNAL);
    _exit(EXIT_RUN_FAILED);
}

/* The signals that end a program unless it is told otherwise; those that were ignored when we were started (nohup) are
 * not ours to obey. */
static int open_stop_fd(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* An ignored SIGCHLD would reap the child unseen. SIGPIPE is not for us: a broken standard error must not end the lease. */
static int take_signals(struct run_child *child) {
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigset_t all;

    sigfillset(&all);
    if (sigprocmask(SIG_BLOCK, &all, &child->mask) < 0 || sigaction(SIGCHLD, &by_default, &child->on_child) < 0 ||
        sigaction(SIGPIPE, &ignored, &child->on_pipe) < 0)
        return -errno;
    child->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    child->stop_fd = open_stop_fd();
    return child->signal_fd < 0 || child->stop_fd < 0 ? -errno : 0;
}

int run_child_fork(struct run_child *child, const struct run_program *program) {
    int ends[2];
    int r;

    *child = (struct run_child){.channel = -1, .signal_fd = -1, .stop_fd = -1};
    r = take_signals(child);
    if (r < 0)
        return r;
    /* What a program leaves behind stays below us and not below init, so that portd sees whose it is. Where the kernel
     * refuses it is no worse than without portctl. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        become_program(child, program, ends[1]);
    }
    r = child->pid < 0 ? -errno : 0;
    close(ends[1]);
    child->channel = ends[0];
    return r;
}

int run_child_start(struct run_child *child, uint16_t port, uint64_t lease_id) {
    const struct start_message message = {.lease_id = lease_id, .port = port};

    /* A child that was killed meanwhile is no error here: its end is about to be seen. */
    if (send(child->channel, &message, sizeof message, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
        return -errno;
    return 0;
}

/* The program has begun (end of file), or could not (a number). */
static void hear_child(struct run_child *child) {
    int error;
    ssize_t n_bytes = recv(child->channel, &error, sizeof error, MSG_DONTWAIT);

    if (n_bytes < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n_bytes == (ssize_t)sizeof error)
        child->exec_error = error;
    fd_close_at(&child->channel);
}

/* Stops as the child did, so that the shell sees its job stopped, unless the SIGCONT that ends the stop has come already.
 * SIGSTOP, because it also works while all others are blocked. The SIGCONT that wakes us is then passed on like any
 * other. */
static void stop_too(void) {
    sigset_t pending;

    if (sigpending(&pending) == 0 && sigismember(&pending, SIGCONT) == 1)
        return;
    kill(getpid(), SIGSTOP);
}

/* Others than the child are those that we have adopted: they are only reaped, and their stops are nobody's business. */
static void look_after(struct run_child *child) {
    int status;

    while (!child->ended) {
        pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);

        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return;
        if (pid != child->pid)
            continue;
        if (WIFSTOPPED(status)) {
            stop_too();
        } else {
            child->status = status;
            child->ended = true;
        }
    }
}

static void note_terminal(struct run_child *child, const struct signalfd_siginfo *info) {
    if (info->ssi_code > 0 && (info->ssi_signo == SIGINT || info->ssi_signo == SIGQUIT))
        child->terminal_ended[info->ssi_signo == SIGQUIT] = true;
}

/*
 * The terminal sends its signals (si_code > 0) to the whole process group, so the child has them already; what a process
 * sends (si_code <= 0) was meant for the program, and only portctl's pid was known.
 */
static void handle_signal(struct run_child *child, const struct signalfd_siginfo *info) {
    int number = (int)info->ssi_signo;

    if (number == SIGCHLD) {
        look_after(child);
    } else if (number == SIGCONT || info->ssi_code <= 0) {
        if (!child->ended)
            kill(child->pid, number);
    } else {
        note_terminal(child, info);
    }
}

static void handle_signals(struct run_child *child) {
    struct signalfd_siginfo info;

    while (!child->ended && read(child->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        handle_signal(child, &info);
}

void run_child_watch(struct run_child *child, struct keeper *keeper) {
    while (!child->ended) {
        struct pollfd fds[] = {{.fd = child->signal_fd, .events = POLLIN}, {.fd = child->channel, .events = POLLIN}};

        if (poll(fds, 2, keeper_timeout_ms(keeper)) < 0 && errno != EINTR)
            sleep(1); /* no memory, and no other way to wait */
        if (fds[1].revents != 0)
            hear_child(child);
        handle_signals(child);
        if (!child->ended)
            keeper_beat(keeper);
    }
    /* The last word may have come with the end. */
    if (child->channel >= 0)
        hear_child(child);
}

/* Reaps what we have adopted and what has ended. Returns false if nobody is left. */
static bool has_adopted(void) {
    pid_t pid;

    do
        pid = waitpid(-1, NULL, WNOHANG);
    while (pid > 0 || (pid < 0 && errno == EINTR));
    return pid == 0;
}

void run_child_settle(struct run_child *child) {
    uint64_t deadline_ms = patience_now_ms() + SETTLE_MOST_MS;

    while (has_adopted() && patience_now_ms() < deadline_ms) {
        struct pollfd pollfd = {.fd = child->signal_fd, .events = POLLIN};
        struct signalfd_siginfo info = {.ssi_signo = SIGCHLD};

        if (poll(&pollfd, 1, SETTLE_MS) <= 0)
            return;
        while (info.ssi_signo == SIGCHLD)
            if (read(child->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
                break;
        if (info.ssi_signo != SIGCHLD)
            return;
    }
}

bool run_child_abandon(struct run_child *child) {
    struct signalfd_siginfo info;

    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        continue;
    child->ended = true;
    if (read(child->stop_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    child->status = (int)info.ssi_signo; /* as wait(2) tells an end by a signal, without a core */
    note_terminal(child, &info);
    return true;
}

void run_child_deinit(struct run_child *child) {
    fd_close_at(&child->channel);
    fd_close_at(&child->signal_fd);
    fd_close_at(&child->stop_fd);
}

/* The core that the program may have left is the one that says something. */
static void end_by_signal(int number) {
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    const struct rlimit no_core = {0, 0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    setrlimit(RLIMIT_CORE, &no_core);
    sigaction(number, &by_default, NULL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int run_child_exit_code(const struct run_child *child) {
    int number;

    if (WIFEXITED(child->status))
        return WEXITSTATUS(child->status);
    number = WTERMSIG(child->status);
    if ((number == SIGINT && child->terminal_ended[0]) || (number == SIGQUIT && child->terminal_ended[1]))
        end_by_signal(number);
    return EXIT_RUN_SIGNAL + number;
}
