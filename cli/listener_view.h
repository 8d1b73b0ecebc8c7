/*
 * Listeners and their owners as portd's JSON tells them. The views borrow their texts from the document; none of them is safe
 * for a terminal yet. What portd does not say is NULL or 0.
 */
#ifndef CLI_LISTENER_VIEW_H
#define CLI_LISTENER_VIEW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct owner_view {
    pid_t pid;
    bool has_start_time;
    uint64_t start_time;
    bool has_uid;
    uid_t uid;
    const char *user;
    const char *process;
    const char *command;
    const char *directory;
    const char *unit;
    const cJSON *container;
    const cJSON *parents; /* the nearest first */
};

struct listener_view {
    uint16_t port;
    const char *address;
    const char *state; /* "listen", "bound" */
    uint32_t inode;
    bool has_uid;
    uid_t uid;
    const char *user;
    const char *since; /* RFC 3339 */
    bool since_start;
    const char *cgroup;
    const char *unit;
    const cJSON *container;
    pid_t pid; /* the first owner */
    const char *process;
    const cJSON *owners;
    const cJSON *hidden;
    const char *service_name; /* of the lease on its port */
    const char *evidence;     /* its level */
};

/* Returns false if it has no port or no address. */
bool listener_view_read(const cJSON *listener, struct listener_view *ret_view);

/* Returns false if it has no pid. */
bool owner_view_read(const cJSON *owner, struct owner_view *ret_view);

/* The first owner: of `owners`, or else what the listener itself says. Returns false if it is hidden. */
bool listener_view_first_owner(const struct listener_view *view, struct owner_view *ret_owner);

#define LISTENER_TEXT_MAX 512

/* "127.0.0.1:8001", "[::1]:8001"; LISTENER_TEXT_MAX bytes, as below. */
void listener_view_format_address(const struct listener_view *view, char *ret_text);

/* "ann", or "uid 1000", or "an unknown user". */
void listener_view_format_user(const char *user, bool has_uid, uid_t uid, char *ret_text);

/* "docker 3f2a91c04b1d at 172.17.0.2:80": the runtime, the beginning of the id, and the container's own address. "" if there
 * is no container. */
void listener_view_format_container(const cJSON *container, char *ret_text);

/* The container, else the unit, else "". */
void listener_view_format_place(const struct listener_view *view, char *ret_text);

#endif
