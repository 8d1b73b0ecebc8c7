/*
 * Control groups: the path of one, and what its path tells: the systemd unit and the container. The kernel tells a socket's
 * cgroup even where its process is hidden (INET_DIAG_CGROUP_ID), so this is what is left to say about a hidden owner.
 */
#ifndef PROBE_CGROUP_H
#define PROBE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
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

/* Reads the names out of a path ("/system.slice/docker-<id>.scope"). NULL and "" give empty names. Of a container in a container
 * the outer one's: the machine's own tools know it. */
void cgroup_parse(const char *path, struct cgroup_names *ret_names);

/* True if everything in the cgroup is one service's or one container's: the unit is a .service other than user@N.service, or there
 * is a container. A session's scope, a slice and the root are shared by everything that a user runs. */
bool cgroup_is_evidence(const char *path);

/* The process's path: of the unified hierarchy, unless there is none or the process is in its root and systemd's own hierarchy says
 * more; without a leading "/.." of another namespace.
 * Returns 0 and *ret_path, the caller's to free; -ENOENT if it is in none; -errno. */
int cgroup_of_process(pid_t pid, char **ret_path);

/* The same from the text of a /proc/PID/cgroup, which is written into. */
int cgroup_choose(char *text, char **ret_path);

/*
 * The path of the cgroup v2 of this id, which is its directory's inode number (kernfs). Walks the mounted hierarchy, at most
 * 20,000 directories: some milliseconds, so it is for a worker thread.
 * Returns 0 and *ret_path, the caller's to free; -ENOENT if it is not found or no hierarchy is mounted; -errno.
 */
int cgroup_of_id(uint64_t id, char **ret_path);

/* The same for many in one walk. `ids` are in ascending order, each there once; `ret_paths` has room for as many, and those that
 * are not found are NULL. Returns 0, -ENOENT or -errno as above. */
int cgroup_of_ids(const uint64_t *ids, size_t n_ids, char **ret_paths);

#endif
