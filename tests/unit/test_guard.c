/*
 * The guard in front of all routes: what a browser, or whatever else speaks HTTP to a loopback port, may send at all. Each
 * refusal here was a hole in somebody's daemon.
 */
#include "src/api/guard.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define PORT      3030
#define N_HEADERS 8
#define PASSES    ""

static struct api_header headers[N_HEADERS];
static struct api_request request;

/* A request with a Host and nothing else. */
static void begin(enum api_transport transport, const char *host) {
    headers[0] = (struct api_header){"Host", host};
    request = (struct api_request){
        .transport = transport,
        .method = "GET",
        .target = "/list",
        .version = "HTTP/1.1",
        .headers = headers,
        .n_headers = 1,
    };
}

static void add(const char *name, const char *value) {
    cr_assert_lt(request.n_headers, N_HEADERS);
    headers[request.n_headers++] = (struct api_header){name, value};
}

/* The type of the problem, PASSES if there is none. */
static const char *ask(const char *path, uint16_t port) {
    static char type[64];
    struct api_response response = {.status = 7};
    type[0] = '\0';
    if (guard_pass(&request, path, port, &response)) {
        cr_expect(response.status == 7 && !response.body, "a request that passes has no answer yet");
        return PASSES;
    }
    cr_assert_not_null(response.body);
    cr_expect_eq(sscanf(response.body, "{\"type\":\"urn:portmanager:problem:%60[a-z-]", type), 1, "%s", response.body);
    cr_expect_eq(response.status, strcmp(type, "bad-request") == 0 ? 400 : 403);
    api_response_deinit(&response);
    return type;
}

static void expect(const char *expected, const char *about) {
    const char *type = ask(request.target, PORT);
    cr_expect_str_eq(type, expected, "%s: \"%s\"", about, type);
}

/* ---- the form of a request, on both transports ---- */

static const enum api_transport transports[] = {API_TCP, API_UNIX};

static void expect_on_both(void (*change)(void), const char *expected, const char *about) {
    for (size_t i = 0; i < 2; i++) {
        begin(transports[i], "localhost:3030");
        change();
        expect(expected, about);
    }
}

static void change_nothing(void) {
}

static void remove_host(void) {
    request.n_headers = 0;
}

static void remove_host_and_age(void) {
    request.n_headers = 0;
    request.version = "HTTP/1.0";
}

static void only_age(void) {
    request.version = "HTTP/1.0";
}

static void add_host(void) {
    add("host", "localhost:3030");
}

static void add_suspect(void) {
    request.header_suspect = true;
}

static void add_length(void) {
    add("Content-Length", "2");
}

static void add_lengths(void) {
    add("Content-Length", "2");
    add("content-length", "2");
}

static void add_chunked(void) {
    add("Transfer-Encoding", "Chunked");
}

static void add_length_and_chunked(void) {
    add("Transfer-Encoding", "chunked");
    add("Content-Length", "2");
}

static void add_chunked_twice(void) {
    add("Transfer-Encoding", "chunked");
    add("Transfer-Encoding", "chunked");
}

static void add_gzip(void) {
    add("Transfer-Encoding", "gzip");
}

static void add_gzip_and_chunked(void) {
    add("Transfer-Encoding", "gzip, chunked");
}

static void add_odd_name(void) {
    add("Content-Length ", "2");
}

static void add_empty_name(void) {
    add("", "2");
}

Test(guard, a_well_formed_request_passes) {
    expect_on_both(change_nothing, PASSES, "HTTP/1.1");
    expect_on_both(only_age, PASSES, "HTTP/1.0 with a Host");
    expect_on_both(add_length, PASSES, "a length");
    expect_on_both(add_chunked, PASSES, "chunks");
}

Test(guard, a_request_has_one_host) {
    expect_on_both(remove_host, "bad-request", "no Host");
    expect_on_both(remove_host_and_age, "bad-request", "HTTP/1.0 without Host");
    expect_on_both(add_host, "bad-request", "two Hosts");
}

Test(guard, a_request_has_one_length) {
    expect_on_both(add_lengths, "bad-request", "two lengths");
    expect_on_both(add_length_and_chunked, "bad-request", "a length and chunks");
    expect_on_both(add_chunked_twice, "bad-request", "chunks twice");
    expect_on_both(add_gzip, "bad-request", "gzip");
    expect_on_both(add_gzip_and_chunked, "bad-request", "gzip and chunks");
}

Test(guard, bytes_that_belong_to_no_header_are_refused) {
    expect_on_both(add_suspect, "bad-request", "a NUL, a folded line");
    expect_on_both(add_odd_name, "bad-request", "white space before the colon");
    expect_on_both(add_empty_name, "bad-request", "no name");
}

Test(guard, only_http_1_is_spoken) {
    static const char *const versions[] = {"",         "HTTP/0.9", "HTTP/1.2",  "HTTP/2",
                                           "HTTP/2.0", "http/1.1", "HTTP/1.1 ", "HTTP/1.10"};
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        for (size_t j = 0; j < 2; j++) {
            begin(transports[j], "localhost:3030");
            request.version = versions[i];
            expect("bad-request", versions[i]);
        }
    }
}

/* ---- the Host ---- */

Test(guard, on_tcp_the_host_is_a_loopback_name_of_this_daemon) {
    static const char *const own[] = {"localhost:3030", "127.0.0.1:3030", "[::1]:3030"};
    for (size_t i = 0; i < 3; i++) {
        begin(API_TCP, own[i]);
        expect(PASSES, own[i]);
    }
}

Test(guard, on_tcp_any_other_host_is_refused) {
    static const char *const others[] = {
        "",
        " ",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "localhost:",
        "localhost:3031",
        "localhost:303",
        "localhost:30300",
        "localhost:03030",
        "localhost:+3030",
        "LOCALHOST:3030",
        "Localhost:3030",
        "localhost:3030 ",
        " localhost:3030",
        "localhost.:3030",
        "a.localhost:3030",
        "localhost.evil.com:3030",
        "localhost:3030.evil.com",
        "evil.com",
        "evil.com:3030",
        "0.0.0.0:3030",
        "127.0.0.2:3030",
        "127.1:3030",
        "2130706433:3030",
        "127.0.0.1:80",
        "::1:3030",
        "[::]:3030",
        "[0:0:0:0:0:0:0:1]:3030",
        "[::ffff:127.0.0.1]:3030",
        "[::1%lo]:3030",
        "user@localhost:3030",
        "http://localhost:3030",
        "localhost:3030/",
        "localhost:3030, evil.com",
        "127.0.0.1.nip.io:3030",
        "portd:3030",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        begin(API_TCP, others[i]);
        expect("forbidden-host", others[i]);
        request.method = "POST";
        expect("forbidden-host", others[i]);
    }
}

Test(guard, port_80_alone_may_be_left_out) {
    static const struct {
        const char *host;
        uint16_t port;
        const char *expected;
    } rows[] = {
        {"localhost", 80, PASSES},
        {"127.0.0.1", 80, PASSES},
        {"[::1]", 80, PASSES},
        {"localhost:80", 80, PASSES},
        {"localhost", 8080, "forbidden-host"},
        {"localhost:80", 8080, "forbidden-host"},
        {"localhost:65535", 65535, PASSES},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(API_TCP, rows[i].host);
        cr_expect_str_eq(ask("/list", rows[i].port), rows[i].expected, "%s on %u", rows[i].host, rows[i].port);
    }
}

Test(guard, on_the_unix_socket_any_host_will_do) {
    static const char *const hosts[] = {"", "localhost", "evil.com", "portd"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        begin(API_UNIX, hosts[i]);
        expect(PASSES, hosts[i]);
    }
}

/* ---- the Origin ---- */

Test(guard, the_origin_is_this_daemons_own_or_absent) {
    static const char *const own[] = {"localhost:3030", "127.0.0.1:3030", "[::1]:3030"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            char origin[64];
            begin(API_TCP, own[i]);
            snprintf(origin, sizeof(origin), "http://%s", own[j]);
            add("Origin", origin);
            expect(i == j ? PASSES : "forbidden-origin", origin);
        }
    }
}

Test(guard, any_other_origin_is_refused_on_get_too) {
    static const char *const others[] = {
        "",
        "null",
        "http://localhost",
        "https://localhost:3030",
        "http://localhost:3031",
        "http://localhost:3030/",
        "HTTP://localhost:3030",
        "http://LOCALHOST:3030",
        "http://evil.com",
        "http://evil.com:3030",
        "localhost:3030",
        "http://localhost:3030.evil.com",
        "http://localhost:3030 http://evil.com",
        "file://",
        "chrome-extension://abc",
        "*",
        "http://localhost:3030, http://localhost:3030",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        begin(API_TCP, "localhost:3030");
        add("oRiGiN", others[i]);
        expect("forbidden-origin", others[i]);
        request.target = "/";
        add("Sec-Fetch-Site", "cross-site");
        add("Sec-Fetch-Mode", "navigate");
        add("Sec-Fetch-Dest", "document");
        expect("forbidden-origin", "a form that is posted here");
    }
}

Test(guard, two_origins_are_none_of_ours) {
    begin(API_TCP, "localhost:3030");
    add("Origin", "http://localhost:3030");
    add("Origin", "http://localhost:3030");
    expect("forbidden-origin", "twice the same");
}

/* ---- Sec-Fetch-Site ---- */

static void expect_site(const char *site, const char *expected) {
    begin(API_TCP, "localhost:3030");
    add("Sec-Fetch-Site", site);
    expect(expected, site);
}

Test(guard, what_the_browser_calls_our_own_page_passes) {
    expect_site("same-origin", PASSES);
    expect_site("none", PASSES);
}

Test(guard, every_other_site_is_refused_another_port_of_localhost_too) {
    static const char *const sites[] = {"same-site",    "cross-site",        "",        "None", "SAME-ORIGIN",
                                        "same-origin ", "same-origin, none", "anything"};
    for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++)
        expect_site(sites[i], "forbidden-site");
    begin(API_TCP, "localhost:3030");
    add("Sec-Fetch-Site", "same-origin");
    add("sec-fetch-site", "same-origin");
    expect("forbidden-site", "twice");
    begin(API_TCP, "localhost:3030");
    add("Origin", "http://localhost:3030");
    add("Sec-Fetch-Site", "same-site");
    expect("forbidden-site", "with our own Origin");
}

/* `method` for `path`, from another site, as the browser describes it; NULL: it does not say. */
static const char *navigate(const char *method, const char *path, const char *mode, const char *destination) {
    begin(API_TCP, "localhost:3030");
    request.method = method;
    add("Sec-Fetch-Site", "cross-site");
    if (mode)
        add("Sec-Fetch-Mode", mode);
    if (destination)
        add("Sec-Fetch-Dest", destination);
    return ask(path, PORT);
}

Test(guard, a_link_to_the_page_may_be_followed_and_nothing_else) {
    cr_expect_str_eq(navigate("GET", "/", "navigate", "document"), PASSES);
    static const char *const rows[][4] = {
        {"POST", "/", "navigate", "document"},
        {"HEAD", "/", "navigate", "document"},
        {"GET", "/list", "navigate", "document"},
        {"GET", "//", "navigate", "document"},
        {"GET", "/", "navigate", "iframe"},
        {"GET", "/", "navigate", "object"},
        {"GET", "/", "no-cors", "document"},
        {"GET", "/", "cors", "empty"},
        {"GET", "/", "nested-navigate", "document"},
        {"GET", "/", NULL, "document"},
        {"GET", "/", "navigate", NULL},
        {"GET", "/", NULL, NULL},
        {"GET", "/", "Navigate", "document"},
        {"get", "/", "navigate", "document"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_str_eq(navigate(rows[i][0], rows[i][1], rows[i][2], rows[i][3]), "forbidden-site", "row %zu", i);
    navigate("GET", "/", "navigate", "document");
    add("Sec-Fetch-Mode", "navigate");
    cr_expect_str_eq(ask("/", PORT), "forbidden-site", "said twice");
    navigate("GET", "/", "navigate", "document");
    add("Sec-Fetch-Dest", "document");
    cr_expect_str_eq(ask("/", PORT), "forbidden-site", "said twice");
}

/* ---- the Unix socket ---- */

Test(guard, on_the_unix_socket_no_browser_is_heard) {
    static const char *const names[] = {"Origin",         "origin",         "Referer",
                                        "REFERER",        "Sec-Fetch-Site", "sec-fetch-mode",
                                        "Sec-Fetch-Dest", "Sec-Fetch-User", "Sec-Fetch-Storage-Access",
                                        "SEC-FETCH-"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        static const char *const values[] = {"", "same-origin", "none", "http://localhost:3030"};
        for (size_t j = 0; j < 4; j++) {
            begin(API_UNIX, "localhost:3030");
            add(names[i], values[j]);
            expect("forbidden-origin", names[i]);
        }
    }
}

Test(guard, on_the_unix_socket_other_headers_pass) {
    static const char *const names[] = {"X-Origin",  "Original",   "Refer",  "Referrer", "Sec-Fetch",
                                        "Sec-CH-UA", "User-Agent", "Cookie", "Forwarded"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        begin(API_UNIX, "localhost:3030");
        add(names[i], "http://evil.com");
        expect(PASSES, names[i]);
    }
}

Test(guard, forwarded_headers_change_nothing) {
    static const char *const names[] = {"X-Forwarded-Host", "Forwarded", "X-Forwarded-For", "X-Host", "X-Original-URL"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        begin(API_TCP, "evil.com");
        add(names[i], "localhost:3030");
        expect("forbidden-host", names[i]);
        begin(API_TCP, "localhost:3030");
        add(names[i], "evil.com");
        expect(PASSES, names[i]);
    }
}
