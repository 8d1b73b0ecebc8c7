/*
 * portctl run where something is missing or odd: no room for another process, no home, names that are not ASCII, programs that do not want to end.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/run_scene.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/terminal.h"

TestSuite(run_limits, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 120);

#define PORTCTL SANDBOX_BIN "/portctl"

/* What is run by a shell, which can set limits and the environment as they are not to be had otherwise. */
struct shell_start {
    const char *script;
    uid_t uid;
};

#define OUTPUT SANDBOX_DIR "/output"

static int be_shell(void *context) {
    const struct shell_start *start = context;
    if (!freopen(OUTPUT, "a", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        return 99;
    setenv("PM_URL", "http://127.0.0.1:3030", 1);
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    /* LeakSanitizer needs another process at the end, which is just what there is no room for. */
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    closefrom(STDERR_FILENO + 1);
    execl("/bin/bash", "bash", "-c", start->script, NULL);
    return 99;
}

/* Returns what it wrote on both of its streams; the caller's to free. */
static char *run_shell(uid_t uid, const char *script, int exit_code) {
    const struct shell_start start = {.script = script};
    file_write_text(OUTPUT, "");
    cr_assert_eq(chmod(OUTPUT, 0666), 0);
    const int code = child_wait(child_start(uid, be_shell, (void *)&start));
    char *output = file_read(OUTPUT, NULL);
    cr_assert_eq(code, exit_code, "%d: %s", code, output);
    run_scene_assert_nothing_left();
    return output;
}

/* ---- what is missing ---- */

Test(run_limits, without_room_for_a_process_nothing_is_granted_and_nothing_runs) {
    if (geteuid() != 0)
        cr_skip_test("only root can become the user whose processes are counted");
    CLEANUP(file_free_text_at)
    char *output = run_shell(SANDBOX_OTHER_UID, "ulimit -u 1; exec " PORTCTL " run web -- echo it ran", 125);
    cr_assert_str_eq(output, "portctl: no process can be made: Resource temporarily unavailable\n");
    CLEANUP(http_reply_deinit) struct http_reply history = caller_get(run_scene_me(), "/history");
    cr_assert(strstr(history.body, "lease.granted") == NULL, "%s", history.body);
}

Test(run_limits, without_descriptors_nothing_is_granted_and_nothing_runs) {
    CLEANUP(file_free_text_at)
    char *output = run_shell(0, "ulimit -n 5; exec " PORTCTL " run web -- echo it ran", 125);
    cr_assert(strncmp(output, "portctl: ", 9) == 0 && strstr(output, "Too many open files"), "%s", output);
}

Test(run_limits, without_a_home_it_works) {
    CLEANUP(file_free_text_at)
    char *output = run_shell(0, "unset HOME; exec " PORTCTL " run web -- sh -c 'echo ${HOME-none} $PORT'", 0);
    cr_assert(strncmp(output, "none 8", 6) == 0, "%s", output);
}

/* Not even a variable that tells where portd is: then the user's entry in /etc/passwd does, or the usual TCP port. */
Test(run_limits, without_any_variable_it_works) {
    CLEANUP(file_free_text_at)
    char *output = run_shell(0, "exec env -i " PORTCTL " run web -- /bin/sh -c 'echo $PORTMANAGER_SERVICE $PORT'", 0);
    cr_assert(strncmp(output, "web 8", 5) == 0, "%s", output);
}

/* ---- names ---- */

/* NOLINTBEGIN(misc-misleading-bidirectional): they are what is tested */
static const struct {
    const char *name;
    const char *shown; /* on a terminal */
} names[] = {
    {"ウェブサーバー", "ウェブサーバー"},    {"web 🚀", "web 🚀"},
    {"café-Ünïcode", "café-Ünïcode"},        {"a\u202eb\u200fc", "a?b?c"},
    {"\u200f\u05d0\u05d1", "?\u05d0\u05d1"},
};

/* What could turn the line around, or is of no width. */
static bool is_safe(const char *text) {
    static const char *const marks[] = {"\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d",
                                        "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (strstr(text, marks[i]))
            return false;
    return true;
}
/* NOLINTEND(misc-misleading-bidirectional) */

Test(run_limits, a_name_of_any_script_is_the_programs_byte_for_byte) {
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CLEANUP(cli_result_deinit)
        struct cli_result result = cli_run(&(struct cli_setup){
            .words = {"run", names[i].name, "--", "sh", "-c", "printf %s \"$PORTMANAGER_SERVICE\""}});
        cr_assert_eq(result.exit_code, 0, "%s", result.errors);
        cr_assert_str_eq(result.output, names[i].name);
        cr_assert_str_eq(result.errors, "");
        run_scene_assert_nothing_left();
    }
}

Test(run_limits, a_name_of_any_script_is_shown_so_that_it_does_no_harm) {
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CLEANUP(terminal_result_deinit)
        struct terminal_result result = terminal_run(&(struct terminal_setup){
            .words = {"run", names[i].name, "--", "true"}, .socket = run_scene_portd()->socket, .columns = 80});
        char expected[128];
        snprintf(expected, sizeof(expected), "%s on port 8", names[i].shown);
        cr_assert_eq(result.exit_code, 0, "%s", result.text);
        cr_assert(is_safe(result.text), "%s", result.text);
        cr_assert(strstr(result.text, expected) != NULL, "%s", result.text);
    }
}

/* ---- programs that do not want to end ---- */

#define STUBBORN "trap '' TERM INT HUP; echo up; while :; do sleep 0.1; done"

Test(run_limits, a_stubborn_program_is_killed_where_that_was_asked_for) {
    const struct cli cli =
        run_scene_start((const char *const[]){"web", "--kill-after", "1s", "--", "sh", "-c", STUBBORN, NULL}, NULL);
    cli_wait_for_output(&cli, "up\n");
    kill(cli.pid, SIGTERM);
    run_scene_assert_end(&cli, 128 + SIGKILL);
}

Test(run_limits, a_stubborn_program_is_waited_for_otherwise) {
    const struct cli cli = run_scene_start((const char *const[]){"web", "--", "sh", "-c", STUBBORN, NULL}, NULL);
    cli_wait_for_output(&cli, "up\n");
    const pid_t program = run_scene_holder();
    kill(cli.pid, SIGTERM);
    kill(cli.pid, SIGINT);
    usleep(1500000);
    cr_assert_eq(kill(program, 0), 0);
    cr_assert_eq(caller_count_leases(run_scene_me()), 1);
    kill(program, SIGKILL);
    run_scene_assert_end(&cli, 128 + SIGKILL);
}

/* Those that it leaves behind have as long. */
Test(run_limits, stubborn_leftovers_are_killed_too) {
    static const char script[] = "(" STUBBORN ") & sleep 0.3; exit 6";
    const struct cli cli =
        run_scene_start((const char *const[]){"web", "--kill-after", "1s", "--", "sh", "-c", script, NULL}, NULL);
    run_scene_assert_end(&cli, 6);
}
