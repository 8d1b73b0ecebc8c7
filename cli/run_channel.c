/*
 * Bytes and descriptors over a socket. See run_channel.h.
 */
#include "cli/run_channel.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "probe/fd.h"

/* Room for one message's descriptors, aligned as the kernel wants it. */
union ancillary {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * RUN_CHANNEL_FDS_MAX)];
};

int run_channel_open(int ret_ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_ends) < 0 ? -errno : 0;
}

static void attach(struct msghdr *message, union ancillary *ancillary, const int *fds, size_t n_fds) {
    struct cmsghdr *header;

    memset(ancillary, 0, sizeof *ancillary);
    message->msg_control = ancillary->bytes;
    message->msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
}

int run_channel_send(int channel, const void *bytes, size_t length, const int *fds, size_t n_fds) {
    union ancillary ancillary;
    size_t sent = 0;

    if (n_fds > RUN_CHANNEL_FDS_MAX)
        return -E2BIG;
    while (sent < length) {
        struct iovec part = {.iov_base = (char *)(uintptr_t)bytes + sent, .iov_len = length - sent};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t n_bytes;

        if (n_fds > 0)
            attach(&message, &ancillary, fds, n_fds);
        n_bytes = sendmsg(channel, &message, MSG_NOSIGNAL);
        if (n_bytes < 0 && errno != EINTR)
            return -errno;
        if (n_bytes > 0) {
            sent += (size_t)n_bytes;
            n_fds = 0;
        }
    }
    return 0;
}

/* Takes over what came. Those that there is no room for are closed: a leak would reach the program. */
static size_t take_fds(struct msghdr *message, int *ret_fds, size_t n_fds, size_t n_taken) {
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        size_t n;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            if (n_taken < n_fds)
                ret_fds[n_taken++] = fd;
            else
                close(fd);
        }
    }
    return n_taken;
}

int run_channel_receive(int channel, void *ret_bytes, size_t length, int *ret_fds, size_t n_fds) {
    int fds[RUN_CHANNEL_FDS_MAX];
    size_t n_taken = 0;
    size_t received = 0;
    int r = n_fds > RUN_CHANNEL_FDS_MAX ? -E2BIG : 0;

    while (r == 0 && received < length) {
        union ancillary ancillary;
        struct iovec part = {.iov_base = (char *)ret_bytes + received, .iov_len = length - received};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = ancillary.bytes,
                                 .msg_controllen = sizeof ancillary.bytes};
        ssize_t n_bytes = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);

        if (n_bytes > 0) {
            received += (size_t)n_bytes;
            n_taken = take_fds(&message, fds, n_fds, n_taken);
        } else if (n_bytes == 0) {
            r = -EPIPE;
        } else if (errno != EINTR) {
            r = -errno;
        }
    }
    if (r == 0 && n_taken != n_fds)
        r = -EBADMSG;
    if (r == 0 && n_fds > 0)
        memcpy(ret_fds, fds, n_fds * sizeof fds[0]);
    for (size_t i = 0; r < 0 && i < n_taken; i++)
        close(fds[i]);
    return r;
}
