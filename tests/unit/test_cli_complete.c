/*
 * What portctl says to a shell that asks what may stand at the cursor, with a portd that says what a test wants. That the shells make
 * something of it is tests/integration/test_completion.c's.
 */
#include "cli/complete.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/help.h"
#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"

#define SOCKET SANDBOX_DIR "/p.sock"

#define LEASE(port, name, uid, user, state)                                                                            \
    "{\"port\":" port ",\"id\":" port ",\"service_name\":\"" name "\",\"uid\":" uid ",\"user\":\"" user                \
    "\",\"state\":\"" state "\",\"project\":null}"

#define LEASES                                                                                                         \
    "[" LEASE("8001", "anns", "12345", "ann", "bound") "," LEASE("8002", "web", "0", "root", "bound") "," LEASE(       \
        "8003", "web", "0", "root",                                                                                    \
        "pending") "," LEASE("8004", "my db", "0", "root",                                                             \
                             "pending") "," LEASE("8005", "8080", "0", "root",                                         \
                                                  "pending") "," LEASE("8006", "--json", "0", "root",                  \
                                                                       "pending") "," LEASE("8007", "up\\u202egnp",    \
                                                                                            "0", "root",               \
                                                                                            "pending") "]"

#define LISTENERS                                                                                                      \
    "[{\"port\":8001,\"address\":\"::\",\"process\":\"node\"},{\"port\":9000,\"address\":\"::\",\"process\":"          \
    "\"python3\"},{\"port\":9001,\"address\":\"::\",\"process\":null}]"

static struct fake_portd portd;

static void start(const struct fake_portd_setup *setup) {
    portd = fake_portd_start(setup);
}

static void enter(void) {
    sandbox_enter();
    start(&(const struct fake_portd_setup){
        .answers = {{"GET /list", 200, LEASES, 0, NULL},
                    {"GET /snapshot", 200, "{\"leases\":" LEASES ",\"listeners\":" LISTENERS "}", 0, NULL}},
        .socket = SOCKET});
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

TestSuite(cli_complete, .init = enter, .fini = leave);

/* For fish, whose answer is the plainest. */
static void assert_answer(const char *line, const char *expected) {
    cli_assert(&(const struct cli_setup){.words = {COMPLETE_WORD, "fish", line}, .environment = {"PM_SOCKET=" SOCKET}},
               EXIT_YES, expected, "");
}

static void assert_bash(const char *line, const char *replaced, const char *type, const char *expected) {
    cli_assert(&(const struct cli_setup){.words = {COMPLETE_WORD, "bash", line, replaced, type},
                                         .environment = {"PM_SOCKET=" SOCKET}},
               EXIT_YES, expected, "");
}

#define OWN_NAMES                                                                                                      \
    "web\tport 8002, in use\n"                                                                                         \
    "my db\tport 8004, waiting\n"

Test(cli_complete, names_are_offered_ones_own_first_and_each_once) {
    assert_answer("portctl lookup ", OWN_NAMES "8080\tport 8005, waiting\nanns\tport 8001, in use, of ann\n:\n");
    assert_answer("portctl lookup w", "web\tport 8002, in use\n:\n");
    assert_answer("portctl lookup W", ":\n");
    assert_answer("portctl lookup web ", ":\n");
}

Test(cli_complete, a_name_with_a_dash_is_offered_behind_two_dashes_only) {
    assert_answer("portctl lookup -- -", "--json\tport 8006, waiting\n:\n");
    assert_answer("portctl lookup -- --js", "--json\tport 8006, waiting\n:\n");
}

Test(cli_complete, a_name_that_cannot_be_shown_as_it_is_is_not_offered) {
    assert_answer("portctl lookup u", ":\n");
}

Test(cli_complete, where_a_port_or_a_name_can_stand_digits_are_a_port) {
    assert_answer("portctl history 80",
                  "8002\tweb, in use\n8003\tweb, waiting\n8004\tmy db, waiting\n8005\t8080, waiting\n"
                  "8006\t--json, waiting\n8007\tup?gnp, waiting\n8001\tanns, in use, of ann\n:\n");
    assert_answer("portctl history m", "my db\tport 8004, waiting\n:\n");
}

Test(cli_complete, ports_are_those_of_leases_and_of_listeners) {
    assert_answer("portctl who 9",
                  "9000\tpython3, without a lease\n9001\ta process that is hidden, without a lease\n:\n");
    assert_answer("portctl who 9000 9", "9001\ta process that is hidden, without a lease\n:\n");
    assert_answer("portctl stop 8001", "8001\tanns, in use, of ann\n:\n");
    assert_answer("portctl stop 8001 ", ":\n");
    assert_answer("portctl claim 9000 w", "web\tport 8002, in use\n:\n");
}

Test(cli_complete, an_old_portd_has_leases_at_least) {
    fake_portd_stop(&portd);
    start(&(const struct fake_portd_setup){.answers = {{"GET /list", 200, LEASES, 0, NULL}}, .socket = SOCKET});
    assert_answer("portctl who 8002", "8002\tweb, in use\n:\n");
}

Test(cli_complete, a_portd_that_is_down_or_talks_nonsense_has_nothing_to_offer) {
    fake_portd_stop(&portd);
    assert_answer("portctl lookup ", ":\n");
    start(&(const struct fake_portd_setup){
        .answers = {{"GET /list", 200, "{\"a\":[1]}", 0, NULL}, {"GET /snapshot", 200, "[7]", 0, NULL}},
        .socket = SOCKET});
    assert_answer("portctl lookup ", ":\n");
    assert_answer("portctl who ", ":\n");
    fake_portd_stop(&portd);
    start(&(const struct fake_portd_setup){.answers = {{"GET /list", 200, NULL, 0, NULL}}, .socket = SOCKET});
    assert_answer("portctl lookup ", ":\n");
}

/* It accepts, and never says anything. That portctl gives up at all is what counts; its patience with everything else is ten times as long. */
Test(cli_complete, a_portd_that_hangs_has_nothing_to_offer) {
    kill(portd.pid, SIGSTOP);
    assert_answer("portctl lookup ", ":\n");
    assert_answer("portctl who ", ":\n");
    kill(portd.pid, SIGCONT);
}

Test(cli_complete, the_line_itself_says_where_portd_is) {
    static const char *const lines[] = {
        "portctl --socket " SOCKET " lookup we", "portctl lookup --socket=" SOCKET " we",
        "portctl lookup --socket '" SOCKET "' we", "portctl lookup --socket $WHERE/p.sock we",
        "portctl lookup --socket ${WHERE}/p.sock we"};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cli_assert(&(const struct cli_setup){.words = {COMPLETE_WORD, "fish", lines[i]},
                                             .environment = {"WHERE=" SANDBOX_DIR}},
                   EXIT_YES, "web\tport 8002, in use\n:\n", "");
    assert_answer("portctl --socket /nowhere lookup we", ":\n");
}

Test(cli_complete, options_are_those_of_the_command_that_are_not_there_yet) {
    assert_answer("portctl stop 8001 --s",
                  "--signal\twhat is sent: TERM, INT, HUP, QUIT, KILL, USR1, USR2, STOP or CONT (TERM)\n"
                  "--socket\tportd's Unix socket\n:\n");
    assert_answer("portctl stop 8001 --signal INT --s", "--socket\tportd's Unix socket\n:\n");
    assert_answer("portctl stop 8001 -sINT --s", "--socket\tportd's Unix socket\n:\n");
    assert_answer("portctl --q", "--quiet\tports only, one a line; run: errors only\n:\n");
    assert_answer("portctl --si", ":\n");
    assert_answer("portctl list --si", ":\n");
    assert_answer("portctl alloc web --tag a --ta",
                  "--tag\ta word to remember with the lease; may be given again\n:\n");
    assert_answer("portctl stop -- --s", ":\n");
}

Test(cli_complete, values_are_those_that_the_parser_takes) {
    assert_answer("portctl --color ", "auto\t\nalways\t\nnever\t\n:\n");
    assert_answer("portctl list --color=al", "--color=always\t\n:\n");
    assert_answer("portctl stop 8001 -s K", "KILL\t\n:\n");
    assert_answer("portctl stop 8001 -sK", "-sKILL\t\n:\n");
    assert_answer("portctl run web --remap ", "auto\t\n:\n");
    assert_answer("portctl alloc --ttl ", ":\n");
    assert_answer("portctl --socket ", ":files\n");
    assert_answer("portctl alloc --project=/t", ":directories\n");
    assert_answer("portctl lookup web > ", ":files\n");
}

Test(cli_complete, topics_shells_and_commands) {
    assert_answer("portctl sta", "status\tshow whether portd runs, and how\n:\n");
    assert_answer("portctl -v sta", "status\tshow whether portd runs, and how\n:\n");
    /* Another name of a command is for who types that alone. */
    assert_answer("portctl l", "list\tshow the leases\nlookup\tprint the port of a service\n:\n");
    assert_answer("portctl loo", "lookup\tprint the port of a service\n:\n");
    assert_answer("portctl loop", "loop\thold a port until it is stopped\n:\n");
    assert_answer("portctl ls", "ls\tshow the leases\n:\n");
    assert_answer("portctl help hea", "heartbeat\tlet leases live for another TTL\n:\n");
    assert_answer("portctl help e", "env\tprint the ports of services as variables\nexit-codes\t\nenvironment\t\n:\n");
    assert_answer("portctl help list ", ":\n");
    assert_answer("portctl completion ", "bash\t\nzsh\t\nfish\t\n:\n");
    assert_answer("portctl nonsense ", ":\n");
    assert_answer("portctl __", ":\n");
}

static void assert_in_columns(const char *columns, const char *shell, const char *expected) {
    cli_assert(&(const struct cli_setup){.words = {COMPLETE_WORD, shell, "portctl alloc --re", "--re", "63"},
                                         .environment = {"PM_SOCKET=" SOCKET, columns}},
               EXIT_YES, expected, "");
}

static void assert_listed_in_columns(const char *columns, const char *first, const char *second) {
    char expected[512];

    snprintf(expected, sizeof expected, "%s\n%s\n:\n", first, second);
    cli_assert(&(const struct cli_setup){.words = {COMPLETE_WORD, "bash", "portctl s", "s", "63"},
                                         .environment = {"PM_SOCKET=" SOCKET, columns}},
               EXIT_YES, expected, "");
}

#define SQUATTERS "squatters  (show who listens where he has no lease)"
#define OTHERS    "stop  (signal the process that listens on a port)\nstatus  (show whether portd runs, and how)"
#define REUSE     "--reuse\tthe lease you have under this name, if there is one, instead of a second\n:\n"

/* The first is 51 columns wide, and zsh makes 84 of the last. */
Test(cli_complete, what_a_shell_lists_is_cut_to_the_terminals_width) {
    assert_listed_in_columns("COLUMNS=52", SQUATTERS, OTHERS);
    assert_listed_in_columns("COLUMNS=51", "squatters  (show who listens where he has no l...)", OTHERS);
    assert_listed_in_columns("COLUMNS=30", "squatters  (show who list...)",
                             "stop  (signal the process...)\nstatus  (show whether por...)");
    assert_listed_in_columns("COLUMNS=1", "squatters", "stop\nstatus");
    assert_listed_in_columns("COLUMNS=", SQUATTERS, OTHERS);
    assert_listed_in_columns("COLUMNS=x", SQUATTERS, OTHERS);
    assert_in_columns("COLUMNS=85", "zsh", REUSE);
    assert_in_columns("COLUMNS=84", "zsh",
                      "--reuse\tthe lease you have under this name, if there is one, instead of a se...\n:\n");
    assert_in_columns("COLUMNS=10", "zsh", "--reuse\t\n:\n");
    assert_in_columns("COLUMNS=10", "fish", REUSE);
}

Test(cli_complete, services_of_the_project_file_are_names_before_they_have_a_lease) {
    static const char *const lines[] = {"portctl env a", "portctl run a", "portctl alloc a"};

    file_write_text(SANDBOX_DIR "/portmanager.json", "{\"services\":{\"api\":{},\"web\":{}}}");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_answer(lines[i], "anns\tport 8001, in use, of ann\napi\ta service of portmanager.json\n:\n");
    assert_answer("portctl up ", "api\ta service of portmanager.json\nweb\ta service of portmanager.json\n:\n");
    assert_answer("portctl env 9", ":\n");
    assert_answer("portctl who a", ":\n");
    file_write_text(SANDBOX_DIR "/portmanager.json", "{\"services\":{\"api\":{},");
    assert_answer("portctl env a", "anns\tport 8001, in use, of ann\n:\n");
}

Test(cli_complete, the_program_of_run_is_the_shells) {
    assert_answer("portctl run web ", ":command 3 \n");
    assert_answer("portctl run web --port 80 vi", ":command 5 vi\n");
    assert_answer("portctl run web -- npm sta", ":command 4 npm sta\n");
    assert_answer("portctl run web npm --po", ":command 3 npm --po\n");
    assert_answer("portctl run web --ke",
                  "--keep\tlet what still serves the port live on when the program has ended\n:\n");
    assert_answer("portctl run w", "web\tport 8002, in use\n:\n");
}

Test(cli_complete, what_a_shell_would_execute_is_left_to_it) {
    assert_answer("portctl lookup $(", ":files\n");
    assert_answer("portctl lookup \"`", ":files\n");
    assert_bash("portctl lookup $(", "", "9", ":files\n");
}

Test(cli_complete, bash_gets_words_that_are_quoted_for_the_place) {
    assert_bash("portctl lookup m", "m", "9", "my\\ db\n:\n");
    assert_bash("portctl lookup 'm", "m", "9", "my db\n:\n");
    assert_bash("portctl lookup my\\ ", "my\\ ", "9", "my\\ db\n:\n");
    assert_bash("portctl --color=al", "al", "9", "always\n:\n");
    assert_bash("portctl lookup ", "", "63",
                "web  (port 8002, in use)\nmy db  (port 8004, waiting)\n8080  (port 8005, waiting)\n"
                "anns  (port 8001, in use, of ann)\n:\n");
    assert_bash("portctl lookup x", "no end of the line", "9", ":\n");
}

Test(cli_complete, nonsense_gets_no_answer_and_no_error) {
    cli_assert(&(const struct cli_setup){.words = {COMPLETE_WORD}}, EXIT_YES, "", "");
    cli_assert(&(const struct cli_setup){.words = {COMPLETE_WORD, "tcsh", "portctl "}}, EXIT_YES, "", "");
    cli_assert(&(const struct cli_setup){.words = {COMPLETE_WORD, "fish", ""}}, EXIT_YES, ":\n", "");
    assert_answer("portctl", ":\n");
}

/* ---- The table and what is made of it */

static void assert_offers(const char *line, const char *word) {
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(
        &(const struct cli_setup){.words = {COMPLETE_WORD, "fish", line}, .environment = {"PM_SOCKET=" SOCKET}});
    char wanted[64];

    snprintf(wanted, sizeof wanted, "%s\t", word);
    cr_assert_not_null(strstr(result.output, wanted), "[%s] does not offer %s", line, word);
}

static size_t count_lines(const char *line) {
    CLEANUP(cli_result_deinit)
    struct cli_result result = cli_run(
        &(const struct cli_setup){.words = {COMPLETE_WORD, "fish", line}, .environment = {"PM_SOCKET=" SOCKET}});
    size_t n_lines = 0;

    for (const char *at = result.output; *at != '\0'; at++)
        n_lines += *at == '\n';
    return n_lines;
}

Test(cli_complete, every_command_and_option_of_the_tables_is_offered_and_no_other) {
    size_t n;
    const struct command *const *all = commands(&n);
    size_t n_words = 1; /* help */

    for (size_t i = 0; i < n; i++) {
        size_t n_options = 0;
        char line[64];
        assert_offers("portctl ", all[i]->name);
        n_words++;
        snprintf(line, sizeof line, "portctl %s -", all[i]->name);
        for (enum option_id id = OPTION_END + 1; id < N_OPTIONS; id++) {
            char option[64];
            if (id < OPTION_JSON && !command_takes(all[i], id))
                continue;
            snprintf(option, sizeof option, "--%s", option_get(id)->name);
            assert_offers(line, option);
            n_options++;
        }
        cr_assert_eq(count_lines(line), n_options + 1, "%s", line);
    }
    cr_assert_eq(count_lines("portctl "), n_words + 1);
}

Test(cli_complete, the_question_itself_is_no_command_that_help_knows) {
    CLEANUP(cli_result_deinit) struct cli_result result = cli_run(&(const struct cli_setup){.words = {"help"}});
    cr_assert_null(strstr(result.output, COMPLETE_WORD));
    cli_assert(&(const struct cli_setup){.words = {"help", COMPLETE_WORD}}, EXIT_USAGE, "",
               "portctl: there is no help on '__complete'\n  hint: portctl help lists the commands\n");
}
