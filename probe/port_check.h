/*
 * Is a port free in the kernel, and if not, who has it? The one question that PortManager asks before each grant.
 *
 * Two witnesses: sock_diag's listeners of both families, and a bind of our own. The strict bind test ([::] with
 * IPV6_V6ONLY=0 and no SO_REUSEADDR) fails for every holder on every address: listening, bound, connected, TIME_WAIT.
 * Where it passes, any server can bind. The lenient test (the same with SO_REUSEADDR, and listen()) passes over
 * TIME_WAIT and over connections whose listener is gone, as a server's own bind would; it also passes over a socket that
 * is bound with SO_REUSEADDR and has not called listen() yet, so it is believed only if the dump of bound sockets is
 * empty. On a kernel that does not report bound sockets it is never believed.
 */
#ifndef PROBE_PORT_CHECK_H
#define PROBE_PORT_CHECK_H

#include "probe/listener.h"

struct sock_diag;

enum port_check_effort {
    PORT_CHECK_QUICK,    /* the strict test and the listeners: enough to go on to the next port */
    PORT_CHECK_THOROUGH, /* and the lenient test, and the dear dumps that explain a refusal */
};

/*
 * Asks the kernel whether `port` (1..65535, host order) can be bound by a server on any address.
 *
 * Returns
 *   0                            free,
 *   PORT_CHECK_E_BUSY            not free. THOROUGH: `evidence` has gained what occupies it: listening, then bound, then,
 *                                if nothing listens, connections (a listener's own explain nothing). It may have gained
 *                                nothing where the kernel does not report bound sockets, or if the holder came and
 *                                went twice. QUICK: nothing, as a rule,
 *   PORT_CHECK_E_NOT_PERMITTED   this process may not bind the port (below net.ipv4.ip_unprivileged_port_start), so
 *                                nothing can be said (THOROUGH: but that nobody listens on it),
 *   -errno                       the kernel could not be asked.
 * `evidence` may be NULL. It is appended to, and untouched unless the answer is PORT_CHECK_E_BUSY. Nothing limits how
 * many connections a port has: the caller who shows them counts them.
 */
#define PORT_CHECK_E_BUSY          1
#define PORT_CHECK_E_NOT_PERMITTED 2
int port_check(struct sock_diag *diag, uint16_t port, enum port_check_effort effort, struct listener_list *evidence);

#endif
