/*
 * run on a terminal: what a person sees, and what Ctrl-C, Ctrl-Z and Ctrl-\ do. The real portctl, as the job of a shell, against a portd that says what a test
 * wants.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/job_terminal.h"
#include "tests/support/run_answers.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

#define SOCKET SANDBOX_DIR "/p.sock"

static struct fake_portd portd;

static void enter(void) {
    const struct fake_portd_setup ordinary = {.answers = {ALLOC, HEARTBEAT, RELEASE}, .socket = SOCKET};

    sandbox_enter();
    portd = fake_portd_start(&ordinary);
}

static void leave(void) {
    if (portd.pid > 0)
        kill(portd.pid, SIGCONT);
    fake_portd_stop_at(&portd);
}

TestSuite(cli_run_terminal, .init = enter, .fini = leave);

static void restart(const struct fake_portd_setup *setup) {
    fake_portd_stop(&portd);
    portd = fake_portd_start(setup);
}

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

static void start(struct job_terminal *terminal, const char *script) {
    static const char portctl[] = SANDBOX_BIN "/portctl";
    const char *const words[] = {portctl, "run", "web", "--", "sh", "-c", script, NULL};
    static char variable[] = "PM_SOCKET=" SOCKET;

    job_terminal_start(terminal, words, variable);
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

/* Says "up", then each signal it gets by its name, and ends after `TERM`. */
#define LISTENER                                                                                                       \
    "trap 'echo USR1' USR1; trap 'echo INT' INT; trap 'echo HUP' HUP; trap 'echo QUIT' QUIT; trap 'echo TERM; exit "   \
    "9' "                                                                                                              \
    "TERM; echo up; while :; do sleep 0.05; done"

Test(cli_run_terminal, on_a_terminal_one_line_says_which_port) {
    struct job_terminal terminal;

    start(&terminal, "echo ran; exit 6");
    job_terminal_wait_for(&terminal, "ran");
    cr_assert_str_eq(terminal.text, "web on port 8001\r\nran\r\n");
    cr_assert_eq(job_terminal_end(&terminal), 6);
}

Test(cli_run_terminal, on_a_terminal_it_says_whose_the_lease_stays) {
    const struct fake_portd_setup keeps = {
        .answers = {ALLOC,
                    {"POST /release", 200, "{\"released\":false,\"listeners\":[{\"pid\":null},{\"pid\":4711}]}", 1,
                     NULL},
                    {"POST /release", 200, "{\"released\":false,\"listeners\":[]}", 1, NULL}},
        .socket = SOCKET};
    struct job_terminal first;
    struct job_terminal second;

    restart(&keeps);
    start(&first, "exit 3");
    job_terminal_wait_for(&first, " web: pid 4711 still serves port 8001; its lease stays until it ends\r\n");
    cr_assert_eq(job_terminal_end(&first), 3);
    start(&second, "exit 4");
    job_terminal_wait_for(&second, " web: processes of it still run; the lease on port 8001 stays until they end\r\n");
    cr_assert_eq(job_terminal_end(&second), 4);
}

Test(cli_run_terminal, ctrl_c_reaches_the_program_once_and_portctl_waits_for_it) {
    struct job_terminal terminal;

    start(&terminal, LISTENER);
    job_terminal_wait_for(&terminal, "up\r\n");
    job_terminal_type(&terminal, JOB_CTRL_C);
    job_terminal_wait_for(&terminal, "INT\r\n");
    job_terminal_type(&terminal, JOB_CTRL_BS);
    job_terminal_wait_for(&terminal, "QUIT\r\n");
    kill(job_terminal_job(&terminal), SIGTERM);
    job_terminal_wait_for(&terminal, "TERM\r\n");
    cr_assert_eq(count(terminal.text, "INT\r\n"), 1);
    cr_assert_eq(count(terminal.text, "QUIT\r\n"), 1);
    cr_assert_eq(job_terminal_end(&terminal), 9);
}

/* To a shell this is 130 too, and its loops end. */
Test(cli_run_terminal, a_program_that_ctrl_c_ended_ends_portctl_likewise) {
    struct job_terminal terminal;

    start(&terminal, "echo up; exec sleep 1000");
    job_terminal_wait_for(&terminal, "up\r\n");
    job_terminal_type(&terminal, JOB_CTRL_C);
    cr_assert_eq(job_terminal_end(&terminal), JOB_SIGNAL + SIGINT);
    cr_assert_eq(count_requests("POST /release {\"port\":8001,\"id\":7,\"unless_outlasting\":true}\n"), 1);
}

Test(cli_run_terminal, ctrl_z_stops_the_job_and_it_goes_on_in_the_foreground) {
    struct job_terminal terminal;

    start(&terminal, "echo up; read line; echo got $line; exit 5");
    job_terminal_wait_for(&terminal, "up\r\n");
    for (unsigned i = 1; i <= 3; i++) {
        usleep(50000);
        job_terminal_type(&terminal, JOB_CTRL_Z);
        job_terminal_wait_for_stops(&terminal, i);
        job_terminal_go_on(&terminal);
    }
    job_terminal_type(&terminal, "x\n");
    job_terminal_wait_for(&terminal, "got x\r\n");
    cr_assert_eq(job_terminal_end(&terminal), 5);
}

/* fg wakes the whole group: the program has its SIGCONT by then, and a second one could undo the next Ctrl-Z. Here it is awake long before portctl is. */
Test(cli_run_terminal, a_program_that_goes_on_already_gets_no_second_sigcont) {
    struct job_terminal terminal;

    /* No shell: that waits for its sleep, which nobody wakes, before it looks at a signal. */
    start(&terminal, "exec python3 -c 'import os, signal, sys\n"
                     "signal.signal(signal.SIGTERM, lambda *_: os._exit(7))\n"
                     "signal.signal(signal.SIGCONT, lambda *_: os.write(1, b\"CONT\\n\"))\n"
                     "signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b\"USR1\\n\"))\n"
                     "print(\"up %d.\" % os.getpid(), flush=True)\n"
                     "while True: signal.pause()\n'");
    job_terminal_wait_for(&terminal, ".\r\n");
    const pid_t program = (pid_t)strtol(strstr(terminal.text, "up ") + 3, NULL, 10);
    for (unsigned i = 1; i <= 3; i++) {
        job_terminal_type(&terminal, JOB_CTRL_Z);
        job_terminal_wait_for_stops(&terminal, i);
        job_terminal_wait_for_next(&terminal, "");
        kill(program, SIGCONT);
        job_terminal_wait_for(&terminal, "CONT\r\n");
        kill(job_terminal_job(&terminal), SIGCONT);
        /* portctl handles its signals one by one, so by now it has dealt with the SIGCONT. */
        kill(job_terminal_job(&terminal), SIGUSR1);
        job_terminal_wait_for(&terminal, "USR1\r\n");
        cr_assert_eq(count(terminal.text, "CONT\r\n"), 1, "%s", terminal.text);
        job_terminal_go_on(&terminal);
        job_terminal_wait_for(&terminal, "USR1\r\nCONT\r\n");
        /* That one comes by the group and by portctl, for the program was awake: it shows once or twice. Both are through when two signals behind them are. */
        for (int j = 0; j < 2; j++) {
            job_terminal_wait_for_next(&terminal, "");
            kill(job_terminal_job(&terminal), SIGUSR1);
            job_terminal_wait_for(&terminal, "USR1\r\n");
        }
    }
    kill(job_terminal_job(&terminal), SIGTERM);
    cr_assert_eq(job_terminal_end(&terminal), 7);
}

Test(cli_run_terminal, a_stop_that_a_process_sends_stops_the_job_too) {
    struct job_terminal terminal;

    start(&terminal, "echo up; read line; exit 5");
    job_terminal_wait_for(&terminal, "up\r\n");
    kill(job_terminal_job(&terminal), SIGTSTP);
    job_terminal_wait_for_stops(&terminal, 1);
    job_terminal_go_on(&terminal);
    job_terminal_type(&terminal, "\n");
    cr_assert_eq(job_terminal_end(&terminal), 5);
}

Test(cli_run_terminal, ctrl_c_before_there_is_a_port_ends_it) {
    struct job_terminal terminal;

    kill(portd.pid, SIGSTOP);
    start(&terminal, "echo it ran");
    wait_for_children(job_terminal_job(&terminal), 1);
    usleep(100000);
    job_terminal_type(&terminal, JOB_CTRL_C);
    cr_assert_eq(job_terminal_end(&terminal), JOB_SIGNAL + SIGINT);
    cr_assert_null(strstr(terminal.text, "it ran"));
}
