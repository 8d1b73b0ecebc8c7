/*
 * /alloc-all, end to end: many clients ask for overlapping batches at once, portd is killed amid them, the disk is full. Of each
 * batch all is there, or nothing is, and no port is two services'.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(alloc_all, .timeout = 300);

/* The leases of one project, by /list, which shows the project to its own user. */
static unsigned count_of_project(const struct http_reply *list, const char *project) {
    unsigned n_leases = 0;
    const cJSON *lease;
    cJSON_ArrayForEach(lease, list->json) {
        const cJSON *own = json_at(lease, "project");
        n_leases += cJSON_IsString(own) && strcmp(own->valuestring, project) == 0;
    }
    return n_leases;
}

static void assert_distinct(const struct http_reply *list) {
    bool seen[65536] = {false};
    const cJSON *lease;
    cJSON_ArrayForEach(lease, list->json) {
        const uint64_t port = json_number_at(lease, "port");
        cr_assert_not(seen[port], "port %lu is leased twice", port);
        seen[port] = true;
    }
}

/* ---- many at once ---- */

#define N_CLIENTS  8
#define N_ROUNDS   25
#define BATCH_SIZE 4

struct crowd {
    const struct daemon *daemon;
    unsigned n_granted; /* batches, of all clients */
    unsigned n_refused;
};
static struct crowd *crowd;

static void name_batch(char *ret_name, size_t size, unsigned client, unsigned round) {
    snprintf(ret_name, size, "/p/%u/%u", client, round);
}

/* Four services of one port each, of which one wants a port that others want as well: as an exact one in every third round. */
static struct http_reply ask_for_batch(const struct caller *caller, unsigned client, unsigned round) {
    char project[32];
    name_batch(project, sizeof(project), client, round);
    return caller_post(caller, "/alloc-all",
                       "{\"services\":[{\"service_name\":\"a\",\"project\":\"%s\"},"
                       "{\"service_name\":\"b\",\"project\":\"%s\"},"
                       "{\"service_name\":\"c\",\"project\":\"%s\",\"%s\":%u},"
                       "{\"service_name\":\"d\",\"project\":\"%s\"}]}",
                       project, project, project, round % 3 == 0 ? "port" : "prefer", 20000 + round, project);
}

static int ask_as_client(void *context) {
    const unsigned client = *(const unsigned *)context;
    const struct caller me = {.daemon = crowd->daemon, .channel = client % 2 ? CHANNEL_UNIX : CHANNEL_IPV4};
    for (unsigned round = 0; round < N_ROUNDS; round++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = ask_for_batch(&me, client, round);
        if (reply.status == 200)
            __atomic_fetch_add(&crowd->n_granted, 1, __ATOMIC_SEQ_CST);
        else if (reply_is_problem(&reply, 409, "port-leased") || reply_is_problem(&reply, 503, "range-full"))
            __atomic_fetch_add(&crowd->n_refused, 1, __ATOMIC_SEQ_CST);
        else
            return 1;
    }
    return 0;
}

Test(alloc_all, of_many_that_ask_at_once_each_gets_all_or_nothing) {
    /* Not room for all: 200 batches of four want 800 ports. */
    const struct daemon_setup setup = {.arguments = {"--range", "20000-20401"}};
    unsigned numbers[N_CLIENTS];
    pid_t clients[N_CLIENTS];
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    crowd = child_share(sizeof(*crowd));
    crowd->daemon = &daemon;
    for (unsigned i = 0; i < N_CLIENTS; i++) {
        numbers[i] = i;
        clients[i] = child_start(0, ask_as_client, &numbers[i]);
    }
    for (unsigned i = 0; i < N_CLIENTS; i++)
        cr_assert_eq(child_wait(clients[i]), 0, "client %u met another answer", i);
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&me);
    unsigned n_whole = 0;
    for (unsigned client = 0; client < N_CLIENTS; client++) {
        for (unsigned round = 0; round < N_ROUNDS; round++) {
            char project[32];
            name_batch(project, sizeof(project), client, round);
            const unsigned n_leases = count_of_project(&list, project);
            cr_assert(n_leases == 0 || n_leases == BATCH_SIZE, "%s has %u leases", project, n_leases);
            n_whole += n_leases == BATCH_SIZE;
        }
    }
    assert_distinct(&list);
    cr_assert_eq(n_whole, crowd->n_granted);
    cr_assert_eq((unsigned)cJSON_GetArraySize(list.json), n_whole * BATCH_SIZE, "leases of no batch");
    cr_assert_gt(crowd->n_granted, 0);
    cr_assert_gt(crowd->n_refused, 0);
    cr_assert_eq(crowd->n_granted + crowd->n_refused, N_CLIENTS * N_ROUNDS);
}

/* ---- refusals ---- */

/* The batch is refused, about its second service, and nothing has changed, the events included. */
static void assert_refused(const struct caller *me, int status, const char *problem, const char *second) {
    CLEANUP(file_free_text_at) char *before = caller_digest(me);
    CLEANUP(http_reply_deinit) struct http_reply told = caller_get(me, "/history?kinds=lease");
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_post(
        me, "/alloc-all", "{\"services\":[{\"service_name\":\"first\"},%s,{\"service_name\":\"third\"}]}", second);
    assert_problem(reply, status, problem);
    cr_assert_eq(json_number_at(reply.json, "index"), 1, "%s", reply.body);
    cr_assert_str_eq(json_text_at(reply.json, "service_name"), "second");
    CLEANUP(file_free_text_at) char *after = caller_digest(me);
    cr_assert_str_eq(before, after);
    CLEANUP(http_reply_deinit) struct http_reply still = caller_get(me, "/history?kinds=lease");
    cr_assert(cJSON_Compare(json_at(told.json, "events"), json_at(still.json, "events"), true),
              "what was refused was told: %s", still.body);
}

Test(alloc_all, a_full_range_and_a_taken_exact_port_refuse_all) {
    const struct daemon_setup setup = {.arguments = {"--range", "20000-20003"}};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    caller_grant(&me, "{\"service_name\":\"other\",\"port\":20001}");
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 20003);
    assert_refused(&me, 409, "port-leased", "{\"service_name\":\"second\",\"port\":20001}");
    assert_refused(&me, 409, "port-taken", "{\"service_name\":\"second\",\"port\":20003}");
    assert_refused(&me, 503, "range-full", "{\"service_name\":\"second\",\"count\":2}");
    CLEANUP(http_reply_deinit)
    struct http_reply reply =
        caller_post(&me, "/alloc-all",
                    "{\"services\":[{\"service_name\":\"first\"},{\"service_name\":\"second\",\"port\":20000}]}");
    assert_status(reply, 200);
    cr_assert_eq(json_number_at(reply.json, "grants[0].port"), 20002, "not what the second one names");
    cr_assert_eq(json_number_at(reply.json, "grants[1].port"), 20000);
    cr_assert_eq(caller_count_leases(&me), 3);
}

#define DISK    SANDBOX_DIR "/disk"
#define BALLAST DISK "/ballast"

static void fill_disk(void) {
    static const char nothing[4096];
    CLEANUP(fd_close_at) int fd = open(BALLAST, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    for (size_t size = sizeof(nothing); size > 0;)
        if (write(fd, nothing, size) < 0)
            size /= 2;
    cr_assert_eq(errno, ENOSPC);
}

static struct http_reply ask_for_three(const struct caller *me) {
    return caller_post(me, "/alloc-all",
                       "{\"services\":[{\"service_name\":\"kept\",\"reuse\":true,\"ttl_seconds\":900},"
                       "{\"service_name\":\"new\"},{\"service_name\":\"newer\",\"count\":50}]}");
}

Test(alloc_all, a_full_disk_grants_nothing_and_renews_nothing) {
    const struct daemon_setup setup = {.arguments = {"--db", DISK "/leases.db"}};
    sandbox_enter();
    sandbox_mount_tmpfs(DISK, 1024);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    const struct caller me = {.daemon = &daemon};
    caller_grant(&me, "{\"service_name\":\"kept\",\"ttl_seconds\":3600}");
    fill_disk();
    {
        CLEANUP(file_free_text_at) char *before = caller_digest(&me);
        CLEANUP(http_reply_deinit) struct http_reply reply = ask_for_three(&me);
        assert_problem(reply, 507, "not-stored");
        cr_assert_null(json_at(reply.json, "index"), "it is about none of them: %s", reply.body);
        CLEANUP(file_free_text_at) char *after = caller_digest(&me);
        cr_assert_str_eq(before, after);
    }
    cr_assert_eq(unlink(BALLAST), 0);
    CLEANUP(http_reply_deinit) struct http_reply reply = ask_for_three(&me);
    assert_status(reply, 200);
    cr_assert_eq(caller_count_leases(&me), 52);
}

/* ---- kill -9 ---- */

#define N_OF_KILLED 16
#define N_KILLS     10

struct history {
    struct caller caller;
    unsigned first;          /* the number of this client's first batch */
    unsigned n_acknowledged; /* in a row from 0 on, of all clients */
};

static int ask_until_killed(void *context) {
    struct history *history = context;
    for (unsigned number = history->first;; number++) {
        static char body[8192];
        int length = sprintf(body, "{\"services\":[");
        for (unsigned i = 0; i < N_OF_KILLED; i++)
            length += sprintf(body + length, "%s{\"service_name\":\"s%u\",\"project\":\"/kill/%u\",\"count\":2}",
                              i ? "," : "", i, number);
        sprintf(body + length, "]}");
        CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&history->caller)};
        static char request[9000];
        sprintf(request,
                "POST /alloc-all HTTP/1.1\r\nHost: localhost:3030\r\nContent-Type: application/json\r\n"
                "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                strlen(body), body);
        CLEANUP(http_reply_deinit) struct http_reply reply = {0};
        http_send(stream.fd, request, strlen(request));
        http_receive(&stream, false, &reply);
        if (reply.status != 200)
            return 0;
        __atomic_store_n(&history->n_acknowledged, number + 1, __ATOMIC_SEQ_CST);
    }
}

/* A batch that was acknowledged is there as a whole; the one on its way may be there, but then as a whole, too. */
Test(alloc_all, a_kill_amid_batches_leaves_all_or_nothing_of_each) {
    const struct daemon_setup setup = {.arguments = {"--range", "10000-59999"}};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&setup);
    struct history *history = child_share(sizeof(*history));
    history->caller = (struct caller){.daemon = &daemon, .channel = CHANNEL_UNIX};
    for (unsigned kill = 0; kill < N_KILLS; kill++) {
        const unsigned wanted = history->n_acknowledged + 3;
        const pid_t client = child_start(0, ask_until_killed, history);
        const struct wait wait = wait_for("some batches");
        while (__atomic_load_n(&history->n_acknowledged, __ATOMIC_SEQ_CST) < wanted)
            wait_more(&wait);
        usleep(kill * 331); /* at another place each time */
        daemon_kill(&daemon);
        child_kill(client);
        daemon = daemon_start(&setup);
        CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&history->caller);
        const unsigned n_leases = (unsigned)cJSON_GetArraySize(list.json);
        cr_assert_eq(n_leases % (2 * N_OF_KILLED), 0, "%u leases are no whole batches", n_leases);
        for (unsigned number = 0; number < history->n_acknowledged; number++) {
            char project[32];
            snprintf(project, sizeof(project), "/kill/%u", number);
            cr_assert(number < history->first || count_of_project(&list, project) == 2 * N_OF_KILLED, "batch %u",
                      number);
        }
        assert_distinct(&list);
        history->first = history->n_acknowledged + 1; /* past the one that was on its way */
        history->n_acknowledged = history->first;
    }
}
