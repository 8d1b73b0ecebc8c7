/* The one parse of a request's target: what is a path, what are its parameters, and what is refused. */
#include "src/api/query.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct query query;

static void parse(const char *target) {
    memset(&query, 0xFF, sizeof(query));
    const char *wrong = query_parse(target, &query);
    cr_assert_null(wrong, "%s %s", target, wrong);
}

static void assert_value(const char *name, const char *expected) {
    const char *value = query_get(&query, name);
    cr_assert_not_null(value, "%s", name);
    cr_expect_str_eq(value, expected, "%s: \"%s\"", name, value);
}

/* What is behind the target in the copy must not be taken for a part of it: two digits, say. */
static const char *assert_wrong(const char *target) {
    memset(&query, '4', sizeof(query));
    const char *wrong = query_parse(target, &query);
    cr_assert_not_null(wrong, "%s", target);
    cr_expect_neq(wrong[strlen(wrong) - 1], '.', "a sentence's end: %s", wrong);
    return wrong;
}

Test(query, a_path_is_taken_as_it_was_sent) {
    static const char *const paths[] = {"/",    "/list",   "/list/",  "//",    "/%6Cist",
                                        "/a+b", "/../etc", "/list;x", "/\xFF", "/#x"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        parse(paths[i]);
        cr_expect_str_eq(query.path, paths[i]);
        cr_expect_eq(query.n_parameters, 0);
        cr_expect_null(query_get(&query, "service"));
    }
}

Test(query, parameters_are_names_and_values) {
    parse("/lookup?service=my-api&x=1");
    cr_expect_str_eq(query.path, "/lookup");
    cr_expect_eq(query.n_parameters, 2);
    assert_value("service", "my-api");
    assert_value("x", "1");
    cr_expect_null(query_get(&query, "Service"), "names compare with case");
    cr_expect_null(query_get(&query, "serv"));
    cr_expect_null(query_get(&query, ""));
}

Test(query, what_is_left_out_is_empty) {
    parse("/?");
    cr_expect_eq(query.n_parameters, 0);
    parse("/?a");
    assert_value("a", "");
    parse("/?a=");
    assert_value("a", "");
    parse("/?=b");
    assert_value("", "b");
    parse("/?&&a=1&&b=2&");
    cr_expect_eq(query.n_parameters, 2);
    assert_value("b", "2");
    parse("/?a=b=c");
    assert_value("a", "b=c");
    parse("/?a=?");
    assert_value("a", "?");
}

Test(query, percent_and_plus_are_decoded_in_names_and_values) {
    parse("/?se%72vice=my%20api%2B%26%3d+x&%61=%C3%a9%F0%9F%98%80");
    assert_value("service", "my api+&= x");
    assert_value("a", "\xC3\xA9\xF0\x9F\x98\x80");
    parse("/?a=%25%34%31");
    assert_value("a", "%41");
    parse("/?a+b=1&c%26d=2");
    assert_value("a b", "1");
    assert_value("c&d", "2");
    parse("/?a=%0A%7F");
    assert_value("a", "\n\x7F");
}

Test(query, a_broken_escape_is_refused) {
    static const char *const targets[] = {"/?a=%", "/?a=%4", "/?a=%4&b=1", "/?a=%G1", "/?a=%1G",   "/?a=%%41",
                                          "/?%=1", "/?%4",   "/?a=%-1",    "/?a=% 1", "/?a=1&b=%x"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        cr_expect_not_null(strstr(assert_wrong(targets[i]), "hexadecimal"), "%s", targets[i]);
}

Test(query, a_nul_and_what_is_not_utf8_are_refused) {
    assert_wrong("/?a=%00");
    assert_wrong("/?a=x%00y");
    assert_wrong("/?%00=1");
    assert_wrong("/?a=%FF");
    assert_wrong("/?a=%C3");
    assert_wrong("/?a=%C3&b=%A9");
    assert_wrong("/?a=%ED%A0%80");
    assert_wrong("/?%FF=1");
    assert_wrong("/?a=\xFF");
}

Test(query, a_parameter_that_stands_twice_is_refused) {
    assert_wrong("/?a=1&a=1");
    assert_wrong("/?a=1&b=2&a=");
    assert_wrong("/?a&a");
    assert_wrong("/?a=1&%61=2");
    assert_wrong("/?=1&=2");
    parse("/?a=1&A=2");
    cr_expect_eq(query.n_parameters, 2);
}

Test(query, eight_parameters_are_taken_and_nine_are_not) {
    parse("/?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8");
    cr_expect_eq(query.n_parameters, QUERY_PARAMETERS_MAX);
    assert_value("h", "8");
    assert_wrong("/?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9");
}

Test(query, a_target_that_is_no_path_is_refused) {
    static const char *const targets[] = {"",   "*", "list", "?a=1", "http://localhost:3030/list", "localhost:3030",
                                          " /", "\\"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        assert_wrong(targets[i]);
}

Test(query, a_target_has_at_most_8191_bytes) {
    char *target = calloc(1, QUERY_TARGET_MAX + 1);
    memset(target, 'a', QUERY_TARGET_MAX - 1);
    memcpy(target, "/?x=", 4);
    parse(target);
    cr_expect_eq(strlen(query_get(&query, "x")), 8191 - 4);
    target[QUERY_TARGET_MAX - 1] = 'a';
    assert_wrong(target);
    free(target);
}

/* Whatever is taken lies within the copy, is UTF-8 and has no NUL. */
Test(query, mangled_targets_are_refused_or_understood) {
    srand(20260102);
    for (int i = 0; i < 20000; i++) {
        char target[40] = "/";
        const unsigned length = 1 + (unsigned)rand() % 38;
        for (unsigned at = 1; at < length; at++)
            target[at] = (char)(rand() % 8 ? "%?&=+a0fF12"[rand() % 11] : 1 + rand() % 255);
        if (query_parse(target, &query))
            continue;
        for (size_t at = 0; at < query.n_parameters; at++) {
            const struct query_parameter *parameter = &query.parameters[at];
            const char *end = query.text + sizeof(query.text);
            if (parameter->name < query.text || parameter->value < parameter->name ||
                parameter->value + strlen(parameter->value) >= end)
                cr_assert(false, "%s", target);
            if (query_get(&query, parameter->name) != parameter->value)
                cr_assert(false, "%s", target);
        }
    }
}
