/*
 * A daemon on localhost is on the web: what a page in the user's browser, or anything else that speaks HTTP badly, may send.
 * Every rule of the guard over real connections, on TCP and on the Unix socket, with requests written by hand. Whatever is
 * refused has changed nothing.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"

TestSuite(browser, .timeout = 300);

#define HOST "Host: localhost:3030\r\n"
#define JSON "Content-Type: application/json\r\n"
#define BODY "Content-Length: 20\r\n\r\n{\"service_name\":\"x\"}"

/* Requests with these header lines, each with its \r\n. */
#define ALLOC(lines)       "POST /alloc HTTP/1.1\r\n" lines JSON BODY
#define GET(target, lines) "GET " target " HTTP/1.1\r\n" lines "\r\n"

/* What becomes of a request. */
enum fate {
    PASSES,         /* 200 */
    BAD_REQUEST,    /* 400 bad-request */
    FORBIDDEN_HOST, /* 403 */
    FORBIDDEN_ORIGIN,
    FORBIDDEN_SITE,
    NO_SUCH_PATH,       /* 404 */
    METHOD_NOT_ALLOWED, /* 405 */
    NOT_JSON,           /* 415 */
    REFUSED,            /* an error, or the connection is closed: libmicrohttpd may see to it before portd sees it */
};

static const struct {
    int status;
    const char *problem;
} fates[] = {
    [PASSES] = {200, NULL},
    [BAD_REQUEST] = {400, "bad-request"},
    [FORBIDDEN_HOST] = {403, "forbidden-host"},
    [FORBIDDEN_ORIGIN] = {403, "forbidden-origin"},
    [FORBIDDEN_SITE] = {403, "forbidden-site"},
    [NO_SUCH_PATH] = {404, "no-such-path"},
    [METHOD_NOT_ALLOWED] = {405, "method-not-allowed"},
    [NOT_JSON] = {415, "not-json"},
};

struct row {
    const char *name;
    enum fate on_tcp;
    enum fate on_unix;
    const char *bytes;
    size_t length;
};

/* sizeof, because some have a NUL in them. clang-format 14 and 19 would each lay it out in a way of their own. */
/* clang-format off */
#define ROW(name, on_tcp, on_unix, bytes) (struct row){name, on_tcp, on_unix, bytes, sizeof(bytes) - 1}
/* clang-format on */

static bool is_refused(const struct http_reply *reply) {
    return reply->status == 0 || (reply->status >= 400 && reply->status != 500);
}

static void assert_fate(const struct caller *caller, const struct row *row, enum fate fate) {
    CLEANUP(file_free_text_at) char *before = caller_digest(caller);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_send(caller, row->bytes, row->length);
    const char *where = channel_name(caller->channel);
    if (fate == REFUSED)
        cr_expect(is_refused(&reply), "%s over %s: %s", row->name, where, reply_text(&reply));
    else if (fates[fate].problem)
        cr_expect(reply_is_problem(&reply, fates[fate].status, fates[fate].problem), "%s over %s: %d %s", row->name,
                  where, reply.status, reply_text(&reply));
    else
        cr_expect_eq(reply.status, fates[fate].status, "%s over %s: %s", row->name, where, reply_text(&reply));
    CLEANUP(file_free_text_at) char *after = caller_digest(caller);
    if (fate != PASSES)
        cr_expect_str_eq(before, after, "%s over %s has changed something", row->name, where);
}

static void assert_rows(const struct row *rows, size_t n_rows) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller over_tcp = {.daemon = &daemon};
    const struct caller over_unix = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    for (size_t i = 0; i < n_rows; i++) {
        assert_fate(&over_tcp, &rows[i], rows[i].on_tcp);
        assert_fate(&over_unix, &rows[i], rows[i].on_unix);
    }
}
#define ASSERT_ROWS(rows) assert_rows(rows, sizeof(rows) / sizeof((rows)[0]))

/* ---- rule 1: one Host, and a request that can be read in one way only ---- */

static const struct row hosts[] = {
    ROW("localhost", PASSES, PASSES, ALLOC(HOST)),
    ROW("127.0.0.1", PASSES, PASSES, ALLOC("Host: 127.0.0.1:3030\r\n")),
    ROW("[::1]", PASSES, PASSES, ALLOC("Host: [::1]:3030\r\n")),
    ROW("the header's name in other case", PASSES, PASSES, ALLOC("hOsT: localhost:3030\r\n")),
    ROW("no Host", REFUSED, REFUSED, ALLOC("")),
    ROW("the same Host twice", REFUSED, REFUSED, ALLOC(HOST HOST)),
    ROW("a second Host", REFUSED, REFUSED, ALLOC(HOST "Host: evil.com\r\n")),
    ROW("a second Host in other case", REFUSED, REFUSED, ALLOC("HOST: evil.com\r\n" HOST)),
    ROW("an empty Host", FORBIDDEN_HOST, PASSES, ALLOC("Host:\r\n")),
    ROW("evil.com", FORBIDDEN_HOST, PASSES, ALLOC("Host: evil.com\r\n")),
    ROW("evil.com with our port", FORBIDDEN_HOST, PASSES, ALLOC("Host: evil.com:3030\r\n")),
    ROW("0.0.0.0", FORBIDDEN_HOST, PASSES, ALLOC("Host: 0.0.0.0:3030\r\n")),
    ROW("[::]", FORBIDDEN_HOST, PASSES, ALLOC("Host: [::]:3030\r\n")),
    ROW("localhost without a port", FORBIDDEN_HOST, PASSES, ALLOC("Host: localhost\r\n")),
    ROW("127.0.0.1 without a port", FORBIDDEN_HOST, PASSES, ALLOC("Host: 127.0.0.1\r\n")),
    ROW("[::1] without a port", FORBIDDEN_HOST, PASSES, ALLOC("Host: [::1]\r\n")),
    ROW("LOCALHOST", FORBIDDEN_HOST, PASSES, ALLOC("Host: LOCALHOST:3030\r\n")),
    ROW("a dot behind", FORBIDDEN_HOST, PASSES, ALLOC("Host: localhost.:3030\r\n")),
    ROW("a name below localhost", FORBIDDEN_HOST, PASSES, ALLOC("Host: foo.localhost:3030\r\n")),
    ROW("a name that begins with localhost", FORBIDDEN_HOST, PASSES, ALLOC("Host: localhost.evil.com:3030\r\n")),
    ROW("a port that begins with ours", FORBIDDEN_HOST, PASSES, ALLOC("Host: localhost:30300\r\n")),
    ROW("another port", FORBIDDEN_HOST, PASSES, ALLOC("Host: localhost:3031\r\n")),
    ROW("our port with a nought before it", FORBIDDEN_HOST, PASSES, ALLOC("Host: localhost:03030\r\n")),
    ROW("127.1", FORBIDDEN_HOST, PASSES, ALLOC("Host: 127.1:3030\r\n")),
    ROW("127.0.0.2", FORBIDDEN_HOST, PASSES, ALLOC("Host: 127.0.0.2:3030\r\n")),
    ROW("::1 without brackets", FORBIDDEN_HOST, PASSES, ALLOC("Host: ::1:3030\r\n")),
    ROW("a mapped address", FORBIDDEN_HOST, PASSES, ALLOC("Host: [::ffff:127.0.0.1]:3030\r\n")),
    ROW("two in one", FORBIDDEN_HOST, PASSES, ALLOC("Host: localhost:3030, localhost:3030\r\n")),
    ROW("a user before it", FORBIDDEN_HOST, PASSES, ALLOC("Host: user@localhost:3030\r\n")),
    ROW("a forwarded Host beside ours", PASSES, PASSES, ALLOC(HOST "X-Forwarded-Host: evil.com\r\n")),
    ROW("ours forwarded", FORBIDDEN_HOST, PASSES, ALLOC("Host: evil.com\r\nX-Forwarded-Host: localhost:3030\r\n")),
    ROW("no Host, on a GET", REFUSED, REFUSED, GET("/list", "")),
    ROW("evil.com, on a GET", FORBIDDEN_HOST, PASSES, GET("/list", "Host: evil.com:3030\r\n")),
    ROW("evil.com, on the page", FORBIDDEN_HOST, PASSES, GET("/", "Host: evil.com:3030\r\n")),
    ROW("evil.com, on /healthz", FORBIDDEN_HOST, PASSES, GET("/healthz", "Host: evil.com:3030\r\n")),
    ROW("evil.com, on nothing", FORBIDDEN_HOST, NO_SUCH_PATH, GET("/nothing", "Host: evil.com:3030\r\n")),
    ROW("HTTP/1.0 without Host", REFUSED, REFUSED, "POST /alloc HTTP/1.0\r\n" JSON BODY),
    ROW("HTTP/1.0 with evil.com", FORBIDDEN_HOST, PASSES, "POST /alloc HTTP/1.0\r\nHost: evil.com\r\n" JSON BODY),
};

Test(browser, exactly_one_host_and_it_is_ours) {
    ASSERT_ROWS(hosts);
}

static const struct row forms[] = {
    ROW("an absolute URI", REFUSED, REFUSED, "POST http://localhost:3030/alloc HTTP/1.1\r\n" HOST JSON BODY),
    ROW("another host's URI", REFUSED, REFUSED, "POST http://evil.com/alloc HTTP/1.1\r\n" HOST JSON BODY),
    ROW("an asterisk", REFUSED, REFUSED, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a target without a slash", REFUSED, REFUSED, GET("list", HOST)),
    ROW("HTTP/2.0", REFUSED, REFUSED, "GET /list HTTP/2.0\r\n" HOST "\r\n"),
    ROW("HTTP/1.2", REFUSED, REFUSED, "GET /list HTTP/1.2\r\n" HOST "\r\n"),
    ROW("no version", REFUSED, REFUSED, "GET /list\r\n\r\n"),
    ROW("a NUL in a value", REFUSED, REFUSED, ALLOC(HOST "X-A: a\0b\r\n")),
    ROW("a NUL at a value's end", REFUSED, REFUSED, ALLOC(HOST "X-A: a\0\r\n")),
    ROW("a NUL in Host", REFUSED, REFUSED, ALLOC("Host: localhost:3030\0.evil.com\r\n")),
    ROW("a NUL in Origin", REFUSED, REFUSED, ALLOC(HOST "Origin: http://localhost:3030\0.evil.com\r\n")),
    ROW("a NUL in a header's name", REFUSED, REFUSED, ALLOC(HOST "X-\0A: a\r\n")),
    ROW("a NUL in the path", REFUSED, REFUSED, "GET /list\0/evil HTTP/1.1\r\n" HOST "\r\n"),
    ROW("an escaped NUL in the query", BAD_REQUEST, BAD_REQUEST, GET("/lookup?service=a%00b", HOST)),
    ROW("half an escape", BAD_REQUEST, BAD_REQUEST, GET("/lookup?service=a%2", HOST)),
    ROW("no escape", BAD_REQUEST, BAD_REQUEST, GET("/lookup?service=%zz", HOST)),
    ROW("no UTF-8 in the query", BAD_REQUEST, BAD_REQUEST, GET("/lookup?service=%ff", HOST)),
    ROW("a parameter twice", BAD_REQUEST, BAD_REQUEST, GET("/lookup?service=a&service=b", HOST)),
    ROW("a folded line", REFUSED, REFUSED, ALLOC(HOST "X-A: a\r\n b\r\n")),
    ROW("a folded line with a tab", REFUSED, REFUSED, ALLOC(HOST "X-A: a\r\n\tb\r\n")),
    ROW("a folded Host", REFUSED, REFUSED, ALLOC("Host: localhost:3030\r\n .evil.com\r\n")),
    ROW("a fold before the first header", REFUSED, REFUSED, ALLOC(" Host: evil.com\r\n" HOST)),
    ROW("a line without a colon", REFUSED, REFUSED, ALLOC(HOST "X-A\r\n")),
    ROW("a space before the colon", REFUSED, REFUSED, ALLOC("Host : localhost:3030\r\n")),
    ROW("a path in capitals", NO_SUCH_PATH, NO_SUCH_PATH, "POST /ALLOC HTTP/1.1\r\n" HOST JSON BODY),
    ROW("an escaped path", NO_SUCH_PATH, NO_SUCH_PATH, "POST /%61lloc HTTP/1.1\r\n" HOST JSON BODY),
    ROW("a path with dots", NO_SUCH_PATH, NO_SUCH_PATH, "POST /x/../alloc HTTP/1.1\r\n" HOST JSON BODY),
    ROW("two slashes", NO_SUCH_PATH, NO_SUCH_PATH, "POST //alloc HTTP/1.1\r\n" HOST JSON BODY),
    ROW("a slash behind", NO_SUCH_PATH, NO_SUCH_PATH, "POST /alloc/ HTTP/1.1\r\n" HOST JSON BODY),
    ROW("garbage", REFUSED, REFUSED, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
};

Test(browser, a_request_that_can_be_read_in_two_ways_is_refused) {
    ASSERT_ROWS(forms);
}

#define LENGTHS(lines) "POST /alloc HTTP/1.1\r\n" HOST JSON lines "\r\n{\"service_name\":\"x\"}"

static const struct row lengths[] = {
    ROW("one Content-Length", PASSES, PASSES, LENGTHS("Content-Length: 20\r\n")),
    ROW("the same length twice", REFUSED, REFUSED, LENGTHS("Content-Length: 20\r\nContent-Length: 20\r\n")),
    ROW("two lengths", REFUSED, REFUSED, LENGTHS("Content-Length: 20\r\nContent-Length: 2\r\n")),
    ROW("two lengths in one line", REFUSED, REFUSED, LENGTHS("Content-Length: 20, 20\r\n")),
    ROW("a length with a sign", REFUSED, REFUSED, LENGTHS("Content-Length: +20\r\n")),
    ROW("a length below 0", REFUSED, REFUSED, LENGTHS("Content-Length: -20\r\n")),
    ROW("a length that is no number", REFUSED, REFUSED, LENGTHS("Content-Length: 0x14\r\n")),
    ROW("a length past 2^64", REFUSED, REFUSED, LENGTHS("Content-Length: 18446744073709551636\r\n")),
    ROW("a length and chunks", REFUSED, REFUSED,
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Content-Length: 20\r\nTransfer-Encoding: chunked\r\n\r\n"
        "14\r\n{\"service_name\":\"x\"}\r\n0\r\n\r\n"),
    ROW("chunks and a length", REFUSED, REFUSED,
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\nContent-Length: 20\r\n\r\n"
        "14\r\n{\"service_name\":\"x\"}\r\n0\r\n\r\n"),
    ROW("an unknown encoding", REFUSED, REFUSED, LENGTHS("Transfer-Encoding: gzip\r\n")),
    ROW("chunks inside another encoding", REFUSED, REFUSED, LENGTHS("Transfer-Encoding: gzip, chunked\r\n")),
    ROW("chunked twice", REFUSED, REFUSED,
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
        "14\r\n{\"service_name\":\"x\"}\r\n0\r\n\r\n"),
    ROW("a chunk whose length is no number", REFUSED, REFUSED,
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    ROW("a chunk past 2^64", REFUSED, REFUSED,
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n"),
    ROW("chunks", PASSES, PASSES,
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
        "5\r\n{\"ser\r\nF\r\nvice_name\":\"x\"}\r\n0\r\n\r\n"),
    ROW("chunks and a trailer", PASSES, PASSES,
        "POST /alloc HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
        "14\r\n{\"service_name\":\"x\"}\r\n0\r\nX-Sum: 1\r\n\r\n"),
};

Test(browser, a_body_has_one_length) {
    ASSERT_ROWS(lengths);
}

/* ---- rule 2: Origin ---- */

static const struct row origins[] = {
    ROW("our own", PASSES, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: http://localhost:3030\r\n")),
    ROW("our own by address", PASSES, FORBIDDEN_ORIGIN,
        ALLOC("Host: 127.0.0.1:3030\r\nOrigin: http://127.0.0.1:3030\r\n")),
    ROW("our own over IPv6", PASSES, FORBIDDEN_ORIGIN, ALLOC("Host: [::1]:3030\r\nOrigin: http://[::1]:3030\r\n")),
    ROW("ours by another name than Host", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN,
        ALLOC(HOST "Origin: http://127.0.0.1:3030\r\n")),
    ROW("null", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: null\r\n")),
    ROW("empty", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin:\r\n")),
    ROW("evil.com", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: http://evil.com\r\n")),
    ROW("evil.com on our port", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: http://evil.com:3030\r\n")),
    ROW("another port", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: http://localhost:5173\r\n")),
    ROW("no port", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: http://localhost\r\n")),
    ROW("https", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: https://localhost:3030\r\n")),
    ROW("capitals", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: HTTP://localhost:3030\r\n")),
    ROW("a slash behind", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: http://localhost:3030/\r\n")),
    ROW("ours and more", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, ALLOC(HOST "Origin: http://localhost:3030.evil.com\r\n")),
    ROW("ours twice", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN,
        ALLOC(HOST "Origin: http://localhost:3030\r\nOrigin: http://localhost:3030\r\n")),
    ROW("two", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN,
        ALLOC(HOST "Origin: http://localhost:3030\r\nOrigin: http://evil.com\r\n")),
    ROW("ours, on a GET", PASSES, FORBIDDEN_ORIGIN, GET("/list", HOST "Origin: http://localhost:3030\r\n")),
    ROW("null, on a GET", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, GET("/list", HOST "Origin: null\r\n")),
    ROW("another, on a GET", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, GET("/list", HOST "Origin: http://evil.com\r\n")),
    ROW("another, on the page", FORBIDDEN_ORIGIN, FORBIDDEN_ORIGIN, GET("/", HOST "Origin: http://evil.com\r\n")),
    ROW("a Referer", PASSES, FORBIDDEN_ORIGIN, ALLOC(HOST "Referer: http://localhost:3030/\r\n")),
};

Test(browser, no_other_origin_may_call) {
    ASSERT_ROWS(origins);
}

/* ---- rule 3: Sec-Fetch-Site ---- */

#define NAVIGATION "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"

static const struct row sites[] = {
    ROW("same-origin", PASSES, FORBIDDEN_ORIGIN, ALLOC(HOST "Sec-Fetch-Site: same-origin\r\n")),
    ROW("none", PASSES, FORBIDDEN_ORIGIN, ALLOC(HOST "Sec-Fetch-Site: none\r\n")),
    ROW("same-site", FORBIDDEN_SITE, FORBIDDEN_ORIGIN, ALLOC(HOST "Sec-Fetch-Site: same-site\r\n")),
    ROW("cross-site", FORBIDDEN_SITE, FORBIDDEN_ORIGIN, ALLOC(HOST "Sec-Fetch-Site: cross-site\r\n")),
    ROW("capitals", FORBIDDEN_SITE, FORBIDDEN_ORIGIN, ALLOC(HOST "Sec-Fetch-Site: Same-Origin\r\n")),
    ROW("empty", FORBIDDEN_SITE, FORBIDDEN_ORIGIN, ALLOC(HOST "Sec-Fetch-Site:\r\n")),
    ROW("unheard of", FORBIDDEN_SITE, FORBIDDEN_ORIGIN, ALLOC(HOST "Sec-Fetch-Site: next-door\r\n")),
    ROW("two", FORBIDDEN_SITE, FORBIDDEN_ORIGIN,
        ALLOC(HOST "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n")),
    ROW("same-site, on a GET", FORBIDDEN_SITE, FORBIDDEN_ORIGIN, GET("/list", HOST "Sec-Fetch-Site: same-site\r\n")),
    ROW("same-site, on the page", FORBIDDEN_SITE, FORBIDDEN_ORIGIN, GET("/", HOST "Sec-Fetch-Site: same-site\r\n")),
    ROW("a link to the page", PASSES, FORBIDDEN_ORIGIN, GET("/", HOST "Sec-Fetch-Site: cross-site\r\n" NAVIGATION)),
    ROW("a link to the page from another port", PASSES, FORBIDDEN_ORIGIN,
        GET("/", HOST "Sec-Fetch-Site: same-site\r\n" NAVIGATION)),
    ROW("a link to the API", FORBIDDEN_SITE, FORBIDDEN_ORIGIN,
        GET("/list", HOST "Sec-Fetch-Site: cross-site\r\n" NAVIGATION)),
    ROW("the page in a frame", FORBIDDEN_SITE, FORBIDDEN_ORIGIN,
        GET("/", HOST "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n")),
    ROW("the page as a picture", FORBIDDEN_SITE, FORBIDDEN_ORIGIN,
        GET("/", HOST "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n")),
    ROW("a form that navigates", FORBIDDEN_SITE, FORBIDDEN_ORIGIN,
        ALLOC(HOST "Sec-Fetch-Site: cross-site\r\n" NAVIGATION)),
    ROW("only a mode", PASSES, FORBIDDEN_ORIGIN, ALLOC(HOST "Sec-Fetch-Mode: cors\r\n")),
};

Test(browser, no_other_site_may_call_and_same_site_is_another_site) {
    ASSERT_ROWS(sites);
}

/* ---- rule 4: methods and types ---- */

#define TYPED(lines) "POST /alloc HTTP/1.1\r\n" HOST lines BODY

static const struct row types[] = {
    ROW("JSON", PASSES, PASSES, TYPED(JSON)),
    ROW("JSON in capitals", PASSES, PASSES, TYPED("Content-Type: Application/JSON\r\n")),
    ROW("JSON with a charset", PASSES, PASSES, TYPED("Content-Type: application/json; charset=utf-8\r\n")),
    ROW("none", NOT_JSON, NOT_JSON, TYPED("")),
    ROW("empty", NOT_JSON, NOT_JSON, TYPED("Content-Type:\r\n")),
    ROW("plain text", NOT_JSON, NOT_JSON, TYPED("Content-Type: text/plain\r\n")),
    ROW("a form", NOT_JSON, NOT_JSON, TYPED("Content-Type: application/x-www-form-urlencoded\r\n")),
    ROW("a form of parts", NOT_JSON, NOT_JSON, TYPED("Content-Type: multipart/form-data; boundary=x\r\n")),
    ROW("nearly JSON", NOT_JSON, NOT_JSON, TYPED("Content-Type: application/jsonp\r\n")),
    ROW("JSON in a parameter", NOT_JSON, NOT_JSON, TYPED("Content-Type: text/plain; application/json\r\n")),
    ROW("JSON in a list", NOT_JSON, NOT_JSON, TYPED("Content-Type: application/json, text/plain\r\n")),
    ROW("two", NOT_JSON, NOT_JSON, TYPED(JSON "Content-Type: text/plain\r\n")),
    ROW("JSON twice", NOT_JSON, NOT_JSON, TYPED(JSON JSON)),
    ROW("OPTIONS", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, "OPTIONS /alloc HTTP/1.1\r\n" HOST "\r\n"),
    ROW("a preflight", METHOD_NOT_ALLOWED, FORBIDDEN_ORIGIN,
        "OPTIONS /alloc HTTP/1.1\r\n" HOST "Origin: http://localhost:3030\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Private-Network: true\r\n\r\n"),
    ROW("GET of a call", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, GET("/alloc", HOST)),
    ROW("GET with the call's words", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, GET("/alloc?service_name=x", HOST)),
    ROW("GET that says it is a POST", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED,
        GET("/alloc", HOST "X-HTTP-Method-Override: POST\r\n")),
    ROW("PUT", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, "PUT /alloc HTTP/1.1\r\n" HOST JSON BODY),
    ROW("post", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, "post /alloc HTTP/1.1\r\n" HOST JSON BODY),
    ROW("POST of the list", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, "POST /list HTTP/1.1\r\n" HOST JSON BODY),
    ROW("DELETE", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, "DELETE /list HTTP/1.1\r\n" HOST "\r\n"),
    ROW("TRACE", METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED, "TRACE / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("CONNECT", REFUSED, REFUSED, "CONNECT localhost:3030 HTTP/1.1\r\n" HOST "\r\n"),
};

Test(browser, only_a_post_of_json_changes_anything) {
    ASSERT_ROWS(types);
}

Test(browser, a_method_that_does_not_fit_is_told_the_one_that_does) {
    static const struct {
        const char *bytes;
        const char *allow;
    } calls[] = {
        {"OPTIONS /alloc HTTP/1.1\r\n" HOST "\r\n", "POST"},
        {"GET /release HTTP/1.1\r\n" HOST "\r\n", "POST"},
        {"OPTIONS /list HTTP/1.1\r\n" HOST "\r\n", "GET, HEAD"},
        {"DELETE / HTTP/1.1\r\n" HOST "\r\n", "GET, HEAD"},
    };
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        char allow[32];
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_send(&me, calls[i].bytes, strlen(calls[i].bytes));
        assert_problem(reply, 405, "method-not-allowed");
        cr_assert_eq(http_header(&reply, "Allow", allow, sizeof(allow)), 1);
        cr_assert_str_eq(allow, calls[i].allow);
    }
}

Test(browser, a_get_or_head_of_anything_changes_nothing) {
    static const char *const targets[] = {
        "/",
        "/?port=8001",
        "/assets/nothing.js",
        "/list",
        "/lookup?service=web",
        "/status",
        "/healthz",
        "/alloc",
        "/release",
        "/heartbeat",
        "/alloc?service_name=x",
        "/release?port=8000",
        "/heartbeat?port=8000",
        "/release/8000",
    };
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    caller_grant(&me, "{\"service_name\":\"web\"}");
    CLEANUP(file_free_text_at) char *before = caller_digest(&me);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        CLEANUP(http_reply_deinit) struct http_reply get = caller_get(&me, targets[i]);
        cr_assert_gt(get.status, 0);
        char request[128];
        const int length = snprintf(request, sizeof(request), "HEAD %s HTTP/1.1\r\n" HOST "\r\n", targets[i]);
        CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
        CLEANUP(http_reply_deinit) struct http_reply head = {0};
        cr_assert(http_send(stream.fd, request, (size_t)length));
        http_receive(&stream, true, &head);
        cr_assert_eq(head.status, get.status, "HEAD %s", targets[i]);
        CLEANUP(file_free_text_at) char *after = caller_digest(&me);
        cr_assert_str_eq(before, after, "%s has changed something", targets[i]);
    }
}

/* ---- rule 5: the query ---- */

Test(browser, an_unknown_query_parameter_is_named_with_the_one_that_was_meant) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit) struct http_reply near = caller_get(&me, "/lookup?servise=web");
    assert_problem(near, 400, "unknown-parameter");
    cr_assert(strstr(json_text_at(near.json, "detail"), "\"servise\""));
    cr_assert(strstr(json_text_at(near.json, "detail"), "Did you mean \"service\"?"));
    CLEANUP(http_reply_deinit) struct http_reply beside = caller_get(&me, "/lookup?service=web&x=1");
    assert_problem(beside, 400, "unknown-parameter");
    cr_assert(strstr(json_text_at(beside.json, "detail"), "\"x\""));
    CLEANUP(http_reply_deinit) struct http_reply on_list = caller_get(&me, "/list?service=web");
    assert_problem(on_list, 400, "unknown-parameter");
    CLEANUP(http_reply_deinit)
    struct http_reply on_post = caller_post(&me, "/alloc?service_name=web", "{\"service_name\":\"web\"}");
    assert_problem(on_post, 400, "unknown-parameter");
    CLEANUP(http_reply_deinit) struct http_reply missing = caller_get(&me, "/lookup");
    assert_problem(missing, 400, "missing-parameter");
    cr_assert_eq(caller_count_leases(&me), 0);
}

/* ---- rule 6: what every answer carries ---- */

static const char *const wanted_headers[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"},
};

static void assert_headers(const struct http_reply *reply, const char *what) {
    for (size_t i = 0; i < sizeof(wanted_headers) / sizeof(wanted_headers[0]); i++) {
        char value[512];
        cr_expect_eq(http_header(reply, wanted_headers[i][0], value, sizeof(value)), 1, "%s: %s", what,
                     wanted_headers[i][0]);
        cr_expect_str_eq(value, wanted_headers[i][1], "%s", what);
    }
    cr_expect_null(strcasestr(reply->head, "\r\nAccess-Control-"), "%s: %s", what, reply->head);
    cr_expect_null(strcasestr(reply->head, "\r\nSet-Cookie"), "%s: %s", what, reply->head);
}

Test(browser, every_answer_says_what_a_page_may_do_with_it) {
    static const struct {
        int status;
        const char *bytes;
    } calls[] = {
        {404, GET("/assets/nothing.js", HOST)},
        {200, GET("/list", HOST "Origin: http://localhost:3030\r\n")},
        {200, GET("/healthz", HOST)},
        {200, GET("/status", HOST)},
        {200, ALLOC(HOST)},
        {400, GET("/list?x=1", HOST)},
        {403, GET("/list", "Host: evil.com\r\n")},
        {403, GET("/list", HOST "Origin: http://evil.com\r\n")},
        {403, GET("/list", HOST "Sec-Fetch-Site: same-site\r\n")},
        {404, GET("/nothing", HOST)},
        {404, "POST /release HTTP/1.1\r\n" HOST JSON "Content-Length: 13\r\n\r\n{\"port\":9000}"},
        {405, "OPTIONS /alloc HTTP/1.1\r\n" HOST "\r\n"},
        {409, "POST /alloc HTTP/1.1\r\n" HOST JSON "Content-Length: 32\r\n\r\n{\"service_name\":\"x\",\"port\":3030}"},
        {413, "POST /alloc HTTP/1.1\r\n" HOST JSON "Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n"},
        {415, TYPED("")},
        {422, "POST /alloc HTTP/1.1\r\n" HOST JSON "Content-Length: 2\r\n\r\n{}"},
        {503, "POST /alloc HTTP/1.1\r\n" HOST JSON "Content-Length: 31\r\n\r\n{\"service_name\":\"x\",\"count\":64}"},
    };
    sandbox_enter();
    CLEANUP(daemon_stop_at)
    struct daemon daemon = daemon_start(&(struct daemon_setup){.arguments = {"--range", "8000-8010"}});
    for (enum channel channel = CHANNEL_IPV4; channel <= CHANNEL_IPV6; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
            CLEANUP(http_reply_deinit)
            struct http_reply reply = caller_send(&me, calls[i].bytes, strlen(calls[i].bytes));
            cr_expect_eq(reply.status, calls[i].status, "%s: %s", calls[i].bytes, reply_text(&reply));
            assert_headers(&reply, calls[i].bytes);
        }
    }
}
