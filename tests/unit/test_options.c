/* portd's options: the command line, the environment, the defaults, and a sentence for each mistake. */
#include "src/options.h"

#include <criterion/criterion.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/fake_home.h"

static struct options options;
static char reason[512];

/* No variable of the one who runs the test counts. */
static void set_up(void) {
    static const char *const names[] = {"PM_API_PORT", "PM_SOCKET",  "PM_DB",        "PM_PORT_MIN",
                                        "PM_PORT_MAX", "PM_EXCLUDE", "PM_LOG_LEVEL", "XDG_RUNTIME_DIR"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    setenv("HOME", "/home/ann", 1);
}

TestSuite(options, .init = set_up);

/* Reads "portd" and these arguments; NULL: none. */
#define READ(...) read_all((char *[]){__VA_ARGS__, NULL})

static int read_all(char *const *arguments) {
    char *argv[32] = {"portd"};
    int argc = 1;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = arguments[argc - 1];
    memset(&options, 0xEE, sizeof(options));
    memset(reason, 0, sizeof(reason));
    return options_read(argc, argv, &options, reason, sizeof(reason));
}

/* The arguments are refused with a sentence that has these words in it, and no option is touched. */
static void expect_refusal(int r, const char *words) {
    static const struct options *const after = &options;
    cr_expect_eq(r, OPTIONS_E_USAGE, "%s: %d", words, r);
    cr_expect_not_null(strstr(reason, words), "no \"%s\" in: %s", words, reason);
    cr_expect_eq(after->port, 0xEEEE, "%s: touched", words);
    cr_expect_null(strchr(reason, '\n'));
}

static void expect_read(int r) {
    cr_assert_eq(r, 0, "%d: %s", r, reason);
}

/* ---- defaults ---- */

Test(options, without_any_there_are_defaults) {
    static const struct port_set empty;
    expect_read(READ(NULL));
    cr_expect_eq(options.port, 3030);
    cr_expect_eq(options.range_min, 8000);
    cr_expect_eq(options.range_max, 9000);
    cr_expect_str_eq(options.database, "/home/ann/.portmanager/leases.db");
    cr_expect_str_eq(options.socket, "/home/ann/.portmanager/portd.sock");
    cr_expect_str_eq(options.exclude, "");
    cr_expect_eq(memcmp(&options.excluded, &empty, sizeof(empty)), 0);
    cr_expect_eq(options.log_level, LOG_LEVEL_INFO);
}

Test(options, the_socket_is_in_the_runtime_folder_if_that_is_there) {
    CLEANUP(fake_home_remove) struct fake_home home;
    char expected[PATH_MAX];
    fake_home_make(&home);
    setenv("XDG_RUNTIME_DIR", home.path, 1);
    expect_read(READ(NULL));
    fake_home_path(&home, "portmanager.sock", expected);
    cr_expect_str_eq(options.socket, expected);
    cr_expect_str_eq(options.database, "/home/ann/.portmanager/leases.db");
    fake_home_path(&home, "file", expected);
    fake_home_write(&home, "file", "", 0);
    const char *const none[] = {"/nonexistent/run", "", "relative", ".", expected};
    for (size_t i = 0; i < 5; i++) {
        setenv("XDG_RUNTIME_DIR", none[i], 1);
        expect_read(READ(NULL));
        cr_expect_str_eq(options.socket, "/home/ann/.portmanager/portd.sock", "\"%s\"", none[i]);
    }
}

Test(options, a_home_that_is_no_path_is_looked_up) {
    char expected[PATH_MAX];
    const struct passwd *entry = getpwuid(getuid());
    snprintf(expected, sizeof(expected), "%s/.portmanager/leases.db",
             entry && strcmp(entry->pw_dir, "/") != 0 ? entry->pw_dir : "");
    setenv("HOME", "relative", 1);
    expect_read(READ(NULL));
    cr_expect_str_eq(options.database, expected);
    unsetenv("HOME");
    expect_read(READ(NULL));
    cr_expect_str_eq(options.database, expected);
    setenv("HOME", "", 1);
    expect_read(READ(NULL));
    cr_expect_str_eq(options.database, expected);
}

/* As in a container whose user is no more than a number. */
Test(options, without_any_home_the_places_must_be_said) {
    cr_assert_eq(setuid(4000000), 0);
    unsetenv("HOME");
    expect_refusal(READ(NULL),
                   "HOME is not set, and you have no home folder; say where: portd --socket PATH --db PATH");
    expect_refusal(READ("--socket", "/tmp/s"), "HOME is not set");
    expect_read(READ("--socket", "/tmp/s", "--db", "/tmp/db"));
}

/* ---- each option ---- */

Test(options, the_command_line_sets_each) {
    expect_read(READ("--port", "4040", "--socket=/run/x.sock", "--db", "/var/x.db", "--range", "20000-20999",
                     "--exclude", "20005,20010-20012", "--log-level", "debug"));
    cr_expect_eq(options.port, 4040);
    cr_expect_str_eq(options.socket, "/run/x.sock");
    cr_expect_str_eq(options.database, "/var/x.db");
    cr_expect_eq(options.range_min, 20000);
    cr_expect_eq(options.range_max, 20999);
    cr_expect_str_eq(options.exclude, "20005,20010-20012");
    cr_expect(port_set_has(&options.excluded, 20005) && port_set_covers(&options.excluded, 20010, 20012));
    cr_expect_not(port_set_has(&options.excluded, 20013));
    cr_expect_eq(options.log_level, LOG_LEVEL_DEBUG);
}

Test(options, the_environment_sets_each) {
    setenv("PM_API_PORT", "4040", 1);
    setenv("PM_SOCKET", "/run/x.sock", 1);
    setenv("PM_DB", "/var/x.db", 1);
    setenv("PM_PORT_MIN", "20000", 1);
    setenv("PM_PORT_MAX", "20999", 1);
    setenv("PM_EXCLUDE", "20005", 1);
    setenv("PM_LOG_LEVEL", "error", 1);
    expect_read(READ(NULL));
    cr_expect_eq(options.port, 4040);
    cr_expect_str_eq(options.socket, "/run/x.sock");
    cr_expect_str_eq(options.database, "/var/x.db");
    cr_expect_eq(options.range_min, 20000);
    cr_expect_eq(options.range_max, 20999);
    cr_expect(port_set_has(&options.excluded, 20005));
    cr_expect_eq(options.log_level, LOG_LEVEL_ERROR);
}

Test(options, the_command_line_wins) {
    setenv("PM_API_PORT", "4040", 1);
    setenv("PM_SOCKET", "/run/env.sock", 1);
    setenv("PM_DB", "/var/env.db", 1);
    setenv("PM_PORT_MIN", "20000", 1);
    setenv("PM_PORT_MAX", "20999", 1);
    setenv("PM_EXCLUDE", "20005", 1);
    setenv("PM_LOG_LEVEL", "error", 1);
    expect_read(READ("--port=0", "--socket=/run/x.sock", "--db=/var/x.db", "--range=100-200", "--exclude=150",
                     "--log-level=warning"));
    cr_expect_eq(options.port, 0);
    cr_expect_str_eq(options.socket, "/run/x.sock");
    cr_expect_str_eq(options.database, "/var/x.db");
    cr_expect_eq(options.range_min, 100);
    cr_expect_eq(options.range_max, 200);
    cr_expect_not(port_set_has(&options.excluded, 20005), "not both lists");
    cr_expect(port_set_has(&options.excluded, 150));
    cr_expect_eq(options.log_level, LOG_LEVEL_WARNING);
    expect_read(READ("--exclude="));
    cr_expect_not(port_set_has(&options.excluded, 20005), "an empty list is a list");
    cr_expect_str_eq(options.exclude, "");
    expect_read(READ("--port", "1", "--port", "2"));
    cr_expect_eq(options.port, 2, "the last one counts");
}

Test(options, an_empty_variable_is_unset) {
    static const char *const names[] = {"PM_API_PORT", "PM_SOCKET",  "PM_DB",       "PM_PORT_MIN",
                                        "PM_PORT_MAX", "PM_EXCLUDE", "PM_LOG_LEVEL"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        setenv(names[i], "", 1);
    expect_read(READ(NULL));
    cr_expect_eq(options.port, 3030);
    cr_expect_eq(options.range_max, 9000);
}

Test(options, half_a_range_from_the_environment_goes_with_the_other_default) {
    setenv("PM_PORT_MIN", "8500", 1);
    expect_read(READ(NULL));
    cr_expect_eq(options.range_min, 8500);
    cr_expect_eq(options.range_max, 9000);
    setenv("PM_PORT_MIN", "9001", 1);
    expect_refusal(READ(NULL), "9001-9000");
    expect_read(READ("--range", "1-65535"));
    cr_expect_eq(options.range_max, 65535);
    unsetenv("PM_PORT_MIN");
    setenv("PM_PORT_MAX", "7999", 1);
    expect_refusal(READ(NULL), "8000-7999");
}

Test(options, the_bounds_of_ports_are_ports) {
    expect_read(READ("--port", "65535", "--range", "1-65535", "--exclude", "1-65535"));
    cr_expect_eq(options.port, 65535);
    cr_expect_eq(options.range_min, 1);
    expect_read(READ("--range", "8000-8000"));
    cr_expect_eq(options.range_min, options.range_max);
}

/* ---- mistakes ---- */

Test(options, a_port_that_is_none_is_refused) {
    static char *const values[] = {"65536", "-1", "abc", "", " 1", "1 ", "1.5", "0x50", "99999999999999999999", "+1"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        expect_refusal(READ("--port", values[i]), "--port must be a port");
        setenv("PM_API_PORT", values[i], 1);
        if (values[i][0] != '\0')
            expect_refusal(READ(NULL), "PM_API_PORT must be a port");
        unsetenv("PM_API_PORT");
    }
}

Test(options, a_range_that_is_none_is_refused) {
    static char *const values[] = {
        "",           "8000",           "8000-",       "-9000",      "-",         "a-b",         "0-9000",
        "8000-65536", "8000-9000-9500", "8000 - 9000", "8000..9000", "8000,9000", "70000-80000", "00000008000-9000",
        "8000-9000x", "00008000-9000"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        expect_refusal(READ("--range", values[i]), "--range must be two ports");
    expect_refusal(READ("--range", "9000-8000"), "9000-8000");
    static char *const ends[] = {"0", "65536", "abc", "-1"};
    for (size_t i = 0; i < 4; i++) {
        setenv("PM_PORT_MIN", ends[i], 1);
        expect_refusal(READ(NULL), "PM_PORT_MIN must be a port");
        unsetenv("PM_PORT_MIN");
        setenv("PM_PORT_MAX", ends[i], 1);
        expect_refusal(READ(NULL), "PM_PORT_MAX must be a port");
        unsetenv("PM_PORT_MAX");
    }
}

Test(options, a_list_that_cannot_be_read_is_refused_where_it_goes_wrong) {
    expect_refusal(READ("--exclude", "8080,x8100"), "\"x8100\"");
    expect_refusal(READ("--exclude", "8080-"), "--exclude");
    setenv("PM_EXCLUDE", "all", 1);
    expect_refusal(READ(NULL), "PM_EXCLUDE must be a list");
}

Test(options, a_path_that_is_empty_or_too_long_is_refused) {
    char *path = calloc(1, OPTIONS_PATH_MAX + 1);
    memset(path, 'p', OPTIONS_PATH_MAX - 1);
    expect_read(READ("--db", path, "--socket", path));
    cr_expect_str_eq(options.database, path);
    path[OPTIONS_PATH_MAX - 1] = 'p';
    expect_refusal(READ("--db", path), "--db");
    expect_refusal(READ("--socket", path), "--socket");
    expect_refusal(READ("--db", ""), "--db must be a path");
    expect_refusal(READ("--socket="), "--socket must be a path");
    memset(path, ',', OPTIONS_PATH_MAX);
    expect_refusal(READ("--exclude", path), "--exclude");
    free(path);
}

Test(options, a_log_level_that_is_none_is_refused) {
    expect_refusal(READ("--log-level", "verbose"), "\"verbose\"");
    expect_refusal(READ("--log-level", "INFO"), "--log-level must be");
    expect_refusal(READ("--log-level", "information"), "--log-level must be");
    expect_refusal(READ("--log-level", "inf"), "--log-level must be");
    expect_refusal(READ("--log-level", ""), "--log-level must be");
}

Test(options, an_unknown_option_names_the_nearest) {
    expect_refusal(READ("--prot", "1"), "--port?");
    expect_refusal(READ("--prot=1"), "--port?");
    expect_refusal(READ("--database", "x"), "--database");
    expect_refusal(READ("--exlude", "x"), "--exclude?");
    expect_refusal(READ("--hlep"), "--help?");
    expect_refusal(READ("--versoin"), "--version?");
    expect_refusal(READ("--something-else"), "portd --help");
    expect_refusal(READ("-x"), "-x");
    expect_refusal(READ("-xyz"), "-x");
    expect_refusal(READ("--port", "1", "-vv"), "-v");
    expect_refusal(READ("--help=me"), "--help");
    expect_refusal(READ("--version=2"), "--version");
}

Test(options, a_value_that_is_missing_is_missed) {
    expect_refusal(READ("--port"), "--port needs a value");
    expect_refusal(READ("--port", "1", "--db"), "--db needs a value");
}

Test(options, arguments_are_none_of_portds) {
    expect_refusal(READ("start"), "\"start\"");
    expect_refusal(READ("--port", "1", "extra"), "\"extra\"");
    expect_refusal(READ("--", "extra"), "\"extra\"");
    expect_read(READ("--"));
}

Test(options, a_sentence_is_cut_to_its_room) {
    char small[16];
    memset(small, 'x', sizeof(small));
    char *argv[] = {"portd", "--log-level", "a very long level that no room is for", NULL};
    cr_expect_eq(options_read(3, argv, &options, small, sizeof(small)), OPTIONS_E_USAGE);
    cr_expect_eq(strlen(small), sizeof(small) - 1);
}

/* ---- help ---- */

Test(options, help_and_version_are_answers_of_their_own) {
    cr_expect_eq(READ("--help"), OPTIONS_E_HELP);
    cr_expect_eq(READ("-h"), OPTIONS_E_HELP);
    cr_expect_eq(READ("--port", "1", "--help"), OPTIONS_E_HELP);
    cr_expect_eq(READ("--version"), OPTIONS_E_VERSION);
    cr_expect_eq(READ("--version", "--help"), OPTIONS_E_VERSION);
    setenv("PM_API_PORT", "nonsense", 1);
    cr_expect_eq(READ("--help"), OPTIONS_E_HELP, "who asks for help has a reason to");
    cr_expect_eq(READ("--version"), OPTIONS_E_VERSION);
}

Test(options, the_help_has_every_option_its_variable_and_its_default) {
    static const char *const words[] = {
        "--port PORT", "PM_API_PORT",    "3030",       "--socket PATH",     "PM_SOCKET",    "portmanager.sock",
        "--db PATH",   "PM_DB",          "leases.db",  "--range MIN-MAX",   "PM_PORT_MIN",  "PM_PORT_MAX",
        "8000-9000",   "--exclude LIST", "PM_EXCLUDE", "--log-level LEVEL", "PM_LOG_LEVEL", "info",
        "--help",      "--version",      "portctl"};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    options_print_help(out);
    fclose(out);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        cr_expect_not_null(strstr(text, words[i]), "%s", words[i]);
    free(text);
}
