/*
 * docs/scripts.md: every file in it is written to a project's folder as it stands there, and run.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "tests/support/daemon.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/shell.h"

#define SHOP SANDBOX_DIR "/shop"

static struct daemon portd;

/* "```LANGUAGE FILE" begins a file, "```" ends it. The README's tour becomes one, too. */
static void write_files(void) {
    char *root = realpath(__FILE__, NULL);

    cr_assert_not_null(root);
    *strstr(root, "/tests/integration/") = '\0';
    shell_do(NULL,
             "mkdir -p " SHOP " && cd " SHOP
             " && awk '/^```/ { file = $2; next } file != \"\" { print > file }' '%s/docs/scripts.md' && chmod +x *.sh"
             " && awk '/^## A tour/ { file = \"tour\" } /^```/ && inside { exit } inside { print > file }"
             " /^```/ && file != \"\" { inside = 1 }' '%s/README.md'",
             root, root);
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

/* Ends with that code and says that, of what it says on standard output. */
static void assert_ends(const char *line, int exit_code, const char *expected) {
    CLEANUP(shell_result_deinit) struct shell_result result = shell_run(SHOP, line);

    cr_assert_eq(result.exit_code, exit_code, "%s: %d, %s", line, result.exit_code, result.output);
    cr_assert_str_eq(result.output, expected, "%s", line);
}

/* No portd, a variable's name that is none, a name that was mistyped. */
static const struct {
    const char *environment;
    const char *words;
    int exit_code;
} failures[] = {
    {"PM_SOCKET=/none", "web", EXIT_UNREACHABLE},
    {"", "web db:1A", EXIT_USAGE},
    {"", "web --exprot", EXIT_USAGE},
    {"", "wbe", EXIT_NO},
};
#define N_FAILURES (sizeof failures / sizeof failures[0])

static const char *const shells[] = {"sh -e", "dash -eu", "bash -euo pipefail", "zsh -f -eu"};
#define N_SHELLS_TRIED (sizeof shells / sizeof shells[0])

static void assert_form(const char *shell, const char *before, const char *options, const char *behind, size_t failure,
                        int exit_code) {
    char line[512];

    snprintf(line, sizeof line, "%s %s -c '%s$(portctl env %s%s 2>errors)%s; echo it goes on'",
             failures[failure].environment, shell, before, failures[failure].words, options, behind);
    assert_ends(line, exit_code, "");
}

Test(scripts, the_eval_of_an_env_that_fails_ends_a_script_with_its_code) {
    for (size_t i = 0; i < N_SHELLS_TRIED; i++)
        for (size_t j = 0; j < N_FAILURES; j++) {
            assert_form(shells[i], "eval \"", " --export", "\"", j, failures[j].exit_code);
            assert_form(shells[i], "eval \"", "", "\"", j, failures[j].exit_code);
        }
}

/* Without set -e. */
Test(scripts, the_eval_of_an_env_that_fails_has_its_code) {
    static const char *const plain[] = {"sh", "dash", "bash", "zsh -f"};

    for (size_t i = 0; i < N_SHELLS_TRIED; i++)
        for (size_t j = 0; j < N_FAILURES; j++)
            assert_form(plain[i], "eval \"", " --export", "\" || exit", j, failures[j].exit_code);
}

/* The shell's own complaint is another one in each. */
Test(scripts, the_export_of_an_env_that_fails_ends_a_script) {
    for (size_t i = 0; i < N_SHELLS_TRIED; i++) {
        char line[256];

        snprintf(line, sizeof line,
                 "! PM_SOCKET=/none %s -c 'export $(portctl env web); echo on >on' 2>errors && ! test -e on",
                 shells[i]);
        assert_ends(line, 0, "");
        snprintf(line, sizeof line, "%s -c 'export $(portctl env web); printenv WEB_PORT'", shells[i]);
        assert_ends(line, 0, "3000\n");
    }
}

Test(scripts, fish_is_told_that_env_has_failed) {
    assert_ends("PM_SOCKET=/none fish --no-config -c 'portctl env web --export --format fish 2>errors | source; or "
                "exit 9; echo on'",
                9, "");
    assert_ends("fish --no-config -c 'portctl env wbe --format fish 2>errors | source; or exit 9; echo on'", 9, "");
    assert_ends("fish --no-config -c 'portctl env web --exprot --format fish | source; or exit 9; echo on' 2>errors", 9,
                "");
    assert_ends("fish --no-config -c 'portctl env web --export --format fish | source; or exit 9; printenv WEB_PORT'",
                0, "3000\n");
}

/* On a machine that has none yet. */
Test(scripts, the_ci_script_starts_portd_and_ends_it) {
    daemon_stop(&portd);
    assert_said("./ci.sh 2>/dev/null | tail -n 2", "8000\n5432");
    assert_ends("portctl status >/dev/null 2>&1", EXIT_UNREACHABLE, "");
}

Test(scripts, systemd_takes_the_unit) {
    CLEANUP(shell_result_deinit) struct shell_result missing = shell_run(SHOP, "command -v systemd-analyze");

    if (missing.exit_code != 0)
        cr_skip_test("systemd-analyze is not installed");
    assert_said("sed \"s|/usr/local/bin/portd|$(command -v portd)|\" portd.service >unit.service && mv unit.service "
                "portd.service && "
                "mkdir -m 700 -p run && XDG_RUNTIME_DIR=$PWD/run systemd-analyze --user verify ./portd.service 2>&1",
                "");
}

/* -m: jobs, as in the shell into which a person pastes it. */
Test(scripts, the_tour_of_the_readme_leaves_nothing) {
    assert_said("bash -m ./tour 2>errors >said; grep -c '<h1>Directory listing' said", "1");
    assert_said("cut -f 2,3 said | grep '^web\t'", "web\tbound"); /* and not in the second list */
    assert_said("grep 'portctl: ' errors | grep -v 'portctl: waiting: '; portctl list -q", "");
}

#define TTL "portctl list web --json | grep -o '\"ttl_seconds\":[0-9]*'"

Test(scripts, up_and_env_set_the_time_of_a_lease_anew) {
    assert_said("portctl up -q --ttl 2h >ports; " TTL, "\"ttl_seconds\":7200");
    assert_said("portctl up -q >ports; " TTL, "\"ttl_seconds\":86400");
    assert_said("portctl env web -q --ttl 5 >ports; " TTL, "\"ttl_seconds\":5");
    assert_said("portctl env web -q >ports; " TTL, "\"ttl_seconds\":86400");
    assert_said("cd / && portctl env web -q --ttl 2h >" SHOP "/ports; portctl env web -q >" SHOP "/ports; " TTL,
                "\"ttl_seconds\":7200");
}

Test(scripts, a_preferred_port_is_had_again_as_it_is_told) {
    shell_do(SHOP, "portctl alloc other --global --port 3000 && portctl up -q && portctl release other --global");
    assert_said("portctl up -q web", "8000");
    shell_do(SHOP, "portctl release web --all && portctl alloc web --port 3000");
    assert_said("portctl up -q web; portctl list -q web", "3000\n3000");
    assert_said(TTL, "\"ttl_seconds\":86400");
}
