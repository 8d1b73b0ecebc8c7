#include "tests/support/pid_namespace.h"

#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for_exit(pid_t child) {
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                                 : PID_NAMESPACE_FAILED;
}

static int run_as_first_process(int (*run)(void)) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0)
        return PID_NAMESPACE_FAILED;
    return run();
}

static int run_in_namespace(int (*run)(void)) {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        return PID_NAMESPACE_NOT_ALLOWED;
    const pid_t first_process = fork();
    if (first_process == 0)
        _exit(run_as_first_process(run));
    return wait_for_exit(first_process);
}

/* In a child, because who has left his pid namespace cannot fork any more once its first process has ended. */
int pid_namespace_run(int (*run)(void)) {
    const pid_t child = fork();
    if (child == 0)
        _exit(run_in_namespace(run));
    return wait_for_exit(child);
}
