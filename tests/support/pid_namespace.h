/* A pid namespace of a test's own, in which the next pid can be chosen (ns_last_pid). */
#ifndef TESTS_SUPPORT_PID_NAMESPACE_H
#define TESTS_SUPPORT_PID_NAMESPACE_H

/*
 * Calls `run` in the first process of a fresh pid namespace, with a /proc of its own. Returns what it returned; PID_NAMESPACE_FAILED: /proc could not
 * be mounted, or it did not exit; PID_NAMESPACE_NOT_ALLOWED: the test may not make one.
 */
#define PID_NAMESPACE_FAILED      76
#define PID_NAMESPACE_NOT_ALLOWED 77
int pid_namespace_run(int (*run)(void));

#endif
