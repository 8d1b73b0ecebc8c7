/*
 * portctl run with programs that do what programs do to get out of hand: they fork, close everything, leave the session, become another user, leave the
 * network, gain privileges, or are stopped for long. Whatever it was, no process, no lease and no listener is left.
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
#include "tests/support/wait.h"

TestSuite(run_children, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 180);

/* run with a puppet, whose script begins with "PUPPET=". */
static struct cli start_puppet(const char *script) {
    return run_scene_start((const char *const[]){"web", "--", puppet_install("server"), NULL}, script);
}

/* Told to end once it serves. */
static void assert_serves_and_ends(const char *script) {
    const struct cli cli = start_puppet(script);
    run_scene_served_port();
    kill(cli.pid, SIGTERM);
    run_scene_assert_end(&cli, 128 + SIGTERM);
}

/* ---- descendants ---- */

static const char *const daemons[] = {
    "PUPPET=fork setsid fork listen 127.0.0.1 $PORT pause",
    "PUPPET=fork setsid fork nap 300 listen 127.0.0.1 $PORT pause",
    "PUPPET=clearenv call nginx fork setsid fork listen 127.0.0.1 $PORT pause",
    "PUPPET=listen 127.0.0.1 $PORT fork setsid fork twin pause",
    "PUPPET=listen 127.0.0.1 $PORT twin setpgid twin setpgid fork pause",
};

Test(run_children, a_daemon_of_any_making_is_stopped) {
    for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
        const struct cli cli = start_puppet(daemons[i]);
        run_scene_assert_end(&cli, 0);
    }
}

/* Each on a port of its own, a hundred of them; `last` is what the shell that has started them does then. */
static void run_a_hundred(const char *last, bool is_told, int exit_code) {
    char script[1024];
    snprintf(script, sizeof(script),
             "i=0; while [ $i -lt 100 ]; do"
             " PUPPET=\"listen 127.0.0.1 $((20000 + i)) pause\" %s & i=$((i + 1)); done;"
             " PUPPET='listen 127.0.0.1 $PORT pause' %s & %s",
             puppet_install("server"), puppet_install("server"), last);
    const struct cli cli = run_scene_start((const char *const[]){"web", "--", "sh", "-c", script, NULL}, NULL);
    if (is_told) {
        run_scene_served_port();
        kill(cli.pid, SIGTERM);
    }
    run_scene_assert_end(&cli, exit_code);
}

Test(run_children, a_hundred_servers_end_with_the_program_that_is_told_to) {
    run_a_hundred("wait", true, 128 + SIGTERM);
}

Test(run_children, a_hundred_servers_of_a_program_that_just_ends) {
    run_a_hundred("exit 3", false, 3);
}

/* ---- what a program does to itself ---- */

Test(run_children, one_that_has_closed_all_its_descriptors) {
    char script[256];
    snprintf(script, sizeof(script), "exec <&- >&- 2>&-; exec %s", puppet_install("server"));
    const struct cli cli = run_scene_start((const char *const[]){"web", "--", "sh", "-c", script, NULL},
                                           "PUPPET=listen 127.0.0.1 $PORT pause");
    run_scene_served_port();
    kill(cli.pid, SIGTERM);
    run_scene_assert_end(&cli, 128 + SIGTERM);
}

Test(run_children, one_that_has_changed_its_session) {
    assert_serves_and_ends("PUPPET=setsid listen 127.0.0.1 $PORT pause");
}

Test(run_children, one_that_has_changed_its_group) {
    assert_serves_and_ends("PUPPET=setpgid listen 127.0.0.1 $PORT pause");
}

Test(run_children, one_that_has_become_another_user) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    assert_serves_and_ends("PUPPET=become 4711 listen 127.0.0.1 $PORT pause");
}

/* portd cannot see its listener. The lease is the process's all the same. */
Test(run_children, one_that_has_changed_its_network_namespace) {
    const struct cli cli =
        run_scene_start((const char *const[]){"web", "--", "unshare", "--net", puppet_install("server"), NULL},
                        "PUPPET=listen 0.0.0.0 $PORT call elsewhere pause");
    const pid_t program = run_scene_holder();
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/comm", program);
    const struct wait wait = wait_for("the server in its own network");
    for (bool is_up = false; !is_up;) {
        CLEANUP(file_free_text_at) char *name = file_read(path, NULL);
        is_up = strcmp(name, "elsewhere\n") == 0;
        wait_more(&wait);
    }
    cr_assert_eq(caller_count_leases(run_scene_me()), 1);
    kill(cli.pid, SIGTERM);
    run_scene_assert_end(&cli, 128 + SIGTERM);
}

/* ---- setuid programs, started by an ordinary user ---- */

static struct cli start_setuid(const char *script) {
    if (geteuid() != 0)
        cr_skip_test("only root can make a setuid program that another user runs");
    const char *server = puppet_install("server");
    cr_assert_eq(chmod(server, 04755), 0);
    return cli_start(&(struct cli_setup){.words = {"run", "web", "--", server},
                                         .environment = {script, "PM_URL=http://127.0.0.1:3030"},
                                         .uid = SANDBOX_OTHER_UID});
}

/* Its real user is still his who started it, so he may end it, as he may from his shell. */
Test(run_children, a_setuid_program_is_told_to_end) {
    const struct cli cli = start_setuid("PUPPET=listen 127.0.0.1 $PORT pause");
    run_scene_served_port();
    kill(cli.pid, SIGTERM);
    run_scene_assert_end(&cli, 128 + SIGTERM);
}

/* As su and sudo do. Nobody but root may signal it: portctl says so, goes on to wait for it, and gives the lease back when it ends. */
Test(run_children, a_setuid_program_that_has_become_root_is_waited_for) {
    const struct cli cli = start_setuid("PUPPET=become 0 listen 127.0.0.1 $PORT pause");
    run_scene_served_port();
    const pid_t program = run_scene_holder();
    kill(cli.pid, SIGTERM);
    cli_wait_for_errors(&cli, "cannot be signalled");
    cr_assert_eq(kill(program, 0), 0);
    cr_assert_eq(caller_count_leases(run_scene_me()), 1);
    kill(program, SIGUSR1); /* ends its pause */
    run_scene_assert_end(&cli, 0);
}

/* ---- stopped for long ---- */

/* All heartbeats are missed, several times over, and portd is a new one afterwards: the program is its lease's holder, so it stays his. */
Test(run_children, one_that_is_stopped_with_portctl_for_many_heartbeats_goes_on) {
    const struct cli cli =
        run_scene_start((const char *const[]){"web", "--ttl", "1s", "--", puppet_install("server"), NULL},
                        "PUPPET=listen 127.0.0.1 $PORT pause");
    const uint16_t port = run_scene_served_port();
    const pid_t program = run_scene_holder();
    CLEANUP(http_reply_deinit) struct http_reply before = caller_list(run_scene_me());
    kill(program, SIGSTOP);
    kill(cli.pid, SIGSTOP);
    usleep(2500000);
    daemon_kill(run_scene_portd());
    *run_scene_portd() = daemon_start(&(struct daemon_setup){0});
    usleep(2500000);
    kill(cli.pid, SIGCONT);
    kill(program, SIGCONT);
    sees_lease(run_scene_me(), port, "state", "bound");
    CLEANUP(http_reply_deinit) struct http_reply after = caller_list(run_scene_me());
    cr_assert_eq(json_number_at(before.json, "[0].id"), json_number_at(after.json, "[0].id"));
    kill(program, SIGUSR1); /* ends its pause */
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 0);
    cr_assert(strstr(result.errors, "gone") == NULL, "%s", result.errors);
    run_scene_assert_nothing_left();
}
