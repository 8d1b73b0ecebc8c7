/*
 * Leases as portd's JSON tells them: what is read, what is refused, and how it is shown.
 */
#include "cli/lease_view.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>

#include "src/base/json.h"

#define LEASE                                                                                                          \
    "\"port\":8001,\"service_name\":\"my-db\",\"allocated_at\":\"2026-01-02T03:04:05.678Z\","                          \
    "\"last_heartbeat\":\"2026-01-02T03:04:05.678Z\",\"ttl_seconds\":300,\"tags\":[\"dev\",\"blue\"],\"id\":7,"        \
    "\"uid\":1000,\"user\":\"ann\",\"state\":\"pending\",\"kept_by\":\"ttl\","                                         \
    "\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":299,\"holder\":null,\"project\":null"

static cJSON *parse(const char *text) {
    cJSON *json = cJSON_Parse(text);
    cr_assert_not_null(json, "%s", text);
    return json;
}

Test(cli_lease_view, all_of_a_lease_is_read) {
    CLEANUP(json_free_at) cJSON *json = parse("{" LEASE "}");
    struct lease_view view;

    cr_assert(lease_view_read(json, &view));
    cr_assert_eq(view.port, 8001);
    cr_assert_eq(view.id, 7);
    cr_assert_eq(view.uid, 1000);
    cr_assert_eq(view.ttl_seconds, 300);
    cr_assert(view.expires);
    cr_assert_eq(view.expires_in_seconds, 299);
    cr_assert_eq(view.holder_pid, 0);
    cr_assert_str_eq(view.service_name, "my-db");
    cr_assert_str_eq(view.kept_by, "ttl");
}

Test(cli_lease_view, what_is_no_lease_is_refused) {
    static const char *const wrong[] = {
        "[]",
        "5",
        "{}",
        "{\"port\":0,\"service_name\":\"x\",\"id\":1,\"uid\":1}",
        "{\"port\":65536,\"service_name\":\"x\",\"id\":1,\"uid\":1}",
        "{\"port\":1.5,\"service_name\":\"x\",\"id\":1,\"uid\":1}",
        "{\"port\":\"8001\",\"service_name\":\"x\",\"id\":1,\"uid\":1}",
        "{\"port\":1,\"service_name\":null,\"id\":1,\"uid\":1}",
        "{\"port\":1,\"service_name\":\"x\",\"id\":-1,\"uid\":1}",
        "{\"port\":1,\"service_name\":\"x\",\"id\":1,\"uid\":4294967296}",
        "{\"port\":1,\"service_name\":\"x\",\"id\":1}",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CLEANUP(json_free_at) cJSON *json = parse(wrong[i]);
        struct lease_view view = {.port = 4711};
        cr_assert_not(lease_view_read(json, &view), "%s", wrong[i]);
        cr_assert_eq(view.port, 4711);
    }
    cr_assert_not(lease_view_read(NULL, &(struct lease_view){0}));
}

Test(cli_lease_view, four_members_are_enough) {
    CLEANUP(json_free_at) cJSON *json = parse("{\"port\":1,\"service_name\":\"x\",\"id\":1,\"uid\":1000,\"tags\":5}");
    struct lease_view view;
    char text[LEASE_LIFE_MAX];

    cr_assert(lease_view_read(json, &view));
    lease_view_format_life(&view, text);
    cr_assert_str_eq(text, "kept");
    lease_view_format_user(&view, text);
    cr_assert_str_eq(text, "1000");
}

static void assert_life(const char *members, const char *expected) {
    char text[512];
    struct lease_view view;
    char life[LEASE_LIFE_MAX];

    snprintf(text, sizeof(text), "{\"port\":1,\"service_name\":\"x\",\"id\":1,\"uid\":1,%s}", members);
    CLEANUP(json_free_at) cJSON *json = parse(text);
    cr_assert(lease_view_read(json, &view));
    lease_view_format_life(&view, life);
    cr_assert_str_eq(life, expected);
}

Test(cli_lease_view, a_sentence_says_how_long_it_lives) {
    assert_life("\"kept_by\":\"ttl\",\"expires_in_seconds\":300", "expires in 5m00s");
    assert_life("\"kept_by\":\"ttl\",\"expires_in_seconds\":0", "expires in 0s");
    assert_life("\"kept_by\":\"holder\",\"expires_in_seconds\":null,\"holder\":{\"pid\":4711}",
                "kept while pid 4711 lives");
    assert_life("\"kept_by\":\"listener\",\"holder\":{\"pid\":4711}", "kept while its port listens");
    assert_life("\"holder\":[]", "kept");
}

/* Prints two leases to standard output. */
static void print_two(const struct output *output) {
    CLEANUP(json_free_at) cJSON *first = parse("{" LEASE "}");
    CLEANUP(json_free_at)
    cJSON *second = parse("{\"port\":65535,\"service_name\":\"x\",\"id\":8,\"uid\":5,\"kept_by\":\"listener\","
                          "\"state\":\"bound\",\"user\":null}");
    struct lease_view views[2];

    cr_assert(lease_view_read(first, &views[0]) && lease_view_read(second, &views[1]));
    cr_assert_eq(lease_views_print(views, 2, output, stdout), 0);
    fflush(stdout);
}

Test(cli_lease_view, in_a_pipe_it_is_ten_columns_of_the_apis_words, .init = cr_redirect_stdout) {
    print_two(&(struct output){.width = 20});
    cr_assert_stdout_eq_str(
        "8001\tmy-db\tpending\tann\tttl\t2026-01-02T03:09:05.678Z\t2026-01-02T03:04:05.678Z\t7\tdev,blue\t-\n"
        "65535\tx\tbound\t5\tlistener\t-\t-\t8\t-\t-\n");
}

static void read_stdout(char *text, size_t size) {
    FILE *stream = cr_get_redirected_stdout();
    const size_t length = fread(text, 1, size - 1, stream);
    text[length] = '\0';
}

Test(cli_lease_view, on_a_terminal_it_is_words_and_glyphs, .init = cr_redirect_stdout) {
    print_two(&(struct output){.terminal = true, .utf8 = true, .width = 120});
    fclose(stdout);
    char text[4096];
    read_stdout(text, sizeof(text));
    cr_assert_not_null(strstr(text, " PORT  NAME   STATE      EXPIRES "), "%s", text);
    cr_assert_not_null(strstr(text, " 8001  my-db  ○ waiting  in 4m59s "), "%s", text);
    cr_assert_not_null(strstr(text, "65535  x      ● in use   after use"), "%s", text);
    cr_assert_not_null(strstr(text, "d ago"), "%s", text);
}

Test(cli_lease_view, without_utf8_the_words_are_enough, .init = cr_redirect_stdout) {
    print_two(&(struct output){.terminal = true, .width = 120});
    fclose(stdout);
    char text[4096];
    read_stdout(text, sizeof(text));
    cr_assert_not_null(strstr(text, " 8001  my-db  waiting  in 4m59s "), "%s", text);
}

Test(cli_lease_view, in_use_elsewhere_and_in_use_with_a_doubt_are_told_apart, .init = cr_redirect_stdout) {
    static const char *const texts[] = {
        "{\"port\":8001,\"service_name\":\"a\",\"id\":1,\"uid\":5,\"state\":\"elsewhere\",\"elsewhere_port\":5173}",
        "{\"port\":8002,\"service_name\":\"b\",\"id\":2,\"uid\":5,\"state\":\"elsewhere\"}",
        "{\"port\":8003,\"service_name\":\"c\",\"id\":3,\"uid\":5,\"state\":\"bound\",\"evidence\":\"plausible\"}",
        "{\"port\":8004,\"service_name\":\"d\",\"id\":4,\"uid\":5,\"state\":\"bound\",\"evidence\":\"confirmed\"}",
        "{\"port\":8005,\"service_name\":\"e\",\"id\":5,\"uid\":5,\"state\":\"haunted\",\"evidence\":\"a feeling\"}",
    };
    cJSON *json[5];
    struct lease_view views[5];

    for (size_t i = 0; i < 5; i++) {
        json[i] = parse(texts[i]);
        cr_assert(lease_view_read(json[i], &views[i]));
    }
    cr_assert_eq(lease_views_print(views, 5, &(struct output){.terminal = true, .utf8 = true, .width = 80}, stdout), 0);
    fclose(stdout);
    char text[4096];
    read_stdout(text, sizeof(text));
    cr_assert_str_eq(text, "PORT  NAME  STATE                    USER\n"
                           "8001  a     ↷ in use, but on 5173    5\n"
                           "8002  b     ↷ in use, but elsewhere  5\n"
                           "8003  c     ● in use?                5\n"
                           "8004  d     ● in use                 5\n"
                           "8005  e     haunted                  5\n");
    for (size_t i = 0; i < 5; i++)
        cJSON_Delete(json[i]);
}
