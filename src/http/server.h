/*
 * HTTP on the loop: portd accepts connections itself, asks the kernel whose they are, counts them against their uid, and hands
 * them to one libmicrohttpd daemon that has no listening socket and no thread. Its epoll descriptor is a source of the
 * loop like any other.
 */
#ifndef SRC_HTTP_SERVER_H
#define SRC_HTTP_SERVER_H

#include <systemd/sd-event.h>

#include "src/api/api.h"

struct sock_diag;
struct server;

/* Connections that one uid may have open at once; those whose uid the kernel does not tell are counted together. */
#define SERVER_CONNECTIONS_PER_UID 64

/* Makes the server on `event`. `api` and `diag` are borrowed and must outlive it. Returns 0 or -errno. */
int server_new(sd_event *event, struct api *api, struct sock_diag *diag, struct server **ret_server);

/* Closes every connection and listening socket. NULL is allowed; returns NULL. */
struct server *server_free(struct server *server);

/* Something has changed: answers that wait for it are tried, and streams that have something new go on, at the loop's next turn. May be called at
 * any time. NULL is allowed. */
void server_wake(struct server *server);

/* Takes over a listening socket and answers on it. Returns 0, or -errno with the socket closed. */
int server_add_listener(struct server *server, int fd, enum api_transport transport);

#endif
