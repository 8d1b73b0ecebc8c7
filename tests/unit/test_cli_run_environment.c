/*
 * What the program of run finds in its environment: the block as it is made, and as it is applied.
 */
#include "cli/run_environment.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "src/base/json.h"

/* The value in the block, or NULL. */
static const char *find(const struct run_environment *environment, const char *name) {
    const size_t length = strlen(name);

    for (const char *at = environment->text; at < environment->text + environment->length; at += strlen(at) + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return at + length + 1;
    return NULL;
}

static void assert_url(const char *host, const char *expected) {
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};
    cr_assert_eq(run_environment_add_url(&environment, host, 8001), 0);
    cr_assert_str_eq(find(&environment, "PORTMANAGER_URL"), expected);
}

Test(cli_run_environment, the_url_is_where_one_can_connect_to) {
    assert_url(NULL, "http://localhost:8001");
    assert_url("127.0.0.1", "http://127.0.0.1:8001");
    assert_url("0.0.0.0", "http://localhost:8001");
    assert_url("::", "http://localhost:8001");
    assert_url("::1", "http://[::1]:8001");
    assert_url("app.test", "http://app.test:8001");
}

/* A lease of uid 1000 unless told otherwise. */
#define LEASE(name, port, id)     "{\"service_name\":\"" name "\",\"port\":" #port ",\"id\":" #id ",\"uid\":1000}"
#define STRANGERS(name, port, id) "{\"service_name\":\"" name "\",\"port\":" #port ",\"id\":" #id ",\"uid\":1001}"

static void add_services_in(struct run_environment *environment, const char *list, const struct scope *scope) {
    struct json_error error;
    CLEANUP(json_free_at) cJSON *leases = NULL;

    cr_assert_eq(json_parse(list, strlen(list), &leases, &error), 0, "%s", error.reason);
    cr_assert_eq(run_environment_add_services(environment, leases, 1000, scope, "web"), 0);
}

static void add_services(struct run_environment *environment, const char *list) {
    const struct scope nowhere = {0};

    add_services_in(environment, list, &nowhere);
}

Test(cli_run_environment, every_other_service_of_the_user_has_a_variable) {
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};
    add_services(&environment,
                 "[" LEASE("my-db", 8001, 1) "," LEASE("web", 8002, 2) "," STRANGERS("theirs", 8003, 3) "," LEASE(
                     "Api.v2", 8004, 4) "," LEASE("\xe3\x83\x87\xe3\x83\xbc", 8005, 5) "]");
    cr_assert_eq(environment.n_pairs, 3);
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT_MY_DB"), "8001");
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT_API_V2"), "8004");
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT___"), "8005"); /* two characters */
}

Test(cli_run_environment, of_several_leases_of_a_name_the_oldest_counts) {
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};
    add_services(&environment, "[" LEASE("db", 8001, 9) "," LEASE("db", 8002, 3) "," LEASE("db", 8003, 7) "]");
    cr_assert_eq(environment.n_pairs, 1);
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT_DB"), "8002");
}

Test(cli_run_environment, names_that_become_one_variable_are_all_left_out) {
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};
    add_services(&environment, "[" LEASE("a-b", 8001, 1) "," LEASE("a.b", 8002, 2) "," LEASE("A_B", 8003, 3) "," LEASE(
                                   "a-b", 8004, 4) "," LEASE("c", 8005, 5) "]");
    cr_assert_eq(environment.n_pairs, 1);
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT_C"), "8005");
}

#define LEASE_IN(name, port, id, project)                                                                              \
    "{\"service_name\":\"" name "\",\"port\":" #port ",\"id\":" #id ",\"uid\":1000,\"project\":\"" project "\"}"

Test(cli_run_environment, in_a_worktree_its_own_services_go_before_global_ones_and_no_others_are_told) {
    const struct scope scope = {.root = "/fix", .project = "/p", .suffix = "@fix/ui"};
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};

    add_services_in(
        &environment,
        "[" LEASE("db", 8001, 1) "," LEASE_IN("db@fix/ui", 8002, 2, "/p") "," LEASE_IN(
            "db", 8003, 3,
            "/p") "," LEASE_IN("api@fix/ui", 8004, 4,
                               "/other") "," LEASE("mail", 8005, 5) "," LEASE_IN("web@fix/ui", 8006, 6,
                                                                                 "/p") "," LEASE_IN("db@other", 8007, 7,
                                                                                                    "/p") "]",
        &scope);
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT_DB"), "8002");
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT_MAIL"), "8005");
    cr_assert_eq(environment.n_pairs, 2);
}

Test(cli_run_environment, outside_of_a_project_a_global_one_goes_before_any_projects) {
    const struct scope scope = {.root = ""};
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};

    add_services_in(&environment,
                    "[" LEASE_IN("db", 8001, 1, "/p") "," LEASE("db", 8002, 2) "," LEASE_IN("api", 8003, 3, "/p") "]",
                    &scope);
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT_DB"), "8002");
    cr_assert_str_eq(find(&environment, "PORTMANAGER_PORT_API"), "8003");
}

/* Nobody's word but portd's is expected here, and even so nothing breaks. */
Test(cli_run_environment, a_list_that_is_none_adds_nothing) {
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};
    add_services(&environment, "{}");
    add_services(&environment, "[1,null,{},{\"port\":1}]");
    cr_assert_eq(environment.n_pairs, 0);
}

Test(cli_run_environment, what_an_outer_run_left_is_forgotten) {
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};
    setenv("PORTMANAGER_PORT_OLD", "1", 1);
    setenv("PORTMANAGER_SERVICE", "outer", 1);
    setenv("PORTMANAGERS", "stays", 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDNAMES", "a", 1);
    setenv("LISTEN_ADDRESS", "stays", 1);
    setenv("PORT", "1", 1);
    setenv("HOST", "stays", 1);
    cr_assert_eq(run_environment_add_number(&environment, "PORT", 8001), 0);
    cr_assert_eq(run_environment_add(&environment, "PORTMANAGER_SERVICE", "web=x"), 0);
    cr_assert_eq(run_environment_apply(environment.text, environment.length), 0);
    cr_assert_str_eq(getenv("PORT"), "8001");
    cr_assert_str_eq(getenv("PORTMANAGER_SERVICE"), "web=x");
    cr_assert_null(getenv("PORTMANAGER_PORT_OLD"));
    cr_assert_str_eq(getenv("PORTMANAGERS"), "stays");
    cr_assert_null(getenv("LISTEN_FDS"));
    cr_assert_null(getenv("LISTEN_PID"));
    cr_assert_null(getenv("LISTEN_FDNAMES"));
    cr_assert_str_eq(getenv("LISTEN_ADDRESS"), "stays");
    cr_assert_str_eq(getenv("HOST"), "stays");
    clearenv(); /* nothing points into the block any more */
}

Test(cli_run_environment, a_block_of_thousands_of_services_is_split_again) {
    CLEANUP(run_environment_deinit) struct run_environment environment = {0};
    const char *pairs[3000];

    for (uint64_t i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof name, "NAME_%u", (unsigned)i);
        cr_assert_eq(run_environment_add_number(&environment, name, i), 0);
    }
    run_environment_split(environment.text, pairs, 3000);
    cr_assert_str_eq(pairs[0], "NAME_0=0");
    cr_assert_str_eq(pairs[2999], "NAME_2999=2999");
}
