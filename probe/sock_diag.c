/*
 * sock_diag by way of libmnl: one request, one answer, read to its end before the next request is sent.
 *
 * What is guaranteed: nothing is read from a message before its length, its source and its number were checked; an
 * answer that could not be read to its end is never followed by another on the same socket, because what is left of it
 * would come first.
 */
#include "probe/sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/fd.h"

/* The kernel fills dump messages up to the reader's buffer, but never past 32 KiB. */
#define BUFFER_SIZE 32768

/* How often a dump is asked that keeps being interrupted. */
#define N_ATTEMPTS 4

/* The kernel's private states, which netinet/tcp.h does not have (include/net/tcp_states.h). */
#define TCP_BOUND_INACTIVE 13
#define TCP_STATES_ALL     ((1U << (TCP_BOUND_INACTIVE + 1)) - 2)

struct sock_diag {
    struct mnl_socket *socket; /* NULL after a failure: the next request opens a new one */
    uint32_t sequence;         /* of the last request; never 0, which would switch libmnl's check off */
    bool sees_bound;
    _Alignas(struct nlmsghdr) char buffer[BUFFER_SIZE];
};

/* How an answer ended, beside what its messages put into `context`. */
struct answer {
    void *context;
    bool interrupted; /* the kernel marked the dump with NLM_F_DUMP_INTR */
    int error;        /* what the kernel answered: 0 or -errno */
};

/* ---- the conversation ---- */

static void close_socket(struct sock_diag *diag) {
    if (diag->socket)
        mnl_socket_close(diag->socket);
    diag->socket = NULL;
}

static int open_socket(struct sock_diag *diag) {
    if (diag->socket)
        return 0;
    diag->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!diag->socket)
        return -errno;
    if (mnl_socket_bind(diag->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int r = -errno;
        close_socket(diag);
        return r;
    }
    return 0;
}

static int send_request(struct sock_diag *diag, const struct inet_diag_req_v2 *request, uint16_t flags) {
    if (++diag->sequence == 0)
        diag->sequence = 1;
    struct nlmsghdr *message = mnl_nlmsg_put_header(diag->buffer);
    message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message->nlmsg_flags = NLM_F_REQUEST | flags;
    message->nlmsg_seq = diag->sequence;
    memcpy(mnl_nlmsg_put_extra_header(message, sizeof(*request)), request, sizeof(*request));

    ssize_t n_sent;
    do
        n_sent = mnl_socket_sendto(diag->socket, message, message->nlmsg_len);
    while (n_sent < 0 && errno == EINTR);
    return n_sent < 0 ? -errno : 0;
}

/* libmnl stops at the first message with NLM_F_DUMP_INTR and leaves the rest of the dump unread. So the flag is noted
 * and taken away before libmnl sees it, and the dump is read to its end. */
static bool take_interruption(char *buffer, size_t n_received) {
    bool interrupted = false;
    int n_left = (int)n_received;
    for (struct nlmsghdr *message = (struct nlmsghdr *)buffer; mnl_nlmsg_ok(message, n_left);
         message = mnl_nlmsg_next(message, &n_left)) {
        if (message->nlmsg_flags & NLM_F_DUMP_INTR)
            interrupted = true;
        message->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
    }
    return interrupted;
}

/* NLMSG_ERROR is a whole answer; the socket is in order after it. */
static int on_error(const struct nlmsghdr *message, void *data) {
    struct answer *answer = data;
    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nlmsgerr)) {
        errno = EBADMSG;
        return MNL_CB_ERROR;
    }
    const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
    answer->error = error->error;
    return MNL_CB_STOP;
}

/* A dump that fails half-way says so in its last message only, which libmnl's own callback does not look into. */
static int on_done(const struct nlmsghdr *message, void *data) {
    struct answer *answer = data;
    int error = 0;
    if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
        memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
    answer->error = error < 0 ? error : 0;
    return MNL_CB_STOP;
}

static int receive_answer(struct sock_diag *diag, mnl_cb_t on_data, struct answer *answer) {
    /* Not const: libmnl's prototype is not. */
    mnl_cb_t on_control[] = {[NLMSG_ERROR] = on_error, [NLMSG_DONE] = on_done};
    const unsigned port_id = mnl_socket_get_portid(diag->socket);

    for (;;) {
        ssize_t n_received = mnl_socket_recvfrom(diag->socket, diag->buffer, sizeof(diag->buffer));
        if (n_received < 0 && errno == EINTR)
            continue;
        if (n_received < 0)
            return -errno;

        if (take_interruption(diag->buffer, (size_t)n_received))
            answer->interrupted = true;
        int r = mnl_cb_run2(diag->buffer, (size_t)n_received, diag->sequence, port_id, on_data, answer, on_control,
                            sizeof(on_control) / sizeof(on_control[0]));
        if (r == MNL_CB_ERROR)
            return -errno;
        if (r == MNL_CB_STOP)
            return answer->error;
    }
}

/* Sends one request and gives every message of its answer to `on_data`. Returns 0 or -errno, the kernel's or our own. */
static int converse(struct sock_diag *diag, const struct inet_diag_req_v2 *request, uint16_t flags, mnl_cb_t on_data,
                    struct answer *answer) {
    int r = open_socket(diag);
    if (r < 0)
        return r;
    r = send_request(diag, request, flags);
    if (r == 0)
        r = receive_answer(diag, on_data, answer);
    /* Not read to its end: a new socket is the only one that is certainly empty. */
    if (r < 0 && answer->error == 0)
        close_socket(diag);
    return r;
}

/* ---- reading a message ---- */

/* The payload of a message about a TCP socket over IP; NULL if it is no such message. */
static const struct inet_diag_msg *get_report(const struct nlmsghdr *message) {
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return NULL;
    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct inet_diag_msg))
        return NULL;
    const struct inet_diag_msg *report = mnl_nlmsg_get_payload(message);
    return report->idiag_family == AF_INET || report->idiag_family == AF_INET6 ? report : NULL;
}

static struct in6_addr read_address(int family, const __be32 words[4]) {
    struct in6_addr address;
    if (family == AF_INET)
        listener_map_ipv4((struct in_addr){.s_addr = words[0]}, &address);
    else
        memcpy(&address, words, sizeof(address));
    return address;
}

static enum listener_state read_state(const struct inet_diag_msg *report) {
    switch (report->idiag_state) {
    case TCP_LISTEN:
        return LISTENER_LISTEN;
    case TCP_CLOSE: /* how a bound-inactive socket is reported */
    case TCP_BOUND_INACTIVE:
        return LISTENER_BOUND;
    case TCP_TIME_WAIT:
        return LISTENER_TIME_WAIT;
    default:
        return report->idiag_inode == 0 ? LISTENER_ORPHAN : LISTENER_CONNECTED;
    }
}

/* Both attributes come unasked, without a bit in idiag_ext: INET_DIAG_SKV6ONLY for IPv6 sockets that listen or are
 * bound, INET_DIAG_CGROUP_ID (Linux 5.9) for every socket but TIME_WAIT and the half-open. */
static int on_attribute(const struct nlattr *attribute, void *data) {
    struct listener *listener = data;
    const uint16_t length = mnl_attr_get_payload_len(attribute);
    switch (mnl_attr_get_type(attribute)) {
    case INET_DIAG_SKV6ONLY:
        if (length == sizeof(uint8_t))
            listener->v6only = mnl_attr_get_u8(attribute) != 0;
        break;
    case INET_DIAG_CGROUP_ID:
        if (length == sizeof(uint64_t))
            listener->cgroup_id = mnl_attr_get_u64(attribute);
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

/* ---- dumps ---- */

struct dump {
    struct listener_list *list;
    uint16_t port; /* 0: all */
};

static int on_dumped_socket(const struct nlmsghdr *message, void *data) {
    const struct answer *answer = data;
    const struct dump *dump = answer->context;
    const struct inet_diag_msg *report = get_report(message);
    if (!report)
        return MNL_CB_OK;
    /* Again here: the kernel does not filter bound sockets by port. */
    const uint16_t port = ntohs(report->id.idiag_sport);
    if (dump->port != 0 && dump->port != port)
        return MNL_CB_OK;

    struct listener listener = {
        .family = report->idiag_family,
        .address = read_address(report->idiag_family, report->id.idiag_src),
        .port = port,
        .state = read_state(report),
        .uid = report->idiag_uid,
        .inode = report->idiag_inode,
    };
    mnl_attr_parse(message, sizeof(*report), on_attribute, &listener);
    int r = listener_list_add(dump->list, &listener);
    if (r < 0) {
        errno = -r;
        return MNL_CB_ERROR;
    }
    return MNL_CB_OK;
}

static uint32_t states_of(unsigned what) {
    const uint32_t listen = 1U << TCP_LISTEN;
    const uint32_t bound = 1U << TCP_BOUND_INACTIVE;
    uint32_t states = 0;
    if (what & SOCK_DIAG_LISTEN)
        states |= listen;
    if (what & SOCK_DIAG_BOUND)
        states |= bound;
    if (what & SOCK_DIAG_CONNECTIONS)
        states |= TCP_STATES_ALL & ~(listen | bound);
    return states;
}

static int dump_family(struct sock_diag *diag, int family, unsigned what, uint16_t port, struct listener_list *list) {
    const struct inet_diag_req_v2 request = {
        .sdiag_family = (uint8_t)family,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_states = states_of(what),
        .id = {.idiag_sport = htons(port), .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
    };
    const size_t n_before = list->n_items;
    struct dump dump = {.list = list, .port = port};

    int r = 0;
    for (int attempt = 0; attempt < N_ATTEMPTS; attempt++) {
        list->n_items = n_before;
        struct answer answer = {.context = &dump};
        r = converse(diag, &request, NLM_F_DUMP, on_dumped_socket, &answer);
        if (r == 0 && !answer.interrupted)
            return 0;
        if (r == 0)
            r = SOCK_DIAG_E_INTERRUPTED;
        else if (r != -ENOBUFS)
            break;
    }
    if (r < 0)
        list->n_items = n_before;
    return r;
}

int sock_diag_dump(struct sock_diag *diag, unsigned what, uint16_t port, struct listener_list *list) {
    if (!diag->sees_bound)
        what &= ~(unsigned)SOCK_DIAG_BOUND;
    if (what == 0)
        return 0;

    const size_t n_before = list->n_items;
    int r_ipv4 = dump_family(diag, AF_INET, what, port, list);
    if (r_ipv4 < 0)
        return r_ipv4;
    int r_ipv6 = dump_family(diag, AF_INET6, what, port, list);
    /* A kernel without IPv6 has no handler for that family: it is empty, and that is the complete answer. */
    if (r_ipv6 == -ENOENT)
        return r_ipv4;
    if (r_ipv6 < 0) {
        list->n_items = n_before;
        return r_ipv6;
    }
    return r_ipv4 != 0 ? r_ipv4 : r_ipv6;
}

/* ---- the handle ---- */

/* Binds a socket to a port of the kernel's choice on the any-address, which depends on no interface. Returns its
 * descriptor and inode, or -errno. */
static int open_bound_socket(uint32_t *ret_inode) {
    CLEANUP(fd_close_at) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    const struct sockaddr_in any = {.sin_family = AF_INET};
    if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
        return -errno;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    *ret_inode = (uint32_t)status.st_ino;
    return fd_take(&fd);
}

/* A kernel before 6.8 does not refuse the state bit, it finds nothing by it. So look for a socket that is certainly
 * there. Where none can be made the answer stays "no", which only makes port_check() more careful. */
static int detect_bound(struct sock_diag *diag) {
    uint32_t inode = 0;
    CLEANUP(fd_close_at) int fd = open_bound_socket(&inode);
    CLEANUP(listener_list_deinit) struct listener_list list = {0};

    int r = dump_family(diag, AF_INET, SOCK_DIAG_BOUND, 0, &list);
    if (r < 0)
        return r;
    for (size_t i = 0; i < list.n_items && fd >= 0; i++)
        if (list.items[i].inode == inode)
            diag->sees_bound = true;
    return 0;
}

int sock_diag_new(struct sock_diag **ret_diag) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = calloc(1, sizeof(*diag));
    if (!diag)
        return -ENOMEM;
    int r = detect_bound(diag);
    if (r == -ENOENT)
        return -EPROTONOSUPPORT;
    if (r < 0)
        return r;
    *ret_diag = diag;
    diag = NULL;
    return 0;
}

struct sock_diag *sock_diag_free(struct sock_diag *diag) {
    if (diag)
        close_socket(diag);
    free(diag);
    return NULL;
}

bool sock_diag_sees_bound(const struct sock_diag *diag) {
    return diag->sees_bound;
}

/* ---- one connection ---- */

int sock_diag_endpoint_init(struct sock_diag_endpoint *ret_endpoint, const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
        listener_map_ipv4(ipv4->sin_addr, &ret_endpoint->address);
        ret_endpoint->port = ntohs(ipv4->sin_port);
        return 0;
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)address;
        ret_endpoint->address = ipv6->sin6_addr;
        ret_endpoint->port = ntohs(ipv6->sin6_port);
        return 0;
    }
    return -EAFNOSUPPORT;
}

static void write_address(int family, const struct in6_addr *address, __be32 ret_words[4]) {
    if (family == AF_INET)
        memcpy(ret_words, &address->s6_addr[12], sizeof(struct in_addr));
    else
        memcpy(ret_words, address, sizeof(*address));
}

static bool is_end(const struct sock_diag_endpoint *end, int family, const __be32 words[4], __be16 port) {
    const struct in6_addr address = read_address(family, words);
    return end->port == ntohs(port) && memcmp(&end->address, &address, sizeof(address)) == 0;
}

static int on_exact_socket(const struct nlmsghdr *message, void *data) {
    const struct answer *answer = data;
    struct inet_diag_msg *ret_found = answer->context;
    const struct inet_diag_msg *report = get_report(message);
    if (report)
        *ret_found = *report;
    return MNL_CB_STOP;
}

int sock_diag_find_peer(struct sock_diag *diag, const struct sock_diag_endpoint *local,
                        const struct sock_diag_endpoint *remote, uid_t *ret_uid, uint32_t *ret_inode) {
    /* IPv4 is asked as IPv4: that look-up finds IPv6 sockets that speak IPv4 too, and tells them as AF_INET6. */
    const bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(&local->address) && IN6_IS_ADDR_V4MAPPED(&remote->address);
    const int family = is_ipv4 ? AF_INET : AF_INET6;
    struct inet_diag_req_v2 request = {
        .sdiag_family = (uint8_t)family,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_states = TCP_STATES_ALL,
        .id = {.idiag_sport = htons(local->port),
               .idiag_dport = htons(remote->port),
               .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
    };
    write_address(family, &local->address, request.id.idiag_src);
    write_address(family, &remote->address, request.id.idiag_dst);

    struct inet_diag_msg found = {0};
    struct answer answer = {.context = &found};
    int r = converse(diag, &request, 0, on_exact_socket, &answer);
    if (r == -ENOENT)
        return SOCK_DIAG_E_UNKNOWN;
    if (r < 0)
        return r;
    /* SYN_SENT: no connection of ours, but another one that is being tried from the same end. */
    if (found.idiag_inode == 0 || found.idiag_state == TCP_SYN_SENT ||
        !is_end(local, found.idiag_family, found.id.idiag_src, found.id.idiag_sport) ||
        !is_end(remote, found.idiag_family, found.id.idiag_dst, found.id.idiag_dport))
        return SOCK_DIAG_E_UNKNOWN;
    *ret_uid = found.idiag_uid;
    *ret_inode = found.idiag_inode;
    return 0;
}
