/*
 * Who calls, by the kernel's word: what another user may not do, over every channel, and that nobody is taken for somebody
 * else, however he leaves.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define THIRD_UID 65533

/* src/http/server.h: connections that one uid may have open at once. */
#define CONNECTIONS_MAX 64

/* Of those who are gone before they are looked at; a batch is fewer than one uid's connections, so that portd looks at all. */
#define N_TRIES 1000
#define N_BATCH 50

TestSuite(callers, .timeout = 300);
TestSuite(gone_callers, .timeout = 300);

/* ---- rights ---- */

/* Every call with which somebody could change the lease is refused, and it is as it was. */
static void assert_cannot_change(const struct caller *caller, const struct caller *owner, const cJSON *lease) {
    const unsigned port = (unsigned)json_number_at(lease, "port");
    const uint64_t id = json_number_at(lease, "id");
    CLEANUP(file_free_text_at) char *before = caller_digest(owner);
    const char *const calls[] = {"/release", "/heartbeat"};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(http_reply_deinit) struct http_reply by_port = caller_post(caller, calls[i], "{\"port\":%u}", port);
        assert_problem(by_port, 403, "not-yours");
        CLEANUP(http_reply_deinit) struct http_reply by_id = caller_post(caller, calls[i], "{\"id\":%lu}", id);
        assert_problem(by_id, 403, "not-yours");
        CLEANUP(http_reply_deinit)
        struct http_reply by_both = caller_post(caller, calls[i], "{\"port\":%u,\"id\":%lu}", port, id);
        assert_problem(by_both, 403, "not-yours");
    }
    CLEANUP(http_reply_deinit)
    struct http_reply exact = caller_post(caller, "/alloc", "{\"service_name\":\"web\",\"port\":%u}", port);
    assert_problem(exact, 409, "port-leased");
    CLEANUP(file_free_text_at) char *after = caller_digest(owner);
    cr_assert_str_eq(before, after);
}

static void assert_can_change(const struct caller *caller, const cJSON *lease) {
    const unsigned port = (unsigned)json_number_at(lease, "port");
    CLEANUP(http_reply_deinit) struct http_reply beat = caller_post(caller, "/heartbeat", "{\"port\":%u}", port);
    assert_status(beat, 200);
    CLEANUP(http_reply_deinit) struct http_reply end = caller_post(caller, "/release", "{\"port\":%u}", port);
    assert_status(end, 200);
}

static void assert_others_have_no_say(enum channel channel) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller root = {.daemon = &daemon, .channel = channel};
    const struct caller other = {.daemon = &daemon, .channel = channel, .uid = SANDBOX_OTHER_UID};
    const struct caller third = {.daemon = &daemon, .channel = channel, .uid = THIRD_UID};

    CLEANUP(http_reply_deinit)
    struct http_reply roots = caller_alloc(&root, "{\"service_name\":\"web\",\"project\":\"/secret\"}");
    cr_assert_eq(json_number_at(roots.json, "lease.uid"), 0);
    assert_cannot_change(&other, &root, json_at(roots.json, "lease"));

    /* For himself he may; with the name of root's lease, too. */
    CLEANUP(http_reply_deinit)
    struct http_reply own = caller_alloc(&other, "{\"service_name\":\"web\",\"project\":\"/secret\",\"reuse\":true}");
    cr_assert_eq(json_number_at(own.json, "lease.uid"), SANDBOX_OTHER_UID);
    cr_assert_neq(json_number_at(own.json, "port"), json_number_at(roots.json, "port"));
    cr_assert_not(json_bool_at(own.json, "reused"));
    assert_cannot_change(&third, &other, json_at(own.json, "lease"));
    assert_can_change(&other, json_at(own.json, "lease"));

    CLEANUP(http_reply_deinit) struct http_reply again = caller_alloc(&other, "{\"service_name\":\"web\"}");
    assert_can_change(&root, json_at(again.json, "lease"));
    cr_assert_eq(caller_count_leases(&root), 1);
}

Test(callers, another_user_can_change_nothing_over_ipv4) {
    assert_others_have_no_say(CHANNEL_IPV4);
}

Test(callers, another_user_can_change_nothing_over_ipv6) {
    assert_others_have_no_say(CHANNEL_IPV6);
}

Test(callers, the_uid_that_portd_runs_as_and_root_may_change_everything) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID});
    const struct caller root = {.daemon = &daemon};
    const struct caller portds = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const struct caller third = {.daemon = &daemon, .uid = THIRD_UID};
    CLEANUP(http_reply_deinit) struct http_reply one = caller_alloc(&third, "{\"service_name\":\"web\"}");
    assert_can_change(&portds, json_at(one.json, "lease"));
    CLEANUP(http_reply_deinit) struct http_reply two = caller_alloc(&third, "{\"service_name\":\"web\"}");
    assert_can_change(&root, json_at(two.json, "lease"));
    CLEANUP(http_reply_deinit) struct http_reply his = caller_alloc(&portds, "{\"service_name\":\"web\"}");
    assert_cannot_change(&third, &portds, json_at(his.json, "lease"));
    CLEANUP(http_reply_deinit) struct http_reply roots = caller_alloc(&root, "{\"service_name\":\"web\"}");
    assert_can_change(&portds, json_at(roots.json, "lease"));
}

Test(callers, another_user_is_not_shown_projects_and_paths) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller root = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const uint16_t port = caller_grant(&root, "{\"service_name\":\"web\",\"project\":\"/home/root/secret\"}");
    const char *const targets[] = {"/list", "/lookup?service=web", "/status", "/"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(&other, targets[i]);
        assert_status(reply, 200);
        cr_assert_null(strstr(reply.body, "secret"), "%s: %s", targets[i], reply.body);
        cr_assert_null(strstr(reply.body, SANDBOX_HOME), "%s: %s", targets[i], reply.body);
    }
    CLEANUP(http_reply_deinit)
    struct http_reply taken = caller_post(&other, "/alloc", "{\"service_name\":\"x\",\"port\":%u}", port);
    cr_assert_null(strstr(taken.body, "secret"));
    CLEANUP(http_reply_deinit) struct http_reply list = caller_list(&root);
    cr_assert_str_eq(json_text_at(list.json, "[0].project"), "/home/root/secret");
    CLEANUP(http_reply_deinit) struct http_reply status = caller_get(&root, "/status");
    cr_assert_str_eq(json_text_at(status.json, "database"), SANDBOX_HOME "/.portmanager/leases.db");
}

Test(callers, a_holder_must_be_the_callers_own_process) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller root = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const pid_t roots = child_start_idle(0);
    const pid_t others = child_start_idle(SANDBOX_OTHER_UID);
    CLEANUP(http_reply_deinit)
    struct http_reply up = caller_post(&other, "/alloc", "{\"service_name\":\"web\",\"pid\":%d}", roots);
    assert_problem(up, 422, "invalid-pid");
    CLEANUP(http_reply_deinit)
    struct http_reply init = caller_post(&other, "/alloc", "{\"service_name\":\"web\",\"pid\":1}");
    assert_problem(init, 422, "invalid-pid");
    CLEANUP(http_reply_deinit)
    struct http_reply down = caller_post(&root, "/alloc", "{\"service_name\":\"web\",\"pid\":%d}", others);
    assert_problem(down, 422, "invalid-pid");
    cr_assert_eq(caller_count_leases(&root), 0);
    CLEANUP(http_reply_deinit)
    struct http_reply own = caller_alloc(&other, "{\"service_name\":\"web\",\"pid\":%d}", others);
    cr_assert_eq(json_number_at(own.json, "lease.holder.pid"), (uint64_t)others);
    child_kill(roots);
    child_kill(others);
}

/* ---- who it is ---- */

Test(callers, everybody_is_known_on_every_channel) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_alloc(&me, "{\"service_name\":\"web\"}");
        cr_assert_eq(json_number_at(reply.json, "lease.uid"), geteuid(), "%s", channel_name(channel));
    }
}

static const char alloc_request[] = "POST /alloc HTTP/1.1\r\nHost: 127.0.0.1:3030\r\nContent-Type: application/json\r\n"
                                    "Content-Length: 22\r\n\r\n{\"service_name\":\"web\"}";

static int connect_mapped(uid_t uid) {
    cr_assert_eq(seteuid(uid), 0);
    const int fd = tcp_connect("::ffff:127.0.0.1", DAEMON_PORT);
    cr_assert_eq(seteuid(getuid()), 0);
    return fd;
}

static void assert_known_when_mapped(uid_t uid) {
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = connect_mapped(uid)};
    CLEANUP(http_reply_deinit) struct http_reply reply = {0};
    cr_assert(http_send(stream.fd, alloc_request, strlen(alloc_request)));
    http_receive(&stream, false, &reply);
    assert_status(reply, 200);
    cr_assert_eq(json_number_at(reply.json, "lease.uid"), uid);
}

Test(callers, an_ipv6_socket_that_connects_to_an_ipv4_address_is_known) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    assert_known_when_mapped(geteuid());
    if (geteuid() == 0)
        assert_known_when_mapped(SANDBOX_OTHER_UID);
}

Test(callers, a_client_that_has_shut_down_its_sending_side_is_still_known) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_IPV6};
    daemon_freeze(&daemon);
    CLEANUP(http_stream_deinit) struct http_stream stream = {.fd = caller_connect(&me)};
    cr_assert(http_send(stream.fd, alloc_request, strlen(alloc_request)));
    cr_assert_eq(shutdown(stream.fd, SHUT_WR), 0);
    daemon_thaw(&daemon);
    CLEANUP(http_reply_deinit) struct http_reply reply = {0};
    http_receive(&stream, false, &reply);
    assert_status(reply, 200);
    cr_assert_eq(json_number_at(reply.json, "lease.uid"), geteuid());
}

/* ---- the Unix socket ---- */

static int try_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    CLEANUP(fd_close_at) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
}

static int try_unix_in_child(void *path) {
    return try_unix(path);
}

Test(callers, the_unix_socket_is_its_owners_alone) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    struct stat status;
    cr_assert_eq(stat(daemon.socket, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    cr_assert_eq(stat(SANDBOX_HOME "/.portmanager", &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0700);
    cr_assert_eq(stat(SANDBOX_HOME "/.portmanager/leases.db", &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    cr_assert_eq(try_unix(daemon.socket), 0);
}

Test(callers, another_user_cannot_connect_to_the_unix_socket) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at)
    struct daemon daemon =
        daemon_start(&(struct daemon_setup){.arguments = {"--socket", SANDBOX_DIR "/open/portd.sock"}});
    cr_assert_eq(chmod(SANDBOX_DIR "/open", 0755), 0);
    cr_assert_eq(child_wait(child_start(SANDBOX_OTHER_UID, try_unix_in_child, daemon.socket)), EACCES);
}

/* As on a shared machine, where everybody may connect. */
Test(callers, on_the_unix_socket_each_is_who_he_is) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at)
    struct daemon daemon =
        daemon_start(&(struct daemon_setup){.arguments = {"--socket", SANDBOX_DIR "/open/portd.sock"}});
    cr_assert_eq(chmod(SANDBOX_DIR "/open", 0755), 0);
    cr_assert_eq(chmod(daemon.socket, 0666), 0);
    const struct caller root = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    const struct caller other = {.daemon = &daemon, .channel = CHANNEL_UNIX, .uid = SANDBOX_OTHER_UID};
    CLEANUP(http_reply_deinit) struct http_reply roots = caller_alloc(&root, "{\"service_name\":\"web\"}");
    cr_assert_eq(json_number_at(roots.json, "lease.uid"), 0);
    assert_cannot_change(&other, &root, json_at(roots.json, "lease"));
    CLEANUP(http_reply_deinit) struct http_reply own = caller_alloc(&other, "{\"service_name\":\"web\"}");
    cr_assert_eq(json_number_at(own.json, "lease.uid"), SANDBOX_OTHER_UID);
}

/* ---- the limit ---- */

static void assert_is_served(struct http_stream *stream) {
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost:3030\r\n\r\n";
    CLEANUP(http_reply_deinit) struct http_reply reply = {0};
    cr_assert(http_send(stream->fd, request, strlen(request)));
    http_receive(stream, false, &reply);
    assert_status(reply, 200);
}

Test(callers, one_uid_has_at_most_64_connections_and_the_others_are_served_meanwhile) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller root = {.daemon = &daemon};
    const struct caller over_ipv4 = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID};
    const struct caller over_ipv6 = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID, .channel = CHANNEL_IPV6};
    const struct caller third = {.daemon = &daemon, .uid = THIRD_UID};
    struct http_stream open[CONNECTIONS_MAX] = {0};
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        open[i].fd = caller_connect(i % 2 ? &over_ipv4 : &over_ipv6);
        assert_is_served(&open[i]);
    }
    for (int i = 0; i < 8; i++) {
        CLEANUP(http_stream_deinit) struct http_stream more = {.fd = caller_connect(i % 2 ? &over_ipv4 : &over_ipv6)};
        cr_assert(http_is_closed(&more), "one more connection was served");
    }
    caller_grant(&root, "{\"service_name\":\"web\"}");
    caller_grant(&third, "{\"service_name\":\"web\"}");
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        assert_is_served(&open[i]);

    /* A place that is given back can be had again. */
    http_stream_deinit(&open[0]);
    const struct wait wait = wait_for("a place to be given back");
    for (;;) {
        static const char request[] = "GET /list HTTP/1.1\r\nHost: localhost:3030\r\n\r\n";
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_send(&over_ipv4, request, strlen(request));
        if (reply.status == 200)
            break;
        wait_more(&wait);
    }
    for (size_t i = 1; i < CONNECTIONS_MAX; i++)
        http_stream_deinit(&open[i]);
}

static void open_all(const struct caller *caller, struct http_stream *ret_streams) {
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        ret_streams[i] = (struct http_stream){.fd = caller_connect(caller)};
}

static void serve_all(struct http_stream *streams) {
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        assert_is_served(&streams[i]);
}

static void close_all(struct http_stream *streams) {
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        http_stream_deinit(&streams[i]);
}

/* Scripts close and come again at once. Whichever of the two portd looks at first, they have no more connections than are
 * open. */
Test(callers, a_connection_that_its_client_has_closed_counts_no_more) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        struct http_stream before[CONNECTIONS_MAX];
        struct http_stream after[CONNECTIONS_MAX];
        open_all(&me, before);
        serve_all(before);
        daemon_freeze(&daemon);
        open_all(&me, after);
        close_all(before);
        daemon_thaw(&daemon);
        serve_all(after);
        daemon_freeze(&daemon);
        close_all(after);
        open_all(&me, before);
        daemon_thaw(&daemon);
        serve_all(before);
        close_all(before);
        /* All are gone, too, when the next channel begins. */
        caller_count_leases(&me);
    }
}

static int come_again_and_again(void *context) {
    const struct caller *caller = context;
    for (int i = 0; i < 100; i++) {
        CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(caller, "/healthz");
        if (reply.status != 200)
            return 1;
    }
    return 0;
}

/* No client here has two connections at a time, and together they have fewer than the limit. */
Test(callers, many_clients_that_come_again_and_again_are_all_served) {
    pid_t clients[CONNECTIONS_MAX - 2];
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    struct caller me = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    unsigned n_refused = 0;
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
        clients[i] = child_start(0, come_again_and_again, &me);
    for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
        n_refused += child_wait(clients[i]) != 0;
    cr_assert_eq(n_refused, 0, "%u clients were refused for connections that they had closed", n_refused);
}

/* ---- callers who are gone before they can be looked at ---- */

/*
 * The kernel still finds the end of a closed connection, with uid 0: taken for an answer, that would make everybody root who
 * sends and leaves. So another user does just that here, in every way there is to leave, a thousand times each over each
 * family. Half of the times he finds a portd that is stopped, so that he has certainly left before it looks; the other half
 * he races it.
 */

enum way {
    LEAVES_BY_CLOSE,
    LEAVES_BY_RESET,
    LEAVES_BY_EXIT,
    LEAVES_BY_SHUTDOWN, /* both directions, and then the process lives on with the socket: it is still his */
};

static const struct attempt {
    enum channel channel;
    enum way way;
} attempts[] = {
    {CHANNEL_IPV4, LEAVES_BY_CLOSE},    {CHANNEL_IPV6, LEAVES_BY_CLOSE},    {CHANNEL_IPV4, LEAVES_BY_RESET},
    {CHANNEL_IPV6, LEAVES_BY_RESET},    {CHANNEL_IPV4, LEAVES_BY_EXIT},     {CHANNEL_IPV6, LEAVES_BY_EXIT},
    {CHANNEL_IPV4, LEAVES_BY_SHUTDOWN}, {CHANNEL_IPV6, LEAVES_BY_SHUTDOWN},
};

/* What root has, and what is sent against it. */
struct target {
    struct caller caller; /* the one who leaves */
    enum way way;
    uint16_t port;
    uint64_t id;
    unsigned n_connections; /* in one go */
    unsigned first;         /* which of the requests comes first */
};

static void send_hostile(int fd, const struct target *target, unsigned number) {
    char body[128];
    char request[512];
    const char *path = "/release";
    switch (number % 4) {
    case 0:
        snprintf(body, sizeof(body), "{\"port\":%u}", target->port);
        break;
    case 1:
        snprintf(body, sizeof(body), "{\"id\":%lu}", target->id);
        break;
    case 2:
        path = "/heartbeat";
        snprintf(body, sizeof(body), "{\"port\":%u}", target->port);
        break;
    default:
        path = "/alloc";
        snprintf(body, sizeof(body), "{\"service_name\":\"web\",\"reuse\":true}");
    }
    const int length = snprintf(request, sizeof(request),
                                "POST %s HTTP/1.1\r\nHost: localhost:3030\r\nContent-Type: application/json\r\n"
                                "Content-Length: %zu\r\n\r\n%s",
                                path, strlen(body), body);
    http_send(fd, request, (size_t)length);
}

static void attack(const struct target *target, int *ret_fds) {
    for (unsigned i = 0; i < target->n_connections; i++) {
        ret_fds[i] = caller_connect(&target->caller);
        send_hostile(ret_fds[i], target, target->first + i);
    }
}

/* The process ends with its connections open. */
static int attack_and_exit(void *context) {
    int fds[N_BATCH];
    attack(context, fds);
    return 0;
}

static void leave(int fd, enum way way) {
    const struct linger at_once = {.l_onoff = 1};
    if (way == LEAVES_BY_RESET)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    if (way == LEAVES_BY_SHUTDOWN)
        shutdown(fd, SHUT_RDWR);
    else
        close(fd);
}

/* Leaves as `target->way` says. What is still open afterwards stays in `fds`. */
static void attack_and_leave(const struct target *target, int *ret_fds) {
    if (target->way == LEAVES_BY_EXIT) {
        struct target his = *target;
        his.caller.uid = 0; /* the child is that user already */
        cr_assert_eq(child_wait(child_start(SANDBOX_OTHER_UID, attack_and_exit, &his)), 0);
        return;
    }
    attack(target, ret_fds);
    for (unsigned i = 0; i < target->n_connections; i++)
        leave(ret_fds[i], target->way);
}

static void close_what_is_open(const struct target *target, const int *fds) {
    for (unsigned i = 0; target->way == LEAVES_BY_SHUTDOWN && i < target->n_connections; i++)
        close(fds[i]);
}

/* Only root's own leases, as a text to compare. */
static char *digest_of_root(const struct caller *root, bool *ret_others) {
    CLEANUP(file_free_text_at) char *all = caller_digest(root);
    cJSON *list = cJSON_Parse(all);
    *ret_others = false;
    for (int i = cJSON_GetArraySize(list) - 1; i >= 0; i--) {
        if (json_number_at(cJSON_GetArrayItem(list, i), "uid") == 0)
            continue;
        cr_assert_eq(json_number_at(cJSON_GetArrayItem(list, i), "uid"), SANDBOX_OTHER_UID);
        cJSON_DeleteItemFromArray(list, i);
        *ret_others = true;
    }
    char *digest = cJSON_PrintUnformatted(list);
    cJSON_Delete(list);
    return digest;
}

static void assert_untouched(const struct caller *root, const char *before, bool *ret_others) {
    CLEANUP(file_free_text_at) char *after = digest_of_root(root, ret_others);
    cr_assert_str_eq(before, after);
}

/* ---- the two halves ---- */

static void attack_a_stopped_portd(struct target *target, const struct caller *root, const char *before) {
    target->n_connections = N_BATCH;
    for (unsigned i = 0; i < N_TRIES / 2; i += N_BATCH) {
        int fds[N_BATCH];
        bool others = false;
        daemon_freeze(root->daemon);
        attack_and_leave(target, fds);
        daemon_thaw(root->daemon);
        assert_untouched(root, before, &others);
        /* Who has only shut down is himself still, and gets a lease of his own. */
        const struct wait wait = wait_for("a lease of one who has not closed");
        while (target->way == LEAVES_BY_SHUTDOWN && !others) {
            wait_more(&wait);
            assert_untouched(root, before, &others);
        }
        close_what_is_open(target, fds);
        /* Who has closed is nobody, and gets nothing. */
        cr_assert_eq(others, target->way == LEAVES_BY_SHUTDOWN);
    }
}

static void attack_a_running_portd(struct target *target, const struct caller *root, const char *before) {
    bool others;
    target->n_connections = 1;
    for (unsigned i = 0; i < N_TRIES / 2; i++) {
        int fd;
        target->first = i;
        attack_and_leave(target, &fd);
        close_what_is_open(target, &fd);
    }
    assert_untouched(root, before, &others);
}

/* By index: what a parameter points to does not reach the test's process. */
static size_t rows[sizeof(attempts) / sizeof(attempts[0])];

ParameterizedTestParameters(gone_callers, one_who_sends_and_leaves_is_never_taken_for_root) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        rows[i] = i;
    return cr_make_param_array(size_t, rows, sizeof(rows) / sizeof(rows[0]));
}
ParameterizedTest(const size_t *row, gone_callers, one_who_sends_and_leaves_is_never_taken_for_root) {
    const struct attempt *attempt = &attempts[*row];
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller root = {.daemon = &daemon, .channel = attempt->channel};
    CLEANUP(http_reply_deinit) struct http_reply lease = caller_alloc(&root, "{\"service_name\":\"web\"}");
    struct target target = {
        .caller = {.daemon = &daemon, .channel = attempt->channel, .uid = SANDBOX_OTHER_UID},
        .way = attempt->way,
        .port = (uint16_t)json_number_at(lease.json, "port"),
        .id = json_number_at(lease.json, "lease.id"),
    };
    bool others;
    CLEANUP(file_free_text_at) char *before = digest_of_root(&root, &others);
    attack_a_stopped_portd(&target, &root, before);
    attack_a_running_portd(&target, &root, before);
    assert_untouched(&root, before, &others);
}
