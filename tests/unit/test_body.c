/* Reading a request's body: the first thing that is wrong becomes the answer, and what is right is handed out. */
#include "src/api/body.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_daemon.h"

#define UNTOUCHED 77

static const char *const keys[] = {"service_name", "port", "flag", "tags"};

static struct api_response response;
static struct body body;
static struct fake_reply reply;

static void begin(const char *text) {
    const struct api_request request = {.body = text, .body_length = strlen(text)};
    response = (struct api_response){0};
    body_init(&body, &request, keys, sizeof(keys) / sizeof(keys[0]), &response);
}

static void end(void) {
    body_deinit(&body);
    api_response_deinit(&response);
    fake_reply_deinit(&reply);
}

/* The answer is this problem, and is about `key` if that is not NULL. It stays until end(). */
static void expect_problem(int status, const char *type, const char *key) {
    char expected[96];
    struct json_error error;
    cr_expect_not(body_ok(&body));
    cr_assert_not_null(response.body);
    cr_assert_eq(json_parse(response.body, response.body_length, &reply.json, &error), 0, "%s", response.body);
    reply.text = strdup(response.body);
    snprintf(expected, sizeof(expected), "urn:portmanager:problem:%s", type);
    cr_expect_eq(response.status, status, "%s", response.body);
    cr_expect_str_eq(fake_reply_text(&reply, "type"), expected, "%s", response.body);
    cr_expect_str_eq(response.content_type, "application/problem+json");
    if (key)
        cr_expect_str_eq(fake_reply_text(&reply, "key"), key, "%s", response.body);
}

static const char *check_short(const char *text) {
    return strlen(text) > 3 ? "must be short" : NULL;
}

/* ---- the body as a whole ---- */

Test(body, an_object_of_known_keys_is_taken) {
    static const char *const texts[] = {"{}", " { } ", "{\"port\":1}", "{\"port\":null,\"tags\":null}",
                                        "{\"service_name\":\"a\",\"port\":1,\"flag\":true,\"tags\":[]}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        begin(texts[i]);
        cr_expect(body_ok(&body), "%s", texts[i]);
        cr_expect_null(response.body);
        end();
    }
}

Test(body, what_is_no_json_is_a_400_that_says_where) {
    static const struct {
        const char *text;
        double offset;
    } rows[] = {{"", 0},
                {"{", -1},
                {"{\"port\":1}x", 10},
                {"{\"port\":1,\"port\":2}", -1},
                {"nonsense", 0},
                {"{\"port\":01}", -1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(rows[i].text);
        expect_problem(400, "malformed-json", NULL);
        const double offset = fake_reply_number(&reply, "offset");
        cr_expect(offset >= 0 && offset <= (double)strlen(rows[i].text), "%s: %f", rows[i].text, offset);
        if (rows[i].offset >= 0)
            cr_expect_eq(offset, rows[i].offset, "%s: %f", rows[i].text, offset);
        end();
    }
}

Test(body, what_is_no_object_is_a_422_that_says_what_it_is) {
    static const char *const rows[][2] = {
        {"[]", "an array"}, {"null", "null"}, {"1", "a number"}, {"\"x\"", "a string"}, {"true", "a boolean"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(rows[i][0]);
        expect_problem(422, "invalid-value", NULL);
        cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), rows[i][1]), "%s", response.body);
        end();
    }
}

Test(body, an_unknown_key_is_a_422_that_names_the_nearest) {
    begin("{\"servce_name\":\"x\"}");
    expect_problem(422, "unknown-key", "servce_name");
    cr_expect_str_eq(fake_reply_text(&reply, "nearest"), "service_name");
    cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), "service_name"));
    end();
    begin("{\"Port\":1}");
    expect_problem(422, "unknown-key", "Port");
    cr_expect_str_eq(fake_reply_text(&reply, "nearest"), "port");
    end();
    begin("{\"port\":1,\"something_else\":null}");
    expect_problem(422, "unknown-key", "something_else");
    cr_expect_null(fake_reply_get(&reply, "nearest"));
    end();
    begin("{\"\":1}");
    expect_problem(422, "unknown-key", "");
    end();
}

Test(body, a_key_from_a_stranger_is_shown_without_what_a_terminal_would_obey) {
    begin("{\"\\u001b[31m\\nport\":1}");
    expect_problem(422, "unknown-key", "?[31m?port");
    cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), "\"?[31m?port\""));
    end();
}

/* ---- its members ---- */

Test(body, a_text_is_a_string_that_passes_its_check) {
    const char *text = "untouched";
    begin("{\"service_name\":\"abc\"}");
    cr_expect(body_text(&body, "service_name", check_short, &text));
    cr_expect_str_eq(text, "abc");
    text = "untouched";
    cr_expect_not(body_text(&body, "tags", check_short, &text));
    cr_expect(body_ok(&body), "an absent member is no fault");
    end();
    static const char *const wrong[] = {"{\"service_name\":1}", "{\"service_name\":[]}", "{\"service_name\":true}",
                                        "{\"service_name\":{}}", "{\"service_name\":\"abcd\"}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        begin(wrong[i]);
        cr_expect_not(body_text(&body, "service_name", check_short, &text));
        cr_expect_str_eq(text, "untouched");
        expect_problem(422, "invalid-value", "service_name");
        end();
    }
}

Test(body, the_sentence_has_the_rule_and_what_was_sent_instead) {
    const char *text;
    begin("{\"service_name\":\"abcd\"}");
    body_text(&body, "service_name", check_short, &text);
    expect_problem(422, "invalid-value", "service_name");
    cr_expect_str_eq(fake_reply_text(&reply, "detail"), "\"service_name\" must be short.");
    end();
    begin("{\"service_name\":{}}");
    body_text(&body, "service_name", check_short, &text);
    expect_problem(422, "invalid-value", "service_name");
    cr_expect_str_eq(fake_reply_text(&reply, "detail"), "\"service_name\" must be a string, not an object.");
    end();
}

static void assert_number(const char *value, bool expected, uint64_t expected_number) {
    char text[96];
    uint64_t number = UNTOUCHED;
    snprintf(text, sizeof(text), "{\"port\":%s}", value);
    begin(text);
    cr_expect_eq(body_number(&body, "port", 1, 65535, &number), expected, "%s", value);
    cr_expect_eq(number, expected ? expected_number : UNTOUCHED, "%s", value);
    if (expected) {
        cr_expect(body_ok(&body));
    } else {
        expect_problem(422, "invalid-value", "port");
        cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), "whole number from 1 to 65535"), "%s",
                           response.body);
    }
    end();
}

Test(body, a_number_is_whole_and_in_its_bounds) {
    assert_number("1", true, 1);
    assert_number("65535", true, 65535);
    assert_number("8080.0", true, 8080);
    assert_number("8e3", true, 8000);
    static const char *const wrong[] = {
        "0",    "-0",       "-1",   "65536", "1.5", "0.1",   "1e400", "-1e400", "9007199254740992", "9007199254740993",
        "1e19", "\"8080\"", "true", "[]",    "{}",  "[8080]"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_number(wrong[i], false, 0);
}

Test(body, a_flag_is_true_or_false) {
    bool flag = false;
    begin("{\"flag\":true}");
    cr_expect(body_flag(&body, "flag", &flag));
    cr_expect(flag);
    end();
    begin("{\"flag\":false}");
    cr_expect(body_flag(&body, "flag", &flag));
    cr_expect_not(flag);
    end();
    static const char *const wrong[] = {"{\"flag\":1}", "{\"flag\":0}", "{\"flag\":\"true\"}", "{\"flag\":[]}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        flag = true;
        begin(wrong[i]);
        cr_expect_not(body_flag(&body, "flag", &flag));
        cr_expect(flag, "untouched");
        expect_problem(422, "invalid-value", "flag");
        end();
    }
}

Test(body, texts_are_an_array_of_strings_that_each_pass) {
    const char *texts[3] = {0};
    size_t n_texts = UNTOUCHED;
    begin("{\"tags\":[\"a\",\"b\",\"c\"]}");
    cr_expect(body_texts(&body, "tags", 3, check_short, texts, &n_texts));
    cr_assert_eq(n_texts, 3);
    cr_expect_str_eq(texts[2], "c");
    end();
    begin("{\"tags\":[]}");
    cr_expect(body_texts(&body, "tags", 3, check_short, texts, &n_texts));
    cr_expect_eq(n_texts, 0);
    end();
    static const char *const wrong[] = {"\"a\"",        "{}",        "1",          "[1]",
                                        "[\"a\",null]", "[[\"a\"]]", "[\"abcd\"]", "[\"a\",\"b\",\"c\",\"d\"]"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[96];
        n_texts = UNTOUCHED;
        snprintf(text, sizeof(text), "{\"tags\":%s}", wrong[i]);
        begin(text);
        cr_expect_not(body_texts(&body, "tags", 3, check_short, texts, &n_texts), "%s", wrong[i]);
        cr_expect_eq(n_texts, UNTOUCHED);
        expect_problem(422, "invalid-value", "tags");
        end();
    }
}

Test(body, the_sentence_says_which_element_is_wrong) {
    const char *texts[3];
    size_t n_texts;
    begin("{\"tags\":[\"a\",7]}");
    body_texts(&body, "tags", 3, check_short, texts, &n_texts);
    expect_problem(422, "invalid-value", "tags");
    cr_expect_not_null(strstr(response.body, "element 1 is a number"), "%s", response.body);
    end();
    begin("{\"tags\":[\"a\",\"b\",\"abcd\"]}");
    body_texts(&body, "tags", 3, check_short, texts, &n_texts);
    expect_problem(422, "invalid-value", "tags");
    cr_expect_not_null(strstr(response.body, "number 2, that must be short"), "%s", response.body);
    end();
}

Test(body, null_is_absent) {
    const char *text = "untouched";
    const char *texts[1];
    uint64_t number = UNTOUCHED;
    size_t n_texts = UNTOUCHED;
    bool flag = true;
    begin("{\"service_name\":null,\"port\":null,\"flag\":null,\"tags\":null}");
    cr_expect_not(body_text(&body, "service_name", check_short, &text));
    cr_expect_not(body_number(&body, "port", 1, 65535, &number));
    cr_expect_not(body_flag(&body, "flag", &flag));
    cr_expect_not(body_texts(&body, "tags", 1, check_short, texts, &n_texts));
    cr_expect(body_ok(&body));
    cr_expect(strcmp(text, "untouched") == 0 && number == UNTOUCHED && flag && n_texts == UNTOUCHED);
    end();
}

Test(body, the_first_fault_is_the_answer_and_nothing_is_read_after_it) {
    const char *text = "untouched";
    const char *texts[1];
    uint64_t number = UNTOUCHED;
    size_t n_texts = UNTOUCHED;
    bool flag = false;
    begin("{\"port\":0,\"service_name\":\"abc\",\"flag\":true,\"tags\":[\"a\"]}");
    cr_expect_not(body_number(&body, "port", 1, 65535, &number));
    cr_expect_not(body_text(&body, "service_name", check_short, &text));
    cr_expect_not(body_flag(&body, "flag", &flag));
    cr_expect_not(body_texts(&body, "tags", 1, check_short, texts, &n_texts));
    cr_expect_not(body_number(&body, "port", 0, 65535, &number));
    body_refuse(&body, "flag", "must be left out");
    cr_expect(strcmp(text, "untouched") == 0 && number == UNTOUCHED && !flag && n_texts == UNTOUCHED);
    expect_problem(422, "invalid-value", "port");
    end();
}

Test(body, a_handler_can_refuse_by_itself) {
    begin("{\"port\":1}");
    body_refuse(&body, "port", "goes without \"flag\"");
    expect_problem(422, "invalid-value", "port");
    cr_expect_str_eq(fake_reply_text(&reply, "detail"), "\"port\" goes without \"flag\".");
    end();
}
