/*
 * Child processes of a test: clients that run beside it, as another user where that is asked for. They die with the test.
 * A child that runs into fail_test() ends by SIGABRT, which child_wait() tells.
 */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/* Calls `run` in a child, which exits with what it returns. `uid` 0: nobody else; only root can become another, and the child
 * is that other when this returns. */
pid_t child_start(uid_t uid, int (*run)(void *context), void *context);

/* A child that does nothing but live. */
pid_t child_start_idle(uid_t uid);

/* Waits for the child's end. Returns its exit code, or minus the signal that ended it. Ends the test if two minutes were not
 * enough. */
int child_wait(pid_t pid);

/* Kills the child and waits for its end. */
void child_kill(pid_t pid);

/* Memory, all zero, that the test and the children that it starts from here on have in common. */
void *child_share(size_t size);

#endif
