/*
 * Words, numbers and times as text: what is UTF-8 and what is not, what a number may look like, and which word was meant.
 */
#include "src/base/text.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- UTF-8 ---- */

/* RFC 3629 read the plain way, from code points to bytes: the opposite direction of the code under test. */
static size_t encode(unsigned code, char *ret_bytes) {
    unsigned char *bytes = (unsigned char *)ret_bytes;
    if (code < 0x80) {
        bytes[0] = (unsigned char)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (unsigned char)(0xC0 | code >> 6);
        bytes[1] = (unsigned char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        bytes[0] = (unsigned char)(0xE0 | code >> 12);
        bytes[1] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
        bytes[2] = (unsigned char)(0x80 | (code & 0x3F));
        return 3;
    }
    bytes[0] = (unsigned char)(0xF0 | code >> 18);
    bytes[1] = (unsigned char)(0x80 | (code >> 12 & 0x3F));
    bytes[2] = (unsigned char)(0x80 | (code >> 6 & 0x3F));
    bytes[3] = (unsigned char)(0x80 | (code & 0x3F));
    return 4;
}

Test(text, every_code_point_is_utf8_but_surrogates_and_what_is_past_the_last) {
    for (unsigned code = 0; code <= 0x110FFF; code++) {
        char bytes[4];
        const size_t length = encode(code, bytes);
        const bool expected = code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
        if (text_is_utf8(bytes, length) != expected)
            cr_assert(false, "U+%04X", code);
        if (length > 1 && text_is_utf8(bytes, length - 1))
            cr_assert(false, "U+%04X cut short", code);
    }
}

Test(text, overlong_and_stray_bytes_are_not_utf8) {
    static const char *const wrong[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xC2\x7F",
        "\xC2\xC0",
        "\xE0\x80\x80",
        "\xE0\x9F\xBF",
        "\xE1\x80",
        "\xE1\x80\x7F",
        "\xE1\x80\xC0",
        "\xE1\x7F\x80",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF1\x80\x80",
        "\xF1\x80\x7F\x80",
        "\xF1\x80\x80\x7F",
        "\xF1\x80\x80\xC0",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF8\x88\x80\x80\x80",
        "\xFE",
        "\xFF",
        "a\xFF",
        "\xC3\xA9\x80",
        "abc\xE2\x82",
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        cr_expect_not(text_is_utf8(wrong[i], strlen(wrong[i])), "number %zu", i);
}

Test(text, utf8_ends_at_the_length_and_not_at_a_nul) {
    cr_expect(text_is_utf8("", 0));
    cr_expect(text_is_utf8("a\0b", 3), "U+0000 is a character");
    cr_expect_not(text_is_utf8("a\0\xFF", 3));
    cr_expect(text_is_utf8("a\xFF", 1), "what is behind the length does not count");
    char *exact = malloc(2); /* for AddressSanitizer: no byte behind it is read */
    memcpy(exact, "\xE2\x82", 2);
    cr_expect_not(text_is_utf8(exact, 2));
    cr_expect_not(text_has_control(exact, 2));
    free(exact);
}

Test(text, control_characters_are_c0_del_and_c1) {
    for (unsigned code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        const size_t length = encode(code, bytes);
        const bool expected = code < 0x20 || (code >= 0x7F && code < 0xA0);
        if (text_has_control(bytes, length) != expected)
            cr_assert(false, "U+%04X", code);
    }
    cr_expect(text_has_control("ab\xC3\xA9\n", 5), "the last of several");
    cr_expect_not(text_has_control("ab\n", 2), "behind the length");
    cr_expect_not(text_has_control("", 0));
}

static void assert_safe(const char *text, size_t size, const char *expected) {
    char *safe = malloc(size);
    cr_assert_eq(text_make_safe(text, safe, size), safe);
    cr_expect_str_eq(safe, expected, "\"%s\" in %zu bytes: \"%s\"", text, size, safe);
    free(safe);
}

Test(text, what_cannot_be_shown_becomes_a_question_mark) {
    assert_safe("plain text", 64, "plain text");
    assert_safe("", 4, "");
    assert_safe("a\tb\nc\x7F", 64, "a?b?c?");
    assert_safe("\x1B[31mred", 64, "?[31mred");
    assert_safe("\xC2\x85next", 64, "?next");
    assert_safe("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", 64, "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    assert_safe("\xFF\xC3", 64, "??");
    assert_safe("\xE2\x82z", 64, "??z");
    assert_safe("\xED\xA0\x80", 64, "???");
}

/* U+202A-202E and U+2066-2069 make what follows read backwards, and U+061C, U+200E and U+200F what is beside them; their neighbours do not. */
/* NOLINTBEGIN(misc-misleading-bidirectional): they are what is tested */
Test(text, what_turns_the_direction_of_text_becomes_a_question_mark) {
    assert_safe("a\xE2\x80\xAA"
                "b\xE2\x80\xAE"
                "c",
                64, "a?b?c");
    assert_safe("a\xE2\x81\xA6"
                "b\xE2\x81\xA9"
                "c",
                64, "a?b?c");
    assert_safe("\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA", 64,
                "\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA");
    assert_safe("a\xE2\x80\x8E"
                "b\xE2\x80\x8F"
                "c\xD8\x9C"
                "d",
                64, "a?b?c?d");
    /* The joiner of U+200D holds emoji together, and U+0621 is a letter. */
    assert_safe("\xE2\x80\x8D\xE2\x80\x90\xD8\x9B\xD8\xA1", 64, "\xE2\x80\x8D\xE2\x80\x90\xD8\x9B\xD8\xA1");
}
/* NOLINTEND(misc-misleading-bidirectional) */

Test(text, what_does_not_fit_is_cut_at_a_characters_end) {
    assert_safe("abcd", 4, "abc");
    assert_safe("abc", 4, "abc");
    assert_safe("ab\xC3\xA9", 4, "ab");
    assert_safe("a\xC3\xA9z", 4, "a\xC3\xA9");
    assert_safe("\xF0\x9F\x98\x80", 4, "");
    assert_safe("\xF0\x9F\x98\x80", 5, "\xF0\x9F\x98\x80");
    assert_safe("ab\n\n", 4, "ab?");
}

/* ---- numbers and durations ---- */

static void assert_number(const char *text, uint64_t min, uint64_t max, int expected, uint64_t expected_number) {
    uint64_t number = 77;
    const int r = text_parse_number(text, min, max, &number);
    cr_expect_eq(r, expected, "\"%s\": %d", text, r);
    cr_expect_eq(number, expected == 0 ? expected_number : 77, "\"%s\": %llu", text, (unsigned long long)number);
}

Test(text, a_number_is_digits_and_nothing_else) {
    static const char *const wrong[] = {"",     " ",   "-1",  "+1",           " 1",      "1 ",  "1.0",
                                        "0x10", "1e3", "1,0", "abc",          "12a",     "\n1", "1\n",
                                        "-0",   "--1", "1-2", "\xEF\xBC\x91", "\xD9\xA1"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_number(wrong[i], 0, UINT64_MAX, -EINVAL, 0);
    assert_number("0", 0, 10, 0, 0);
    assert_number("007", 0, 10, 0, 7);
    assert_number("10", 0, 10, 0, 10);
}

Test(text, a_number_keeps_to_its_bounds) {
    assert_number("1", 1, 65535, 0, 1);
    assert_number("0", 1, 65535, -ERANGE, 0);
    assert_number("65535", 1, 65535, 0, 65535);
    assert_number("65536", 1, 65535, -ERANGE, 0);
    assert_number("18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX);
    assert_number("18446744073709551616", 0, UINT64_MAX, -ERANGE, 0);
    assert_number("18446744073709551625", 0, UINT64_MAX, -ERANGE, 0);
    assert_number("28446744073709551615", 0, UINT64_MAX, -ERANGE, 0);
    assert_number("99999999999999999999999999999999999999", 0, UINT64_MAX, -ERANGE, 0);
    assert_number("184467440737095516150", 0, 5, -ERANGE, 0);
}

static void assert_duration(const char *text, int expected, uint64_t expected_seconds) {
    uint64_t seconds = 77;
    const int r = text_parse_duration(text, &seconds);
    cr_expect_eq(r, expected, "\"%s\": %d", text, r);
    cr_expect_eq(seconds, expected == 0 ? expected_seconds : 77, "\"%s\"", text);
}

Test(text, a_duration_is_a_number_and_perhaps_a_unit) {
    assert_duration("90", 0, 90);
    assert_duration("90s", 0, 90);
    assert_duration("5m", 0, 300);
    assert_duration("2h", 0, 7200);
    assert_duration("1d", 0, 86400);
    assert_duration("1", 0, 1);
    static const char *const wrong[] = {"",   "s",   "m5",   "5 m", " 5m", "5m ", "5ms", "5M",  "1h30m",
                                        "-5", "1.5", "1.5h", "+5",  "1w",  "5y",  "0x5", "5mm", "\n"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_duration(wrong[i], -EINVAL, 0);
}

Test(text, a_duration_is_a_second_to_2_to_the_53) {
    assert_duration("0", -ERANGE, 0);
    assert_duration("0d", -ERANGE, 0);
    assert_duration("9007199254740992", 0, UINT64_C(1) << 53);
    assert_duration("9007199254740993", -ERANGE, 0);
    assert_duration("9007199254740992s", 0, UINT64_C(1) << 53);
    assert_duration("104249991374d", 0, UINT64_C(104249991374) * 86400);
    assert_duration("104249991375d", -ERANGE, 0);
    assert_duration("150119987579016m", 0, UINT64_C(150119987579016) * 60);
    assert_duration("150119987579017m", -ERANGE, 0);
    assert_duration("2501999792983h", 0, UINT64_C(2501999792983) * 3600);
    assert_duration("2501999792984h", -ERANGE, 0);
    assert_duration("99999999999999999999999999999999999999d", -ERANGE, 0);
}

Test(text, a_duration_is_written_in_two_units_at_most) {
    static const struct {
        uint64_t seconds;
        const char *expected;
    } rows[] = {
        {0, "0s"},        {1, "1s"},        {45, "45s"},         {59, "59s"},       {60, "1m00s"},
        {182, "3m02s"},   {3599, "59m59s"}, {3600, "1h00m"},     {7500, "2h05m"},   {86399, "23h59m"},
        {86400, "1d00h"}, {97200, "1d03h"}, {2592000, "30d00h"}, {172799, "1d23h"}, {UINT64_MAX, "213503982334601d07h"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[TEXT_DURATION_MAX];
        text_format_duration(rows[i].seconds, text);
        cr_expect_str_eq(text, rows[i].expected, "%llu: %s", (unsigned long long)rows[i].seconds, text);
    }
}

/* ---- times ---- */

static const struct {
    int64_t unix_ms;
    const char *text;
} times[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {-1000, "1969-12-31T23:59:59.000Z"},
    {-1001, "1969-12-31T23:59:58.999Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {1767323045678, "2026-01-02T03:04:05.678Z"},
    {4107542400000, "2100-03-01T00:00:00.000Z"},
    {253402300799999, "9999-12-31T23:59:59.999Z"},
};

Test(text, a_time_is_written_in_utc_with_milliseconds_whatever_the_time_zone) {
    setenv("TZ", "Pacific/Auckland", 1);
    tzset();
    for (size_t i = 0; i < COUNT(times); i++) {
        char text[TEXT_TIME_MAX];
        text_format_time(times[i].unix_ms, text);
        cr_expect_str_eq(text, times[i].text, "%s", text);
    }
}

Test(text, no_number_of_milliseconds_overruns_the_text) {
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, -INT64_C(9007199254740992), INT64_C(9007199254740992),
                                       INT64_MAX};
    for (size_t i = 0; i < COUNT(extremes); i++) {
        char *text = malloc(TEXT_TIME_MAX);
        text_format_time(extremes[i], text);
        cr_expect_lt(strlen(text), TEXT_TIME_MAX);
        free(text);
    }
}

static void assert_time(const char *text, int64_t expected) {
    int64_t unix_ms = 77;
    const int r = text_parse_time(text, &unix_ms);
    cr_expect_eq(r, 0, "\"%s\": %d", text, r);
    cr_expect_eq(unix_ms, expected, "\"%s\": %lld", text, (long long)unix_ms);
}

Test(text, a_time_is_read_with_any_offset_and_any_fraction) {
    setenv("TZ", "America/St_Johns", 1);
    tzset();
    for (size_t i = 0; i < COUNT(times); i++)
        assert_time(times[i].text, times[i].unix_ms);
    assert_time("2026-01-02T03:04:05Z", 1767323045000);
    assert_time("2026-01-02t03:04:05z", 1767323045000);
    assert_time("2026-01-02T03:04:05.6Z", 1767323045600);
    assert_time("2026-01-02T03:04:05.67Z", 1767323045670);
    assert_time("2026-01-02T03:04:05.678912345678901234567890+00:00", 1767323045678);
    assert_time("2026-01-02T05:34:05.678+02:30", 1767323045678);
    assert_time("2026-01-01T19:04:05.678-08:00", 1767323045678);
    assert_time("2026-01-02T03:04:05-00:00", 1767323045000);
    assert_time("2024-02-29T23:59:59+23:59", 1709164859000);
    assert_time("1970-01-01T00:00:00.5+00:01", -59500);
}

static void assert_no_time(const char *text) {
    int64_t unix_ms = 77;
    const int r = text_parse_time(text, &unix_ms);
    cr_expect_eq(r, -EINVAL, "\"%s\": %d", text, r);
    cr_expect_eq(unix_ms, 77, "\"%s\": the output is untouched", text);
}

Test(text, what_is_not_rfc_3339_is_no_time) {
    static const char *const wrong[] = {
        "",
        "now",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05 Z",
        "2026-01-02T03:04:05ZZ",
        "2026-01-02T03:04:05Z ",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,5Z",
        "2026-1-02T03:04:05Z",
        "26-01-02T03:04:05Z",
        "02026-01-02T03:04:05Z",
        "2026/01/02T03:04:05Z",
        "2026-01-02X03:04:05Z",
        "2026-01-02T03-04-05Z",
        "2026-01-02T3:04:05Z",
        "2026-00-02T03:04:05Z",
        "2026-13-02T03:04:05Z",
        "2026-01-00T03:04:05Z",
        "2026-01-32T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05+01",
        "2026-01-02T03:04:05+1:00",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+01:60",
        "2026-01-02T03:04:05+01:00Z",
        "2026-01-02T03:04:05UTC",
        "-026-01-02T03:04:05Z",
        "2026-01-02T03:04:-5Z",
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_no_time(wrong[i]);
}

Test(text, a_day_that_its_month_does_not_have_is_no_time) {
    static const char *const wrong[] = {"2026-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "2100-02-29T00:00:00Z",
                                        "2026-04-31T00:00:00Z", "2026-06-31T12:00:00Z", "2026-11-31T12:00:00Z"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_no_time(wrong[i]);
    assert_time("2000-02-29T00:00:00Z", 951782400000);
    assert_time("2026-01-31T00:00:00Z", 1769817600000);
}

/* ---- the nearest word ---- */

static const char *const commands[] = {"alloc", "release", "list", "lookup", "renew", "loop", "run", "status"};

static void assert_nearest(const char *word, const char *expected) {
    const char *nearest = text_nearest(word, commands, COUNT(commands));
    if (!expected)
        cr_expect_null(nearest, "\"%s\": %s", word, nearest);
    else
        cr_expect(nearest && strcmp(nearest, expected) == 0, "\"%s\": %s", word, nearest ? nearest : "none");
}

Test(text, the_nearest_word_is_the_one_of_least_edits) {
    assert_nearest("alloc", "alloc");
    assert_nearest("aloc", "alloc");
    assert_nearest("allloc", "alloc");
    assert_nearest("allok", "alloc");
    assert_nearest("relaese", "release");
    assert_nearest("lits", "list");
    assert_nearest("rnu", "run");
    assert_nearest("statsu", "status");
    assert_nearest("looup", "lookup");
    assert_nearest("loo", "loop");
}

Test(text, a_word_that_is_far_from_all_has_no_nearest) {
    assert_nearest("", NULL);
    assert_nearest("x", NULL);
    assert_nearest("zzzzz", NULL);
    assert_nearest("deallocate", NULL);
    assert_nearest("Alloc", "alloc"); /* one edit: case is not folded, and is no more than that */
    assert_nearest("ALLOC", NULL);
    cr_expect_null(text_nearest("list", commands, 0));
}

Test(text, a_third_of_the_longer_word_may_be_wrong_and_at_least_one_letter) {
    static const char *const six[] = {"abcdef"};
    cr_expect_not_null(text_nearest("abcdxy", six, 1));
    cr_expect_null(text_nearest("abcxyz", six, 1));
    cr_expect_null(text_nearest("abc", six, 1));
    cr_expect_not_null(text_nearest("abcd", six, 1));
    cr_expect_not_null(text_nearest("bcdefx", six, 1));
    cr_expect_not_null(text_nearest("abcdefghi", six, 1), "three of nine");
    cr_expect_null(text_nearest("abcdefghij", six, 1), "four of ten");
    static const char *const two[] = {"ab"};
    cr_expect_not_null(text_nearest("ba", two, 1), "a swap of neighbours is one edit");
    cr_expect_not_null(text_nearest("a", two, 1));
    cr_expect_null(text_nearest("xy", two, 1));
    static const char *const twins[] = {"cat", "car", "can"};
    cr_expect_str_eq(text_nearest("cab", twins, 3), "cat", "the first of equals");
    cr_expect_str_eq(text_nearest("can", twins, 3), "can");
}

Test(text, words_over_64_bytes_are_near_nothing_and_cost_nothing) {
    char word[65 + 1];
    memset(word, 'a', 65);
    word[65] = '\0';
    const char *const itself[] = {word};
    cr_expect_null(text_nearest(word, itself, 1));
    cr_expect_null(text_nearest("a", itself, 1));
    const char *const shorter[] = {word + 1};
    cr_expect_eq(text_nearest(word + 1, shorter, 1), word + 1, "64 bytes are not over 64");
    const char *const both[] = {word, word + 1};
    cr_expect_eq(text_nearest(word + 2, both, 2), word + 1);
}

/* ---- words of a shell ---- */

Test(text, a_word_is_quoted_only_where_a_shell_would_not_take_it_as_it_is) {
    static const char *const rows[][2] = {
        {"web", "web"},       {"a-b_c./:@%+=,9", "a-b_c./:@%+=,9"},
        {"", "''"},           {"my web", "'my web'"},
        {"$HOME", "'$HOME'"}, {"it's", "'it'\\''s'"},
        {"'", "''\\'''"},
    };
    char word[64];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_str_eq(text_quote_word(rows[i][0], word, sizeof(word)), rows[i][1]);
}

Test(text, the_longest_word_has_room_and_a_longer_one_is_cut_and_still_closed) {
    char quotes[129];
    char word[TEXT_QUOTED_MAX(128)];
    char small[16];
    memset(quotes, '\'', 128);
    quotes[128] = '\0';
    text_quote_word(quotes, word, sizeof(word));
    cr_expect_eq(strlen(word), 128 * 4 + 2);
    text_quote_word("one two three four", small, sizeof(small));
    cr_expect_str_eq(small, "'one two t'");
}
