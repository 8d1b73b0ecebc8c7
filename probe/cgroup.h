/*
 * Control groups: the path of one, and what its path tells: the systemd unit and the container. The kernel tells a socket's
 * cgroup even where its process is hidden (INET_DIAG_CGROUP_ID), so this is what is left to say about a hidden owner.
 */
#ifndef PROBE_CGROUP_H
#define PROBE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_UNIT_MAX      256
#define CGROUP_RUNTIME_MAX   16
#define CGROUP_CONTAINER_MAX 65

struct cgroup_names {
    char unit
        [CGROUP_UNIT_MAX]; /* the innermost *.service, *.scope or *.socket of the path, unescaped as systemd shows it: "docker.service"; "": none */
    char runtime[CGROUP_RUNTIME_MAX]; /* "docker", "podman", "containerd", "cri-o", "lxc", "nspawn"; "": no container */
    char container[CGROUP_CONTAINER_MAX]; /* its id (64 hexadecimal digits) or name */
};

/* Reads the names out of a path ("/system.slice/docker-<id>.scope"). NULL and "" give empty names. */
void cgroup_parse(const char *path, struct cgroup_names *ret_names);

/* True if everything in the cgroup is one service's or one container's: the unit is a .service other than user@N.service, or there
 * is a container. A session's scope, a slice and the root are shared by everything that a user runs. */
bool cgroup_is_evidence(const char *path);

/* The process's path: of the unified hierarchy, else of systemd's own; without a leading "/.." of another namespace.
 * Returns 0 and *ret_path, the caller's to free; -ENOENT if it is in none; -errno. */
int cgroup_of_process(pid_t pid, char **ret_path);

/*
 * The path of the cgroup v2 of this id, which is its directory's inode number (kernfs). Walks the mounted hierarchy, at most
 * 20,000 directories: some milliseconds, so it is for a worker thread.
 * Returns 0 and *ret_path, the caller's to free; -ENOENT if it is not found or no hierarchy is mounted; -errno.
 */
int cgroup_of_id(uint64_t id, char **ret_path);

#endif
