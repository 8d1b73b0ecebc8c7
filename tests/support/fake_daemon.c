/* The daemon without a loop and without a network. */
#include "tests/support/fake_daemon.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/log.h"
#include "tests/support/fake_store.h"

static const char *const addresses[] = {"http://127.0.0.1:3030", "http://[::1]:3030"};
static const char *const warnings[] = {"something to be said"};

int fake_daemon_open(struct fake_daemon *daemon) {
    const struct registry_config config = {
        .db_path = daemon->db_path,
        .uid = FAKE_DAEMON_UID,
        .rules = &daemon->rules,
        .prober = fake_kernel_prober(&daemon->kernel),
        .listeners = fake_kernel_source(&daemon->kernel),
        .clock = fake_clock_get(&daemon->clock),
    };
    daemon->opening = (struct store_opening){0};
    const int r = registry_new(&config, &daemon->registry, &daemon->opening);
    if (r == 0 && journal_new(registry_store(daemon->registry), &config.clock, &daemon->journal) == 0)
        registry_set_sink(daemon->registry, journal_sink(daemon->journal));
    if (r == 0)
        cr_assert_eq(ignores_new(registry_store(daemon->registry), &daemon->ignores), 0);
    daemon->api = (struct api){
        .registry = daemon->registry,
        .ignores = daemon->ignores,
        .journal = daemon->journal,
        .probe = fake_probe_get(&daemon->probe),
        .findings = &daemon->probe.findings,
        .rules = &daemon->rules,
        .info = &daemon->info,
        .clock = fake_clock_get(&daemon->clock),
        .uid = FAKE_DAEMON_UID,
    };
    return r;
}

void fake_daemon_start(struct fake_daemon *daemon) {
    *daemon = (struct fake_daemon){.clock = fake_clock_make()};
    fake_home_make(&daemon->home);
    fake_kernel_init(&daemon->kernel);
    fake_home_path(&daemon->home, FAKE_STORE_FILE, daemon->db_path);
    daemon->rules = (struct port_rules){
        .min = FAKE_DAEMON_MIN,
        .max = FAKE_DAEMON_MAX,
        .api_port = FAKE_DAEMON_API,
        .sysctl_dir = daemon->home.path,
    };
    daemon->info = (struct api_info){
        .version = "9.8.7",
        .run = FAKE_DAEMON_RUN,
        .command = "portd --range 8000-8009",
        .database = daemon->db_path,
        .socket = "/run/user/1/portmanager.sock",
        .addresses = addresses,
        .n_addresses = 2,
        .excluded = "8003",
        .warnings = warnings,
        .n_warnings = 1,
        .sees_bound_sockets = true,
        .started_ms = daemon->clock.now.monotonic_ms,
    };
    log_set_level(LOG_LEVEL_ERROR);
    const int r = fake_daemon_open(daemon);
    cr_assert_eq(r, 0, "registry_new: %d, %s", r, daemon->opening.reason);
}

void fake_daemon_close(struct fake_daemon *daemon) {
    port_versions_deinit(&daemon->api.versions);
    daemon->ignores = ignores_free(daemon->ignores);
    daemon->journal = journal_free(daemon->journal);
    daemon->registry = registry_free(daemon->registry);
}

void fake_daemon_stop(struct fake_daemon *daemon) {
    fake_daemon_close(daemon);
    fake_kernel_deinit(&daemon->kernel);
    fake_probe_deinit(&daemon->probe);
    fake_home_remove(&daemon->home);
}

void fake_daemon_restart(struct fake_daemon *daemon) {
    fake_daemon_close(daemon);
    const int r = fake_daemon_open(daemon);
    cr_assert_eq(r, 0, "registry_new: %d, %s", r, daemon->opening.reason);
}

void fake_daemon_reboot(struct fake_daemon *daemon) {
    fake_daemon_close(daemon);
    fake_store_execute(&daemon->home, "UPDATE mark SET value = 'another boot' WHERE name = 'boot_id'");
    daemon->clock.now.monotonic_ms = 40000;
    daemon->clock.now.unix_ms += 3600 * 1000;
}

void fake_daemon_pass(struct fake_daemon *daemon, uint64_t milliseconds) {
    while (milliseconds > 0) {
        const uint64_t step = milliseconds < 1000 ? milliseconds : 1000;
        fake_clock_advance(&daemon->clock, step);
        registry_turn(daemon->registry);
        milliseconds -= step;
    }
}

struct sighting *fake_daemon_listen(struct fake_daemon *daemon, uint16_t port, uid_t uid, uint32_t inode) {
    fake_kernel_listen(&daemon->kernel, port, uid);
    daemon->kernel.listeners.items[daemon->kernel.listeners.n_items - 1].inode = inode;
    return fake_probe_listen(&daemon->probe, port, uid, inode);
}

/* ---- grants ---- */

struct grant_request fake_daemon_ask(const char *service_name) {
    return (struct grant_request){.key = {.uid = ANN, .service_name = service_name, .project = ""}, .count = 1};
}

struct lease *fake_daemon_grant(struct fake_daemon *daemon, const struct grant_request *request) {
    struct grant grant = {0};
    const int r = registry_grant(daemon->registry, request, &grant);
    cr_assert_eq(r, 0, "registry_grant: %d", r);
    cr_assert_eq(grant.n_leases, request->count);
    struct lease *lease = registry_find_id(daemon->registry, grant.leases[0]->id);
    cr_assert_eq(lease, grant.leases[0]);
    grant_deinit(&grant);
    return lease;
}

int fake_daemon_try(struct fake_daemon *daemon, const struct grant_request *request) {
    struct grant grant = {0};
    const int r = registry_grant(daemon->registry, request, &grant);
    grant_deinit(&grant);
    return r;
}

pid_t fake_daemon_start_process(uid_t *ret_uid) {
    int ends[2];
    char byte;
    *ret_uid = geteuid() == 0 ? ANN : geteuid();
    cr_assert_eq(pipe(ends), 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        if (*ret_uid != geteuid() && (setresgid(ANN, ANN, ANN) < 0 || setresuid(ANN, ANN, ANN) < 0))
            _exit(1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* No pidfd of the registry may live on in here: the loop would never be told that it was closed. */
        dup2(ends[1], 0);
        close_range(1, ~0U, 0);
        if (write(0, "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return child;
}

void fake_daemon_end_process(pid_t pid, bool zombie) {
    siginfo_t info;
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | (zombie ? WNOWAIT : 0)), 0);
}

/* ---- requests ---- */

void fake_reply_deinit(struct fake_reply *reply) {
    free(reply->text);
    cJSON_Delete(reply->json);
    *reply = (struct fake_reply){0};
}

/* What is true of every problem (RFC 9457), whatever went wrong. */
static void check_problem(struct fake_reply *reply) {
    static const char prefix[] = "urn:portmanager:problem:";
    cr_assert_str_eq(reply->content_type, "application/problem+json", "%s", reply->text);
    cr_assert_not_null(reply->json, "%s", reply->text);
    const char *type = fake_reply_text(reply, "type");
    cr_assert_eq(strncmp(type, prefix, strlen(prefix)), 0, "%s", type);
    snprintf(reply->type, sizeof(reply->type), "%s", type + strlen(prefix));
    cr_assert_eq(fake_reply_number(reply, "status"), reply->status);
    cr_assert_gt(strlen(fake_reply_text(reply, "title")), 0);
    const char *detail = fake_reply_text(reply, "detail");
    cr_assert(strlen(detail) > 0 && strchr(".?", detail[strlen(detail) - 1]), "no sentence: %s", detail);
}

/* The first piece of a stream, which goes no further. */
static char *read_stream(struct fake_daemon *daemon, struct api_stream *stream) {
    static const size_t size = 65536;
    char *text = calloc(1, size);
    cr_assert_geq(stream->read(&daemon->api, stream, text, size - 1), 0);
    return text;
}

/* As the server does it, but with the test's clock. */
static void wait_for_answer(struct fake_daemon *daemon, struct api_response *response) {
    struct api_later *later = response->later;
    response->later = NULL;
    daemon->n_waits = 0;
    while (later && !later->try(&daemon->api, later, response)) {
        cr_assert_lt(daemon->clock.now.monotonic_ms, later->until_ms, "the answer was put off again");
        if (daemon->while_waiting)
            daemon->while_waiting(daemon);
        fake_clock_advance(&daemon->clock, 100);
        daemon->n_waits++;
    }
    if (later)
        later->free(later);
}

static void copy(char *ret_text, size_t size, const char *text) {
    snprintf(ret_text, size, "%s", text ? text : "");
}

/* What it says beside its body. */
static struct fake_reply copy_head(const struct api_response *response) {
    struct fake_reply reply = {.status = response->status, .retry_after_s = response->retry_after_s};
    copy(reply.content_type, sizeof(reply.content_type), response->content_type);
    copy(reply.allow, sizeof(reply.allow), response->allow);
    copy(reply.cache_control, sizeof(reply.cache_control), response->cache_control);
    copy(reply.etag, sizeof(reply.etag), response->etag);
    copy(reply.content_encoding, sizeof(reply.content_encoding), response->content_encoding);
    copy(reply.vary, sizeof(reply.vary), response->vary);
    copy(reply.worker_scope, sizeof(reply.worker_scope), response->worker_scope);
    return reply;
}

struct fake_reply fake_daemon_handle(struct fake_daemon *daemon, const struct api_request *request) {
    struct api_response response;
    memset(&response, 0xFF, sizeof(response));
    api_handle(&daemon->api, request, &response);
    wait_for_answer(daemon, &response);
    struct fake_reply reply = copy_head(&response);
    if (response.stream) {
        reply.text = read_stream(daemon, response.stream);
        reply.length = strlen(reply.text);
    } else {
        const char *body = response.constant ? response.constant : response.body;
        cr_assert_not_null(body);
        cr_assert(!response.constant || !response.body, "two bodies");
        reply.length = response.body_length;
        reply.text = calloc(1, reply.length + 1);
        memcpy(reply.text, body, reply.length);
        cr_assert(reply.content_encoding[0] != '\0' || response.status == 304 || strlen(reply.text) == reply.length);
    }
    api_response_deinit(&response);
    if (strstr(reply.content_type, "json")) {
        struct json_error error;
        cr_assert_eq(json_parse(reply.text, strlen(reply.text), &reply.json, &error), 0, "%s: %s", error.reason,
                     reply.text);
    }
    if (reply.status >= 400)
        check_problem(&reply);
    cr_assert_eq(reply.allow[0] != '\0', reply.status == 405);
    return reply;
}

struct fake_reply fake_daemon_call(struct fake_daemon *daemon, uid_t uid, const char *target, const char *body) {
    static const struct api_header headers[] = {{"Host", "portd"}, {"Content-Type", "application/json"}};
    const struct api_request request = {
        .transport = API_UNIX,
        .caller = {.known = true, .uid = uid},
        .method = body ? "POST" : "GET",
        .target = target,
        .version = "HTTP/1.1",
        .headers = headers,
        .n_headers = 2,
        .body = body,
        .body_length = body ? strlen(body) : 0,
    };
    return fake_daemon_handle(daemon, &request);
}

const cJSON *fake_reply_get(const struct fake_reply *reply, const char *path) {
    const cJSON *at = reply->json;
    while (at && *path != '\0') {
        char key[64];
        const size_t length = strcspn(path, ".");
        cr_assert_lt(length, sizeof(key));
        snprintf(key, sizeof(key), "%.*s", (int)length, path);
        at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(key)) : cJSON_GetObjectItemCaseSensitive(at, key);
        path += length + (path[length] == '.');
    }
    return at;
}

double fake_reply_number(const struct fake_reply *reply, const char *path) {
    const cJSON *item = fake_reply_get(reply, path);
    cr_assert(cJSON_IsNumber(item), "%s is no number: %s", path, reply->text);
    return item->valuedouble;
}

const char *fake_reply_text(const struct fake_reply *reply, const char *path) {
    const cJSON *item = fake_reply_get(reply, path);
    cr_assert(cJSON_IsString(item), "%s is no text: %s", path, reply->text);
    return item->valuestring;
}
