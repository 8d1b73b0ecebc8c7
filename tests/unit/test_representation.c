/* Accept-Encoding and If-None-Match as RFC 9110 has them, and what is neither. */
#include "src/api/representation.h"

#include <criterion/criterion.h>

static struct api_header headers[4];
static struct api_request request;

/* A request with one line of this header beside another; NULL: without it. */
static void begin(const char *name, const char *value) {
    headers[0] = (struct api_header){"Host", "gzip"};
    headers[1] = (struct api_header){name, value};
    request = (struct api_request){.headers = headers, .n_headers = value ? 2 : 1};
}

static void add(const char *name, const char *value) {
    headers[request.n_headers++] = (struct api_header){name, value};
}

static bool wants_gzip(const char *value) {
    begin("aCCept-enCoding", value);
    return representation_wants_gzip(&request);
}

Test(representation, gzip_is_sent_to_those_who_ask_for_it) {
    static const char *const values[] = {
        "gzip",
        "GZip",
        "x-gzip",
        "gzip, deflate, br, zstd",
        "deflate, gzip",
        "deflate,gzip",
        "br;q=1.0, gzip;q=0.8, *;q=0.1",
        "gzip;q=1",
        "gzip;q=1.",
        "gzip;q=1.000",
        "gzip;q=0.001",
        "gzip ; Q=0.5",
        "gzip\t;\tq=0.5\t",
        " gzip ",
        ", ,gzip",
        "gzip,",
        "*",
        "*;q=0.5",
        "deflate;q=0, *",
        "identity;q=0.5, gzip;q=0.5",
        "identity;q=0, gzip",
        "identity;q=0, *",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        cr_expect(wants_gzip(values[i]), "\"%s\"", values[i]);
}

Test(representation, everybody_else_gets_the_file_as_it_is) {
    static const char *const values[] = {
        NULL,
        "",
        ",",
        " ",
        "identity",
        "deflate, br",
        "gzip;q=0",
        "gzip;q=0.",
        "gzip;q=0.000",
        "gzip;q=0, *",
        "*, gzip;q=0",
        "*;q=0",
        "gzip;q=0.5, identity",
        "gzip;q=0.2, identity;q=0.3",
        "identity, *;q=0.5",
        "gzipp",
        "gzi",
        "xgzip",
        "gzip/1",
        "br;q=gzip",
        "br gzip",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        cr_expect_not(wants_gzip(values[i]), "\"%s\"", values[i] ? values[i] : "(none)");
}

Test(representation, a_weight_that_is_none_asks_for_nothing) {
    static const char *const values[] = {
        "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=2",    "gzip;q=-1", "gzip;q=.5", "gzip;q=",      "gzip;q",
        "gzip;",        "gzip;level=9",  "gzip;q=0.5x", "gzip;q= 1", "gzip q=1",  "gzip;q=1;q=0",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        cr_expect_not(wants_gzip(values[i]), "\"%s\"", values[i]);
}

Test(representation, several_lines_are_one_list) {
    begin("Accept-Encoding", "deflate");
    add("accept-encoding", "gzip");
    cr_expect(representation_wants_gzip(&request));
    begin("Accept-Encoding", "gzip;q=0");
    add("Accept-Encoding", "*");
    cr_expect_not(representation_wants_gzip(&request));
}

/* ---- If-None-Match ---- */

static bool knows(const char *value) {
    begin("if-NONE-match", value);
    return representation_is_known(&request, "\"abc\"");
}

Test(representation, a_tag_that_is_named_is_known) {
    static const char *const values[] = {
        "\"abc\"",
        "W/\"abc\"",
        "\"x\", \"abc\"",
        "\"x\",\"abc\"",
        "\"abc\", \"x\"",
        " \"abc\" ",
        "\"x\" , W/\"abc\"",
        "\"a,b\",\"abc\"",
        "*",
        " * ",
        "\"\", \"abc\"",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        cr_expect(knows(values[i]), "\"%s\"", values[i]);
}

Test(representation, every_other_is_not) {
    static const char *const values[] = {
        NULL,         "",      "abc",       "\"abcd\"",  "\"ab\"",        "\"ABC\"",
        "\"abc",      "abc\"", "W/abc",     "w/\"abc\"", "\"x,\"abc\"\"", "*x",
        "*, \"abc\"", "\"",    "\"x\" abc", "W/",        "\"\"",          "\"x",
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        cr_expect_not(knows(values[i]), "\"%s\"", values[i] ? values[i] : "(none)");
}

Test(representation, a_tag_on_the_second_line_is_known_too) {
    begin("If-None-Match", "\"x\"");
    add("If-None-Match", "\"abc\"");
    cr_expect(representation_is_known(&request, "\"abc\""));
    cr_expect_not(representation_is_known(&request, "\"gzip\""));
}
