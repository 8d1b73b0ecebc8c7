/*
 * The kernel is the truth: every way there is to hold a port (holder_specs[]), shown to the whole daemon. It never grants
 * such a port, it names the holder to whoever insists, and it grants the port once the holder is gone.
 *
 * All calls go over the Unix socket, so that no connection of the test itself takes a port.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/json_check.h"
#include "tests/support/netns.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"

/* Where a grant falls back to: far from the ports that the kernel chooses. */
#define FALLBACK 20000

TestSuite(kernel_truth, .timeout = 300);

static size_t rows[64];

static struct criterion_test_params make_rows(void) {
    cr_assert_leq(n_holder_specs, sizeof(rows) / sizeof(rows[0]));
    for (size_t i = 0; i < n_holder_specs; i++)
        rows[i] = i;
    return cr_make_param_array(size_t, rows, n_holder_specs);
}

static const struct holder_spec *get_row(const size_t *row) {
    const struct holder_spec *spec = &holder_specs[*row];
    if (spec->uid != 0 && geteuid() != 0)
        cr_skip_test("only root can become another user");
    return spec;
}

static struct holder open_holder(const struct holder_spec *spec) {
    struct holder holder = {0};
    const int r = holder_open(spec, &holder);
    cr_assert_eq(r, 0, "%s cannot be made: %s", spec->name, strerror(-r));
    return holder;
}

/* A portd whose range has two ports that are not excluded: the held one, and one to fall back to. */
static struct daemon start_around(uint16_t port) {
    char range[32];
    char exclude[64];
    cr_assert_gt(port, FALLBACK + 1);
    snprintf(range, sizeof(range), "%u-65535", FALLBACK);
    if (port == 65535)
        snprintf(exclude, sizeof(exclude), "%u-65534", FALLBACK + 1);
    else
        snprintf(exclude, sizeof(exclude), "%u-%u,%u-65535", FALLBACK + 1, port - 1, port + 1);
    return daemon_start(
        &(struct daemon_setup){.arguments = {"--port", "0", "--range", range, "--exclude", exclude, NULL}});
}

static bool sees_bound(const struct caller *caller) {
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(caller, "/status");
    return json_bool_at(reply.json, "sees_bound_sockets");
}

/* ---- never granted; "a" is the name that has the fallback, "b" the one that insists on the held port ---- */

static void assert_never_granted(const struct caller *me, const struct holder *holder) {
    CLEANUP(http_reply_deinit)
    struct http_reply both = caller_post(me, "/alloc", "{\"service_name\":\"a\",\"count\":2}");
    assert_problem(both, 503, "range-full");
    cr_assert_eq(json_number_at(both.json, "in_use"), 1);
    cr_assert_eq(caller_grant(me, "{\"service_name\":\"a\"}"), FALLBACK);
    CLEANUP(http_reply_deinit) struct http_reply second = caller_post(me, "/alloc", "{\"service_name\":\"a\"}");
    assert_problem(second, 503, "range-full");
    caller_release(me, FALLBACK);
    cr_assert_not(caller_sees_lease(me, holder->port));
}

/* ---- the holder is named ---- */

static bool has_process(const struct holder_spec *spec) {
    return spec->state != LISTENER_TIME_WAIT && spec->state != LISTENER_ORPHAN;
}

static void assert_listener(const cJSON *listener, const struct holder_spec *spec, const struct holder *holder) {
    const char *address = strncmp(spec->address, "::ffff:", 7) == 0 ? spec->address + 7 : spec->address;
    cr_expect_str_eq(json_text_at(listener, "address"), address);
    cr_expect_eq(json_number_at(listener, "port"), holder->port);
    cr_expect_str_eq(json_text_at(listener, "state"), listener_state_name(spec->state));
    if (!has_process(spec)) {
        cr_expect(json_is_null_at(listener, "uid") && json_is_null_at(listener, "pid"), "%s: a ghost is nobody's",
                  spec->name);
        return;
    }
    cr_expect_eq(json_number_at(listener, "uid"), holder->uid);
    if (sandbox_shows_processes()) {
        cr_expect_eq(json_number_at(listener, "pid"), (uint64_t)holder->pid);
        cr_expect_str_eq(json_text_at(listener, "process"), "holder");
    }
    /* The kernel sets it by itself for an address that is no IPv4 address. */
    const bool v6only = spec->state == LISTENER_LISTEN && (spec->v6only || strcmp(spec->address, "::1") == 0);
    cr_expect_eq(json_bool_at(listener, "v6only"), v6only, "%s: v6only", spec->name);
}

static void assert_named(const struct caller *me, const struct holder_spec *spec, const struct holder *holder) {
    CLEANUP(http_reply_deinit)
    struct http_reply exact = caller_post(me, "/alloc", "{\"service_name\":\"b\",\"port\":%u}", holder->port);
    assert_problem(exact, 409, "port-taken");
    cr_assert_eq(json_number_at(exact.json, "port"), holder->port);
    const int n_listeners = json_size_at(exact.json, "listeners");
    if (spec->state == LISTENER_BOUND && !sees_bound(me))
        return;
    cr_assert(spec->n_sockets > 1 ? n_listeners == (int)spec->n_sockets : n_listeners > 0, "%s", exact.body);
    for (int i = 0; i < n_listeners; i++)
        assert_listener(cJSON_GetArrayItem(json_at(exact.json, "listeners"), i), spec, holder);
    char words[64];
    snprintf(words, sizeof(words), "(pid %d", holder->pid);
    const bool is_seen = has_process(spec) && sandbox_shows_processes();
    cr_assert_eq(strstr(json_text_at(exact.json, "detail"), words) != NULL, is_seen, "%s", exact.body);
}

static void assert_preferred_in_vain(const struct caller *me, const struct holder *holder) {
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_alloc(me, "{\"service_name\":\"a\",\"prefer\":%u}", holder->port);
    cr_assert_eq(json_number_at(reply.json, "port"), FALLBACK);
    cr_assert_eq(json_size_at(reply.json, "notes"), 1);
    char words[64];
    snprintf(words, sizeof(words), "port %u was preferred, but is in use", holder->port);
    cr_assert_str_eq(json_text_at(reply.json, "notes[0]"), words);
    caller_release(me, FALLBACK);
}

/* ---- granted when it may be ---- */

static void assert_granted(const struct caller *me, const char *how, uint16_t port, const char *note) {
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_alloc(me, "{\"service_name\":\"b\",\"%s\":%u}", how, port);
    cr_assert_eq(json_number_at(reply.json, "port"), port);
    cr_assert_eq(json_size_at(reply.json, "notes"), note ? 1 : 0, "%s", reply.body);
    if (note)
        cr_assert(strstr(json_text_at(reply.json, "notes[0]"), note), "%s", reply.body);
    caller_release(me, port);
}

static void assert_free_when_closed(const struct caller *me, uint16_t port) {
    CLEANUP(http_reply_deinit) struct http_reply both = caller_alloc(me, "{\"service_name\":\"a\",\"count\":2}");
    cr_assert_eq(json_number_at(both.json, "ports[0]"), FALLBACK);
    cr_assert_eq(json_number_at(both.json, "ports[1]"), port);
    caller_release(me, port);
    assert_granted(me, "port", port, "15 seconds");
}

static void assert_row(const struct holder_spec *spec) {
    struct holder holder = open_holder(spec);
    const uint16_t port = holder.port;
    CLEANUP(daemon_stop_at) struct daemon daemon = start_around(port);
    const struct caller me = {.daemon = &daemon, .channel = CHANNEL_UNIX};
    assert_never_granted(&me, &holder);
    if (spec->free_for_exact && sees_bound(&me)) {
        assert_granted(&me, "port", port, NULL);
        assert_granted(&me, "prefer", port, NULL);
    } else {
        assert_named(&me, spec, &holder);
        assert_preferred_in_vain(&me, &holder);
        assert_never_granted(&me, &holder);
    }
    holder_close(&holder);
    if (!spec->outlives_its_process)
        assert_free_when_closed(&me, port);
}

ParameterizedTestParameters(kernel_truth, a_held_port_is_never_granted_and_its_holder_is_named) {
    return make_rows();
}
ParameterizedTest(size_t *row, kernel_truth, a_held_port_is_never_granted_and_its_holder_is_named) {
    const struct holder_spec *spec = get_row(row);
    sandbox_enter();
    assert_row(spec);
}

ParameterizedTestParameters(kernel_truth, the_same_with_ipv6_disabled) {
    return make_rows();
}
ParameterizedTest(size_t *row, kernel_truth, the_same_with_ipv6_disabled) {
    const struct holder_spec *spec = get_row(row);
    if (strcmp(spec->address, "::1") == 0)
        cr_skip_test("there is no ::1 with IPv6 disabled");
    netns_enter_without_ipv6();
    sandbox_mount();
    assert_row(spec);
}

ParameterizedTestParameters(kernel_truth, the_same_on_a_kernel_without_ipv6) {
    return make_rows();
}
ParameterizedTest(size_t *row, kernel_truth, the_same_on_a_kernel_without_ipv6) {
    const struct holder_spec *spec = get_row(row);
    if (strchr(spec->address, ':'))
        cr_skip_test("there are no IPv6 sockets");
    netns_enter_without_ipv6();
    sandbox_mount();
    netns_refuse_ipv6_sockets();
    assert_row(spec);
}

/* ---- over all channels, and while it changes ---- */

Test(kernel_truth, the_evidence_is_the_same_on_every_channel) {
    sandbox_enter();
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "0.0.0.0", .port = 8080};
    const struct holder holder = open_holder(&spec);
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    for (enum channel channel = 0; channel < N_CHANNELS; channel++) {
        const struct caller me = {.daemon = &daemon, .channel = channel};
        CLEANUP(http_reply_deinit)
        struct http_reply reply = caller_post(&me, "/alloc", "{\"service_name\":\"a\",\"port\":8080}");
        assert_problem(reply, 409, "port-taken");
        cr_assert_eq(json_size_at(reply.json, "listeners"), 1);
        assert_listener(json_at(reply.json, "listeners[0]"), &spec, &holder);
    }
}

Test(kernel_truth, holders_of_both_families_on_one_port_are_both_named) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    CLEANUP(fd_close_at) int ipv4 = tcp_listen("127.0.0.1", 8080);
    CLEANUP(fd_close_at) int ipv6 = tcp_listen("::1", 8080);
    CLEANUP(http_reply_deinit)
    struct http_reply reply = caller_post(&me, "/alloc", "{\"service_name\":\"a\",\"port\":8080}");
    assert_problem(reply, 409, "port-taken");
    cr_assert_eq(json_size_at(reply.json, "listeners"), 2);
    cr_assert_str_eq(json_text_at(reply.json, "listeners[0].address"), "127.0.0.1");
    cr_assert_str_eq(json_text_at(reply.json, "listeners[1].address"), "::1");
}

Test(kernel_truth, a_udp_socket_on_the_number_does_not_matter) {
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const union tcp_address address = tcp_make_address("0.0.0.0", 8080);
    CLEANUP(fd_close_at) int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(udp, &address.generic, sizeof(address.ipv4)), 0);
    cr_assert_eq(caller_grant(&me, "{\"service_name\":\"a\",\"port\":8080}"), 8080);
}

/* A lease is no bind: its own server comes up on the port that was granted, whatever address it chooses. */
Test(kernel_truth, a_server_can_bind_what_was_granted_on_every_address) {
    const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"};
    sandbox_enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        const uint16_t port = caller_grant(&me, "{\"service_name\":\"a\"}");
        CLEANUP(fd_close_at) int server = tcp_listen(addresses[i], port);
    }
}
