/*
 * "It ignored PORT", from end to end: the real portctl run, and programs that listen where they want. When exactly it is said is for the test's own
 * clock to tell (tests/unit/test_cli_elsewhere.c); here the time is real, and generous.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/cli.h"
#include "tests/support/http.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/run_scene.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"

TestSuite(run_elsewhere, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 60);

Test(run_elsewhere, a_program_that_ignores_its_port_is_told_on_once_with_a_line_to_copy) {
    const char *vite = puppet_install("vite");
    const struct cli cli = cli_start(&(struct cli_setup){.words = {"run", "web", "--", vite, "--host"},
                                                         .environment = {"PUPPET=listen 127.0.0.1 5173 nap 6000"}});
    char expected[512];

    sees_in_kernel(5173, true);
    snprintf(expected, sizeof(expected),
             "portctl: web listens on 5173, not on its lease %u\n"
             "  hint: vite wants a flag: portctl run web -- %s --host --port {PORT}\n",
             run_scene_port(), vite);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 0);
    cr_assert_str_eq(result.errors, expected, "%s", result.errors);
}

Test(run_elsewhere, a_program_that_takes_its_port_a_second_later_is_not) {
    const struct cli_setup setup = {
        .words = {"run", "web", "--", puppet_install("server")},
        .environment = {"PUPPET=listen 127.0.0.1 5173 nap 1000 listen 127.0.0.1 $PORT nap 4000"}};
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&setup);

    cr_assert_eq(result.exit_code, 0);
    cr_assert_str_empty(result.errors, "%s", result.errors);
}

/* `server & exec portctl run ...`: what listens is below portctl, and none of the program. */
Test(run_elsewhere, who_was_there_before_the_program_is_not_told_on) {
    char script[512];
    snprintf(script, sizeof(script),
             "PUPPET='nap 800 listen 127.0.0.1 5173 pause' %s & exec " SANDBOX_BIN "/portctl run web -- sleep 5",
             puppet_install("server"));
    const struct cli cli = cli_start(&(struct cli_setup){.words = {"run", "outer", "-q", "--", "sh", "-c", script}});
    sees_in_kernel(5173, true);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 0);
    cr_assert_null(strstr(result.errors, "portctl: web listens"), "%s", result.errors);
}
