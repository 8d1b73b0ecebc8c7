/*
 * The child's side of run --remap: the filter that lets bind() wait for portctl.
 *
 * libseccomp writes it, because bind() has another number on each architecture, and on 32-bit x86 it may hide in socketcall(2).
 * It is loaded by hand, because the libseccomp of Debian 12 does not know WAIT_KILLABLE_RECV. Without that flag a signal
 * interrupts a bind that portctl has done already; remap_repeat.h is for the kernels that have not got it.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/remap.h"
#include "probe/fd.h"

/* Linux 5.19; not in the headers of every system that it is built on. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Room for a filter: two architectures and a few lines for each. The kernel's own limit is BPF_MAXINSNS, 4096. */
#define INSTRUCTIONS_MAX 256

static void release_filter_at(scmp_filter_ctx *filter) {
    if (*filter != NULL)
        seccomp_release(*filter);
    *filter = NULL;
}

/*
 * Both halves are tried before anything is done that cannot be undone. A kernel that has pidfd_getfd() (5.6) has
 * SECCOMP_USER_NOTIF_FLAG_CONTINUE (5.5) as well. It finds no descriptor -1; what forbids the call says something else.
 */
static bool is_supported(void) {
    const unsigned action = SECCOMP_RET_USER_NOTIF;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 && syscall(SYS_pidfd_getfd, -1, 0, 0) < 0 &&
           errno == EBADF;
}

/* A program of an architecture that is not named here runs on unremapped; the default would kill it. */
static int build_filter(scmp_filter_ctx filter) {
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);

    if (r == 0 && seccomp_arch_native() == SCMP_ARCH_X86_64)
        r = seccomp_arch_add(filter, SCMP_ARCH_X86);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(bind), 0);
    return r;
}

/* By way of a file: libseccomp 2.5 exports to nothing else. Returns 0 or -errno. */
static int read_instructions(scmp_filter_ctx filter, struct sock_filter *ret_instructions,
                             struct sock_fprog *ret_program) {
    CLEANUP(fd_close_at) int fd = memfd_create("remap-filter", MFD_CLOEXEC);
    ssize_t length;
    int r;

    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(filter, fd);
    if (r < 0)
        return r;
    length = pread(fd, ret_instructions, INSTRUCTIONS_MAX * sizeof *ret_instructions, 0);
    if (length < 0)
        return -errno;
    if (length == 0 || length == (ssize_t)(INSTRUCTIONS_MAX * sizeof *ret_instructions))
        return -E2BIG;
    *ret_program = (struct sock_fprog){
        .len = (unsigned short)((size_t)length / sizeof *ret_instructions),
        .filter = ret_instructions,
    };
    return 0;
}

/*
 * SPEC_ALLOW: before Linux 5.16 a filter would also switch off speculation that makes the whole program slower, which is meant
 * for programs that somebody wants to contain.
 */
static int load(const struct sock_fprog *program, int *ret_fd) {
    const unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, program);

    if (fd < 0 && errno == EINVAL)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    if (fd >= 0) {
        *ret_fd = (int)fd;
        return 0;
    }
    switch (errno) {
    case EBUSY:
        return REMAP_E_NESTED;
    case EINVAL:
    case ENOSYS:
        return REMAP_E_UNSUPPORTED;
    default:
        return -errno;
    }
}

int remap_filter_install(int *ret_fd) {
    CLEANUP(release_filter_at) scmp_filter_ctx filter = NULL;
    struct sock_filter instructions[INSTRUCTIONS_MAX];
    struct sock_fprog program;
    int r;

    if (!is_supported())
        return REMAP_E_UNSUPPORTED;
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return -ENOMEM;
    r = build_filter(filter);
    if (r == 0)
        r = read_instructions(filter, instructions, &program);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return load(&program, ret_fd);
}
