/*
 * The bind test against real holders: what each kind fails for, and what it says where the fault is not the port's.
 */
#include "probe/bind_test.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "probe/fd.h"
#include "tests/support/holder.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"

#define PORT 20000

static bool can_be_made(const struct holder_spec *spec) {
    return spec->uid == 0 || geteuid() == 0;
}

static struct holder open_holder(const struct holder_spec *spec) {
    struct holder holder = {0};
    int r = holder_open(spec, &holder);
    cr_assert_eq(r, 0, "%s cannot be made: %s", spec->name, strerror(-r));
    return holder;
}

Test(bind_test, a_free_port_passes_and_is_left_free) {
    netns_enter();
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(bind_test(PORT, BIND_TEST_STRICT), 0);
        cr_assert_eq(bind_test(PORT, BIND_TEST_LENIENT), 0);
    }
    CLEANUP(fd_close_at) int fd = tcp_listen("0.0.0.0", PORT);
    cr_assert_geq(fd, 0);
}

Test(bind_test, the_strict_one_fails_for_every_holder) {
    netns_enter();
    for (size_t i = 0; i < n_holder_specs; i++) {
        if (!can_be_made(&holder_specs[i]))
            continue;
        struct holder holder = open_holder(&holder_specs[i]);
        cr_expect_eq(bind_test(holder.port, BIND_TEST_STRICT), BIND_TEST_E_IN_USE, "%s", holder_specs[i].name);
        holder_close(&holder);
    }
}

/* It passes over what a server passes over, and over one thing too many: that is why nobody believes it alone. */
Test(bind_test, the_lenient_one_passes_over_remains_and_over_a_server_that_is_starting) {
    netns_enter();
    for (size_t i = 0; i < n_holder_specs; i++) {
        const struct holder_spec *spec = &holder_specs[i];
        if (!can_be_made(spec))
            continue;
        const bool is_starting = spec->kind == HOLDER_BINDS && spec->reuse_address;
        const int expected = spec->free_for_exact || is_starting ? 0 : BIND_TEST_E_IN_USE;
        struct holder holder = open_holder(spec);
        cr_expect_eq(bind_test(holder.port, BIND_TEST_LENIENT), expected, "%s", spec->name);
        holder_close(&holder);
    }
}

Test(bind_test, a_privileged_port_is_not_permitted) {
    netns_enter();
    if (geteuid() == 0)
        cr_assert_eq(setresuid(HOLDER_OTHER_UID, HOLDER_OTHER_UID, HOLDER_OTHER_UID), 0);
    else
        cr_skip_test("an ordinary user owns his network namespace, and in it every port");
    cr_assert_eq(bind_test(80, BIND_TEST_STRICT), BIND_TEST_E_NOT_PERMITTED);
    cr_assert_eq(bind_test(80, BIND_TEST_LENIENT), BIND_TEST_E_NOT_PERMITTED);
    cr_assert_eq(bind_test(1024, BIND_TEST_STRICT), 0);
}

Test(bind_test, port_0_is_no_question) {
    cr_assert_eq(bind_test(0, BIND_TEST_STRICT), -EINVAL);
}

Test(bind_test, to_be_out_of_descriptors_says_nothing_about_the_port) {
    netns_enter();
    int opened[256];
    size_t n_opened = 0;
    const struct rlimit few = {.rlim_cur = 128, .rlim_max = 128};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n_opened < 256 && (opened[n_opened] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n_opened++;
    const int r = bind_test(PORT, BIND_TEST_STRICT);
    /* Criterion has need of some to tell how it went. */
    while (n_opened > 0)
        close(opened[--n_opened]);
    cr_assert_eq(r, -EMFILE);
}

Test(bind_test, ipv6_disabled_makes_no_difference) {
    netns_enter_without_ipv6();
    cr_assert_eq(bind_test(PORT, BIND_TEST_STRICT), 0);
    tcp_listen("127.0.0.1", PORT);
    cr_assert_eq(bind_test(PORT, BIND_TEST_STRICT), BIND_TEST_E_IN_USE);
    cr_assert_eq(bind_test(PORT, BIND_TEST_LENIENT), BIND_TEST_E_IN_USE);
}

/* With this setting a socket on [::] has nothing to do with IPv4, if it does not ask for that. */
Test(bind_test, it_tests_ipv4_also_where_ipv6_sockets_are_for_ipv6_only) {
    netns_enter();
    CLEANUP(fd_close_at) int setting = open("/proc/sys/net/ipv6/bindv6only", O_WRONLY | O_CLOEXEC);
    cr_assert_eq(write(setting, "1", 1), 1);
    tcp_listen("127.0.0.1", PORT);
    cr_assert_eq(bind_test(PORT, BIND_TEST_STRICT), BIND_TEST_E_IN_USE);
    cr_assert_eq(bind_test(PORT, BIND_TEST_LENIENT), BIND_TEST_E_IN_USE);
}

Test(bind_test, without_ipv6_sockets_it_tests_ipv4) {
    netns_enter();
    netns_refuse_ipv6_sockets();
    cr_assert_lt(socket(AF_INET6, SOCK_STREAM, 0), 0);
    cr_assert_eq(bind_test(PORT, BIND_TEST_STRICT), 0);
    cr_assert_eq(bind_test(PORT, BIND_TEST_LENIENT), 0);
    tcp_listen("127.0.0.2", PORT);
    cr_assert_eq(bind_test(PORT, BIND_TEST_STRICT), BIND_TEST_E_IN_USE);
    cr_assert_eq(bind_test(PORT, BIND_TEST_LENIENT), BIND_TEST_E_IN_USE);
}

Test(bind_test, a_udp_socket_on_the_same_number_does_not_matter) {
    netns_enter();
    const union tcp_address address = tcp_make_address("::", PORT);
    CLEANUP(fd_close_at) int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, &address.generic, sizeof(address)), 0);
    cr_assert_eq(bind_test(PORT, BIND_TEST_STRICT), 0);
}

Test(bind_test, no_descriptor_is_left_open) {
    netns_enter();
    CLEANUP(fd_close_at) int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(before);
    for (int i = 0; i < 50; i++) {
        bind_test(PORT, BIND_TEST_STRICT);
        bind_test(PORT, BIND_TEST_LENIENT);
    }
    int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(after, before);
}
