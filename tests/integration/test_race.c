/*
 * Many clients at once, and a stranger who binds and closes ports of the range meanwhile. No port is granted twice, and none
 * that was held all the time that portd looked at it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/json_check.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

#define N_CLIENTS 50
#define N_ASKS    20
#define N_GRANTS  (N_CLIENTS * N_ASKS)
#define RANGE_MIN 20000
#define RANGE_MAX 24000

/* The stranger holds so many ports at a time, and writes down at most so many stays. */
#define N_HELD    400
#define STAYS_MAX 500000

TestSuite(race, .timeout = 300);

/* All times in ns of the monotonic clock. */
struct grant {
    uint16_t port;
    uint64_t asked; /* before the request was sent */
    uint64_t answered;
    uint64_t tried; /* before a server tried to come up there */
    uint64_t done;
    bool came_up;
};

/* What the stranger did to one port. */
struct stay {
    uint16_t port;
    uint64_t begun; /* before bind() */
    uint64_t bound; /* after it */
    uint64_t ended; /* before close() */
    uint64_t closed;
};

struct race {
    struct caller caller;
    _Atomic unsigned n_ready;
    _Atomic bool begun;
    _Atomic bool over;
    _Atomic unsigned n_clients; /* that have a number */
    struct grant grants[N_GRANTS];
    size_t n_stays;
    struct stay stays[STAYS_MAX];
};

static void wait_for_start(struct race *race) {
    race->n_ready++;
    const struct wait wait = wait_for("the others to be ready");
    while (!race->begun)
        wait_more(&wait);
}

/* ---- the stranger ---- */

static const struct way {
    const char *address;
    bool listens;
    bool reuses_address;
} ways[] = {
    {"127.0.0.1", true, true}, {"0.0.0.0", true, false},    {"::", true, true},
    {"::1", true, true},       {"127.0.0.2", false, false}, {"127.0.0.1", false, true},
};

/* Returns a socket that holds the port, or -1: somebody else has it. */
static int occupy(const struct way *way, uint16_t port) {
    const union tcp_address address = tcp_make_address(way->address, port);
    CLEANUP(fd_close_at) int fd = socket(address.generic.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = way->reuses_address;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        fail_test("The stranger has no socket.");
    if (bind(fd, &address.generic, sizeof(address)) < 0 || (way->listens && listen(fd, 1) < 0))
        return -1;
    return fd_take(&fd);
}

struct held {
    int fd;
    struct stay *stay;
};

static void vacate(struct held *held) {
    if (!held->stay)
        return;
    held->stay->ended = wait_now_ns();
    close(held->fd);
    held->stay->closed = wait_now_ns();
    held->stay = NULL;
}

/* Binds ports at random and closes them again in the order in which they were bound. */
static int be_stranger(void *context) {
    struct race *race = context;
    struct held held[N_HELD] = {0};
    unsigned seed = 1;
    size_t n_bound = 0;
    while (!race->over && race->n_stays < STAYS_MAX) {
        struct held *place = &held[n_bound % N_HELD];
        vacate(place);
        struct stay *stay = &race->stays[race->n_stays];
        *stay = (struct stay){.port = (uint16_t)(RANGE_MIN + rand_r(&seed) % (RANGE_MAX - RANGE_MIN + 1))};
        stay->begun = wait_now_ns();
        place->fd = occupy(&ways[(unsigned)rand_r(&seed) % (sizeof(ways) / sizeof(ways[0]))], stay->port);
        stay->bound = wait_now_ns();
        if (place->fd < 0)
            continue;
        place->stay = stay;
        race->n_stays++;
        if (++n_bound == N_HELD)
            wait_for_start(race);
    }
    for (size_t i = 0; i < N_HELD; i++)
        vacate(&held[i]);
    return 0;
}

/* ---- the clients ---- */

/* A server as most are: on all addresses, with SO_REUSEADDR. */
static bool can_serve(uint16_t port) {
    static const struct way server = {"::", true, true};
    CLEANUP(fd_close_at) int fd = occupy(&server, port);
    return fd >= 0;
}

static int be_client(void *context) {
    struct race *race = context;
    struct grant *grants = &race->grants[N_ASKS * race->n_clients++];
    wait_for_start(race);
    for (unsigned i = 0; i < N_ASKS; i++) {
        struct grant *grant = &grants[i];
        grant->asked = wait_now_ns();
        grant->port = caller_grant(&race->caller, "{\"service_name\":\"client-%d\"}", getpid());
        grant->answered = wait_now_ns();
        grant->tried = wait_now_ns();
        grant->came_up = can_serve(grant->port);
        grant->done = wait_now_ns();
    }
    return 0;
}

/* ---- the judgement ---- */

/* The log shows that the stranger had the port before portd was asked and after it had answered. */
static bool was_held_throughout(const struct race *race, const struct grant *grant) {
    for (size_t i = 0; i < race->n_stays; i++) {
        const struct stay *stay = &race->stays[i];
        if (stay->port == grant->port && stay->bound < grant->asked && stay->ended > grant->answered)
            return true;
    }
    return false;
}

/* The log shows that the stranger took the port after portd was asked, and had it when the server tried. */
static bool was_taken_afterwards(const struct race *race, const struct grant *grant) {
    for (size_t i = 0; i < race->n_stays; i++) {
        const struct stay *stay = &race->stays[i];
        if (stay->port == grant->port && stay->bound > grant->asked && stay->begun < grant->done &&
            stay->closed > grant->tried)
            return true;
    }
    return false;
}

static void assert_distinct(const struct race *race, uint16_t *ret_span) {
    static bool seen[65536];
    uint16_t min = RANGE_MAX;
    uint16_t max = RANGE_MIN;
    for (size_t i = 0; i < N_GRANTS; i++) {
        const uint16_t port = race->grants[i].port;
        cr_assert(port >= RANGE_MIN && port <= RANGE_MAX);
        cr_assert_not(seen[port], "port %u was granted twice", port);
        seen[port] = true;
        min = port < min ? port : min;
        max = port > max ? port : max;
    }
    *ret_span = (uint16_t)(max - min + 1);
}

static void run_race(struct race *race) {
    pid_t children[N_CLIENTS + 1];
    children[0] = child_start(0, be_stranger, race);
    for (size_t i = 1; i <= N_CLIENTS; i++)
        children[i] = child_start(0, be_client, race);
    const struct wait wait = wait_for("everybody to be ready");
    while (race->n_ready < N_CLIENTS + 1)
        wait_more(&wait);
    race->begun = true;
    for (size_t i = 1; i <= N_CLIENTS; i++)
        cr_assert_eq(child_wait(children[i]), 0, "a client failed");
    race->over = true;
    cr_assert_eq(child_wait(children[0]), 0, "the stranger failed");
}

Test(race, a_thousand_grants_are_distinct_and_none_was_held_by_somebody_else) {
    sandbox_enter();
    CLEANUP(daemon_stop_at)
    struct daemon daemon = daemon_start(&(struct daemon_setup){.arguments = {"--range", "20000-24000"}});
    struct race *race = child_share(sizeof(*race));
    race->caller = (struct caller){.daemon = &daemon};
    run_race(race);

    uint16_t span;
    assert_distinct(race, &span);
    cr_assert_eq(caller_count_leases(&race->caller), N_GRANTS);
    unsigned n_came_up = 0;
    for (size_t i = 0; i < N_GRANTS; i++) {
        const struct grant *grant = &race->grants[i];
        cr_assert_not(was_held_throughout(race, grant), "port %u was granted while it was held", grant->port);
        if (grant->came_up)
            n_came_up++;
        else
            cr_assert(was_taken_afterwards(race, grant), "no server can bind port %u, and nobody took it", grant->port);
    }
    fprintf(stderr,
            "A server could bind %u of %d granted ports; the others were taken after they were granted. %zu "
            "foreign binds, %u ports passed over.\n",
            n_came_up, N_GRANTS, race->n_stays, span - N_GRANTS);
    /* Or the stranger was in nobody's way, and nothing was shown. */
    cr_assert_gt(span, N_GRANTS);
}

/* ---- two for one port ---- */

static void send_alloc(int fd, const char *body) {
    char request[512];
    const int length = snprintf(request, sizeof(request),
                                "POST /alloc HTTP/1.1\r\nHost: localhost:3030\r\nContent-Type: application/json\r\n"
                                "Content-Length: %zu\r\n\r\n%s",
                                strlen(body), body);
    cr_assert(http_send(fd, request, (size_t)length));
}

/* Both requests wait in portd's sockets when it goes on. */
static void ask_at_once(const struct caller *caller, const char *body, struct http_reply *ret_replies) {
    daemon_freeze(caller->daemon);
    CLEANUP(http_stream_deinit) struct http_stream first = {.fd = caller_connect(caller)};
    CLEANUP(http_stream_deinit) struct http_stream second = {.fd = caller_connect(caller)};
    send_alloc(first.fd, body);
    send_alloc(second.fd, body);
    daemon_thaw(caller->daemon);
    http_receive(&first, false, &ret_replies[0]);
    http_receive(&second, false, &ret_replies[1]);
}

static const struct http_reply *find_status(const struct http_reply *replies, int status) {
    return replies[0].status == status ? &replies[0] : replies[1].status == status ? &replies[1] : NULL;
}

static void assert_one_wins(enum channel channel, const char *body, int status, const char *problem) {
    sandbox_enter();
    CLEANUP(daemon_stop_at)
    struct daemon daemon = daemon_start(&(struct daemon_setup){.arguments = {"--range", "20000-20000"}});
    const struct caller me = {.daemon = &daemon, .channel = channel};
    struct http_reply replies[2] = {0};
    ask_at_once(&me, body, replies);
    const struct http_reply *won = find_status(replies, 200);
    const struct http_reply *lost = find_status(replies, status);
    cr_assert(won && lost, "%d and %d", replies[0].status, replies[1].status);
    cr_assert_eq(json_number_at(won->json, "port"), 20000);
    assert_problem(*lost, status, problem);
    cr_assert_eq(caller_count_leases(&me), 1);
    http_reply_deinit(&replies[0]);
    http_reply_deinit(&replies[1]);
}

Test(race, of_two_at_once_one_gets_the_only_free_port_over_ipv4) {
    assert_one_wins(CHANNEL_IPV4, "{\"service_name\":\"web\"}", 503, "range-full");
}

Test(race, of_two_at_once_one_gets_the_only_free_port_over_the_unix_socket) {
    assert_one_wins(CHANNEL_UNIX, "{\"service_name\":\"web\"}", 503, "range-full");
}

Test(race, of_two_at_once_one_gets_the_exact_port) {
    assert_one_wins(CHANNEL_IPV6, "{\"service_name\":\"web\",\"port\":20000}", 409, "port-leased");
}
