/*
 * Who is the other end of a loopback connection? The answer decides who may change whose lease, so the tests are about
 * everybody who must not be taken for somebody else, above all for root.
 */
#include "probe/sock_diag.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/wait.h>

#include "probe/fd.h"
#include "tests/support/netlink_faults.h"
#include "tests/support/netns.h"
#include "tests/support/tcp.h"

#define OTHER_UID 4242
#define UNTOUCHED 77

static struct sock_diag *open_diag(void) {
    struct sock_diag *diag = NULL;
    int r = sock_diag_new(&diag);
    cr_assert_eq(r, 0, "sock_diag_new: %d", r);
    return diag;
}

static struct sock_diag_endpoint make_endpoint(const union tcp_address *address) {
    struct sock_diag_endpoint endpoint;
    cr_assert_eq(sock_diag_endpoint_init(&endpoint, &address->storage), 0);
    return endpoint;
}

struct peer {
    uid_t uid;
    uint32_t inode;
};

/* What the daemon knows of a connection that it has accepted: the other end's address and its own. */
static int find_peer(struct sock_diag *diag, int accepted, struct peer *ret_peer) {
    union tcp_address theirs = {0};
    union tcp_address ours = {0};
    socklen_t length = sizeof(theirs);
    cr_assert_eq(getpeername(accepted, &theirs.generic, &length), 0);
    length = sizeof(ours);
    cr_assert_eq(getsockname(accepted, &ours.generic, &length), 0);
    const struct sock_diag_endpoint peer = make_endpoint(&theirs);
    const struct sock_diag_endpoint own = make_endpoint(&ours);
    return sock_diag_find_peer(diag, &peer, &own, &ret_peer->uid, &ret_peer->inode);
}

static void assert_peer_is_unknown(struct sock_diag *diag, int accepted) {
    struct peer peer = {.uid = UNTOUCHED, .inode = UNTOUCHED};
    cr_assert_eq(find_peer(diag, accepted, &peer), SOCK_DIAG_E_UNKNOWN);
    cr_assert_eq(peer.uid, UNTOUCHED);
    cr_assert_eq(peer.inode, UNTOUCHED);
}

static void assert_peer_is_known_until_it_closes(const char *server_address, const char *seen_by_client) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(fd_close_at) int server = tcp_listen(server_address, 0);
    CLEANUP(fd_close_at) int client = tcp_connect(seen_by_client, tcp_port_of(server));
    CLEANUP(fd_close_at) int accepted = tcp_accept(server);
    /* A socket's uid follows its file's owner, so root needs no second process to be somebody else. */
    const uid_t uid = geteuid() == 0 ? OTHER_UID : geteuid();
    cr_assert_eq(fchown(client, uid, (gid_t)-1), 0);

    struct peer peer = {.uid = UNTOUCHED, .inode = UNTOUCHED};
    cr_assert_eq(find_peer(diag, accepted, &peer), 0, "%s to %s", seen_by_client, server_address);
    cr_assert_eq(peer.uid, uid);
    cr_assert_eq(peer.inode, tcp_inode_of(client));

    close(fd_take(&client));
    assert_peer_is_unknown(diag, accepted);
}

Test(sock_diag_peer, is_known_over_ipv4_until_it_closes) {
    netns_enter();
    assert_peer_is_known_until_it_closes("127.0.0.1", "127.0.0.1");
    assert_peer_is_known_until_it_closes("0.0.0.0", "127.0.0.2");
}

Test(sock_diag_peer, is_known_over_ipv6_until_it_closes) {
    netns_enter();
    assert_peer_is_known_until_it_closes("::1", "::1");
    assert_peer_is_known_until_it_closes("::", "::1");
}

Test(sock_diag_peer, is_known_if_it_speaks_ipv4_from_an_ipv6_socket) {
    netns_enter();
    assert_peer_is_known_until_it_closes("127.0.0.1", "::ffff:127.0.0.1");
}

Test(sock_diag_peer, is_known_if_it_speaks_ipv4_to_an_ipv6_socket) {
    netns_enter();
    assert_peer_is_known_until_it_closes("::", "127.0.0.1");
    assert_peer_is_known_until_it_closes("::", "::ffff:127.0.0.1");
}

Test(sock_diag_peer, is_known_where_ipv6_is_disabled) {
    netns_enter_without_ipv6();
    assert_peer_is_known_until_it_closes("127.0.0.1", "127.0.0.1");
}

Test(sock_diag_peer, is_asked_for_again_after_a_failure) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    CLEANUP(fd_close_at) int server = tcp_listen("127.0.0.1", 0);
    CLEANUP(fd_close_at) int client = tcp_connect("127.0.0.1", tcp_port_of(server));
    CLEANUP(fd_close_at) int accepted = tcp_accept(server);

    struct peer peer = {.uid = UNTOUCHED, .inode = UNTOUCHED};
    netlink_faults.n_failing = 1;
    netlink_faults.failing_errno = ENOMEM;
    cr_assert_eq(find_peer(diag, accepted, &peer), -ENOMEM);
    cr_assert_eq(peer.uid, UNTOUCHED);
    cr_assert_eq(find_peer(diag, accepted, &peer), 0, "the answer that was not read is not taken for this one's");
    cr_assert_eq(peer.inode, tcp_inode_of(client));
}

/* Each of the two look-ups would find the listener, one on its own port, one as the far end. */
static void assert_listener_is_no_peer(struct sock_diag *diag, const char *address) {
    const int server = tcp_listen(address, 1111);
    const union tcp_address addresses[] = {tcp_make_address(address, 1111), tcp_make_address(address, 2222)};
    const struct sock_diag_endpoint listening = make_endpoint(&addresses[0]);
    const struct sock_diag_endpoint nobody = make_endpoint(&addresses[1]);
    struct peer peer;
    cr_assert_eq(sock_diag_find_peer(diag, &listening, &nobody, &peer.uid, &peer.inode), SOCK_DIAG_E_UNKNOWN);
    cr_assert_eq(sock_diag_find_peer(diag, &nobody, &listening, &peer.uid, &peer.inode), SOCK_DIAG_E_UNKNOWN);
    close(server);
}

Test(sock_diag_peer, is_never_the_listener_that_the_kernel_falls_back_to) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    assert_listener_is_no_peer(diag, "127.0.0.1");
    assert_listener_is_no_peer(diag, "::1");
    assert_listener_is_no_peer(diag, "::ffff:127.0.0.1");
}

/* An answer about another connection, however near, is no answer. */
static size_t changed_part;

static void change_part(struct nlmsghdr *first_one) {
    if (first_one->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return;
    struct inet_diag_msg *report = NLMSG_DATA(first_one);
    char *parts[] = {(char *)report->id.idiag_src, (char *)report->id.idiag_dst, (char *)&report->id.idiag_sport,
                     (char *)&report->id.idiag_dport};
    parts[changed_part][1] ^= 1;
}

Test(sock_diag_peer, is_unknown_if_any_part_of_the_address_differs) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    const char *addresses[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(fd_close_at) int server = tcp_listen(addresses[i], 0);
        const int client = tcp_connect(addresses[i], tcp_port_of(server));
        CLEANUP(fd_close_at) int accepted = tcp_accept(server);
        netlink_faults.spoil = change_part;
        for (changed_part = 0; changed_part < 4; changed_part++)
            assert_peer_is_unknown(diag, accepted);
        netlink_faults.spoil = NULL;
        struct peer peer;
        cr_assert_eq(find_peer(diag, accepted, &peer), 0);
        close(client);
    }
}

/* A client of another uid that sends its request and is gone before anybody looks. */
static void assert_exited_client_is_unknown(struct sock_diag *diag, const char *address) {
    CLEANUP(fd_close_at) int server = tcp_listen(address, 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        if (geteuid() == 0 && setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0)
            _exit(1);
        const int client = tcp_connect(address, tcp_port_of(server));
        _exit(send(client, "POST", 4, MSG_NOSIGNAL) == 4 ? 0 : 1);
    }
    CLEANUP(fd_close_at) int accepted = tcp_accept(server);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    assert_peer_is_unknown(diag, accepted);
}

Test(sock_diag_peer, is_unknown_200_times_if_it_has_exited) {
    netns_enter();
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = open_diag();
    for (int i = 0; i < 100; i++) {
        assert_exited_client_is_unknown(diag, "127.0.0.1");
        assert_exited_client_is_unknown(diag, "::1");
    }
}

Test(sock_diag_peer, has_no_endpoint_without_an_ip_address) {
    const struct sockaddr_storage address = {.ss_family = AF_UNIX};
    struct sock_diag_endpoint endpoint;
    cr_assert_eq(sock_diag_endpoint_init(&endpoint, &address), -EAFNOSUPPORT);
}
