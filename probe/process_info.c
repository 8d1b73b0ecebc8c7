/*
 * Reading a process whole. All of it is read while its pidfd is open and before it is found alive once more, so nothing here
 * can be about another process that got the pid.
 */
#include "probe/process_info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "probe/cgroup.h"
#include "probe/command_line.h"
#include "probe/fd.h"
#include "probe/proc_file.h"

/* As much of a command line as is looked at: more than is shown, because what is masked is shorter then. */
#define ARGUMENTS_MAX ((size_t)32 << 10)
/* Nearly always the kernel's own bound on arguments and environment (execve(2)). */
#define ENVIRONMENT_MAX ((size_t)2 << 20)

/* What could not be read because the process hides it, or has not got it, stays empty. */
static int forgive(int r) {
    return proc_is_scarcity(r) ? r : 0;
}

static int read_command(int process_fd, struct process_info *info) {
    CLEANUP(proc_free_at) char *arguments = NULL;
    size_t length = 0;
    int r = proc_read_all(process_fd, "cmdline", ARGUMENTS_MAX, &arguments, &length);
    if (proc_is_scarcity(r))
        return r;
    /* Half an argument may be a secret that cannot be told for one. */
    if (length == ARGUMENTS_MAX)
        while (length > 0 && arguments[length - 1] != '\0')
            length--;
    char text[PROCESS_COMMAND_MAX] = "";
    if (r == 0)
        command_line_format(arguments, length, text, sizeof(text));
    info->command = strdup(text);
    return info->command ? 0 : -ENOMEM;
}

static int read_variable(int process_fd, const char *variable, struct process_info *info) {
    if (!variable)
        return 0;
    CLEANUP(proc_free_at) char *environment = NULL;
    size_t length = 0;
    int r = proc_read_all(process_fd, "environ", ENVIRONMENT_MAX, &environment, &length);
    if (r < 0)
        return forgive(r);
    const size_t n_name = strlen(variable);
    for (const char *at = environment; at < environment + length; at += strlen(at) + 1) {
        if (strncmp(at, variable, n_name) != 0 || at[n_name] != '=')
            continue;
        const char *value = at + n_name + 1;
        if (strlen(value) < sizeof(info->variable))
            memcpy(info->variable, value, strlen(value) + 1);
        return 0;
    }
    return 0;
}

static int64_t to_ms(struct timespec time) {
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Start times count from the boot, and suspend is in them. */
static int find_started(uint64_t start_time, int64_t *ret_unix_ms) {
    struct timespec now;
    struct timespec since_boot;
    const long ticks_per_second = sysconf(_SC_CLK_TCK);
    if (ticks_per_second <= 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 ||
        clock_gettime(CLOCK_BOOTTIME, &since_boot) < 0)
        return -errno;
    const int64_t start_ms = (int64_t)(start_time * 1000 / (uint64_t)ticks_per_second);
    *ret_unix_ms = to_ms(now) - to_ms(since_boot) + start_ms;
    return 0;
}

static int read_parent(pid_t pid, struct proc_stat *ret_stat) {
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    return process_fd < 0 ? process_fd : proc_read_stat(process_fd, ret_stat);
}

/* A pid that was used again since its child read it is younger than the child. */
static int read_parents(struct proc_stat child, struct process_info *info) {
    while (child.parent > 0 && info->n_parents < PROCESS_PARENTS_MAX) {
        struct proc_stat stat;
        int r = read_parent(child.parent, &stat);
        if (r < 0)
            return forgive(r);
        if (stat.start_time > child.start_time)
            return 0;
        struct process_parent *parent = &info->parents[info->n_parents++];
        parent->pid = child.parent;
        parent->start_time = stat.start_time;
        memcpy(parent->name, stat.name, sizeof(parent->name));
        child = stat;
    }
    return 0;
}

static int read_all(int process_fd, const char *variable, struct process_info *info) {
    struct proc_stat stat;
    int r = proc_read_stat(process_fd, &stat);
    if (r < 0)
        return r;
    memcpy(info->name, stat.name, sizeof(info->name));
    info->session = stat.session;
    info->group = stat.group;
    r = find_started(stat.start_time, &info->started_unix_ms);
    if (r == 0)
        r = read_command(process_fd, info);
    if (r == 0)
        r = forgive(proc_read_link(process_fd, "exe", &info->executable));
    if (r == 0)
        r = forgive(proc_read_link(process_fd, "cwd", &info->directory));
    if (r == 0)
        r = forgive(cgroup_of_process(info->id.pid, &info->cgroup));
    if (r == 0)
        r = read_variable(process_fd, variable, info);
    return r < 0 ? r : read_parents(stat, info);
}

/* The kernel gives the lowest number that is free, so the number tells how many are in use. */
static void spare_descriptors(int *pidfd) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || (rlim_t)*pidfd >= limit.rlim_cur - limit.rlim_cur / 4)
        fd_close_at(pidfd);
}

int process_info_read(pid_t pid, const char *variable, struct process_info **ret_info) {
    CLEANUP(process_info_unref_at) struct process_info *info = calloc(1, sizeof(*info));
    if (!info)
        return -ENOMEM;
    info->n_references = 1;
    info->pidfd = -1;
    int r = process_pin(pid, &info->pidfd, &info->id, &info->uid);
    if (r != 0)
        return r;
    CLEANUP(fd_close_at) int process_fd = proc_open_process(pid);
    r = process_fd < 0 ? process_fd : read_all(process_fd, variable, info);
    if (proc_is_scarcity(r))
        return r;
    const int r_ended = process_has_ended(info->pidfd);
    if (r_ended != 0)
        return r_ended < 0 ? r_ended : PROCESS_E_GONE;
    if (r < 0)
        return r;
    spare_descriptors(&info->pidfd);
    *ret_info = info;
    info = NULL;
    return 0;
}

struct process_info *process_info_ref(struct process_info *info) {
    info->n_references++;
    return info;
}

struct process_info *process_info_unref(struct process_info *info) {
    if (!info || --info->n_references > 0)
        return NULL;
    fd_close_at(&info->pidfd);
    free(info->command);
    free(info->executable);
    free(info->directory);
    free(info->cgroup);
    free(info);
    return NULL;
}
