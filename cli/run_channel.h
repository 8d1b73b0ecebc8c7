/*
 * The channel between portctl and the child that is to become the program: numbers, bytes and descriptors, in order. Its other end's death is an
 * answer like any other, so nobody waits for one who has gone.
 */
#ifndef CLI_RUN_CHANNEL_H
#define CLI_RUN_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

/* One message goes with so many descriptors at most (SCM_RIGHTS, unix(7), takes 253). */
#define RUN_CHANNEL_FDS_MAX 64

/* Makes both ends, CLOEXEC. Returns 0 or -errno. */
int run_channel_open(int ret_ends[2]);

/* Sends all of the bytes, at least one, and the descriptors with the first of them. They stay the caller's. Returns 0 or -errno: -EPIPE,
 * -ECONNRESET if nobody is there any more. */
int run_channel_send(int channel, const void *bytes, size_t length, const int *fds, size_t n_fds);

/*
 * Receives exactly so many bytes, and the descriptors that come with the first of them, CLOEXEC, the caller's from here: `n_fds` of them, no more and no
 * less.
 * Returns 0; -EPIPE if the channel ended before; -EBADMSG if the descriptors were not as many; another -errno.
 */
int run_channel_receive(int channel, void *ret_bytes, size_t length, int *ret_fds, size_t n_fds);

#endif
