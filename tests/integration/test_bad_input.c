/*
 * Bad input gets a 4xx that says what is wrong and where, and nothing changes: every kind of it, over TCP and the Unix socket.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"

TestSuite(bad_input, .timeout = 300);

/* The port of the lease that is there before, and must be there after. */
#define LEASED 8100

struct row {
    const char *body;
    int status;
    const char *problem;
    const char *key;    /* the member that the problem names; NULL: none */
    const char *detail; /* words that the detail has; NULL: the key's name is enough */
};

static void assert_row(const struct caller *caller, const char *target, const struct row *row) {
    CLEANUP(file_free_text_at) char *before = caller_digest(caller);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(caller, target, "%s", row->body);
    cr_expect(reply_is_problem(&reply, row->status, row->problem), "%s of %.200s: %d %s", target, row->body,
              reply.status, reply_text(&reply));
    const cJSON *key = json_at(reply.json, "key");
    const cJSON *detail = json_at(reply.json, "detail");
    if (row->key)
        cr_expect(cJSON_IsString(key) && strcmp(key->valuestring, row->key) == 0, "%s: %s", row->body, reply.body);
    const char *words = row->detail ? row->detail : row->key ? row->key : "";
    cr_expect(cJSON_IsString(detail) && strstr(detail->valuestring, words), "%.200s: %s", row->body, reply.body);
    CLEANUP(file_free_text_at) char *after = caller_digest(caller);
    cr_expect_str_eq(before, after, "%.200s has changed something", row->body);
}

static void assert_rows(const char *const *targets, const struct row *rows, size_t n_rows) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = CHANNEL_IPV4; channel <= CHANNEL_UNIX; channel += 2) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        caller_grant(&me, "{\"service_name\":\"there\",\"reuse\":true,\"port\":%d}", LEASED);
        for (size_t i = 0; targets[i]; i++)
            for (size_t j = 0; j < n_rows; j++)
                assert_row(&me, targets[i], &rows[j]);
    }
}

static const char *const every_post[] = {"/alloc", "/release", "/heartbeat", NULL};
static const char *const alloc[] = {"/alloc", NULL};
static const char *const changes[] = {"/release", "/heartbeat", NULL};

#define ASSERT_ROWS(targets, rows) assert_rows(targets, rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- no JSON, or none that can be read in one way only ---- */

static const struct row malformed[] = {
    {"", 400, "malformed-json", NULL, "empty"},
    {" ", 400, "malformed-json", NULL, "byte"},
    {"{", 400, "malformed-json", NULL, "byte"},
    {"{\"port\":8100", 400, "malformed-json", NULL, "byte 1"},
    {"{\"port\":8100,", 400, "malformed-json", NULL, "byte 1"},
    {"{\"port\":8100,}", 400, "malformed-json", NULL, "byte 1"},
    {"{\"port\":}", 400, "malformed-json", NULL, "byte 8"},
    {"{port:8100}", 400, "malformed-json", NULL, "byte 1"},
    {"{'port':8100}", 400, "malformed-json", NULL, "byte 1"},
    {"{\"port\":8100}}", 400, "malformed-json", NULL, "byte 13"},
    {"{\"port\":8100} x", 400, "malformed-json", NULL, "byte 14"},
    {"{\"port\":8100}{\"port\":8100}", 400, "malformed-json", NULL, "byte 13"},
    {"{\"port\":0x1fa4}", 400, "malformed-json", NULL, "byte"},
    {"{\"port\":NaN}", 400, "malformed-json", NULL, "byte"},
    {"{\"port\":-}", 400, "malformed-json", NULL, "byte"},
    {"{\"port\":+8100}", 400, "malformed-json", NULL, "byte"},
    {"{\"port\":08100}", 400, "malformed-json", NULL, "byte"},
    {"{\"port\":8100.}", 400, "malformed-json", NULL, "byte"},
    {"// a comment\n{\"port\":8100}", 400, "malformed-json", NULL, "byte"},
    {"{\"port\":8100,\"port\":8100}", 400, "malformed-json", NULL, "\"port\" stands twice"},
    {"{\"port\":8100,\"p\\u006frt\":8100}", 400, "malformed-json", NULL, "\"port\" stands twice"},
    {"{\"port\":1,\"port\":null}", 400, "malformed-json", NULL, "\"port\" stands twice"},
    {"{\"service_name\":\"a\\u0000b\"}", 400, "malformed-json", NULL, "u0000"},
    {"{\"service_name\":\"a\nb\"}", 400, "malformed-json", NULL, "control character"},
    {"{\"service_name\":\"a\xff\"}", 400, "malformed-json", NULL, "UTF-8"},
    {"{\"service_name\":\"\xc0\xaf\"}", 400, "malformed-json", NULL, "UTF-8"},
    {"{\"service_name\":\"\xed\xa0\x80\"}", 400, "malformed-json", NULL, "UTF-8"},
    {"{\"service_name\":\"\\ud800\"}", 400, "malformed-json", NULL, "byte"},
    {"{\"service_name\":\"\\x41\"}", 400, "malformed-json", NULL, "byte"},
    {"{\"service_name\":\"a}", 400, "malformed-json", NULL, "byte"},
    {"service_name=a", 400, "malformed-json", NULL, "byte 0"},
    {"[]", 422, "invalid-value", NULL, "an array"},
    {"\"port\"", 422, "invalid-value", NULL, "a string"},
    {"8100", 422, "invalid-value", NULL, "a number"},
    {"null", 422, "invalid-value", NULL, "null"},
    {"true", 422, "invalid-value", NULL, "a boolean"},
};

Test(bad_input, a_body_that_is_no_json_object_is_refused_with_the_place) {
    ASSERT_ROWS(every_post, malformed);
}

/* ---- members of a grant ---- */

#define NAME      "\"service_name\":\"a\","
#define CHARS_32  "0123456789abcdef0123456789abcdef"
#define CHARS_128 CHARS_32 CHARS_32 CHARS_32 CHARS_32
#define TAGS_8    "\"t\",\"t\",\"t\",\"t\",\"t\",\"t\",\"t\",\"t\""

static const struct row names[] = {
    {"{}", 422, "missing-key", NULL, "service_name"},
    {"{\"service_name\":null}", 422, "missing-key", NULL, "service_name"},
    {"{\"service_name\":\"\"}", 422, "invalid-value", "service_name", "1 to 128 bytes"},
    {"{\"service_name\":\"" CHARS_128 "x\"}", 422, "invalid-value", "service_name", "1 to 128 bytes"},
    {"{\"service_name\":\"" CHARS_32 CHARS_32 CHARS_32 "0123456789abcdef0123456789abcdé\\u00e9\"}", 422,
     "invalid-value", "service_name", "1 to 128 bytes"},
    {"{\"service_name\":\"a\\nb\"}", 422, "invalid-value", "service_name", "control characters"},
    {"{\"service_name\":\"a\\u001b[2J\"}", 422, "invalid-value", "service_name", "control characters"},
    {"{\"service_name\":\"a\\u007f\"}", 422, "invalid-value", "service_name", "control characters"},
    {"{\"service_name\":\"a\\u009b\"}", 422, "invalid-value", "service_name", "control characters"},
    {"{\"service_name\":1}", 422, "invalid-value", "service_name", "a number"},
    {"{\"service_name\":[\"a\"]}", 422, "invalid-value", "service_name", "an array"},
    {"{\"service_name\":true}", 422, "invalid-value", "service_name", "a boolean"},
    {"{\"servicename\":\"a\"}", 422, "unknown-key", "servicename", "\"service_name\""},
    {"{\"Service_Name\":\"a\"}", 422, "unknown-key", "Service_Name", "\"service_name\""},
};

Test(bad_input, a_name_keeps_its_rule) {
    ASSERT_ROWS(alloc, names);
}

static const struct row numbers[] = {
    {"{" NAME "\"port\":0}", 422, "invalid-value", "port", "1 to 65535"},
    {"{" NAME "\"port\":65536}", 422, "invalid-value", "port", "1 to 65535"},
    {"{" NAME "\"port\":-1}", 422, "invalid-value", "port", "1 to 65535"},
    {"{" NAME "\"port\":\"8080\"}", 422, "invalid-value", "port", "a string"},
    {"{" NAME "\"port\":1.5}", 422, "invalid-value", "port", "whole number"},
    {"{" NAME "\"port\":8080.0000001}", 422, "invalid-value", "port", "whole number"},
    {"{" NAME "\"port\":1e400}", 422, "invalid-value", "port", "1 to 65535"},
    {"{" NAME "\"port\":-1e400}", 422, "invalid-value", "port", "1 to 65535"},
    {"{" NAME "\"port\":4294975396}", 422, "invalid-value", "port", "1 to 65535"},
    {"{" NAME "\"port\":18446744073709559716}", 422, "invalid-value", "port", "1 to 65535"},
    {"{" NAME "\"port\":true}", 422, "invalid-value", "port", "a boolean"},
    {"{" NAME "\"port\":[8080]}", 422, "invalid-value", "port", "an array"},
    {"{" NAME "\"port\":{}}", 422, "invalid-value", "port", "an object"},
    {"{" NAME "\"prefer\":0}", 422, "invalid-value", "prefer", "1 to 65535"},
    {"{" NAME "\"prefer\":65536}", 422, "invalid-value", "prefer", "1 to 65535"},
    {"{" NAME "\"prefer\":8200,\"port\":8200}", 422, "invalid-value", "prefer", "port"},
    {"{" NAME "\"ttl_seconds\":0}", 422, "invalid-value", "ttl_seconds", "from 1"},
    {"{" NAME "\"ttl_seconds\":-1}", 422, "invalid-value", "ttl_seconds", "from 1"},
    {"{" NAME "\"ttl_seconds\":1.5}", 422, "invalid-value", "ttl_seconds", "whole number"},
    {"{" NAME "\"ttl_seconds\":9007199254740992}", 422, "invalid-value", "ttl_seconds", "9007199254740991"},
    {"{" NAME "\"ttl_seconds\":9007199254740993}", 422, "invalid-value", "ttl_seconds", "9007199254740991"},
    {"{" NAME "\"ttl_seconds\":18446744073709551617}", 422, "invalid-value", "ttl_seconds", "9007199254740991"},
    {"{" NAME "\"ttl_seconds\":1e999}", 422, "invalid-value", "ttl_seconds", "9007199254740991"},
    {"{" NAME "\"ttl_seconds\":\"60\"}", 422, "invalid-value", "ttl_seconds", "a string"},
    {"{" NAME "\"count\":0}", 422, "invalid-value", "count", "1 to 64"},
    {"{" NAME "\"count\":65}", 422, "invalid-value", "count", "1 to 64"},
    {"{" NAME "\"count\":2.5}", 422, "invalid-value", "count", "whole number"},
    {"{" NAME "\"count\":2,\"port\":8200}", 422, "invalid-value", "count", "port"},
    {"{" NAME "\"pid\":0}", 422, "invalid-value", "pid", "whole number"},
    {"{" NAME "\"pid\":-1}", 422, "invalid-value", "pid", "whole number"},
    {"{" NAME "\"pid\":\"1\"}", 422, "invalid-value", "pid", "a string"},
    {"{" NAME "\"pid\":4194305}", 422, "invalid-value", "pid", "4194304"},
    {"{" NAME "\"pid\":4194304}", 422, "invalid-pid", NULL, "4194304"},
};

Test(bad_input, a_number_is_whole_and_in_its_range) {
    ASSERT_ROWS(alloc, numbers);
}

static const struct row others[] = {
    {"{" NAME "\"tags\":\"a\"}", 422, "invalid-value", "tags", "a string"},
    {"{" NAME "\"tags\":{}}", 422, "invalid-value", "tags", "an object"},
    {"{" NAME "\"tags\":[1]}", 422, "invalid-value", "tags", "element 0"},
    {"{" NAME "\"tags\":[\"a\",null]}", 422, "invalid-value", "tags", "element 1"},
    {"{" NAME "\"tags\":[\"a\",\"b\",[\"c\"]]}", 422, "invalid-value", "tags", "element 2"},
    {"{" NAME "\"tags\":[" TAGS_8 "," TAGS_8 "," TAGS_8 "," TAGS_8 ",\"t\"]}", 422, "invalid-value", "tags",
     "at most 32"},
    {"{" NAME "\"tags\":[\"" CHARS_32 CHARS_32 "x\"]}", 422, "invalid-value", "tags", "1 to 64 bytes"},
    {"{" NAME "\"tags\":[\"\"]}", 422, "invalid-value", "tags", "1 to 64 bytes"},
    {"{" NAME "\"tags\":[\"a\\tb\"]}", 422, "invalid-value", "tags", "control characters"},
    {"{" NAME "\"reuse\":1}", 422, "invalid-value", "reuse", "true or false"},
    {"{" NAME "\"reuse\":\"true\"}", 422, "invalid-value", "reuse", "true or false"},
    {"{" NAME "\"project\":\"\"}", 422, "invalid-value", "project", "absolute"},
    {"{" NAME "\"project\":\"here\"}", 422, "invalid-value", "project", "absolute"},
    {"{" NAME "\"project\":\"/a\\nb\"}", 422, "invalid-value", "project", "control characters"},
    {"{" NAME "\"project\":1}", 422, "invalid-value", "project", "a number"},
    {"{" NAME "\"ttl\":60}", 422, "unknown-key", "ttl", "\"ttl\""},
    {"{" NAME "\"ttl_second\":60}", 422, "unknown-key", "ttl_second", "Did you mean \"ttl_seconds\"?"},
    {"{" NAME "\"Port\":8200}", 422, "unknown-key", "Port", "Did you mean \"port\"?"},
    {"{" NAME "\"perfer\":8200}", 422, "unknown-key", "perfer", "Did you mean \"prefer\"?"},
    {"{" NAME "\"tag\":[]}", 422, "unknown-key", "tag", "Did you mean \"tags\"?"},
    {"{" NAME "\"id\":1}", 422, "unknown-key", "id", "\"id\""},
    {"{" NAME "\"\":1}", 422, "unknown-key", "", NULL},
    {"{" NAME "\"__proto__\":{}}", 422, "unknown-key", "__proto__", NULL},
};

Test(bad_input, tags_flags_projects_and_unknown_keys) {
    ASSERT_ROWS(alloc, others);
}

Test(bad_input, what_is_just_within_the_limits_is_taken) {
    static const char *const bodies[] = {
        "{\"service_name\":\"" CHARS_128 "\"}",
        "{\"service_name\":\"" CHARS_32 CHARS_32 CHARS_32 "0123456789abcdef0123456789abcdé\"}",
        "{" NAME "\"tags\":[" TAGS_8 "," TAGS_8 "," TAGS_8 "," TAGS_8 "]}",
        "{" NAME "\"tags\":[\"" CHARS_32 CHARS_32 "\"]}",
        "{" NAME "\"port\":65535}",
        "{" NAME "\"port\":8.2e3}",
        "{" NAME "\"ttl_seconds\":1}",
        "{" NAME "\"count\":64}",
        " \t\r\n{ " NAME " \"port\" : 8300 } \r\n",
        "{" NAME "\"port\":null,\"prefer\":null,\"ttl_seconds\":null,\"tags\":null,\"count\":null,\"reuse\":null,"
        "\"project\":null,\"pid\":null}",
        "{\"service_name\":\"\\ud83d\\ude80 \xf0\x9f\x9a\x80\"}",
    };
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(&me, "/alloc", "%s", bodies[i]);
        cr_expect_eq(reply.status, 200, "%s: %s", bodies[i], reply.body);
    }
}

/* ---- members of a change ---- */

static const struct row naming[] = {
    {"{}", 422, "missing-key", NULL, "\"port\""},
    {"{\"port\":null,\"id\":null}", 422, "missing-key", NULL, "\"id\""},
    {"{\"port\":0}", 422, "invalid-value", "port", "1 to 65535"},
    {"{\"port\":65536}", 422, "invalid-value", "port", "1 to 65535"},
    {"{\"port\":\"8100\"}", 422, "invalid-value", "port", "a string"},
    {"{\"port\":8100.5}", 422, "invalid-value", "port", "whole number"},
    {"{\"port\":1e400}", 422, "invalid-value", "port", "1 to 65535"},
    {"{\"port\":8100,\"id\":0}", 422, "invalid-value", "id", "from 1"},
    {"{\"port\":8100,\"id\":\"1\"}", 422, "invalid-value", "id", "a string"},
    {"{\"port\":8100,\"id\":9007199254740993}", 422, "invalid-value", "id", "9007199254740991"},
    {"{\"port\":8100,\"id\":4294967297}", 409, "lease-mismatch", NULL, "4294967297"},
    {"{\"prot\":8100}", 422, "unknown-key", "prot", "Did you mean \"port\"?"},
    {"{\"port\":8100,\"force\":true}", 422, "unknown-key", "force", NULL},
    {"{\"port\":8100,\"service_name\":\"there\"}", 422, "unknown-key", "service_name", NULL},
    {"{\"port\":8101}", 404, "no-such-lease", NULL, "8101"},
    {"{\"id\":4294967297}", 404, "no-such-lease", NULL, "4294967297"},
};

Test(bad_input, a_change_names_its_lease) {
    ASSERT_ROWS(changes, naming);
}

/* ---- too much ---- */

static char *make_nested(size_t depth) {
    static const char head[] = "{\"service_name\":";
    char *text = malloc(sizeof(head) + 2 * depth + 1);
    cr_assert_not_null(text);
    memcpy(text, head, sizeof(head) - 1);
    memset(text + sizeof(head) - 1, '[', depth);
    memset(text + sizeof(head) - 1 + depth, ']', depth);
    memcpy(text + sizeof(head) - 1 + 2 * depth, "}", 2);
    return text;
}

Test(bad_input, a_body_that_is_nested_a_thousand_deep_is_refused_with_the_place) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const size_t depths[] = {17, 1000, 30000};
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        CLEANUP(file_free_text_at) char *nested = make_nested(depths[i]);
        assert_row(&me, "/alloc", &(struct row){nested, 400, "malformed-json", NULL, "nested too deep, at byte 31"});
    }
}

Test(bad_input, a_body_of_64_kib_is_read_and_one_of_a_byte_more_is_not) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        CLEANUP(http_reply_deinit)
        struct http_reply fits = caller_post(&me, "/alloc", "{\"service_name\":\"a\"%*s}", 65536 - 20, "");
        assert_status(fits, 200);
        CLEANUP(http_reply_deinit)
        struct http_reply larger = caller_post(&me, "/alloc", "{\"service_name\":\"a\"%*s}", 65537 - 20, "");
        assert_problem(larger, 413, "body-too-large");
        cr_assert(strstr(json_text_at(larger.json, "detail"), "65536"));
        CLEANUP(http_reply_deinit)
        struct http_reply megabytes = caller_post(&me, "/alloc", "{\"service_name\":\"a\"%*s}", 900000, "");
        assert_problem(megabytes, 413, "body-too-large");
    }
    const struct caller me = {.daemon = &daemon};
    cr_assert_eq(caller_count_leases(&me), N_CHANNELS);
}

Test(bad_input, an_object_of_thousands_of_members_is_refused) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(file_free_text_at) char *body = malloc(65536);
    cr_assert_not_null(body);
    size_t at = (size_t)sprintf(body, "{\"service_name\":\"a\"");
    for (unsigned i = 0; i < 6000; i++)
        at += (size_t)sprintf(body + at, ",\"%x\":1", i);
    sprintf(body + at, "}");
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_post(&me, "/alloc", "%s", body);
    cr_assert(reply.status == 400 || reply.status == 422, "%d", reply.status);
    cr_assert_eq(caller_count_leases(&me), 0);
}

/* ---- the wrong place ---- */

Test(bad_input, an_unknown_path_is_told_the_nearest_one) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit) struct http_reply near = caller_get(&me, "/lsit");
    assert_problem(near, 404, "no-such-path");
    cr_assert(strstr(json_text_at(near.json, "detail"), "Did you mean /list?"));
    CLEANUP(http_reply_deinit) struct http_reply post = caller_post(&me, "/allocate", "{\"service_name\":\"a\"}");
    assert_problem(post, 404, "no-such-path");
    CLEANUP(http_reply_deinit) struct http_reply far = caller_get(&me, "/etc/passwd");
    assert_problem(far, 404, "no-such-path");
    cr_assert_eq(caller_count_leases(&me), 0);
}

Test(bad_input, a_target_of_nine_kilobytes_is_refused) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    char target[9001];
    memset(target, 'a', sizeof(target) - 1);
    memcpy(target, "/lookup?service=", 16);
    target[sizeof(target) - 1] = '\0';
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(&me, target);
    cr_assert(reply.status >= 400 && reply.status < 500, "%d", reply.status);
}

/* Whatever was wrong, the message is JSON and fit for a terminal. */
Test(bad_input, what_was_sent_is_quoted_safely) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_post(&me, "/alloc", "{\"service_name\":\"a\",\"\\u001b]0;x\\u0007\":1}");
    assert_problem(reply, 422, "unknown-key");
    cr_assert_null(strstr(json_text_at(reply.json, "detail"), "\x1b"));
    CLEANUP(http_reply_deinit) struct http_reply path = caller_get(&me, "/%1b%5b2J");
    assert_problem(path, 404, "no-such-path");
    cr_assert_null(strstr(json_text_at(path.json, "detail"), "\x1b"));
}
