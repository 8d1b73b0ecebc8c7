/*
 * The channel between portctl and its child: bytes and descriptors arrive whole, or it is said why not.
 */
#include "cli/run_channel.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"

static int ends[2];

static void open_ends(void) {
    cr_assert_eq(run_channel_open(ends), 0);
}

static void close_ends(void) {
    fd_close_at(&ends[0]);
    fd_close_at(&ends[1]);
}

TestSuite(cli_run_channel, .init = open_ends, .fini = close_ends);

#define MANY (4 << 20)

static int send_many(void *context) {
    return run_channel_send(ends[1], context, MANY, NULL, 0) == 0 ? 0 : 1;
}

/* More than any buffer holds: the environment of a machine with many services. */
Test(cli_run_channel, megabytes_arrive_whole) {
    char *sent = malloc(MANY);
    char *received = calloc(1, MANY);
    for (size_t i = 0; i < MANY; i++)
        sent[i] = (char)(i * 31 >> 3);
    const pid_t sender = child_start(0, send_many, sent);
    cr_assert_eq(run_channel_receive(ends[0], received, MANY, NULL, 0), 0);
    cr_assert_eq(memcmp(sent, received, MANY), 0);
    cr_assert_eq(child_wait(sender), 0);
    free(sent);
    free(received);
}

static ino_t inode_of(int fd) {
    struct stat status;
    cr_assert_eq(fstat(fd, &status), 0);
    return status.st_ino;
}

Test(cli_run_channel, descriptors_arrive_in_order_and_close_on_exec) {
    int pipes[2];
    int received[2] = {-1, -1};
    char bytes[5];
    cr_assert_eq(pipe(pipes), 0);
    cr_assert_eq(run_channel_send(ends[1], "hello", 5, (const int[]){pipes[1], ends[0]}, 2), 0);
    cr_assert_eq(run_channel_receive(ends[0], bytes, 5, received, 2), 0);
    cr_assert_eq(memcmp(bytes, "hello", 5), 0);
    cr_assert_eq(inode_of(received[0]), inode_of(pipes[1]));
    cr_assert_eq(inode_of(received[1]), inode_of(ends[0]));
    cr_assert_eq(fcntl(received[0], F_GETFD), FD_CLOEXEC);
    cr_assert_eq(fcntl(received[1], F_GETFD), FD_CLOEXEC);
}

static size_t count_open(void) {
    size_t n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

Test(cli_run_channel, descriptors_that_nobody_asked_for_are_closed) {
    char byte;
    int received[1] = {-1};
    const size_t before = count_open();
    cr_assert_eq(run_channel_send(ends[1], "a", 1, (const int[]){0, 1, 2}, 3), 0);
    cr_assert_eq(run_channel_receive(ends[0], &byte, 1, NULL, 0), 0);
    cr_assert_eq(run_channel_send(ends[1], "a", 1, NULL, 0), 0);
    cr_assert_eq(run_channel_receive(ends[0], &byte, 1, received, 1), -EBADMSG);
    cr_assert_eq(received[0], -1);
    cr_assert_eq(count_open(), before);
}

Test(cli_run_channel, an_end_that_is_gone_is_told) {
    char bytes[2];
    cr_assert_eq(run_channel_send(ends[1], "a", 1, NULL, 0), 0);
    fd_close_at(&ends[1]);
    cr_assert_eq(run_channel_receive(ends[0], bytes, 2, NULL, 0), -EPIPE);
    cr_assert_eq(run_channel_send(ends[0], "a", 1, NULL, 0), -EPIPE);
}
