/*
 * portctl run on a terminal, with programs that do more with it than read and write: a shell with job control, a full-screen program, one that has left the
 * session. What they do without portctl, they do with it.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/job_terminal.h"
#include "tests/support/puppet.h"
#include "tests/support/run_scene.h"
#include "tests/support/sandbox.h"
#include "tests/support/wait.h"

static void enter(void) {
    run_scene_enter();
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("LC_ALL", "C", 1);
    unsetenv("PM_SOCKET");
    unsetenv("PM_URL");
}

TestSuite(run_terminal, .init = enter, .fini = run_scene_leave, .timeout = 180);

static const char portctl[] = SANDBOX_BIN "/portctl";

#define RUN(...)                                                                                                       \
    (const char *const[]) {                                                                                            \
        portctl, "run", "web", "--", __VA_ARGS__, NULL                                                                 \
    }

static void assert_end(struct job_terminal *terminal, int exit_code) {
    const int code = job_terminal_end(terminal);
    cr_assert_eq(code, exit_code, "%d: %s", code, terminal->text);
    run_scene_assert_nothing_left();
}

/* ---- a shell with job control ---- */

/* PS1 is not exported, so that what is waited for is never what was typed: the words are put together by the shell. */
static void start_shell(struct job_terminal *terminal) {
    job_terminal_start(terminal, RUN("bash", "--norc", "--noprofile", "--noediting", "-i"), "PS1=ready; ");
    job_terminal_wait_for_next(terminal, "ready; ");
}

static void type_line(struct job_terminal *terminal, const char *line, const char *answer) {
    job_terminal_type(terminal, line);
    job_terminal_type(terminal, "\n");
    job_terminal_wait_for_next(terminal, answer);
}

Test(run_terminal, a_shells_own_jobs_stop_go_on_and_end_and_the_shell_stays) {
    struct job_terminal terminal;
    start_shell(&terminal);
    for (int i = 0; i < 2; i++) {
        type_line(&terminal, "sh -c 'echo u\"\"p; exec sleep 60'", "up\r\n");
        job_terminal_type(&terminal, JOB_CTRL_Z);
        job_terminal_wait_for_next(&terminal, "Stopped");
        type_line(&terminal, "jobs; echo d\"\"one", "done\r\n");
        type_line(&terminal, "fg", "sleep 60");
        job_terminal_type(&terminal, JOB_CTRL_C);
        type_line(&terminal, "echo $? on $PORT''.", "130 on ");
    }
    cr_assert_eq(job_terminal_count_stops(&terminal), 0, "the shell itself was never stopped");
    cr_assert_eq(run_scene_count_processes(), 3, "the small shell, portctl and the shell");
    type_line(&terminal, "exit 3", "exit\r\n");
    assert_end(&terminal, 3);
}

Test(run_terminal, a_shells_background_job_is_stopped_at_the_end) {
    struct job_terminal terminal;
    start_shell(&terminal);
    type_line(&terminal, "python3 -m http.server --bind 127.0.0.1 $PORT >/dev/null 2>&1 & disown; echo st\"\"arted",
              "started\r\n");
    run_scene_served_port();
    type_line(&terminal, "exit 4", "exit\r\n");
    assert_end(&terminal, 4);
}

/* ---- a full-screen program ---- */

#define LOG SANDBOX_DIR "/screen"

/* Writes down what it sees, and ends with 5 at q. Its modes are those that curses programs have, in which Ctrl-Z is still a signal. */
static const char screen[] = "import curses, os, signal, sys\n"
                             "log = open('" LOG "', 'a', buffering=1)\n"
                             "def run(window):\n"
                             "    log.write('tty %d %d %d\\n' % tuple(map(os.isatty, (0, 1, 2))))\n"
                             "    log.write('size %d %d\\n' % window.getmaxyx())\n"
                             "    while True:\n"
                             "        window.refresh()\n"
                             "        key = window.getch()\n"
                             "        if key == curses.KEY_RESIZE:\n"
                             "            curses.update_lines_cols()\n"
                             "            log.write('size %d %d\\n' % (curses.LINES, curses.COLS))\n"
                             "        elif key == ord('q'):\n"
                             "            return\n"
                             "        elif key >= 0:\n"
                             "            log.write('key %c\\n' % key)\n"
                             "curses.wrapper(run)\n"
                             "sys.exit(5)\n";

static void wait_for_log(struct job_terminal *terminal, const char *text) {
    const struct wait wait = wait_for(text);
    for (;;) {
        CLEANUP(file_free_text_at) char *log = file_read(LOG, NULL);
        if (strstr(log, text))
            return;
        job_terminal_wait_for(terminal, ""); /* keeps what it writes from filling the terminal */
        wait_more(&wait);
    }
}

/* It waits for a key: what it has to do is done. A signal that comes between curses' last look and its read() is not noticed until the next key; that is so
 * without portctl, too. */
static void wait_until_idle(const struct job_terminal *terminal) {
    const struct wait wait = wait_for("the program to wait for a key");
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", job_terminal_job(terminal), job_terminal_job(terminal));
    CLEANUP(file_free_text_at) char *children = file_read(path, NULL);
    snprintf(path, sizeof(path), "/proc/%d/stat", atoi(children));
    for (unsigned n_idle = 0; n_idle < 10;) {
        CLEANUP(file_free_text_at) char *stat = file_read(path, NULL);
        n_idle = strrchr(stat, ')')[2] == 'S' ? n_idle + 1 : 0;
        usleep(20000);
        wait_more(&wait);
    }
}

static struct termios modes_of(const struct job_terminal *terminal) {
    struct termios modes;
    cr_assert_eq(tcgetattr(terminal->master, &modes), 0);
    return modes;
}

static bool is_cooked(const struct job_terminal *terminal) {
    return (modes_of(terminal).c_lflag & (ICANON | ECHO)) == (ICANON | ECHO);
}

static void wait_until_raw(const struct job_terminal *terminal) {
    const struct wait wait = wait_for("the modes of a full-screen program");
    while (is_cooked(terminal))
        wait_more(&wait);
}

static void assert_same_modes(const struct job_terminal *terminal, const struct termios *before) {
    const struct termios now = modes_of(terminal);
    cr_assert(now.c_iflag == before->c_iflag && now.c_oflag == before->c_oflag && now.c_cflag == before->c_cflag &&
              now.c_lflag == before->c_lflag && memcmp(now.c_cc, before->c_cc, sizeof(now.c_cc)) == 0);
}

Test(run_terminal, a_full_screen_program_has_the_terminal_its_size_and_its_keys) {
    struct job_terminal terminal;
    file_write_text(LOG, "");
    job_terminal_start(&terminal, RUN("python3", "-c", screen), NULL);
    const struct termios before = modes_of(&terminal);
    wait_for_log(&terminal, "size 24 80\n");
    wait_for_log(&terminal, "tty 1 1 1\n");
    wait_until_raw(&terminal);
    job_terminal_type(&terminal, "x");
    wait_for_log(&terminal, "key x\n");
    wait_until_idle(&terminal);
    job_terminal_resize(&terminal, 30, 100);
    wait_for_log(&terminal, "size 30 100\n");

    /* Ctrl-Z on the whole: the shell gets the terminal back as it was, and the program has it again after fg. */
    wait_until_idle(&terminal);
    job_terminal_type(&terminal, JOB_CTRL_Z);
    job_terminal_wait_for_stops(&terminal, 1);
    cr_assert(is_cooked(&terminal));
    assert_same_modes(&terminal, &before);
    job_terminal_resize(&terminal, 40, 120);
    job_terminal_go_on(&terminal);
    wait_until_raw(&terminal);
    job_terminal_type(&terminal, "y");
    wait_for_log(&terminal, "key y\n");
    wait_until_idle(&terminal);
    job_terminal_resize(&terminal, 41, 121);
    wait_for_log(&terminal, "size 41 121\n");
    job_terminal_type(&terminal, "q");
    const int code = job_terminal_end(&terminal);
    cr_assert_eq(code, 5, "%d: %s", code, terminal.text);
    run_scene_assert_nothing_left();
}

/* It has set the terminal up, and dies. portctl leaves that as it is, as every program does that stands in between; the shell puts it right. */
Test(run_terminal, modes_that_a_program_leaves_are_left) {
    struct job_terminal terminal;
    job_terminal_start(&terminal, RUN("sh", "-c", "stty -echo -icanon; echo u''p; read line; kill -KILL $$"), NULL);
    job_terminal_wait_for(&terminal, "up\r\n");
    cr_assert(!is_cooked(&terminal));
    const struct termios before = modes_of(&terminal);
    job_terminal_type(&terminal, "\n");
    const struct wait wait = wait_for("portctl to end");
    while (run_scene_count_processes() != 0)
        wait_more(&wait);
    assert_same_modes(&terminal, &before);
    assert_end(&terminal, 128 + SIGKILL);
}

/* Twice: a resize is one SIGWINCH to the program, from the terminal, and none from portctl. */
Test(run_terminal, a_resize_reaches_the_program_once) {
    static const char script[] = "import os, signal\n"
                                 "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH, signal.SIGUSR1])\n"
                                 "print('u' + 'p', flush=True)\n"
                                 "for i in range(4):\n"
                                 "    info = signal.sigwaitinfo([signal.SIGWINCH, signal.SIGUSR1])\n"
                                 "    print('signal', info.si_signo, 'from', info.si_pid, flush=True)\n";
    struct job_terminal terminal;
    job_terminal_start(&terminal, RUN("python3", "-c", script), NULL);
    job_terminal_wait_for_next(&terminal, "up\r\n");
    for (unsigned short i = 0; i < 2; i++) {
        job_terminal_resize(&terminal, (unsigned short)(30 + i), 100);
        job_terminal_wait_for_next(&terminal, "signal 28 from 0\r\n");
        /* portctl handles its signals one by one, so by now it has dealt with the resize. */
        kill(job_terminal_job(&terminal), SIGUSR1);
        job_terminal_wait_for_next(&terminal, "signal 10 from ");
    }
    assert_end(&terminal, 0);
}

/* ---- one that the terminal's signals do not reach ---- */

/* Ctrl-C is sent to the foreground group, in which it is no more. portctl, which is, passes it on. */
Test(run_terminal, ctrl_c_reaches_a_program_that_has_begun_a_session) {
    struct job_terminal terminal;
    job_terminal_start(&terminal, RUN(puppet_install("server")), "PUPPET=setsid listen 127.0.0.1 $PORT pause");
    run_scene_served_port();
    job_terminal_type(&terminal, JOB_CTRL_C);
    assert_end(&terminal, JOB_SIGNAL + SIGINT);
}

Test(run_terminal, a_hangup_ends_it_all) {
    struct job_terminal terminal;
    job_terminal_start(&terminal, RUN(puppet_install("server")), "PUPPET=listen 127.0.0.1 $PORT pause");
    run_scene_served_port();
    close(terminal.master);
    terminal.master = -1;
    child_wait(terminal.shell);
    run_scene_wait_until_nothing_left();
}
