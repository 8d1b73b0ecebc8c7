/* Errors as RFC 9457 problem documents. */
#include "src/api/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "src/api/answer.h"
#include "src/base/json.h"
#include "src/base/text.h"

static const struct {
    int status;
    const char *name;
    const char *title;
} kinds[] = {
    [PROBLEM_BAD_REQUEST] = {400, "bad-request", "The request is not well-formed"},
    [PROBLEM_MALFORMED_JSON] = {400, "malformed-json", "The body is not JSON"},
    [PROBLEM_UNKNOWN_PARAMETER] = {400, "unknown-parameter", "A query parameter is not known"},
    [PROBLEM_MISSING_PARAMETER] = {400, "missing-parameter", "A query parameter is missing"},
    [PROBLEM_FORBIDDEN_HOST] = {403, "forbidden-host", "The Host is not this daemon's"},
    [PROBLEM_FORBIDDEN_ORIGIN] = {403, "forbidden-origin", "Another origin may not call"},
    [PROBLEM_FORBIDDEN_SITE] = {403, "forbidden-site", "Another site may not call"},
    [PROBLEM_UNKNOWN_CALLER] = {403, "unknown-caller", "The kernel does not say who calls"},
    [PROBLEM_NOT_YOURS] = {403, "not-yours", "The lease is somebody else's"},
    [PROBLEM_PORT_PRIVILEGED] = {403, "port-privileged", "The port is privileged"},
    [PROBLEM_NOT_YOUR_LISTENER] = {403, "not-your-listener", "The listener is somebody else's"},
    [PROBLEM_NOT_YOUR_PROCESS] = {403, "not-your-process", "The process is somebody else's"},
    [PROBLEM_PROTECTED_PROCESS] = {403, "protected-process", "The process is never stopped"},
    [PROBLEM_MAY_NOT_SIGNAL] = {403, "may-not-signal", "portd may not signal the process"},
    [PROBLEM_NO_SUCH_PATH] = {404, "no-such-path", "There is nothing here"},
    [PROBLEM_NO_SUCH_LEASE] = {404, "no-such-lease", "There is no such lease"},
    [PROBLEM_NOT_LISTENING] = {404, "not-listening", "Nobody listens there"},
    [PROBLEM_NOT_SQUATTED] = {404, "not-squatted", "No squatter is there"},
    [PROBLEM_METHOD_NOT_ALLOWED] = {405, "method-not-allowed", "The method does not fit the path"},
    [PROBLEM_PORT_TAKEN] = {409, "port-taken", "The port is taken"},
    [PROBLEM_PORT_LEASED] = {409, "port-leased", "The port is leased"},
    [PROBLEM_RESERVED_FOR_PORTD] = {409, "reserved-for-portd", "The port is portd's own"},
    [PROBLEM_LEASE_HELD] = {409, "lease-held", "The lease has another living holder"},
    [PROBLEM_LEASE_MISMATCH] = {409, "lease-mismatch", "The port has another lease"},
    [PROBLEM_LEASE_HOLDER] = {409, "lease-holder", "The listener is the lease's holder"},
    [PROBLEM_STALE_PROCESS] = {409, "stale-process", "The process is no longer what was seen"},
    [PROBLEM_BODY_TOO_LARGE] = {413, "body-too-large", "The body is too large"},
    [PROBLEM_NOT_JSON] = {415, "not-json", "The body must be JSON"},
    [PROBLEM_INVALID_VALUE] = {422, "invalid-value", "A value is not valid"},
    [PROBLEM_UNKNOWN_KEY] = {422, "unknown-key", "A key is not known"},
    [PROBLEM_MISSING_KEY] = {422, "missing-key", "A key is missing"},
    [PROBLEM_INVALID_PID] = {422, "invalid-pid", "The holder is not a living process of the caller"},
    [PROBLEM_TOO_MANY_STREAMS] = {429, "too-many-streams", "Too many event streams are open"},
    [PROBLEM_TOO_MANY_UNREAD] = {429, "too-many-unread", "Too much waits to be read"},
    [PROBLEM_INTERNAL] = {500, "internal", "portd failed"},
    [PROBLEM_RANGE_FULL] = {503, "range-full", "No port is free"},
    [PROBLEM_NOT_STORED] = {507, "not-stored", "It could not be stored"},
};

int problem_status(enum problem_kind kind) {
    return kinds[kind].status;
}

const char *problem_name(enum problem_kind kind) {
    return kinds[kind].name;
}

static void add_subject(cJSON *problem, const struct problem_subject *subject) {
    if (subject->service_name != NULL)
        json_add_text(problem, "service_name", subject->service_name);
    cJSON_AddNumberToObject(problem, "index", (double)subject->index);
}

__attribute__((format(printf, 3, 0))) static cJSON *begin(struct api_response *response, enum problem_kind kind,
                                                          const char *detail_format, va_list args) {
    cJSON *problem = cJSON_CreateObject();
    char type[64];
    char detail[1024];

    response->status = kinds[kind].status;
    response->content_type = "application/problem+json";
    snprintf(type, sizeof type, "urn:portmanager:problem:%s", kinds[kind].name);
    vsnprintf(detail, sizeof detail, detail_format, args);
    cJSON_AddStringToObject(problem, "type", type);
    cJSON_AddStringToObject(problem, "title", kinds[kind].title);
    cJSON_AddNumberToObject(problem, "status", kinds[kind].status);
    json_add_text(problem, "detail", detail);
    if (response->subject != NULL)
        add_subject(problem, response->subject);
    return problem;
}

cJSON *problem_begin(struct api_response *response, enum problem_kind kind, const char *detail_format, ...) {
    va_list args;
    cJSON *problem;

    va_start(args, detail_format);
    problem = begin(response, kind, detail_format, args);
    va_end(args);
    return problem;
}

void problem_finish(struct api_response *response, cJSON *problem) {
    answer_write(response, problem);
}

void problem_set(struct api_response *response, enum problem_kind kind, const char *hint, const char *detail_format,
                 ...) {
    va_list args;
    cJSON *problem;

    va_start(args, detail_format);
    problem = begin(response, kind, detail_format, args);
    va_end(args);
    if (hint != NULL)
        json_add_text(problem, "hint", hint);
    problem_finish(response, problem);
}

void problem_set_no_such_path(struct api_response *response, const char *path, const char *const *paths,
                              size_t n_paths) {
    const char *nearest = text_nearest(path, paths, n_paths);

    if (nearest != NULL)
        problem_set(response, PROBLEM_NO_SUCH_PATH, NULL, "There is no %s here. Did you mean %s?", path, nearest);
    else
        problem_set(response, PROBLEM_NO_SUCH_PATH, NULL, "There is no %s here.", path);
}
