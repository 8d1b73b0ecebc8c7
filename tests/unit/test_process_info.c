/*
 * What is known about real processes: our own, other users', hostile ones, and those that are gone.
 */
#include "probe/process_info.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/holder.h"
#include "tests/support/wait.h"

static struct process_info *read_info(pid_t pid) {
    struct process_info *info = NULL;
    cr_assert_eq(process_info_read(pid, NULL, &info), 0);
    return info;
}

/* Executes the shell, which waits for its end, with these arguments behind; returns once it runs. */
struct program {
    char **arguments;
    char **environment;
    const char *directory;
    int executed_fd; /* closed by execve() */
};

static int execute(void *context) {
    const struct program *program = context;
    if (program->directory && chdir(program->directory) < 0)
        return 1;
    /* Only this end is left open, and it ends with this process's image. */
    execve("/bin/sh", program->arguments, program->environment);
    return 1;
}

static pid_t start_program(struct program *program) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    program->executed_fd = ends[1];
    const pid_t child = child_start(0, execute, program);
    close(ends[1]);
    char byte;
    cr_assert_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    return child;
}

#define WAIT_SCRIPT "kill -STOP $$"

Test(process_info, everything_of_an_own_process_is_known) {
    char *arguments[] = {"sh", "-c", WAIT_SCRIPT, "--password", "hunter2", "a b", NULL};
    char *environment[] = {"PM_MARKER=x", "XPM_MARK=1", "PM_MARK=4711", "PM_MARK=2", NULL};
    struct program program = {.arguments = arguments, .environment = environment, .directory = "/usr"};
    const pid_t child = start_program(&program);
    CLEANUP(process_info_unref_at) struct process_info *info = NULL;
    cr_assert_eq(process_info_read(child, "PM_MARK", &info), 0);
    struct process_id id;
    cr_assert_eq(process_pin(child, NULL, &id, NULL), 0);
    cr_assert(process_id_equal(&info->id, &id));
    cr_assert_eq(info->n_references, 1);
    cr_assert_geq(info->pidfd, 0);
    cr_assert(fcntl(info->pidfd, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(info->uid, getuid());
    cr_assert_str_eq(info->name, "sh");
    cr_assert_str_eq(info->command, "sh -c '" WAIT_SCRIPT "' --password *** 'a b'");
    char shell[4096];
    cr_assert_not_null(realpath("/bin/sh", shell));
    cr_assert_str_eq(info->executable, shell);
    cr_assert_str_eq(info->directory, "/usr");
    cr_assert_eq(info->session, getsid(child));
    cr_assert_eq(info->group, getpgid(child));
    cr_assert_str_eq(info->variable, "4711");
    cr_assert_not_null(info->cgroup);
}

static void assert_variable(char *setting, const char *value) {
    char *arguments[] = {"sh", "-c", WAIT_SCRIPT, NULL};
    char *environment[] = {setting, NULL};
    struct program program = {.arguments = arguments, .environment = environment};
    CLEANUP(process_info_unref_at) struct process_info *info = NULL;
    cr_assert_eq(process_info_read(start_program(&program), "PM_MARK", &info), 0);
    cr_assert_str_eq(info->variable, value);
}

Test(process_info, a_variable_is_there_whole_or_not_at_all) {
    assert_variable("PM_MARK=0123456789012345678901234567890", "0123456789012345678901234567890");
    assert_variable("PM_MARK=01234567890123456789012345678901", "");
    assert_variable("PM_MARK=", "");
    assert_variable("PM_MARK", "");
    assert_variable("PM_MARKS=1", "");
    assert_variable("X=PM_MARK=1", "");
}

Test(process_info, a_start_is_told_by_the_wall_clock) {
    struct timespec now;
    cr_assert_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
    const int64_t before_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    CLEANUP(process_info_unref_at) struct process_info *info = read_info(child_start_idle(0));
    cr_assert_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
    const int64_t after_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    /* A start is cut to a hundredth of a second. */
    cr_assert_geq(info->started_unix_ms, before_ms - 20);
    cr_assert_leq(info->started_unix_ms, after_ms + 20);
}

/* ---- parents ---- */

Test(process_info, the_parents_are_known_up_to_the_first_process) {
    prctl(PR_SET_NAME, "the parent");
    CLEANUP(process_info_unref_at) struct process_info *info = read_info(child_start_idle(0));
    cr_assert_geq(info->n_parents, 2);
    cr_assert_eq(info->parents[0].pid, getpid());
    cr_assert_str_eq(info->parents[0].name, "the parent");
    cr_assert_eq(info->parents[1].pid, getppid());
    struct process_id id;
    cr_assert_eq(process_pin(getpid(), NULL, &id, NULL), 0);
    cr_assert_eq(info->parents[0].start_time, id.start_time);
    cr_assert_leq(id.start_time, info->id.start_time);
    cr_assert_eq(info->parents[info->n_parents - 1].pid, 1);

    CLEANUP(process_info_unref_at) struct process_info *first = read_info(1);
    cr_assert_eq(first->n_parents, 0);
}

static int nest(void *context) {
    int *n_left = context;
    if (--*n_left > 0)
        child_start(0, nest, context);
    while (pause() < 0)
        continue;
    return 0;
}

Test(process_info, no_more_parents_are_kept_than_there_is_room_for) {
    int *n_left = child_share(2 * sizeof(int));
    *n_left = PROCESS_PARENTS_MAX + 8;
    pid_t pid = child_start(0, nest, n_left);
    const struct wait wait = wait_for("the last of the children");
    while (__atomic_load_n(n_left, __ATOMIC_SEQ_CST) > 0)
        wait_more(&wait);
    /* The last one is found by its parents: the newest process with as many as there can be. */
    for (pid_t later = pid; later < pid + 4096; later++) {
        CLEANUP(process_info_unref_at) struct process_info *info = NULL;
        if (process_info_read(later, NULL, &info) == 0 && info->n_parents == PROCESS_PARENTS_MAX)
            return;
    }
    cr_assert_fail("none has that many parents");
}

static int leave_session(void *context) {
    pid_t *ret_pid = context;
    if (setsid() < 0)
        return 1;
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
        while (getppid() == parent)
            continue;
        prctl(PR_SET_PDEATHSIG, 0);
        *ret_pid = getpid();
        while (pause() < 0)
            continue;
    }
    return 0;
}

Test(process_info, one_that_has_daemonised_itself_has_the_first_for_its_parent) {
    volatile pid_t *daemon_pid = child_share(sizeof(*daemon_pid));
    const pid_t child = child_start(0, leave_session, (void *)daemon_pid);
    cr_assert_eq(child_wait(child), 0);
    const struct wait wait = wait_for("the daemon");
    while (*daemon_pid == 0)
        wait_more(&wait);
    CLEANUP(process_info_unref_at) struct process_info *info = read_info(*daemon_pid);
    kill(*daemon_pid, SIGKILL);
    cr_assert_eq(info->session, child);
    cr_assert_eq(info->parents[info->n_parents - 1].pid, 1);
    cr_assert_neq(info->parents[0].pid, child);
}

/* ---- hostile texts ---- */

Test(process_info, a_name_is_shown_without_control_characters) {
    const struct {
        const char *name, *shown;
    } cases[] = {
        {"a\033[2J\nb\177", "a?[2J?b?"},
        {"\n", "?"},
        {"", ""},
        {"caf\303\251", "caf\303\251"},
        {"fifteen-letters", "fifteen-letters"},
        {") S 1 (", ") S 1 ("},
        {"\377\376", "\377\376"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(prctl(PR_SET_NAME, cases[i].name), 0);
        CLEANUP(process_info_unref_at) struct process_info *info = read_info(getpid());
        cr_assert_str_eq(info->name, cases[i].shown);
        cr_assert_gt(info->n_parents, 0);
        CLEANUP(process_info_unref_at) struct process_info *child = read_info(child_start_idle(0));
        cr_assert_str_eq(child->parents[0].name, cases[i].shown);
        cr_assert_eq(child->parents[0].pid, getpid());
    }
}

Test(process_info, a_command_of_4_KiB_of_anything_is_cut_and_a_process_after_it_is_read_all_the_same) {
    char hostile[PROCESS_COMMAND_MAX + 1];
    for (size_t i = 0; i < sizeof(hostile) - 1; i++)
        hostile[i] = "\033[2J\n\377)\200x"[i % 9];
    hostile[sizeof(hostile) - 1] = '\0';
    char *arguments[] = {"sh", "-c", WAIT_SCRIPT, hostile, NULL};
    char *environment[] = {NULL};
    struct program program = {.arguments = arguments, .environment = environment};
    CLEANUP(process_info_unref_at) struct process_info *info = read_info(start_program(&program));
    cr_assert_gt(strlen(info->command), PROCESS_COMMAND_MAX - 16);
    cr_assert_lt(strlen(info->command), PROCESS_COMMAND_MAX);
    cr_assert_str_eq(info->command + strlen(info->command) - 3, "...");
}

/* Of a command line 32 KiB are read, and these end inside of the URL, before the "@" that tells its password. */
Test(process_info, half_of_a_secret_is_not_shown) {
    char filler[32 * 1024 - sizeof("sh -c " WAIT_SCRIPT) - sizeof("a://u:hunter") + 1];
    memset(filler, 'x', sizeof(filler) - 1);
    memcpy(filler, "--token=", strlen("--token="));
    filler[sizeof(filler) - 1] = '\0';
    char *arguments[] = {"sh", "-c", WAIT_SCRIPT, filler, "a://u:hunter2@h", NULL};
    char *environment[] = {NULL};
    struct program program = {.arguments = arguments, .environment = environment};
    CLEANUP(process_info_unref_at) struct process_info *info = read_info(start_program(&program));
    cr_assert_not_null(strstr(info->command, " --token=***"));
    cr_assert_null(strstr(info->command, "hunt"), "%s", info->command);
}

Test(process_info, a_kernel_thread_has_no_command) {
    CLEANUP(process_info_unref_at) struct process_info *info = NULL;
    if (process_info_read(2, NULL, &info) != 0 || strcmp(info->name, "kthreadd") != 0)
        cr_skip_test("no kernel thread is seen from here");
    cr_assert_str_eq(info->command, "");
    cr_assert_null(info->executable);
}

/* ---- what is hidden ---- */

static void become_other_user(void) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    cr_assert_eq(setgroups(0, NULL), 0);
    cr_assert_eq(setresgid(HOLDER_OTHER_UID, HOLDER_OTHER_UID, HOLDER_OTHER_UID), 0);
    /* The saved uid stays root's, so that a child that is root's can be ended afterwards. */
    cr_assert_eq(setresuid(HOLDER_OTHER_UID, HOLDER_OTHER_UID, 0), 0);
}

static void kill_roots_child(pid_t child) {
    cr_assert_eq(seteuid(0), 0);
    child_kill(child);
}

Test(process_info, another_users_process_hides_some_of_it) {
    char *arguments[] = {"sh", "-c", WAIT_SCRIPT, NULL};
    char *environment[] = {"PM_MARK=1", NULL};
    struct program program = {.arguments = arguments, .environment = environment};
    const pid_t child = start_program(&program);
    become_other_user();
    CLEANUP(process_info_unref_at) struct process_info *info = NULL;
    cr_assert_eq(process_info_read(child, "PM_MARK", &info), 0);
    cr_assert_eq(info->uid, 0);
    cr_assert_str_eq(info->name, "sh");
    cr_assert_str_eq(info->command, "sh -c '" WAIT_SCRIPT "'");
    cr_assert_null(info->executable);
    cr_assert_null(info->directory);
    cr_assert_not_null(info->cgroup);
    cr_assert_str_eq(info->variable, "");
    cr_assert_eq(info->parents[0].pid, getpid());
    kill_roots_child(child);
}

static void assert_hidden_by(const char *option) {
    const pid_t child = child_start_idle(0);
    if (geteuid() != 0)
        cr_skip_test("only root can mount /proc");
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_eq(mount("proc", "/proc", "proc", 0, option), 0);
    become_other_user();
    struct process_info *info = NULL;
    cr_assert_eq(process_info_read(child, NULL, &info), -EACCES);
    cr_assert_null(info);
    kill_roots_child(child);
}

Test(process_info, a_process_that_proc_leaves_out_is_hidden) {
    assert_hidden_by("hidepid=2");
}

Test(process_info, a_process_that_proc_locks_is_hidden) {
    assert_hidden_by("hidepid=1");
}

Test(process_info, what_is_gone_is_gone) {
    const pid_t child = child_start_idle(0);
    struct process_info *info = NULL;
    siginfo_t death;
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)child, &death, WEXITED | WNOWAIT), 0);
    cr_assert_eq(process_info_read(child, NULL, &info), PROCESS_E_GONE);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(process_info_read(child, NULL, &info), PROCESS_E_GONE);
    cr_assert_eq(process_info_read(0, NULL, &info), PROCESS_E_GONE);
    cr_assert_eq(process_info_read(-1, NULL, &info), PROCESS_E_GONE);
    cr_assert_null(info);
}

static int end_when_told(void *context) {
    const volatile bool *told = context;
    while (!*told)
        continue;
    return 0;
}

/* It is read while it ends: whole, or not at all. */
Test(process_info, one_that_ends_meanwhile_is_gone_or_was_there) {
    volatile bool *told = child_share(sizeof(*told));
    for (int i = 0; i < 500; i++) {
        *told = false;
        const pid_t child = child_start(0, end_when_told, (void *)told);
        *told = true;
        for (int r = 0; r == 0;) {
            CLEANUP(process_info_unref_at) struct process_info *info = NULL;
            r = process_info_read(child, "PM_MARK", &info);
            cr_assert(r == 0 || r == PROCESS_E_GONE, "%d", r);
            /* Its memory goes before it does, and what /proc reads from there; its parent stays. */
            if (r == 0)
                cr_assert_eq(info->parents[0].pid, getpid());
        }
        child_wait(child);
    }
}

/* ---- references and descriptors ---- */

Test(process_info, the_last_reference_closes_the_pidfd) {
    struct process_info *info = read_info(getpid());
    const int pidfd = info->pidfd;
    cr_assert_eq(process_info_ref(info), info);
    cr_assert_null(process_info_unref(info));
    cr_assert_geq(fcntl(pidfd, F_GETFD), 0);
    cr_assert_null(process_info_unref(info));
    cr_assert_eq(fcntl(pidfd, F_GETFD), -1);
    cr_assert_null(process_info_unref(NULL));
}

Test(process_info, a_quarter_of_the_descriptors_is_left_to_others) {
    const struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct process_info *infos[64];
    size_t n = 0;
    do
        infos[n] = read_info(getpid());
    while (infos[n++]->pidfd >= 0 && n < 64);
    cr_assert_lt(n, 48);
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(fd, 48);
    close(fd);
    while (n > 0)
        process_info_unref(infos[--n]);
}

Test(process_info, without_any_descriptor_nothing_is_read_and_none_is_lost) {
    int opened[64];
    size_t n_opened = 0;
    const struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n_opened < 64 && (opened[n_opened] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n_opened++;
    struct process_info *info = NULL;
    int r = -EMFILE;
    unsigned n_failed = 0;
    for (; r == -EMFILE && n_opened > 0; n_failed++) {
        r = process_info_read(getpid(), "PM_MARK", &info);
        if (r != 0)
            cr_assert_null(info);
        close(opened[--n_opened]);
    }
    while (n_opened > 0)
        close(opened[--n_opened]);
    cr_assert_eq(r, 0);
    cr_assert_eq(n_failed, 5, "pidfd, folder, the parent's folder, a file: attempt %u", n_failed);
    cr_assert_not_null(info);
    process_info_unref(info);
}
