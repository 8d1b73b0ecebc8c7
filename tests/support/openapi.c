/* Answers on their way to openapi.py. */
#include "tests/support/openapi.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "probe/fd.h"
#include "src/base/json.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"

#define PYTHON "/usr/bin/python3"

/* What openapi.py looks for in a head. */
static const char *const headers[] = {"Retry-After", "ETag", "Allow", "Content-Encoding"};

/* This file's own place leads to the root of the repository. */
static int root_length(void) {
    static const char own[] = "tests/support/openapi.c";
    const char *file_name = __FILE__;
    const int root = (int)strlen(file_name) - (int)strlen(own);
    if (root < 0 || strcmp(file_name + root, own) != 0)
        fail_test("%s is not below the repository's root.", file_name);
    return root;
}

/* Runs openapi.py and fails the test, with its words, unless it is content. `file` has answers, or is standard input. */
static void run(const char *command, const char *redirection, const char *file) {
    const char *root = __FILE__;
    const int length = root_length();
    char line[4 * PATH_MAX];
    char words[16384] = "";
    snprintf(line, sizeof(line),
             PYTHON " -W ignore '%.*stests/support/openapi.py' %s '%.*sdocs/openapi.yaml' %s'%s' 2>&1", length, root,
             command, length, root, redirection, file);
    FILE *pipe = popen(line, "r"); /* NOLINT(cert-env33-c): the words are the test's own */
    if (!pipe)
        fail_test("No shell can be started.");
    const size_t n_read = fread(words, 1, sizeof(words) - 1, pipe);
    words[n_read] = '\0';
    while (fgetc(pipe) != EOF)
        continue;
    const int status = pclose(pipe);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "docs/openapi.yaml is not what portd does:\n%s", words);
}

void openapi_check_table(const char *json) {
    char path[] = "/tmp/portmanager-table-XXXXXX";
    CLEANUP(fd_close_at) int fd = mkstemp(path);
    if (fd < 0)
        fail_test("No temporary file can be made.");
    file_write_text(path, json);
    run("table", "<", path);
    remove(path);
}

/* `json` is freed. */
static void write_line(struct openapi_book *book, cJSON *json) {
    CLEANUP(json_free_text_at) char *text = cJSON_PrintUnformatted(json);
    FILE *file = fopen(book->path, "ae");
    cJSON_Delete(json);
    if (!text || !file || fprintf(file, "%s\n", text) < 0 || fclose(file) != 0)
        fail_test("%s cannot be written.", book->path);
    book->n_answers++;
}

void openapi_keep(struct openapi_book *book, const char *method, const char *target, const struct http_reply *reply) {
    cJSON *json = cJSON_CreateObject();
    cJSON *found = NULL;
    char value[256];
    cJSON_AddStringToObject(json, "method", method);
    cJSON_AddStringToObject(json, "target", target);
    cJSON_AddNumberToObject(json, "status", reply->status);
    cJSON_AddStringToObject(json, "type", http_header(reply, "Content-Type", value, sizeof(value)) == 1 ? value : "");
    found = cJSON_AddObjectToObject(json, "headers");
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (http_header(reply, headers[i], value, sizeof(value)) == 1)
            cJSON_AddStringToObject(found, headers[i], value);
    if (reply->json)
        cJSON_AddItemToObject(json, "body", cJSON_Duplicate(reply->json, true));
    else if (reply->body_length == 0)
        cJSON_AddNullToObject(json, "body");
    else
        cJSON_AddStringToObject(json, "body", "a text");
    write_line(book, json);
}

void openapi_keep_event(struct openapi_book *book, const char *target, const struct stream_event *event) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "method", "GET");
    cJSON_AddStringToObject(json, "target", target);
    cJSON_AddStringToObject(json, "event", event->kind);
    cJSON_AddNumberToObject(json, "id", (double)event->id);
    cJSON_AddItemToObject(json, "body", cJSON_Duplicate(event->data, true));
    write_line(book, json);
}

struct http_reply openapi_get(struct openapi_book *book, const struct caller *caller, const char *target) {
    const struct http_reply reply = caller_get(caller, target);
    openapi_keep(book, "GET", target, &reply);
    return reply;
}

struct http_reply openapi_post(struct openapi_book *book, const struct caller *caller, const char *target,
                               const char *body_format, ...) {
    CLEANUP(file_free_text_at) char *body = NULL;
    va_list args;
    va_start(args, body_format);
    const int length = vasprintf(&body, body_format, args);
    va_end(args);
    if (length < 0)
        fail_test("out of memory");
    const struct http_reply reply = caller_post(caller, target, "%s", body);
    openapi_keep(book, "POST", target, &reply);
    return reply;
}

void openapi_check(const struct openapi_book *book) {
    run("answers", "", book->path);
}
