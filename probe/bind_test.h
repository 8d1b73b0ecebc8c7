/*
 * The bind test: may a server bind this port on every address, right now? It binds a socket of its own and closes it at
 * once (6 us). See port_check.h for what each kind proves.
 */
#ifndef PROBE_BIND_TEST_H
#define PROBE_BIND_TEST_H

#include <stdint.h>

enum bind_test_kind {
    BIND_TEST_STRICT,  /* no SO_REUSEADDR: fails for anything that occupies the port on any address */
    BIND_TEST_LENIENT, /* with SO_REUSEADDR, and listen(): what a server's own start would do */
};

/*
 * Tests `port` (1..65535, host order) on [::] with IPV6_V6ONLY=0, or on 0.0.0.0 where the kernel gives no IPv6 socket
 * (EAFNOSUPPORT). Returns 0 if it could be bound; BIND_TEST_E_IN_USE; BIND_TEST_E_NOT_PERMITTED (EACCES: a privileged
 * port; EPERM: an eBPF program of the cgroup or a security module refuses this process); -errno for anything else
 * (-EMFILE, -ENOMEM, ...).
 *
 * A lenient test that passes listens for some microseconds: who connects in that moment is reset.
 */
#define BIND_TEST_E_IN_USE        1
#define BIND_TEST_E_NOT_PERMITTED 2
int bind_test(uint16_t port, enum bind_test_kind kind);

#endif
