/*
 * run: the real portctl with real programs, against a portd that says what a test wants. What the program finds, what it gets
 * of signals and the terminal, and that the lease ends with it however that comes about.
 */
#include "cli/run_child.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/run_answers.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

#define SOCKET SANDBOX_DIR "/p.sock"
static const char environment_socket[] = "PM_SOCKET=" SOCKET;
static const char environment_portctl[] = "PORTCTL=" SANDBOX_BIN "/portctl";

#define ENVIRONMENT .environment = {environment_socket, environment_portctl}

static const struct fake_portd_setup ordinary = {.answers = {ALLOC, HEARTBEAT, RELEASE}, .socket = SOCKET};

static struct fake_portd portd;

static void enter(void) {
    sandbox_enter();
    portd = fake_portd_start(&ordinary);
}

static void leave(void) {
    if (portd.pid > 0)
        kill(portd.pid, SIGCONT);
    fake_portd_stop_at(&portd);
}

TestSuite(cli_run, .init = enter, .fini = leave);

static void restart(const struct fake_portd_setup *setup) {
    fake_portd_stop(&portd);
    portd = fake_portd_start(setup);
}

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {"run", __VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

static size_t count(const char *text, const char *part) {
    size_t n = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        n++;
    return n;
}

static size_t count_requests(const char *part) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    return count(requests, part);
}

static void assert_requests(const char *expected) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, expected);
}

static struct cli start_script(const char *script) {
    const struct cli_setup setup = {.words = {"run", "web", "--", "sh", "-c", script}, ENVIRONMENT};
    return cli_start(&setup);
}

/* ---- What the program finds */

Test(cli_run, the_program_finds_its_port_its_name_and_its_lease) {
    ASSERT_RUN(0, "8001 web 7 unset\n", "", "web", "sh", "-c",
               "echo $PORT $PORTMANAGER_SERVICE $PORTMANAGER_LEASE ${HOST-unset}");
    ASSERT_RUN(0, "8001 8001 ::1\n", "", "web", "--env-name", "API_PORT", "--host", "::1", "--", "sh", "-c",
               "echo ${PORT-unset} $API_PORT $HOST");
}

Test(cli_run, the_program_itself_is_the_holder_and_gives_the_lease_back) {
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(
        &(const struct cli_setup){.words = {"run", "web", "--tag", "a", "sh", "-c", "echo $$ $PPID"}, ENVIRONMENT});
    char *rest;
    const long pid = strtol(result.output, &rest, 10);
    const long parent = strtol(rest, NULL, 10);
    char expected[256];

    snprintf(expected, sizeof(expected),
             "POST /alloc {\"service_name\":\"web\",\"pid\":%ld,\"asker_pid\":%ld,\"tags\":[\"a\"]}\n"
             "GET /list\n"
             "POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n",
             pid, parent);
    assert_requests(expected);
}

Test(cli_run, flags_of_the_program_stay_with_the_program) {
    ASSERT_RUN(0, "--ttl 5x -q --json\n", "", "web", "echo", "--ttl", "5x", "-q", "--json");
    ASSERT_RUN(0, "--ttl\n", "", "web", "--", "echo", "--ttl");
}

Test(cli_run, input_and_output_pass_untouched) {
    char *bytes = malloc(300000);
    for (size_t i = 0; i < 300000; i++)
        bytes[i] = (char)(i * 7);
    file_write(SANDBOX_DIR "/input", bytes, 300000);
    const struct cli_setup setup = {.words = {"run", "web", "cat"}, ENVIRONMENT, .input = SANDBOX_DIR "/input"};
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&setup);
    size_t length;
    CLEANUP(file_free_text_at) char *output = file_read(SANDBOX_DIR "/cli-1.output", &length);

    cr_assert_eq(result.exit_code, 0);
    cr_assert_eq(length, 300000);
    cr_assert_eq(memcmp(output, bytes, length), 0);
    free(bytes);
}

Test(cli_run, the_exit_code_is_the_programs) {
    ASSERT_RUN(0, "", "", "web", "true");
    ASSERT_RUN(7, "", "", "web", "sh", "-c", "exit 7");
    ASSERT_RUN(255, "", "", "web", "sh", "-c", "exit 255");
    ASSERT_RUN(128 + SIGKILL, "", "", "web", "sh", "-c", "kill -KILL $$");
    ASSERT_RUN(128 + SIGTERM, "", "", "web", "sh", "-c", "kill -TERM $$");
    ASSERT_RUN(128 + SIGINT, "", "", "web", "sh", "-c", "kill -INT $$");
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n"), 6);
}

Test(cli_run, no_descriptor_of_portctls_reaches_the_program) {
    ASSERT_RUN(0, "0\n1\n2\n3\n", "", "web", "ls", "/proc/self/fd"); /* 3 is ls's own */
}

Test(cli_run, a_standard_stream_that_is_closed_is_closed_for_the_program_too) {
    ASSERT_RUN(0, "0\n1\n", "", "web", "sh", "-c", "$PORTCTL run web -- sh -c 'ls /proc/$$/fd; true' 2>&-");
}

/* What portctl says is said into nothing, and not into a descriptor that has got the number. */
Test(cli_run, closed_standard_streams_swallow_what_is_said) {
    static const char script[] =
        "$PORTCTL run web -v -- sh -c 'echo ran >" SANDBOX_DIR "/ran; sleep 1.5' <&- >&- 2>&-; echo $?";
    const struct fake_portd_setup notes = {
        .answers = {{"POST /alloc", 200, "{\"port\":8001,\"lease\":" LEASE ",\"notes\":[\"one\",\"two\"]}", 0, NULL},
                    {"POST /heartbeat", 500, "{\"detail\":\"Ill.\"}", 0, NULL},
                    RELEASE},
        .socket = SOCKET};

    restart(&notes);
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        cli_run(&(const struct cli_setup){.words = {"run", "web", "-q", "--", "sh", "-c", script}, ENVIRONMENT});
    cr_assert_str_eq(result.output, "0\n");
    cr_assert(file_exists(SANDBOX_DIR "/ran"));
}

Test(cli_run, words_for_a_closed_stream_go_nowhere_else) {
    ASSERT_RUN(1, "", "portctl: standard output: Bad file descriptor\n", "web", "sh", "-c", "$PORTCTL alloc web >&-");
    ASSERT_RUN(2, "", "", "web", "sh", "-c", "$PORTCTL alloc 2>&-");
}

/* ---- What cannot be run */

Test(cli_run, a_program_that_does_not_exist_is_127) {
    ASSERT_RUN(127, "", "portctl: there is no program 'no-such-program' in PATH\n", "web", "no-such-program");
    ASSERT_RUN(127, "", "portctl: there is no program '/no/such/program'\n", "web", "/no/such/program");
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n"), 2);
}

Test(cli_run, a_program_that_cannot_be_executed_is_126) {
    static const char plain[] = SANDBOX_DIR "/plain";

    file_write_text(plain, "text");
    ASSERT_RUN(126, "", "portctl: '" SANDBOX_DIR "/plain' cannot be executed: Permission denied\n", "web", plain);
    ASSERT_RUN(126, "", "portctl: '/tmp' cannot be executed: Permission denied\n", "web", "/tmp");
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n"), 2);
}

Test(cli_run, a_script_without_its_interpreter_is_told_as_that) {
    static const char script[] = SANDBOX_DIR "/script";

    file_write_text(script, "#!/no/such/interpreter\n");
    cr_assert_eq(chmod(script, 0755), 0);
    ASSERT_RUN(127, "",
               "portctl: the interpreter of '" SANDBOX_DIR "/script' does not exist\n"
               "  hint: look at its first line: head -n 1 '" SANDBOX_DIR "/script'\n",
               "web", script);
}

Test(cli_run, wrong_arguments_are_2_and_ask_nobody) {
    ASSERT_RUN(2, "",
               "portctl: run wants a program behind the name 'web'\n"
               "  hint: portctl run NAME [options] [[--] PROGRAM [ARGUMENT...]]\n",
               "web");
    ASSERT_RUN(2, "", "portctl: --env-name A is there twice: each variable tells one port\n", "web", "--env-name", "A",
               "--env-name", "A", "true");
    ASSERT_RUN(2, "", "portctl: --remap 0 is no port\n  hint: a whole number from 1 to 65535, or auto\n", "web",
               "--remap", "0", "true");
    ASSERT_RUN(2, "", "portctl: --env-name A B is no variable's name: letters, digits and _, no digit first\n", "web",
               "--env-name", "A B", "true");
    ASSERT_RUN(2, "", "portctl: --ttl 5x is no time\n  hint: 90, 90s, 5m, 2h or 1d; at least one second\n", "web",
               "--ttl", "5x", "true");
    ASSERT_RUN(2, "", "portctl: --port 70000 is no port\n  hint: a whole number from 1 to 65535\n", "--port", "70000",
               "web", "true");
    assert_requests("");
}

Test(cli_run, without_a_port_nothing_runs_and_it_is_125) {
    const struct fake_portd_setup refuses = {
        .answers = {{"POST /alloc", 409, "{\"type\":\"urn:portmanager:problem:port-taken\",\"detail\":\"Taken.\"}", 0,
                     NULL}},
        .socket = SOCKET};

    restart(&refuses);
    ASSERT_RUN(125, "", "portctl: taken\n  hint: portctl run web --prefer 8002 ...\n", "web", "--port", "8001", "echo",
               "it ran");
    fake_portd_stop(&portd);
    ASSERT_RUN(125, "",
               "portctl: portd is not running: " SOCKET ": Connection refused\n"
               "  hint: start it with: portd --socket " SOCKET "\n",
               "web", "echo", "it ran");
}

Test(cli_run, a_portd_that_does_not_see_the_process_is_asked_without_it) {
    const struct fake_portd_setup blind = {
        .answers = {{"POST /alloc", 422, "{\"type\":\"urn:portmanager:problem:invalid-pid\",\"detail\":\"Who?\"}", 0,
                     "\"pid\":"},
                    ALLOC,
                    HEARTBEAT,
                    RELEASE},
        .socket = SOCKET};

    restart(&blind);
    ASSERT_RUN(0, "8001\n", "", "web", "sh", "-c", "echo $PORT");
    ASSERT_RUN(0, "8001\n", "portctl: portd does not see the program's process: the lease lives by heartbeats\n", "-v",
               "web", "sh", "-c", "echo $PORT");
    cr_assert_eq(count_requests("POST /alloc {\"service_name\":\"web\"}\n"), 2);
}

/* ---- Signals */

/* Says "up", then each signal it gets by its name, and ends after `TERM`. */
#define LISTENER                                                                                                       \
    "trap 'echo USR1' USR1; trap 'echo INT' INT; trap 'echo HUP' HUP; trap 'echo QUIT' QUIT; trap 'echo TERM; exit "   \
    "9' "                                                                                                              \
    "TERM; echo up; while :; do sleep 0.05; done"

Test(cli_run, what_a_process_sends_to_portctl_is_the_programs_once) {
    const struct cli cli = start_script(LISTENER);
    static const struct {
        int number;
        const char *name;
    } signals[] = {{SIGUSR1, "USR1\n"}, {SIGINT, "INT\n"}, {SIGHUP, "HUP\n"}, {SIGQUIT, "QUIT\n"}};

    cli_wait_for_output(&cli, "up\n");
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        kill(cli.pid, signals[i].number);
        cli_wait_for_output(&cli, signals[i].name);
    }
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_str_eq(result.output, "up\nUSR1\nINT\nHUP\nQUIT\nTERM\n");
    cr_assert_eq(result.exit_code, 9);
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n"), 1);
}

Test(cli_run, a_program_that_a_forwarded_signal_ends_is_128_and_its_number) {
    const struct cli cli = start_script("echo up; exec sleep 1000");

    cli_wait_for_output(&cli, "up\n");
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM);
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n"), 1);
}

/* nohup: who ignores a signal is not killed for it, neither at once nor later. */
Test(cli_run, a_signal_that_was_ignored_starts_no_clock) {
    signal(SIGHUP, SIG_IGN);
    const struct cli cli = cli_start(&(const struct cli_setup){
        .words = {"run", "web", "--kill-after", "1s", "--", "sh", "-c", "echo up; sleep 2.5; exit 6"}, ENVIRONMENT});

    cli_wait_for_output(&cli, "up\n");
    kill(cli.pid, SIGHUP);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 6);
}

/* Who reads what portctl says has stopped to read: what it has to say is lost, and a signal is not. */
Test(cli_run, a_full_standard_error_holds_up_no_signal) {
    static const char script[] = "mkfifo " SANDBOX_DIR "/full; exec 8<>" SANDBOX_DIR "/full; (exec 7>" SANDBOX_DIR
                                 "/full; timeout 0.5 dd if=/dev/zero bs=1024 >&7 2>/dev/null); echo full; exec "
                                 "$PORTCTL run web -- sh -c 'echo up; exec sleep "
                                 "1000' 2>&8";
    const struct fake_portd_setup ill = {
        .answers = {ALLOC, {"POST /heartbeat", 500, "{\"detail\":\"Ill.\"}", 0, NULL}, RELEASE}, .socket = SOCKET};
    const struct wait wait = wait_for("a heartbeat that fails");

    restart(&ill);
    const struct cli cli =
        cli_start(&(const struct cli_setup){.words = {"run", "outer", "-q", "--", "sh", "-c", script}, ENVIRONMENT});
    cli_wait_for_output(&cli, "full\nup\n");
    while (count_requests("POST /heartbeat") < 6)
        wait_more(&wait);
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM);
}

static char state_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    CLEANUP(file_free_text_at) char *stat = file_read(path, NULL);
    return strrchr(stat, ')')[2];
}

static pid_t read_pid(const struct cli *cli) {
    CLEANUP(file_free_text_at) char *output = cli_output(cli);
    return (pid_t)strtol(output, NULL, 10);
}

static void wait_for_state(pid_t pid, bool stopped) {
    const struct wait wait = wait_for("a process to stop or go on");
    while ((state_of(pid) == 'T') != stopped)
        wait_more(&wait);
}

/* Without a terminal there is no shell to see a stop of portctl, and none that would wake it. With one: test_cli_run_terminal.c. */
Test(cli_run, without_a_terminal_a_program_that_stops_does_not_stop_portctl) {
    const struct cli cli = start_script("echo $$; kill -STOP $$; echo on; exit 5");
    const struct wait wait = wait_for("a heartbeat while the program stands still");

    cli_wait_for_output(&cli, "\n");
    wait_for_state(read_pid(&cli), true);
    while (count_requests("POST /heartbeat") < 1)
        wait_more(&wait);
    kill(cli.pid, SIGCONT); /* passed on */
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 5);
    cr_assert_not_null(strstr(result.output, "on\n"));
}

static uint64_t read_mask(const char *status, const char *name) {
    const char *at = strstr(status, name);
    cr_assert_not_null(at, "%s", name);
    return strtoull(at + strlen(name), NULL, 16);
}

static uint64_t bit(int number) {
    return UINT64_C(1) << (number - 1);
}

Test(cli_run, the_program_gets_the_mask_and_the_dispositions_that_portctl_got) {
    static const int ignored[] = {SIGCHLD, SIGPIPE, SIGUSR1};
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
    const struct cli_setup setup = {.words = {"run", "web", "cat", "/proc/self/status"}, ENVIRONMENT};
    const struct cli cli = cli_start(&setup);
    signal(SIGCHLD, SIG_DFL);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);

    cr_assert_eq(result.exit_code, 0);
    cr_assert_eq(read_mask(result.output, "SigBlk:"), bit(SIGUSR2));
    cr_assert_eq(read_mask(result.output, "SigIgn:"), bit(SIGCHLD) | bit(SIGPIPE) | bit(SIGUSR1));
}

Test(cli_run, nothing_is_ignored_or_blocked_that_was_not) {
    CLEANUP(cli_result_deinit)
    struct cli_result result =
        cli_run(&(const struct cli_setup){.words = {"run", "web", "cat", "/proc/self/status"}, ENVIRONMENT});

    cr_assert_eq(read_mask(result.output, "SigBlk:"), 0);
    cr_assert_eq(read_mask(result.output, "SigIgn:"), 0);
}

/* ---- A portd that stumbles */

Test(cli_run, the_lease_is_renewed_while_the_program_runs) {
    const struct cli cli = start_script("echo up; exec sleep 1000");
    const struct wait wait = wait_for("two heartbeats");

    cli_wait_for_output(&cli, "up\n");
    while (count_requests("POST /heartbeat {\"port\":8001,\"id\":7}\n") < 2)
        wait_more(&wait);
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_str_eq(result.errors, "");
}

Test(cli_run, a_portd_that_goes_and_comes_back_is_told_once_each) {
    const struct cli cli = start_script("echo up; exec sleep 1000");

    cli_wait_for_output(&cli, "up\n");
    fake_portd_stop(&portd);
    cli_wait_for_errors(&cli, "Connection refused\n");
    usleep(1500000); /* another one fails, and is not told */
    portd = fake_portd_start(&ordinary);
    cli_wait_for_errors(&cli, "back");
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_str_eq(result.errors, "portctl: port 8001 (web) is not renewed for now: portd is not running: " SOCKET
                                    ": Connection refused\nportctl: portd is back; web keeps port 8001\n");
    cr_assert_eq(result.exit_code, 128 + SIGTERM);
}

Test(cli_run, a_lease_that_is_gone_is_told_once_and_the_program_runs_on) {
    const struct fake_portd_setup forgets = {
        .answers = {ALLOC, {"POST /heartbeat", 404, "{\"type\":\"urn:portmanager:problem:no-such-lease\"}", 0, NULL}},
        .socket = SOCKET};
    restart(&forgets);
    const struct cli cli = start_script("echo up; sleep 2.5; exit 3");
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);

    cr_assert_str_eq(result.errors,
                     "portctl: the lease on port 8001 (web) is gone: portd may grant the port to others\n");
    cr_assert_eq(result.exit_code, 3);
    cr_assert_geq(count_requests("POST /heartbeat"), 2);
}

/* Three times as long as a signal needs, and a fifth of what a heartbeat waits. */
#define AT_ONCE_MS 1000

Test(cli_run, a_portd_that_hangs_delays_neither_signals_nor_the_end) {
    const struct cli cli =
        start_script("trap 'echo USR1' USR1; trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done");

    cli_wait_for_output(&cli, "up\n");
    kill(portd.pid, SIGSTOP);
    usleep(1500000); /* a heartbeat is on its way */
    const uint64_t before = wait_now_ms();
    kill(cli.pid, SIGUSR1);
    cli_wait_for_output(&cli, "USR1\n");
    cr_assert_lt(wait_now_ms() - before, AT_ONCE_MS);
    kill(cli.pid, SIGTERM);
    usleep(200000);
    kill(portd.pid, SIGCONT); /* for the release */
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 4);
}

static void wait_for_children(pid_t pid, size_t n_expected) {
    const struct wait wait = wait_for("the children of portctl");
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    for (;;) {
        CLEANUP(file_free_text_at) char *children = file_read(path, NULL);
        if (count(children, " ") == n_expected)
            return;
        wait_more(&wait);
    }
}

Test(cli_run, told_to_stop_while_portd_hangs_it_stops_and_nothing_ran) {
    kill(portd.pid, SIGSTOP);
    const struct cli cli = start_script("echo it ran");
    wait_for_children(cli.pid, 1);
    usleep(100000);
    kill(cli.pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM);
    cr_assert_str_eq(result.output, "");
    cr_assert_str_eq(result.errors, "");
}

static pid_t first_child_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    CLEANUP(file_free_text_at) char *children = file_read(path, NULL);
    return (pid_t)strtol(children, NULL, 10);
}

Test(cli_run, a_portctl_that_is_killed_before_the_start_leaves_no_process) {
    kill(portd.pid, SIGSTOP);
    const struct cli cli = start_script("echo it ran");
    wait_for_children(cli.pid, 1);
    const pid_t waiting = first_child_of(cli.pid);
    child_kill(cli.pid);
    const struct wait wait = wait_for("the waiting child to end");
    while (kill(waiting, 0) == 0 && state_of(waiting) != 'Z')
        wait_more(&wait);
    CLEANUP(file_free_text_at) char *output = cli_output(&cli);
    cr_assert_str_eq(output, "");
}

Test(cli_run, a_portctl_that_is_killed_leaves_the_program_running) {
    const struct cli cli =
        start_script("echo $$; while sleep 0.05; do [ -e " SANDBOX_DIR "/end ] && echo end && exit; done");

    cli_wait_for_output(&cli, "\n");
    child_kill(cli.pid);
    file_write_text(SANDBOX_DIR "/end", "");
    cli_wait_for_output(&cli, "end\n");
}

/* ---- What the program leaves behind */

/* A server that makes itself a daemon, by two forks: it is below portctl then, and not below init. */
#define DAEMON                                                                                                         \
    "(setsid sh -c 'echo $$ $PPID >" SANDBOX_DIR "/daemon; while [ ! -e " SANDBOX_DIR                                  \
    "/end ]; do sleep 0.05; done; echo ended' &); while [ ! -s " SANDBOX_DIR "/daemon ]; do sleep 0.02; done; "

static pid_t parent_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    CLEANUP(file_free_text_at) char *stat = file_read(path, NULL);
    return (pid_t)strtol(strrchr(stat, ')') + 4, NULL, 10);
}

Test(cli_run, a_daemon_stays_below_portctl_and_is_reaped_when_it_ends) {
    const struct cli cli = start_script(DAEMON "echo up; read line <" SANDBOX_DIR "/go; exit 3");
    const struct wait wait = wait_for("the daemon to be reaped");

    cr_assert_eq(mkfifo(SANDBOX_DIR "/go", 0600), 0);
    cli_wait_for_output(&cli, "up\n");
    CLEANUP(file_free_text_at) char *text = file_read(SANDBOX_DIR "/daemon", NULL);
    const pid_t daemon = (pid_t)strtol(text, NULL, 10);
    while (parent_of(daemon) != cli.pid)
        wait_more(&wait);
    file_write_text(SANDBOX_DIR "/end", "");
    cli_wait_for_output(&cli, "ended\n");
    while (kill(daemon, 0) == 0)
        wait_more(&wait);
    cr_assert_eq(kill(cli.pid, 0), 0);
    file_write_text(SANDBOX_DIR "/go", "\n");
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 3);
}

Test(cli_run, a_portd_that_does_not_know_of_idle_leases_is_asked_plainly) {
    const struct fake_portd_setup older = {
        .answers = {{"POST /alloc", 422, "{\"type\":\"urn:portmanager:problem:unknown-key\",\"detail\":\"?\"}", 0,
                     "asker_pid"},
                    ALLOC,
                    {"POST /release", 422, "{\"type\":\"urn:portmanager:problem:unknown-key\",\"detail\":\"?\"}", 0,
                     "if_idle"},
                    RELEASE},
        .socket = SOCKET};

    restart(&older);
    ASSERT_RUN(0, "8001\n", "", "web", "--keep", "sh", "-c", "echo $PORT");
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7}\n"), 1);
    cr_assert_eq(count_requests("POST /alloc"), 2);
}

Test(cli_run, nor_of_leases_that_outlast_their_holder) {
    const struct fake_portd_setup older = {
        .answers = {ALLOC,
                    {"POST /release", 422, "{\"type\":\"urn:portmanager:problem:unknown-key\",\"detail\":\"?\"}", 0,
                     "unless_outlasting"},
                    RELEASE},
        .socket = SOCKET};

    restart(&older);
    ASSERT_RUN(0, "8001\n", "", "web", "sh", "-c", "echo $PORT");
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7}\n"), 1);
}

/* Nobody sees it in a log: it is no failure. */
Test(cli_run, a_lease_that_stays_is_told_on_a_terminal_only) {
    const struct fake_portd_setup keeps = {
        .answers = {ALLOC,
                    {"POST /release", 200,
                     "{\"port\":8001,\"id\":7,\"released\":false,\"listeners\":[{\"pid\":null},{\"pid\":4711}]}", 0,
                     "\"if_idle\":true"}},
        .socket = SOCKET};

    restart(&keeps);
    ASSERT_RUN(0, "", "", "web", "--keep", "true");
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7,\"if_idle\":true}\n"), 1);
}
