/*
 * portctl run in a project: what the file says, the leases of `up`, and the folder that the program starts in.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/daemon.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/shell.h"
#include "tests/support/wait.h"

#define SHOP SANDBOX_DIR "/shop"

static struct daemon portd;

#define TELL "echo $PORT $WEB_PORT $HMR_PORT ${DB_PORT:-none} $PORTMANAGER_PORT_DB {HMR_PORT} $PWD"

static void enter(void) {
    sandbox_enter();
    portd = daemon_start(&(struct daemon_setup){0});
    cr_assert_eq(setenv("HOME", SANDBOX_HOME, 1), 0);
    shell_do(NULL, "mkdir -p " SHOP "/sub && cat > " SHOP "/portmanager.json <<'END'\n"
                   "{\"services\": {\"web\": {\"variables\": [\"WEB_PORT\", \"HMR_PORT\"], \"prefer\": 3000,\n"
                   "  \"tags\": [\"dev\"], \"command\": \"" TELL "\"},\n"
                   "  \"db\": {}, \"nap\": {\"command\": [\"sleep\", \"100\"], \"ttl\": \"1h\"}}}\nEND");
}

static void leave(void) {
    daemon_stop_at(&portd);
}

TestSuite(run_project, .init = enter, .fini = leave, .timeout = 120);

static void assert_said(const char *folder, const char *line, const char *expected) {
    CLEANUP(file_free_text_at) char *said = shell_ask(folder, "%s", line);

    cr_assert_str_eq(said, expected);
}

static void assert_refused(const char *folder, const char *line, int exit_code, const char *expected) {
    CLEANUP(shell_result_deinit) struct shell_result result = shell_run(folder, line);

    cr_assert_eq(result.exit_code, exit_code, "%s", result.output);
    cr_assert_str_eq(result.output, expected);
}

Test(run_project, the_program_and_its_variables_are_the_files) {
    assert_said(SHOP "/sub", "portctl run web", "3000 3000 8000 none 8000 " SHOP);
    assert_said(SHOP, "portctl list -q", "");
    assert_said(SHOP, "portctl run web", "3000 3000 8000 none 8000 " SHOP);
}

Test(run_project, the_leases_of_up_are_used_and_left) {
    shell_do(SHOP, "portctl up >up.out");
    assert_said(SHOP, "portctl run web", "3000 3000 8000 8001 8001 8000 " SHOP);
    assert_said(SHOP, "portctl list -q | tr '\\n' ' '", "3000 8000 8001 8002 ");
    assert_said(SHOP, "portctl list web --json | grep -c '\"ttl_seconds\":86400'", "1");
    assert_said(SHOP, "portctl list web --json | grep -c '\"holder\":{'; :", "0");
}

/* What portctl cannot give back when it is killed, portd does. */
Test(run_project, a_lease_of_up_outlasts_a_program_that_is_killed_with_portctl) {
    struct cli cli;
    struct wait wait = wait_for("the lease to have a holder, and none again");
    CLEANUP(cli_result_deinit) struct cli_result result = {0};

    shell_do(SHOP, "portctl up nap >up.out");
    cli = cli_start(&(const struct cli_setup){.words = {"run", "nap"}, .directory = SHOP});
    for (;;) {
        CLEANUP(file_free_text_at) char *list = shell_ask(SHOP, "portctl list --json");
        if (strstr(list, "\"holder\":{"))
            break;
        wait_more(&wait);
    }
    shell_do(SHOP, "kill -9 %d $(pgrep -x sleep -P %d)", cli.pid, cli.pid);
    result = cli_finish(&cli);
    for (;;) {
        CLEANUP(file_free_text_at) char *list = shell_ask(SHOP, "portctl list --json");
        if (strstr(list, "\"holder\":null"))
            break;
        wait_more(&wait);
    }
    assert_said(SHOP, "portctl list -q", "8000");
}

Test(run_project, a_service_that_runs_is_not_run_twice) {
    struct wait wait = wait_for("the lease");
    struct cli cli = cli_start(&(const struct cli_setup){.words = {"run", "nap"}, .directory = SHOP});
    CLEANUP(cli_result_deinit) struct cli_result result = {0};
    CLEANUP(shell_result_deinit) struct shell_result second = {0};
    CLEANUP(file_free_text_at) char *variables = NULL;

    for (;;) {
        CLEANUP(file_free_text_at) char *list = shell_ask(SHOP, "portctl list -q nap; :");
        if (list[0] == '8')
            break;
        wait_more(&wait);
    }
    second = shell_run(SHOP, "portctl run nap");
    cr_assert_eq(second.exit_code, 125, "%s", second.output);
    cr_assert_not_null(strstr(second.output, "already runs on port 8000"), "%s", second.output);
    /* Who only asks for the ports is told those of the program that runs, which keeps its lease. */
    variables = shell_ask(SHOP, "portctl env nap db");
    cr_assert_str_eq(variables, "NAP_PORT=8000\nDB_PORT=8001");
    assert_said(SHOP, "portctl up -q | tr '\\n' ' '", "3000 8002 8001 8000 ");
    kill(cli.pid, SIGTERM);
    result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM, "%s", result.errors);
    /* up has said that it is kept, for the hour that the file says. */
    assert_said(SHOP,
                "portctl list nap --json | grep -o '\"ttl_seconds\":[0-9]*\\|\"holder\":null\\|\"kept_by\":\"[a-z]*\"'",
                "\"ttl_seconds\":3600\n\"kept_by\":\"ttl\"\n\"holder\":null");
    assert_said(SHOP, "portctl up -q | tr '\\n' ' '", "3000 8002 8001 8000 ");
}

static struct cli start_server(void) {
    struct wait wait = wait_for("the lease to have a holder");
    struct cli cli = cli_start(&(const struct cli_setup){.words = {"run", "web", "sleep", "100"}, .directory = SHOP});

    for (;;) {
        CLEANUP(file_free_text_at) char *list = shell_ask(SHOP, "portctl list --json");
        if (strstr(list, "\"holder\":{"))
            return cli;
        wait_more(&wait);
    }
}

static void end_server(struct cli *cli) {
    CLEANUP(cli_result_deinit) struct cli_result result = {0};

    kill(cli->pid, SIGTERM);
    result = cli_finish(cli);
    cr_assert_eq(result.exit_code, 128 + SIGTERM, "%s", result.errors);
}

static void write_file(const char *web) {
    shell_do(SHOP, "echo '{\"services\": {\"web\": %s, \"db\": {}}}' > portmanager.json", web);
}

/* By number the second one comes first, and by age after a release of the first. */
Test(run_project, the_variables_of_a_service_are_never_turned_round) {
    static const char all[] = "WEB_PORT=3101\nHMR_PORT=3100\nDB_PORT=8000";
    struct cli cli;

    write_file("{\"variables\": [\"WEB_PORT\", \"HMR_PORT\"], \"prefer\": [3101, 3100]}");
    assert_said(SHOP, "portctl env", all);
    shell_do(SHOP, "portctl release 3101");
    assert_said(SHOP, "portctl env", all);
    assert_said(SHOP, "portctl env", all);
    assert_said(SHOP, "portctl lookup web", "3101");
    assert_said(SHOP, "portctl run web -- sh -c 'echo $WEB_PORT $HMR_PORT'", "3101 3100");
    assert_said(SHOP, "portctl run db -- sh -c 'echo $WEB_PORT $HMR_PORT $PORTMANAGER_PORT_WEB'", "3101 3100 3101");
    cli = start_server();
    assert_said(SHOP, "portctl env", all);
    end_server(&cli);
    assert_said(SHOP, "portctl env", all);
    /* Of one that is not leased there is no variable, and its port is nobody else's. */
    shell_do(SHOP, "portctl release 3101");
    assert_said(SHOP, "portctl run db -- sh -c 'echo ${WEB_PORT:-none} $HMR_PORT'", "none 3100");
    /* What run is granted anew it gives back, and not what was there before. */
    assert_said(SHOP, "portctl run web -- sh -c 'echo $WEB_PORT $HMR_PORT'", "3101 3100");
    assert_said(SHOP, "portctl list web -q", "3100");
}

Test(run_project, a_variable_that_is_added_while_it_runs_is_granted_beside) {
    struct cli cli;

    write_file("{\"prefer\": 3101}");
    cli = start_server();
    write_file("{\"variables\": [\"WEB_PORT\", \"HMR_PORT\"], \"prefer\": [3101, 3100]}");
    assert_said(SHOP, "portctl up", "3101\tweb\tWEB_PORT\tnew\n3100\tweb\tHMR_PORT\tnew\n8000\tdb\tDB_PORT\tnew");
    assert_said(SHOP, "portctl env", "WEB_PORT=3101\nHMR_PORT=3100\nDB_PORT=8000");
    assert_said(SHOP, "portctl list web --json | grep -o '\"holder\":{' | wc -l", "1");
    end_server(&cli);
    assert_said(SHOP, "portctl list -q | tr '\\n' ' '", "3100 3101 8000 ");
}

/* Whoever holds it, up has promised it for a day. */
Test(run_project, what_up_has_kept_stays_when_a_hold_ends) {
    struct wait wait = wait_for("the lease");
    struct cli cli = cli_start(&(const struct cli_setup){.words = {"hold", "db"}, .directory = SHOP});
    CLEANUP(cli_result_deinit) struct cli_result result = {0};

    for (;;) {
        CLEANUP(file_free_text_at) char *list = shell_ask(SHOP, "portctl list -q db 2>/dev/null; :");
        if (list[0] == '8')
            break;
        wait_more(&wait);
    }
    shell_do(SHOP, "portctl up db >up.out");
    kill(cli.pid, SIGTERM);
    result = cli_finish(&cli);
    assert_said(SHOP, "portctl list -q db", "8000");
}

Test(run_project, the_command_line_goes_before_the_file) {
    assert_said(SHOP "/sub", "portctl run web --env-name P -- sh -c 'echo $P ${WEB_PORT:-none} $PWD'",
                "3000 none " SHOP "/sub");
    assert_said(SHOP, "portctl run web --prefer 8100 -- sh -c 'echo $WEB_PORT $HMR_PORT'", "8100 8000");
    assert_said(SHOP, "portctl run other -- sh -c 'echo $PORT $PWD'", "8001 " SHOP);
}

Test(run_project, what_is_to_be_run_must_be_said_somewhere) {
    assert_refused(SHOP, "portctl run wbe", 125,
                   "portctl: portmanager.json has no service 'wbe'\n  hint: did you mean web?\n");
    assert_refused(SHOP, "portctl run db", 2,
                   "portctl: run wants a program behind the name 'db'\n"
                   "  hint: \"command\" of the service in portmanager.json would be one, too\n");
    assert_refused(SHOP, "portctl run web --port 3000", 2,
                   "portctl: --port is one port, and portmanager.json gives the service 2 variables\n"
                   "  hint: --prefer 3000, and the others come beside it\n");
    shell_do(SHOP, "echo '{\"services\": {\"web\": {\"prot\": 1}}}' > portmanager.json");
    assert_refused(SHOP, "portctl run web -- true", 2,
                   "portctl: portmanager.json:1:23: services.web has no key \"prot\"\n  hint: it takes variables, "
                   "prefer, tags, ttl or command\n");
    assert_refused(SHOP, "portctl env", 2,
                   "portctl: portmanager.json:1:23: services.web has no key \"prot\"\n  hint: it takes variables, "
                   "prefer, tags, ttl or command\n(exit 2)\n");
}
