/* Requests to allocate, read member by member. */
#include "src/api/alloc_request.h"

#include "src/api/problem.h"

/* From 2^53 on a JSON number is not exact. */
#define TTL_SECONDS_SAID_MAX ((UINT64_C(1) << 53) - 1)

const char *const alloc_keys[] = {"service_name", "ttl_seconds", "tags",       "port",    "prefer", "sticky_first",
                                  "count",        "reuse",       "reuse_held", "project", "pid",    "asker_pid"};
const size_t n_alloc_keys = sizeof alloc_keys / sizeof alloc_keys[0];

static bool prefers_any(const struct grant_request *grant) {
    for (unsigned i = 0; i < grant->count; i++)
        if (grant->prefer[i] != 0)
            return true;
    return false;
}

static void read_ports(struct body *body, struct grant_request *grant) {
    uint64_t number = 0;

    if (body_number(body, "port", 1, 65535, &number))
        grant->exact = (uint16_t)number;
    grant->count = 1;
    if (body_number(body, "count", 1, LEASE_COUNT_MAX, &number))
        grant->count = (unsigned)number;
    body_ports(body, "prefer", grant->count, grant->prefer);
    body_flag(body, "sticky_first", &grant->sticky_first);
    if (grant->exact != 0 && prefers_any(grant))
        body_refuse(body, "prefer", "goes without \"port\": an exact port leaves no choice");
    if (grant->exact != 0 && grant->count > 1)
        body_refuse(body, "count", "must be 1 with \"port\": an exact port is one port");
}

static void read_ttl(struct body *body, struct alloc *alloc) {
    if (!body_number(body, "ttl_seconds", 1, TTL_SECONDS_SAID_MAX, &alloc->ttl_seconds))
        return;
    alloc->ttl_clamped = alloc->ttl_seconds > LEASE_TTL_MAX;
    if (alloc->ttl_clamped)
        alloc->ttl_seconds = LEASE_TTL_MAX;
    alloc->grant.ttl_seconds = &alloc->ttl_seconds;
}

static void read_reuse(struct body *body, struct grant_request *grant) {
    body_flag(body, "reuse", &grant->reuse);
    body_flag(body, "reuse_held", &grant->reuse_held);
    if (grant->reuse_held && !grant->reuse)
        body_refuse(body, "reuse_held", "goes with \"reuse\" only");
    if (grant->reuse_held && grant->holder != 0)
        body_refuse(body, "reuse_held", "goes without \"pid\": a lease has one holder");
}

void alloc_read(struct body *body, const struct api_caller *caller, struct alloc *ret_alloc) {
    uint64_t pid = 0;

    *ret_alloc = (struct alloc){0};
    ret_alloc->grant.key = (struct lease_key){.uid = caller->uid, .project = ""};
    ret_alloc->grant.privileged = caller->uid == 0;
    if (!body_text(body, "service_name", lease_check_name, &ret_alloc->grant.key.service_name) && body_ok(body)) {
        problem_set(body->response, PROBLEM_MISSING_KEY, NULL, "The body needs a \"service_name\".");
        body->failed = true;
    }
    read_ttl(body, ret_alloc);
    if (body_texts(body, "tags", LEASE_TAGS_MAX, lease_check_tag, ret_alloc->tags, &ret_alloc->grant.n_tags))
        ret_alloc->grant.tags = ret_alloc->tags;
    read_ports(body, &ret_alloc->grant);
    body_text(body, "project", lease_check_project, &ret_alloc->grant.key.project);
    if (body_number(body, "pid", 1, BODY_PID_MAX, &pid))
        ret_alloc->grant.holder = (pid_t)pid;
    read_reuse(body, &ret_alloc->grant);
    if (body_number(body, "asker_pid", 1, BODY_PID_MAX, &pid))
        ret_alloc->grant.asker = (pid_t)pid;
}
