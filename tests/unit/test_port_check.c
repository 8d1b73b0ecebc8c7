/*
 * The kernel-truth table: every way to hold a port, and what the port check says of it. Plus the moments in between, in
 * which a server starts or ends while it is being looked at.
 */
#include "probe/port_check.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>

#include "probe/bind_test.h"
#include "probe/fd.h"
#include "probe/sock_diag.h"
#include "tests/support/holder.h"
#include "tests/support/netlink_faults.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"

#define PORT       20000
#define BIT_LISTEN (1U << 10)
#define BIT_BOUND  (1U << 13)

static struct sock_diag *open_diag(void) {
    struct sock_diag *diag = NULL;
    int r = sock_diag_new(&diag);
    cr_assert_eq(r, 0, "sock_diag_new: %d", r);
    return diag;
}

static struct holder open_holder(const struct holder_spec *spec) {
    struct holder holder = {0};
    int r = holder_open(spec, &holder);
    cr_assert_eq(r, 0, "%s cannot be made: %s", spec->name, strerror(-r));
    return holder;
}

/* Every list that is given to the check begins with a stranger, to see that it is appended to. */
static struct listener_list make_evidence(void) {
    struct listener_list evidence = {0};
    const struct listener stranger = {.port = 1};
    cr_assert_eq(listener_list_add(&evidence, &stranger), 0);
    return evidence;
}

static void assert_free(struct sock_diag *diag, uint16_t port, enum port_check_effort effort, const char *when) {
    CLEANUP(listener_list_deinit) struct listener_list evidence = make_evidence();
    cr_assert_eq(port_check(diag, port, effort, &evidence), 0, "%s: not free", when);
    cr_assert_eq(evidence.n_items, 1, "evidence is untouched");
}

/* ---- the table, a row a test ---- */

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

static void assert_evidence(const struct listener *listener, const struct holder_spec *spec,
                            const struct holder *holder) {
    char address[LISTENER_ADDRESS_MAX];
    listener_format_address(listener, address);
    const char *expected = strncmp(spec->address, "::ffff:", 7) == 0 ? spec->address + 7 : spec->address;
    cr_expect_eq(listener->port, holder->port);
    cr_expect_eq(listener->state, spec->state, "%s: %s", spec->name, listener_state_name(listener->state));
    cr_expect_str_eq(address, expected, "%s: %s", spec->name, address);
    const bool has_owner = spec->state != LISTENER_TIME_WAIT && spec->state != LISTENER_ORPHAN;
    cr_expect_eq(listener->inode != 0, has_owner, "%s: inode %u", spec->name, listener->inode);
    if (has_owner)
        cr_expect_eq(listener->uid, holder->uid, "%s: uid %u", spec->name, listener->uid);
}

static void assert_quick(struct sock_diag *diag, const struct holder_spec *spec, const struct holder *holder) {
    CLEANUP(listener_list_deinit) struct listener_list evidence = make_evidence();
    cr_expect_eq(port_check(diag, holder->port, PORT_CHECK_QUICK, &evidence), PORT_CHECK_E_BUSY, "%s", spec->name);
    cr_expect_eq(evidence.n_items, 1, "%s: evidence is not for the quick", spec->name);
}

static void assert_thorough(struct sock_diag *diag, const struct holder_spec *spec, const struct holder *holder) {
    CLEANUP(listener_list_deinit) struct listener_list evidence = make_evidence();
    const bool sees_bound = sock_diag_sees_bound(diag);
    const int r = port_check(diag, holder->port, PORT_CHECK_THOROUGH, &evidence);
    if (spec->free_for_exact && sees_bound) {
        cr_expect_eq(r, 0, "%s: not free", spec->name);
        cr_expect_eq(evidence.n_items, 1, "%s: evidence, though free", spec->name);
        return;
    }
    cr_expect_eq(r, PORT_CHECK_E_BUSY, "%s: %d", spec->name, r);
    if (spec->state == LISTENER_BOUND && !sees_bound)
        return;
    cr_expect_gt(evidence.n_items, 1, "%s: no evidence", spec->name);
    for (size_t i = 1; i < evidence.n_items; i++)
        assert_evidence(&evidence.items[i], spec, holder);
}

/* Asks as the daemon will, with the holder there and after it has gone. */
static void assert_row(struct sock_diag *diag, const struct holder_spec *spec) {
    struct holder holder = open_holder(spec);
    assert_quick(diag, spec, &holder);
    assert_thorough(diag, spec, &holder);
    /* The check itself leaves nothing behind that would change its answer. */
    assert_quick(diag, spec, &holder);
    assert_thorough(diag, spec, &holder);
    const uint16_t port = holder.port;
    holder_close(&holder);
    if (!spec->outlives_its_process) {
        assert_free(diag, port, PORT_CHECK_QUICK, spec->name);
        assert_free(diag, port, PORT_CHECK_THOROUGH, spec->name);
    }
}

ParameterizedTestParameters(port_check, each_holder_is_seen_for_what_it_is) {
    return make_rows();
}
ParameterizedTest(size_t *row, port_check, each_holder_is_seen_for_what_it_is) {
    const struct holder_spec *spec = get_row(row);
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    assert_row(diag, spec);
}

ParameterizedTestParameters(port_check, a_kernel_that_hides_bound_sockets_frees_nothing_by_the_lenient_test) {
    return make_rows();
}
ParameterizedTest(size_t *row, port_check, a_kernel_that_hides_bound_sockets_frees_nothing_by_the_lenient_test) {
    const struct holder_spec *spec = get_row(row);
    netns_enter();
    netlink_faults.no_bound = true;
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    cr_assert_not(sock_diag_sees_bound(diag));
    assert_row(diag, spec);
}

ParameterizedTestParameters(port_check, each_holder_is_seen_with_ipv6_disabled) {
    return make_rows();
}
ParameterizedTest(size_t *row, port_check, each_holder_is_seen_with_ipv6_disabled) {
    const struct holder_spec *spec = get_row(row);
    if (strcmp(spec->address, "::1") == 0)
        cr_skip_test("there is no ::1 with IPv6 disabled");
    netns_enter_without_ipv6();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    assert_row(diag, spec);
}

/* What is called free must be true: a server on any address comes up there, while what is left of the old one stays. */
ParameterizedTestParameters(port_check, a_server_can_bind_over_whatever_is_called_free) {
    return make_rows();
}
ParameterizedTest(size_t *row, port_check, a_server_can_bind_over_whatever_is_called_free) {
    const struct holder_spec *spec = get_row(row);
    if (!spec->free_for_exact)
        return;
    netns_enter();
    const struct holder remains = open_holder(spec);
    const char *addresses[] = {"0.0.0.0", "127.0.0.1", "::", "::1"};
    for (size_t i = 0; i < 4; i++) {
        const struct holder_spec server_spec = {.name = addresses[i],
                                                .kind = HOLDER_LISTENS,
                                                .address = addresses[i],
                                                .port = remains.port,
                                                .reuse_address = true};
        struct holder server = open_holder(&server_spec);
        holder_close(&server);
    }
}

/* ---- no holder ---- */

Test(port_check, a_port_that_nobody_has_is_free) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    tcp_listen("127.0.0.1", PORT + 1);
    for (int i = 0; i < 3; i++) {
        assert_free(diag, PORT, PORT_CHECK_QUICK, "quick");
        assert_free(diag, PORT, PORT_CHECK_THOROUGH, "thorough");
    }
    assert_free(diag, 65535, PORT_CHECK_QUICK, "the last port");
}

Test(port_check, port_0_is_no_question) {
    netns_enter();
    tcp_listen("127.0.0.1", PORT);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    cr_assert_eq(port_check(diag, 0, PORT_CHECK_QUICK, NULL), -EINVAL);
}

Test(port_check, evidence_need_not_be_asked_for) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    cr_assert_eq(port_check(diag, PORT, PORT_CHECK_THOROUGH, NULL), 0);
    tcp_listen("127.0.0.1", PORT);
    cr_assert_eq(port_check(diag, PORT, PORT_CHECK_QUICK, NULL), PORT_CHECK_E_BUSY);
    cr_assert_eq(port_check(diag, PORT, PORT_CHECK_THOROUGH, NULL), PORT_CHECK_E_BUSY);
}

Test(port_check, a_privileged_port_is_judged_only_by_who_listens_there) {
    if (geteuid() != 0)
        cr_skip_test("an ordinary user owns his network namespace, and in it every port");
    netns_enter();
    const struct holder_spec spec = {.name = "root's", .kind = HOLDER_LISTENS, .address = "::1", .port = 80};
    const struct holder holder = open_holder(&spec);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    cr_assert_eq(setresuid(HOLDER_OTHER_UID, HOLDER_OTHER_UID, HOLDER_OTHER_UID), 0);
    CLEANUP(listener_list_deinit) struct listener_list evidence = make_evidence();
    cr_assert_eq(port_check(diag, 81, PORT_CHECK_QUICK, &evidence), PORT_CHECK_E_NOT_PERMITTED);
    cr_assert_eq(port_check(diag, 81, PORT_CHECK_THOROUGH, &evidence), PORT_CHECK_E_NOT_PERMITTED);
    cr_assert_eq(port_check(diag, holder.port, PORT_CHECK_QUICK, &evidence), PORT_CHECK_E_NOT_PERMITTED);
    cr_assert_eq(evidence.n_items, 1);
    cr_assert_eq(port_check(diag, holder.port, PORT_CHECK_THOROUGH, &evidence), PORT_CHECK_E_BUSY);
    cr_assert_eq(evidence.n_items, 2);
    cr_assert_eq(evidence.items[1].uid, 0);
}

/* ---- two witnesses ---- */

/* Where the bind test can only try IPv4, it passes over IPv6 sockets; the table of listeners does not. */
Test(port_check, an_ipv6_listener_is_seen_by_a_process_that_may_not_open_ipv6_sockets) {
    netns_enter();
    tcp_listen("::1", PORT);
    netns_refuse_ipv6_sockets();
    cr_assert_eq(bind_test(PORT, BIND_TEST_STRICT), 0);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    cr_assert_eq(port_check(diag, PORT, PORT_CHECK_QUICK, NULL), PORT_CHECK_E_BUSY);
    cr_assert_eq(port_check(diag, PORT, PORT_CHECK_THOROUGH, NULL), PORT_CHECK_E_BUSY);
    assert_free(diag, PORT + 1, PORT_CHECK_THOROUGH, "another port");
}

Test(port_check, an_interrupted_dump_proves_no_absence) {
    netns_enter();
    const struct holder_spec spec = {
        .name = "TIME_WAIT", .kind = HOLDER_TIME_WAIT, .address = "127.0.0.1", .reuse_address = true};
    const struct holder holder = open_holder(&spec);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    netlink_faults.n_interrupted = 1000;
    assert_free(diag, PORT, PORT_CHECK_QUICK, "by the strict test alone");
    cr_assert_eq(port_check(diag, holder.port, PORT_CHECK_THOROUGH, NULL), PORT_CHECK_E_BUSY);
}

Test(port_check, a_kernel_that_does_not_answer_is_no_answer) {
    netns_enter();
    tcp_listen("127.0.0.1", PORT);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    netlink_faults.n_failing = 1000;
    netlink_faults.failing_errno = ENOMEM;
    CLEANUP(listener_list_deinit) struct listener_list evidence = make_evidence();
    cr_assert_eq(port_check(diag, PORT, PORT_CHECK_THOROUGH, &evidence), -ENOMEM);
    cr_assert_eq(port_check(diag, PORT + 1, PORT_CHECK_QUICK, &evidence), -ENOMEM);
    cr_assert_eq(evidence.n_items, 1);
}

/* ---- in between ---- */

/* A server of this process that is bound with SO_REUSEADDR, and what it does before which request to the kernel. */
static int server = -1;
static unsigned n_skipped;
static uint32_t moment;

static void open_starting_server(void) {
    const union tcp_address address = tcp_make_address("0.0.0.0", PORT);
    const int on = 1;
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    cr_assert_eq(bind(server, &address.generic, sizeof(address)), 0);
}

static bool is_the_moment(uint32_t states) {
    if (states != moment)
        return false;
    if (n_skipped > 0) {
        n_skipped--;
        return false;
    }
    moment = 0;
    return true;
}

static void listen_at_the_moment(uint32_t states) {
    if (is_the_moment(states))
        cr_assert_eq(listen(server, 16), 0);
}

static void close_at_the_moment(uint32_t states) {
    if (is_the_moment(states))
        close(fd_take(&server));
}

/* The requests of one thorough check, two families each: LISTEN, (strict, lenient,) BOUND, LISTEN. Before each of those
 * that come after the lenient test the server goes on to listen. */
static void assert_starting_server_is_seen(uint32_t states, unsigned n_before) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    if (!sock_diag_sees_bound(diag))
        cr_skip_test("this kernel (before 6.8) does not report bound sockets");
    open_starting_server();
    moment = states;
    n_skipped = n_before;
    netlink_faults.before_request = listen_at_the_moment;
    CLEANUP(listener_list_deinit) struct listener_list evidence = make_evidence();
    cr_assert_eq(port_check(diag, PORT, PORT_CHECK_THOROUGH, &evidence), PORT_CHECK_E_BUSY);
    cr_assert_eq(moment, 0, "it did begin to listen");
    cr_assert_gt(evidence.n_items, 1, "and is named");
}

Test(port_check, a_server_that_begins_to_listen_before_the_bound_sockets_are_asked_is_seen) {
    assert_starting_server_is_seen(BIT_BOUND, 0);
}

Test(port_check, a_server_that_begins_to_listen_amid_the_bound_sockets_is_seen) {
    assert_starting_server_is_seen(BIT_BOUND, 1);
}

Test(port_check, a_server_that_begins_to_listen_after_the_bound_sockets_were_asked_is_seen) {
    assert_starting_server_is_seen(BIT_LISTEN, 2);
}

Test(port_check, a_server_that_begins_to_listen_amid_the_last_dump_is_seen) {
    assert_starting_server_is_seen(BIT_LISTEN, 3);
}

/* Busy by the bind test, and gone before anybody could be named: the second look finds the port free. */
Test(port_check, a_holder_that_has_just_gone_is_not_reported) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    if (!sock_diag_sees_bound(diag))
        cr_skip_test("this kernel (before 6.8) does not report bound sockets");
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const union tcp_address address = tcp_make_address("127.0.0.1", PORT);
    cr_assert_eq(bind(server, &address.generic, sizeof(address)), 0);
    moment = BIT_BOUND;
    n_skipped = 0;
    netlink_faults.before_request = close_at_the_moment;
    assert_free(diag, PORT, PORT_CHECK_THOROUGH, "at the second look");
    cr_assert_eq(server, -1, "it did close");
}
