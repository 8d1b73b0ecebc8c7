/*
 * Problems: which exit code each of portd's refusals gets, and the words it is told in.
 */
#include "cli/problem.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "probe/fd.h"

static cJSON *parse(const char *text) {
    cJSON *json = cJSON_Parse(text);
    cr_assert_not_null(json, "%s", text);
    return json;
}

/* Every type of docs/api.md with its status. */
static const struct {
    unsigned status;
    const char *type;
    enum exit_code exit_code;
} refusals[] = {
    {400, "bad-request", EXIT_NO},
    {400, "malformed-json", EXIT_NO},
    {400, "unknown-parameter", EXIT_NO},
    {400, "missing-parameter", EXIT_NO},
    {403, "forbidden-host", EXIT_NOT_ALLOWED},
    {403, "forbidden-origin", EXIT_NOT_ALLOWED},
    {403, "forbidden-site", EXIT_NOT_ALLOWED},
    {403, "unknown-caller", EXIT_NOT_ALLOWED},
    {403, "not-yours", EXIT_NOT_ALLOWED},
    {403, "port-privileged", EXIT_NOT_ALLOWED},
    {404, "no-such-path", EXIT_NO},
    {404, "no-such-lease", EXIT_NO},
    {405, "method-not-allowed", EXIT_NO},
    {409, "port-taken", EXIT_TAKEN},
    {409, "port-leased", EXIT_TAKEN},
    {409, "reserved-for-portd", EXIT_TAKEN},
    {409, "lease-held", EXIT_TAKEN},
    {409, "lease-mismatch", EXIT_NO},
    {413, "body-too-large", EXIT_NO},
    {415, "not-json", EXIT_NO},
    {422, "invalid-value", EXIT_USAGE},
    {422, "unknown-key", EXIT_USAGE},
    {422, "missing-key", EXIT_USAGE},
    {422, "invalid-pid", EXIT_USAGE},
    {500, "internal", EXIT_NO},
    {503, "range-full", EXIT_TAKEN},
    {507, "not-stored", EXIT_NO},
};

Test(cli_problem, each_refusal_has_its_exit_code) {
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        CLEANUP(problem_deinit) struct problem problem = {0};
        char text[128];

        snprintf(text, sizeof(text), "{\"type\":\"urn:portmanager:problem:%s\",\"detail\":\"No.\"}", refusals[i].type);
        cr_assert_eq(problem_fill_reply(&problem, refusals[i].status, parse(text)), PROBLEM_E_SET);
        cr_assert_eq(problem.exit_code, refusals[i].exit_code, "%s: %d", refusals[i].type, (int)problem.exit_code);
        cr_assert_str_eq(problem.type, refusals[i].type);
        cr_assert_eq(problem.status, refusals[i].status);
    }
}

Test(cli_problem, a_status_without_a_document_is_told_by_its_number) {
    CLEANUP(problem_deinit) struct problem problem = {0};

    problem_fill_reply(&problem, 503, NULL);
    cr_assert_eq(problem.exit_code, EXIT_TAKEN);
    cr_assert_str_eq(problem.detail, "the server answered with HTTP status 503 and no reason");
}

Test(cli_problem, a_document_of_wrong_types_is_no_reason) {
    static const char *const documents[] = {"[]", "\"x\"", "null", "{\"detail\":5,\"type\":[],\"hint\":{}}"};

    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        CLEANUP(problem_deinit) struct problem problem = {0};
        problem_fill_reply(&problem, 500, parse(documents[i]));
        cr_assert_str_eq(problem.detail, "the server answered with HTTP status 500 and no reason");
        cr_assert_str_eq(problem.hint, "");
    }
}

static void assert_formats(const char *detail, const char *expected) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    char text[PROBLEM_DETAIL_MAX];

    problem_fill(&problem, EXIT_NO, "x", "%s", detail);
    problem_format(&problem, text);
    cr_assert_str_eq(text, expected);
}

Test(cli_problem, a_sentence_goes_on_behind_portctls_name) {
    assert_formats("Port 8001 is leased to my-api (ann).", "port 8001 is leased to my-api (ann)");
    assert_formats("TTL is too long.", "TTL is too long");
    assert_formats("wait...", "wait...");
    assert_formats("", "");
    assert_formats(".", ".");
    assert_formats("P", "P");
}

Test(cli_problem, what_a_server_says_cannot_drive_the_terminal) {
    CLEANUP(problem_deinit) struct problem problem = {0};

    problem_fill_reply(&problem, 409,
                       parse("{\"type\":\"\\u001b[2J\",\"detail\":\"\\u001b[31m\\u009b\",\"hint\":\"\\n\"}"));
    cr_assert_str_eq(problem.detail, "?[31m?");
    cr_assert_str_eq(problem.hint, "?");
    cr_assert_str_eq(problem.type, "?[2J");
}

Test(cli_problem, a_sentence_that_is_too_long_is_cut) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    char text[3000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    problem_fill(&problem, EXIT_NO, text, "%s", text);
    problem_set_hint(&problem, "%s", text);
    cr_assert_eq(strlen(problem.detail), sizeof(problem.detail) - 1);
    cr_assert_eq(strlen(problem.hint), sizeof(problem.hint) - 1);
}

Test(cli_problem, it_is_told_in_two_lines_on_standard_error, .init = cr_redirect_stderr) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    const struct output output = {0};

    problem_fill_reply(&problem, 409,
                       parse("{\"type\":\"urn:portmanager:problem:port-leased\","
                             "\"detail\":\"Port 1 is leased.\",\"hint\":\"portctl list\"}"));
    cr_assert_eq(problem_report(&problem, &output), EXIT_TAKEN);
    cr_assert_stderr_eq_str("portctl: port 1 is leased\n  hint: portctl list\n");
}

Test(cli_problem, with_json_portds_document_is_told_as_it_came, .init = cr_redirect_stderr) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    const struct output output = {.json = true};

    problem_fill_reply(&problem, 409, parse("{\"type\":\"urn:x\", \"detail\":\"No.\", \"listeners\":[]}"));
    cr_assert_eq(problem_report(&problem, &output), EXIT_TAKEN);
    cr_assert_stderr_eq_str("{\"type\":\"urn:x\",\"detail\":\"No.\",\"listeners\":[]}\n");
}

Test(cli_problem, with_json_portctls_own_has_the_same_form, .init = cr_redirect_stderr) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    const struct output output = {.json = true};

    problem_fill_usage(&problem, "no \"%s\"", "such");
    problem_set_hint(&problem, "try");
    cr_assert_eq(problem_report(&problem, &output), EXIT_USAGE);
    cr_assert_stderr_eq_str(
        "{\"type\":\"urn:portmanager:problem:usage\",\"detail\":\"no \\\"such\\\"\",\"hint\":\"try\"}\n");
}

Test(cli_problem, one_replaces_the_other) {
    CLEANUP(problem_deinit) struct problem problem = {0};

    problem_fill_reply(&problem, 409, parse("{\"detail\":\"No.\",\"hint\":\"h\"}"));
    problem_fill(&problem, EXIT_NO, "internal", "other");
    cr_assert_null(problem.document);
    cr_assert_eq(problem.status, 0);
    cr_assert_str_eq(problem.hint, "");
}
