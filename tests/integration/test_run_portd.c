/*
 * portctl run and a portd that is killed before, while and after the program runs. The program runs on in any case; what became of its lease is said plainly,
 * and a lease that is still there is found again by its id.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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

TestSuite(run_portd, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 180);

#define FOLDER SANDBOX_HOME "/.portmanager"

/* A heartbeat each second: the shortest interval there is. */
static struct cli start(void) {
    return run_scene_start((const char *const[]){"web", "--ttl", "1s", "--", puppet_install("server"), NULL},
                           "PUPPET=listen 127.0.0.1 $PORT pause");
}

static void start_portd(void) {
    *run_scene_portd() = daemon_start(&(struct daemon_setup){0});
}

static void kill_portd(void) {
    daemon_kill(run_scene_portd());
}

static void lose_database(void) {
    cr_assert_eq(unlink(FOLDER "/leases.db"), 0);
    unlink(FOLDER "/leases.db-wal");
    unlink(FOLDER "/leases.db-shm");
}

static char *heartbeat_of(const struct caller *caller) {
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(caller);
    return strdup(json_text_at(list.json, "[0].last_heartbeat"));
}

static bool says(const struct cli_result *result, const char *text) {
    return strstr(result->errors, text) != NULL;
}

static struct cli_result end(const struct cli *cli, pid_t program) {
    kill(program, SIGTERM);
    struct cli_result result = cli_finish(cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM, "%d: %s", result.exit_code, result.errors);
    return result;
}

/* ---- before ---- */

Test(run_portd, killed_before_nothing_runs) {
    kill_portd();
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(&(struct cli_setup){.words = {"run", "web", "echo", "it ran"}});
    cr_assert_eq(result.exit_code, 125);
    cr_assert_str_eq(result.output, "");
    cr_assert(says(&result, "portd is not running"), "%s", result.errors);
    cr_assert_eq(run_scene_count_processes(), 0);
}

Test(run_portd, killed_while_it_is_asked_nothing_runs) {
    daemon_freeze(run_scene_portd());
    const struct cli cli = cli_start(&(struct cli_setup){.words = {"run", "web", "echo", "it ran"}});
    const struct wait wait = wait_for("portctl to ask");
    while (run_scene_count_processes() < 2)
        wait_more(&wait);
    usleep(200000);
    kill_portd();
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 125);
    cr_assert_str_eq(result.output, "");
    cr_assert(says(&result, "portd"), "%s", result.errors);
    cr_assert_eq(run_scene_count_processes(), 0);
}

/* ---- while it runs ---- */

Test(run_portd, killed_and_started_again_it_has_the_lease_by_its_id) {
    const struct cli cli = start();
    const uint16_t port = run_scene_served_port();
    const pid_t program = run_scene_holder();
    CLEANUP(http_reply_deinit) struct http_reply before = caller_list(run_scene_me());
    const uint64_t id = json_number_at(before.json, "[0].id");
    for (int i = 0; i < 2; i++) {
        kill_portd();
        cli_wait_for_errors(&cli, "is not renewed for now");
        start_portd();
        const struct wait wait = wait_for("a heartbeat to the new portd");
        CLEANUP(file_free_text_at) char *first = heartbeat_of(run_scene_me());
        for (bool is_new = false; !is_new;) {
            CLEANUP(file_free_text_at) char *now = heartbeat_of(run_scene_me());
            is_new = strcmp(first, now) != 0;
            wait_more(&wait);
        }
    }
    cli_wait_for_errors(&cli, "portd is back; web keeps port");
    CLEANUP(http_reply_deinit) struct http_reply after = caller_list(run_scene_me());
    cr_assert_eq(json_number_at(after.json, "[0].id"), id);
    cr_assert_eq(json_number_at(after.json, "[0].port"), port);
    cr_assert_eq((pid_t)json_number_at(after.json, "[0].holder.pid"), program);
    CLEANUP(cli_result_deinit) struct cli_result result = end(&cli, program);
    cr_assert(!says(&result, "gone"), "%s", result.errors);
    run_scene_assert_nothing_left();
}

Test(run_portd, killed_with_its_database_lost_it_says_that_the_lease_is_gone) {
    const struct cli cli = start();
    const uint16_t port = run_scene_served_port();
    const pid_t program = run_scene_holder();
    char sentence[128];
    kill_portd();
    cli_wait_for_errors(&cli, "is not renewed for now");
    lose_database();
    start_portd();
    snprintf(sentence, sizeof(sentence), "the lease on port %u (web) is gone: portd may grant the port to others\n",
             port);
    cli_wait_for_errors(&cli, sentence);
    /* The program runs on, on its port. */
    sees_listeners(run_scene_me(), port, 1);
    CLEANUP(cli_result_deinit) struct cli_result result = end(&cli, program);
    const char *first = strstr(result.errors, "is gone");
    cr_assert(first != NULL && strstr(first + 1, "is gone") == NULL, "not once: %s", result.errors);
    run_scene_assert_nothing_left();
}

/* The next in line has its lease by then, by which it would be known again; it keeps that. */
Test(run_portd, what_is_given_back_is_never_anothers_lease) {
    const struct cli cli =
        run_scene_start((const char *const[]){"web", "--ttl", "1s", "--", "sleep", "60", NULL}, NULL);
    const uint16_t port = run_scene_port();
    const pid_t program = run_scene_holder();
    kill(cli.pid, SIGSTOP);
    kill_portd();
    lose_database();
    start_portd();
    const uint16_t next =
        caller_grant(run_scene_me(), "{\"service_name\":\"next\",\"port\":%u,\"pid\":%d}", port, getpid());
    cr_assert_eq(next, port);
    kill(cli.pid, SIGCONT);
    cli_wait_for_errors(&cli, "is gone");
    CLEANUP(cli_result_deinit) struct cli_result result = end(&cli, program);
    cr_assert_eq(caller_count_leases(run_scene_me()), 1);
    cr_assert(caller_sees_lease(run_scene_me(), port));
}

/* ---- after ---- */

Test(run_portd, killed_before_the_end_it_keeps_nobody_waiting_and_the_lease_ends_with_the_program) {
    const struct cli cli = start();
    run_scene_served_port();
    const pid_t program = run_scene_holder();
    kill_portd();
    CLEANUP(cli_result_deinit) struct cli_result result = end(&cli, program);
    cr_assert_eq(run_scene_count_processes(), 0);
    start_portd();
    run_scene_wait_until_nothing_left();
}

/* It hangs when the lease is to be given back: the program's exit code comes all the same. */
Test(run_portd, frozen_at_the_end_it_keeps_nobody_for_long) {
    const struct cli cli = start();
    run_scene_served_port();
    const pid_t program = run_scene_holder();
    daemon_freeze(run_scene_portd());
    CLEANUP(cli_result_deinit) struct cli_result result = end(&cli, program);
    cr_assert_eq(run_scene_count_processes(), 0);
    kill_portd();
    start_portd();
    run_scene_wait_until_nothing_left();
}
