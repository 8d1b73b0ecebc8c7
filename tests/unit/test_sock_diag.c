/*
 * The kernel's socket table as sock_diag tells it, against sockets that the test has made itself, and against a kernel
 * that is older, interrupts, or talks nonsense (tests/support/netlink_faults.h).
 */
#include "probe/sock_diag.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "probe/fd.h"
#include "tests/support/holder.h"
#include "tests/support/netlink_faults.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"

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

static void assert_is(const struct listener *listener, const char *address, uint16_t port, enum listener_state state) {
    char text[LISTENER_ADDRESS_MAX];
    listener_format_address(listener, text);
    cr_assert_str_eq(text, address);
    cr_assert_eq(listener->port, port, "port %u, not %u", listener->port, port);
    cr_assert_eq(listener->state, state, "state %s", listener_state_name(listener->state));
}

/* ---- dumps ---- */

Test(sock_diag, a_quiet_namespace_has_no_listeners) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN | SOCK_DIAG_BOUND | SOCK_DIAG_CONNECTIONS, 0, &list), 0);
    cr_assert_eq(list.n_items, 0);
}

Test(sock_diag, freeing_nothing_is_allowed) {
    cr_assert_null(sock_diag_free(NULL));
}

Test(sock_diag, one_listener_is_told_with_all_that_the_kernel_knows) {
    netns_enter();
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.2", 4711);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    cr_assert_eq(list.n_items, 1);
    assert_is(&list.items[0], "127.0.0.2", 4711, LISTENER_LISTEN);
    cr_assert_eq(list.items[0].family, AF_INET);
    cr_assert_eq(list.items[0].uid, geteuid());
    cr_assert_eq(list.items[0].inode, tcp_inode_of(fd));
    cr_assert_not(list.items[0].v6only);
}

Test(sock_diag, the_cgroup_is_told_where_there_is_one) {
    netns_enter();
    /* A cgroup's id is the inode of its folder. Where cgroup v2 is not at its usual place there is nothing to compare. */
    char line[512] = "";
    CLEANUP(fd_close_at) int cgroup_file = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    cr_assert_geq(cgroup_file, 0);
    cr_assert_gt(read(cgroup_file, line, sizeof(line) - 1), 0);
    const char *unified = strstr(line, "0::/");
    char path[1024];
    struct stat status;
    snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s", unified ? (int)strcspn(unified + 3, "\n") : 0,
             unified ? unified + 3 : "");
    if (!unified || access("/sys/fs/cgroup/cgroup.procs", F_OK) < 0 || stat(path, &status) < 0)
        cr_skip_test("no cgroup v2 at /sys/fs/cgroup");

    tcp_listen("127.0.0.1", 4711);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 4711, &list), 0);
    cr_assert_eq(list.n_items, 1);
    cr_assert_eq(list.items[0].cgroup_id, status.st_ino);
}

Test(sock_diag, ipv4_comes_first_and_ipv6_says_whether_it_takes_ipv4) {
    netns_enter();
    const struct holder_spec dual = {.kind = HOLDER_LISTENS, .address = "::", .port = 1111};
    const struct holder_spec v6only = {.kind = HOLDER_LISTENS, .address = "::", .port = 1112, .v6only = true};
    const struct holder_spec mapped = {.kind = HOLDER_LISTENS, .address = "::ffff:127.0.0.1", .port = 1113};
    const struct holder_spec ipv4 = {.kind = HOLDER_LISTENS, .address = "0.0.0.0", .port = 1114};
    const struct holder_spec *specs[] = {&dual, &v6only, &mapped, &ipv4};
    for (size_t i = 0; i < 4; i++)
        open_holder(specs[i]);

    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    cr_assert_eq(list.n_items, 4);
    assert_is(&list.items[0], "0.0.0.0", 1114, LISTENER_LISTEN);
    cr_assert_eq(list.items[0].family, AF_INET);
    for (size_t i = 1; i < 4; i++) {
        const struct listener *listener = &list.items[i];
        cr_assert_eq(listener->family, AF_INET6);
        assert_is(listener, listener->port == 1113 ? "127.0.0.1" : "::", listener->port, LISTENER_LISTEN);
        cr_assert_eq(listener->v6only, listener->port == 1112);
    }
}

Test(sock_diag, another_users_listener_is_told_with_its_uid) {
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    netns_enter();
    const struct holder_spec spec = {.kind = HOLDER_LISTENS, .address = "127.0.0.1", .uid = HOLDER_OTHER_UID};
    const struct holder holder = open_holder(&spec);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, holder.port, &list), 0);
    cr_assert_eq(list.n_items, 1);
    cr_assert_eq(list.items[0].uid, HOLDER_OTHER_UID);
    cr_assert_neq(list.items[0].inode, 0);
}

Test(sock_diag, a_dump_is_appended_and_filtered_by_port) {
    netns_enter();
    tcp_listen("127.0.0.1", 1111);
    tcp_listen("127.0.0.1", 2222);
    tcp_listen("::1", 2222);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 1111, &list), 0);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 2222, &list), 0);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 3333, &list), 0);
    cr_assert_eq(list.n_items, 3);
    assert_is(&list.items[0], "127.0.0.1", 1111, LISTENER_LISTEN);
    assert_is(&list.items[1], "127.0.0.1", 2222, LISTENER_LISTEN);
    assert_is(&list.items[2], "::1", 2222, LISTENER_LISTEN);
}

Test(sock_diag, each_kind_of_socket_is_found_by_its_own_bit_only) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    for (size_t i = 0; i < n_holder_specs; i++) {
        const struct holder_spec *spec = &holder_specs[i];
        if (spec->uid != 0 && geteuid() != 0)
            continue;
        struct holder holder = open_holder(spec);
        const unsigned bits[] = {SOCK_DIAG_LISTEN, SOCK_DIAG_BOUND, SOCK_DIAG_CONNECTIONS};
        for (size_t bit = 0; bit < 3; bit++) {
            const bool its_own = bit == (spec->state < 2 ? spec->state : 2);
            if (its_own && bits[bit] == SOCK_DIAG_BOUND && !sock_diag_sees_bound(diag))
                continue;
            CLEANUP(listener_list_deinit) struct listener_list list = {0};
            cr_assert_eq(sock_diag_dump(diag, bits[bit], holder.port, &list), 0);
            cr_assert_eq(list.n_items > 0, its_own, "%s, bit %zu: %zu sockets", spec->name, bit, list.n_items);
            if (its_own)
                cr_assert_eq(list.items[0].state, spec->state, "%s is %s", spec->name,
                             listener_state_name(list.items[0].state));
        }
        holder_close(&holder);
    }
}

Test(sock_diag, bound_sockets_of_other_ports_are_left_out) {
    netns_enter();
    const struct holder_spec spec = {.kind = HOLDER_BINDS, .address = "127.0.0.1"};
    const struct holder one = open_holder(&spec);
    const struct holder other = open_holder(&spec);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    if (!sock_diag_sees_bound(diag))
        cr_skip_test("this kernel (before 6.8) does not report bound sockets");
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_BOUND, 0, &list), 0);
    cr_assert_eq(list.n_items, 2);
    listener_list_clear(&list);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_BOUND, other.port, &list), 0);
    cr_assert_eq(list.n_items, 1);
    assert_is(&list.items[0], "127.0.0.1", other.port, LISTENER_BOUND);
    cr_assert_neq(one.port, other.port);
}

Test(sock_diag, what_nobody_has_open_has_no_inode_and_says_so_by_its_state) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    const struct holder_spec orphans = {.kind = HOLDER_ORPHANS, .address = "127.0.0.1", .port = 1111};
    const struct holder_spec time_wait = {.kind = HOLDER_TIME_WAIT, .address = "::1", .port = 1112};
    open_holder(&orphans);
    open_holder(&time_wait);
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_CONNECTIONS, 1111, &list), 0);
    cr_assert_eq(list.n_items, 2);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_CONNECTIONS, 1112, &list), 0);
    cr_assert_eq(list.n_items, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(list.items[i].inode, 0);
        cr_assert_eq(list.items[i].state, i < 2 ? LISTENER_ORPHAN : LISTENER_TIME_WAIT);
    }
}

static void allow_descriptors(rlim_t n_wanted) {
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_geq(limit.rlim_max, n_wanted, "this test needs %lu descriptors, and the hard limit is %lu",
                  (unsigned long)n_wanted, (unsigned long)limit.rlim_max);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A message is about 100 bytes: 1,500 of them are five buffers. */
static void listen_three_thousand_times(void) {
    allow_descriptors(3100);
    for (uint16_t i = 0; i < 1500; i++) {
        tcp_listen("127.0.0.1", (uint16_t)(10000 + i));
        tcp_listen("::1", (uint16_t)(20000 + i));
    }
}

static void assert_three_thousand(const struct listener_list *list) {
    cr_assert_eq(list->n_items, 3000, "%zu listeners", list->n_items);
    bool seen[2][1500] = {0};
    for (size_t i = 0; i < list->n_items; i++) {
        const bool is_ipv6 = i >= 1500;
        const int index = list->items[i].port - (is_ipv6 ? 20000 : 10000);
        cr_assert(index >= 0 && index < 1500, "item %zu has port %u", i, list->items[i].port);
        cr_assert_not(seen[is_ipv6][index], "port %u twice", list->items[i].port);
        seen[is_ipv6][index] = true;
    }
}

Test(sock_diag, three_thousand_listeners_are_all_told_once) {
    netns_enter();
    listen_three_thousand_times();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    assert_three_thousand(&list);
    listener_list_clear(&list);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 21499, &list), 0);
    cr_assert_eq(list.n_items, 1);
}

Test(sock_diag, no_descriptor_is_left_to_a_program_that_is_executed) {
    bool was_open[64];
    for (int fd = 0; fd < 64; fd++)
        was_open[fd] = fcntl(fd, F_GETFD) >= 0;
    struct sock_diag *diag = open_diag();
    int n_new = 0;
    for (int fd = 0; fd < 64; fd++) {
        const int flags = fcntl(fd, F_GETFD);
        if (flags < 0 || was_open[fd])
            continue;
        n_new++;
        cr_assert(flags & FD_CLOEXEC, "descriptor %d is not CLOEXEC", fd);
    }
    cr_assert_eq(n_new, 1, "one netlink socket and nothing else");
    sock_diag_free(diag);
}

/* ---- other kernels, and bad days ---- */

Test(sock_diag, a_kernel_from_6_8_is_seen_to_report_bound_sockets) {
    struct utsname system;
    unsigned major = 0;
    unsigned minor = 0;
    cr_assert_eq(uname(&system), 0);
    cr_assert_eq(sscanf(system.release, "%u.%u", &major, &minor), 2);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    cr_assert_eq(sock_diag_sees_bound(diag), major * 1000 + minor >= 6008, "on Linux %s", system.release);
}

Test(sock_diag, bound_sockets_are_detected_with_the_loopback_down) {
    netns_enter_with_loopback_down();
    CLEANUP(sock_diag_free_at) struct sock_diag *down = open_diag();
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *up = open_diag();
    cr_assert_eq(sock_diag_sees_bound(down), sock_diag_sees_bound(up));
}

Test(sock_diag, an_older_kernel_is_not_asked_for_bound_sockets) {
    netns_enter();
    netlink_faults.no_bound = true;
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    cr_assert_not(sock_diag_sees_bound(diag));

    const unsigned n_requests = netlink_faults.n_requests;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_BOUND, 0, &list), 0);
    cr_assert_eq(netlink_faults.n_requests, n_requests, "there was nothing to ask");
}

Test(sock_diag, a_kernel_without_ipv6_has_an_empty_family) {
    netns_enter();
    netlink_faults.no_ipv6 = true;
    tcp_listen("127.0.0.1", 1111);
    tcp_listen("::1", 1111);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    for (int i = 0; i < 2; i++) {
        listener_list_clear(&list);
        cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
        cr_assert_eq(list.n_items, 1);
        assert_is(&list.items[0], "127.0.0.1", 1111, LISTENER_LISTEN);
    }
}

Test(sock_diag, a_namespace_with_ipv6_disabled_is_read_like_any_other) {
    netns_enter_without_ipv6();
    tcp_listen("127.0.0.1", 1111);
    tcp_listen("::", 1112);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    cr_assert_eq(list.n_items, 2);
    assert_is(&list.items[0], "127.0.0.1", 1111, LISTENER_LISTEN);
    assert_is(&list.items[1], "::", 1112, LISTENER_LISTEN);
}

Test(sock_diag, an_interrupted_dump_is_asked_again) {
    netns_enter();
    listen_three_thousand_times();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    netlink_faults.n_interrupted = 2;
    const unsigned n_requests = netlink_faults.n_requests;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    assert_three_thousand(&list);
    cr_assert_eq(netlink_faults.n_requests - n_requests, 3, "IPv4 twice, IPv6 once");
}

Test(sock_diag, a_dump_that_is_interrupted_for_ever_says_so_and_keeps_what_it_saw) {
    netns_enter();
    tcp_listen("127.0.0.1", 1111);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    netlink_faults.n_interrupted = 1000;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), SOCK_DIAG_E_INTERRUPTED);
    cr_assert_eq(list.n_items, 1, "once, though asked several times");
    cr_assert_gt(netlink_faults.n_interrupted, 900, "it gave up soon");

    netlink_faults.n_interrupted = 0;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0, "and the handle works on");
    cr_assert_eq(list.n_items, 2);
}

Test(sock_diag, a_dump_that_overran_the_buffer_is_asked_again) {
    netns_enter();
    listen_three_thousand_times();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    /* In the middle of the first family's dump, whose rest must not be taken for the second answer. */
    netlink_faults.n_good_first = 2;
    netlink_faults.n_failing = 1;
    netlink_faults.failing_errno = ENOBUFS;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    assert_three_thousand(&list);
}

Test(sock_diag, a_signal_between_two_buffers_is_no_failure) {
    netns_enter();
    listen_three_thousand_times();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    netlink_faults.n_good_first = 2;
    netlink_faults.n_failing = 3;
    netlink_faults.failing_errno = EINTR;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    assert_three_thousand(&list);
}

Test(sock_diag, a_failed_dump_leaves_the_list_as_it_was_and_the_handle_usable) {
    netns_enter();
    tcp_listen("127.0.0.1", 1111);
    tcp_listen("::1", 1112);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 1112, &list), 0);

    /* An error at each receive in turn; a dump of one socket is two of them, a socket and the end. */
    const int errors[] = {ENOBUFS, ENOMEM};
    for (unsigned i = 0; i < 8; i++) {
        netlink_faults.n_good_first = i / 2;
        netlink_faults.n_failing = 1000;
        netlink_faults.failing_errno = errors[i % 2];
        cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), -errors[i % 2]);
        cr_assert_eq(list.n_items, 1);
        cr_assert_eq(list.items[0].port, 1112);
    }
    netlink_faults.n_failing = 0;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    cr_assert_eq(list.n_items, 3);
}

static void (*spoil_once)(struct nlmsghdr *first_one);

static void spoil_first_receive(struct nlmsghdr *first_one) {
    if (spoil_once)
        spoil_once(first_one);
    spoil_once = NULL;
}

static void change_sequence(struct nlmsghdr *first_one) {
    first_one->nlmsg_seq--;
}

static void change_port_id(struct nlmsghdr *first_one) {
    first_one->nlmsg_pid++;
}

Test(sock_diag, an_answer_to_somebody_else_is_refused) {
    netns_enter();
    tcp_listen("127.0.0.1", 1111);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    netlink_faults.spoil = spoil_first_receive;
    spoil_once = change_sequence;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), -EPROTO);
    spoil_once = change_port_id;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), -ESRCH);
    cr_assert_eq(list.n_items, 0);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    cr_assert_eq(list.n_items, 1);
}

/* The message ends before its payload does; what was the rest is no longer there for libmnl to walk on to. */
static void cut_payload(struct nlmsghdr *first_one) {
    if (first_one->nlmsg_type == NLMSG_DONE)
        return;
    const unsigned length = first_one->nlmsg_len;
    first_one->nlmsg_len = NLMSG_LENGTH(sizeof(struct inet_diag_msg)) - 4;
    struct nlmsghdr *filler = (struct nlmsghdr *)((char *)first_one + NLMSG_ALIGN(first_one->nlmsg_len));
    *filler = (struct nlmsghdr){
        .nlmsg_len = length - NLMSG_ALIGN(first_one->nlmsg_len),
        .nlmsg_type = NLMSG_NOOP,
        .nlmsg_seq = first_one->nlmsg_seq,
        .nlmsg_pid = first_one->nlmsg_pid,
    };
}

Test(sock_diag, a_message_too_short_for_a_socket_is_not_read) {
    netns_enter();
    tcp_listen("::1", 1111);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    netlink_faults.spoil = cut_payload;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    cr_assert_eq(list.n_items, 0);
}

/* Swaps the types of the attributes that are read, so that each has the other's length, and sets all their bits. */
static void swap_attributes(struct nlmsghdr *first_one) {
    if (first_one->nlmsg_type == NLMSG_DONE)
        return;
    char *end = (char *)first_one + first_one->nlmsg_len;
    char *at = (char *)first_one + NLMSG_LENGTH(sizeof(struct inet_diag_msg));
    while (at + sizeof(struct nlattr) <= end) {
        struct nlattr *attribute = (struct nlattr *)at;
        if (attribute->nla_type == INET_DIAG_SKV6ONLY || attribute->nla_type == INET_DIAG_CGROUP_ID) {
            memset(at + sizeof(*attribute), 0xff, attribute->nla_len - sizeof(*attribute));
            attribute->nla_type = (uint16_t)(INET_DIAG_SKV6ONLY + INET_DIAG_CGROUP_ID - attribute->nla_type);
        }
        at += NLA_ALIGN(attribute->nla_len);
    }
}

Test(sock_diag, an_attribute_of_the_wrong_length_is_not_read) {
    netns_enter();
    tcp_listen("::1", 1111);
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    netlink_faults.spoil = swap_attributes;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
    cr_assert_eq(list.n_items, 1);
    cr_assert_not(list.items[0].v6only);
    cr_assert_eq(list.items[0].cgroup_id, 0);
}

static void fail_at_the_end(struct nlmsghdr *first_one) {
    if (first_one->nlmsg_type != NLMSG_DONE)
        return;
    const int error = -ENOMEM;
    memcpy(NLMSG_DATA(first_one), &error, sizeof(error));
}

Test(sock_diag, a_dump_that_fails_in_its_last_message_has_failed) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    netlink_faults.spoil = fail_at_the_end;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), -ENOMEM);
    netlink_faults.spoil = NULL;
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, 0, &list), 0);
}
