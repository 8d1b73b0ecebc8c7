/*
 * portctl run beside env(1) and timeout(1): what stands between a person and his program must not be noticed by either. The same programs are run under all
 * three, on a terminal's foreground job as a shell starts it, and they must exit alike, write alike and find alike.
 *
 * What a program finds is compared with env's alone, since timeout makes a process group of its own, and gives SIGCHLD, SIGTTIN and SIGTTOU their default back
 * (both are documented). Signals that end the program end env, which has become it; timeout and portctl exit with 128 and the number, which is what a shell
 * makes of env's end, too.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/puppet.h"
#include "tests/support/run_scene.h"
#include "tests/support/sandbox.h"

TestSuite(run_likeness, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 300);

#define OUTPUT   SANDBOX_DIR "/likeness-output"
#define ERRORS   SANDBOX_DIR "/likeness-errors"
#define OBSERVED SANDBOX_DIR "/likeness-observed"

/* ---- what a program finds: this very program, executed with OBSERVE=FILE, before main() like a puppet ---- */

static void observe_descriptors(FILE *file, int own) {
    for (int fd = 0; fd < 1024; fd++) {
        struct stat status;
        if (fd == own || fstat(fd, &status) < 0)
            continue;
        fprintf(file, "descriptor %d: %lx:%lu flags %x %x at %ld\n", fd, (unsigned long)status.st_dev,
                (unsigned long)status.st_ino, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD),
                S_ISREG(status.st_mode) ? (long)lseek(fd, 0, SEEK_CUR) : 0);
    }
}

/* The lines about signals, capabilities and the like, but not those that every process has for itself. */
static void observe_status(FILE *file) {
    static const char *const names[] = {
        "Umask:",  "Uid:",    "Gid:",    "Groups:", "SigPnd:", "ShdPnd:",     "SigBlk:",  "SigIgn:",
        "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Cpus_allowed:"};
    char line[512];
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof(line), status))
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            if (strncmp(line, names[i], strlen(names[i])) == 0)
                fputs(line, file);
    if (status)
        fclose(status);
}

static void observe_process(FILE *file) {
    char folder[4096] = "";
    int death_signal = 0;
    fprintf(file, "folder %s\n", getcwd(folder, sizeof(folder)));
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit = {0};
        getrlimit((__rlimit_resource_t)i, &limit);
        fprintf(file, "limit %d: %lu %lu\n", i, (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
    }
    prctl(PR_GET_PDEATHSIG, &death_signal);
    fprintf(file, "nice %d, scheduler %d, death signal %d, dumpable %d, slack %d\n", getpriority(PRIO_PROCESS, 0),
            sched_getscheduler(0), death_signal, prctl(PR_GET_DUMPABLE), prctl(PR_GET_TIMERSLACK));
    /* The job is the one group that the small shell has made. */
    fprintf(file, "group %s, session %s, foreground %s\n", getpgrp() == atoi(getenv("JOB")) ? "the job's" : "other",
            getsid(0) == atoi(getenv("SHELL_PID")) ? "the shell's" : "other",
            tcgetpgrp(atoi(getenv("TERMINAL_FD"))) == getpgrp() ? "yes" : "no");
}

__attribute__((constructor(151))) static void be_observer(int argc, char **argv, char **environment) {
    const char *path = getenv("OBSERVE");
    if (!path)
        return;
    FILE *file = fopen(path, "we");
    if (!file)
        _exit(EXIT_FAILURE);
    observe_descriptors(file, fileno(file));
    observe_status(file);
    observe_process(file);
    for (int i = 0; i < argc; i++)
        fprintf(file, "argument %s\n", argv[i]);
    for (char **variable = environment; *variable; variable++)
        if (strncmp(*variable, "PORT", 4) != 0 && strncmp(*variable, "JOB=", 4) != 0 &&
            strncmp(*variable, "SHELL_PID=", 10) != 0)
            fprintf(file, "variable %s\n", *variable);
    fclose(file);
    _exit(EXIT_SUCCESS);
}

/* ---- a job ---- */

static const char *const env_words[] = {"env", NULL};
static const char *const timeout_words[] = {"timeout", "60", NULL};
static const char portctl_path[] = SANDBOX_BIN "/portctl";
static const char *const portctl_words[] = {portctl_path, "run", "web", "--", NULL};
static const char *const *const wrappers[] = {env_words, timeout_words, portctl_words};

#define N_WRAPPERS (sizeof(wrappers) / sizeof(wrappers[0]))

#define WORDS_MAX 2048

struct job {
    const char *words[WORDS_MAX];
    void (*prepare)(void); /* in the job, before it is executed; NULL: nothing */
};

/* What is compared. */
struct outcome {
    int exit_code;
    char *output;
    char *errors;
};

static void outcome_deinit(struct outcome *outcome) {
    free(outcome->output);
    free(outcome->errors);
}

static void open_at(int fd, const char *path, int flags) {
    const int opened = open(path, flags, 0644);
    if (opened < 0 || dup2(opened, fd) < 0)
        fail_test("%s cannot be opened.", path);
    if (opened != fd)
        close(opened);
}

static void set_number(const char *name, int number) {
    char text[16];
    snprintf(text, sizeof(text), "%d", number);
    setenv(name, text, 1);
}

#define TERMINAL_FD 100
#define MASTER_FD   (TERMINAL_FD + 1)

static _Noreturn void execute(const struct job *job, pid_t shell) {
    const struct rlimit no_core = {0, 0};
    setpgid(0, 0);
    tcsetpgrp(TERMINAL_FD, getpid());
    signal(SIGTTOU, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, 0); /* who has lost it by becoming another program must not differ from who has not */
    setrlimit(RLIMIT_CORE, &no_core);
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("LC_ALL", "C", 1);
    set_number("JOB", getpid());
    set_number("SHELL_PID", shell);
    set_number("TERMINAL_FD", TERMINAL_FD);
    open_at(STDIN_FILENO, "/dev/null", O_RDONLY);
    open_at(STDOUT_FILENO, OUTPUT, O_WRONLY | O_CREAT | O_TRUNC);
    open_at(STDERR_FILENO, ERRORS, O_WRONLY | O_CREAT | O_TRUNC);
    if (job->prepare)
        job->prepare();
    execvp(job->words[0], (char **)(uintptr_t)job->words);
    _exit(99);
}

/* A small shell on a terminal, with one job. */
static int be_shell(void *context) {
    int master;
    int slave;
    int status = 0;
    setsid();
    if (openpty(&master, &slave, NULL, NULL, NULL) < 0 || ioctl(slave, TIOCSCTTY, 0) < 0 ||
        dup2(slave, TERMINAL_FD) < 0 || dup3(master, MASTER_FD, O_CLOEXEC) < 0)
        fail_test("There is no terminal to be had.");
    close_range(STDERR_FILENO + 1, TERMINAL_FD - 1, 0);
    close_range(MASTER_FD + 1, ~0U, 0);
    signal(SIGTTOU, SIG_IGN);
    const pid_t shell = getpid();
    const pid_t pid = fork();
    if (pid == 0)
        execute(context, shell);
    setpgid(pid, pid);
    tcsetpgrp(TERMINAL_FD, pid);
    while (waitpid(pid, &status, 0) != pid)
        continue;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static struct outcome run(const char *const *wrapper, const struct job *job) {
    static struct job whole;
    size_t n = 0;
    whole = (struct job){.prepare = job->prepare};
    for (; wrapper[n]; n++)
        whole.words[n] = wrapper[n];
    for (size_t i = 0; job->words[i] && n < WORDS_MAX - 1; i++)
        whole.words[n++] = job->words[i];
    file_write_text(OUTPUT, "");
    file_write_text(ERRORS, "");
    struct outcome outcome = {.exit_code = child_wait(child_start(0, be_shell, &whole))};
    outcome.output = file_read(OUTPUT, NULL);
    outcome.errors = file_read(ERRORS, NULL);
    if (wrapper == portctl_words)
        run_scene_assert_nothing_left();
    return outcome;
}

/* ---- exit codes and output ---- */

/* Each has words of its own for what cannot be run; the others' must be the program's alone. */
static void assert_alike(const struct job *job, int exit_code, bool compares_errors) {
    CLEANUP(outcome_deinit) struct outcome first = run(wrappers[0], job);
    cr_assert_eq(first.exit_code, exit_code, "env %s: %d: %s", job->words[0], first.exit_code, first.errors);
    for (size_t i = 1; i < N_WRAPPERS; i++) {
        CLEANUP(outcome_deinit) struct outcome other = run(wrappers[i], job);
        cr_assert_eq(other.exit_code, exit_code, "%s %s %s: %d: %s", wrappers[i][0], job->words[0],
                     job->words[1] ? job->words[1] : "", other.exit_code, other.errors);
        cr_assert_str_eq(other.output, first.output);
        if (compares_errors)
            cr_assert_str_eq(other.errors, first.errors);
    }
}

Test(run_likeness, exit_codes) {
    static const int codes[] = {0, 1, 2, 77, 124, 125, 126, 127, 128, 129, 137, 143, 200, 255};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char script[64];
        snprintf(script, sizeof(script), "echo out; echo err >&2; exit %d", codes[i]);
        assert_alike(&(struct job){.words = {"sh", "-c", script}}, codes[i], true);
    }
}

Test(run_likeness, ends_by_signals) {
    static const int numbers[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                                  SIGFPE,  SIGKILL, SIGUSR1,   SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM,
                                  SIGTERM, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char script[64];
        snprintf(script, sizeof(script), "echo out; kill -%d $$", numbers[i]);
        assert_alike(&(struct job){.words = {"sh", "-c", script}}, 128 + numbers[i], true);
    }
}

static void make_file(const char *path, const char *text, mode_t mode) {
    file_write_text(path, text);
    cr_assert_eq(chmod(path, mode), 0);
}

Test(run_likeness, programs_that_cannot_be_run) {
    make_file(SANDBOX_DIR "/plain", "exit 9\n", 0644);
    make_file(SANDBOX_DIR "/orphan", "#!/no/such/interpreter\n", 0755);
    assert_alike(&(struct job){.words = {"no-such-program"}}, 127, false);
    assert_alike(&(struct job){.words = {"/no/such/program"}}, 127, false);
    assert_alike(&(struct job){.words = {""}}, 127, false);
    assert_alike(&(struct job){.words = {SANDBOX_DIR "/orphan"}}, 127, false);
    assert_alike(&(struct job){.words = {SANDBOX_DIR "/plain"}}, 126, false);
    assert_alike(&(struct job){.words = {SANDBOX_DIR}}, 126, false);
    assert_alike(&(struct job){.words = {SANDBOX_DIR "/plain/below"}}, 126, false);
}

/* A text without #! is the shell's, as execvp(3) has it. */
Test(run_likeness, scripts_without_a_first_line) {
    make_file(SANDBOX_DIR "/script", "echo $# $1; exit 9\n", 0755);
    make_file(SANDBOX_DIR "/empty", "", 0755);
    assert_alike(&(struct job){.words = {SANDBOX_DIR "/script", "a", "b"}}, 9, true);
    assert_alike(&(struct job){.words = {SANDBOX_DIR "/empty"}}, 0, true);
}

/* A megabyte of them. What the kernel allows is near 2 MB, of which portctl's variables take some hundred bytes. */
Test(run_likeness, a_thousand_long_arguments) {
    static struct job job = {.words = {"sh", "-c", "echo $# ${#1} ${#1000}", "sh"}};
    static char argument[1001];
    memset(argument, '{', sizeof(argument) - 1); /* the sign that portctl looks for */
    for (size_t i = 0; i < 1000; i++)
        job.words[4 + i] = argument;
    assert_alike(&job, 0, true);
    CLEANUP(outcome_deinit) struct outcome outcome = run(portctl_words, &job);
    cr_assert_str_eq(outcome.output, "1000 1000 1000\n");
}

static void close_output_pipe(void) {
    int ends[2];
    if (pipe(ends) < 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        _exit(99);
    close(ends[0]);
    close(ends[1]);
}

Test(run_likeness, a_reader_that_has_gone_ends_it_quietly) {
    assert_alike(&(struct job){.words = {"yes"}, .prepare = close_output_pipe}, 128 + SIGPIPE, true);
}

/* ---- what the program finds ---- */

static void close_input(void) {
    close(STDIN_FILENO);
}

static void close_output(void) {
    close(STDOUT_FILENO);
}

static void close_errors(void) {
    close(STDERR_FILENO);
}

static void close_all(void) {
    close_input();
    close_output();
    close_errors();
    close(TERMINAL_FD);
}

static void open_more(void) {
    open_at(3, "/dev/null", O_RDONLY);
    open_at(4, SANDBOX_DIR "/four", O_RDWR | O_CREAT);
    open_at(9, "/dev/zero", O_RDONLY | O_NONBLOCK);
    open_at(250, "/dev/null", O_WRONLY);
}

static void use_terminal(void) {
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        dup2(TERMINAL_FD, fd);
}

static void change_signals(void) {
    const int ignored[] = {SIGCHLD, SIGPIPE, SIGINT, SIGHUP, SIGTTIN, SIGTTOU, SIGTSTP, SIGUSR1, SIGRTMIN + 1};
    sigset_t blocked;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR2);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGRTMAX);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
}

static void change_process(void) {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof(first), &first);
    umask(0027);
    if (chdir("/usr") < 0 || nice(5) < 0)
        _exit(99);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){333, 444});
    setrlimit(RLIMIT_STACK, &(struct rlimit){4 << 20, 16 << 20});
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
    prctl(PR_SET_TIMERSLACK, 123456);
}

static void give_up_privileges(void) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_CAPBSET_DROP, 0, 0, 0, 0);
}

static const struct {
    const char *name;
    void (*prepare)(void);
} settings[] = {
    {"as it is", NULL},
    {"standard input closed", close_input},
    {"standard output closed", close_output},
    {"standard error closed", close_errors},
    {"everything closed", close_all},
    {"more descriptors open", open_more},
    {"on the terminal", use_terminal},
    {"signals blocked and ignored", change_signals},
    {"another mask, folder, nice value, processor, and limits", change_process},
    {"fewer privileges", give_up_privileges},
};

/* Up to the first that differs. */
static void assert_same_lines(const char *name, const char *observed, const char *expected) {
    while (*observed || *expected) {
        const size_t length = strcspn(observed, "\n");
        const bool same = length == strcspn(expected, "\n") && strncmp(observed, expected, length) == 0;
        cr_assert(same, "%s: it finds\n%.*s\nand under env\n%.*s", name, (int)length, observed,
                  (int)strcspn(expected, "\n"), expected);
        observed += length + (observed[length] == '\n');
        expected += length + (expected[length] == '\n');
    }
}

Test(run_likeness, the_program_finds_what_it_finds_under_env) {
    setenv("OBSERVE", OBSERVED, 1);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const struct job job = {.words = {puppet_install("observer"), "a", "--b", ""}, .prepare = settings[i].prepare};
        CLEANUP(outcome_deinit) struct outcome env = run(env_words, &job);
        CLEANUP(file_free_text_at) char *expected = file_read(OBSERVED, NULL);
        cr_assert_eq(env.exit_code, 0, "%s", settings[i].name);
        file_write_text(OBSERVED, "");
        CLEANUP(outcome_deinit) struct outcome portctl = run(portctl_words, &job);
        CLEANUP(file_free_text_at) char *observed = file_read(OBSERVED, NULL);
        cr_assert_eq(portctl.exit_code, 0, "%s: %d: %s", settings[i].name, portctl.exit_code, portctl.errors);
        assert_same_lines(settings[i].name, observed, expected);
    }
}
