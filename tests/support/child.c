/* Forked children, and what they share. */
#include "tests/support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/fail.h"
#include "tests/support/wait.h"

static void become(uid_t uid) {
    if (uid == 0)
        return;
    if (setgroups(0, NULL) < 0 || setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid) < 0 || setresuid(uid, uid, uid) < 0)
        fail_test("A child cannot become uid %u: %s.", uid, strerror(errno));
}

/* An ordinary user has every capability in his user namespace, and his children have them, too. portd, which is executed,
 * has none, and may not look into a process that has more than itself (ptrace(2)): so they are given up. */
static void drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
        fail_test("A child cannot give up its capabilities: %s.", strerror(errno));
}

static _Noreturn void be_child(uid_t uid, int ready_fd, pid_t parent, int (*run)(void *context), void *context) {
    become(uid);
    if (geteuid() != 0)
        drop_capabilities();
    /* Only now: a change of uid clears it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || write(ready_fd, "", 1) != 1)
        _exit(EXIT_FAILURE);
    close(ready_fd);
    const int code = run(context);
    fflush(NULL);
    _exit(code);
}

pid_t child_start(uid_t uid, int (*run)(void *context), void *context) {
    const pid_t parent = getpid();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        fail_test("No pipe can be made: %s.", strerror(errno));
    /* What is still in a buffer would be written by both. */
    fflush(NULL);
    const pid_t pid = fork();
    if (pid < 0)
        fail_test("No child can be made: %s.", strerror(errno));
    if (pid == 0)
        be_child(uid, ends[1], parent, run, context);
    close(ends[1]);
    char byte;
    if (read(ends[0], &byte, 1) != 1)
        fail_test("A child ended before it began.");
    close(ends[0]);
    return pid;
}

static int live(void *context) {
    (void)context;
    while (pause() < 0)
        continue;
    return 0;
}

pid_t child_start_idle(uid_t uid) {
    return child_start(uid, live, NULL);
}

int child_wait(pid_t pid) {
    int status;
    const struct wait wait = wait_for("a child to end");
    for (;;) {
        const pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        if (ended < 0 && errno != EINTR)
            fail_test("The child %d cannot be waited for: %s.", pid, strerror(errno));
        wait_more(&wait);
    }
}

void child_kill(pid_t pid) {
    kill(pid, SIGKILL);
    child_wait(pid);
}

void *child_share(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail_test("No memory can be shared: %s.", strerror(errno));
    return memory;
}
