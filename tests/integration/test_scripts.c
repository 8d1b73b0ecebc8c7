/*
 * docs/scripts.md: every file in it is written to a project's folder as it stands there, and run.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/daemon.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/shell.h"

#define SHOP SANDBOX_DIR "/shop"

static struct daemon portd;

/* "```LANGUAGE FILE" begins a file, "```" ends it. */
static void write_files(void) {
    char *root = realpath(__FILE__, NULL);

    cr_assert_not_null(root);
    *strstr(root, "/tests/integration/") = '\0';
    shell_do(NULL,
             "mkdir -p " SHOP " && cd " SHOP
             " && awk '/^```/ { file = $2; next } file != \"\" { print > file }' '%s/docs/scripts.md' && chmod +x *.sh",
             root);
    free(root);
}

static void enter(void) {
    sandbox_enter();
    portd = daemon_start(&(struct daemon_setup){0});
    write_files();
}

static void leave(void) {
    daemon_stop_at(&portd);
}

TestSuite(scripts, .init = enter, .fini = leave, .timeout = 120);

static void assert_said(const char *line, const char *expected) {
    CLEANUP(file_free_text_at) char *said = shell_ask(SHOP, "%s", line);

    cr_assert_str_eq(said, expected);
}

Test(scripts, the_shell_script_tests_its_server_and_leaves_nothing) {
    assert_said("./integration-test.sh 2>errors | tail -n 1", "200");
    assert_said("portctl list -q greeter 2>/dev/null; portctl wait greeter --gone --timeout 30s", "");
}

Test(scripts, env_gives_a_script_its_variables) {
    assert_said("./ports.sh", "8000\n5432");
    assert_said("./ports.sh", "8000\n5432");
    assert_said("portctl list -q | wc -l", "2");
}

Test(scripts, the_makefile_finds_its_ports) {
    assert_said("make -s test", "web is on 3000, db on 5432");
    shell_do(SHOP, "portctl release web db --all && portctl alloc another --global --port 3000 && portctl up -q");
    assert_said("make -s test && portctl list -q | sort | tr '\\n' ' '", "web is on 8000, db on 5432\n3000 5432 8000 ");
    shell_do(SHOP, "make clean");
    assert_said("portctl list -q; ls .env 2>/dev/null; :", "3000");
}

Test(scripts, the_npm_scripts_run) {
    assert_said("ONCE=1 npm run --silent dev", "web listens on 3000");
    assert_said("npm run --silent ports", "{\"WEB_PORT\":3000,\"DB_PORT\":5432}");
    assert_said("ONCE=1 portctl run web", "web listens on 3000");
}

Test(scripts, the_compose_file_reads_what_up_writes) {
    CLEANUP(shell_result_deinit) struct shell_result missing = shell_run(SHOP, "command -v docker-compose");

    if (missing.exit_code != 0)
        cr_skip_test("docker-compose is not installed");
    shell_do(SHOP, "! docker-compose -f compose.yaml config >/dev/null 2>without");
    shell_do(SHOP, "grep -q 'run portctl up first' without && portctl up -q >/dev/null");
    assert_said("docker-compose -f compose.yaml config | grep -o 3000", "3000");
}
