/*
 * Actors: processes that do what a test tells them (fork, begin a session, end), so that any family of processes can be had. They have no
 * socket; fake_kernel_own() makes one theirs. They end with the test.
 */
#ifndef TESTS_SUPPORT_ACTOR_H
#define TESTS_SUPPORT_ACTOR_H

#include "probe/process_info.h"

struct actor;

/* Starts an actor, a child of the test. It is `uid`'s; 0: whose the test is. */
struct actor *actor_start(uid_t uid);

/* The actor forks; returns its child. */
struct actor *actor_fork(struct actor *actor);

/* The actor, who leads no process group, begins a session. */
void actor_begin_session(struct actor *actor);

/* The actor ends, and this waits for it. Its children live on. */
void actor_end(struct actor *actor);

/* The same, and whoever has its pid next: a sibling, in the same pid namespace, by ns_last_pid. Needs root. */
struct actor *actor_replace(struct actor *actor);

pid_t actor_pid(const struct actor *actor);

/* Reads the actor, as a walk would. The caller's to unref. */
struct process_info *actor_read(const struct actor *actor);

#endif
