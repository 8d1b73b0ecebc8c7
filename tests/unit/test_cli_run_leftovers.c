/*
 * run: what its program leaves behind, by the real portctl: what is stopped, what is said of it, and who is left alone. How it is done is in
 * test_cli_leftovers.c.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET, "PORTCTL=" SANDBOX_BIN "/portctl"}

#define LEASE "{\"port\":8001,\"service_name\":\"web\",\"id\":7,\"uid\":0,\"ttl_seconds\":300}"

static struct fake_portd portd;

static void enter(void) {
    sandbox_enter();
    portd = fake_portd_start(&(const struct fake_portd_setup){
        .answers = {{"POST /alloc", 200, "{\"port\":8001,\"lease\":" LEASE "}", 0, NULL},
                    {"POST /release", 200, "{\"listeners\":[]}", 0, NULL}},
        .socket = SOCKET});
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_run_leftovers, .init = enter, .fini = leave, .timeout = 60);

/* A job in the background that has become what it is to be, so that its name is known. */
#define SLEEP "sleep 1000 & while [ \"$(cat /proc/$!/comm)\" != sleep ]; do :; done; "

static struct cli_result run_script(const char *option, const char *script) {
    return cli_run(&(const struct cli_setup){.words = {"run", "web", option, "--", "sh", "-c", script}, ENVIRONMENT});
}

static pid_t pid_in(const char *output) {
    const pid_t pid = (pid_t)strtol(output, NULL, 10);
    cr_assert_gt(pid, 1, "%s", output);
    return pid;
}

static void assert_gone(pid_t pid) {
    cr_assert_eq(kill(pid, 0), -1, "%d is still there", (int)pid);
}

Test(cli_run_leftovers, they_are_stopped_and_the_exit_code_is_the_programs) {
    CLEANUP(cli_result_deinit) struct cli_result result = run_script("-q", "sleep 1000 & echo $!; exit 3");
    cr_assert_eq(result.exit_code, 3);
    cr_assert_str_eq(result.errors, "");
    assert_gone(pid_in(result.output));
}

Test(cli_run_leftovers, with_verbose_it_says_whom) {
    CLEANUP(cli_result_deinit) struct cli_result one = run_script("-v", SLEEP "echo $!");
    cr_assert(strstr(one.errors, "portctl: web: stopped sleep, which it left behind\n"), "%s", one.errors);
    CLEANUP(cli_result_deinit) struct cli_result two = run_script("-v", SLEEP SLEEP "echo 2");
    cr_assert(strstr(two.errors, "portctl: web: stopped sleep and 1 other process that it left behind\n"), "%s",
              two.errors);
    CLEANUP(cli_result_deinit) struct cli_result three = run_script("-v", SLEEP SLEEP SLEEP "echo 2");
    cr_assert(strstr(three.errors, "portctl: web: stopped sleep and 2 other processes that it left behind\n"), "%s",
              three.errors);
}

/* A name is other people's bytes. */
Test(cli_run_leftovers, a_name_is_shown_safely) {
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        run_script("-v", "cp /bin/sleep \"$(printf '" SANDBOX_DIR "/a\\033[31mb')\" && " SANDBOX_DIR "/a*b 1000 & "
                         "while ! ls /proc/[0-9]*/exe -l 2>/dev/null | grep -q 'a.*b$'; do sleep 0.05; done");
    cr_assert(strstr(result.errors, "stopped a?[31mb"), "%s", result.errors);
    cr_assert_null(strchr(result.errors, '\033'));
}

Test(cli_run_leftovers, one_that_does_not_hear_is_killed_after_the_time_that_was_said) {
    static const char script[] = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & sleep 0.3";
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(const struct cli_setup){
        .words = {"run", "web", "--kill-after", "1s", "--", "sh", "-c", script}, ENVIRONMENT});
    cr_assert_eq(result.exit_code, 0);
    assert_gone(pid_in(result.output));
}

/* A second Ctrl-C, so to speak. */
Test(cli_run_leftovers, a_signal_that_asks_to_end_hurries) {
    static const char script[] = "sh -c 'trap \"echo TERM\" TERM; echo $$; while :; do sleep 0.1; done' & "
                                 "while [ ! -e " SANDBOX_DIR "/go ]; do sleep 0.05; done";
    const struct cli cli = cli_start(&(const struct cli_setup){
        .words = {"run", "web", "--kill-after", "1h", "--", "sh", "-c", script}, ENVIRONMENT});
    cli_wait_for_output(&cli, "\n");
    CLEANUP(file_free_text_at) char *output = cli_output(&cli);
    file_write_text(SANDBOX_DIR "/go", "");
    cli_wait_for_output(&cli, "TERM\n");
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 0);
    assert_gone(pid_in(output));
}

/* `exec > >(tee log)` in a script: who only waits for the end of his input gets it now, and has the rest of a pipe to go. */
Test(cli_run_leftovers, who_still_reads_what_the_program_wrote_comes_to_his_end) {
    static const char script[] =
        "{ seq 20000; } | { while read -r line; do last=$line; done; sleep 0.3; echo $last; } &\n"
        "exit 3";
    CLEANUP(cli_result_deinit) struct cli_result result = run_script("-v", script);
    cr_assert_eq(result.exit_code, 3);
    cr_assert_str_eq(result.output, "20000\n", "%s", result.errors);
    cr_assert_str_eq(result.errors, "");
}

/* sort, an upload: his work begins with the end of his input, and takes longer than anything else is waited for. */
Test(cli_run_leftovers, who_has_a_pipe_for_his_input_has_longer) {
    static const char script[] = "seq 1000 | { sleep 2; tail -n 1; } &\n"
                                 "sleep 1000 & echo $!; exit 3";
    CLEANUP(cli_result_deinit) struct cli_result result = run_script("-v", script);
    cr_assert_eq(result.exit_code, 3);
    cr_assert(strstr(result.output, "\n1000\n"), "%s: %s", result.output, result.errors);
    cr_assert(strstr(result.errors, "stopped"), "%s", result.errors);
    assert_gone(pid_in(result.output));
}

/* Also where nobody sits: in a script it is the hardest thing to find out. */
Test(cli_run_leftovers, a_server_that_is_stopped_is_told_with_what_would_have_kept_it) {
    static const char script[] =
        "python3 -c 'import socket, time; s = socket.create_server((\"127.0.0.1\", 8001)); time.sleep(50)' & "
        "while ! grep -q :1F41 /proc/net/tcp; do sleep 0.05; done";
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        cli_run(&(const struct cli_setup){.words = {"run", "web", "--", "sh", "-c", script}, ENVIRONMENT});
    cr_assert(strstr(result.errors, "portctl: web: stopped python3, which it left behind\n"
                                    "  hint: with --keep a server that goes into the background lives on\n"),
              "%s", result.errors);
}

Test(cli_run_leftovers, keep_that_kept_nothing_says_so) {
    static const char script[] = SLEEP "exit 4";
    const struct cli cli =
        cli_start(&(const struct cli_setup){.words = {"run", "web", "--keep", "--", "sh", "-c", script}, ENVIRONMENT});
    cli_wait_for_errors(&cli, "stopped sleep, which it left behind\n");
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 4);
    cr_assert_str_eq(result.errors,
                     "portctl: web: nothing that it left behind listens on port 8001, so --keep kept nothing\n"
                     "portctl: web: stopped sleep, which it left behind\n");
}

/* A server that an inner run was told to keep has a lease of its own, which lives by its listener alone: portd says so. */
Test(cli_run_leftovers, what_another_run_has_kept_is_left_alone) {
    static const char server[] = "python3 -c 'import os, socket, time; s = socket.create_server((\"127.0.0.1\", "
                                 "8500)); print(os.getpid(), flush=True); "
                                 "time.sleep(50)' & while ! grep -q 2134 /proc/net/tcp; do sleep 0.05; done";
    static const struct {
        const char *kept_by;
        bool stays;
    } cases[] = {{"\"kept_by\":\"listener\",\"holder\":{\"pid\":4}", true},
                 {"\"kept_by\":\"holder\",\"holder\":{\"pid\":4}", false},
                 {"\"kept_by\":\"listener\",\"holder\":null", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char list[256];
        snprintf(list, sizeof(list), "[{\"port\":8500,\"service_name\":\"inner\",\"id\":9,\"uid\":%u,%s}]",
                 (unsigned)getuid(), cases[i].kept_by);
        fake_portd_stop(&portd);
        portd = fake_portd_start(&(const struct fake_portd_setup){
            .answers = {{"POST /alloc", 200, "{\"port\":8001,\"lease\":" LEASE "}", 0, NULL},
                        {"GET /list", 200, list, 0, NULL},
                        {"POST /release", 200, "{\"listeners\":[]}", 0, NULL}},
            .socket = SOCKET});
        CLEANUP(cli_result_deinit) struct cli_result result = run_script("-q", server);
        cr_assert_eq(result.exit_code, 0, "%s", result.errors);
        const pid_t pid = pid_in(result.output);
        cr_assert_eq(kill(pid, 0) == 0, cases[i].stays, "%s", cases[i].kept_by);
        if (cases[i].stays)
            kill(pid, SIGKILL);
    }
}

/* `server & exec portctl run ...`: the shell's children are ours then, and they are none of the program. */
Test(cli_run_leftovers, who_was_there_before_is_left_alone) {
    static const char script[] = "(sleep 1000 & echo $!; exec $PORTCTL run -v web -- sh -c '" SLEEP "') 2>&1; "
                                 "kill -0 $(head -1 /proc/$$/fd/1) && echo alive >&2; kill -9 $(head -1 /proc/$$/fd/1)";
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        cli_run(&(const struct cli_setup){.words = {"run", "outer", "--keep", "--", "sh", "-c", script}, ENVIRONMENT});
    cr_assert(strstr(result.output,
                     "portctl: this process has children already: what the program leaves behind is not looked for\n"),
              "%s", result.output);
    cr_assert_null(strstr(result.output, "stopped"), "%s", result.output);
    cr_assert(strstr(result.errors, "alive\n"), "%s", result.errors);
}

/* What they leave is none of the program, either, and could not be told from it. */
Test(cli_run_leftovers, what_they_leave_behind_is_left_alone_too) {
    static const char script[] =
        "((sleep 0.2; sleep 1000 & echo $!) & sleep 0.05; exec $PORTCTL run web -- sleep 0.6); "
        "kill -0 $(head -1 /proc/$$/fd/1) && echo alive >&2; kill -9 $(head -1 /proc/$$/fd/1)";
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        cli_run(&(const struct cli_setup){.words = {"run", "outer", "--keep", "--", "sh", "-c", script}, ENVIRONMENT});
    cr_assert(strstr(result.errors, "alive\n"), "%s: %s", result.output, result.errors);
}
