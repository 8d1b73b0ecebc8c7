/* The dashboard out of the program itself: what is embedded is what is committed, and how it is served. The names are nobody's here: they change with
 * every build of the page. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "src/page/page.h"
#include "tests/support/dist.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/file.h"

static struct fake_daemon it;
static struct fake_reply reply;

static void set_up(void) {
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_reply_deinit(&reply);
    fake_daemon_stop(&it);
}

TestSuite(api_page, .init = set_up, .fini = tear_down);

/* With one more header, unless `name` is NULL. */
static void call(const char *method, const char *target, const char *name, const char *value) {
    const struct api_header headers[] = {{"Host", "localhost:3030"}, {name, value}};
    const struct api_request request = {
        .transport = API_TCP,
        .caller = {.known = true, .uid = ANN},
        .method = method,
        .target = target,
        .version = "HTTP/1.1",
        .headers = headers,
        .n_headers = name ? 2 : 1,
    };
    fake_reply_deinit(&reply);
    reply = fake_daemon_handle(&it, &request);
}

static bool is_page(const struct page_file *file) {
    return strcmp(file->path, "/") == 0;
}

static void expect_bytes(const char *bytes, size_t length, const struct page_file *file) {
    size_t wanted_length;
    CLEANUP(file_free_text_at) char *wanted = dist_read(file->path, &wanted_length);
    cr_assert_eq(length, wanted_length, "%s", file->path);
    cr_assert_eq(memcmp(bytes, wanted, length), 0, "%s", file->path);
}

Test(api_page, the_page_and_what_it_wants_are_embedded) {
    unsigned n_pages = 0;
    size_t length;
    CLEANUP(file_free_text_at) char *page = dist_read("/", &length);
    cr_assert_gt(page_n_files, 2);
    for (size_t i = 0; i < page_n_files; i++) {
        n_pages += is_page(&page_files[i]);
        cr_expect_str_eq(page_paths[i], page_files[i].path);
    }
    cr_expect_eq(n_pages, 1);
    for (const char *at = page; (at = strstr(at, "\"/assets/"));) {
        char path[128];
        cr_assert_eq(sscanf(at, "\"%127[^\"]", path), 1);
        call("GET", path, NULL, NULL);
        cr_expect_eq(reply.status, 200, "the page wants %s", path);
        at += strlen(path);
    }
}

Test(api_page, each_file_is_answered_as_it_is_and_compressed) {
    for (size_t i = 0; i < page_n_files; i++) {
        const struct page_file *file = &page_files[i];
        call("GET", file->path, NULL, NULL);
        cr_assert_eq(reply.status, 200, "%s", file->path);
        cr_expect_str_eq(reply.content_encoding, "");
        expect_bytes(reply.text, reply.length, file);
        call("GET", file->path, "Accept-Encoding", "br, gzip");
        cr_assert_eq(reply.status, 200, "%s", file->path);
        cr_expect_str_eq(reply.content_encoding, "gzip");
        size_t length;
        CLEANUP(file_free_text_at) char *text = dist_decompress(reply.text, reply.length, &length);
        expect_bytes(text, length, file);
    }
}

/* gzip would write the name and the time of a file into it, and every build would be another. */
Test(api_page, what_is_compressed_has_no_name_and_no_time) {
    static const unsigned char head[] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0};
    for (size_t i = 0; i < page_n_files; i++) {
        const struct page_form *form = &page_files[i].gzip;
        cr_assert_gt(form->end - form->begin, (ptrdiff_t)sizeof(head));
        cr_expect_eq(memcmp(form->begin, head, sizeof(head)), 0, "%s", page_files[i].path);
    }
}

static const char *type_of(const char *path) {
    static const char *const types[][2] = {
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml; charset=utf-8"},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strlen(path) > strlen(types[i][0]) && strcmp(path + strlen(path) - strlen(types[i][0]), types[i][0]) == 0)
            return types[i][1];
    return "text/html; charset=utf-8";
}

Test(api_page, each_file_has_its_type_and_says_how_long_it_may_be_kept) {
    for (size_t i = 0; i < page_n_files; i++) {
        static const char *const encodings[] = {"identity", "gzip"};
        for (size_t j = 0; j < 2; j++) {
            call("GET", page_files[i].path, "Accept-Encoding", encodings[j]);
            cr_expect_str_eq(reply.content_type, type_of(page_files[i].path), "%s", page_files[i].path);
            cr_expect_str_eq(reply.vary, "Accept-Encoding");
            cr_expect_str_eq(reply.cache_control,
                             is_page(&page_files[i]) ? "no-cache" : "public, max-age=31536000, immutable");
        }
    }
}

Test(api_page, each_form_has_a_strong_tag_of_its_own) {
    for (size_t i = 0; i < page_n_files; i++) {
        const char *raw = page_files[i].raw.etag;
        const char *gzip = page_files[i].gzip.etag;
        cr_expect_eq(strspn(raw + 1, "0123456789abcdef"), 32, "%s", raw);
        cr_expect(raw[0] == '"' && raw[33] == '"' && raw[34] == '\0', "%s", raw);
        cr_expect(gzip[0] == '"' && strchr(gzip + 1, '"') == gzip + strlen(gzip) - 1, "%s", gzip);
        for (size_t j = 0; j < page_n_files; j++) {
            cr_expect_str_neq(raw, page_files[j].gzip.etag);
            cr_expect(i == j || strcmp(raw, page_files[j].raw.etag) != 0, "%s", raw);
        }
        call("GET", page_files[i].path, NULL, NULL);
        cr_expect_str_eq(reply.etag, raw);
        call("HEAD", page_files[i].path, "Accept-Encoding", "gzip");
        cr_expect_str_eq(reply.etag, gzip);
    }
}

Test(api_page, who_has_it_already_is_told_so) {
    for (size_t i = 0; i < page_n_files; i++) {
        const struct page_file *file = &page_files[i];
        call("GET", file->path, "If-None-Match", file->raw.etag);
        cr_expect_eq(reply.status, 304, "%s", file->path);
        cr_expect_str_eq(reply.etag, file->raw.etag);
        cr_expect_str_eq(reply.vary, "Accept-Encoding");
        cr_expect_str_neq(reply.cache_control, "");
        cr_expect_str_eq(reply.content_type, "", "a 304 describes no body");
        cr_expect_str_eq(reply.content_encoding, "");
        call("GET", file->path, "If-None-Match", file->gzip.etag);
        cr_expect_eq(reply.status, 200, "the other form is not this one");
        call("HEAD", file->path, "If-None-Match", "*");
        cr_expect_eq(reply.status, 304);
    }
}

Test(api_page, the_query_is_the_pages_own) {
    static const char *const targets[] = {"/?", "/?port=8001", "/?port=8001&q=state%3Asquatted", "/?anything",
                                          "/?q=%F0%9F%98%80"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        call("GET", targets[i], NULL, NULL);
        cr_expect_eq(reply.status, 200, "%s", targets[i]);
        cr_expect_str_eq(reply.content_type, "text/html; charset=utf-8");
    }
    call("GET", "/?q=%", NULL, NULL);
    cr_expect_str_eq(reply.type, "bad-request", "a query that is none");
    char target[160];
    snprintf(target, sizeof(target), "%s?x=1", is_page(&page_files[0]) ? page_paths[1] : page_paths[0]);
    call("GET", target, NULL, NULL);
    cr_expect_str_eq(reply.type, "unknown-parameter", "%s", target);
}

/* ---- what there is not ---- */

Test(api_page, only_the_exact_names_are_there) {
    static const char *const targets[] = {
        "/index.html",   "/assets",         "/assets/",    "/assets//",      "/assets/nothing.js",
        "/assets/..",    "/assets/../",     "/assets/.",   "/assets/./x",    "/assets/%2e%2e/index.html",
        "/assets/..%2f", "/assets/../list", "/assets/%2E", "/assets/{name}", "/assets/../../etc/passwd",
        "/page.css",     "/favicon.ico",    "//",          "/%2f",           "/assets/../index.html",
    };
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        call("GET", targets[i], NULL, NULL);
        cr_expect_eq(reply.status, 404, "%s", targets[i]);
        cr_expect_str_eq(reply.type, "no-such-path");
        cr_expect_str_eq(reply.etag, "", "a problem is not to be kept");
        cr_expect_str_eq(reply.cache_control, "");
    }
}

/* What differs from a name in one byte, or says it in another way, is another name. */
Test(api_page, a_name_that_is_nearly_one_is_none_and_is_told_which) {
    for (size_t i = 0; i < page_n_files; i++) {
        const char *path = page_paths[i];
        char target[160];
        if (is_page(&page_files[i]))
            continue;
        snprintf(target, sizeof(target), "%sx", path);
        call("GET", target, NULL, NULL);
        cr_expect_eq(reply.status, 404, "%s", target);
        cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), path), "%s", reply.text);
        snprintf(target, sizeof(target), "/assets/%%%02x%s", (unsigned)path[8], path + 9);
        call("GET", target, NULL, NULL);
        cr_expect_eq(reply.status, 404, "%s", target);
        snprintf(target, sizeof(target), "/assets/../%s", path + 1);
        call("GET", target, NULL, NULL);
        cr_expect_eq(reply.status, 404, "%s", target);
        snprintf(target, sizeof(target), "%s/", path);
        call("GET", target, NULL, NULL);
        cr_expect_eq(reply.status, 404, "%s", target);
    }
}

/* ---- who had the port before ---- */

Test(api_page, a_service_worker_of_whoever_had_the_port_before_removes_itself) {
    static const char *const targets[] = {"/sw.js", "/a/b/service-worker.js?v=1", "/", "/list", "/assets/none.js"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        call("GET", targets[i], "Service-Worker", "script");
        cr_assert_eq(reply.status, 200, "%s: %s", targets[i], reply.text);
        cr_expect_str_eq(reply.content_type, "text/javascript; charset=utf-8");
        cr_expect_str_eq(reply.text, "self.oninstall=()=>self.skipWaiting();"
                                     "self.onactivate=e=>e.waitUntil(self.registration.unregister());\n");
        cr_expect_str_eq(reply.cache_control, "", "not to be stored");
        cr_expect_str_eq(reply.worker_scope, "/");
    }
    call("POST", "/list", "Service-Worker", "script");
    cr_expect_eq(reply.status, 405);
    call("GET", "/sw.js", "Service-Worker", "Script");
    cr_expect_eq(reply.status, 404);
    call("GET", "/sw.js", NULL, NULL);
    cr_expect_eq(reply.status, 404);
    cr_expect_str_eq(reply.worker_scope, "");
}

/* The guard comes first, and a worker is only in a browser, which speaks TCP. */
Test(api_page, nobody_else_is_given_the_script) {
    static const struct {
        enum api_transport transport;
        const char *host;
        int status;
    } rows[] = {{API_TCP, "evil.com:3030", 403}, {API_UNIX, "localhost:3030", 404}};
    for (size_t i = 0; i < 2; i++) {
        const struct api_header headers[] = {{"Host", rows[i].host}, {"Service-Worker", "script"}};
        fake_reply_deinit(&reply);
        reply = fake_daemon_handle(&it, &(const struct api_request){.transport = rows[i].transport,
                                                                    .caller = {.known = true, .uid = ANN},
                                                                    .method = "GET",
                                                                    .target = "/sw.js",
                                                                    .version = "HTTP/1.1",
                                                                    .headers = headers,
                                                                    .n_headers = 2});
        cr_expect_eq(reply.status, rows[i].status, "%zu: %s", i, reply.text);
    }
}
