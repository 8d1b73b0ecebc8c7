/*
 * docs/openapi.yaml says what a real portd answers: every call, refusals and events included, to several callers, about leases, listeners and findings in
 * every state that can be had on one machine. All of it happens in one test, because openapi.py also looks for what none of the answers has shown.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "probe/process.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/event_stream.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/openapi.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/wait.h"

#define BOOK        SANDBOX_DIR "/answers"
#define OTHER_HOME  SANDBOX_DIR "/theirs"
#define DISK        SANDBOX_DIR "/disk"
#define BALLAST     DISK "/ballast"
#define STREAMS_MAX 16
#define PUPPETS_MAX 32

TestSuite(openapi, .timeout = 300);

/* A portd, and who looks at it. */
struct scene {
    struct daemon daemon;
    struct caller me; /* root */
    struct caller other;
    struct openapi_book book;
    pid_t puppets[PUPPETS_MAX];
    unsigned n_puppets;
};

static void scene_begin(struct scene *scene, const struct daemon_setup *setup) {
    scene->daemon = daemon_start(setup);
    scene->me = (struct caller){.daemon = &scene->daemon};
    scene->other = (struct caller){.daemon = &scene->daemon, .uid = SANDBOX_OTHER_UID};
    scene->n_puppets = 0;
}

/* A puppet that ends with the scene. */
__attribute__((format(printf, 3, 4))) static pid_t enter(struct scene *scene, const struct puppet_setup *setup,
                                                         const char *format, ...) {
    char script[256];
    va_list args;
    va_start(args, format);
    vsnprintf(script, sizeof(script), format, args);
    va_end(args);
    cr_assert_lt(scene->n_puppets, PUPPETS_MAX);
    const pid_t pid = puppet_start(setup, "%s", script);
    scene->puppets[scene->n_puppets++] = pid;
    return pid;
}

static void scene_end(struct scene *scene) {
    for (unsigned i = 0; i < scene->n_puppets; i++) {
        kill(-scene->puppets[i], SIGKILL); /* of a group that it leads */
        child_kill(scene->puppets[i]);
    }
    cr_assert_eq(daemon_stop(&scene->daemon), 0);
}

static void get(struct scene *scene, const struct caller *caller, int status, const char *target) {
    CLEANUP(http_reply_deinit) struct http_reply reply = openapi_get(&scene->book, caller, target);
    cr_assert_eq(reply.status, status, "%s: %d %s", target, reply.status, reply_text(&reply));
}

/* NULL is no problem but a 200. */
__attribute__((format(printf, 5, 6))) static void post(struct scene *scene, const struct caller *caller,
                                                       const char *problem, const char *target, const char *format,
                                                       ...) {
    char body[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(body, sizeof(body), format, args);
    va_end(args);
    CLEANUP(http_reply_deinit) struct http_reply reply = openapi_post(&scene->book, caller, target, "%s", body);
    if (!problem)
        cr_assert_eq(reply.status, 200, "%s %s: %s", target, body, reply_text(&reply));
    else
        cr_assert(reply_is_problem(&reply, reply.status, problem), "%s %s: %s", target, body, reply_text(&reply));
}

/* ---- states ---- */

static uint16_t grant(struct scene *scene, const struct caller *caller, const char *body) {
    CLEANUP(http_reply_deinit) struct http_reply reply = openapi_post(&scene->book, caller, "/alloc", "%s", body);
    assert_status(reply, 200);
    return (uint16_t)json_number_at(reply.json, "port");
}

/* Leases that nobody disturbs: waiting, kept by their holder or their listener, silent, elsewhere. */
static void make_quiet_leases(struct scene *scene) {
    grant(scene, &scene->me,
          "{\"service_name\":\"waiting\",\"tags\":[\"a\",\"b\"],\"project\":\"/p\",\"ttl_seconds\":600}");
    grant(scene, &scene->other, "{\"service_name\":\"theirs\",\"project\":\"/q\",\"ttl_seconds\":99999999}");
    grant(scene, &scene->me, "{\"service_name\":\"three\",\"count\":3,\"prefer\":8010}");
    grant(scene, &scene->me, "{\"service_name\":\"waiting\",\"project\":\"/p\",\"reuse\":true}");

    post(scene, &scene->me, NULL, "/alloc-all",
         "{\"services\":[{\"service_name\":\"waiting\",\"project\":\"/p\",\"reuse\":true},"
         "{\"service_name\":\"all\",\"count\":2,\"prefer\":[null,8015],\"sticky_first\":true}]}");

    const pid_t holder = enter(scene, &(struct puppet_setup){.name = "held"}, "pause listen 127.0.0.1 8020 pause");
    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"held\",\"port\":8020,\"pid\":%d}", holder);
    post(scene, &scene->me, "lease-held", "/alloc", "{\"service_name\":\"held\",\"reuse\":true,\"pid\":%d}", getpid());
    puppet_go_on(holder);
    sees_lease(&scene->me, 8020, "state", "bound");

    const pid_t stray = enter(scene, &(struct puppet_setup){.name = "stray"}, "listen 127.0.0.1 9500 pause");
    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"stray\",\"port\":8021,\"pid\":%d}", stray);
    sees_lease(&scene->me, 8021, "state", "elsewhere");

    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"silent\",\"port\":8022}");
    const pid_t served = puppet_start(&(struct puppet_setup){0}, "setsid listen ::1 8022 pause");
    sees_lease(&scene->me, 8022, "kept_by", "listener");
    child_kill(served);
    sees_lease(&scene->me, 8022, "state", "silent");
}

/* Whose listener is there, and how that is known. */
static void make_evidence(struct scene *scene) {
    static const char *const proxy[] = {"-proto", "tcp",           "-host-ip",   "127.0.0.1",       "-host-port",
                                        "8030",   "-container-ip", "172.17.0.2", "-container-port", "5432"};
    struct puppet_setup setup = {.name = "docker-proxy"};
    memcpy(setup.arguments, proxy, sizeof(proxy));
    post(scene, &scene->other, NULL, "/alloc", "{\"service_name\":\"db\",\"port\":8030}");
    enter(scene, &setup, "listen 127.0.0.1 8030 pause");
    sees_evidence(&scene->other, 8030, "plausible", "forwarder");

    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"guess\",\"port\":8031}");
    enter(scene, &(struct puppet_setup){.name = "guess"}, "setsid listen 0.0.0.0 8031 pause");
    sees_evidence(&scene->me, 8031, "plausible", "uid");

    const pid_t parent =
        enter(scene, &(struct puppet_setup){.name = "parent"}, "setpgid pause spawn listen 127.0.0.1 8032 pause");
    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"child\",\"port\":8032,\"pid\":%d}", parent);
    puppet_go_on(parent);
    sees_evidence(&scene->me, 8032, "confirmed", "descendant");

    enter(scene, &(struct puppet_setup){.name = "claimed"}, "listen 127.0.0.1 8033 pause");
    sees_listeners(&scene->me, 8033, 1);
    post(scene, &scene->me, NULL, "/claim", "{\"port\":8033,\"service_name\":\"claimed\"}");
    post(scene, &scene->me, NULL, "/claim", "{\"port\":8033}");
    sees_evidence(&scene->me, 8033, "confirmed", "claim");
}

/* What is not as it should be. */
static void make_conflicts(struct scene *scene) {
    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"taken\",\"port\":8040}");
    enter(scene, &(struct puppet_setup){.name = "thief", .uid = SANDBOX_OTHER_UID}, "listen 127.0.0.1 8040 pause");
    sees_lease(&scene->me, 8040, "conflict", "taken");

    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"disowned\",\"port\":8041}");
    enter(scene, &(struct puppet_setup){0}, "setsid listen 127.0.0.1 8041 pause");
    sees_evidence(&scene->me, 8041, "plausible", "uid");
    post(scene, &scene->me, NULL, "/disown", "{\"port\":8041}");
    sees_evidence(&scene->me, 8041, "foreign", "disowned");

    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"split\",\"port\":8042}");
    enter(scene, &(struct puppet_setup){.name = "vite"}, "setsid v6only listen ::1 8042 pause");
    sees_lease(&scene->me, 8042, "state", "bound");
    enter(scene, &(struct puppet_setup){.name = "flask"}, "setsid listen 127.0.0.1 8042 pause");
    sees_lease(&scene->me, 8042, "conflict", "split");

    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"shared\",\"port\":8043}");
    enter(scene, &(struct puppet_setup){.name = "envoy"}, "setsid reuseport listen 0.0.0.0 8043 pause");
    sees_lease(&scene->me, 8043, "state", "bound");
    enter(scene, &(struct puppet_setup){.name = "caddy"}, "setsid reuseport listen 0.0.0.0 8043 pause");
    sees_lease(&scene->me, 8043, "conflict", "shared");

    /* The holder of one lease is a stranger to another. */
    const pid_t holder = enter(scene, &(struct puppet_setup){0}, "pause listen 127.0.0.1 8044 pause");
    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"mine\",\"port\":8044}");
    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"yours\",\"port\":8045,\"pid\":%d}", holder);
    puppet_go_on(holder);
    sees_evidence(&scene->me, 8044, "foreign", "other-lease");
}

static void sees_kind(struct scene *scene, uint16_t port, const char *kind) {
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(&scene->me, port, kind);
}

static void make_squatters(struct scene *scene) {
    enter(scene, &(struct puppet_setup){.name = "unleased", .arguments = {"--token=secret"}, .uid = SANDBOX_OTHER_UID},
          "listen 127.0.0.1 8050 pause");
    enter(scene, &(struct puppet_setup){0}, "call \x1b[2J\x07\xff listen 127.0.0.1 8051 pause");
    enter(scene, &(struct puppet_setup){.name = "inactive"}, "bind 127.0.0.1 8052 pause");
    sees_kind(scene, 8052, "inactive");
    sees_kind(scene, 8050, "unleased");
    sees_kind(scene, 8051, "unleased");
    sees_text(&scene->me, 8052, "listeners[0].state", "bound");
}

/* ---- calls ---- */

static void ask_everything(struct scene *scene, const struct caller *caller) {
    static const char *const targets[] = {
        "/list",
        "/lookup?service=waiting",
        "/lookup?service=nobody",
        "/ports",
        "/ports?range=8000-8099&uid=0&state=listen",
        "/ports?range=1-2",
        "/squatters",
        "/conflicts",
        "/history",
        "/history?limit=1000",
        "/history?port=8040&limit=5",
        "/history?service=taken&since=2026-01-02T03:04:05Z",
        "/history?since=1",
        "/history?before=5&limit=2",
        "/history?kinds=lease,conflict",
        "/status",
        "/healthz",
        "/",
        "/?port=8001&q=state:squatted",
        "/who?port=8000",
        "/who?port=8001",
        "/who?port=3030",
        "/who?port=8099",
        "/who?port=9500",
    };
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        get(scene, caller, 200, targets[i]);
    for (unsigned port = 8020; port < 8060; port++) {
        char target[32];
        if (port % 10 > 5)
            continue;
        snprintf(target, sizeof(target), "/who?port=%u", port);
        get(scene, caller, 200, target);
    }
}

/* The page names its parts. */
static void ask_for_assets(struct scene *scene) {
    CLEANUP(http_reply_deinit) struct http_reply page = caller_get(&scene->me, "/");
    unsigned n_found = 0;
    for (const char *at = page.body; (at = strstr(at, "\"/assets/"));) {
        char target[128];
        cr_assert_eq(sscanf(++at, "%127[^\"]", target), 1);
        get(scene, &scene->me, 200, target);
        n_found++;
    }
    cr_assert_geq(n_found, 2);
    get(scene, &scene->me, 404, "/assets/nothing.js");
}

/* Sends a request that the guard, or no route, takes. */
static void send_raw(struct scene *scene, const char *method, const char *target, const char *headers,
                     const char *problem) {
    CLEANUP(file_free_text_at) char *request = NULL;
    const int length = asprintf(&request, "%s %s HTTP/1.1\r\n%s\r\n", method, target, headers);
    cr_assert_gt(length, 0);
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_send(&scene->me, request, (size_t)length);
    openapi_keep(&scene->book, method, target, &reply);
    cr_assert(reply_is_problem(&reply, reply.status, problem), "%s", reply_text(&reply));
}

#define HOST "Host: localhost:3030\r\n"
#define JSON HOST "Content-Type: application/json\r\n"

static void be_refused_by_form(struct scene *scene) {
    send_raw(scene, "GET", "/list", "Host: evil.example\r\n", "forbidden-host");
    send_raw(scene, "GET", "/list", HOST "Origin: http://evil.example\r\n", "forbidden-origin");
    send_raw(scene, "GET", "/healthz", HOST "Sec-Fetch-Site: cross-site\r\n", "forbidden-site");
    send_raw(scene, "GET", "/list", HOST HOST, "bad-request");
    send_raw(scene, "GET", "/nothing", HOST, "no-such-path");
    send_raw(scene, "DELETE", "/list", HOST, "method-not-allowed");
    send_raw(scene, "POST", "/alloc", HOST "Content-Type: text/plain\r\nContent-Length: 0\r\n", "not-json");
    send_raw(scene, "POST", "/alloc", JSON "Content-Length: 99999999\r\n", "body-too-large");
    get(scene, &scene->me, 400, "/list?x=1");
    get(scene, &scene->me, 400, "/lookup");
    get(scene, &scene->me, 400, "/who");
    get(scene, &scene->me, 400, "/who?port=0");
    get(scene, &scene->me, 400, "/ports?range=9-1");
    get(scene, &scene->me, 400, "/history?limit=0");
    get(scene, &scene->me, 400, "/history?kinds=weather");
    get(scene, &scene->me, 400, "/events?ports=1");
    post(scene, &scene->me, "malformed-json", "/alloc", "{");
    post(scene, &scene->me, "invalid-value", "/alloc", "[]");
    post(scene, &scene->me, "invalid-value", "/alloc", "{\"service_name\":1}");
    post(scene, &scene->me, "unknown-key", "/alloc", "{\"service_name\":\"a\",\"prot\":1}");
    post(scene, &scene->me, "unknown-key", "/alloc", "{\"service_name\":\"a\",\"\":1}");
    post(scene, &scene->me, "missing-key", "/alloc", "{}");
    post(scene, &scene->me, "missing-key", "/release", "{}");
    post(scene, &scene->me, "unknown-key", "/heartbeat", "{\"port\":8000,\"if_idle\":true}");
}

static void be_refused_a_lease(struct scene *scene) {
    post(scene, &scene->me, "invalid-pid", "/alloc", "{\"service_name\":\"a\",\"pid\":4194304}");
    post(scene, &scene->me, "missing-key", "/alloc-all", "{}");
    post(scene, &scene->me, "invalid-value", "/alloc-all", "{\"services\":[7]}");
    post(scene, &scene->me, "unknown-key", "/alloc-all", "{\"services\":[{\"service_name\":\"a\",\"prot\":1}]}");
    post(scene, &scene->me, "port-taken", "/alloc-all",
         "{\"services\":[{\"service_name\":\"a\"},{\"service_name\":\"b\",\"port\":8050}]}");
    post(scene, &scene->me, "port-leased", "/alloc-all", "{\"services\":[{\"service_name\":\"a\",\"port\":8022}]}");
    post(scene, &scene->me, "port-taken", "/alloc", "{\"service_name\":\"a\",\"port\":8050}");
    post(scene, &scene->me, "port-leased", "/alloc", "{\"service_name\":\"a\",\"port\":8022}");
    post(scene, &scene->me, "reserved-for-portd", "/alloc", "{\"service_name\":\"a\",\"port\":3030}");
    post(scene, &scene->other, "port-privileged", "/alloc", "{\"service_name\":\"a\",\"port\":443}");
    post(scene, &scene->me, "no-such-lease", "/release", "{\"port\":8098}");
    post(scene, &scene->me, "no-such-lease", "/heartbeat", "{\"id\":999999}");
    post(scene, &scene->me, "lease-mismatch", "/release", "{\"port\":8022,\"id\":999999}");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&scene->me, 8022);
    post(scene, &scene->me, "lease-mismatch", "/heartbeat", "{\"port\":8098,\"id\":%lu}",
         json_number_at(who.json, "lease.id"));
    post(scene, &scene->other, "not-yours", "/release", "{\"port\":8022}");
    post(scene, &scene->other, "not-yours", "/heartbeat", "{\"port\":8022}");
}

static void be_refused_a_listener(struct scene *scene) {
    post(scene, &scene->me, "not-listening", "/claim", "{\"port\":8098,\"service_name\":\"a\"}");
    post(scene, &scene->other, "not-your-listener", "/claim", "{\"port\":8051,\"service_name\":\"a\"}");
    post(scene, &scene->other, "not-yours", "/claim", "{\"port\":8031}");
    post(scene, &scene->me, "port-leased", "/claim", "{\"port\":8031,\"service_name\":\"a\"}");
    post(scene, &scene->me, "missing-key", "/claim", "{\"port\":8050}");
    post(scene, &scene->me, "reserved-for-portd", "/claim", "{\"port\":3030,\"service_name\":\"a\"}");
    post(scene, &scene->me, "no-such-lease", "/disown", "{\"port\":8050}");
    post(scene, &scene->me, "not-listening", "/disown", "{\"port\":8022}");
    post(scene, &scene->other, "not-yours", "/disown", "{\"port\":8031}");
    post(scene, &scene->me, "lease-holder", "/disown", "{\"port\":8020}");
}

/* What /stop is told: the owner of one port's listener, and that it is to be signalled on `port`. */
struct stop {
    uint16_t seen_on;
    uint16_t port;  /* 0: the same */
    unsigned later; /* than it began */
    const char *signal;
    const char *problem; /* NULL: none */
};

static void stop(struct scene *scene, const struct caller *caller, const struct stop *stop) {
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&scene->me, stop->seen_on);
    post(scene, caller, stop->problem, "/stop",
         "{\"port\":%u,\"pid\":%lu,\"start_time\":%lu,\"inode\":%lu,\"signal\":\"%s\"}",
         stop->port ? stop->port : stop->seen_on, json_number_at(who.json, "listeners[0].pid"),
         json_number_at(who.json, "listeners[0].owners[0].start_time") + stop->later,
         json_number_at(who.json, "listeners[0].inode"), stop->signal);
}

static void stop_some(struct scene *scene) {
    post(scene, &scene->me, "missing-key", "/stop", "{\"port\":8050}");
    stop(scene, &scene->me, &(struct stop){8050, 8098, 0, "TERM", "not-listening"});
    stop(scene, &scene->me, &(struct stop){8050, 0, 1, "TERM", "stale-process"});
    stop(scene, &scene->me, &(struct stop){DAEMON_PORT, 0, 0, "TERM", "protected-process"});
    stop(scene, &scene->other, &(struct stop){8051, 0, 0, "TERM", "not-your-process"});
    stop(scene, &scene->me, &(struct stop){8050, 0, 0, "CONT", NULL});
    stop(scene, &scene->me, &(struct stop){8050, 0, 0, "KILL", NULL});
    const pid_t pid = puppet_start(&(struct puppet_setup){0}, "listen 127.0.0.1 8053 pause");
    sees_number(&scene->me, 8053, "listeners[0].pid", (uint64_t)pid);
    stop(scene, &scene->me, &(struct stop){8053, 0, 0, "TERM", NULL});
    child_wait(pid);
}

static void change_leases(struct scene *scene) {
    post(scene, &scene->me, NULL, "/heartbeat", "{\"port\":8022}");
    post(scene, &scene->me, NULL, "/release", "{\"port\":8031,\"if_idle\":true}");
    post(scene, &scene->me, NULL, "/release", "{\"port\":8022}");
    post(scene, &scene->me, NULL, "/release", "{\"port\":8040}");
    sees_in_history(&scene->me, "conflict.left", 8040);
    post(scene, &scene->me, NULL, "/alloc", "{\"service_name\":\"short\",\"port\":8023,\"ttl_seconds\":1}");
    sees_no_lease(&scene->me, 8023);
}

/* ---- streams ---- */

/* The next event, written down. The test's to deinit. */
static struct stream_event keep_next(struct scene *scene, struct event_stream *stream, const char *target) {
    struct stream_event event;
    do
        cr_assert(event_stream_next(stream, &event), "%s has ended", target);
    while (event.kind[0] == '\0');
    openapi_keep_event(&scene->book, target, &event);
    return event;
}

static void keep_until(struct scene *scene, const char *target, const char *last_kind) {
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(&scene->me, target, NULL);
    for (bool is_last = false; !is_last;) {
        CLEANUP(stream_event_deinit) struct stream_event event = keep_next(scene, &stream, target);
        is_last = strcmp(event.kind, last_kind) == 0;
    }
}

static void keep_until_port_is(struct scene *scene, struct event_stream *stream, const char *target, uint16_t port,
                               bool is_leased) {
    for (bool is_last = false; !is_last;) {
        CLEANUP(stream_event_deinit) struct stream_event event = keep_next(scene, stream, target);
        is_last = strcmp(event.kind, "port") == 0 && json_number_at(event.data, "port") == port &&
                  json_is_null_at(event.data, "lease") != is_leased;
    }
}

/* From a snapshot on, as the page does it. */
static void follow_ports(struct scene *scene, const struct caller *caller) {
    CLEANUP(http_reply_deinit) struct http_reply snapshot = openapi_get(&scene->book, caller, "/snapshot");
    assert_status(snapshot, 200);
    char target[96];
    snprintf(target, sizeof(target), "/events?since=%lu&ports=%s.%lu", json_number_at(snapshot.json, "seq"),
             json_text_at(snapshot.json, "run"), json_number_at(snapshot.json, "version"));
    CLEANUP(event_stream_close) struct event_stream stream = event_stream_open(caller, target, NULL);
    const uint16_t port = grant(scene, caller, "{\"service_name\":\"followed\"}");
    keep_until_port_is(scene, &stream, target, port, true);
    post(scene, caller, NULL, "/release", "{\"port\":%u}", port);
    keep_until_port_is(scene, &stream, target, port, false);
}

static void ignore_some(struct scene *scene) {
    post(scene, &scene->me, "not-squatted", "/ignore", "{\"port\":8098}");
    post(scene, &scene->me, NULL, "/ignore", "{\"port\":8050}");
    get(scene, &scene->me, 200, "/squatters");
    post(scene, &scene->me, NULL, "/ignore", "{\"port\":8050,\"ignored\":false}");
    post(scene, &scene->other, NULL, "/ignore", "{\"port\":8040,\"ignored\":true}");
    get(scene, &scene->other, 200, "/conflicts");
}

static void take_all_streams(struct scene *scene) {
    struct event_stream streams[STREAMS_MAX];
    for (unsigned i = 0; i < STREAMS_MAX; i++)
        streams[i] = event_stream_open(&scene->me, "/events", NULL);
    get(scene, &scene->me, 429, "/events");
    for (unsigned i = 0; i < STREAMS_MAX; i++)
        event_stream_close(&streams[i]);
}

/* ---- the three of them ---- */

static void root_portd(struct scene *scene) {
    enter(scene, &(struct puppet_setup){.name = "before"}, "listen 127.0.0.1 8054 pause");
    sees_in_kernel(8054, true);
    scene_begin(scene, &(struct daemon_setup){
                           .arguments = {"--range", "8000-8099", "--exclude", "8090-8091", "--bound-interval", "100"}});
    make_squatters(scene);
    make_quiet_leases(scene);
    make_evidence(scene);
    make_conflicts(scene);
    ask_everything(scene, &scene->me);
    ask_everything(scene, &scene->other);
    ask_for_assets(scene);
    follow_ports(scene, &scene->me);
    follow_ports(scene, &scene->other);
    ignore_some(scene);
    be_refused_by_form(scene);
    be_refused_a_lease(scene);
    be_refused_a_listener(scene);
    change_leases(scene);
    stop_some(scene);
    take_all_streams(scene);
    get(scene, &scene->me, 200, "/history?limit=1000");
    const uint16_t last = grant(scene, &scene->me, "{\"service_name\":\"last\"}");
    post(scene, &scene->me, NULL, "/heartbeat", "{\"port\":%u}", last);
    keep_until(scene, "/events?since=1", "lease.renewed");
    keep_until(scene, "/events?ports=0123456789abcdef.0", "reset");
    scene_end(scene);
}

/* As /proc has it: this portd does not show it. */
static uint64_t start_time_of(pid_t pid) {
    CLEANUP(fd_close_at) int pidfd = -1;
    struct process_id id = {0};
    uid_t uid = 0;
    cr_assert_eq(process_pin(pid, &pidfd, &id, &uid), 0);
    return id.start_time;
}

/* Owners that it may not look into, and may not signal. */
static void users_portd(struct scene *scene) {
    cr_assert_eq(mkdir(OTHER_HOME, 0755), 0);
    scene_begin(scene, &(struct daemon_setup){
                           .uid = SANDBOX_OTHER_UID, .home = OTHER_HOME, .arguments = {"--range", "8000-8003"}});
    enter(scene, &(struct puppet_setup){0}, "listen 127.0.0.1 8000 pause");
    sees_text(&scene->other, 8000, "listeners[0].hidden.reason", "other-user");
    post(scene, &scene->other, "range-full", "/alloc", "{\"service_name\":\"many\",\"count\":9}");
    post(scene, &scene->other, "range-full", "/alloc-all",
         "{\"services\":[{\"service_name\":\"one\"},{\"service_name\":\"many\",\"count\":9}]}");
    post(scene, &scene->other, NULL, "/alloc", "{\"service_name\":\"one\"}");
    static const char *const targets[] = {"/list", "/ports", "/squatters", "/status", "/who?port=8000"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        get(scene, &scene->me, 200, targets[i]);
        get(scene, &scene->other, 200, targets[i]);
    }
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(&scene->me, 8000);
    post(scene, &scene->me, "may-not-signal", "/stop", "{\"port\":8000,\"pid\":%d,\"start_time\":%lu,\"inode\":%lu}",
         scene->puppets[0], start_time_of(scene->puppets[0]), json_number_at(who.json, "listeners[0].inode"));
    scene_end(scene);
}

static void fill_disk(void) {
    static const char nothing[4096];
    CLEANUP(fd_close_at) int fd = open(BALLAST, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    for (size_t size = sizeof(nothing); size > 0;)
        if (write(fd, nothing, size) < 0)
            size /= 2;
    cr_assert_eq(errno, ENOSPC);
}

static void portd_without_room(struct scene *scene) {
    sandbox_mount_tmpfs(DISK, 1024);
    scene_begin(scene, &(struct daemon_setup){.arguments = {"--db", DISK "/leases.db"}});
    enter(scene, &(struct puppet_setup){0}, "listen 127.0.0.1 8000 pause");
    sees_listeners(&scene->me, 8000, 1);
    fill_disk();
    post(scene, &scene->me, "not-stored", "/alloc", "{\"service_name\":\"a\"}");
    post(scene, &scene->me, "not-stored", "/alloc-all", "{\"services\":[{\"service_name\":\"a\"}]}");
    post(scene, &scene->me, "not-stored", "/claim", "{\"port\":8000,\"service_name\":\"a\"}");
    cr_assert_eq(unlink(BALLAST), 0);
    scene_end(scene);
}

Test(openapi, every_answer_is_as_the_document_says) {
    static struct scene scene = {.book = {.path = BOOK}};
    sandbox_enter_as_root();
    root_portd(&scene);
    users_portd(&scene);
    portd_without_room(&scene);
    openapi_check(&scene.book);
}
