/*
 * portctl run, and each signal there is, sent to portctl alone by a process: the program gets it, once; and whatever becomes of portctl, the lease ends with
 * the program.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/puppet.h"
#include "tests/support/run_scene.h"
#include "tests/support/wait.h"

TestSuite(run_signals, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 300);

#define SIGNALS_MAX 64

/* What a recorder exits with. */
#define RECORDED 77

/*
 * A recorder: this very program, executed with RECORD=LAST. It writes down the number of each signal that it gets, until it gets LAST. Before main(), like a
 * puppet. It asks the kernel by itself: the C library keeps 32 and 33 to itself and would not wait for them.
 */
__attribute__((constructor(151))) static void be_recorder(void) {
    const char *last = getenv("RECORD");
    if (!last)
        return;
    const uint64_t all = UINT64_MAX;
    uint64_t pending = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all));
    printf("up\n");
    for (int number = 0; number != atoi(last);) {
        fflush(stdout);
        number = (int)syscall(SYS_rt_sigtimedwait, &all, NULL, &(struct timespec){.tv_sec = 60}, sizeof(all));
        if (number < 0)
            _exit(EXIT_FAILURE);
        printf("%d\n", number);
    }
    /* One that came twice would still be pending here. */
    syscall(SYS_rt_sigpending, &pending, sizeof(pending));
    for (int number = 1; number <= SIGNALS_MAX; number++)
        if (pending >> (number - 1) & 1)
            printf("%d\n", number);
    fflush(stdout);
    _exit(RECORDED);
}

/* By which the recorder is ended, once it has got this one: through portctl, too, which handles them one by one. */
static int last_after(int number) {
    return number == SIGTERM ? SIGHUP : SIGTERM;
}

static struct cli start_recorder(int last) {
    char variable[32];
    snprintf(variable, sizeof(variable), "RECORD=%d", last);
    const struct cli cli =
        run_scene_start((const char *const[]){"web", "--", puppet_install("recorder"), NULL}, variable);
    cli_wait_for_output(&cli, "up\n");
    return cli;
}

/* SIGCHLD is portctl's own, about its children; 9 and 19 cannot be caught; 32 and 33 are the C library's, which lets no program block them. */
static bool is_forwarded(int number) {
    return number != SIGCHLD && number != SIGKILL && number != SIGSTOP && number != 32 && number != 33;
}

Test(run_signals, each_that_can_be_caught_reaches_the_program_once) {
    unsigned n_forwarded = 0;
    for (int number = 1; number <= SIGNALS_MAX; number++) {
        if (!is_forwarded(number))
            continue;
        const int last = last_after(number);
        const struct cli cli = start_recorder(last);
        char expected[64];
        snprintf(expected, sizeof(expected), "up\n%d\n", number);
        kill(cli.pid, number);
        cli_wait_for_output(&cli, expected);
        kill(cli.pid, last);
        CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
        snprintf(expected, sizeof(expected), "up\n%d\n%d\n", number, last);
        cr_assert_str_eq(result.output, expected);
        cr_assert_eq(result.exit_code, RECORDED, "%d: %d: %s", number, result.exit_code, result.errors);
        run_scene_assert_nothing_left();
        n_forwarded++;
    }
    cr_assert_eq(n_forwarded, SIGNALS_MAX - 5);
}

Test(run_signals, one_about_children_is_portctls_own) {
    const struct cli cli = start_recorder(SIGTERM);
    kill(cli.pid, SIGCHLD);
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_str_eq(result.output, "up\n15\n");
    cr_assert_eq(result.exit_code, RECORDED);
    run_scene_assert_nothing_left();
}

/* Many at once are as many to the program: real-time signals are queued, and portctl is slower than kill(). */
Test(run_signals, those_that_are_queued_are_passed_on_one_by_one) {
    const struct cli cli = start_recorder(SIGTERM);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(kill(cli.pid, SIGRTMIN + 3), 0);
    const struct wait wait = wait_for("a hundred signals");
    for (unsigned n = 0; n < 100;) {
        CLEANUP(file_free_text_at) char *output = cli_output(&cli);
        n = 0;
        for (const char *line = output; (line = strchr(line, '\n')) != NULL; line++)
            n++;
        n -= n > 0; /* "up" */
        wait_more(&wait);
    }
    kill(cli.pid, SIGTERM);
    run_scene_assert_end(&cli, RECORDED);
}

/* Nothing can be done about these: portctl dies, the lease is the program's, and ends with it. */
Test(run_signals, one_that_kills_portctl_leaves_the_lease_with_the_program) {
    static const int numbers[] = {SIGKILL, 32, 33};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const struct cli cli = start_recorder(SIGTERM);
        const pid_t program = run_scene_holder();
        kill(cli.pid, numbers[i]);
        CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
        cr_assert_eq(result.exit_code, -numbers[i]);
        cr_assert_eq(run_scene_count_processes(), 1);
        cr_assert_eq(caller_count_leases(run_scene_me()), 1);
        kill(program, SIGTERM);
        run_scene_wait_until_nothing_left();
    }
}

/* Stopped, it does nothing; the program runs. It goes on with what came meanwhile. */
Test(run_signals, one_that_stops_portctl_stops_nothing_else) {
    const struct cli cli = start_recorder(SIGTERM);
    const pid_t program = run_scene_holder();
    kill(cli.pid, SIGSTOP);
    kill(program, SIGUSR1);
    cli_wait_for_output(&cli, "up\n10\n");
    kill(cli.pid, SIGTERM);
    kill(cli.pid, SIGCONT);
    run_scene_assert_end(&cli, RECORDED);
}

/* The same signals to a program that does nothing about them: they end it, if they end anybody, and portctl tells it as a shell does. */
Test(run_signals, a_program_that_does_not_mind_them_ends_of_them) {
    static const int harmless[] = {SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    for (int number = 1; number <= SIGNALS_MAX; number++) {
        bool ends = is_forwarded(number);
        for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
            ends = ends && harmless[i] != number;
        if (!ends)
            continue;
        const struct cli cli = run_scene_start(
            (const char *const[]){"web", "sh", "-c", "ulimit -c 0; echo up; exec sleep 60", NULL}, NULL);
        cli_wait_for_output(&cli, "up\n");
        kill(cli.pid, number);
        run_scene_assert_end(&cli, 128 + number);
    }
}
