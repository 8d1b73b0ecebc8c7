/*
 * Who is the server? See peer.h.
 */
#include "cli/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "probe/fd.h"
#include "probe/sock_diag.h"

static int identify_unix(int fd, struct peer *ret_peer) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return -errno;
    ret_peer->uid = credentials.uid;
    ret_peer->pid = credentials.pid;
    return 0;
}

static int to_endpoint(const struct sockaddr_storage *address, struct sock_diag_endpoint *ret_endpoint) {
    struct sockaddr_in6 ipv6;
    struct sockaddr_in ipv4;

    switch (address->ss_family) {
    case AF_INET:
        memcpy(&ipv4, address, sizeof ipv4);
        *ret_endpoint = (struct sock_diag_endpoint){.port = ntohs(ipv4.sin_port)};
        ret_endpoint->address.s6_addr[10] = 0xFF;
        ret_endpoint->address.s6_addr[11] = 0xFF;
        memcpy(ret_endpoint->address.s6_addr + 12, &ipv4.sin_addr, sizeof ipv4.sin_addr);
        return 0;
    case AF_INET6:
        memcpy(&ipv6, address, sizeof ipv6);
        *ret_endpoint = (struct sock_diag_endpoint){.address = ipv6.sin6_addr, .port = ntohs(ipv6.sin6_port)};
        return 0;
    default:
        return -EAFNOSUPPORT;
    }
}

static void free_diag_at(struct sock_diag **diag) {
    *diag = sock_diag_free(*diag);
}

/* The server's end of this very connection: its own address is our remote one. */
static int find_ends(int fd, struct sock_diag_endpoint *ret_server, struct sock_diag_endpoint *ret_own) {
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    int r;

    if (getpeername(fd, (struct sockaddr *)&address, &length) < 0)
        return -errno;
    r = to_endpoint(&address, ret_server);
    if (r < 0)
        return r;
    length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return -errno;
    return to_endpoint(&address, ret_own);
}

/* The kernel completes a connection before the server accepts it. Until then nobody has the server's end open, so the
 * look-up is repeated, at first after a pause no longer than an accept takes. */
static int identify_tcp(int fd, const struct patience *patience, struct peer *ret_peer) {
    CLEANUP(free_diag_at) struct sock_diag *diag = NULL;
    struct sock_diag_endpoint server;
    struct sock_diag_endpoint own;
    uint32_t inode;
    int r = find_ends(fd, &server, &own);

    if (r < 0)
        return r;
    r = sock_diag_new(&diag);
    if (r < 0)
        return r;
    for (uint64_t pause_ms = 0;; pause_ms = pause_ms < 16 ? pause_ms * 2 + 1 : pause_ms) {
        char byte;

        ret_peer->pid = 0;
        r = sock_diag_find_peer(diag, &server, &own, &ret_peer->uid, &inode);
        if (r != SOCK_DIAG_E_UNKNOWN)
            return r;
        if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
            return PEER_E_UNKNOWN; /* closed by the server: it will never be known */
        r = patience_pause(pause_ms, patience);
        if (r < 0)
            return r;
    }
}

int peer_identify(int fd, const struct patience *patience, struct peer *ret_peer) {
    struct peer peer = {0};
    int family;
    socklen_t length = sizeof family;
    int r;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0)
        return -errno;
    r = family == AF_UNIX ? identify_unix(fd, &peer) : identify_tcp(fd, patience, &peer);
    if (r != 0)
        return r;
    *ret_peer = peer;
    return 0;
}

bool peer_is_elsewhere(pid_t pid) {
    char path[32];
    struct stat own;
    struct stat other;

    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    return pid != 0 && stat("/proc/self/ns/net", &own) == 0 && stat(path, &other) == 0 &&
           (own.st_ino != other.st_ino || own.st_dev != other.st_dev);
}

/* The user database is asked last: it loads libraries and may ask the network. */
static bool is_system_user(uid_t uid) {
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];

    return getpwnam_r(PEER_SYSTEM_USER, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL &&
           found->pw_uid == uid;
}

bool peer_is_trusted(uid_t uid) {
    return uid == geteuid() || uid == 0 || is_system_user(uid);
}
