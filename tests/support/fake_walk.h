/*
 * A walk over the processes that a test names, in the place of the one over all of /proc: it finds whom the test has told it of, and
 * it waits, or fails, when the test says so. To be called from the watch's worker, while the test's own thread calls the others.
 */
#ifndef TESTS_SUPPORT_FAKE_WALK_H
#define TESTS_SUPPORT_FAKE_WALK_H

#include "probe/owner_walk.h"

/* The walk, as watch_new_with() and worker_new() take it. Looks into the processes that it knows, lowest pid first. */
int fake_walk(const struct owner_wanted *wanted, size_t n_wanted, const char *variable, size_t max_fds,
              struct owner_result *ret_result);

/* From here on walks look into this process, too. */
void fake_walk_know(pid_t pid);

/* From here on walks wait before they end, until they are let go. */
void fake_walk_hold(void);
void fake_walk_let_go(void);

/* From here on walks fail with this -errno; 0: no longer. */
void fake_walk_fail(int r);

/* How many walks have begun, and how many have ended. */
unsigned fake_walk_begun(void);
unsigned fake_walk_ended(void);

/* How many sockets all of them were asked for. */
size_t fake_walk_wanted(void);

#endif
