/*
 * portmanager.json: what is read, and what is said of what is not right.
 */
#include "cli/project.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/project_keys.h"
#include "probe/fd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"

#define FILE_PATH SANDBOX_DIR "/" SCOPE_FILE

static const struct scope scope = {.root = SANDBOX_DIR, .project = SANDBOX_DIR, .has_file = true};

static void enter(void) {
    sandbox_enter();
}

TestSuite(cli_project, .init = enter);

static void read_text(const char *text, struct project *ret_project) {
    CLEANUP(problem_deinit) struct problem problem = {0};

    file_write_text(FILE_PATH, text);
    cr_assert_eq(project_read(&scope, ret_project, &problem), 0, "%s", problem.detail);
}

/* On the last place where `mark` stands in the text, which is on one line. */
static void assert_refused(const char *text, const char *mark, const char *sentence, const char *hint) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    struct project project = {0};
    char detail[PROBLEM_DETAIL_MAX];
    const char *at = NULL;

    for (const char *next = strstr(text, mark); next != NULL; next = strstr(next + 1, mark))
        at = next;
    cr_assert_not_null(at, "%s is not in %s", mark, text);
    snprintf(detail, sizeof detail, SCOPE_FILE ":1:%zu: %s", (size_t)(at - text) + 1, sentence);

    file_write_text(FILE_PATH, text);
    cr_assert_eq(project_read(&scope, &project, &problem), PROBLEM_E_SET, "%s", text);
    cr_assert_eq(problem.exit_code, EXIT_USAGE);
    cr_assert_str_eq(problem.detail, detail);
    cr_assert_str_eq(problem.hint, hint);
    cr_assert_null(project.services);
}

#define SERVICE(members) "{\"services\":{\"web\":{" members "}}}"

Test(cli_project, the_example_of_the_manual_is_read) {
    CLEANUP(project_deinit) struct project project = {0};
    const struct project_service *web;

    read_text(project_example(), &project);
    cr_assert_str_eq(project.env_file, ".env");
    cr_assert_eq(project.n_services, 3);
    web = project_find(&project, "web");
    cr_assert_not_null(web);
    cr_assert_eq(web->n_variables, 2);
    cr_assert_str_eq(web->variables[1], "HMR_PORT");
    cr_assert_eq(web->n_prefer, 2);
    cr_assert_eq(web->prefer[0], 3000);
    cr_assert_eq(web->prefer[1], 0);
    cr_assert_eq(web->n_tags, 1);
    cr_assert_eq(web->ttl_seconds, 0);
    cr_assert_str_eq(web->command[0], "npm");
    cr_assert_str_eq(web->command[4], "--port");
    cr_assert_str_eq(web->command[5], "{WEB_PORT}");
    cr_assert_null(web->command[6]);
    cr_assert_eq(project_find(&project, "db")->ttl_seconds, 7 * 24 * 3600);
    cr_assert_str_eq(project_find(&project, "worker")->command[1], "worker.py");
    cr_assert_null(project_find(&project, "wbe"));
}

Test(cli_project, who_says_nothing_gets_a_variable_by_the_name) {
    CLEANUP(project_deinit) struct project project = {0};

    read_text("{\"$schema\":\"x\",\"services\":{\"my-db.v2\":{},\"2nd\":{}}}", &project);
    cr_assert_str_eq(project.services[0].variables[0], "MY_DB_V2_PORT");
    cr_assert_str_eq(project.services[1].variables[0], "_2ND_PORT");
    cr_assert_null(project.env_file);
    cr_assert_null(project.services[0].command);
}

Test(cli_project, a_command_that_a_shell_would_read_goes_to_one) {
    CLEANUP(project_deinit) struct project project = {0};

    read_text("{\"services\":{\"a\":{\"command\":\"  vite   --port={PORT} \"},\"b\":{\"command\":\"cd x && vite\"},"
              "\"c\":{\"command\":\"NODE_ENV=test vite\"},\"d\":{\"command\":[\"a b\",\"\"]},\"e\":{\"command\":\" "
              "exec vite\"}}}",
              &project);
    cr_assert_str_eq(project.services[0].command[0], "vite");
    cr_assert_str_eq(project.services[0].command[1], "--port={PORT}");
    cr_assert_null(project.services[0].command[2]);
    cr_assert_str_eq(project.services[1].command[0], "/bin/sh");
    cr_assert_str_eq(project.services[1].command[2], "cd x && vite");
    cr_assert_str_eq(project.services[2].command[0], "/bin/sh");
    cr_assert_str_eq(project.services[3].command[0], "a b");
    cr_assert_str_eq(project.services[3].command[1], "");
    cr_assert_null(project.services[3].command[2]);
    cr_assert_str_eq(project.services[4].command[0], "/bin/sh");
}

static void assert_said(const char *text, const char *detail, const char *hint) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    struct project project = {0};

    file_write_text(FILE_PATH, text);
    cr_assert_eq(project_read(&scope, &project, &problem), PROBLEM_E_SET, "%s", text);
    cr_assert_str_eq(problem.detail, detail);
    cr_assert_str_eq(problem.hint, hint);
}

Test(cli_project, what_is_no_json_is_told_by_line_and_column) {
    assert_said("{\n  \"services\": {\n    \"w\xc3\xa4\": {},\n  }\n}", "portmanager.json:4:3: not JSON",
                "there may be a comma too many before it");
    assert_said("{ // x\n}", "portmanager.json:1:3: not JSON", "JSON has no comments");
    assert_said("{'a':1}", "portmanager.json:1:2: not JSON", "JSON's quotes are \"");
    assert_said("{\"services\":{\n\"a\":{},\n\t\"a\":{}}}", "portmanager.json:3:2: the key \"a\" stands twice", "");
    assert_said("", "portmanager.json:1:1: empty", "");
    assert_said("{\"services\":{\"\xff\":{}}}", "portmanager.json: not UTF-8", "");
}

/* As an editor counts, whatever the lines end with and stand under. */
Test(cli_project, what_is_wrong_in_json_is_told_by_line_and_column) {
    assert_said("{\r\n\t\"services\": {\r\n\t\t\"w\xc3\xa4\": {\"tags\": [\"\\\"\"], \"prefer\": 70000}\r\n\t}\r\n}",
                "portmanager.json:3:36: services.w\xc3\xa4.prefer: 70000 is no port: they go from 1 to 65535", "");
    assert_said(
        "{\n  \"env_file\": \".env\",\n  \"services\": {\n    \"web\": {},\n    \"api\": {\n      \"variables\":\n"
        "        [\"A\", \"WEB_PORT\"]\n    }\n  }\n}",
        "portmanager.json:7:15: the services \"web\" and \"api\" have one variable, WEB_PORT",
        "each variable tells one port: \"variables\" gives others");
}

Test(cli_project, unknown_keys_are_told_with_the_nearest) {
    assert_refused("{\"service\":{}}", "\"service\"", "the file has no key \"service\"", "did you mean \"services\"?");
    assert_refused(SERVICE("\"prefered\":1"), "\"prefered\"", "services.web has no key \"prefered\"",
                   "did you mean \"prefer\"?");
    assert_refused(SERVICE("\"zzz\":1"), "\"zzz\"", "services.web has no key \"zzz\"",
                   "it takes variables, prefer, tags, ttl or command");
}

Test(cli_project, wrong_values_are_told_with_their_place) {
    assert_refused("[]", "[]", "the file holds an array, and not an object", "");
    assert_refused("{}", "{}", "services: is missing, or no object", "");
    assert_refused("{\"services\":[]}", "[]", "services: is missing, or no object", "");
    assert_refused("{\"services\":{}}", "{}}", "services: is empty", "");
    assert_refused("{\"services\":{\"web\":1}}", "1}}", "services.web: a service is an object, not a number", "");
    assert_refused("{\"services\":{\"\":{}}}", "\"\":{",
                   "services: \"\" is no service's name: 1 to 118 bytes without control characters", "");
    assert_refused("{\"services\":{\"web@x\":{}}}", "\"web@x\"",
                   "services: \"web@x\" has an @: behind that stands the branch of a worktree", "");
    assert_refused("{\"services\":{\"8080\":{}}}", "\"8080\"",
                   "services: \"8080\" has the form of a port: a name has a letter in it", "");
    assert_refused(SERVICE("\"prefer\":70000"), "70000",
                   "services.web.prefer: 70000 is no port: they go from 1 to 65535", "");
    assert_refused(SERVICE("\"prefer\":80.5"), "80.5", "services.web.prefer: 80.5 is no port: they go from 1 to 65535",
                   "");
    assert_refused(SERVICE("\"prefer\":\"80\""), "\"80\"", "services.web.prefer: a port is a number, not a string", "");
    assert_refused(SERVICE("\"prefer\":[80,81]"), "81]",
                   "services.web.prefer: there are more ports than variables, of which the service has 1", "");
    assert_refused(SERVICE("\"variables\":[\"A\",\"B\"],\"prefer\":[80,80]"), "80]",
                   "services.web.prefer: 80 is there twice", "");
    assert_refused(SERVICE("\"variables\":[]"), "[]", "services.web.variables: is empty", "");
    assert_refused(SERVICE("\"variables\":1"), "1}",
                   "services.web.variables: a variable's name is a text, not a number", "");
    assert_refused(SERVICE("\"variables\":\"A-B\""), "\"A-B\"",
                   "services.web.variables: \"A-B\" is no variable's name: letters, digits and _, no digit first", "");
    assert_refused(SERVICE("\"variables\":\"PATH\""), "\"PATH\"",
                   "services.web.variables: \"PATH\" is a variable that programs need for something else", "");
    assert_refused(SERVICE("\"variables\":[\"A\",\"A\"]"), "\"A\"]",
                   "services.web.variables: \"A\" is there twice: each variable tells one port", "");
    assert_refused(SERVICE("\"tags\":[\"a\\nb\"]"), "\"a\\nb\"",
                   "services.web.tags: a tag is a text of 1 to 64 bytes without control characters", "");
    assert_refused(SERVICE("\"ttl\":\"5x\""), "\"5x\"", "services.web.ttl: \"5x\" is no time",
                   "a number of seconds, or a text: \"90s\", \"5m\", \"2h\" or \"1d\"");
    assert_refused(SERVICE("\"ttl\":0"), "0}", "services.web.ttl: is no time",
                   "a number of seconds, or a text: \"90s\", \"5m\", \"2h\" or \"1d\"");
    assert_refused(SERVICE("\"command\":\" \""), "\" \"", "services.web.command: is empty", "");
    assert_refused(SERVICE("\"command\":[]"), "[]", "services.web.command: is empty", "");
    assert_refused(SERVICE("\"command\":[1]"), "1]", "services.web.command: a program and its arguments are texts", "");
    assert_refused(SERVICE("\"command\":true"), "true", "services.web.command: is a text, or an array of texts", "");
}

/* They would be ___PORT, and so would any other name of two such signs. */
Test(cli_project, a_name_without_ascii_makes_no_variable) {
    assert_refused("{\"services\":{\"\xe6\x97\xa5\xe6\x9c\xac\":{}}}", "\"\xe6\x97\xa5",
                   "services.\xe6\x97\xa5\xe6\x9c\xac: has no ASCII letter or digit to make a variable of",
                   "\"variables\" names one");
}

Test(cli_project, two_services_cannot_have_one_variable) {
    assert_refused("{\"services\":{\"web\":{\"variables\":[\"X\",\"P\"]},\"api\":{\"variables\":\"P\"}}}", "\"P\"}",
                   "the services \"web\" and \"api\" have one variable, P",
                   "each variable tells one port: \"variables\" gives others");
    assert_refused("{\"services\":{\"a-b\":{},\"a.b\":{}}}", "\"a.b\"",
                   "the services \"a-b\" and \"a.b\" have one variable, A_B_PORT",
                   "each variable tells one port: \"variables\" gives others");
}

Test(cli_project, the_env_file_stays_in_the_project) {
    static const char *const paths[] = {"", "/etc/x", "../x", "a/../../x", "a/", "..", "\\u001b]0;x\\u0007.env"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char text[128];
        char detail[128];

        snprintf(text, sizeof text, "{\"services\":{\"web\":{}},\"env_file\":\"%s\"}", paths[i]);
        snprintf(detail, sizeof detail, "env_file: \"%s\" is no file in the project's folder",
                 paths[i][0] == '\\' ? "?]0;x?.env" : paths[i]);
        assert_refused(text, strstr(text, "file\":") + strlen("file\":"), detail, "");
    }
    assert_refused("{\"services\":{\"web\":{}},\"env_file\":1}", "1}", "env_file: is a text, not a number", "");
}

static void append_services(char *text, int n, const char *members) {
    strcpy(text, "{\"services\":{");
    for (int i = 0; i < n; i++)
        sprintf(text + strlen(text), "%s\"s%d\":{%s}", i > 0 ? "," : "", i, members);
    strcat(text, "}}");
}

Test(cli_project, there_are_limits) {
    static char text[65536];
    CLEANUP(project_deinit) struct project project = {0};

    append_services(text, PROJECT_SERVICES_MAX, "");
    read_text(text, &project);
    cr_assert_eq(project.n_services, PROJECT_SERVICES_MAX);
    append_services(text, PROJECT_SERVICES_MAX + 1, "");
    assert_refused(text, "\"s64\"", "services: are more than 64", "");
}

Test(cli_project, a_huge_file_is_not_read) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    struct project project = {0};

    file_write_text(FILE_PATH, "{");
    cr_assert_eq(truncate(FILE_PATH, 10 << 20), 0);
    cr_assert_eq(project_read(&scope, &project, &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, SCOPE_FILE ": has 10485760 bytes; more than 1048576 are no project file");
}

Test(cli_project, without_a_file_it_is_said_where_to_read) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    const struct scope nowhere = {0};
    struct project project = {0};

    cr_assert_eq(project_read(&nowhere, &project, &problem), PROBLEM_E_SET);
    cr_assert_eq(problem.exit_code, EXIT_NO);
    cr_assert_str_eq(problem.detail, "there is no portmanager.json here or in a folder above");
}

Test(cli_project, an_unknown_service_is_told_with_the_nearest) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(project_deinit) struct project project = {0};

    read_text("{\"services\":{\"web\":{},\"api\":{}}}", &project);
    cr_assert_eq(project_refuse_service(&project, "wbe", &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, "portmanager.json has no service 'wbe'");
    cr_assert_str_eq(problem.hint, "did you mean web?");
}

/* Every prefix of a file is refused with a place, and nothing is lost or read twice. */
Test(cli_project, a_file_that_is_cut_anywhere_is_refused) {
    const char *whole = project_example();
    char text[2048];

    for (size_t length = 0; length + 2 < strlen(whole); length++) {
        CLEANUP(problem_deinit) struct problem problem = {0};
        CLEANUP(project_deinit) struct project project = {0};

        snprintf(text, sizeof text, "%.*s", (int)length, whole);
        file_write_text(FILE_PATH, text);
        cr_assert_eq(project_read(&scope, &project, &problem), PROBLEM_E_SET, "%s", text);
        cr_assert_eq(strncmp(problem.detail, SCOPE_FILE ":", strlen(SCOPE_FILE ":")), 0, "%s", problem.detail);
        cr_assert_neq(problem.detail[strlen(SCOPE_FILE ":")], ' ', "%s", problem.detail);
    }
}
