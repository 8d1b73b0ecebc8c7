/*
 * The child of `run`. See run_child.h.
 */
#include "cli/run_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cli/problem.h"
#include "cli/remap.h"
#include "cli/run_arguments.h"
#include "cli/run_channel.h"
#include "probe/fd.h"

/* sd_listen_fds(3): the first descriptor that is handed over. */
#define LISTEN_FDS_START 3

/* What goes before the environment's bytes. */
struct start_header {
    size_t length;
    size_t n_ports;
    size_t n_sockets;
};

/* ---- In the child */

/* Moves the sockets to where the protocol wants them, behind which nothing of ours may lie in the way. dup2() gives a descriptor without CLOEXEC. */
static int place_sockets(const int *sockets, size_t n_sockets, int *channel) {
    int behind = LISTEN_FDS_START + (int)n_sockets;
    int moved[RUN_CHANNEL_FDS_MAX];

    *channel = fcntl(*channel, F_DUPFD_CLOEXEC, behind);
    if (*channel < 0)
        return -errno;
    for (size_t i = 0; i < n_sockets; i++) {
        moved[i] = fcntl(sockets[i], F_DUPFD_CLOEXEC, behind);
        if (moved[i] < 0)
            return -errno;
        close(sockets[i]);
    }
    for (size_t i = 0; i < n_sockets; i++)
        if (dup2(moved[i], LISTEN_FDS_START + (int)i) < 0)
            return -errno;
    return 0;
}

/* "PORT:HMR_PORT": no variable's name has a colon in it. */
static int set_socket_names(const char *const *pairs, size_t n_sockets) {
    size_t size = 1;
    size_t used = 0;
    char *names;

    for (size_t i = 0; i < n_sockets; i++)
        size += strcspn(pairs[i], "=") + 1;
    names = malloc(size);
    if (names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n_sockets; i++) {
        size_t length = strcspn(pairs[i], "=");

        memcpy(names + used, pairs[i], length);
        used += length;
        names[used++] = i + 1 < n_sockets ? ':' : '\0';
    }
    return setenv("LISTEN_FDNAMES", names, 1) < 0 ? -errno : 0;
}

static int hand_over(const char *const *pairs, const int *sockets, size_t n_sockets, int *channel) {
    char number[24];
    int r;

    if (n_sockets == 0)
        return 0;
    r = place_sockets(sockets, n_sockets, channel);
    if (r == 0)
        r = set_socket_names(pairs, n_sockets);
    if (r < 0)
        return r;
    snprintf(number, sizeof number, "%zu", n_sockets);
    if (setenv("LISTEN_FDS", number, 1) < 0)
        return -errno;
    snprintf(number, sizeof number, "%d", (int)getpid());
    return setenv("LISTEN_PID", number, 1) < 0 ? -errno : 0;
}

/* Waits for the word to begin, and does what it says. Whatever is allocated here goes with the exec, or with the child. */
static int prepare(int *channel, char *const *argv, char ***ret_argv) {
    struct start_header header;
    int sockets[RUN_CHANNEL_FDS_MAX];
    const char **pairs;
    char *text;
    int r = run_channel_receive(*channel, &header, sizeof header, NULL, 0);

    if (r < 0)
        _exit(EXIT_RUN_FAILED); /* portctl is no more, so there is nothing to run for */
    text = malloc(header.length);
    pairs = malloc((header.n_ports + 1) * sizeof *pairs);
    if (text == NULL || pairs == NULL)
        return -ENOMEM;
    r = run_channel_receive(*channel, text, header.length, sockets, header.n_sockets);
    if (r < 0)
        return r;
    run_environment_split(text, pairs, header.n_ports);
    r = run_environment_apply(text, header.length);
    if (r == 0)
        r = hand_over(pairs, sockets, header.n_sockets, channel);
    if (r == 0)
        r = run_arguments_replace(argv, pairs, header.n_ports, ret_argv);
    return r;
}

static void tell_filter(int channel) {
    int fd = -1;
    int r = remap_filter_install(&fd);

    run_channel_send(channel, &r, sizeof r, &fd, r == 0 ? 1 : 0);
    fd_close_at(&fd);
}

static _Noreturn void become_program(const struct run_child *child, const struct run_program *program, int channel) {
    char **words = NULL;
    int r;

    if (program->filters)
        tell_filter(channel);
    r = prepare(&channel, program->argv, &words);
    if (r == 0 && program->folder != NULL && chdir(program->folder) < 0)
        r = -errno;
    if (r == 0) {
        run_signals_restore(&child->signals);
        execvp(words[0], words);
        r = errno;
    }
    run_channel_send(channel, &r, sizeof r, NULL, 0);
    _exit(EXIT_RUN_FAILED);
}

/* ---- In portctl */

int run_child_fork(struct run_child *child, const struct run_program *program) {
    int ends[2];
    int r;

    *child = (struct run_child){.channel = -1};
    r = run_signals_take(&child->signals);
    if (r < 0)
        return r;
    /* Where the kernel refuses it is no worse than without portctl. */
    if (program->is_adopted)
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    r = run_channel_open(ends);
    if (r < 0)
        return r;
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        become_program(child, program, ends[1]);
    }
    r = child->pid < 0 ? -errno : 0;
    close(ends[1]);
    child->channel = ends[0];
    run_signals_allow_stop(true);
    return r;
}

int run_child_hear_filter(struct run_child *child, int *ret_fd) {
    int answer = 0;
    int r = run_channel_receive(child->channel, &answer, sizeof answer, ret_fd, 1);

    /* With no descriptor comes the reason. */
    return r == -EBADMSG && answer != 0 ? answer : r;
}

int run_child_start(struct run_child *child, const struct run_start *start) {
    const struct start_header header = {
        .length = start->environment->length,
        .n_ports = start->n_ports,
        .n_sockets = start->n_sockets,
    };
    int r;

    run_signals_allow_stop(false);
    r = run_channel_send(child->channel, &header, sizeof header, NULL, 0);
    if (r == 0)
        r = run_channel_send(child->channel, start->environment->text, start->environment->length, start->sockets,
                             start->n_sockets);
    /* A child that was killed meanwhile is no error here: its end is about to be seen. */
    return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

void run_child_hear(struct run_child *child) {
    int error;
    int r;

    if (child->channel < 0)
        return;
    r = run_channel_receive(child->channel, &error, sizeof error, NULL, 0);
    if (r == 0)
        child->exec_error = error;
    fd_close_at(&child->channel);
}

bool run_child_reap(struct run_child *child) {
    bool stopped = false;
    int status;

    while (!child->ended) {
        pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED);

        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            break;
        /* Others are those that we have adopted: they are only reaped, and their stops are nobody's business. */
        if (pid != child->pid)
            continue;
        stopped = WIFSTOPPED(status);
        if (!stopped) {
            child->status = status;
            child->ended = true;
        }
    }
    return stopped && !child->ended;
}

void run_child_note_terminal(struct run_child *child, int number) {
    if (number == SIGINT || number == SIGQUIT)
        child->terminal_ended[number == SIGQUIT] = true;
}

bool run_child_abandon(struct run_child *child) {
    struct signalfd_siginfo info;

    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR)
        continue;
    child->ended = true;
    if (!run_signals_read(child->signals.ending_fd, &info))
        return false;
    child->status = (int)info.ssi_signo; /* as wait(2) tells an end by a signal, without a core */
    if (info.ssi_code > 0)
        run_child_note_terminal(child, (int)info.ssi_signo);
    return true;
}

void run_child_deinit(struct run_child *child) {
    fd_close_at(&child->channel);
    run_signals_deinit(&child->signals);
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
