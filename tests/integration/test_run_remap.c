/*
 * portctl run --remap, and the sentence for a program that ignores PORT: the real portctl and the real portd. What remap does to a bind is in
 * unit/test_cli_remap.c; here is what becomes of the leases.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/run_scene.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(run_remap, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 120);

/* portctl run web with a puppet; `option` may be NULL. */
static struct cli run_puppet(const char *option, const char *script) {
    struct cli_setup setup = {.words = {"run", "web"}, .environment = {script}};
    size_t n = 2;
    if (option)
        setup.words[n++] = option;
    setup.words[n++] = "--";
    setup.words[n++] = puppet_install("server");
    return cli_start(&setup);
}

static void end(const struct cli *cli) {
    kill(cli->pid, SIGTERM);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM, "%d: %s", result.exit_code, result.errors);
    cr_assert_eq(caller_count_leases(run_scene_me()), 0);
}

/* The port of the nth lease, once there are so many. */
static uint16_t port_of_lease(int n, int n_leases) {
    const struct wait wait = wait_for("the leases");
    for (;;) {
        char path[32];
        snprintf(path, sizeof(path), "[%d].port", n);
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(run_scene_me());
        if (json_size_at(list.json, "") == n_leases)
            return (uint16_t)json_number_at(list.json, path);
        wait_more(&wait);
    }
}

Test(run_remap, a_program_that_hard_codes_its_port_is_bound_on_its_lease) {
    const struct cli cli = run_puppet("--remap=3000", "PUPPET=spawn listen 127.0.0.1 3000 listen ::1 3000 pause");
    const uint16_t port = port_of_lease(0, 1);
    sees_lease(run_scene_me(), port, "state", "bound");
    sees_listeners(run_scene_me(), port, 2);
    sees_in_kernel(3000, false);
    end(&cli);
}

Test(run_remap, with_auto_each_further_port_has_a_lease_of_its_own) {
    const struct cli cli = run_puppet(
        "--remap=auto", "PUPPET=listen 127.0.0.1 3000 listen 127.0.0.1 3001 listen ::1 3000 listen ::1 3002 pause");
    for (int i = 0; i < 3; i++)
        sees_lease(run_scene_me(), port_of_lease(i, 3), "state", "bound");
    sees_listeners(run_scene_me(), port_of_lease(0, 3), 2);
    sees_in_kernel(3000, false);
    sees_in_kernel(3001, false);
    sees_in_kernel(3002, false);
    end(&cli);
}

/* The further lease cannot be had: said, and the bind goes on as it is. */
Test(run_remap, with_auto_and_without_portd_the_bind_goes_through_and_it_is_said) {
    const struct cli cli =
        run_puppet("--remap=auto", "PUPPET=listen 127.0.0.1 3000 nap 1500 listen 127.0.0.1 3001 pause");
    sees_lease(run_scene_me(), port_of_lease(0, 1), "state", "bound");
    daemon_kill(run_scene_portd());
    cli_wait_for_errors(&cli, "portctl: port 3001 is not remapped: portd is not running");
    sees_in_kernel(3001, true);
    *run_scene_portd() = daemon_start(&(struct daemon_setup){0});
    end(&cli);
}

/* A signal is no reason to let a bind go through: the lease comes first. */
Test(run_remap, with_auto_a_signal_does_not_spoil_a_lease) {
    const struct cli cli =
        cli_start(&(struct cli_setup){.words = {"run", "web", "--remap", "auto", "--", "python3", "-c",
                                                "import signal, socket, time\n"
                                                "signal.signal(signal.SIGHUP, lambda *_: None)\n"
                                                "first = socket.create_server(('127.0.0.1', 3000))\n"
                                                "print('up', flush=True)\n"
                                                "time.sleep(0.5)\n"
                                                "second = socket.create_server(('127.0.0.1', 4000))\n"
                                                "print(second.getsockname()[1] != 4000, flush=True)\n"
                                                "time.sleep(30)\n"}});
    cli_wait_for_output(&cli, "up\n");
    daemon_freeze(run_scene_portd());
    usleep(1000000); /* the second bind waits by now */
    kill(cli.pid, SIGHUP);
    usleep(200000);
    daemon_thaw(run_scene_portd());
    cli_wait_for_output(&cli, "up\nTrue\n");
    sees_lease(run_scene_me(), port_of_lease(1, 2), "state", "bound");
    end(&cli);
}

Test(run_remap, one_inside_another_is_refused_and_nothing_is_leased_for_it) {
    static const char portctl[] = SANDBOX_BIN "/portctl";
    const struct cli cli =
        cli_start(&(struct cli_setup){.words = {"run", "outer", "--remap", "3000", "--", portctl, "run", "inner",
                                                "--remap", "3001", "--", "echo", "it ran"}});
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 125);
    cr_assert_str_eq(result.output, "");
    cr_assert(strstr(result.errors, "--remap: another supervisor looks at our calls already"), "%s", result.errors);
    CLEANUP(http_reply_deinit) struct http_reply history = caller_get(run_scene_me(), "/history?service=inner");
    cr_assert_eq(json_size_at(history.json, "events"), 0, "%s", history.body);
}

/* Documented: nobody answers for it any more. */
Test(run_remap, when_portctl_is_killed_what_runs_serves_on_and_binds_nothing_more) {
    const struct cli cli =
        cli_start(&(struct cli_setup){.words = {"run", "web", "--remap", "3000", "--", "python3", "-c",
                                                "import os, socket, time\n"
                                                "server = socket.create_server(('127.0.0.1', 3000))\n"
                                                "print('up', flush=True)\n"
                                                "time.sleep(0.5)\n"
                                                "try:\n"
                                                "    socket.create_server(('127.0.0.1', 3001))\n"
                                                "except OSError as error:\n"
                                                "    print(os.strerror(error.errno), flush=True)\n"
                                                "time.sleep(30)\n"}});
    cli_wait_for_output(&cli, "up\n");
    const uint16_t port = port_of_lease(0, 1);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(run_scene_me());
    const pid_t program = (pid_t)json_number_at(list.json, "[0].holder.pid");
    child_kill(cli.pid);
    cli_wait_for_output(&cli, "up\nFunction not implemented\n");
    sees_in_kernel(port, true);
    kill(program, SIGKILL);
    sees_no_lease(run_scene_me(), port);
}

Test(run_remap, a_setuid_program_is_told_to_have_no_effect) {
    static const char path[] = "PATH=" SANDBOX_DIR ":/usr/bin:/bin";
    const char *program = puppet_install("server");
    cr_assert_eq(chmod(program, 04755), 0);
    CLEANUP(cli_result_deinit)
    struct cli_result by_name = cli_run(&(struct cli_setup){.words = {"run", "web", "--remap", "3000", "--", "server"},
                                                            .environment = {"PUPPET=nap 1", path}});
    cr_assert_str_eq(by_name.errors, "portctl: 'server' is setuid: under --remap it gets no privileges\n");
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(struct cli_setup){.words = {"run", "web", "--remap", "3000", "--", program},
                                                           .environment = {"PUPPET=nap 1"}});
    cr_assert_eq(result.exit_code, 0);
    cr_assert_str_eq(result.errors,
                     "portctl: '" SANDBOX_DIR "/server' is setuid: under --remap it gets no privileges\n");
}

Test(run_remap, a_port_that_is_taken_is_told_by_the_kernels_own_error) {
    const struct cli cli =
        cli_start(&(struct cli_setup){.words = {"run", "web", "--remap", "3000", "--", "python3", "-c",
                                                "import os, socket\n"
                                                "first = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n"
                                                "try:\n"
                                                "    socket.create_server(('127.0.0.1', 3000))\n"
                                                "except OSError as error:\n"
                                                "    print(os.strerror(error.errno))\n"}});
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_str_eq(result.output, "Address already in use\n", "%s", result.errors);
}

/* ---- A program that ignores PORT */

Test(run_remap, a_program_that_ignores_its_port_is_told_of_once) {
    const struct cli cli = run_puppet(NULL, "PUPPET=spawn listen 127.0.0.1 5173 pause");
    char expected[128];
    snprintf(expected, sizeof(expected), "portctl: web listens on 5173, not on its lease %u\n", port_of_lease(0, 1));
    cli_wait_for_errors(&cli, expected);
    sees_lease(run_scene_me(), port_of_lease(0, 1), "state", "elsewhere");
    usleep(2500000); /* whole looks more, in which nothing is said */
    CLEANUP(file_free_text_at) char *errors = cli_errors(&cli);
    cr_assert_null(strstr(strstr(errors, "listens on") + 1, "listens on"), "%s", errors);
    end(&cli);
}

Test(run_remap, nothing_is_said_of_a_program_on_its_own_port) {
    const struct cli cli = run_puppet(NULL, "PUPPET=listen 127.0.0.1 5173 nap 500 listen 127.0.0.1 $PORT pause");
    sees_lease(run_scene_me(), port_of_lease(0, 1), "state", "bound");
    usleep(3500000); /* longer than it would have taken */
    CLEANUP(file_free_text_at) char *errors = cli_errors(&cli);
    cr_assert_str_eq(errors, "");
    end(&cli);
}

/* Its binds of 3000 are on the lease: it ignores nothing. */
Test(run_remap, nothing_is_said_of_a_program_that_is_remapped) {
    const struct cli cli = run_puppet("--remap=3000", "PUPPET=listen 127.0.0.1 3000 pause");
    char expected[64];
    snprintf(expected, sizeof(expected), "portctl: web's port 3000 is %u here\n", port_of_lease(0, 1));
    sees_lease(run_scene_me(), port_of_lease(0, 1), "state", "bound");
    usleep(3500000);
    CLEANUP(file_free_text_at) char *errors = cli_errors(&cli);
    cr_assert_str_eq(errors, expected);
    end(&cli);
}
