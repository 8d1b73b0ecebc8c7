/*
 * JSON made strict: what a text from a stranger may look like, and what each getter takes. Much of what is refused here is
 * what cJSON alone lets pass.
 */
#include "src/base/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED    77

/* In memory of just its length, so that AddressSanitizer sees any byte that is read behind it. */
static int parse_bytes(const char *text, size_t length, cJSON **ret_json, struct json_error *ret_error) {
    char *exact = malloc(length > 0 ? length : 1);
    cr_assert_not_null(exact);
    memcpy(exact, text, length);
    const int r = json_parse(exact, length, ret_json, ret_error);
    free(exact);
    return r;
}

static cJSON *parse(const char *text) {
    cJSON *json = NULL;
    struct json_error error = {0};
    const int r = parse_bytes(text, strlen(text), &json, &error);
    cr_assert_eq(r, 0, "%s: %s at %zu", text, error.reason, error.offset);
    return json;
}

static void assert_refused_bytes(const char *text, size_t length) {
    cJSON untouched = {0};
    cJSON *json = &untouched;
    struct json_error error = {.offset = SIZE_MAX};
    const int r = parse_bytes(text, length, &json, &error);
    cr_expect_eq(r, JSON_E_MALFORMED, "%.*s: %d", (int)(length < 200 ? length : 200), text, r);
    if (r != JSON_E_MALFORMED)
        return;
    cr_expect_eq(json, &untouched, "the output is untouched");
    cr_expect_gt(strlen(error.reason), 0);
    cr_expect_neq(error.reason[strlen(error.reason) - 1], '.', "without a full stop: %s", error.reason);
    cr_expect_leq(error.offset, length, "%s: %zu", text, error.offset);
}

static void assert_refused(const char *text) {
    assert_refused_bytes(text, strlen(text));
}

/* ---- what is JSON ---- */

Test(json, a_value_of_any_type_is_json) {
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-12.5e+3",
        "1E3",
        "1e-3",
        "0.5",
        "\"\"",
        "\"text\"",
        " \t\r\n{ \"a\" :\t[ 1 ,\n2 ] } \t\r\n",
        "{\"a\":{\"b\":[{\"c\":null}]},\"d\":[[],{}]}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
        "\"caf\xC3\xA9 \xF0\x9F\x98\x80\"",
        "\"\x7F\"",
        "\"[[[[[[[[[[[[[[[[[[[[\"",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        CLEANUP(json_free_at) cJSON *json = parse(texts[i]);
        cr_expect_not_null(json);
    }
}

Test(json, what_is_cut_off_or_misspelt_is_refused) {
    static const char *const texts[] = {
        "",
        " ",
        "\n",
        "{",
        "[",
        "}",
        "]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "{\"a\":1,}",
        "{,}",
        "[1}",
        "{\"a\":1]",
        "\"",
        "\"a",
        "\"a\\\"",
        "\"\\",
        "'a'",
        "tru",
        "True",
        "TRUE",
        "nul",
        "None",
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "// x\n1",
        "/* x */ 1",
        "{}//",
        "\"\\x41\"",
        "\"\\'\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "+1",
        ".5",
        "-",
        "--1",
        "- 1",
        "e3",
        "#",
        "\\",
        "\"a\"b",
        "@",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_refused(texts[i]);
}

/* RFC 8259, section 6: no leading zero, and digits on both sides of the point. */
Test(json, a_number_that_is_none_of_json_is_refused) {
    static const char *const texts[] = {"01",     "-01",        "00",    "08080", "1.",
                                        "-.5",    "1.e3",       "1e",    "1e+",   "0x10",
                                        "1.2.3",  "1-2",        "1e2e3", "-e1",   "{\"port\":08080}",
                                        "[1.,2]", "{\"a\":-.5}"};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_refused(texts[i]);
}

Test(json, only_white_space_may_stand_around_the_one_value) {
    assert_refused("{} {}");
    assert_refused("{}x");
    assert_refused("1 2");
    assert_refused("null,");
    assert_refused("[] ]");
    assert_refused("\xEF\xBB\xBF{}"); /* a byte order mark */
    assert_refused("\xC2\xA0{}");     /* a no-break space */
}

/* RFC 8259, section 2: white space is space, tab, line feed and carriage return, and nothing else. */
Test(json, control_characters_are_no_white_space) {
    for (char c = 1; c < 0x20; c++) {
        if (c == '\t' || c == '\n' || c == '\r')
            continue;
        const char before[] = {c, '{', '}', '\0'};
        const char within[] = {'[', c, '1', ']', '\0'};
        const char between[] = {'[', '1', ',', c, '1', ']', '\0'};
        const char after[] = {'1', c, '\0'};
        assert_refused(before);
        assert_refused(within);
        assert_refused(between);
        assert_refused(after);
    }
}

Test(json, a_control_character_in_a_string_must_be_escaped) {
    for (char c = 1; c < 0x20; c++) {
        const char text[] = {'"', 'a', c, '"', '\0'};
        assert_refused(text);
        const char escaped[] = {'"', '\\', c, '"', '\0'};
        assert_refused(escaped);
    }
}

Test(json, what_is_not_utf8_is_refused) {
    assert_refused("\"\xFF\"");
    assert_refused("\"\xC3\"");
    assert_refused("\"\xC0\x80\"");
    assert_refused("\"\xED\xA0\x80\"");
    assert_refused("{\"\x80\":1}");
    assert_refused("\xFF");
}

Test(json, a_nul_is_refused_raw_and_escaped) {
    assert_refused_bytes("{}\0", 3);
    assert_refused_bytes("\0{}", 3);
    assert_refused_bytes("\"a\0b\"", 5);
    assert_refused_bytes("\"a\\\0\"", 5);
    assert_refused("\"\\u0000\"");
    assert_refused("\"abc\\u0000def\"");
    assert_refused("{\"a\\u0000b\":1}");
    assert_refused("\"\\\\\\u0000\"");
    CLEANUP(json_free_at) cJSON *json = parse("\"\\\\u0000 \\u0001\"");
    cr_expect_str_eq(json->valuestring, "\\u0000 \x01", "an escaped backslash and four zeros are no NUL");
}

Test(json, the_text_ends_at_its_length) {
    cJSON *json = NULL;
    struct json_error error;
    cr_assert_eq(json_parse("123", 2, &json, &error), 0);
    cr_expect_eq(json->valuedouble, 12);
    cJSON_Delete(json);
    cr_assert_eq(json_parse("{} garbage", 2, &json, &error), 0);
    cJSON_Delete(json);
    assert_refused_bytes("[1]", 2);
    assert_refused_bytes("\"abc\"", 4);
    assert_refused_bytes("true", 3);
    cr_expect_eq(json_parse(NULL, 0, &json, &error), JSON_E_MALFORMED, "no text at all");
}

Test(json, the_error_says_where) {
    static const struct {
        const char *text;
        size_t offset;
    } rows[] = {
        {"{} x", 3},     {"[1,2,x]", 5},       {"{\"a\":1,\"b\":tru}", 11},
        {"\"a\nb\"", 2}, {"[\"\\u0000\"]", 2}, {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", 16},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        cJSON *json = NULL;
        struct json_error error = {0};
        cr_expect_eq(json_parse(rows[i].text, strlen(rows[i].text), &json, &error), JSON_E_MALFORMED);
        cr_expect_eq(error.offset, rows[i].offset, "%s: %s at %zu", rows[i].text, error.reason, error.offset);
    }
}

/* ---- depth ---- */

static char *nest(size_t depth, const char *open, const char *close) {
    char *text = calloc(1, depth * (strlen(open) + strlen(close)) + 2);
    cr_assert_not_null(text);
    char *at = text;
    for (size_t i = 0; i < depth; i++)
        at = stpcpy(at, open);
    *at++ = '1';
    for (size_t i = 0; i < depth; i++)
        at = stpcpy(at, close);
    return text;
}

Test(json, sixteen_levels_are_taken_and_seventeen_are_not) {
    static const char *const kinds[][2] = {{"[", "]"}, {"{\"a\":", "}"}, {"[2,", ",3]"}};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        char *text = nest(JSON_DEPTH_MAX, kinds[i][0], kinds[i][1]);
        CLEANUP(json_free_at) cJSON *json = parse(text);
        free(text);
        text = nest(JSON_DEPTH_MAX + 1, kinds[i][0], kinds[i][1]);
        assert_refused(text);
        free(text);
    }
    char *text = nest(JSON_DEPTH_MAX / 2, "[{\"a\":", "}]");
    CLEANUP(json_free_at) cJSON *mixed = parse(text);
    free(text);
    text = nest(JSON_DEPTH_MAX / 2 + 1, "[{\"a\":", "}]");
    assert_refused(text);
    free(text);
}

Test(json, any_depth_is_refused_without_being_followed) {
    static const size_t depths[] = {100, 1000, 10000, 1000000};
    for (size_t i = 0; i < COUNT(depths); i++) {
        char *text = nest(depths[i], "[", "]");
        assert_refused(text);
        assert_refused_bytes(text, depths[i]);
        free(text);
    }
}

Test(json, depth_is_what_is_open_at_once) {
    char text[4096] = "[";
    for (int i = 0; i < 200; i++)
        strcat(text, i > 0 ? ",[[{}]]" : "[[{}]]");
    strcat(text, "]");
    CLEANUP(json_free_at) cJSON *wide = parse(text);
    cr_expect_eq(cJSON_GetArraySize(wide), 200);
    CLEANUP(json_free_at) cJSON *quoted = parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[\",\"\\\"[[[[[[[[[[[[[[[[[[[[{{{{{{\"]");
    cr_expect_eq(cJSON_GetArraySize(quoted), 2);
    assert_refused("]]]]]]]]]]]]]]]]]]]][[[[[[[[[[[[[[[[[[[[[[[[");
}

/* ---- keys ---- */

Test(json, a_key_that_stands_twice_is_refused) {
    assert_refused("{\"a\":1,\"a\":2}");
    assert_refused("{\"a\":1,\"b\":2,\"c\":3,\"a\":1}");
    assert_refused("{\"a\":1,\"\\u0061\":2}");
    assert_refused("{\"\\u0061\":1,\"a\":2}");
    assert_refused("{\"a\\/\":1,\"a/\":2}");
    assert_refused("{\"\":1,\"\":2}");
    assert_refused("{\"\xC3\xA9\":1,\"\\u00e9\":2}");
    assert_refused("{\"x\":{\"a\":1,\"a\":2}}");
    assert_refused("[[{\"a\":null,\"a\":null}]]");
    assert_refused("{\"a\":{\"b\":[{\"c\":1},{\"c\":1,\"d\":0,\"c\":1}]}}");
}

Test(json, the_error_names_the_key_and_nothing_that_a_terminal_would_obey) {
    cJSON *json = NULL;
    struct json_error error = {0};
    const char *text = "{\"port\\u001b[31m\":1,\"port\\u001b[31m\":2}";
    cr_assert_eq(json_parse(text, strlen(text), &json, &error), JSON_E_MALFORMED);
    cr_expect_not_null(strstr(error.reason, "port?[31m"), "%s", error.reason);
}

Test(json, keys_that_differ_are_different) {
    CLEANUP(json_free_at)
    cJSON *json = parse("{\"a\":1,\"A\":2,\"a \":3,\"aa\":4,\"\":5,\"x\":{\"a\":6},\"y\":[{\"a\":7},{\"a\":8}]}");
    cr_expect_eq(json_get(json, "a")->valuedouble, 1);
    cr_expect_eq(json_get(json, "A")->valuedouble, 2);
    cr_expect_eq(json_get(json, "")->valuedouble, 5);
}

static char *make_members(unsigned n_members) {
    char *text = calloc(1, 16 * (size_t)n_members + 3);
    cr_assert_not_null(text);
    char *at = text + sprintf(text, "{");
    for (unsigned i = 0; i < n_members; i++)
        at += sprintf(at, "%s\"k%u\":%u", i > 0 ? "," : "", i, i);
    strcpy(at, "}");
    return text;
}

Test(json, an_object_has_at_most_256_members) {
    static const unsigned counts[] = {1, 255, 256, 257, 5000};
    for (size_t i = 0; i < COUNT(counts); i++) {
        cJSON *json = NULL;
        struct json_error error;
        char *text = make_members(counts[i]);
        const int r = json_parse(text, strlen(text), &json, &error);
        cr_expect_eq(r, counts[i] <= 256 ? 0 : JSON_E_MALFORMED, "%u members: %d", counts[i], r);
        cJSON_Delete(json);
        free(text);
    }
}

/* ---- numbers ---- */

static void assert_whole(const char *text, uint64_t min, uint64_t max, bool expected, uint64_t expected_number) {
    CLEANUP(json_free_at) cJSON *json = parse(text);
    uint64_t number = UNTOUCHED;
    cr_expect_eq(json_is_whole(json, min, max, &number), expected, "%s", text);
    cr_expect_eq(number, expected ? expected_number : UNTOUCHED, "%s: %llu", text, (unsigned long long)number);
}

Test(json, a_whole_number_may_be_written_in_many_ways) {
    assert_whole("0", 0, 10, true, 0);
    assert_whole("-0", 0, 10, true, 0);
    assert_whole("-0", 1, 10, false, 0);
    assert_whole("1.0", 1, 10, true, 1);
    assert_whole("1e1", 1, 10, true, 10);
    assert_whole("100e-1", 1, 10, true, 10);
    assert_whole("8080.000", 1, 65535, true, 8080);
}

Test(json, a_number_may_have_any_number_of_digits) {
    char text[256] = "8080.";
    memset(text + 5, '0', 200);
    assert_whole(text, 1, 65535, true, 8080);
    memset(text, '0', 200);
    text[1] = '.';
    memcpy(text + 200, "8e199", 6);
    assert_whole(text, 0, 100, true, 8);
    memset(text, '9', 200);
    text[200] = '\0';
    assert_whole(text, 0, UINT64_MAX, false, 0);
    char object[300];
    snprintf(object, sizeof(object), "{\"port\":[%s],\"x\":1}", text);
    CLEANUP(json_free_at) cJSON *json = parse(object);
    cr_expect_eq(cJSON_GetArraySize(json), 2);
}

Test(json, a_fraction_an_infinity_and_a_negative_are_not_whole) {
    static const char *const texts[] = {"0.1",    "0.5",   "1.5",   "8080.5", "-1",   "-0.5", "-1e300", "1e400",
                                        "-1e400", "1e308", "\"1\"", "true",   "null", "[]",   "{}",     "\"\""};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_whole(texts[i], 0, UINT64_MAX, false, 0);
}

Test(json, from_2_to_the_53_on_a_number_is_not_known) {
    assert_whole("9007199254740991", 0, UINT64_MAX, true, (UINT64_C(1) << 53) - 1);
    assert_whole("9007199254740992", 0, UINT64_MAX, false, 0);
    assert_whole("9007199254740993", 0, UINT64_MAX, false, 0);
    assert_whole("18446744073709551615", 0, UINT64_MAX, false, 0);
    assert_whole("18446744073709551616", 0, UINT64_MAX, false, 0);
    assert_whole("1e19", 0, UINT64_MAX, false, 0);
    assert_whole("1e30", 0, UINT64_MAX, false, 0);
}

Test(json, a_whole_number_keeps_to_its_bounds) {
    assert_whole("1", 1, 65535, true, 1);
    assert_whole("65535", 1, 65535, true, 65535);
    assert_whole("0", 1, 65535, false, 0);
    assert_whole("65536", 1, 65535, false, 0);
    assert_whole("7", 7, 7, true, 7);
    cJSON not_a_number = {.type = cJSON_Number, .valuedouble = NAN};
    uint64_t number = UNTOUCHED;
    cr_expect_not(json_is_whole(&not_a_number, 0, UINT64_MAX, &number));
    cr_expect_not(json_is_whole(NULL, 0, UINT64_MAX, &number));
    cr_expect_eq(number, UNTOUCHED);
}

/* ---- getters ---- */

static const char document[] =
    "{\"s\":\"text\",\"n\":42,\"t\":true,\"f\":false,\"z\":null,\"a\":[1],\"o\":{},\"e\":\"\"}";

Test(json, a_getter_takes_its_own_type_only) {
    CLEANUP(json_free_at) cJSON *json = parse(document);
    static const char *const keys[] = {"s", "n", "t", "f", "z", "a", "o", "e", "S", "missing", ""};
    for (size_t i = 0; i < COUNT(keys); i++) {
        const char *string = "untouched";
        bool flag = true;
        uint64_t number = UNTOUCHED;
        const bool is_string = strcmp(keys[i], "s") == 0 || strcmp(keys[i], "e") == 0;
        const bool is_flag = strcmp(keys[i], "t") == 0 || strcmp(keys[i], "f") == 0;
        const bool is_number = strcmp(keys[i], "n") == 0;
        cr_expect_eq(json_get_string(json, keys[i], &string), is_string, "%s", keys[i]);
        cr_expect_eq(json_get_bool(json, keys[i], &flag), is_flag, "%s", keys[i]);
        cr_expect_eq(json_get_number(json, keys[i], 0, 100, &number), is_number, "%s", keys[i]);
        cr_expect_eq(strcmp(string, "untouched") != 0, is_string, "%s", keys[i]);
        cr_expect_eq(flag, strcmp(keys[i], "f") != 0, "%s", keys[i]);
        cr_expect_eq(number, is_number ? 42 : UNTOUCHED, "%s", keys[i]);
    }
    uint64_t number = UNTOUCHED;
    cr_expect_not(json_get_number(json, "n", 43, 100, &number));
    cr_expect_not(json_get_number(json, "n", 0, 41, &number));
    cr_expect_eq(number, UNTOUCHED);
}

Test(json, null_and_absent_are_the_same_and_only_objects_have_members) {
    CLEANUP(json_free_at) cJSON *json = parse(document);
    cr_expect_null(json_get(json, "z"));
    cr_expect_null(json_get(json, "missing"));
    cr_expect_null(json_get(json, "N"), "keys compare with case");
    cr_expect_not_null(json_get(json, "n"));
    cr_expect_null(json_get(json_get(json, "a"), "n"));
    cr_expect_null(json_get(json_get(json, "s"), "n"));
    cr_expect_null(json_get(NULL, "n"));
}

Test(json, each_type_has_a_name) {
    CLEANUP(json_free_at) cJSON *json = parse(document);
    cr_expect_str_eq(json_type_name(json), "an object");
    cr_expect_str_eq(json_type_name(cJSON_GetObjectItem(json, "s")), "a string");
    cr_expect_str_eq(json_type_name(cJSON_GetObjectItem(json, "n")), "a number");
    cr_expect_str_eq(json_type_name(cJSON_GetObjectItem(json, "t")), "a boolean");
    cr_expect_str_eq(json_type_name(cJSON_GetObjectItem(json, "f")), "a boolean");
    cr_expect_str_eq(json_type_name(cJSON_GetObjectItem(json, "a")), "an array");
    cr_expect_str_eq(json_type_name(cJSON_GetObjectItem(json, "z")), "null");
}

/* ---- hostile texts, short memory ---- */

/* Whatever is taken can be printed and taken again. */
static void assert_survived(const char *text, size_t length) {
    CLEANUP(json_free_at) cJSON *json = NULL;
    CLEANUP(json_free_at) cJSON *again = NULL;
    struct json_error error = {0};
    if (parse_bytes(text, length, &json, &error) != 0)
        return;
    CLEANUP(json_free_text_at) char *printed = cJSON_PrintUnformatted(json);
    cr_assert_not_null(printed);
    /* An infinity is printed as null. */
    if (json_parse(printed, strlen(printed), &again, &error) != 0)
        cr_assert(false, "%.*s became %s: %s", (int)length, text, printed, error.reason);
}

Test(json, mangled_texts_are_refused_or_understood) {
    static const char sound[] =
        "{\"service_name\":\"caf\xC3\xA9 \\u00e9\\n\",\"ttl_seconds\":3.5e2,\"tags\":[\"a\",\"b\",[]],"
        "\"port\":8080,\"reuse\":true,\"project\":null}";
    const size_t length = sizeof(sound) - 1;
    for (size_t cut = 0; cut <= length; cut++)
        assert_survived(sound, cut);
    srand(20260102);
    for (int i = 0; i < 20000; i++) {
        char text[sizeof(sound)];
        memcpy(text, sound, sizeof(sound));
        for (int n = rand() % 4; n >= 0; n--)
            text[(size_t)rand() % length] = (char)(rand() % 3 ? "{}[]\",:\\u0eE+-.\0\x01\xFF"[rand() % 19] : rand());
        assert_survived(text, length);
    }
}

static unsigned n_left;

static void *allocate_some(size_t size) {
    return n_left > 0 && n_left-- > 0 ? malloc(size) : NULL;
}

/* cJSON does not tell short memory from a bad text, so either answer will do; what is halfway there is none. */
Test(json, short_memory_gives_no_half_a_tree) {
    cJSON_Hooks hooks = {.malloc_fn = allocate_some, .free_fn = free};
    for (unsigned n = 0;; n++) {
        cJSON *json = NULL;
        struct json_error error = {0};
        n_left = n;
        cJSON_InitHooks(&hooks);
        const int r = json_parse(document, strlen(document), &json, &error);
        if (r == 0) {
            cJSON_Delete(json);
            cr_assert_gt(n, 5);
            return;
        }
        cr_expect(r == -ENOMEM || r == JSON_E_MALFORMED, "after %u allocations: %d", n, r);
        cr_assert_null(json);
        cr_assert_lt(n, 1000);
    }
}
