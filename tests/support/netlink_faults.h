/*
 * A kernel that misbehaves, or is an older one: this file's mnl_socket_sendto() and mnl_socket_recvfrom() stand in front
 * of libmnl's in every test program that is linked with it, and pass everything on unchanged until a test asks for a
 * fault. Counters count down to 0, which is no fault.
 */
#ifndef TESTS_SUPPORT_NETLINK_FAULTS_H
#define TESTS_SUPPORT_NETLINK_FAULTS_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

struct netlink_faults {
    bool no_bound;          /* a kernel before 6.8: does not know the state bit of bound sockets */
    bool no_ipv6;           /* a kernel without IPv6: no handler for that family */
    unsigned n_interrupted; /* so many receives deliver a message that says "this dump was interrupted" */
    unsigned n_good_first;  /* so many receives go well before the ones below fail */
    unsigned n_failing;     /* so many receives fail, */
    int failing_errno;      /* with this: ENOBUFS, EINTR, ... */

    void (*before_request)(uint32_t states);   /* called with the states that are about to be asked for */
    void (*spoil)(struct nlmsghdr *first_one); /* called on the first message of each receive */
    unsigned n_requests;                       /* counts all requests */
};

extern struct netlink_faults netlink_faults;

#endif
