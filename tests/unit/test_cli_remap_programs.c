/*
 * run --remap with real programs that have their port in their source (tests/programs): whatever language they are written in,
 * whichever library they call bind() by, they serve on the leased port.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/remapped.h"
#include "tests/support/sandbox.h"

TestSuite(cli_remap_programs, .init = sandbox_enter);

/* The path of a program: a source (PM_TEST_SOURCES), or what the build has made of one (PM_TEST_PROGRAMS). Static. */
static const char *find_program(const char *variable, const char *name) {
    static char path[4096];
    const char *folder = getenv(variable);
    if (!folder)
        fail_test("%s must name a folder.", variable);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void assert_lands(const char *const *program) {
    remapped_run(0, &(const struct remapped_setup){.program = program}, "8001\n", "");
}

#define ASSERT_LANDS(...) assert_lands((const char *const[]){__VA_ARGS__, NULL})

Test(cli_remap_programs, python) {
    ASSERT_LANDS("/usr/bin/env", "python3", find_program("PM_TEST_SOURCES", "remap_port.py"));
}

Test(cli_remap_programs, node_on_both_families) {
    ASSERT_LANDS("/usr/bin/env", "node", find_program("PM_TEST_SOURCES", "remap_port.js"));
}

Test(cli_remap_programs, a_shell_and_what_it_starts) {
    char script[4200];
    snprintf(script, sizeof(script), "(python3 '%s') && true", find_program("PM_TEST_SOURCES", "remap_port.py"));
    ASSERT_LANDS("/bin/sh", "-c", script);
}

Test(cli_remap_programs, one_that_is_linked_statically) {
    ASSERT_LANDS(find_program("PM_TEST_PROGRAMS", "remap_port_static"));
}

Test(cli_remap_programs, go) {
    const char *program = find_program("PM_TEST_PROGRAMS", "remap_port_go");
    if (!file_exists(program))
        cr_skip_test("there was no Go compiler when the tests were built");
    ASSERT_LANDS(program);
}
