/*
 * A listener: one TCP socket that occupies a local port, as the kernel reports it.
 *
 * Usually a socket in LISTEN; the dearer dumps of sock_diag.h also report sockets that are bound and not listening, and
 * those of live or dying connections, because each of them can make a port impossible to bind. A plain value: copy it
 * as you like. Ports are host order, addresses network order.
 */
#ifndef PROBE_LISTENER_H
#define PROBE_LISTENER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum listener_state {
    LISTENER_LISTEN,    /* listen() was called */
    LISTENER_BOUND,     /* bound, neither listening nor connected (TCP_BOUND_INACTIVE, Linux 6.8 and newer) */
    LISTENER_CONNECTED, /* one end of a connection, in any state but the next two */
    LISTENER_TIME_WAIT, /* TIME_WAIT: a closed connection that the kernel still remembers */
    LISTENER_ORPHAN, /* a connection that no process has open (inode 0): closed and not yet gone, or not yet accepted */
};

struct listener {
    int family;              /* AF_INET or AF_INET6: the socket's, also if its address is IPv4 */
    struct in6_addr address; /* IPv4: as ::ffff:a.b.c.d, so that one comparison serves both families */
    uint16_t port;           /* host order */
    enum listener_state state;
    uid_t uid;          /* 0 where the kernel keeps none (TIME_WAIT, orphans): see state */
    uint32_t inode;     /* 0: no process has it open */
    uint64_t cgroup_id; /* cgroup v2 id; 0: the kernel does not tell */
    bool v6only;        /* AF_INET6, listening or bound: does not take IPv4; false for all others */
};

/* A growable list of listeners that owns its storage. An all-zero struct is an empty list. */
struct listener_list {
    struct listener *items;
    size_t n_items;
    size_t capacity;
};

/* Frees the storage and leaves an empty list: CLEANUP(listener_list_deinit) does for a local. NULL is allowed. */
void listener_list_deinit(struct listener_list *list);

/* Empties the list and keeps its storage. */
void listener_list_clear(struct listener_list *list);

/* Appends a copy. Returns 0, or -ENOMEM with the list untouched. */
int listener_list_add(struct listener_list *list, const struct listener *listener);

/* Appends copies of all of `others`, in their order. Returns 0, or -ENOMEM with the list untouched. */
int listener_list_add_all(struct listener_list *list, const struct listener_list *others);

/* Writes an IPv4 address (network order) in the form that struct listener has it: ::ffff:a.b.c.d. */
void listener_map_ipv4(struct in_addr ipv4, struct in6_addr *ret_mapped);

/* The longest text of listener_format_address(), its NUL included ("::ffff:" is never shown). */
#define LISTENER_ADDRESS_MAX INET6_ADDRSTRLEN

/* Writes the address as text ("127.0.0.1", "::") to `ret_text`, which has LISTENER_ADDRESS_MAX bytes. An IPv4 address
 * is written as IPv4 even if an IPv6 socket holds it. */
void listener_format_address(const struct listener *listener, char *ret_text);

/* The state as the API's word: "listen", "bound", "connected", "time-wait", "orphan". Static. */
const char *listener_state_name(enum listener_state state);

#endif
