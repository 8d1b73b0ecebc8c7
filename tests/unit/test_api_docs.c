/*
 * docs/api.md and the code say the same: the calls, the problems, and the keys of a lease, each compared in both directions, so
 * that neither can grow without the other.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/problem.h"
#include "tests/support/fake_daemon.h"

#define N_KINDS (PROBLEM_NOT_STORED + 1U)

/* ---- the document ---- */

static char *document;

/* This file's own place leads to the root of the repository. */
static void set_up(void) {
    static const char own[] = "tests/unit/test_api_docs.c";
    const char *file_name = __FILE__;
    char path[PATH_MAX];
    const int root = (int)strlen(file_name) - (int)strlen(own);
    cr_assert(root >= 0 && strcmp(file_name + root, own) == 0, "%s", file_name);
    snprintf(path, sizeof(path), "%.*sdocs/api.md", root, file_name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    document = calloc(1, 1 << 20);
    cr_assert_gt(fread(document, 1, (1 << 20) - 1, file), 1000);
    fclose(file);
}

static void tear_down(void) {
    free(document);
}

TestSuite(api_docs, .init = set_up, .fini = tear_down);

/* Copies a section, from its heading line to the next one of the same or a higher rank; the caller's to free(). */
static char *copy_section(const char *heading) {
    char *begin = document;
    const size_t rank = strspn(heading, "#");
    do {
        begin = strstr(begin, heading);
        cr_assert_not_null(begin, "no \"%s\"", heading);
        begin += strlen(heading);
    } while (begin[0] != '\n');
    char *end = begin;
    do {
        end = strstr(end + 1, "\n#");
    } while (end && strspn(end + 1, "#") > rank);
    return end ? strndup(begin, (size_t)(end - begin)) : strdup(begin);
}

/* Takes the text between the next pair of backquotes out of *at, up to the end of its line; NULL: there is none. */
static char *take_quoted(char **at) {
    char *begin = *at + strcspn(*at, "`\n");
    if (*begin != '`')
        return NULL;
    char *end = begin + 1 + strcspn(begin + 1, "`\n");
    cr_assert_eq(*end, '`', "an open backquote: %.40s", begin);
    *end = '\0';
    *at = end + 1;
    return begin + 1;
}

/* ---- problems ---- */

static bool is_documented_problem(int status, const char *name) {
    char *section = copy_section("## Errors");
    bool found = false;
    for (char *line = strtok(section, "\n"); line; line = strtok(NULL, "\n")) {
        char quoted[96];
        snprintf(quoted, sizeof(quoted), "`%s`", name);
        found = found || (sscanf(line, "| %*d |%*c") == 0 && atoi(line + 2) == status && strstr(line, quoted));
    }
    free(section);
    return found;
}

Test(api_docs, every_problem_of_the_code_is_in_the_table) {
    for (unsigned kind = 0; kind < N_KINDS; kind++)
        cr_expect(is_documented_problem(problem_status(kind), problem_name(kind)), "%d %s", problem_status(kind),
                  problem_name(kind));
}

Test(api_docs, every_problem_of_the_table_is_in_the_code) {
    char *section = copy_section("## Errors");
    unsigned n_found = 0;
    for (char *line = strchr(section, '\n'); line; line = strchr(line, '\n')) {
        line++;
        int status = 0;
        if (sscanf(line, "| %d |", &status) != 1)
            continue;
        /* The second cell alone: the third is prose. */
        char *at = strchr(line + 2, '|') + 1;
        char *end = strchr(at, '|');
        cr_assert_not_null(end);
        *end = '\0';
        for (const char *name = take_quoted(&at); name; name = take_quoted(&at)) {
            bool known = false;
            for (unsigned kind = 0; kind < N_KINDS; kind++)
                known = known || (problem_status(kind) == status && strcmp(problem_name(kind), name) == 0);
            cr_expect(known, "%d %s", status, name);
            n_found++;
        }
        line = end + 1;
    }
    cr_expect_eq(n_found, N_KINDS, "%u", n_found);
    free(section);
}

Test(api_docs, every_problem_has_a_name_of_its_own_and_a_status_of_an_error) {
    for (unsigned kind = 0; kind < N_KINDS; kind++) {
        cr_expect(problem_status(kind) >= 400 && problem_status(kind) < 600, "%s", problem_name(kind));
        cr_expect_eq(strspn(problem_name(kind), "abcdefghijklmnopqrstuvwxyz-"), strlen(problem_name(kind)));
        for (unsigned other = 0; other < kind; other++)
            cr_expect_str_neq(problem_name(kind), problem_name(other));
    }
}

/* Refusals are also named in the prose of a call; a name that does not exist would send a reader astray. */
Test(api_docs, every_problem_that_the_prose_names_exists) {
    for (char *at = document; (at = strstr(at, "urn:portmanager:problem:"));) {
        char name[64];
        bool known = false;
        at += strlen("urn:portmanager:problem:");
        cr_assert_eq(sscanf(at, "%63[a-z-]", name), 1);
        for (unsigned kind = 0; kind < N_KINDS; kind++)
            known = known || strcmp(problem_name(kind), name) == 0;
        cr_expect(known, "%s", name);
    }
}

/* ---- calls ---- */

/* The headings of the calls: "### POST /release, POST /heartbeat", "### GET /lookup?service=NAME". */
static bool is_documented_call(const struct api_route *route) {
    char *section = copy_section("## Calls");
    bool found = false;
    char call[96];
    snprintf(call, sizeof(call), "%s %s%s%s", route->method, route->path, route->parameters[0] ? "?" : "",
             route->parameters[0] ? route->parameters[0] : "");
    for (char *line = strtok(section, "\n"); line; line = strtok(NULL, "\n")) {
        const char *at = strncmp(line, "### ", 4) == 0 ? strstr(line, call) : NULL;
        found = found || (at && strchr(",=", at[strlen(call)]));
    }
    free(section);
    return found;
}

Test(api_docs, every_route_of_the_code_has_a_heading) {
    size_t n_routes;
    const struct api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++) {
        cr_expect(is_documented_call(&routes[i]), "%s %s", routes[i].method, routes[i].path);
        cr_expect_gt(strlen(routes[i].summary), 0);
    }
}

static bool is_route(const char *method, const char *path, const char *parameter) {
    size_t n_routes;
    const struct api_route *routes = api_routes(&n_routes);
    for (size_t i = 0; i < n_routes; i++) {
        const char *own = routes[i].parameters[0] ? routes[i].parameters[0] : "";
        if (strcmp(routes[i].method, method) == 0 && strcmp(routes[i].path, path) == 0 && strcmp(own, parameter) == 0)
            return true;
    }
    return false;
}

Test(api_docs, every_heading_is_a_route_of_the_code) {
    char *section = copy_section("## Calls");
    unsigned n_found = 0;
    for (char *line = strtok(section, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "### ", 4) != 0)
            continue;
        for (char *at = line + 4; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL) {
            char method[16];
            char path[32];
            char parameter[32] = "";
            cr_assert_geq(sscanf(at, "%15[A-Z] %31[^?, ]?%31[^=, ]", method, path, parameter), 2, "%s", at);
            cr_expect(is_route(method, path, parameter), "%s %s?%s", method, path, parameter);
            n_found++;
        }
    }
    cr_expect_geq(n_found, 8, "%u", n_found);
    free(section);
}

/* ---- keys ---- */

/* The first column of a section's table, as names between blanks: " port service_name ". */
static void list_keys(const char *heading, char *ret_keys) {
    char *section = copy_section(heading);
    char *next;
    strcpy(ret_keys, " ");
    for (char *line = section; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (strncmp(line, "| `", 3) != 0)
            continue;
        char *at = line;
        strcat(ret_keys, take_quoted(&at));
        strcat(ret_keys, " ");
    }
    free(section);
}

static bool is_in(const char *keys, const char *key) {
    char word[64];
    snprintf(word, sizeof(word), " %s ", key);
    return strstr(keys, word) != NULL;
}

Test(api_docs, a_lease_has_the_keys_of_its_table) {
    struct fake_daemon daemon;
    char keys[1024];
    unsigned n_documented = 0;
    list_keys("## A lease", keys);
    fake_daemon_start(&daemon);
    struct fake_reply reply = fake_daemon_call(&daemon, ANN, "/alloc", "{\"service_name\":\"web\"}");
    const cJSON *lease = fake_reply_get(&reply, "lease");
    const cJSON *member;
    cJSON_ArrayForEach(member, lease) cr_expect(is_in(keys, member->string), "%s is not documented", member->string);
    for (const char *word = strtok(keys, " "); word; word = strtok(NULL, " ")) {
        cr_expect_not_null(cJSON_GetObjectItemCaseSensitive(lease, word), "%s is not there", word);
        n_documented++;
    }
    cr_expect_eq(n_documented, 19);
    fake_reply_deinit(&reply);
    fake_daemon_stop(&daemon);
}

Test(api_docs, an_alloc_takes_the_keys_of_its_table) {
    struct fake_daemon daemon;
    char keys[1024];
    unsigned n_documented = 0;
    list_keys("### POST /alloc", keys);
    fake_daemon_start(&daemon);
    for (const char *word = strtok(keys, " "); word; word = strtok(NULL, " ")) {
        char body[128];
        snprintf(body, sizeof(body), "{\"%s\":null}", word);
        struct fake_reply reply = fake_daemon_call(&daemon, ANN, "/alloc", body);
        cr_expect_str_eq(reply.type, "missing-key", "%s: %s", word, reply.type);
        fake_reply_deinit(&reply);
        n_documented++;
    }
    cr_expect_eq(n_documented, 12);
    fake_daemon_stop(&daemon);
}

/* The keys stand in a sentence: `{"status": "ok", "range": {"min", "max"}}`. What follows ": " is a value. */
static void expect_keys_of(const cJSON *json, const char *sentence) {
    const cJSON *member;
    cJSON_ArrayForEach(member, json) {
        char quoted[64];
        snprintf(quoted, sizeof(quoted), "\"%s\"", member->string);
        cr_expect_not_null(strstr(sentence, quoted), "%s is not documented", member->string);
    }
    for (const char *at = sentence; (at = strchr(at, '"'));) {
        char key[64] = "";
        const bool is_value = at > sentence && at[-1] == ' ' && at[-2] == ':';
        sscanf(at, "\"%63[a-z_]\"", key);
        if (!is_value && strcmp(key, "min") != 0 && strcmp(key, "max") != 0)
            cr_expect_not_null(cJSON_GetObjectItemCaseSensitive(json, key), "\"%s\" is not there", key);
        at = strchr(at + 1, '"');
        cr_assert_not_null(at);
        at++;
    }
}

Test(api_docs, status_health_and_lookup_have_the_keys_of_their_sentences) {
    static const char *const rows[][2] = {
        {"### GET /lookup?service=NAME", "/lookup?service=web"},
        {"### GET /status", "/status"},
        {"### GET /healthz", "/healthz"},
    };
    struct fake_daemon daemon;
    fake_daemon_start(&daemon);
    for (size_t i = 0; i < 3; i++) {
        char *section = copy_section(rows[i][0]);
        char *begin = strstr(section, "200 `{");
        cr_assert_not_null(begin, "%s", rows[i][0]);
        char *end = strchr(begin + 5, '`');
        cr_assert_not_null(end);
        *end = '\0';
        struct fake_reply reply = fake_daemon_call(&daemon, ANN, rows[i][1], NULL);
        expect_keys_of(reply.json, begin);
        fake_reply_deinit(&reply);
        free(section);
    }
    fake_daemon_stop(&daemon);
}
