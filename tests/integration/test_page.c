/*
 * The dashboard as a browser gets it from the real portd: over real connections, with the headers that decide what a browser keeps, unpacks and
 * runs. Which names there are is what the page says.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probe/fd.h"
#include "src/page/page.h"
#include "tests/support/caller.h"
#include "tests/support/dist.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"

TestSuite(page, .timeout = 300);

#define HOST       "Host: localhost:3030\r\n"
#define NAVIGATION "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"

/* One request with these header lines, each with its \r\n. */
static struct http_reply ask(const struct caller *caller, const char *method, const char *target, const char *lines) {
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(caller)};
    struct http_reply reply = {0};
    char request[1024];
    const int length = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\n" HOST "%s\r\n", method, target, lines);
    cr_assert(http_send(stream.fd, request, (size_t)length));
    /* A 304 has no body either, whatever its length says. */
    http_receive(&stream, strcmp(method, "HEAD") == 0 || strstr(lines, "If-None-Match"), &reply);
    return reply;
}

static void expect_header(const struct http_reply *reply, const char *name, const char *expected, const char *about) {
    char value[512] = "";
    const unsigned n_found = http_header(reply, name, value, sizeof(value));
    cr_expect_eq(n_found, expected ? 1 : 0, "%s: %u times %s", about, n_found, name);
    cr_expect_str_eq(value, expected ? expected : "", "%s: %s", about, name);
}

static void expect_bytes(const char *bytes, size_t length, const char *path) {
    size_t wanted_length;
    CLEANUP(file_free_text_at) char *wanted = dist_read(path, &wanted_length);
    cr_expect_eq(length, wanted_length, "%s", path);
    cr_expect(length == wanted_length && memcmp(bytes, wanted, length) == 0, "%s", path);
}

static void expect_guarded(const struct http_reply *reply, const char *about) {
    expect_header(reply, "Content-Security-Policy",
                  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                  about);
    expect_header(reply, "X-Content-Type-Options", "nosniff", about);
    expect_header(reply, "Cross-Origin-Resource-Policy", "same-origin", about);
    expect_header(reply, "Referrer-Policy", "no-referrer", about);
    cr_expect_null(strcasestr(reply->head, "\r\nAccess-Control-"), "%s", about);
}

static const char *lifetime_of(const char *path) {
    return strcmp(path, "/") == 0 ? "no-cache" : "public, max-age=31536000, immutable";
}

Test(page, every_file_comes_as_it_is_committed_over_each_channel) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        for (size_t i = 0; i < page_n_files; i++) {
            const char *path = page_paths[i];
            CLEANUP(http_reply_deinit) struct http_reply reply = ask(&me, "GET", path, "");
            assert_status(reply, 200);
            expect_bytes(reply.body, reply.body_length, path);
            expect_header(&reply, "Content-Type", page_files[i].content_type, path);
            expect_header(&reply, "Content-Encoding", NULL, path);
            expect_header(&reply, "Vary", "Accept-Encoding", path);
            expect_header(&reply, "ETag", page_files[i].raw.etag, path);
            expect_header(&reply, "Cache-Control", lifetime_of(path), path);
            expect_guarded(&reply, path);
        }
    }
}

Test(page, who_takes_gzip_gets_gzip) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < page_n_files; i++) {
        const char *path = page_paths[i];
        CLEANUP(http_reply_deinit)
        struct http_reply reply = ask(&me, "GET", path, "Accept-Encoding: gzip, deflate, br, zstd\r\n");
        assert_status(reply, 200);
        expect_header(&reply, "Content-Encoding", "gzip", path);
        expect_header(&reply, "Content-Type", page_files[i].content_type, path);
        expect_header(&reply, "Vary", "Accept-Encoding", path);
        expect_header(&reply, "ETag", page_files[i].gzip.etag, path);
        expect_guarded(&reply, path);
        size_t length;
        CLEANUP(file_free_text_at) char *text = dist_decompress(reply.body, reply.body_length, &length);
        expect_bytes(text, length, path);
        CLEANUP(http_reply_deinit)
        struct http_reply refused = ask(&me, "GET", path, "Accept-Encoding: *, gzip;q=0\r\n");
        expect_header(&refused, "Content-Encoding", NULL, path);
        expect_bytes(refused.body, refused.body_length, path);
    }
}

/* The length is the body's that GET would have. */
Test(page, head_says_what_get_would) {
    static const char *const encodings[] = {"", "Accept-Encoding: gzip\r\n"};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < page_n_files; i++)
        for (size_t j = 0; j < 2; j++) {
            CLEANUP(http_reply_deinit) struct http_reply get = ask(&me, "GET", page_paths[i], encodings[j]);
            CLEANUP(http_reply_deinit) struct http_reply head = ask(&me, "HEAD", page_paths[i], encodings[j]);
            assert_status(head, 200);
            char *get_rest = strstr(get.head, "\r\nContent-Security-Policy");
            char *head_rest = strstr(head.head, "\r\nContent-Security-Policy");
            cr_assert(get_rest && head_rest);
            cr_expect_str_eq(head_rest, get_rest, "%s", page_paths[i]);
        }
}

/* As a browser asks again. Behind a 304 the connection goes on, so nothing has followed its head. */
Test(page, who_has_it_already_gets_a_304_without_a_body) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < page_n_files; i++) {
        const char *path = page_paths[i];
        CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
        char request[1024];
        const int length = snprintf(request, sizeof(request),
                                    "GET %s HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\nIf-None-Match: \"x\", %s\r\n"
                                    "\r\nGET /healthz HTTP/1.1\r\n" HOST "\r\n",
                                    path, page_files[i].gzip.etag);
        cr_assert(http_send(stream.fd, request, (size_t)length));
        CLEANUP(http_reply_deinit) struct http_reply reply = {0};
        http_receive(&stream, true, &reply);
        assert_status(reply, 304);
        expect_header(&reply, "ETag", page_files[i].gzip.etag, path);
        expect_header(&reply, "Vary", "Accept-Encoding", path);
        expect_header(&reply, "Cache-Control", lifetime_of(path), path);
        expect_guarded(&reply, path);
        CLEANUP(http_reply_deinit) struct http_reply next = {0};
        http_receive(&stream, false, &next);
        assert_status(next, 200);
        cr_expect_str_eq(json_text_at(next.json, "status"), "ok");
        CLEANUP(http_reply_deinit) struct http_reply other = caller_get(&me, path);
        assert_status(other, 200);
    }
}

Test(page, what_is_no_name_is_not_there) {
    static const char *const targets[] = {
        "/assets/nothing.js",
        "/assets/",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/assets/..%2fx",
        "/index.html",
        "/ui/dist",
        "/assets/%00",
        "/page.css",
    };
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = ask(&me, "GET", targets[i], "");
        assert_problem(reply, 404, "no-such-path");
        expect_header(&reply, "Cache-Control", "no-store", targets[i]);
        expect_header(&reply, "ETag", NULL, targets[i]);
        expect_guarded(&reply, targets[i]);
    }
    for (size_t i = 0; i < page_n_files; i++) {
        char target[160];
        if (strcmp(page_paths[i], "/") == 0)
            continue;
        snprintf(target, sizeof(target), "%sx", page_paths[i]);
        CLEANUP(http_reply_deinit) struct http_reply reply = ask(&me, "GET", target, "");
        assert_problem(reply, 404, "no-such-path");
        cr_expect(strstr(json_text_at(reply.json, "detail"), page_paths[i]), "%s", reply_text(&reply));
    }
}

/* The one thing that another site may do is lead here. It may bring the page's query along, and have none of its parts. */
Test(page, a_link_leads_to_the_page_with_its_query_and_to_nothing_else) {
    static const char *const sites[] = {"Sec-Fetch-Site: cross-site\r\n" NAVIGATION,
                                        "Sec-Fetch-Site: same-site\r\n" NAVIGATION};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(http_reply_deinit)
        struct http_reply page = ask(&me, "GET", "/?port=8001&q=state:squatted", sites[i]);
        assert_status(page, 200);
        expect_bytes(page.body, page.body_length, "/");
        for (size_t j = 0; j < page_n_files; j++) {
            if (strcmp(page_paths[j], "/") == 0)
                continue;
            CLEANUP(http_reply_deinit) struct http_reply asset = ask(&me, "GET", page_paths[j], sites[i]);
            assert_problem(asset, 403, "forbidden-site");
        }
    }
    CLEANUP(http_reply_deinit)
    struct http_reply frame = ask(&me, "GET", "/?port=8001",
                                  "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
                                  "Sec-Fetch-Dest: iframe\r\n");
    assert_problem(frame, 403, "forbidden-site");
    CLEANUP(http_reply_deinit)
    struct http_reply script = ask(&me, "GET", "/?port=8001", "Sec-Fetch-Site: cross-site\r\n");
    assert_problem(script, 403, "forbidden-site");
}

/* Its own parts it may load, as the browser asks for them. */
Test(page, the_page_may_load_what_it_wants) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(http_reply_deinit) struct http_reply page = caller_get(&me, "/");
    unsigned n_wanted = 0;
    for (const char *at = page.body; (at = strstr(at, "\"/assets/")); n_wanted++) {
        char path[128];
        cr_assert_eq(sscanf(at, "\"%127[^\"]", path), 1);
        CLEANUP(http_reply_deinit)
        struct http_reply asset = ask(&me, "GET", path,
                                      "Origin: http://localhost:3030\r\nSec-Fetch-Site: same-origin\r\n"
                                      "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: script\r\n");
        assert_status(asset, 200);
        at += strlen(path);
    }
    cr_expect_geq(n_wanted, 2, "a script and a style");
}

/* As a browser asks for the script of a worker anew. */
Test(page, a_service_worker_is_given_a_script_that_it_may_run_and_not_keep) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_IPV4};
    CLEANUP(http_reply_deinit)
    struct http_reply reply =
        ask(&me, "GET", "/static/sw.js?v=1",
            "Service-Worker: script\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: same-origin\r\n"
            "Sec-Fetch-Dest: serviceworker\r\n");
    assert_status(reply, 200);
    expect_header(&reply, "Content-Type", "text/javascript; charset=utf-8", "worker");
    expect_header(&reply, "Cache-Control", "no-store", "worker");
    expect_header(&reply, "Service-Worker-Allowed", "/", "worker");
    expect_guarded(&reply, "worker");
    cr_expect_not_null(strstr(reply.body, "unregister()"), "%s", reply.body);
    CLEANUP(http_reply_deinit) struct http_reply page = ask(&me, "GET", "/", "");
    expect_header(&page, "Service-Worker-Allowed", NULL, "the page");
}
